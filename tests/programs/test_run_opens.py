"""What a run does once, however many of its steps need it: open a pick file, measure a tomogram, score its picks."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

# The program in a process of its own; it and its copies note every file that Python opens, and every call of these functions.
CALLS = {
    "tomo_particles.core.grey_values": "grey_scale",
    "tomo_particles.consensus.run_verdict": "final_scores",
    "tomo_particles.learning.configuration": "read_config",
}
COUNTED = f"""
import importlib, os, sys

log = os.open(sys.argv.pop(1), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        os.write(log, os.fsencode(os.path.abspath(os.fsdecode(arguments[0]))) + b"\\n")

def noted(function):
    def call(*arguments, **more):
        os.write(log, function.__name__.encode() + b"\\n")
        return function(*arguments, **more)
    return call

sys.addaudithook(note)
for module, name in {CALLS}.items():
    module = importlib.import_module(module)
    setattr(module, name, noted(getattr(module, name)))
from xmipp_scripts.run_deep_consensus_tomo import main
sys.exit(main())
"""


@pytest.fixture
def counted(scene, tmp_path) -> Callable[..., tuple[dict[str, int], list[int]]]:
    """Run with a folder of one file per tomogram, a CSV, an XMD and a known particle; gives how often each of these files was
    opened and how often each of the functions was called."""
    folder = tmp_path / "one"
    folder.mkdir()
    for tomo_id, (positions, _) in scene.picks["one"].items():
        (folder / f"{tomo_id}.coords").write_text("".join(f"{x:.3f} {y:.3f} {z:.3f}\n" for x, y, z in positions))
    (folder / "notes.txt").write_text("a log\n")
    xmd = tmp_path / "three.xmd"
    rows = [f"{tomo_id} {x:.3f} {y:.3f} {z:.3f}" for tomo_id, (own, _) in scene.picks["three"].items() for x, y, z in own]
    labels = [" _tiltSeriesId", " _x", " _y", " _z"]
    xmd.write_text("\n".join(["# XMIPP_STAR_1 * ", "# ", "data_noname", "loop_", *labels, *rows]) + "\n")
    truth = tmp_path / "truth.csv"
    truth.write_text("tomo_id,x,y,z\nTS_1,{:.2f},{:.2f},{:.2f}\n".format(*scene.simulations["TS_1"].truth[0]))
    files = [*sorted(folder.iterdir()), *scene.csv("two"), xmd, truth]

    def run(*options: object) -> tuple[dict[str, int], list[int]]:
        inputs = ["--tomograms", *scene.tomograms, "--picks", folder, *scene.csv("two"), xmd, "--truth", truth]
        arguments = [*inputs, "--boxsize", 12, "--odir", tmp_path / "out", *options]
        command = [sys.executable, "-c", COUNTED, str(log := tmp_path / "log"), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found = Counter(log.read_text().splitlines())
        return {path.name: found[str(path)] for path in files}, [found[name] for name in CALLS.values()]

    return run


def test_a_vote_opens_each_pick_file_once(counted):
    opens, calls = counted("--voting")
    assert set(opens.values()) == {1}, opens
    assert calls == [0, 0, 0]


def test_a_run_with_training_measures_each_tomogram_once_and_scores_once_with_the_networks_at_hand(counted):
    opens, calls = counted("--epochs", 1, "--folds", 1)
    assert set(opens.values()) == {1}, opens
    assert calls == [2, 1, 0]
