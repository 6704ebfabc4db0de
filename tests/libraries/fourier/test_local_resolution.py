"""Resolution at each voxel: a map whose one side is noise, and a wave's amplitude wherever its crest lies."""

import numpy as np
import pytest
import scipy.fft

from tomo_particles.fourier.local_resolution import local_resolution, monogenic_amplitude
from tomo_particles.fourier.shell_correlation import half_shells

EDGE = 32
Z, Y, X = np.indices((EDGE,) * 3) - EDGE // 2
BALL = (X**2 + Y**2 + Z**2 < 12**2).astype(float)


def signal(last: float) -> np.ndarray:
    shells, _ = half_shells(EDGE)
    white = scipy.fft.rfftn(np.random.default_rng(3).standard_normal((EDGE,) * 3))
    return 8 * BALL * scipy.fft.irfftn(white * np.exp(-((shells / last) ** 2)), s=(EDGE,) * 3)


def halves(of: np.ndarray) -> list[np.ndarray]:
    return [of + np.random.default_rng(seed).standard_normal((EDGE,) * 3) for seed in (1, 2)]


def test_the_side_of_a_map_that_is_noise_is_coarse():
    found = local_resolution(*halves(signal(11) * (X > 0)), BALL, 320.0)
    right, left = found[(BALL > 0) & (X > 4)], found[(BALL > 0) & (X < -7)]
    assert np.median(right) < 30 and np.median(left) > 80
    assert set(np.unique(found[BALL == 0])) == {0.0} and found.dtype == np.float32


def test_noise_has_the_coarsest_and_finer_signal_a_finer_resolution():
    medians = [np.median(local_resolution(*halves(of), BALL, 320.0)[BALL > 0]) for of in (0 * BALL, signal(4), signal(11))]
    assert medians[0] == pytest.approx(160) and medians[0] > 2 * medians[1] > 2 * medians[2]


def test_the_amplitude_of_a_wave_is_its_height_everywhere():
    wave = 3 * np.cos(2 * np.pi * 4 * X / EDGE + 0.4)
    k = np.fft.fftfreq(EDGE, 1 / EDGE)
    integers = (k[:, None, None], k[None, :, None], np.arange(EDGE // 2 + 1.0)[None, None, :])
    radius = np.sqrt(sum(np.square(one) for one in integers))
    assert monogenic_amplitude(scipy.fft.rfftn(wave), integers, radius) == pytest.approx(3, abs=1e-6)
