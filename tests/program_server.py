"""Runs programs in copies of one process that has loaded the big packages, for tests: half of the time of a short program is
the loading of numpy, pandas and TensorFlow.

Our own code is not loaded here: a program imports it as its users do. The interpreter of a program is a copy (a fork) that ends
with the exit code and the signals of a program, but does not take its packages apart: this would last as long as loading them.
"""

import atexit
import gc
import json
import os
import runpy
import subprocess
import sys
import tempfile
import threading
import traceback
from pathlib import Path

LIGHT = (
    "numpy", "pandas", "scipy.fft", "scipy.interpolate", "scipy.ndimage", "scipy.optimize", "scipy.sparse.csgraph",
    "scipy.spatial.transform", "scipy.special", "scipy.stats", "mrcfile", "h5py", "xmippLib", "xmipp_script",
    "matplotlib.figure", "matplotlib.backends.backend_agg",
)  # fmt: skip
HEAVY = ("tensorflow", "keras")
SCIPION = ("pyworkflow.project", "pyworkflow.protocol", "pwem.protocols", "pwem.objects", "tomo.protocols", "tomo.objects")
AT_START = ("PYTHON", "LD_", "TF_", "CUDA_", "OMP_", "OPENBLAS_", "MPL")  # variables that count when a package is loaded
OWN_PROCESS = "PYTHONUNBUFFERED"  # changed by tests that need a process, with a hash seed, of its own


class Finished(subprocess.CompletedProcess):
    """A finished program. modules: all that were loaded at its end.  pid: of its process."""

    modules: set[str]
    pid: int


class ProgramServer:
    """A program in it has the environment of its time, but for what counts when a package is loaded.

    more: packages to load beside LIGHT.
    """

    def __init__(self, *more: str) -> None:
        self._at_start = _at_start()
        command = [sys.executable, __file__, *LIGHT, *more]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    @property
    def fits(self) -> bool:
        """Whether the packages would be loaded alike now."""
        return self._at_start == _at_start()

    def run(self, module: str, arguments: list[str], folder: str) -> Finished:
        """`python -m module arguments` in a folder; what it printed, as subprocess.run gives it. module: or a file, *.py."""
        with tempfile.TemporaryDirectory() as printed:
            out, err, modules = (Path(printed, name) for name in ("out", "err", "modules"))
            request = {"module": module, "arguments": arguments, "folder": folder}
            request |= {"out": str(out), "err": str(err), "modules": str(modules)}
            request["environment"] = dict(os.environ)
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            code, pid = map(int, self._process.stdout.readline().split())
            finished = Finished([module, *arguments], code, out.read_text(), err.read_text())
            finished.pid = pid
            finished.modules = set(modules.read_text().split()) if modules.exists() else set()  # not where a signal ended it
            return finished

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def leave_servers(patch) -> None:
    """From now on programs start in processes of their own. patch: pytest's monkeypatch."""
    patch.setenv(OWN_PROCESS, os.environ.get(OWN_PROCESS, "") + "1")  # also where it is set already


def _at_start() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.startswith(AT_START)}


def _serve() -> None:
    for name in sys.argv[1:]:
        if name == HEAVY[0]:
            from tomo_particles.network.start_up import import_quietly

            import_quietly()
        __import__(name)
    gc.freeze()  # the copies share what they never touch
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_code(request))
        os.write(1, f"{os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])} {child}\n".encode())


def _code(request: dict) -> int:
    """Be the program until its end; the exit code."""
    code: object = 1
    try:
        _become(request)
        code = None
    except SystemExit as ended:
        code = ended.code
    except BaseException:
        traceback.print_exc()
    Path(request["modules"]).write_text("\n".join(sys.modules))
    threading._shutdown()
    atexit._run_exitfuncs()
    if isinstance(code, str):
        print(code, file=sys.stderr)
    sys.stdout.flush()
    sys.stderr.flush()
    return 0 if code is None else code if isinstance(code, int) else 1


def _become(request: dict) -> None:
    """Be the program, in a new process."""
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    for number, path, flags in ((0, os.devnull, os.O_RDONLY), (1, request["out"], os.O_WRONLY), (2, request["err"], os.O_WRONLY)):
        opened = os.open(path, flags | os.O_CREAT | os.O_APPEND * (number > 0))
        os.dup2(opened, number)
        os.close(opened)
    sys.argv = [request["module"], *request["arguments"]]
    if request["module"].endswith(".py"):
        sys.path[0] = os.path.dirname(request["module"])
        runpy.run_path(request["module"], run_name="__main__")
    else:
        sys.path[0] = request["folder"]  # as `python -m` has it
        runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    _serve()
