"""Targets and patches: where what is expected, and which places a network never sees."""

import numpy as np
import pytest

from tomo_particles.geometry.orientations import rotation_of, turned
from tomo_particles.learning.folds import Region
from tomo_particles.learning.voxels.grey import seen_tomogram
from tomo_particles.learning.voxels.patches import HALF_TURNS, PatchSource
from tomo_particles.learning.voxels.recipes import RECIPES
from tomo_particles.learning.voxels.targets import Labels, MapGrid, ParticleClass, Shape, make_target

CLASSES = (ParticleClass("a", 60.0), ParticleClass("b", 100.0))  # balls of 48 and 60 Å
RATE = 10.0
GRID = MapGrid(np.array([10, 20, 30]), (12, 12, 12), 2, 0.5)


def labels(*rows: tuple, rest: float = 1.0) -> Labels:
    """Rows of x, y, z, class, value, weight."""
    table = np.array(rows, dtype=float).reshape(-1, 6)
    return Labels(table[:, :3], table[:, 3].astype(int), table[:, 4], table[:, 5], rest)


def test_a_ball_lies_where_the_particle_is():
    place = (30 + 2 * 4 + 0.5, 20 + 2 * 6 + 0.5, 10 + 2 * 5 + 0.5)  # the middle of map voxel z 5, y 6, x 4
    answer, weight = make_target("sphere", labels((*place, 1, 1, 1)), CLASSES, RATE, GRID)
    inside = answer[..., 1] == 1
    assert np.argwhere(inside).mean(axis=0) == pytest.approx([5, 6, 4])
    assert inside.sum() == pytest.approx(4 / 3 * np.pi * (4.8 / 2) ** 3, rel=0.1)
    assert (answer.sum(axis=-1) == 1).all() and (weight == 1).all() and not answer[..., 2].any()


def test_soft_ignored_hard_and_unlabelled_places_have_their_values_and_weights():
    known = labels((40, 30, 20, 2, 0.7, 1), (50, 40, 30, 1, 0, 0), (36, 26, 26, 0, 0, 1), rest=0.5)
    answer, weight = make_target("sphere", known, CLASSES, RATE, GRID)
    assert answer[5, 5, 5].tolist() == pytest.approx([0.3, 0, 0.7]) and weight[5, 5, 5] == 1
    assert weight[10, 10, 10] == 0
    assert answer[8, 3, 3, 0] == 1 and weight[8, 3, 3] == 1
    assert weight[0, 0, 0] == 0.5 and answer[0, 0, 0, 0] == 1


def test_where_balls_overlap_the_nearer_particle_in_radii_counts_in_any_order():
    pair = [(38, 30, 20, 1, 1, 1), (45, 30, 20, 2, 1, 1)]
    results = [make_target("sphere", labels(*rows), CLASSES, RATE, GRID)[0] for rows in (pair, pair[::-1])]
    np.testing.assert_array_equal(*results)
    assert results[0][5, 5, 3, 1] == 1 and results[0][5, 5, 7, 2] == 1


def test_a_heatmap_is_one_at_the_particle_and_falls_off():
    answer, _ = make_target("heatmap", labels((40.5, 30.5, 20.5, 1, 1, 1)), CLASSES, RATE, GRID)
    assert answer[5, 5, 5, 1] == pytest.approx(1) and answer[5, 5, 6, 1] == pytest.approx(np.exp(-0.5), rel=1e-4)
    assert not answer[..., 2].any()


def hook() -> np.ndarray:
    """(z, y, x) a density without any symmetry: an arm along x, a shorter one along y, a knob above."""
    density = np.zeros((21, 21, 21), dtype=np.float32)
    density[8:12, 8:12, 8:20] = 1
    density[8:12, 8:17, 8:12] = 1
    density[8:17, 8:12, 8:12] = 1
    return density


@pytest.mark.parametrize("angles", [(0, 0, 0), (90, 0, 0), (0, 90, 0), (40, 70, 110)])
def test_a_shape_is_that_of_the_map_as_it_is_turned_in_the_tomogram(angles):
    density, turn = hook(), rotation_of(np.array([angles]))
    shape = Shape.densest(density, RATE, density.sum() * RATE**3)
    assert (shape.places == (density > 0)).all()
    known = Labels.certain(np.array([[30.0, 28.0, 25.0]]), np.array([2]))
    known = Labels(known.positions, known.classes, known.value, known.weight, 1.0, turn.as_matrix())
    grid = MapGrid(np.array([15, 18, 20]), (21, 21, 21), 1, 0.0)  # the particle's centre is voxel 10, 10, 10
    answer, weight = make_target("shape", known, CLASSES, RATE, grid, (shape, shape))
    expected = turned(density, turn[0]) > 0.5
    assert (answer[..., 2] > 0)[expected].mean() > 0.93 and expected[answer[..., 2] > 0].mean() > 0.93
    assert not answer[..., 1].any() and (weight == 1).all() and (answer.sum(axis=-1) == 1).all()


