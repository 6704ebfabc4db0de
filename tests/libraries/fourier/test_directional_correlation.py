"""Correlation by direction: maps that agree everywhere, a missing wedge, one damaged cone, noise."""

import numpy as np
import pytest
import scipy.fft

from tomo_particles.fourier.directional_correlation import (
    DIRECTIONS,
    bingham,
    correlate_directions,
    half_sphere,
)
from tomo_particles.fourier.filters import wedge_mask
from tomo_particles.fourier.map_resolution import resolution_of
from tomo_particles.fourier.shell_correlation import correlate_halves, half_shells

EDGE = 32
SHELLS, _ = half_shells(EDGE)
ALL = np.ones((EDGE,) * 3)


def noise(seed: int) -> np.ndarray:
    return scipy.fft.rfftn(np.random.default_rng(seed).standard_normal((EDGE,) * 3))


def half_maps(seed: int = 1, last: float = 9.0, keep: np.ndarray | float = 1.0) -> list[np.ndarray]:
    """Two halves that agree up to about shell `last`, in all directions; keep: factor of the signal by frequency."""
    signal = noise(100 * seed) * 8 * (last >= SHELLS) * keep
    return [scipy.fft.irfftn(signal + noise(100 * seed + number), s=(EDGE,) * 3) for number in (1, 2)]


def directional(one, other, seen=None):
    return correlate_directions(one, other, ALL, correlate_halves(one, other, ALL, seen), seen)


def angle_to(direction, axis):
    return np.degrees(np.arccos(np.minimum(1, np.abs(direction @ np.asarray(axis)))))


def test_directions_cover_half_a_sphere_evenly():
    directions = half_sphere()
    assert directions.shape == (DIRECTIONS, 3) == (321, 3)
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1) and directions[:, 2].min() >= 0
    assert directions.T @ directions / 321 == pytest.approx(np.eye(3) / 3, abs=0.01)
    nearest = np.sort(np.abs(directions @ directions.T), axis=1)[:, -2]
    assert np.degrees(np.arccos(nearest)).min() > 3.5


def test_halves_that_agree_in_all_directions_have_a_narrow_band():
    found = resolution_of(*half_maps(last=9), ALL, 320.0)
    occupancy = found.directional.occupancy
    assert occupancy[4:10].min() > 0.95 and occupancy[12:].max() < 0.3
    assert 32 <= float(found.occupied.split()[0]) <= 36  # shell 9 to 10 of 320 A
    high = float(found.band[0].split()[0])
    assert 32 <= high <= 36 and found.uneven_from is None
    resolutions = found.direction_table()["resolution"]
    assert resolutions.notna().all() and resolutions.median() == pytest.approx(33, abs=3)


def test_what_the_tilt_series_did_not_see_fails_and_is_named():
    seen = wedge_mask((EDGE,) * 3, (-60, 60))
    one, other = (scipy.fft.irfftn(scipy.fft.rfftn(half) * seen, s=(EDGE,) * 3) for half in half_maps(last=9))
    found = resolution_of(one, other, ALL, 320.0)
    lost = found.direction_table()
    lost = lost[lost["resolution"].isna()][[*"xyz"]].to_numpy()
    tilted = np.degrees(np.arctan2(np.abs(lost[:, 0]), lost[:, 2]))
    assert 0.2 < len(lost) / 321 < 0.4 and np.median(tilted) < 20 and (tilted < 40).mean() > 0.95  # the wedge is about z
    assert found.directional.occupancy[5:9] == pytest.approx(0.67, abs=0.06)
    assert found.band[0] == "none" and found.uneven_from is not None


def test_one_damaged_cone_is_found():
    axis = np.array([2.0, 1.0, 2.0]) / 3
    k = np.fft.fftfreq(EDGE, 1 / EDGE)
    z, y, x = np.meshgrid(k, k, np.arange(EDGE // 2 + 1), indexing="ij")
    beside = np.abs(x * axis[0] + y * axis[1] + z * axis[2]) / np.maximum(np.sqrt(x**2 + y**2 + z**2), 1e-9)
    found = directional(*half_maps(last=12, keep=beside < np.cos(np.radians(45))))
    shell = 9
    failed = found.directions[~found.passed[:, shell]]
    assert angle_to(found.directions[np.nanargmin(found.fsc[:, shell])], axis) < 45
    assert np.median(angle_to(failed, axis)) < 30 and 0.08 < len(failed) / 321 < 0.25
    assert found.isotropic[shell] < 0.01


def test_a_coverage_map_takes_out_frequencies_that_are_not_empty():
    one, other = half_maps(last=12)
    wedge = wedge_mask((EDGE,) * 3, (-60, 60)).astype(float)
    full = np.zeros((EDGE,) * 3)
    full[..., : EDGE // 2 + 1] = wedge
    full[..., EDGE // 2 + 1 :] = np.roll(wedge[::-1, ::-1], 1, axis=(0, 1))[..., 1:-1][..., ::-1]  # -k stands for k
    found = resolution_of(one, other, ALL, 320.0, np.fft.fftshift(full))
    assert found.directional.occupancy[9] == pytest.approx(0.67, abs=0.06)
    assert resolution_of(one, other, ALL, 320.0).directional.occupancy[9] > 0.95


def test_noise_passes_in_as_many_directions_as_is_said():
    found = [directional(*half_maps(seed=seed, last=0)) for seed in range(1, 6)]
    measured = np.mean([one.occupancy for one in found], axis=0)
    assert measured[3:] == pytest.approx(found[0].noise[3:], abs=0.12)
    assert found[0].noise[4] > 0.3 > 0.1 > found[0].noise[15]


def test_the_null_of_the_test_for_evenness():
    # The contract's n of 23 x share rejects nothing: the cones' weights fall from the axis, and the directions are fixed
    p = []
    for seed in range(1, 13):
        one, other = (
            scipy.fft.irfftn(noise(100 * seed) * 2.5 * np.exp(-((SHELLS / 8) ** 2) / 2) + noise(100 * seed + n), s=(EDGE,) * 3)
            for n in (1, 2)
        )
        found = directional(one, other)
        middle = (found.occupancy > 0.15) & (found.occupancy < 0.9) & (np.arange(len(found.occupancy)) > 3)
        p += found.isotropic[middle].tolist()
    assert len(p) > 20 and np.mean(np.array(p) < 0.01) < 0.05 and 0.25 < np.median(p) < 0.8


def test_the_test_for_evenness_of_none_and_of_all():
    directions = half_sphere()
    assert np.isnan(bingham(directions[:0], directions, 17)) and bingham(directions, directions, 17) == 1
    assert bingham(directions[directions[:, 2] > 0.7], directions, 17) < 1e-4
