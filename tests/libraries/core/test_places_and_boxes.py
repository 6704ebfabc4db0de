"""What is said of picks outside their tomogram, and of a box that does not suit the particle."""

import numpy as np
import pytest

from tomo_particles.core.coordinates import check_inside
from tomo_particles.core.errors import InputError
from tomo_particles.core.subtomograms import box_note

SIZE = (200, 200, 80)


def test_exchanged_axes_are_named_before_another_unit():
    """A trial was told to divide picks with z and x exchanged by 10: they would have fitted as Å, too."""
    picks = np.random.default_rng(0).uniform(0, 1, (60, 3)) * (np.array(SIZE) - 1)
    with pytest.raises(InputError, match="in the order z, y, x: exchange the columns") as refused:
        check_inside(picks[:, ::-1], SIZE, "p.csv", 10.0)
    assert "as Å" not in str(refused.value)
    with pytest.raises(InputError, match="they would fit as Å: divide them by 10"):
        check_inside(10 * picks, SIZE, "p.csv", 10.0)


@pytest.mark.parametrize(
    ("box", "rate", "diameter", "words"),
    [(40, 10, 260, ""), (40, 10, 200, ""), (40, 10, None, ""), (40, 20, 260, "3.1 diameters"), (20, 10, 260, "0.8 diameters")],
)
def test_a_box_far_from_the_diameter_is_told(box, rate, diameter, words):
    note = box_note(box, rate, diameter)
    assert words in note and bool(words) == bool(note)
    if rate == 20:
        assert "1.5 to 2 diameters are 20 to 26 voxels" in note
