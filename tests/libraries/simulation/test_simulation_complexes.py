"""Complexes: one grey scale from any map, tight boxes in which they can turn, weights, and what is refused."""

import mrcfile
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.core.errors import InputError
from tomo_particles.geometry.orientations import turned
from tomo_particles.simulation import builtin_complexes, complex_of, read_map
from tomo_particles.simulation.complexes import CUBIC_ANGSTROM_PER_DALTON


def ball(edge=40, centre=(18, 22, 20), radius=6.0, height=1.0):
    """A soft ball in a mostly empty box, (z, y, x)."""
    grid = np.stack(np.meshgrid(*[np.arange(edge)] * 3, indexing="ij"), axis=-1)
    away = np.linalg.norm(grid - np.array(centre), axis=-1)
    return (height * np.clip(radius + 0.5 - away, 0, 1)).astype(np.float32)


def write_map(path, volume, rate=10.0):
    with mrcfile.new(path, np.asarray(volume, dtype=np.float32), overwrite=True) as file:
        if rate:
            file.voxel_size = rate
    return path


def test_the_grey_scale_and_the_box_of_a_map_do_not_matter():
    a = complex_of("a", ball(), 10.0, 10.0)
    b = complex_of("b", ball(60, (30, 40, 20), height=230.0), 10.0, 10.0)
    assert a.density == pytest.approx(b.density, abs=1e-5)
    assert a.density[a.mask].mean() == pytest.approx(1) and a.density.dtype == np.float32
    assert len(a.density) % 2 == 1 and len(a.density) < 22


def test_the_particle_sits_on_the_centre_voxel_and_turns_within_its_box():
    volume = ball(radius=5) + ball(centre=(26, 22, 20), radius=3)
    which = complex_of("a", volume, 10.0, 10.0)
    half = len(which.density) // 2
    centre = (np.argwhere(which.density > 0) * which.density[which.density > 0][:, None]).sum(axis=0) / which.density.sum()
    assert np.abs(centre - half).max() <= 0.5
    for rotation in Rotation.random(5, random_state=0):
        image = turned(which.density, rotation, order=3)
        assert image.sum() == pytest.approx(which.density.sum(), rel=0.02)
        assert np.abs(image[[0, -1]]).max() < which.level


def test_a_map_at_another_rate_has_the_same_size_in_angstrom():
    fine = complex_of("a", ball(80, (40, 44, 36), radius=15.0), 4.0, 10.0)
    assert fine.diameter == pytest.approx(124, abs=12)  # radius 15.5 voxels of 4 Å
    assert fine.density[fine.mask].mean() == pytest.approx(1) and fine.sampling_rate == 10.0
    assert complex_of("a", ball(radius=6), 10.0, 5.0).diameter == pytest.approx(125, abs=10)


def test_an_unknown_weight_follows_from_the_volume_and_a_known_name_has_its_own(tmp_path):
    volume = 4 / 3 * np.pi * 60.0**3  # Å3
    assert complex_of("a", ball(), 10.0, 10.0).molecular_weight == pytest.approx(
        volume / CUBIC_ANGSTROM_PER_DALTON / 1000, rel=0.1
    )
    assert read_map(write_map(tmp_path / "1bxn.mrc", ball()), 10.0).molecular_weight == 559.96
    assert read_map(write_map(tmp_path / "1BXN_10A.mrc", ball()), 10.0).molecular_weight == 559.96


def test_specks_of_noise_far_from_the_particle_are_left_out():
    speckled = ball() - 0.02
    speckled[2, 2, 2] = speckled[35, 3, 30] = 0.8
    assert complex_of("a", speckled, 10.0, 10.0).voxels == pytest.approx(complex_of("a", ball(), 10.0, 10.0).voxels, rel=0.05)


def test_builtin_complexes_are_distinct_ordered_and_always_the_same():
    complexes = builtin_complexes(10.0)
    weights = [which.molecular_weight for which in complexes]
    assert len({which.name for which in complexes}) == len(complexes) >= 6
    assert 40 < min(weights) < 200 and 200 < np.median(weights) < 600 and 2000 < max(weights) < 2600  # every size group
    for which, again in zip(complexes, builtin_complexes(10.0), strict=True):
        assert np.array_equal(which.density, again.density)
        assert which.density[which.mask].mean() == pytest.approx(1)


def test_builtin_complexes_weigh_and_measure_the_same_at_any_rate():
    for a, b in zip(builtin_complexes(10.0), builtin_complexes(16.0), strict=True):
        assert a.molecular_weight == pytest.approx(b.molecular_weight, rel=0.25)
        assert a.diameter == pytest.approx(b.diameter, rel=0.1, abs=2 * 16)


@pytest.mark.parametrize(
    ("volume", "rate", "word"),
    [
        (np.ones((30, 30)), 10, "30 x 30"),  # an image
        (np.ones((10, 60, 60)), 10, "60 x 60 x 10"),  # a tomogram
        (ball(), 0, "no voxel size"),
        (np.zeros((20, 20, 20)), 10, "no positive density"),
        (-ball(), 10, "particle bright"),
        (ball(radius=2), 3, "less than 8 voxels"),
    ],
)
def test_one_line_for_a_map_that_is_none(tmp_path, volume, rate, word):
    path = write_map(tmp_path / "map.mrc", volume, rate)
    with pytest.raises(InputError, match=word) as refused:
        read_map(path, 10.0)
    assert "maps: " in str(refused.value) and str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_densities_that_are_not_numbers_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        complex_of("a", np.full((20, 20, 20), np.nan), 10.0, 10.0)


def test_files_that_are_not_mrc_are_refused(tmp_path):
    (tmp_path / "text.mrc").write_text("density " * 500)
    for name in ("text.mrc", "absent.mrc"):
        with pytest.raises(InputError, match=name):
            read_map(tmp_path / name, 10.0)


def test_the_maps_beside_the_project_have_the_volumes_of_the_paper(shared_data):
    volumes = {
        "1s3x": 104.1,
        "3qm1": 139.1,
        "3gl1": 207,
        "2cg9": 394.2,
        "3d2f": 521.9,
        "1u6g": 498.5,
        "3cf3": 1123,
        "1bxn": 978.9,
        "1qvr": 1255,
        "4cr2": 3085,
    }  # nm3, table 1 of SHREC 2020
    for name, volume in volumes.items():
        which = read_map(shared_data / "maps_10A" / f"{name}.mrc", 10.0)
        assert 0.65 < which.voxels / volume < 1.5, name
