"""Reading a finished run in both layouts, moved runs, and what is refused."""

import shutil

import numpy as np
import pytest
from finished_run import ACCEPTED, BOX, NAMES, PICKS, RATE, TOMOGRAMS, make_protocol_run, make_run

from tomo_particles.consensus.expected_precision import expected_precision_recall
from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_table, write_table
from tomo_particles.reports.run_figures import eligible
from tomo_particles.runs.results import TomogramFile, read_run
from tomo_particles.runs.slices import central_slices


@pytest.mark.parametrize("make", [make_run, make_protocol_run])
def test_both_layouts_give_the_same_run(tmp_path, make):
    run = read_run(make(tmp_path))
    assert (run.pickers, run.threshold, run.box_size, run.sampling_rate) == (NAMES, 0.5, BOX, RATE)
    assert sum(run.picks) == 66 and [t.tomo_id for t in run.tomograms] == list(TOMOGRAMS)
    assert all(t.path.is_file() for t in run.tomograms)
    assert len(run.table) == 2 * len(PICKS) and run.accepted.sum() == 2 * ACCEPTED
    assert run.seen[0].tolist() == [True, True, True] and run.seen[8].tolist() == [False, True, False]
    assert len(run.training) == 8 and run.reliability["recall"].tolist() == [0.9, 0.8, 0.5]


def test_another_threshold_accepts_other_picks_and_keeps_references(tmp_path):
    folder = make_run(tmp_path)
    before = sorted(path.stat().st_mtime_ns for path in folder.rglob("*"))
    assert read_run(folder, 0.9).accepted.sum() == 2 * 6  # five of 0.95 and the reference; the negative reference of 0.9 never
    for threshold in (0.0, 0.3, 0.5, 0.9, 1.0):  # the curve that a user chooses by counts what is accepted then
        run = read_run(folder, threshold)
        assert expected_precision_recall(eligible(run), np.array([threshold])).accepted[0] == run.accepted.sum()
    assert read_run(folder, 0.0).accepted.sum() == 2 * (len(PICKS) - 1)
    assert sorted(path.stat().st_mtime_ns for path in folder.rglob("*")) == before


def test_probabilities_take_references_at_their_word(tmp_path):
    run = read_run(make_run(tmp_path))
    assert run.probability[len(PICKS) - 2 : len(PICKS)].tolist() == [1.0, 0.0]


def test_voting_has_neither_threshold_nor_training(tmp_path):
    run = read_run(make_run(tmp_path, voting=True))
    assert run.threshold is None and run.training is None and run.reliability is None
    assert run.accepted.sum() == 2 * 9 and not run.scores_are_probabilities


def test_a_moved_run_finds_its_tomograms(tmp_path):
    make_run(tmp_path / "old")
    shutil.move(tmp_path / "old", tmp_path / "new")
    run = read_run(tmp_path / "new" / "run")
    assert all(t.path.is_file() for t in run.tomograms)


def test_slices_show_the_place_of_the_pick_whatever_the_sampling_rate(tmp_path):
    z, y, x = np.ogrid[:24, :32, :40]
    write_volume(tmp_path / "t.mrc", np.exp(-((z - 12) ** 2 + (y - 9) ** 2 + (x - 30) ** 2) / 8), 10.0)
    tomogram = TomogramFile("t", tmp_path / "t.mrc", None)
    places = rescale_positions(np.array([[30.0, 9, 12]]), 10.0, 5.0)
    for positions, box, rate in (([[30, 9, 12]], 16, 10.0), (places, 32, 5.0)):
        (seen,) = central_slices(tomogram, np.array(positions), box, rate)
        assert seen.shape == (box, box) and seen.argmax() == box // 2 * (box + 1)


def break_json(folder):
    (folder / "summary.json").write_text("{")


def break_log(folder):
    (folder / "network" / "training_log.csv").write_text("fold,epoch\n1,2\n")


def break_reliability(folder):
    (folder / "scored" / "merged_reliability.csv").write_text("picker,recall,precision\n1,high,low\n")


def lose_scores(folder):
    (folder / "scored" / "merged.xmd").unlink()


def lose_column(folder):
    columns = read_table(folder / "scored" / "merged.xmd")
    write_table(folder / "scored" / "merged.xmd", {name: values for name, values in columns.items() if name != "comment"})


def name_a_fourth_picker(folder):
    columns = read_table(folder / "scored" / "merged.xmd")
    write_table(folder / "scored" / "merged.xmd", {**columns, "comment": ["1+4", *columns["comment"][1:]]})


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (break_json, "summary.json' is damaged"),
        (break_log, "training_log.csv' is damaged"),
        (break_reliability, "merged_reliability.csv' is damaged"),
        (lose_scores, "merged.xmd' does not exist"),
        (lose_column, "has no column comment"),
        (name_a_fourth_picker, "names picker 4, but the run had 3"),
        (lambda folder: (folder / "summary.json").unlink(), "has no summary.json"),
        (shutil.rmtree, "is no folder"),
    ],
)
def test_a_damaged_run_is_refused_by_its_file(tmp_path, harm, said):
    folder = make_run(tmp_path)
    harm(folder)
    with pytest.raises(InputError, match=said):
        read_run(folder)


def test_a_run_of_the_protocol_that_has_not_finished_takes_a_threshold(tmp_path):
    folder = make_protocol_run(tmp_path)
    (folder / "summary.json").unlink()
    assert read_run(folder, 0.5).accepted.sum() == 2 * ACCEPTED
    with pytest.raises(InputError, match="no threshold yet"):
        read_run(folder)
    (folder / "scored.xmd").unlink()
    with pytest.raises(InputError, match="neither scores nor votes"):
        read_run(folder)
