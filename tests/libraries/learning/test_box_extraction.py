"""Boxes of many picks: the same as each cut by itself, whether the tomogram is read in slabs or not."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.grey_values import extremes
from tomo_particles.core.picks import Picks
from tomo_particles.core.subtomograms import Cutter
from tomo_particles.core.tomograms import open_tomogram, write_volume
from tomo_particles.learning import slabs as module
from tomo_particles.learning.box_extraction import BoxSet, cut_boxes, write_boxes
from tomo_particles.learning.network_input import network_input
from tomo_particles.learning.slabs import slabs

RATE, BOX, SHAPE = 5.0, 12, (50, 40, 44)  # z, y, x
SCALE = (100.0, 3.0)


@pytest.mark.parametrize("edge", [BOX, BOX + 2])
def test_half_voxels_are_rounded_alike_with_few_and_many_picks(tmp_path, volume, edge):
    # As picks of another binning have them: a half is rounded to an even number, which planes counted from another one are not
    path, cutter = tmp_path / "t.mrc", Cutter(edge, RATE)
    write_volume(path, np.nan_to_num(volume, nan=0), RATE)
    positions = np.floor(positions_of(400)) + 0.5
    found = np.zeros((400, edge, edge, edge), dtype=np.float32)
    with open_tomogram(path) as tomogram:
        contrast, _ = cut_boxes(tomogram, positions, cutter, found.__setitem__, scale=SCALE)
        for row, position in enumerate(positions):
            np.testing.assert_array_equal(found[row], cutter.cut(tomogram.data, position, RATE))
            expected = extremes(tomogram.data, position, round(edge / 4), SCALE)
            np.testing.assert_allclose(contrast[row], expected, atol=1e-4)


class Counted(np.ndarray):
    """A volume that counts how often each of its planes is asked for."""

    reads: np.ndarray

    def __getitem__(self, key):
        if isinstance(key, int):
            self.reads[key] += 1
        elif isinstance(key, tuple):
            self.reads[key[0]] += 1000  # a box, cut directly
        return np.asarray(self)[key]


@pytest.fixture(scope="module")
def volume() -> np.ndarray:
    grey = (100 + 3 * np.random.default_rng(0).standard_normal(SHAPE)).astype(np.float32)
    grey[20:22, 10:30] = np.nan
    grey[:, :, 40:] = 900
    return grey


def positions_of(count: int, seed: int = 1) -> np.ndarray:
    """Places in all of the tomogram, also at its border, between voxels."""
    return np.random.default_rng(seed).uniform(0, np.array(SHAPE[::-1]) - 1, (count, 3))


@pytest.mark.parametrize("rate", [RATE, 7.3, 3.1])
@pytest.mark.parametrize("count", [3, 400])  # read as they are, and in slabs
def test_boxes_of_a_pass_are_those_cut_one_by_one(tmp_path, volume, rate, count):
    path, cutter = tmp_path / "t.mrc", Cutter(BOX, rate, invert=True)
    write_volume(path, np.nan_to_num(volume, nan=0), RATE)
    positions = rescale_positions(positions_of(count), RATE, rate)
    found = np.zeros((count, 8, 8, 8), dtype=np.float32)
    with open_tomogram(path) as tomogram:
        contrast, gaps = cut_boxes(tomogram, positions, cutter, found.__setitem__, "small", 2, SCALE)
        reach = max(1, round(BOX / 4 * rate / RATE))
        for row, position in enumerate(positions):
            alone = network_input(cutter.cut(tomogram.data, position, RATE)[None], "small")[0]
            np.testing.assert_allclose(found[row], alone, atol=4e-5)  # so are float32 sums around 100 rounded
            own = extremes(tomogram.data, rescale_positions(position, rate, RATE), reach, SCALE)
            np.testing.assert_allclose(contrast[row], own, rtol=1e-5, atol=1e-4)
    assert not gaps.any()


@pytest.mark.parametrize("rate", [RATE, 3.1])
@pytest.mark.parametrize("count", [8, 400])
@pytest.mark.parametrize(("zero", "away"), [(30.0, 1e-5), (40.0, 1e-5), (1e5, 2e-3), (1e6, 2e-3), (1e7, 2e-3)])
@pytest.mark.parametrize(("network", "edge"), [("small", 8), ("reference", BOX)])
def test_grey_values_far_from_0_are_seen_as_those_around_0(tmp_path, rate, count, zero, away, network, edge):
    around = np.rint(8 * np.random.default_rng(0).standard_normal(SHAPE)).astype(np.float32)  # float32 has them at 1e7
    positions = rescale_positions(positions_of(count), RATE, rate)
    seen = {}
    for offset in (0.0, zero):
        write_volume(tmp_path / "t.mrc", around + np.float32(offset), RATE)
        seen[offset] = np.zeros((count, edge, edge, edge), dtype=np.float32)
        with open_tomogram(tmp_path / "t.mrc") as tomogram:
            cut_boxes(tomogram, positions, Cutter(BOX, rate), seen[offset].__setitem__, network)
    np.testing.assert_allclose(seen[zero], seen[0.0], atol=away)


@pytest.mark.parametrize("rate", [2.5, 2 * RATE])
@pytest.mark.parametrize("count", [20, 600])
@pytest.mark.parametrize("edge", [9, 11])
def test_picks_between_two_voxels_are_cut_alike_at_another_rate(tmp_path, rate, count, edge):
    """A part of a tomogram may begin at an odd voxel: half a voxel counted from there is rounded to the other side."""
    grey = (100 + np.random.default_rng(0).standard_normal(SHAPE)).astype(np.float32)
    write_volume(path := tmp_path / "t.mrc", grey, RATE)
    positions = rescale_positions(np.minimum(np.floor(positions_of(count)) + 0.5, np.array(SHAPE[::-1]) - 1), RATE, rate)
    found, cutter = np.zeros((count, edge, edge, edge), dtype=np.float32), Cutter(edge, rate)
    with open_tomogram(path) as tomogram:
        cut_boxes(tomogram, positions, cutter, found.__setitem__, "reference", scale=SCALE)
        for row, position in enumerate(positions):
            alone = network_input(cutter.cut(tomogram.data, position, RATE)[None], "reference")[0]
            np.testing.assert_allclose(found[row], alone, atol=2e-4)  # so are means around 100 rounded at the border


@pytest.mark.parametrize("value", [0.0, 777.7])
@pytest.mark.parametrize("count", [30, 400])
def test_an_empty_box_is_0_at_the_border_too(tmp_path, value, count):
    """The rounding of its padding became noise of unit deviation."""
    grey = (1000 + np.random.default_rng(0).standard_normal(SHAPE)).astype(np.float32)
    grey[:, 12:] = value
    write_volume(path := tmp_path / "t.mrc", grey, RATE)
    positions = positions_of(count)
    found = np.ones((count, 8, 8, 8), dtype=np.float32)
    with open_tomogram(path) as tomogram:
        cut_boxes(tomogram, positions, Cutter(BOX, RATE), found.__setitem__, "small", 2)
    empty = np.rint(positions[:, 1]) - BOX // 2 >= 12
    at_border = empty & (np.rint(positions[:, 0]) < BOX // 2)
    assert at_border.any() and not found[empty].any() and found[np.rint(positions[:, 1]) < 12].any(axis=(1, 2, 3)).all()


def test_voxels_that_are_no_numbers_are_counted_and_filled_as_in_single_boxes(tmp_path, volume):
    path, cutter = tmp_path / "t.mrc", Cutter(BOX, RATE)
    with pytest.warns(RuntimeWarning, match="NaN"):
        write_volume(path, volume, RATE)
    positions = positions_of(400)
    found = np.zeros((400, BOX, BOX, BOX), dtype=np.float32)
    with open_tomogram(path) as tomogram:
        _, gaps = cut_boxes(tomogram, positions, cutter, lambda row, box: found.__setitem__(row, box.copy()), scale=SCALE)
        alone = [cutter.raw(tomogram.data, position, RATE) for position in positions]
    assert gaps.tolist() == [count for _, count in alone] and (gaps > 0).sum() > 50
    np.testing.assert_array_equal(found, [box for box, _ in alone])


@pytest.mark.parametrize(("zero", "kind", "in_place"), [(0.0, np.float32, True), (9.0, np.float32, False), (0.0, ">f4", False)])
def test_where_picks_are_dense_each_plane_is_read_once_and_else_only_the_boxes(volume, zero, kind, in_place):
    volume = volume.astype(kind)
    for count, dense in ((400, True), (3, False)):
        counted = volume.view(Counted)
        counted.reads = np.zeros(SHAPE[0], dtype=int)
        middle = np.rint(positions_of(count)[:, 2]).astype(int)
        low, high = np.clip(middle - 6, 0, SHAPE[0]), np.clip(middle + 7, 0, SHAPE[0])
        with ThreadPoolExecutor(1) as pool:
            found = list(slabs(counted, low, high, BOX**3, pool, zero))
        assert sorted(np.concatenate([slab.rows for slab in found])) == list(range(count))
        assert counted.reads[:20].tolist() == [int(dense)] * 20  # behind one that is no number, the rest is not looked at
        assert counted.reads.max() == int(dense)
        assert (len(found) > 1) == dense and all((slab.grey is counted) == (in_place or not dense) for slab in found)
        assert {slab.numbers for slab in found} == ({True, False} if dense else {False})  # some of planes 20 and 21 are not


@pytest.mark.parametrize("most", [50, 24, 20, 15])
def test_a_slab_holds_the_planes_of_its_places(volume, monkeypatch, most):
    monkeypatch.setattr(module, "MOST_BYTES", 4 * most * SHAPE[1] * SHAPE[2])
    rng = np.random.default_rng(3)
    low = rng.integers(0, 40, 500)
    high = np.minimum(low + rng.integers(1, 13, 500), SHAPE[0])
    with ThreadPoolExecutor(2) as pool:
        known = set()
        rows = []
        for slab in slabs(volume, low, high, BOX**3, pool, zero=100.0):
            assert (low[slab.rows] >= slab.first).all() and (high[slab.rows] <= slab.first + len(slab.grey)).all()
            own = volume[slab.first : slab.first + len(slab.grey)]
            np.testing.assert_array_equal(slab.grey, own - np.float32(100))
            assert slab.zero == 100 and slab.numbers <= np.isfinite(own).all()
            assert len(slab.grey) <= min(2 * 12, most)
            known.add(slab.numbers)
            rows += slab.rows.tolist()
        assert sorted(rows) == list(range(500))
        assert known == {True, False}  # of planes 20 and 21 some are not


def test_a_tomogram_of_huge_planes_is_not_held_in_memory(volume, monkeypatch):
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    with ThreadPoolExecutor(1) as pool:
        (slab,) = slabs(volume, np.zeros(400, dtype=int), np.full(400, 12), BOX**3, pool, zero=100.0)
    assert slab.grey is volume and slab.first == 0


def test_sets_are_cut_in_one_pass_and_a_box_of_two_sets_once(tmp_path, volume, monkeypatch):
    path = tmp_path / "t.mrc"
    write_volume(path, np.nan_to_num(volume, nan=0), RATE)
    places = positions_of(30)
    sets = [
        BoxSet(tmp_path / name, Picks("t", own, RATE))
        for name, own in (("raw", places), ("pos", places[:7] + 1e-3), ("no", places[:0]))
    ]
    cut, finish = [], Cutter.finish
    monkeypatch.setattr(Cutter, "finish", lambda self, box: cut.append(1) or finish(self, box))
    shares: list[float] = []
    with open_tomogram(path) as tomogram:
        found = write_boxes(tomogram, sets, Cutter(BOX, RATE), network="small", scale=SCALE, done=shares.append)
    boxes = len(np.unique(np.rint(np.concatenate([places, places[:7] + 1e-3])), axis=0))
    assert len(cut) == boxes < 37 and len(shares) == 37 and shares[-1] == 1
    assert [len(one.images) for one in found] == [30, 7, 0] and found[1].images[6] == f"000007@{tmp_path / 'pos'}.mrcs"
    np.testing.assert_array_equal(found[0].contrast[:7], found[1].contrast)
    assert not (tmp_path / "no.mrcs").exists()


@pytest.mark.parametrize("network", [None, "small"])
def test_a_tomogram_in_another_unit_gives_the_same_boxes_and_its_empty_part_stays_flat(tmp_path, volume, network):
    """Boxes of a tomogram whose grey values were around 1e-7 were zeros."""
    grey = np.nan_to_num(volume, nan=100)[:, :, :40] - 100
    grey[:, :16] *= 2.0**-30  # what a Fourier transform leaves where there is nothing
    positions = np.array([(20.0, 8, 20), (20, 30, 20)])
    found = {}
    for unit in (1.0, 2.0**-36, 2.0**36):
        write_volume(tmp_path / "t.mrc", unit * grey, RATE)
        with open_tomogram(tmp_path / "t.mrc") as tomogram:
            boxes: dict[int, np.ndarray] = {}
            cutter = Cutter(BOX, RATE, normalise=True)
            contrast, _ = cut_boxes(tomogram, positions, cutter, lambda row, box, to=boxes: to.update({row: box.copy()}), network)
        found[unit] = (boxes[0], boxes[1], contrast)
    assert not found[1.0][0].any() and found[1.0][1].std() == pytest.approx(1, abs=1e-3)
    for unit in (2.0**-36, 2.0**36):
        for own, expected in zip(found[unit], found[1.0], strict=True):
            np.testing.assert_array_equal(own, expected)
