"""Grey values as networks see them: one scale per tomogram, alike for every patch, blind to what holds no data."""

import numpy as np
import pytest

from tomo_particles.learning.voxels.grey import MOST, folded, has_data, seen_tomogram


@pytest.fixture
def volume():
    return np.random.default_rng(0).normal(100, 20, (30, 40, 50)).astype(np.float32)


def test_a_patch_has_the_grey_values_of_the_whole_tomogram(volume):
    volume[10:20, 10:20, 10:20] -= 60  # a patch with a scale of its own would not be darker than others
    seen = seen_tomogram("t", volume, 10.0)
    whole, known = seen.crop(np.zeros(3, dtype=int), volume.shape)
    patch, _ = seen.crop(np.array([8, 9, 10]), (12, 12, 12))
    assert known.all()
    np.testing.assert_array_equal(patch, whole[8:20, 9:21, 10:22])
    assert whole.std() == pytest.approx(1.0, abs=0.1) and patch.mean() > 1  # dark protein is positive


def test_contrast_units_and_outliers_change_nothing(volume):
    seen = seen_tomogram("t", volume, 10.0)
    grey, _ = seen.crop(np.zeros(3, dtype=int), volume.shape)
    other = seen_tomogram("t", -7 * volume + 3, 10.0, bright=True)
    np.testing.assert_allclose(other.crop(np.zeros(3, dtype=int), volume.shape)[0], grey, atol=1e-4)
    volume[3, 3, 3] = 1e9
    spoiled, _ = seen_tomogram("t", volume, 10.0).crop(np.zeros(3, dtype=int), volume.shape)
    assert spoiled[3, 3, 3] == -MOST and np.allclose(spoiled[5:], grey[5:], atol=1e-2)


def test_places_without_data_do_not_count_in_the_scale(volume):
    seen = seen_tomogram("t", volume, 10.0)
    padded = np.zeros((30, 40, 150), dtype=np.float32)
    padded[:, :, 50:100] = volume
    padded[0, 0, 60] = np.nan
    other = seen_tomogram("t", padded, 10.0)
    assert other.centre == pytest.approx(seen.centre, abs=1.5) and other.deviation == pytest.approx(seen.deviation, rel=0.05)
    grey, known = other.crop(np.array([0, 0, 40]), (10, 10, 30))
    assert not known[:, :, :10].any() and known[1:, 1:, 10:].all() and not known[0, 0, 20]
    assert (grey[~known] == 0).all()


def test_beyond_the_faces_it_is_reflected_and_holds_no_data(volume):
    seen = seen_tomogram("t", volume, 10.0)
    inner, _ = seen.crop(np.array([0, 0, 0]), (5, 5, 5))
    grey, known = seen.crop(np.array([-4, 0, 0]), (9, 5, 5))
    np.testing.assert_array_equal(grey[4:], inner)
    np.testing.assert_array_equal(grey[:4], inner[:0:-1])
    assert not known[:4].any() and known[4:].all()
    assert seen.crop(np.array([-100, 0, 0]), (250, 4, 4))[0].shape == (250, 4, 4)  # thinner than the patch


@pytest.mark.parametrize("value", [0.0, 7.0, np.nan])
def test_a_tomogram_of_one_value_shows_nothing(value):
    assert seen_tomogram("t", np.full((20, 20, 20), value, dtype=np.float32), 10.0) is None


def test_small_integers_are_data(volume):
    grey = np.clip(np.rint((volume - 100) / 10), -128, 127).astype(np.int8)
    assert has_data(grey.astype(np.float32)).mean() > 0.95
    enlarged = np.kron(volume, np.ones((2, 2, 2), dtype=np.float32))
    assert has_data(enlarged).all()
    assert seen_tomogram("t", enlarged, 5.0).deviation == pytest.approx(20, rel=0.1)


@pytest.mark.parametrize("start", [0, 7, 13])
def test_what_holds_data_does_not_depend_on_the_patch(volume, start):
    volume[12:19, 8:20, 8:20] = 0
    seen = seen_tomogram("t", volume, 10.0)
    whole = seen.crop(np.zeros(3, dtype=int), volume.shape)
    patch = seen.crop(np.array([start] * 3), (8, 8, 8))
    for of_whole, of_patch in zip(whole, patch, strict=True):
        np.testing.assert_array_equal(of_patch, of_whole[(slice(start, start + 8),) * 3])
    assert whole[1].sum() == volume.size - 7 * 12 * 12


def test_another_sampling_rate_keeps_the_physical_point():
    fine = np.random.default_rng(1).normal(0, 0.1, (40, 40, 40)).astype(np.float32)
    fine[20:22, 10:12, 30:32] -= 50  # its middle lies at 20.5, 10.5, 30.5, so at 10, 5, 15 in voxels twice as large
    seen = seen_tomogram("t", fine, 5.0, rate=10.0)
    assert seen.data.shape == (20, 20, 20) and seen.sampling_rate == 10.0
    assert np.unravel_index(np.argmin(seen.data), seen.data.shape) == (10, 5, 15)
    assert seen_tomogram("t", fine, 10.05, rate=10.0).data is fine  # within a hundredth


def test_folding_keeps_every_voxel_in_its_block():
    grey = np.arange(4 * 6 * 8, dtype=np.float32).reshape(4, 6, 8)
    result = folded(grey)
    assert result.shape == (2, 3, 4, 8)
    np.testing.assert_array_equal(np.sort(result[1, 2, 3]), np.sort(grey[2:4, 4:6, 6:8].ravel()))
