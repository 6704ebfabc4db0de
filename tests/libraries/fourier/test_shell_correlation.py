"""Fourier shell correlation: known correlations, masks that correlate by themselves, crossings."""

import numpy as np
import pytest

from tomo_particles.fourier.filters import filtered, low_pass
from tomo_particles.fourier.shell_correlation import (
    correlate_halves,
    crossing,
    fsc_table,
    half_shells,
    last_shell,
    resolution_text,
)

EDGE = 32


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((EDGE,) * 3)


@pytest.mark.parametrize("edge", [8, 9])
def test_every_frequency_counts_once(edge):
    shells, weights = half_shells(edge)
    k = np.fft.fftfreq(edge, 1 / edge)
    every = np.rint(np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + k[None, None, :] ** 2)).astype(int)
    expected = np.bincount(every.ravel())[: edge // 2 + 1]
    assert np.bincount(shells.ravel(), weights.ravel())[: edge // 2 + 1] == pytest.approx(expected)


def test_the_same_map_correlates_fully_whatever_its_scale_and_noise_does_not():
    mask = np.ones((EDGE,) * 3)
    same = correlate_halves(noise(1), 3 * noise(1) + 5, mask)
    assert same.unmasked[1:] == pytest.approx(1) and resolution_text(same.unmasked, 0.143, 320) == "Nyquist"
    other = correlate_halves(noise(1), noise(2), mask)
    assert np.abs(other.unmasked[4:]).max() < 0.15
    assert correlate_halves(noise(1), -noise(1), mask).unmasked[1:] == pytest.approx(-1)


def test_a_common_signal_up_to_20_voxels_is_found_there():
    signal = 20 * filtered(noise(3), low_pass((EDGE,) * 3, 10.0, 50.0))  # to shell 320 / 50 = 6.4, with an edge of 10 %
    fsc = correlate_halves(signal + noise(1), signal + noise(2), np.ones((EDGE,) * 3)).unmasked
    assert 6 <= crossing(fsc, 0.143) <= 8 and fsc[1:6].min() > 0.9
    assert 320 / 8 <= float(resolution_text(fsc, 0.143, 320).split()[0]) <= 320 / 6


def test_what_a_tight_mask_correlates_is_taken_away():
    z, y, x = np.indices((EDGE,) * 3) - EDGE // 2
    tight = ((np.abs(x) < 3) & (np.abs(y) < 3) & (np.abs(z) < 3)).astype(float)
    signal = 8 * filtered(noise(3), low_pass((EDGE,) * 3, 10.0, 80.0))
    offset = 4.0  # a mean under the mask is a signal of the mask's shape
    found = correlate_halves(signal + noise(1) + offset, signal + noise(2) + offset, tight)
    assert found.masked[8:].mean() > found.corrected[8:].mean() + 0.1
    assert found.corrected[1 : found.random_from] == pytest.approx(found.masked[1 : found.random_from])


def test_the_same_seed_gives_the_same_correction():
    mask = np.ones((EDGE,) * 3)
    one, other = (correlate_halves(noise(1), noise(2), mask, seed=7).corrected for _ in range(2))
    assert np.array_equal(one, other, equal_nan=True)


@pytest.mark.parametrize(
    ("fsc", "threshold", "shell", "text"),
    [
        ([np.nan, 1, 0.9, 0.4, 0.8], 0.5, 2.8, "35.7 A"),  # the first fall counts
        ([np.nan, 1, 0.9, 0.8, 0.7], 0.5, np.inf, "Nyquist"),
        ([np.nan, 0.1, 0.9, 0.8, 0.7], 0.5, None, "none"),
        ([1, 1, 0.5, 0.0], 0.5, 2.0, "50.0 A"),
    ],
)
def test_the_resolution_is_where_the_correlation_first_falls(fsc, threshold, shell, text):
    fsc = np.array(fsc, dtype=float)
    found = crossing(fsc, threshold)
    assert found is None if shell is None else found == pytest.approx(shell)
    assert resolution_text(fsc, threshold, 100.0) == text
    assert last_shell(fsc, threshold) == (0 if shell is None else len(fsc) - 1 if np.isinf(shell) else int(shell))


def test_the_table_has_a_row_a_shell():
    table = fsc_table(correlate_halves(noise(1), noise(1), np.ones((EDGE,) * 3)), 320.0)
    assert table["shell"].tolist() == list(range(1, EDGE // 2 + 1))
    assert table["resolution"].iloc[3] == pytest.approx(80) and table["frequency"].iloc[3] == pytest.approx(1 / 80)
