"""Picks: the checked struct of arrays, and the rescaling that keeps the physical point."""

import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from tomo_particles.core.coordinates import check_inside, inside_volume, rescale_positions, rescale_size, same_sampling_rate
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks


def blob(size: tuple[int, int, int], centre: np.ndarray, sigma: float = 3.0) -> np.ndarray:
    """A Gaussian at centre (x, y, z) in a (z, y, x) volume of `size` x, y, z."""
    z, y, x = np.ogrid[: size[2], : size[1], : size[0]]
    return np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2) / (2 * sigma**2))


def binned(volume: np.ndarray, factor: int) -> np.ndarray:
    """The volume averaged over cubes of `factor` voxels."""
    z, y, x = (n // factor for n in volume.shape)
    return volume.reshape(z, factor, y, factor, x, factor).mean(axis=(1, 3, 5))


@pytest.mark.parametrize("factor", [2, 4])
def test_rescaling_keeps_the_physical_point_of_a_blob(factor):
    # STYLE flaw: half-voxel drift; the truth is where the averaged volume shows the blob
    centre = np.array([21.3, 30.9, 26.0])
    volume = blob((48, 64, 52), centre)
    seen = np.array(center_of_mass(binned(volume, factor)))[::-1]
    np.testing.assert_allclose(rescale_positions(centre[None], 5.0, 5.0 * factor)[0], seen, atol=0.01)
    np.testing.assert_allclose(rescale_positions(seen[None], 5.0 * factor, 5.0)[0], centre, atol=0.01)


def test_rescaling_never_truncates():
    # STYLE flaw: coordinates truncated with int()
    positions = np.array([[1, 2, 3], [7, 0, 5]])  # integers in, exact fractions out
    half = rescale_positions(positions, 5.0, 10.0)
    np.testing.assert_allclose(half, [[0.25, 0.75, 1.25], [3.25, -0.25, 2.25]])
    np.testing.assert_allclose(rescale_positions(half, 10.0, 5.0), positions)


def test_rescaling_returns_a_copy():
    positions = np.zeros((2, 3))
    rescale_positions(positions, 5.0, 5.0)[0] = 9
    assert not positions.any()


def test_the_corner_is_the_same_point_at_every_sampling_rate():
    np.testing.assert_allclose(rescale_positions(np.full((1, 3), -0.5), 3.0, 17.0), -0.5)


def test_sampling_rates_are_compared_with_a_tolerance():
    # STYLE flaw: sampling rates compared with ==
    assert same_sampling_rate(8.68, 8.683) and same_sampling_rate(1.0, float(np.float32(1.0)))
    assert not same_sampling_rate(8.68, 8.78) and not same_sampling_rate(5.0, 10.0)
    position = np.array([[1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(rescale_positions(position, 8.68, 8.6801), position)


def test_size_is_rescaled_without_rounding():
    assert rescale_size((65, 64, 33), 5.0, 10.0) == (32.5, 32.0, 16.5)
    assert rescale_size((65, 64, 33), 5.0, 5.0001) == (65, 64, 33)


def test_picks_fill_what_a_picker_did_not_give():
    picks = Picks("TS", np.zeros((2, 3)), 10.0)
    assert len(picks) == 2
    assert np.isnan(picks.score).all() and np.isnan(picks.angles).all()
    assert (picks.picker == 0).all() and (picks.group == 0).all()


def test_no_picks_are_picks():
    empty = Picks("TS", np.zeros((0, 3)), 10.0)
    assert len(empty) == 0 and empty.angles.shape == (0, 3)
    assert len(empty.at_sampling_rate(5.0)) == 0
    assert len(Picks.concatenate([empty, empty])) == 0


def test_selecting_keeps_every_column_together():
    # STYLE flaw: score, orientation and group id lost
    picks = Picks(
        "TS",
        np.arange(12).reshape(4, 3),
        10.0,
        picker=[1, 2, 3, 4],
        score=[0.1, 0.2, 0.3, 0.4],
        angles=np.arange(12).reshape(4, 3) * 2,
        group=[5, 6, 7, 8],
    )
    for index in (np.array([False, True, False, True]), np.array([1, 3]), slice(1, None, 2)):
        part = picks[index]
        assert part.picker.tolist() == [2, 4] and part.score.tolist() == [0.2, 0.4] and part.group.tolist() == [6, 8]
        np.testing.assert_array_equal(part.positions, picks.positions[[1, 3]])
        np.testing.assert_array_equal(part.angles, picks.angles[[1, 3]])
    moved = picks.at_sampling_rate(20.0)
    assert moved.sampling_rate == 20.0 and moved.group.tolist() == picks.group.tolist()
    np.testing.assert_array_equal(moved.angles, picks.angles)
    joined = Picks.concatenate([picks[2:], picks[:2]])
    assert joined.group.tolist() == [7, 8, 5, 6] and joined.score.tolist() == [0.3, 0.4, 0.1, 0.2]


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_coordinate_that_is_no_number_is_refused_by_its_row(bad):
    with pytest.raises(InputError, match=r"'TS_7'.*pick 2"):
        Picks("TS_7", np.array([[1, 2, 3], [4, bad, 6]]), 10.0)


@pytest.mark.parametrize("rate", [0.0, -1.0, np.nan, np.inf])
def test_a_sampling_rate_must_be_positive(rate):
    with pytest.raises(InputError, match="sampling rate must be positive"):
        Picks("TS", np.zeros((1, 3)), rate)


def test_columns_must_have_the_length_of_the_positions():
    with pytest.raises(ValueError, match="expected an array of shape"):
        Picks("TS", np.zeros((2, 3)), 10.0, score=[0.5])


def test_picks_of_other_tomograms_or_sampling_rates_do_not_join():
    one = Picks("TS_1", np.zeros((1, 3)), 10.0)
    for other in (Picks("TS_10", np.zeros((1, 3)), 10.0), Picks("TS_1", np.zeros((1, 3)), 5.0)):
        with pytest.raises(ValueError, match="cannot join"):
            Picks.concatenate([one, other])


def test_positions_outside_are_refused_and_the_outermost_inside_are_not():
    at = np.array([[-0.5, 0, 0], [-0.51, 0, 0], [9.49, 0, 0], [9.5, 0, 0], [9.51, 0, 0], [0, 5, 0], [0, 0, 4.4]])
    assert inside_volume(at, (10, 5, 5)).tolist() == [True, False, True, True, False, False, True]
    check_inside(np.array([[-0.5, 0, 0], [31.5, 63.5, 15.5]]), (32, 64, 16), "--picks: 'a.csv'")
    check_inside(np.zeros((0, 3)), (32, 64, 16), "--picks")
    for outside in ([32, 0, 0], [0, 64, 0], [0, 0, 15.6], [0, -0.6, 0]):
        with pytest.raises(InputError, match=r"--picks: 'a.csv': 1 picks .*pick 2"):
            check_inside(np.array([[1, 1, 1], outside]), (32, 64, 16), "--picks: 'a.csv'")
