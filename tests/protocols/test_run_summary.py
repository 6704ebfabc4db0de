"""The summary of a finished consensus in the project window."""

import warnings

import numpy as np
import pytest

from tomo_particles.formats.xmd import write_table

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.files import RunFiles
    from xmipptomo.protocols.deep_consensus.commands import RunTomogram
    from xmipptomo.protocols.deep_consensus.inputs import CommonGrid
    from xmipptomo.protocols.deep_consensus.notes import vote_notes
    from xmipptomo.protocols.deep_consensus.summary import summary_lines

COUNTS = {"picks": [30, 20], "positive": 25, "doubtful": 10, "negative": 0, "noise": 40, "accepted": 24, "left_out": 0}


@pytest.fixture
def summary(finished):
    def lines(counts=COUNTS, **changes):
        rest = {
            "seed": 3,
            "failures": [],
            "reliability": {},
            "parameters": {"recipe": "consensus"},
            "expected": {"precision": 0.912, "recall": 0.85},
        }
        return "\n".join(summary_lines(finished(counts, **{**rest, **changes})))

    return lines


def test_it_says_what_the_threshold_promises(summary):
    text = summary()
    assert "*24 picks accepted* in 1 tomogram with a score of at least 0.4" in text
    assert "precision 0.91, recall 0.85 (of what any picker saw)" in text
    assert "rough" not in text and "seed 3" in text


def test_the_verdict_is_the_first_line_and_intervals_and_notes_are_shown(summary):
    promise = {
        "precision": None,
        "precision_low": 0.0,
        "precision_high": 0.85,
        "recall": None,
        "recall_low": 0.0,
        "recall_high": 1.0,
    }
    verdict = {"kind": "votes alone", "reason": "nothing to see"}
    text = summary(verdict=verdict, expected=promise, notes=["Noise of TS_1: crowded"])
    assert text.startswith("*Votes alone*: nothing to see\n*24 picks accepted*")
    assert "precision unknown (0.00 to 0.85), recall unknown (0.00 to 1.00)" in text and "Noise of TS_1: crowded" in text


LOOK = {"used": True, "reason": "the averages agree", "diameter": 130.0, "tilts": [-57.0, 60.0], "keptCentres": False}


def test_the_second_look_has_a_line_with_its_diameter_and_tilts(summary):
    told = "*Second look* (130 Å in diameter, tilts -57 to 60 degrees): the averages agree; centres moved"
    assert told in summary(secondLook=LOOK).splitlines()
    assert "the averages agree; centres as picked" in summary(secondLook={**LOOK, "keptCentres": True})
    tried = summary(secondLook={**LOOK, "used": False, "reason": "none, because they differ"})
    assert "degrees): none, because they differ" in tried and "centres" not in tried
    none = summary(secondLook={"used": False, "reason": "none, because no network was trained"})
    assert "*Second look*: none, because no network was trained" in none.splitlines()
    assert "Second look" not in summary(secondLook=None) + summary()


def test_it_warns_where_the_scores_are_not_calibrated(summary):
    assert "only 15 merged picks are rough" in summary({**COUNTS, "positive": 5})


@pytest.mark.parametrize("changes", [{"expected": {}}, {"parameters": {"recipe": "paper"}}, {"threshold": None, "expected": {}}])
def test_it_promises_nothing_where_scores_are_no_probabilities(summary, changes):
    assert "Expected" not in summary(**changes)


def test_runs_of_earlier_versions_have_a_summary(summary):
    text = summary(expected=None, threshold=None)
    assert "by voting" in text and "Expected" not in text


def test_a_file_with_exchanged_axes_is_named_by_its_run(tmp_path):
    rng = np.random.default_rng(0)
    places = rng.random((60, 3)) * 79
    xyz = np.concatenate([places, places[:, [1, 0, 2]]])
    columns = {axis: xyz[:, k].tolist() for k, axis in enumerate("xyz")}
    columns |= {"comment": ["1"] * 60 + ["2"] * 60, "enabled": [0] * 120}
    columns |= {"tiltSeriesId": ["TS"] * 120, "particleSize": [12] * 120}
    files = RunFiles(str(tmp_path))
    write_table(files.consensus("TS"), columns)
    size, counts = [80, 80, 80], [60, 60]
    one = RunTomogram("TS", "TS.mrc", 10.0, size, 10.0, 12, 1, has_truth=False, has_lie=False, counts=counts, left_out=0)
    grid = CommonGrid(10.0, 12, ["xmipptomo - LoG", "template"], {"TS": one})
    for votes_only in (True, False):
        (note,) = vote_notes(files, grid, ["TS"], votes_only)
        assert note.startswith("60 of the 60 merged picks of 'xmipptomo - LoG' agree with those of 'template' if taken")
