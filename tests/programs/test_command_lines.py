"""What all programs share: help, exit codes, and one line for a wrong command line."""

import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import xmipp_scripts
from tomo_particles.core.tomograms import write_volume

PROGRAMS = sorted(path.stem for path in Path(xmipp_scripts.__file__).parent.glob("[!_]*.py") if path.stem != "demo")
HEAVY = ("tensorflow", "keras", "scipy", "pandas", "matplotlib")
REPORT = """
import sys, importlib
program = importlib.import_module("xmipp_scripts." + sys.argv.pop(1))
code = program.main()
sys.stdout.flush()
print("LOADED", *sorted(set({heavy!r}) & set(sys.modules)), file=sys.stderr)
sys.exit(code)
"""


def loaded_by(name: str, *arguments: str) -> tuple[subprocess.CompletedProcess, list[str]]:
    """The finished program and which heavy packages it had loaded by its end."""
    command = [sys.executable, "-c", REPORT.format(heavy=HEAVY), name, *arguments]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished, re.search(r"^LOADED(.*)$", finished.stderr, re.MULTILINE)[1].split()


@pytest.fixture(scope="module")
def help_of(imported) -> Callable[[str], tuple[subprocess.CompletedProcess, set[str]]]:
    """What a program writes for --help, and what it imports for that."""
    return cache(lambda name: imported(name, "--help"))


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_explains_every_option_and_loads_nothing_heavy(help_of, name):
    # STYLE flaw: Keras imported before the arguments are parsed
    finished, modules = help_of(name)
    assert finished.returncode == 0 and not modules & set(HEAVY)
    assert "\x1b" not in finished.stdout  # no colours where nobody looks
    usage, options = finished.stdout.split("OPTIONS")
    assert f"xmipp_{name}" in usage and len(usage.split("USAGE")[1].strip()) > 60
    options, examples = options.split("EXAMPLES")
    assert f"xmipp_{name} --" in examples
    lines = [line for line in options.splitlines() if line.strip()]
    explained = [
        (line.split()[0].strip("[]"), lines[i + 1].strip()) for i, line in enumerate(lines[:-1]) if re.match(r"\s+\[?-", line)
    ]
    assert len(explained) >= 3
    for option, explanation in explained:
        assert len(explanation) > 3 and not explanation.startswith("["), f"{option} has no explanation"


@pytest.fixture(scope="module")
def of_xmipp() -> set[str]:
    """The modules that Xmipp's parser needs, numpy among them."""
    code = "import sys, xmippLib; print(*sys.modules)"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


@pytest.mark.parametrize("name", PROGRAMS)
def test_help_needs_few_modules_beside_those_of_xmipps_parser(help_of, of_xmipp, name):
    # Each of them is a millisecond or two of the quarter of a second that --help may take
    own = help_of(name)[1] - of_xmipp
    assert "xmipp_scripts._shared.parser" in own
    assert len(own) <= 60 and not own & {"setuptools", "pkg_resources", "distutils"}, sorted(own)


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_example_of_the_help_without_its_files_is_one_line_before_tensorflow(loading, help_of, tmp_path, name):
    shown = " ".join(help_of(name)[0].stdout.partition("EXAMPLES")[2].split())
    example = shlex.split(re.match(rf"xmipp_{name} (.*?)(?= xmipp_|$)", shown)[1])
    if name.startswith("simulate"):  # their example needs no file
        example += ["--maps", "lost.mrc"]
    finished, modules = loading(name, *example, cwd=tmp_path)
    assert finished.returncode == 2 and len(finished.stderr.splitlines()) == 1, finished.stderr
    assert finished.stderr.startswith(f"xmipp_{name}: error: --" if "-i" not in example else f"xmipp_{name}: error: -")
    assert not modules & {"tensorflow", "keras"} and not list(tmp_path.iterdir())


