"""The graph of views on images made here: noise is no evidence, classes are found, symmetry brings views together."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.classification.directions import axes_of
from tomo_particles.classification.view_classes import graph_of, view_component
from tomo_particles.classification.view_graph import Views, pixels_of, view_graph
from tomo_particles.core.errors import InputError
from tomo_particles.geometry.orientations import turned
from tomo_particles.geometry.symmetry import symmetry_group

EDGE, COUNT = 14, 300
C1 = symmetry_group("c1")


def blob(x, y, z, width):
    grid = np.indices((EDGE,) * 3) - EDGE // 2
    return np.exp(-((grid[2] - x) ** 2 + (grid[1] - y) ** 2 + (grid[0] - z) ** 2) / (2 * width**2)).astype(np.float32)


@pytest.fixture(scope="module")
def residuals():
    """Images of a part that half of the particles have and half lack, with noise; their axes and labels."""
    rng = np.random.default_rng(1)
    rotations, labels = Rotation.from_quat(rng.standard_normal((COUNT, 4))), rng.integers(0, 2, COUNT)
    part = blob(3, -2, 2, 1.5)
    images = np.stack([(2 * one - 1) * turned(part, turn, 1).sum(axis=0) for one, turn in zip(labels, rotations, strict=True)])
    return images + 2.5 * rng.standard_normal(images.shape), axes_of(rotations), labels


def test_images_that_judge_themselves_look_like_two_classes_in_noise():
    """Critique 4: a component fits the noise of its own images, so that these lie farther along it than others do."""
    sets = [np.random.default_rng(seed).standard_normal((80, EDGE, EDGE)) for seed in range(6)]
    every = [view_component(noise, np.ones((EDGE, EDGE), dtype=bool), cross_fit=True) for noise in sets]
    own = np.concatenate([along for found in every for _, along, _ in found.parts])
    fitted = np.concatenate([among for found in every for _, _, among in found.parts])
    expected = (1 + np.sqrt(EDGE**2 / 64)) ** 2  # of random matrices; of images that had no part in it: 1
    assert fitted.var() == pytest.approx(expected, rel=0.25) and own.var() == pytest.approx(1, abs=0.2)
    assert sum(found.informative for found in every) <= 1  # at 99 %


def test_classes_are_found_up_to_their_name(residuals):
    images, axes, labels = residuals
    graph = view_graph(images, axes, np.zeros((COUNT, 2)), np.ones((EDGE,) * 3), Views(30, 35, C1), seed=1)
    share = np.mean((graph.log_odds > 0) == labels)
    assert max(share, 1 - share) > 0.9 and graph.informative > 0.8 * len(graph.found)
    assert graph.cut.frustration < 0.1 and graph.cut.bound >= graph.cut.value
    assert (graph.weights == graph_of(graph.odds)).all()
    few = slice(0, 30)
    with pytest.raises(InputError, match="even cones of 45 degrees with 20 particles hold only"):
        view_graph(images[few], axes[few], np.zeros((30, 2)), np.ones((EDGE,) * 3), Views(30, 35, C1), seed=1)


def test_particles_in_any_copy_of_a_symmetry_are_seen_together():
    rng = np.random.default_rng(3)
    rotations, labels = Rotation.from_quat(rng.standard_normal((COUNT, 4))), rng.integers(0, 2, COUNT)
    part = sum(blob(x, y, 1, 1.5) for x, y in ((4, 0), (0, 4), (-4, 0), (0, -4)))
    images = np.stack([(2 * one - 1) * turned(part, turn, 1).sum(axis=0) for one, turn in zip(labels, rotations, strict=True)])
    images += 4.0 * rng.standard_normal(images.shape)
    views = Views(30, 20, symmetry_group("c4"))
    graph = view_graph(images, axes_of(rotations), np.zeros((COUNT, 2)), np.ones((EDGE,) * 3), views, seed=1)
    share = np.mean((graph.log_odds > 0) == labels)
    assert graph.cones.distance == 20 and max(share, 1 - share) > 0.9  # without the symmetry the cones would be too narrow


def test_pixels_are_those_whose_rays_meet_the_mask():
    mask = np.zeros((EDGE,) * 3, dtype=np.float32)
    mask[:, :, EDGE // 2 + 2 : EDGE // 2 + 4] = 1  # a slab across x
    along_z, along_x = (pixels_of(np.array(view, dtype=float), mask) for view in ((0, 0, 1), (1, 0, 0)))
    assert along_z.sum() < 0.3 * along_z.size and along_x.sum() > 0.8 * along_x.size
