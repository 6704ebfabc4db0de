"""Scipion's coordinates to picks and back: nothing of a pick may be lost or moved on the way."""

import numpy as np
import pytest

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open

convert = pytest.importorskip("xmipptomo.convert")
from tomo.constants import BOTTOM_LEFT_CORNER  # noqa: E402  after the check that Scipion is there


# ---- the common grid
@pytest.mark.parametrize(("rule", "value"), [("first", 5.0), ("biggest", 20.0), ("smallest", 2.0), ("mean", 9.0)])
def test_rules(rule, value):
    assert convert.choose([5.0, 2.0, 20.0], rule) == value


def test_boxes_are_compared_in_angstroms_not_in_voxels():
    # 32 voxels of 5 Å (160 Å) are less than 20 voxels of 10 Å (200 Å).
    assert convert.common_grid([(5.0, 32), (10.0, 20)], "first", "biggest") == (5.0, 40)
    assert convert.common_grid([(5.0, 32), (10.0, 20)], "biggest", "smallest") == (10.0, 16)
    assert convert.common_grid([(5.0, 32), (10.0, 20)], "first", "mean") == (5.0, 36)


@pytest.mark.parametrize("angstrom", [1.0, 99.0, 101.0, 155.0, 333.3])
@pytest.mark.parametrize("rate", [2.17, 8.68, 10.0])
def test_box_sizes_are_even_and_within_a_voxel(angstrom, rate):
    box = convert.even_box_size(angstrom, rate)
    assert box % 2 == 0
    assert box >= 2
    assert abs(box - angstrom / rate) <= 1 or box == 2


# ---- tomograms
def test_ids_are_compared_whole(sets):
    tomograms = sets.tomograms({"TS_10": (8, 8, 8), "TS_1": (10, 8, 8), "my_TS_1": (12, 8, 8)}, 10.0)
    sources = convert.tomogram_sources([tomograms], ["TS_1", "TS_2"])
    assert [s.ts_id for s in sources["TS_1"]] == ["TS_1"]
    assert sources["TS_2"] == []


def source(ts_id, rate, set_index=0):
    return convert.TomogramSource(ts_id, f"{ts_id}_{rate}.mrc", rate, set_index)


def test_the_nearest_sampling_rate_is_judged_as_a_ratio():
    assert convert.nearest_rate([source("a", 5.0), source("a", 20.0)], 9.0).sampling_rate == 5.0
    assert convert.nearest_rate([source("a", 20.0), source("a", 10.0)], 10.0).sampling_rate == 10.0


def test_one_input_set_that_holds_all_is_used_as_it_is():
    sources = {"a": [source("a", 5.0, 0), source("a", 10.0, 1)], "b": [source("b", 10.0, 1)]}
    plan = convert.plan_precedents(sources, 5.0)
    assert [(p.sampling_rate, p.set_index, sorted(p.sources)) for p in plan] == [(10.0, 1, ["a", "b"])]


def test_sets_of_one_rate_are_put_together_even_if_the_third_decimal_differs():
    plan = convert.plan_precedents({"a": [source("a", 10.0, 0)], "b": [source("b", 10.0004, 1)]}, 10.0)
    assert [(p.set_index, sorted(p.sources)) for p in plan] == [(None, ["a", "b"])]


def test_without_a_common_rate_every_tomogram_is_in_one_group():
    sources = {
        "a": [source("a", 5.0, 0)],
        "b": [source("b", 5.0, 0), source("b", 10.0, 1)],
        "c": [source("c", 10.0, 1)],
        "none": [],
    }
    plan = convert.plan_precedents(sources, 10.0)
    assert [(p.sampling_rate, sorted(p.sources)) for p in plan] == [(10.0, ["b", "c"]), (5.0, ["a"])]


# ---- picks
def test_reading_keeps_position_score_group_and_orientation(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20), "b": (20, 20, 20)}, 10.0)
    matrix = convert.matrix_of(np.array([30.0, 70.0, -20.0]))
    coordinates = sets.coordinates(tomograms, {"a": [(12.25, 7.5, 3.125)], "b": [(1, 2, 3)]}, score=0.4, group=7, matrix=matrix)
    picks = convert.picks_of_set(coordinates, tomograms[{"_tsId": "a"}].clone(), 3, 10.0)
    np.testing.assert_allclose(picks.positions, [(12.25, 7.5, 3.125)], atol=1e-5)
    np.testing.assert_allclose(picks.angles, [(30.0, 70.0, -20.0)], atol=1e-4)
    assert (picks.tomo_id, picks.picker.tolist(), picks.group.tolist()) == ("a", [3], [7])
    assert picks.score[0] == pytest.approx(0.4)


def test_reading_rescales_about_the_corner_of_the_volume(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 20.0)
    coordinates = sets.coordinates(tomograms, {"a": [(10.0, 5.0, 3.0)]})
    picks = convert.picks_of_set(coordinates, tomograms.getFirstItem().clone(), 1, 10.0)
    np.testing.assert_allclose(picks.positions, [(20.5, 10.5, 6.5)], atol=1e-5)


def test_tomograms_have_sizes_of_their_own(sets):
    sizes = {"a": (40, 30, 20), "b": (64, 50, 10)}
    tomograms = sets.tomograms(sizes, 10.0)
    offsets = {t.getTsId(): convert.corner_offset(t.clone()) for t in tomograms}
    for ts_id, size in sizes.items():
        np.testing.assert_allclose(offsets[ts_id], np.array(size) / 2)


