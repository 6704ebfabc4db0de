"""The environment every test runs in, and the few fixtures that all of them share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
SHARED_DATA = REPOSITORY.parent / "shared" / "data"
# Inside the virtual environment: never the user's own Scipion; one for each process of pytest-xdist, which share no project.
SCIPION_HOME = Path(sys.prefix) / "scipion" / os.environ.get("PYTEST_XDIST_WORKER", "")


def _set_environment() -> None:
    """What Scipion, TensorFlow and the programs read from the environment; pytest loads this file before any of them."""
    os.environ.update(
        SCIPION_HOME=str(SCIPION_HOME),
        SCIPION_USER_DATA=str(SCIPION_HOME / "data"),
        SCIPION_NOTIFY="False",  # Scipion would report usage to its developers
        SCIPION_DOMAIN="pwem",
        CUDA_VISIBLE_DEVICES="",  # the same tests everywhere: no test needs a GPU
        TF_CPP_MIN_LOG_LEVEL="3",
        MPLBACKEND="Agg",
        PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),  # our programs first
    )
    (SCIPION_HOME / "data").mkdir(parents=True, exist_ok=True)


_set_environment()


@pytest.fixture(scope="session", autouse=True)
def scipion_configuration() -> None:
    """Scipion's configuration files, written once for an environment: no project starts without them."""
    if not (SCIPION_HOME / "config" / "hosts.conf").is_file():
        command = [sys.executable, "-m", "scipion", "config", "--unattended", "--overwrite"]
        subprocess.run(command, check=True, capture_output=True)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data that may lie beside the repository; it is not part of it."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no real data: {SHARED_DATA} does not exist")
    return SHARED_DATA
