"""What the user guide promises of the same seed: which files are the same, byte for byte, and which are not."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

NAME = "run_deep_consensus_tomo"
TIMED = {
    ".xmipp_run_deep_consensus_tomo.json",
    "summary.json",
    "report.html",
    "training_log.csv",
    "steps.json",
    ".lock",
}  # they hold seconds, dates, times of files


@pytest.fixture
def run(own_process, done, scene, tmp_path):
    """Run in a folder of its own, where `out` is the output; gives the output folder."""

    def run(name: str, *options: object, order=("one", "two", "three")) -> Path:
        folder = tmp_path / name
        folder.mkdir()
        inputs = ["--tomograms", *scene.tomograms, "--picks", *scene.csv(*order), "--boxsize", 12, "--odir", "out", "--seed", 3]
        done(NAME, *inputs, *options, cwd=folder)
        return folder / "out"

    return run


def contents(folder: Path, *but: str) -> dict[str, bytes]:
    files = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file() and path.name not in TIMED}
    return {name: path.read_bytes() for name, path in files.items() if not name.startswith(but)}


def sorted_table(folder: Path, *columns: str) -> pd.DataFrame:
    table = pd.read_csv(folder / "scored.csv")
    return table.sort_values(["tomo_id", "x", "y", "z"], ignore_index=True)[list(columns)]


def test_votes_are_the_same_in_any_folder_with_any_threads_and_in_any_order(run):
    first = run("a", "--voting", "--threads", 1)
    second = run("b", "--voting", "--threads", 2)
    assert len(contents(first)) > 10 and contents(first) == contents(second)
    turned = run("c", "--voting", order=("three", "one", "two"))
    columns = ("tomo_id", "x", "y", "z", "score", "support")
    pd.testing.assert_frame_equal(sorted_table(first, *columns), sorted_table(turned, *columns))


@pytest.mark.slow
def test_a_network_too_but_threads_round_its_scores(run):
    options = ["--epochs", 2, "--folds", 2, "--threads"]
    first, again, other = run("a", *options, 2), run("b", *options, 2), run("c", *options, 1)
    assert "network/model.h5" in contents(first) and contents(first) == contents(again)
    trained = ("network/", "scored", "accepted", "picks.png", "boxes/raw.xmd")
    assert contents(first, *trained) == contents(other, *trained)
    np.testing.assert_allclose(sorted_table(first, "score"), sorted_table(other, "score"), atol=0.02)
    turned = run("d", *options, 2, order=("three", "one", "two"))
    columns = ("tomo_id", "x", "y", "z", "score", "support")
    pd.testing.assert_frame_equal(sorted_table(first, *columns), sorted_table(turned, *columns))
