"""Masks: the class of a place at any sampling rate, their files, the volume of the user, what is refused."""

import tracemalloc

import mrcfile
import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from tomo_particles.regions.classes import BAD, CARBON, GOLD, GOOD, MEMBRANE, USER
from tomo_particles.regions.mask_files import read_mask, with_user_mask, write_mask
from tomo_particles.regions.region_mask import RegionMask

SIZE, RATE = (31, 20, 11), 10.0  # x, y, z: the last voxels of the mask are cut in x and z


def some_mask(**options):
    labels = np.zeros((6, 10, 16), dtype=np.uint8)
    labels[2, 3, 5], labels[5, 9, 15], labels[0, 0] = GOLD, CARBON, MEMBRANE
    return RegionMask(labels, 20.0, **options)


def test_a_place_has_the_class_of_the_voxel_in_which_it_lies_at_any_rate():
    mask = some_mask()
    # voxel 5 of the mask holds the voxels 10 and 11 of the tomogram, from 9.5 to 11.5
    x = np.array([9.4, 9.6, 11.4, 11.6])
    places = np.stack([x, np.full(4, 6.5), np.full(4, 4.5)], axis=1)
    assert mask.classes_at(places, 10.0).tolist() == [GOOD, GOLD, GOLD, GOOD]
    assert mask.classes_at((places + 0.5) * 2 - 0.5, 5.0).tolist() == [GOOD, GOLD, GOLD, GOOD]
    assert mask.classes_at([[30, 19, 10]], 10.0) == [CARBON]
    assert mask.is_bad_at([[0, 0, 0], [10, 7, 5]], 10.0).tolist() == [False, True]
    assert some_mask(bad=BAD | {MEMBRANE}).is_bad_at([[0, 0, 0]], 10.0).all()


def test_the_bad_voxels_of_a_tomogram_are_those_whose_centres_are_bad():
    mask = some_mask()
    bad = mask.bad_voxels(SIZE[::-1], RATE)
    z, y, x = np.nonzero(bad)
    assert bad.sum() == 8 + 2  # one voxel of the mask, and one that the faces cut to 1 x 2 x 1
    assert mask.is_bad_at(np.stack([x, y, z], axis=1), RATE).all()


def test_a_file_keeps_classes_voxel_and_what_is_bad(tmp_path):
    mask = some_mask(bad=BAD | {MEMBRANE})
    for _ in range(2):
        write_mask(tmp_path / "m.mrc", mask)
    with mrcfile.open(tmp_path / "m.mrc") as file:
        assert file.data.dtype == np.int8 and float(file.voxel_size.x) == 20
    read = read_mask(tmp_path / "m.mrc", SIZE, RATE)
    assert np.array_equal(read.labels, mask.labels) and read.voxel == 20 and read.bad == mask.bad


def test_a_mask_of_the_shape_of_the_tomogram_counts_whatever_its_header_says(tmp_path):
    labels = np.zeros(SIZE[::-1], dtype=np.uint8)
    labels[3, 4, 5] = USER
    write_mask(tmp_path / "m.mrc", RegionMask(labels, 1.0))
    mask = read_mask(tmp_path / "m.mrc", SIZE, RATE)
    assert mask.voxel == RATE and mask.bad == BAD and mask.is_bad_at([[5, 4, 3]], RATE).all()


@pytest.mark.parametrize(
    ("values", "voxel", "words"),
    [
        (np.ones((6, 10, 16)), 20.0, "does not say which classes are bad.*as a mask of your own"),  # 1 may be where to pick
        (np.full((6, 10, 16), 0.5), 20.0, "does not say which classes are bad"),
        (np.zeros((6, 10, 16)), 13.0, "another extent"),
        (np.zeros((8, 10, 16)), 20.0, "another extent"),
        (np.zeros((12, 12, 12)), 10.0, "another extent"),
    ],
)
def test_what_is_no_mask_of_the_tomogram_is_refused_by_name(tmp_path, values, voxel, words):
    write_volume(tmp_path / "wrong.mrc", values, voxel)
    with pytest.raises(InputError, match=words) as refused:
        read_mask(tmp_path / "wrong.mrc", SIZE, RATE)
    assert "wrong.mrc" in str(refused.value)


@pytest.mark.parametrize("value", [9.0, 0.5, -1.0])
def test_values_that_are_no_classes_are_refused_whatever_the_header_says(tmp_path, value):
    write_mask(tmp_path / "m.mrc", some_mask())
    with mrcfile.open(tmp_path / "m.mrc", "r+") as file:
        file.set_data(np.full((6, 10, 16), value, dtype=np.float32))
    with pytest.raises(InputError, match=r"m\.mrc' holds other values"):
        read_mask(tmp_path / "m.mrc", SIZE, RATE)


def test_a_volume_of_the_user_as_large_as_the_tomogram_takes_few_bytes(tmp_path):
    shape = (60, 120, 140)
    volume = np.zeros(shape, dtype=np.float32)
    volume[31, 61, 81] = 1
    write_volume(tmp_path / "u.mrc", volume, 4.0)
    with mrcfile.mmap(tmp_path / "u.mrc", "r+") as file:
        file.data[3, 3, 3] = np.nan  # marks nothing
    tracemalloc.start()
    marked = with_user_mask(RegionMask(np.zeros((10, 20, 24), np.uint8), 24.0), tmp_path / "u.mrc", shape[::-1], 4.0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * volume.size
    assert np.argwhere(marked.labels == USER).tolist() == [[5, 10, 13]]


@pytest.mark.parametrize(("step", "place"), [(1, (5, 3, 7)), (2, (2, 1, 3)), (4, (1, 1, 2))])
def test_the_volume_of_the_user_marks_what_it_covers_at_any_sampling(tmp_path, step, place):
    volume = np.zeros([-(-edge // step) for edge in SIZE[::-1]])
    volume[place] = 1
    write_volume(tmp_path / "u.mrc", volume, RATE * step)
    marked = with_user_mask(some_mask(), tmp_path / "u.mrc", SIZE, RATE)
    centre = (np.array(place[::-1]) + 0.5) * step - 0.5
    assert marked.classes_at([centre], RATE) == [USER]
    assert (marked.labels == USER).sum() == max(1, step // 2) ** 3
    assert marked.classes_at([[30, 19, 10]], RATE) == [CARBON]  # the rest stays
