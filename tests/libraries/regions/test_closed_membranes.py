"""Round membranes are completed where the missing wedge hides them; nothing else is."""

import numpy as np
import pytest

from tomo_particles.regions.closed_membranes import hidden_parts

VOXEL, STEEPEST = 20.0, 25.0  # Å, degrees
SHAPE = (50, 90, 90)


def shell(centre, axes, shape=SHAPE):
    """(z, y, x) bool: within a voxel and a half of an ellipsoid; and which of it the tilts about y see."""
    off = [(grid - at) / axis for grid, at, axis in zip(np.indices(shape), centre, axes, strict=True)]
    radius = np.sqrt(sum(o**2 for o in off))
    normal_z, normal_x = off[0] / axes[0], off[2] / axes[2]
    seen = np.abs(normal_x) >= np.tan(np.radians(STEEPEST)) * np.abs(normal_z)
    surface = np.abs(radius - 1) * np.mean(axes) <= 1.5
    return surface, surface & seen


def completed(found, known=None):
    return found | hidden_parts(found, np.ones(SHAPE, dtype=bool) if known is None else known, VOXEL, STEEPEST)


@pytest.mark.parametrize(
    ("centre", "axes"),
    [((25, 45, 45), (15, 15, 15)), ((25, 40, 50), (14, 18, 16)), ((8, 45, 45), (15, 15, 15)), ((25, 45, 45), (28, 28, 28))],
)
def test_a_round_membrane_is_completed_also_at_the_border(centre, axes):
    whole, seen = shell(centre, axes)
    assert seen.sum() < 0.9 * whole.sum()
    after = completed(seen)
    assert after[whole].mean() > 0.95
    assert (after & ~whole).sum() < 0.25 * whole.sum()  # half a voxel thicker at most


def test_two_that_touch_are_both_completed():
    (one, seen), (other, seen_too) = (shell((25, 45, x), (12, 12, 12)) for x in (30, 54))
    after = completed(seen | seen_too)
    assert after[one].mean() > 0.95 and after[other].mean() > 0.95


def test_gaps_and_false_places_do_not_matter():
    whole, seen = shell((25, 45, 45), (15, 17, 15))
    rng = np.random.default_rng(1)
    found = seen & (np.indices(SHAPE)[1] < 52)  # a tenth of it is not found
    found[20:28, 5:9, 10:80] = True  # a straight piece of something else
    found |= rng.random(SHAPE) < 1e-4
    assert completed(found)[whole & (np.indices(SHAPE)[1] < 50)].mean() > 0.9


def test_what_is_not_known_stays_free():
    _, seen = shell((25, 45, 45), (15, 15, 15))
    known = np.indices(SHAPE)[0] < 30
    assert not (completed(seen & known, known) & ~known).any()


@pytest.mark.parametrize("kind", ["nothing", "flat", "cap", "line", "noise"])
def test_what_is_not_round_is_left_as_it_is(kind):
    found = np.zeros(SHAPE, dtype=bool)
    if kind == "flat":
        found[:, :, 44:47] = True
    elif kind == "cap":
        found = shell((25, 45, 45), (15, 15, 15))[1] & (np.indices(SHAPE)[2] > 52)
    elif kind == "line":
        found[20:23, 20:23, :] = True
    elif kind == "noise":
        found = np.random.default_rng(3).random(SHAPE) < 0.02
    assert np.array_equal(completed(found), found)
