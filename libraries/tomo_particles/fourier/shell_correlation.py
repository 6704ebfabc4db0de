"""Fourier shell correlation (FSC) of two half maps, and the resolution that it says.

Harauz & van Heel, Optik 73, 1986; the correction for the mask: Chen et al., Ultramicroscopy 135, 2013.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.fft

COVERED = 0.1  # of the most seen frequency: what is seen less does not count in a correlation
RANDOM_FROM = 0.8  # phases are randomised from the shell where the correlation first falls below it


@dataclass(frozen=True)
class HalfMapCorrelation:
    """Correlations by shell (shells,), shell s at the frequency s / edge of the box; NaN where a shell holds nothing.

    masked: of the maps times the mask.  randomised: of the same with random phases from shell `random_from` on: what the mask
    alone correlates.  corrected: `masked` without that part.
    """

    unmasked: np.ndarray
    masked: np.ndarray
    randomised: np.ndarray
    corrected: np.ndarray
    random_from: int


def shell_correlation(one: np.ndarray, other: np.ndarray, shells: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(shells,) correlation of two spectra of any shape in each shell; NaN in a shell without weight or without values.

    shells: the number of the shell of each frequency.  weights: how often each frequency counts, 0 for never.
    """
    count = int(shells.max()) + 1
    total = lambda values: np.bincount(shells.ravel(), (values * weights).ravel(), minlength=count)  # noqa: E731
    cross = total((one * other.conj()).real)
    power = np.sqrt(total(np.square(np.abs(one))) * total(np.square(np.abs(other))))
    return np.divide(cross, power, out=np.full(count, np.nan), where=power > 0)


def half_shells(edge: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of the shell of each frequency of the half spectrum of a cube, and how often each counts; none beyond Nyquist."""
    k = np.fft.fftfreq(edge, 1 / edge)
    x = np.arange(edge // 2 + 1)
    shells = np.rint(np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + x[None, None, :] ** 2)).astype(int)
    both = (x > 0) & (2 * x != edge)  # k and -k stand for one value, but in the first and the last plane
    weights = np.where(both, 2.0, 1.0) * (shells <= edge // 2)
    return np.minimum(shells, edge // 2), weights


def correlate_halves(
    one: np.ndarray, other: np.ndarray, mask: np.ndarray, seen: np.ndarray | None = None, seed: int = 1
) -> HalfMapCorrelation:
    """The correlation of two half maps (n, n, n), without and with a soft mask.

    seen: bool, of the half spectrum (`scipy.fft.rfftn`): frequencies that count; None for all.
    """
    shells, weights = half_shells(one.shape[0])
    weights = weights if seen is None else weights * seen
    spectra = [scipy.fft.rfftn(np.asarray(half, dtype=np.float64)) for half in (one, other)]

    def through_mask(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return shell_correlation(scipy.fft.rfftn(mask * one), scipy.fft.rfftn(mask * other), shells, weights)

    unmasked, masked = shell_correlation(spectra[0], spectra[1], shells, weights), through_mask(one, other)
    start = last_shell(unmasked, RANDOM_FROM) + 1
    rng = np.random.default_rng(seed)
    noisy = [scipy.fft.irfftn(_random_phases(half, shells >= start, rng), s=one.shape) for half in spectra]
    randomised = through_mask(noisy[0], noisy[1])
    corrected = masked.copy()
    corrected[start:] = (masked[start:] - randomised[start:]) / np.maximum(1 - randomised[start:], 1e-6)
    return HalfMapCorrelation(unmasked, masked, randomised, corrected, start)


def _random_phases(spectrum: np.ndarray, where: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Amplitudes kept, phases those of white noise, so that the map stays real."""
    edge = spectrum.shape[0]
    noise = scipy.fft.rfftn(rng.standard_normal((edge,) * 3))
    return np.where(where, np.abs(spectrum) * noise / np.maximum(np.abs(noise), 1e-30), spectrum)


def last_shell(fsc: np.ndarray, threshold: float) -> int:
    """The last shell before the correlation first falls below a threshold, 0 for none; shell 0 and empty ones do not count."""
    below = np.flatnonzero(fsc[1:] < threshold)
    return int(below[0]) if len(below) else len(fsc) - 1


def crossing(fsc: np.ndarray, threshold: float) -> float | None:
    """The shell, a fraction, where the correlation first falls below a threshold; infinite if never, None if at once."""
    last = last_shell(fsc, threshold)
    if last == 0:
        return None
    if last == len(fsc) - 1:
        return float("inf")
    high, low = float(fsc[last]), float(fsc[last + 1])
    return last + (high - threshold) / (high - low) if high > low else float(last)


def resolution_text(fsc: np.ndarray, threshold: float, extent: float) -> str:
    """The resolution at a threshold in words: `28.3 A`, `Nyquist` where it never falls below, `none` from the first shell on.

    extent: edge of the box, Å.
    """
    shell = crossing(fsc, threshold)
    return "none" if shell is None else "Nyquist" if np.isinf(shell) else f"{extent / shell:.1f} A"


def fsc_table(fsc: HalfMapCorrelation, extent: float) -> pd.DataFrame:
    """A row a shell: frequency (1/Å), resolution (Å) and the correlations."""
    shells = np.flatnonzero(np.isfinite(fsc.unmasked))
    shells = shells[shells > 0]
    columns = {name: getattr(fsc, name)[shells] for name in ("unmasked", "masked", "randomised", "corrected")}
    return pd.DataFrame({"shell": shells, "frequency": shells / extent, "resolution": extent / shells, **columns})
