# `make demo` and `make test` do everything on a machine with git, make and Python: environment, installation, run.

VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
PYTHON ?=
# Newest supported first: see python_requires in setup.py.
CANDIDATES := $(if $(PYTHON),$(PYTHON),python3.12 python3.11 python3.10 python3)

.PHONY: help demo test test-all faults benchmark-shrec benchmark-accuracy benchmark-speed benchmark-job benchmark-honesty benchmark-stream benchmark-scale lint clean distclean

help:
	@echo 'make demo       run the whole job on a simulated example; results in demo_output/'
	@echo 'make test       every test but the slow ones'
	@echo 'make test-all   every test'
	@echo 'make benchmark-shrec   simulate, pick and evaluate as SHREC 2020 did, classical pickers alone; half an hour; needs MAPS, a folder of densities'
	@echo 'make benchmark-speed   seconds and memory of every stage beside the old loops and the machine'\''s limit; some minutes'
	@echo 'make benchmark-job     the whole job of 24 000 picks in 7 tomograms beside the thesis'\'' network and the limits, medians of three; a quarter of an hour, 9 GB of disk'
	@echo 'make benchmark-honesty   does it say so when there is nothing to see? ten minutes; ALL=1: every case, an hour, needs ../shared'
	@echo 'make benchmark-stream   a session of 30 tomograms in Scipion: latency, memory, same end as the batch run; ten minutes'
	@echo '                        TOMOGRAMS=1000 INTERVAL=3: a long one, hours; NETWORK=1: networks, live picks against the truth'
	@echo 'make benchmark-scale   the 24 000-pick job on 1, 2, 4 local workers; 70 tomograms as jobs of SLURM; half an hour, 9 GB of disk'
	@echo 'make benchmark-accuracy   species x noise x pickers x bad pickers; hours; goes on where it stopped; needs MAPS'
	@echo 'make faults     kill runs, fill disks, mutate files, try odd names; five to ten minutes; SEED=2 tries others'
	@echo 'make lint       ruff and mypy'
	@echo 'make clean      remove what the other commands wrote; make distclean: .venv as well'
	@echo 'PYTHON=/path/to/python3.11 chooses the interpreter of a new .venv'

demo: $(VENV)/installed
	@$(BIN)/python -m xmipp_scripts.demo

# tests/conftest.py sets the environment of the tests (Scipion's folders, no GPU, no display).
# One process per core, each with whole files of tests: what they share is made once.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

test: $(VENV)/installed
	@$(PYTEST) -m "not slow"

test-all: $(VENV)/installed
	@$(PYTEST)

SEED ?= 1
FAULTS := $(BIN)/python -m tests.faults
faults: $(VENV)/installed
	@$(FAULTS) fuzz --cases 4000 --seed $(SEED); fuzz=$$?; \
	$(FAULTS) names --cases 56 --seed $(SEED); names=$$?; \
	$(FAULTS) disk --cases 12 --seed $(SEED); disk=$$?; \
	$(FAULTS) scipion --cases 5 --seed $(SEED); scipion=$$?; \
	$(FAULTS) kill --cases 40 --seed $(SEED) && [ $$fuzz$$names$$disk$$scipion = 0000 ]

MAPS ?= ../shared/data/maps_10A
benchmark-shrec: $(VENV)/installed
	@$(BIN)/python benchmarks/shrec.py --maps $(MAPS) --write

benchmark-speed: $(VENV)/installed
	@$(BIN)/python benchmarks/speed.py --write

benchmark-job: $(VENV)/installed
	@$(BIN)/python benchmarks/job.py --repeats 3 --write

benchmark-honesty: $(VENV)/installed
	@$(BIN)/python benchmarks/honesty.py $(if $(ALL),--all) --write

TOMOGRAMS ?= 30
INTERVAL ?= 12
benchmark-stream: $(VENV)/installed
	@nice -n 10 $(BIN)/python benchmarks/stream.py --tomograms $(TOMOGRAMS) --interval $(INTERVAL) $(if $(NETWORK),--network) --write

benchmark-scale: $(VENV)/installed
	@$(BIN)/python benchmarks/scale.py --write

benchmark-accuracy: $(VENV)/installed
	@$(BIN)/python benchmarks/accuracy.py --maps $(MAPS) --ablations 3 --write

lint: $(VENV)/installed-dev
	@$(BIN)/ruff check .
	@$(BIN)/mypy

# A candidate counts when it runs (pyenv leaves commands that only fail), is of a supported version and can make environments.
# An existing environment that works is brought up to date (new dependencies, new version); one that does not is made again.
$(VENV)/installed: setup.py libraries/tomo_particles/__init__.py
	@set -e; python=; without_venv=; \
	for candidate in $(CANDIDATES); do \
	  "$$candidate" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 13))' 2>/dev/null || continue; \
	  if "$$candidate" -c 'import venv, ensurepip' 2>/dev/null; then python=$$candidate; break; fi; \
	  without_venv=$$candidate; \
	done; \
	if ! $(VENV)/bin/python -m pip --version >/dev/null 2>&1; then \
	  if [ -z "$$python" ] && [ -n "$$without_venv" ]; then \
	    echo "error: $$without_venv cannot make virtual environments; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; \
	  elif [ -z "$$python" ]; then \
	    echo "error: no working Python 3.10, 3.11 or 3.12 among: $(CANDIDATES); install one or say where: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; \
	  fi; \
	  echo "Making $(VENV) with $$python ($$("$$python" -V))"; \
	  "$$python" -m venv --clear $(VENV); \
	fi
	@echo 'Installing the plugin and its dependencies in $(VENV) (about 3 GB with TensorFlow; some minutes)'
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[test]'
	@touch $@

$(VENV)/installed-dev: $(VENV)/installed
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -e '.[test,dev]'
	@touch $@

clean:
	rm -rf demo_output build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis libraries/*.egg-info *.egg-info
	find . -path ./$(VENV) -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean
	rm -rf $(VENV)