def test_extraction_at_the_tomograms_own_rate_loads_nothing_heavy(tmp_path, picks_xmd):
    write_volume(tmp_path / "t.mrc", np.random.default_rng(0).normal(size=(20, 20, 20)), 10.0)
    options = {
        "--tomogram": tmp_path / "t.mrc",
        "--coordinates": picks_xmd("p.xmd", [[9, 9, 9]]),
        "--boxsize": 8,
        "-o": tmp_path / "out",
    }
    finished, loaded = loaded_by("tomo_extract_subtomograms", *(str(word) for pair in options.items() for word in pair))
    assert finished.returncode == 0 and loaded == [], finished.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_wrong_command_line_is_refused_before_anything_heavy_is_loaded(name):
    finished, loaded = loaded_by(name, "--notAnOption", "3")
    assert finished.returncode == 2 and loaded == []
    assert finished.stderr.splitlines()[0] == f"xmipp_{name}: error: unknown option --notAnOption; see xmipp_{name} --help"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("pick_noise_tomo", "--input a.xmd", "option --boxsize is required"),
        ("run_deep_consensus_tomo", "--tomograms a.mrc --boxsize 12 --odir o", "option --picks is required"),
        ("tomo_extract_subtomograms", "--tomogram a.mrc --tomogram b.mrc", "option --tomogram is given twice"),
        ("tomo_extract_subtomograms", "stray --tomogram a.mrc", "'stray' stands before any option"),
        (
            "tomo_extract_subtomograms",
            "--tomogram a --coordinates b --boxsize 8 -o out --border sideways",
            "--border: must be one of pad, drop, received 'sideways'",
        ),
        (
            "tomo_extract_subtomograms",
            "--tomogram a --coordinates b --boxsize 8 9 -o out",
            "--boxsize: expected 1 value, received 2",
        ),
        (
            "tomo_extract_subtomograms",
            "--tomogram a --coordinates b --boxsize eight -o out",
            "--boxsize: expected a whole number, received 'eight'",
        ),
        (
            "tomo_extract_subtomograms",
            "--tomogram a --coordinates b --boxsize 8 -o out --threads 0",
            "--threads: must be positive",
        ),
        (
            "pick_noise_tomo",
            "--input a --output b --radius 1 --boxsize 8 --samplingrate 1 --size 9 9",
            "--size: expected 3 values, received 2",
        ),
        (
            "pick_noise_tomo",
            "--input a --output b --radius 1 --boxsize 8 --samplingrate 1 --size 9 9 9 --static yes",
            "--static: expected 0 values, received 1",
        ),
        (
            "coordinates_consensus_tomo",
            "--input a --outputPos p --outputDoubt d --outputAll a --boxsize 8 --samplingrate 1 --radius 1 --constype 3",
            "--constype: must be 0 (first), 1 (centroid) or 2 (robust), received 3",
        ),
        (
            "coordinates_consensus_tomo",
            "--input a --outputPos p --outputDoubt d --outputAll a --boxsize 8 --samplingrate 1 --radius 1 --number 0",
            "--number: must be positive",
        ),
        (
            "deep_picking_consensus_tomo",
            "--mode dreaming --model m.h5",
            "--mode: must be one of training, tuning, scoring, devices, received 'dreaming'",
        ),
        ("deep_picking_consensus_tomo", "--mode training --model m.h5", "--inputPos: required with --mode training"),
        ("deep_picking_consensus_tomo", "--mode scoring --model m.h5 --input a.xmd", "--output: required with --mode scoring"),
        (
            "deep_picking_consensus_tomo",
            "--mode scoring --model m.pickle --input a.xmd --output b.xmd",
            "--model: a model file ends in .h5 or .keras",
        ),
    ],
)
def test_one_line_for_a_wrong_option(refused, tmp_path, name, arguments, said):
    refused(name, *arguments.split(), words=[said], folder=tmp_path, cwd=tmp_path)


def test_the_console_scripts_are_installed_and_return_the_exit_code(tmp_path):
    # STYLE flaw: exit code lost, so that a failed training looked finished
    for name in PROGRAMS:
        script = Path(sys.executable).parent / f"xmipp_{name}"
        assert script.is_file(), "install the repository: pip install -e ."
    failed = subprocess.run(
        [
            Path(sys.executable).parent / "xmipp_run_deep_consensus_tomo",
            *("--tomograms", "no.mrc", "--picks", "no.csv", "no2.csv", "--boxsize", "12", "--odir", "o"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 2 and "--picks: file 'no.csv' does not exist" in failed.stderr


def test_a_folder_that_cannot_be_made_is_one_line(program, scene, tmp_path):
    (tmp_path / "taken").write_text("a file where the output folder should be")
    finished = program(
        "run_deep_consensus_tomo",
        "--tomograms",
        *scene.tomograms,
        "--picks",
        *scene.csv("one", "two"),
        "--boxsize",
        12,
        "--odir",
        tmp_path / "taken",
        "--voting",
    )
    assert finished.returncode == 2 and len(finished.stderr.strip().splitlines()) == 1 and "taken" in finished.stderr


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("average_subtomograms", "--tomograms a.mrc --picks p.csv --diameter 130 --odir"),
        ("compare_branches_tomo", "--tomograms a.mrc --branches a=p.csv --diameter 130 --odir"),
        ("map_resolution_tomo", "--half1 a.mrc --half2 b.mrc --odir"),
        ("second_look_tomo", "--input a.xmd --inputNeg b.xmd --diameter 130 --output"),
        ("simulate_tomo", "--odir"),
        ("pick_blobs_tomo", "--tomograms a.mrc --diameter 130 -o"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_found_before_the_work(refused, tmp_path, name, arguments):
    """Even for root, whom the rights of a folder do not stop."""
    place = "/proc/there" if arguments.endswith("--odir") else "/proc/there.csv"
    words = ["nothing can be written in the folder '/proc'"]
    refused(name, *arguments.split(), place, words=words, folder=tmp_path, cwd=tmp_path)
