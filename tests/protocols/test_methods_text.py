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
    assert text() == (
        "Particle coordinates from 2 pickers (crYOLO, blobs) in 1 tomogram were combined. Coordinates within 84 Å of each"
        " other were taken as the same particle and replaced by their geometric median. Subtomograms of 24 voxels at 10 "
        "Å/voxel (240 Å) were extracted around these positions. A 3D convolutional neural network [SanchezGarcia2018, "
        "IcetaTena2023] was trained on all of them. The target value of a position increased with the square of the "
        "agreement between the pickers, from 0 (found by one picker) to 1 (found by as many pickers as a tenth of the "
        "positions or more, at least 2). Positions without any picked particle in the same tomograms, and positions of "
        "outlying contrast such as gold fiducials, were used as negative examples. The data were divided into 3 parts for"
        " cross-validation, so that each position was scored by a network that had not been trained on it. The score of "
        "the network, the agreement between the pickers and the scores of the pickers were combined into the probability "
        "that a position is a particle. Positions of outlying contrast were rejected. The 24 positions with a probability"
        " of at least 0.4 were kept."
    )


def test_boxes_of_another_version_of_the_tomograms_are_told(text):
    assert "were extracted from raw tomograms around these" in text(extractedFrom="raw tomograms")


def test_a_second_look_that_changed_something_is_told(text):
    look = {"used": True, "reason": "", "diameter": 130.0, "lowpass": 43.33, "keptCentres": False}
    written = text(secondLook=look)
    assert "averaged independently (particle diameter 130 Å, resolution 43.33 Å)" in written
    assert written.endswith("weighted by the agreement of the two averages.")
    kept = text(secondLook={**look, "keptCentres": True})
    assert "the half that does not contain it" in kept and "shifted" not in kept
    assert text(secondLook={"used": False, "reason": "none"}) == text(secondLook=None) == text()


def test_the_recipe_of_the_paper_is_the_network_alone(text):
    written = text({"recipe": "paper", "minPickers": 3, "folds": 1})
    assert "to distinguish the positions found by at least 3 pickers from positions without any picked particle" in written
    assert "The same network scored all positions. The 24 positions with a network score of at least 0.4 were kept." in written
    for part in ("probability", "target", "contrast", "cross-validation"):
        assert part not in written


def test_an_existing_model_is_not_said_to_be_trained_where_it_was_not(text):
    given = text({"modelType": "Existing"}, references={"positive": 1, "negative": 0})
    assert "They were scored with a previously trained 3D" in given and "was trained" not in given and "examples" not in given
    assert given.endswith("Known particles were always kept.") and "not to be" not in given
    further = text({"modelType": "Existing", "skipTraining": False}, references={"positive": 0, "negative": 2})
    assert "was trained further on all of them" in further
    assert further.endswith("Positions known not to be particles were used as negative examples and always rejected.")


def test_votes_alone(text):
    written = text({"votingAgreement": 1}, threshold=None, references={"positive": 1})
    assert written.endswith("The 24 positions found by at least 1 picker were kept. Known particles were always kept.")
    assert "network" not in written
    assert "found by at least 2 pickers" in text(threshold=None)


def test_nothing_is_said_of_a_run_that_has_not_finished(tmp_path):
    assert methods_text(RunFiles(str(tmp_path))) == []
