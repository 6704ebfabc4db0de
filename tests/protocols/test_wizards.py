"""What the wizards say and propose; the windows themselves are photographed by docs/make_screenshots.py."""

import warnings

import numpy as np
import pytest
from finished_run import ACCEPTED, make_protocol_run

from tomo_particles.core.errors import InputError

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.wizards.box_and_radius import advice, positions_of, proposed_box, proposed_radius, unusable
    from xmipptomo.wizards.threshold import results_of

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates


class Form:
    """What the wizard of the threshold asks of a protocol."""

    def __init__(self, folder, voting=False):
        self.doVoting, self._folder = voting, folder

    def _getExtraPath(self):
        return str(self._folder)


def test_the_wizard_of_the_threshold_shows_the_run_at_the_threshold_of_the_form(tmp_path):
    make_protocol_run(tmp_path)
    assert results_of(Form(tmp_path), 0.5).accepted.sum() == 2 * ACCEPTED
    assert results_of(Form(tmp_path), 0.9).accepted.sum() == 2 * 6


def test_without_scores_it_says_what_to_do(tmp_path):
    with pytest.raises(InputError, match="Execute the protocol once"):
        results_of(Form(tmp_path), 0.5)
    with pytest.raises(InputError, match="Voting has no threshold"):
        results_of(Form(tmp_path, voting=True), 0.5)
    folder = make_protocol_run(tmp_path)
    (folder / "scored.xmd").rename(folder / "labelled_all.xmd")
    (folder / "labelled").mkdir()
    (folder / "labelled_all.xmd").rename(folder / "labelled" / "TS_1_all.xmd")
    with pytest.raises(InputError, match="come from voting"):
        results_of(Form(tmp_path), 0.5)


def test_positions_of_different_binnings_are_in_angstrom(sets):
    fine, binned = sets.tomograms({"TS_1": (64, 60, 40)}, 10.0), sets.tomograms({"TS_1": (32, 30, 20)}, 20.0)
    first = sets.coordinates(fine, {"TS_1": [(20.5, 10.5, 30.5)]})
    second = sets.coordinates(binned, {"TS_1": [(10.0, 5.0, 15.0)]})
    one, other = positions_of([first, second])
    assert one["TS_1"] == pytest.approx(other["TS_1"], abs=1e-3)


def test_what_cannot_be_shown_is_said(sets):
    class Pointer:
        def __init__(self, found):
            self.found = found

        def get(self):
            return self.found

        def getObjValue(self):
            return self.found

    class Inputs:
        def __init__(self, *found):
            self.inputSets = [Pointer(one) for one in found]

    tomograms = sets.tomograms({"TS_1": (64, 60, 40)}, 10.0)
    good = sets.coordinates(tomograms, {"TS_1": [(20, 10, 30)]})
    assert unusable(Inputs(good)) == []
    assert unusable(Inputs()) == unusable(Inputs(None)) == ["Choose the input coordinates first."]
    without_box = sets.coordinates(tomograms, {"TS_1": [(20, 10, 30)]}, 0)
    (box,) = unusable(Inputs(good, without_box))
    assert "it has no box size" in box
    (empty,) = unusable(Inputs(good, sets.coordinates(tomograms, {})))
    assert "it is empty" in empty


def test_the_radius_keeps_neighbours_apart():
    assert proposed_radius(160, 320) == 0.25
    assert proposed_radius(10, 320) == 0.05 and proposed_radius(900, 320) == 0.5
    assert proposed_radius(np.nan, 320) is None


def test_the_box_comes_nearest_to_one_and_a_half_to_two_diameters():
    boxes = [240, 400, 160, 320]  # Å, of the four rules
    assert proposed_box(160, boxes, 0) == 0 and proposed_box(160, boxes, 3) == 3  # both are right: what is chosen stays
    assert proposed_box(160, boxes, 1) == 0 and proposed_box(210, boxes, 0) == 1
    assert proposed_box(50, boxes, 1) == 2 and proposed_box(400, boxes, 0) == 1  # none is right: the nearest
    assert proposed_box(np.nan, boxes, 1) is None


def test_advice_names_what_does_not_fit():
    assert "neighbours would be merged" in advice(100, 120, 300)
    assert "may cut the particle" in advice(100, 40, 80)
    assert "1.2 particle diameters wide; 1.5 to 2 are right, 150 to 200 Å" in advice(100, 40, 120)
    assert "fit" in advice(100, 50, 200) and "too few" in advice(np.nan, 50, 200)