def test_shapes_of_neighbours_and_balls_of_wrong_places_do_not_overlap():
    shape = Shape.densest(hook(), RATE, hook().sum() * RATE**3)
    rows = labels((40, 30, 20, 1, 1, 1), (44, 30, 20, 2, 0.6, 1), (50, 40, 30, 0, 0, 1), rest=0.5)
    rows = Labels(rows.positions, rows.classes, rows.value, rows.weight, rows.rest, np.stack([np.eye(3)] * 3))
    answer, weight = make_target("shape", rows, CLASSES, RATE, GRID, (shape, shape))
    assert (answer[..., 1:] > 0).any(axis=(0, 1, 2)).all() and not ((answer[..., 1] > 0) & (answer[..., 2] > 0)).any()
    assert weight[10, 10, 10] == 1 and answer[10, 10, 10, 0] == 1 and weight[0, 0, 0] == 0.5


@pytest.mark.parametrize(("away", "expected"), [(0, [0, 1, 0]), (2.9, [0, 1, 0]), (3.5, [1, 0, 0])])
def test_a_patch_is_of_the_class_in_its_middle(away, expected):
    grid = MapGrid(np.array([0, 0, 0]), (13, 13, 13), 2, 0.5)
    answer, weight = make_target("centre", labels((12.5 + away, 12.5, 12.5, 1, 1, 1)), CLASSES, RATE, grid)
    assert answer[6, 6, 6].tolist() == expected and weight.sum() == 1 == weight[6, 6, 6]


@pytest.fixture
def scene():
    """Two tomograms with particles of both classes, few of the second, that are bright cubes."""
    rng = np.random.default_rng(3)
    tomograms, known = [], []
    for name in ("one", "two"):
        positions = rng.uniform((10, 10, 10), (90, 70, 50), (30, 3))
        known.append(Labels.certain(positions, np.array([1] * 27 + [2] * 3)))
        tomograms.append(seen_tomogram(name, rng.normal(size=(60, 80, 100)).astype(np.float32), RATE))
    return tomograms, known


def source(scene, **options) -> PatchSource:
    return PatchSource(*scene, CLASSES, RECIPES["unet"], **{"patch": 16, "seed": 1} | options)


def test_a_batch_depends_on_seed_and_number_alone(scene):
    first = source(scene).batch(5, 3)
    other = source(scene)
    other.batch(0, 4)
    for name in ("grey", "answer", "weight"):
        np.testing.assert_array_equal(getattr(first, name), getattr(other.batch(5, 3), name))
    assert (first.grey != source(scene, seed=2).batch(5, 3).grey).any()
    assert first.grey.shape == (3, 8, 8, 8, 8) and first.answer.shape == (3, 8, 8, 8, 3)


def test_rare_classes_are_seen_as_often_as_common_ones(scene):
    batch = source(scene, varied=False).batch(0, 200)
    seen = (batch.answer[..., 1:] > 0).any(axis=(1, 2, 3)).mean(axis=0)
    assert seen[1] > 0.4


def test_no_patch_reaches_into_a_closed_region(scene):
    tomograms, known = scene
    closed = [Region("one", 0, 50.0, np.inf, 0), Region("two", 0, -np.inf, np.inf, 0)]
    for tomogram in tomograms:  # the closed places are marked by a value that nothing else has
        tomogram.data[...] = np.random.default_rng(0).uniform(-1, 1, tomogram.data.shape)
    tomograms[0].data[:, :, 50:] += 9
    tomograms[1].data[...] += 9
    one = [tomograms[0], seen_tomogram("two", tomograms[1].data, RATE)]
    made = PatchSource(one, known, CLASSES, RECIPES["unet"], patch=16, seed=1, closed=closed, varied=False)
    batch = made.batch(0, 100)
    value = 9 * -1 / one[0].deviation  # of the marked places of the first tomogram, dark being positive
    assert batch.grey.min() > value / 2
    only = source(scene, only=[closed[0]]).counts
    assert sum(only.values()) == sum((known[0].positions[:, 0] >= 50) & (known[0].classes > 0))
    with pytest.raises(ValueError, match="no particle is left"):
        source(scene, closed=[Region(name, 0, -np.inf, np.inf, 0) for name in ("one", "two")])


def test_hard_negatives_are_looked_at(scene):
    tomograms, _ = scene
    hard = Labels(np.array([[50.0, 40, 30]]), np.zeros(1, int), np.zeros(1), np.ones(1))
    nothing = Labels.certain(np.array([[5.0, 5, 5]]), np.array([1]))
    made = PatchSource([tomograms[0]] * 2, [hard, nothing], CLASSES, RECIPES["unet"], patch=16, seed=1, varied=False)
    assert 0.1 < (made.batch(0, 200).answer[..., 0].min(axis=(1, 2, 3)) == 1).mean() < 0.5


def test_variations_keep_the_missing_wedge():
    """Half turns only: a quarter turn about z would put the wedge, which lies along z and x, elsewhere. None is a mirror."""
    assert all(sum(turn) in (0, 2) for turn in HALF_TURNS) and len(set(HALF_TURNS)) == 4


def test_outside_of_the_tomogram_nothing_is_learned(scene):
    tomograms, _ = scene
    corner = Labels.certain(np.array([[0.0, 0, 0]]), np.array([1]))
    made = PatchSource(tomograms[:1], [corner], CLASSES, RECIPES["unet"], patch=16, seed=1, varied=False)
    assert (made.batch(0, 20).weight == 0).any()
