"""The second look of the form: which diameter and tilts the program gets, and why there is none."""

import warnings
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tomo.objects import TomoAcquisition, Tomogram

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.constants import RECIPES, TILTS
    from xmipptomo.convert import tilts_of
    from xmipptomo.files import RunFiles
    from xmipptomo.protocols import XmippProtDeepConsensusPicking3D
    from xmipptomo.protocols.deep_consensus.commands import RunTomogram
    from xmipptomo.protocols.deep_consensus.inputs import CommonGrid
    from xmipptomo.protocols.deep_consensus.second_look import (
        box_notes,
        diameter_of,
        is_asked,
        outcome,
        tilts_of_run,
        votes_only,
        why_none,
    )
    from xmipptomo.protocols.deep_consensus.validation import _diameter_errors, validation_warnings
from xmipp_scripts._shared.averaging_options import TILTS as TILTS_OF_THE_PROGRAM

pytestmark = pytest.mark.filterwarnings("ignore")
FIRST = RunTomogram(
    "TS_1", "TS_1.mrc", 10.0, [96, 80, 40], 20.0, 13, 1, has_truth=False, has_lie=False, counts=[3, 4], left_out=0
)


def form(**values):
    protocol = XmippProtDeepConsensusPicking3D()
    for name, value in values.items():
        getattr(protocol, name).set(value)
    return protocol


def test_it_is_asked_by_default_but_not_with_votes_or_the_recipe_of_the_paper():
    assert is_asked(form())
    assert not any(is_asked(form(**{n: v})) for n, v in (("secondLook", False), ("doVoting", True), ("recipe", 1)))
    voting = form(doVoting=True, diameter=130.0, recipe=1)
    assert is_asked(voting) and not votes_only(voting) and votes_only(form(doVoting=True)) and not votes_only(form())
    assert votes_only(form(doVoting=True, diameter=130.0, secondLook=False))
    assert RECIPES[1] == "paper"


def test_an_empty_diameter_is_half_of_the_common_box():
    grid = CommonGrid(20.0, 13, ["a", "b"], {})
    assert diameter_of(form(), grid) == 130.0 and diameter_of(form(diameter=90.0), grid) == 90.0


@pytest.mark.parametrize(
    ("diameter", "words"),
    [(150.0, ""), (None, ""), (190.0, "needs a box of 32 voxels, which does not fit in a tomogram of 100 x 100 x 30 voxels"),
     (35.0, "has less than 4 voxels of 10 Å"), (250.0, "at most the common box of 20 voxels of 10 Å")],
)  # fmt: skip
def test_a_diameter_that_no_tomogram_can_take_is_refused_before_anything_is_computed(diameter, words):
    tomograms = SimpleNamespace(getSamplingRate=lambda: 10.0, getDim=lambda: (100, 100, 30))
    inputs = SimpleNamespace(common_grid=lambda *choices: (10.0, 20), image_sets=lambda: [tomograms])
    errors = _diameter_errors(form(diameter=diameter), inputs)
    assert len(errors) == bool(words) and words in "".join(errors)


def test_a_box_that_is_far_from_what_the_diameter_needs_is_a_warning_of_the_form_and_a_note_of_the_run():
    note = (
        "*Diameter (Å)*: a box of 20 voxels of 10 A is 4.0 diameters of a particle of 50 A; 1.5 to 2 diameters are 8 to 10 "
        "voxels: check the box, the diameter and the sampling rates"
    )
    assert box_notes(form(diameter=50.0), 10.0, 20) == [note]
    for silent in ({"diameter": 100.0}, {"diameter": None}, {"diameter": 50.0, "secondLook": False}):
        assert box_notes(form(**silent), 10.0, 20) == []
    picks = SimpleNamespace(getSize=lambda: 5, getTSIds=lambda: ["TS_1"])
    inputs = SimpleNamespace(pickers=[picks, picks], extract_from=None, common_grid=lambda *choices: (10.0, 20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xmipptomo.protocols.deep_consensus.validation.set_errors", lambda coordinates: [])
        assert validation_warnings(form(diameter=50.0), inputs) == [note]
        assert validation_warnings(form(diameter=50.0), inputs, growing=True) == []


def test_tilts_are_those_of_the_form_or_of_the_tomograms_or_the_usual_ones():
    tomograms = [replace(FIRST, tilts=tilts) for tilts in ([-57.0, 60.0], [-60.0, 60.0], [-54.0, 66.0], None)]
    assert tilts_of_run(form(), [FIRST]) == TILTS == TILTS_OF_THE_PROGRAM
    assert tilts_of_run(form(), tomograms) == (-57.0, 60.0)
    assert tilts_of_run(form(firstTilt=-40.0), tomograms) == (-40.0, 60.0)
    assert tilts_of_run(form(firstTilt=-40.0, lastTilt=45.0), tomograms) == (-40.0, 45.0)
    assert tilts_of_run(form(lastTilt=0.0), [FIRST]) == (-60.0, 0.0)  # 0 is a value


@pytest.mark.parametrize(
    ("angles", "found"),
    [((-57, 63), [-57, 63]), ((None, None), None), ((-60, None), None), ((60, -60), None), ((0, 0), None), ((-600, 600), None)],
)
def test_tilts_of_a_tomogram_are_a_rising_pair_or_unknown(angles, found):
    tomogram = Tomogram()
    assert tilts_of(tomogram) is None
    tomogram.setAcquisition(TomoAcquisition(angleMin=angles[0], angleMax=angles[1]))
    assert tilts_of(tomogram) == found


def test_it_says_why_there_is_none(tmp_path):
    coarse = replace(FIRST, tomogram_rate=20.0)
    assert why_none(True, ["noise.xmd"], [FIRST, FIRST]) == ""
    assert why_none(False, ["noise.xmd"], [FIRST]) == "none, because no network was trained"
    assert why_none(True, [], [FIRST]) == "none, because no noise was picked"
    reason = why_none(True, ["noise.xmd"], [coarse, FIRST])
    assert reason == "none, because the tomograms have different sampling rates (10, 20 Å/voxel)"
    grid, files = CommonGrid(20.0, 13, ["a", "b"], {}), RunFiles(str(tmp_path))
    assert outcome(form(), files, grid, [FIRST], reason) == {"used": False, "reason": reason}
    assert outcome(form(doVoting=True), files, grid, [FIRST], "") is None
    files.root.mkdir()
    files.look.write_text('{"used": true, "reason": "they agree", "lowpass": 43.3}')
    assert outcome(form(keepCentres=True), files, grid, [FIRST], "") == {
        "used": True,
        "reason": "they agree",
        "lowpass": 43.3,
        "diameter": 130.0,
        "tilts": TILTS,
        "keptCentres": True,
    }
