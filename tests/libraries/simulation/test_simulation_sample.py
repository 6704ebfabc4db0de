"""Samples: nothing overlaps, everything lies inside, and tables, volumes and densities say the same."""

import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.geometry.orientations import rotation_of, turned
from tomo_particles.simulation import add_ice_noise, build_sample, builtin_complexes
from tomo_particles.simulation.outputs import species_ids
from tomo_particles.simulation.sample import PROTEIN_CONTRAST, SPLINE_ORDER

SIZE = (80, 72, 56)


@pytest.fixture(scope="module")
def complexes():
    return builtin_complexes(10.0)


@pytest.fixture(scope="module")
def sample(complexes):
    counts = [4, 3, 2, 2, 2, 1, 1]
    return build_sample("tomo_1", SIZE, complexes, counts, beads=3, vesicles=1, rng=np.random.default_rng(3))


def placed(template, position, shape):
    """A template (z, y, x) in an empty volume with its centre voxel at x, y, z."""
    half = len(template) // 2
    roomy = np.zeros(np.array(shape) + 2 * half, dtype=np.float32)
    start = np.rint(position[::-1]).astype(int)
    roomy[tuple(slice(a, a + len(template)) for a in start)] = template
    return roomy[half:-half, half:-half, half:-half]


def test_every_particle_is_the_template_turned_by_its_angles_at_its_position(sample, complexes):
    by_name = {which.name: which for which in complexes}
    rebuilt = np.zeros_like(sample.protein)
    for number, (position, angles, name) in enumerate(
        zip(sample.truth.positions, sample.truth.angles, sample.truth.species, strict=True), start=1
    ):
        if name in by_name:
            template = turned(by_name[name].density, rotation_of(angles)[0], order=SPLINE_ORDER)
            rebuilt += PROTEIN_CONTRAST * placed(template, position, rebuilt.shape)
            mask = placed(template >= by_name[name].level, position, rebuilt.shape) > 0
            assert np.array_equal(mask, sample.occupancy == number), f"particle {number}, {name}"
    assert rebuilt == pytest.approx(sample.protein, abs=1e-4)


def test_masks_never_overlap_and_whole_particles_lie_inside(sample, complexes):
    # A part that another particle had overwritten, or that was cut off, would be missing here
    for which in complexes:
        sizes = [(sample.occupancy == row + 1).sum() for row in np.flatnonzero(sample.truth.species == which.name)]
        assert np.abs(np.array(sizes) / which.voxels - 1).max() < 0.25


def test_class_and_occupancy_volumes_agree_with_the_table(sample, complexes):
    ids = species_ids(complexes)
    classes = sample.species_volume(ids)
    assert classes.dtype == np.int8 and classes.shape == SIZE[::-1]
    assert list(ids.values()) == list(range(1, len(complexes) + 5))
    for row, name in enumerate(sample.truth.species):
        assert set(classes[sample.occupancy == row + 1]) == {ids[name]}
    assert ((classes > 0) == (sample.occupancy > 0)).all()
    assert set(np.unique(sample.occupancy)) == set(range(len(sample.truth) + 1))


def test_the_mean_contrast_is_a_proteins_and_beads_stand_far_out(sample):
    rows = {name: np.flatnonzero(sample.truth.species == name) + 1 for name in set(sample.truth.species)}
    protein = np.isin(sample.occupancy, np.concatenate([rows[n] for n in rows if n not in ("bead", "vesicle")]))
    assert sample.protein[protein].mean() == pytest.approx(PROTEIN_CONTRAST, rel=0.1)
    bead = np.isin(sample.occupancy, rows["bead"])
    assert 12 < sample.other[bead].mean() / PROTEIN_CONTRAST < 20
    assert bead.sum() / len(rows["bead"]) == pytest.approx(4 / 3 * np.pi * 5.0**3, rel=0.1)  # 10 nm of 1 nm voxels
    assert np.isnan(sample.truth.angles[np.concatenate([rows["bead"], rows["vesicle"]]) - 1]).all()


def test_a_vesicle_is_a_hollow_shell_of_two_leaflets(sample):
    row = int(np.flatnonzero(sample.truth.species == "vesicle")[0])
    x, y, z = sample.truth.positions[row].astype(int)
    membrane = sample.occupancy[z, y] == row + 1
    assert not membrane[x] and membrane[:x].any() and membrane[x + 1 :].any()
    wall = np.flatnonzero(membrane[x:]) + x
    profile = sample.other[z, y, wall[wall < wall[0] + 9]]
    assert profile[len(profile) // 2] < 0.5 * profile.max()  # the fatty middle between the head groups


def test_the_same_seed_gives_the_same_sample_and_another_another(complexes):
    make = lambda seed: build_sample("t", (48, 48, 48), complexes[:2], [3, 3], rng=np.random.default_rng(seed))  # noqa: E731
    assert np.array_equal(make(1).occupancy, make(1).occupancy) and np.array_equal(make(1).other, make(1).other)
    assert not np.array_equal(make(1).occupancy, make(2).occupancy)


def test_orientations_are_spread_over_all_rotations(complexes):
    sample = build_sample("t", (120, 120, 100), complexes[:1], [300], rng=np.random.default_rng(0))
    axes = rotation_of(sample.truth.angles).apply([0, 0, 1])
    assert np.abs(axes.mean(axis=0)).max() < 0.12 and np.abs((axes**2).mean(axis=0) - 1 / 3).max() < 0.08


def test_the_ice_has_the_noise_it_was_given(complexes):
    sample = build_sample("t", (64, 64, 48), complexes[:1], [1], rng=np.random.default_rng(0))
    add_ice_noise(sample, 0.01, rng=np.random.default_rng(0))
    assert sample.other.std() == pytest.approx(0.01, rel=0.02) and sample.other.dtype == np.float32


def test_what_does_not_fit_is_left_out_and_said(complexes):
    sample = build_sample("t", (64, 64, 40), [complexes[-1], complexes[0]], [200, 5], rng=np.random.default_rng(0))
    fitted = (sample.truth.species == "twosubunits").sum()
    assert 0 < fitted < 200 and sample.notes == [f"{fitted} of 200 twosubunits fitted"]
    assert (sample.truth.species == "globule").sum() == 5  # the small ones still find their gaps


def test_distractors_that_do_not_fit_are_said_too(complexes):
    sample = build_sample("t", (48, 48, 40), complexes[:1], [3], vesicles=9, rng=np.random.default_rng(0))
    assert 0 < (sample.truth.species == "vesicle").sum() < 9 and "of 9 vesicle fitted" in sample.notes[0]
    fine = builtin_complexes(5.0)
    sample = build_sample("t", (64, 64, 40), fine[:1], [3], vesicles=1, rng=np.random.default_rng(0))  # 20 nm thick
    assert sample.notes == ["0 of 1 vesicle fitted"]


def test_particles_touch_in_a_crowd(complexes):
    sample = build_sample("t", (64, 64, 48), complexes[3:4], [60], rng=np.random.default_rng(0))
    left, right = sample.occupancy[..., :-1], sample.occupancy[..., 1:]
    assert ((left != right) & (left > 0) & (right > 0)).any()


def test_a_volume_in_which_nothing_fits_and_too_many_objects_are_refused(complexes):
    with pytest.raises(InputError, match=r"^size: not one particle"):
        build_sample("t", (64, 64, 16), complexes[-1:], [3], rng=np.random.default_rng(0))
    with pytest.raises(InputError, match=r"^counts: at most 65535"):
        build_sample("t", (64, 64, 32), complexes[:1], [70_000], rng=np.random.default_rng(0))
