"""What a split does with input that is not as it should be (section 7 of its contract), as far as programs do not show it."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.band import Band
from tomo_particles.averaging.search import soft_ball
from tomo_particles.classification.directions import axes_of, cones_of
from tomo_particles.core.errors import InputError
from tomo_particles.core.mixture import is_one_normal
from tomo_particles.core.tomograms import write_volume
from tomo_particles.geometry.symmetry import symmetry_group
from xmipp_scripts._classification.masks import mask_on

C1 = symmetry_group("c1")


@dataclass(frozen=True)
class Boxes:
    edge: int = 20
    rate: float = 20.0

    def band(self, resolution):
        return Band(self.edge, self.rate, resolution)


def test_cones_that_hold_too_few_are_dropped_and_all_are_wider_where_many_particles_are_in_none():
    rng = np.random.default_rng(1)
    even = axes_of(Rotation.from_quat(rng.standard_normal((400, 4))))
    found = cones_of(even, 30, 15, C1)  # 3.4 % of 400 is 14: below 20
    assert found.distance == pytest.approx(15 * 2**0.5) and found.lost <= 20
    assert min(len(cone.rows) for cone in found.cones) >= 20
    along_z = np.stack([rng.uniform(0, 360, 300), np.zeros(300), rng.uniform(0, 360, 300)], axis=1)
    pole = Rotation.from_euler("zyz", along_z, degrees=True)
    near = cones_of(axes_of(pole), 30, 20, C1)  # all are seen along z
    assert near.distance == 20 and near.dropped > 0 and len(near.cones) < 23 and near.lost == 0


def test_a_mask_of_another_sampling_rate_is_resampled_and_one_of_another_shape_refused(tmp_path):
    write_volume(tmp_path / "fine.mrc", soft_ball(40, 12, 1.0), 10.0)
    found = mask_on(str(tmp_path / "fine.mrc"), 240.0, Boxes())
    assert found.shape == (20,) * 3 and found.sum() == pytest.approx(soft_ball(40, 12, 1.0).sum() / 8, rel=0.03)
    assert found[8:13, 8:13, 8:13].min() > 0.99 and found[0].max() == 0  # no hole in the middle, no ripples
    assert found.min() >= 0 and found.max() <= 1
    write_volume(tmp_path / "flat.mrc", np.ones((20, 20, 6)), 20.0)
    with pytest.raises(InputError, match=r"flat.mrc' is no cube \(20 x 20 x 6 voxels\)"):
        mask_on(str(tmp_path / "flat.mrc"), 240.0, Boxes())


def test_a_continuous_movement_is_one_normal_distribution_and_two_structures_are_not():
    rng = np.random.default_rng(3)
    assert is_one_normal(4 * rng.standard_normal(800))
    assert not is_one_normal(np.r_[rng.normal(-3, 1, 400), rng.normal(3, 1, 400)])
