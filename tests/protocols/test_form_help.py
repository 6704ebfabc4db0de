"""What the forms tell of numbers that lie elsewhere is what these are, and the same on every form."""

import inspect
import keyword
import re
import warnings
from pathlib import Path

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.protocol import Protocol

    from xmipptomo import protocols
    from xmipptomo.protocols import (
        XmippProtDeepConsensusPicking3D,
        XmippProtDeepPick3D,
        XmippProtImportCoordinates3D,
        XmippProtPickBlobs3D,
        XmippProtTemplateMatching3D,
    )

NETWORK_DATA = Path(__file__).resolve().parents[2] / "libraries" / "tomo_particles" / "network" / "data.py"


def help_of(protocol_class, name: str) -> str:
    return protocol_class().getParam(name).help.get()


def test_the_help_of_augmentation_tells_every_variation():
    (turn,) = re.findall(r"^LARGEST_TURN, TURNS = ([\d.]+)", NETWORK_DATA.read_text(encoding="utf-8"), re.M)
    told = help_of(XmippProtDeepConsensusPicking3D, "forceAugmentation")
    for part in ("mirrored", "180 degrees", f"up to {float(turn):g} degrees about the tilt axis", "shifted", "contrast"):
        assert part in told


@pytest.mark.parametrize(
    ("protocol_class", "name"),
    [
        (XmippProtDeepConsensusPicking3D, "boxSizeChoice"),
        (XmippProtImportCoordinates3D, "boxSize"),
        (XmippProtPickBlobs3D, "boxFactor"),
        (XmippProtDeepPick3D, "boxFactor"),
        (XmippProtTemplateMatching3D, "boxSize"),
    ],
)
def test_the_box_is_told_the_same_everywhere(protocol_class, name):
    assert "1.5 to 2 particle diameters are right" in help_of(protocol_class, name)


def test_the_radius_is_that_of_the_box():
    told = help_of(XmippProtDeepConsensusPicking3D, "consensusRadius")
    assert "0.35 for a box of 1.5 particle diameters, 0.25 for one of 2" in told


def test_the_lowest_score_does_not_promise_a_window_that_is_not_there():
    for picker in (XmippProtPickBlobs3D, XmippProtTemplateMatching3D):
        told = help_of(picker, "threshold")
        assert "on slices (right click, analyse results)" in told and "look at the scores" not in told + picker.__doc__


EVERY_PROTOCOL = [one for one in vars(protocols).values() if inspect.isclass(one) and issubclass(one, Protocol)]


@pytest.mark.parametrize("protocol_class", EVERY_PROTOCOL)
def test_a_condition_names_only_what_stands_above_it(protocol_class):
    """Scipion asks for a condition while it draws the form: with a later parameter the window does not open, and says nothing."""
    above = {"expertLevel"}
    for name, param in protocol_class()._definition.iterAllParams():
        names = re.findall(r"(?<!['\"])\b[A-Za-z_]\w*\b(?!['\"])", param.condition.get() or "")
        assert {word for word in names if not keyword.iskeyword(word)} <= above, name
        above.add(name)
