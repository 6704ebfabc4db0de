"""Extraction: the right voxels in the right place, at the border too, at another sampling rate too."""

from dataclasses import replace

import mrcfile
import numpy as np
import pytest
from scipy.ndimage import center_of_mass

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.subtomograms import Cutter, crop, fill_gaps, fill_gaps_of_each, fits_inside, normalised

BOX = 12


def numbered(size: tuple[int, int, int] = (40, 30, 20)) -> np.ndarray:
    """A volume (z, y, x) whose every voxel has its own value."""
    return np.arange(np.prod(size), dtype=np.float32).reshape(size[::-1])


def blob(size: tuple[int, int, int], centre, sigma: float = 2.5) -> np.ndarray:
    """A Gaussian at centre (x, y, z), on a background of 0."""
    z, y, x = np.ogrid[: size[2], : size[1], : size[0]]
    return np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2) / (2 * sigma**2)).astype(np.float32)


@pytest.mark.parametrize("box", [8, 12, 13])
def test_a_known_voxel_lands_in_the_middle_of_the_box(box):
    volume = numbered()
    cut = Cutter(box, 10.0).cut(volume, np.array([17.0, 14.0, 9.0]), 10.0)
    assert cut.shape == (box,) * 3 and cut.dtype == np.float32
    assert cut[box // 2, box // 2, box // 2] == volume[9, 14, 17]
    np.testing.assert_array_equal(cut[box // 2 - 2, box // 2 + 1, box // 2 + 3], volume[7, 15, 20])


def test_a_position_is_rounded_not_truncated():
    # STYLE flaw: coordinates truncated with int()
    volume = numbered()
    cut = Cutter(BOX, 10.0).cut(volume, np.array([16.6, 13.7, 9.4]), 10.0)
    assert cut[6, 6, 6] == volume[9, 14, 17]


def test_cutting_leaves_the_tomogram_alone():
    volume = numbered()
    before = volume.copy()
    cut = Cutter(BOX, 10.0, normalise=True, invert=True, factor=3.0).cut(volume, np.array([17.0, 14.0, 9.0]), 10.0)
    cut[:] = 0
    np.testing.assert_array_equal(volume, before)


def test_a_memory_mapped_tomogram_gives_the_same_box(tmp_path):
    volume = numbered()
    with mrcfile.new(tmp_path / "t.mrc", volume):
        pass
    with mrcfile.mmap(tmp_path / "t.mrc") as file:
        assert isinstance(file.data, np.memmap)
        for place in ([17.0, 14.0, 9.0], [0.0, 0.0, 0.0]):
            cut = Cutter(BOX, 10.0, invert=True).cut(file.data, np.array(place), 10.0)
            np.testing.assert_array_equal(cut, Cutter(BOX, 10.0, invert=True).cut(volume, np.array(place), 10.0))
            assert not isinstance(cut, np.memmap)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.float32])
def test_every_kind_of_grey_value_becomes_float(dtype):
    volume = (np.arange(20**3) % 100).astype(dtype).reshape(20, 20, 20)
    cut = Cutter(8, 10.0, invert=True).cut(volume, np.array([10.0, 10, 10]), 10.0)
    assert cut.dtype == np.float32 and cut[4, 4, 4] == -float(volume[10, 10, 10])


@pytest.mark.parametrize("place", [(0, 0, 0), (39, 29, 19), (0, 15, 10), (20, 29, 10), (2, 28, 1)])
def test_a_box_at_the_border_is_neither_black_nor_refused(place):
    # STYLE flaw: edge particles aborting the job or coming out black
    volume = numbered() + 500
    box = crop(volume, np.array(place), BOX)
    assert box[6, 6, 6] == volume[place[::-1]]
    known = volume[tuple(slice(max(0, c - 6), min(n, c + 6)) for c, n in zip(place[::-1], volume.shape, strict=True))]
    assert known.size < BOX**3
    missing = [(max(0, 6 - c), max(0, c + 6 - n)) for c, n in zip(place[::-1], volume.shape, strict=True)]
    np.testing.assert_allclose(box, np.pad(known, missing, constant_values=known.mean()), rtol=1e-5)


def test_a_normalised_box_at_the_border_is_neutral_outside():
    volume = np.random.default_rng(0).normal(1000, 5, (20, 20, 20)).astype(np.float32)
    box = Cutter(BOX, 10.0, normalise=True).cut(volume, np.array([0.0, 10, 10]), 10.0)
    np.testing.assert_allclose(box[:, :, :6], 0, atol=1e-2)
    assert box[:, :, 6:].std() > 1


def test_a_box_wholly_outside_is_flat():
    assert not crop(numbered(), np.array([500, 500, 500]), BOX).any()


def test_normalised_boxes_have_zero_mean_and_unit_deviation():
    box = normalised(np.random.default_rng(0).normal(50, 7, (10, 10, 10)).astype(np.float32))
    assert abs(box.mean()) < 1e-5 and abs(box.std() - 1) < 1e-5
    assert not normalised(np.full((4, 4, 4), 3.0, np.float32)).any(), "a flat box has nothing to divide by"


def test_grey_scale_and_offset_do_not_change_a_normalised_box():
    volume = np.random.default_rng(0).normal(0, 1, (20, 20, 20)).astype(np.float32)
    cutter, place = Cutter(BOX, 10.0, normalise=True), np.array([10.0, 9, 8])
    np.testing.assert_allclose(cutter.cut(volume * 40 + 100, place, 10.0), cutter.cut(volume, place, 10.0), atol=1e-3)


def test_inverting_and_scaling():
    volume, place = numbered(), np.array([17.0, 14.0, 9.0])
    plain = Cutter(BOX, 10.0).cut(volume, place, 10.0)
    np.testing.assert_array_equal(Cutter(BOX, 10.0, invert=True).cut(volume, place, 10.0), -plain)
    np.testing.assert_array_equal(Cutter(BOX, 10.0, factor=0.5).cut(volume, place, 10.0), plain / 2)
    both = Cutter(BOX, 10.0, normalise=True, invert=True).cut(volume, place, 10.0)
    np.testing.assert_allclose(both, -normalised(plain), atol=1e-5)


@pytest.mark.parametrize("rate", [10.0, 7.0, 3.0])
@pytest.mark.parametrize("centre", [(30.0, 26.0, 28.0), (29.3, 26.6, 27.9)])
def test_a_rescaled_box_shows_the_particle_in_its_middle(rate, centre):
    """Box at `rate` Å of a tomogram at 5 Å: the blob's centre of mass is the box's voxel box // 2."""
    volume = blob((60, 56, 58), centre)
    box_size = round(16 * 5.0 / rate) * 2
    position = rescale_positions(np.array(centre)[None], 5.0, rate)[0]
    box = Cutter(box_size, rate).cut(volume, position, 5.0)
    np.testing.assert_allclose(center_of_mass(box), box_size // 2, atol=0.03)


def test_a_rescaled_box_equals_one_of_the_averaged_tomogram():
    volume = blob((60, 56, 58), (30.0, 26.0, 28.0), sigma=4)
    small = volume.reshape(29, 2, 28, 2, 30, 2).mean(axis=(1, 3, 5))
    position = np.array([14.0, 13.0, 14.0])
    from_large = Cutter(BOX, 10.0).cut(volume, position, 5.0)
    from_small = Cutter(BOX, 10.0).cut(small, position, 10.0)
    assert np.abs(from_large - from_small).max() < 0.03


def test_noise_is_low_passed_before_it_is_thinned_out():
    volume = np.random.default_rng(0).normal(0, 1, (60, 60, 60)).astype(np.float32)
    box = Cutter(BOX, 20.0).cut(volume, np.array([15.0, 15, 15]), 5.0)
    assert box.std() < 0.3, "averaging 4^3 voxels leaves 1/8 of the deviation, picking single ones all of it"


@pytest.mark.parametrize("rate", [5.0, 10.0])
def test_a_rescaled_box_at_the_border_is_not_black(rate):
    volume = np.random.default_rng(0).normal(1000, 5, (40, 40, 40)).astype(np.float32)
    box = Cutter(BOX, 10.0).cut(volume, np.array([0.0, 0.0, 0.0]), rate)
    assert box.min() > 950


def test_which_boxes_fit_inside():
    size = (40, 30, 20)
    positions = np.array([[6, 6, 6], [34, 24, 14], [5, 6, 6], [35, 24, 14], [34, 24, 15], [5.6, 6, 6], [5.4, 6, 6]])
    assert fits_inside(positions, size, BOX).tolist() == [True, True, False, False, False, True, False]
    assert len(fits_inside(np.zeros((0, 3)), size, BOX)) == 0


def test_no_unit_of_grey_values_makes_a_box_flat():
    volume = np.random.default_rng(0).normal(0, 1, (20, 20, 20)).astype(np.float32)
    cutter, place = Cutter(BOX, 10.0, normalise=True), np.array([10.0, 9, 8])
    for unit in (2.0**-40, 2.0**40):
        np.testing.assert_array_equal(cutter.cut(unit * volume, place, 10.0), cutter.cut(volume, place, 10.0))
    assert not replace(cutter, flat=2.0).cut(volume, place, 10.0).any()
    assert not normalised(np.full((50, 50, 50), 1000.7, np.float32)).any(), "the mean of equal numbers is rounded"


def test_a_factor_does_nothing_to_a_normalised_box():
    volume, place = numbered(), np.array([17.0, 14.0, 9.0])
    expected = Cutter(BOX, 10.0, normalise=True).cut(volume, place, 10.0)
    np.testing.assert_array_equal(Cutter(BOX, 10.0, normalise=True, factor=1e15).cut(volume, place, 10.0), expected)


def test_opposite_huge_values_do_not_cancel():
    boxes = np.random.default_rng(0).normal(5, 1, (2, 8, 8, 8)).astype(np.float32)
    boxes[1, 3, 3, 3], boxes[1, 5, 3, 4] = 1e20, -1e20
    assert fill_gaps(boxes[1].copy()) == 2 and fill_gaps_of_each(boxes).tolist() == [0, 2] and abs(boxes).max() < 20


def test_a_box_on_a_high_level_is_not_flat():
    volume = (1e6 + np.random.default_rng(0).normal(0, 1, (20, 20, 20))).astype(np.float32)  # to the nearest 0.06
    box = Cutter(BOX, 10.0, normalise=True).cut(volume, np.array([10.0, 9, 8]), 10.0)
    assert box.std() == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 2e38, -1e16])
def test_a_voxel_that_is_no_number_or_huge_gets_the_mean_of_the_others(value):
    grey = np.random.default_rng(0).normal(5, 1, (3, 8, 8, 8)).astype(np.float32)
    grey[1, 2, 3, 4] = value
    others = np.delete(grey[1].ravel(), 2 * 64 + 3 * 8 + 4)
    one, every = grey[1].copy(), grey.copy()
    assert fill_gaps(one) == 1 and fill_gaps_of_each(every).tolist() == [0, 1, 0]
    assert one[2, 3, 4] == every[1, 2, 3, 4] == pytest.approx(others.mean())
