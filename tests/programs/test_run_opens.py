"""A run opens each pick file once and measures the grey values of a tomogram once, however many of its steps need them."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest

# The program in a process of its own, with every file that Python opens counted, and every measurement of grey values.
COUNTED = """
import collections, json, os, sys
from tomo_particles.core import grey_values

opens, measured, measure = collections.Counter(), [], grey_values.grey_scale

def count(event, arguments):
    if event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
        opens[os.path.abspath(os.fsdecode(arguments[0]))] += 1

def grey_scale(volume):
    measured.append(volume.shape)
    return measure(volume)

sys.addaudithook(count)
grey_values.grey_scale = grey_scale
from xmipp_scripts.run_deep_consensus_tomo import main
code = main()
print(json.dumps({"opens": opens, "measured": len(measured)}))
sys.exit(code)
"""


@pytest.fixture
def counted(scene, tmp_path) -> Callable[..., tuple[dict[str, int], int]]:
    """Run with a folder of one file per tomogram, a CSV, an XMD and a known particle; gives how often each of these files was
    opened and how often grey values were measured."""
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

    def run(*options: object) -> tuple[dict[str, int], int]:
        inputs = ["--tomograms", *scene.tomograms, "--picks", folder, *scene.csv("two"), xmd, "--truth", truth]
        arguments = [*inputs, "--boxsize", 12, "--odir", tmp_path / "out", *options]
        command = [sys.executable, "-c", COUNTED, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        found = json.loads(done.stdout.splitlines()[-1])
        return {path.name: found["opens"][str(path)] for path in files}, found["measured"]

    return run


def test_a_vote_opens_each_pick_file_once(counted):
    opens, measured = counted("--voting")
    assert set(opens.values()) == {1}, opens
    assert measured == 0


def test_a_run_with_training_opens_each_pick_file_once_and_measures_each_tomogram_once(counted):
    opens, measured = counted("--epochs", 1, "--folds", 1)
    assert set(opens.values()) == {1}, opens
    assert measured == 2
