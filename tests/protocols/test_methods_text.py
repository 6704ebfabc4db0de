"""The paragraph for a publication says what the run did, for each way to run it."""

import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.files import RunFiles
    from xmipptomo.protocols.deep_consensus.methods import methods_text

PARAMETERS = {
    "recipe": "consensus",
    "minPickers": 2,
    "votingAgreement": 2,
    "consensusRadius": 0.35,
    "representative": "Robust",
    "modelType": "New",
    "skipTraining": True,
    "folds": 3,
}


@pytest.fixture
def text(finished):
    def of_run(parameters=(), **changes):
        files = finished({"accepted": 24}, **{"parameters": PARAMETERS | dict(parameters), **changes})
        return "".join(methods_text(files))

    return of_run


def test_the_default_learns_from_all_positions_and_joins_look_votes_and_scores(text):
    written = text()
    assert "2 pickers in 1 tomogram were brought to 10 Å/voxel and merged within 0.35 of the box size" in written
    for part in (
        "all merged positions, each labelled by how many pickers agreed",
        "square of the agreement",
        "at least 2)",
        "with label 0, on noise",
        "outlying contrast were given label 0",
        "done 3 times",
        "had not learned from it",
        "log-odds",
        "24 positions with a probability of at least 0.4",
    ):
        assert part in written
    assert "known to be" not in written


def test_a_second_look_that_changed_something_is_told(text):
    look = {"used": True, "reason": "", "diameter": 130.0, "lowpass": 43.33, "keptCentres": False}
    written = text(secondLook=look)
    assert "averaged by itself (diameter 130 Å, to 43.33 Å)" in written and written.endswith("agreement of the two averages.")
    kept = text(secondLook={**look, "keptCentres": True})
    assert "the half that it was not in" in kept and "moved" not in kept
    assert text(secondLook={"used": False, "reason": "none"}) == text(secondLook=None) == text()


def test_the_recipe_of_the_paper_is_the_network_alone(text):
    written = text({"recipe": "paper", "minPickers": 3, "folds": 1})
    assert "on which at least 3 pickers agreed, against noise" in written
    assert "24 positions to which the network gave a score of at least 0.4" in written
    for part in ("log-odds", "label", "contrast", "times"):
        assert part not in written


def test_an_existing_model_is_not_said_to_be_trained_where_it_was_not(text):
    given = text({"modelType": "Existing"}, references={"positive": 1, "negative": 0})
    assert "of an earlier run, as it was." in given and "trained" not in given and "log-odds" in given and "labelled" not in given
    assert "known to be particles were always kept." in given and "something else" not in given
    further = text({"modelType": "Existing", "skipTraining": False}, references={"positive": 0, "negative": 2})
    assert "of an earlier run was trained further on the subtomograms of all" in further
    assert "known to be something else were learned with label 0 and never kept." in further


def test_votes_alone(text):
    written = text({"votingAgreement": 1}, threshold=None, references={"positive": 1})
    assert "The 24 positions that at least 1 picker saw were kept. Positions known to be particles were always kept." in written
    assert "network" not in written
    assert "at least 2 pickers saw" in text(threshold=None)


def test_nothing_is_said_of_a_run_that_has_not_finished(tmp_path):
    assert methods_text(RunFiles(str(tmp_path))) == []
