"""A half against the whole: its correlation looks like a better resolution than there is."""

import numpy as np
import pytest

from tomo_particles.fourier.filters import filtered, low_pass
from tomo_particles.fourier.half_maps import emptied_from, holds_other

EDGE = 24


def halves(signal, seed=0, filtered_to=30.0):
    """Two halves of one structure, down to `filtered_to` Å, in noise of deviation 1; voxels of 10 Å."""
    rng = np.random.default_rng(seed)
    structure = filtered(rng.standard_normal((EDGE,) * 3).astype(np.float32), low_pass((EDGE,) * 3, 10.0, filtered_to))
    structure = signal * structure / structure.std()
    return [structure + rng.standard_normal(structure.shape).astype(np.float32) for _ in range(2)]


@pytest.mark.parametrize("signal", [0.0, 0.5, 1.0, 2.0])
def test_the_whole_is_told_from_a_half(signal):
    one, other = halves(signal)
    for whole in ((one + other) / 2, one + other):
        assert holds_other(one, whole) and holds_other(other, whole) and holds_other(whole, one)


@pytest.mark.parametrize("signal", [0.0, 0.3, 0.7, 1.0, 1.5, 2.0, 4.0])
@pytest.mark.parametrize("finest", [20.0, 30.0, 60.0])
def test_halves_are_never_taken_for_a_whole(signal, finest):
    """Also where they agree up to Nyquist."""
    one, other = halves(signal, seed=1, filtered_to=finest)
    assert not holds_other(one, other) and not holds_other(other, one)
    assert not holds_other(one, 3 * other) and emptied_from(one, other) is None


def test_a_filtered_map_is_told_from_a_half():
    one, other = halves(1.0)
    whole = filtered((one + other) / 2, low_pass((EDGE,) * 3, 10.0, 40.0))
    shell = emptied_from(one, whole)
    assert shell == 8  # 30 Å: the edge of the filter begins at 40 Å
    assert emptied_from(whole, one) is None and emptied_from(whole, 2 * whole) is None