def test_defaults_of_scipion_read_as_none(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    picks = convert.picks_of_set(sets.coordinates(tomograms, {"a": [(1, 2, 3)]}), tomograms.getFirstItem().clone(), 1, 10.0)
    assert np.isnan(picks.score).all()
    assert np.isnan(picks.angles).all()


def test_odd_ids_are_found(sets):
    ts_id = "it's AND or="
    tomograms = sets.tomograms({ts_id: (40, 30, 20)}, 10.0)
    coordinates = sets.coordinates(tomograms, {ts_id: [(1, 2, 3)]})
    assert len(convert.picks_of_set(coordinates, tomograms.getFirstItem().clone(), 1, 10.0)) == 1


def test_a_coordinate_that_is_not_a_number_is_refused(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    coordinates = sets.coordinates(tomograms, {"a": [(1, 2, np.nan)]})
    with pytest.raises((InputError, TypeError)):
        convert.picks_of_set(coordinates, tomograms.getFirstItem().clone(), 1, 10.0)


def test_writing_and_reading_again_gives_the_same_picks(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 20.0)
    rng = np.random.default_rng(0)
    picks = Picks(
        "a",
        rng.random((6, 3)) * (70, 50, 30),
        10.0,
        picker=np.ones(6, int),
        score=rng.random(6),
        angles=np.column_stack([rng.uniform(-90, 90, 6), rng.uniform(5, 85, 6), rng.uniform(-90, 90, 6)]),
        group=np.arange(6),
    )
    coordinates = sets.empty_coordinates(tomograms)
    attributes = {"_support": [2] * 6, "_pickers": ["1+3"] * 6, "_networkScore": [0.8] * 6, "_species": ["ribosome"] * 6}
    convert.append_picks(coordinates, tomograms.getFirstItem().clone(), picks, np.linspace(0, 1, 6), attributes)
    coordinates.write()
    again = convert.picks_of_set(coordinates, tomograms.getFirstItem().clone(), 1, 10.0)
    np.testing.assert_allclose(again.positions, picks.positions, atol=1e-4)  # scaled coordinates are what is stored
    np.testing.assert_allclose(again.angles, picks.angles, atol=1e-3)
    np.testing.assert_array_equal(again.group, picks.group)
    np.testing.assert_allclose(again.score, np.linspace(0, 1, 6), atol=1e-6)
    first = coordinates.getFirstItem()
    assert (first._support.get(), first._pickers.get()) == (2, "1+3")
    assert first._networkScore.get() == pytest.approx(0.8)
    assert again.species.tolist() == ["ribosome"] * 6
    own_voxels = rescale_positions(picks.positions, 10.0, 20.0)
    np.testing.assert_allclose(first.getPosition(BOTTOM_LEFT_CORNER), own_voxels[0], atol=1e-4)


def test_picks_go_to_their_own_tomogram_only(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    with pytest.raises(InputError, match="'b' cannot go to tomogram 'a'"):
        convert.append_picks(
            sets.empty_coordinates(tomograms), tomograms.getFirstItem().clone(), Picks("b", np.zeros((1, 3)), 10.0)
        )


def test_a_pick_without_a_score_gets_zero_which_reads_as_none(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    coordinates = sets.empty_coordinates(tomograms)
    convert.append_picks(coordinates, tomograms.getFirstItem().clone(), Picks("a", np.ones((2, 3)), 10.0))
    coordinates.write()
    assert [item.getScore() for item in coordinates] == [0.0, 0.0]
    again = convert.picks_of_set(coordinates, tomograms.getFirstItem().clone(), 1, 10.0)
    assert np.isnan(again.score).all()
    assert again.species.tolist() == ["", ""]


@pytest.mark.parametrize("angles", [(0, 90, 0), (10, 20, 30), (-170, 179, 5)])
def test_orientations_are_those_of_xmipp(angles):
    from tomo_particles.formats.xmd import xmippLib

    matrix = convert.matrix_of(np.array(angles, dtype=float))
    # Scipion's matrix takes the particle onto its reference, Xmipp's the reference onto the particle.
    np.testing.assert_allclose(matrix[:3, :3].T, xmippLib.Euler_angles2matrix(*map(float, angles)), atol=1e-6)
    np.testing.assert_allclose(convert.matrix_of(convert.angles_of(matrix)), matrix, atol=1e-6)


@pytest.mark.parametrize("angles", [(0, 90, 0), (10, 20, 30), (-170, 179, 5)])
def test_the_matrix_undoes_the_rotation_of_the_reference(angles):
    from tomo_particles.geometry.orientations import rotation_of

    matrix = convert.matrix_of(np.array(angles, dtype=float))
    np.testing.assert_allclose(matrix[:3, :3] @ rotation_of(np.array([angles])).as_matrix()[0], np.eye(3), atol=1e-6)


# ---- one tomogram, one set
def test_a_missing_or_flat_tomogram_is_named(sets, tmp_path):
    tomograms = sets.tomograms({"a": (40, 30, 20), "flat": (40, 30, 1)}, 10.0)
    assert convert.size_of(convert.tomogram_of(tomograms, "a")) == (40, 30, 20)
    with pytest.raises(InputError, match=r"'flat'.*not a volume"):
        convert.size_of(convert.tomogram_of(tomograms, "flat"))
    lost = convert.tomogram_of(tomograms, "a")
    lost.setLocation(str(tmp_path / "lost.mrc"))
    with pytest.raises(InputError, match=r"'a'.*lost.mrc does not exist"):
        convert.size_of(lost)
    with pytest.raises(InputError, match="have no 'b'"):
        convert.tomogram_of(tomograms, "b")
