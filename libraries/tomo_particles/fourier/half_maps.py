"""Whether two maps can be independent halves: a half and the whole, or a half and a filtered map, agree too well."""

from __future__ import annotations

import numpy as np
import scipy.fft

from .shell_correlation import half_shells, shell_correlation

EMPTY = 1e-6  # of the power of the other map: a shell that a filter emptied
NOTHING = 1e-10  # of the strongest shell: less is the rounding of the file
OUTER = 0.75  # of Nyquist: noise alone, as a rule. Independent halves do not correlate there, a half and the whole by 0.7
ALIKE = (0.6, 0.93)  # correlation there; halves that are equal in all shells show nothing
SAME_POWER = 0.25  # relative: of a half, and of what is left of the whole without it
OPPOSED = -0.2  # correlation of these two: what is left of a second half without the first one is turned against it


def holds_other(one: np.ndarray, other: np.ndarray) -> bool:
    """Whether the map `other` (n, n, n) is the sum or the mean of the half `one` and another half.

    The rest of a whole without one half is the other half, as strong as this one. The rest of a half without the other half is
    stronger, or has the opposite sign.
    """
    shells, weights = half_shells(one.shape[0])
    outer = weights * (shells > OUTER * one.shape[0] / 2)
    zero = np.zeros_like(shells)  # all outer frequencies together
    half, whole = (scipy.fft.rfftn(np.asarray(volume, dtype=np.float64)) for volume in (one, other))
    if not ALIKE[0] < float(shell_correlation(half, whole, zero, outer)[0]) < ALIKE[1]:
        return False
    power = (np.square(np.abs(half)) * outer).sum()
    rests = (2 * whole - half, whole - half)  # of the mean, of the sum
    return any(
        abs((np.square(np.abs(rest)) * outer).sum() / power - 1) < SAME_POWER
        and shell_correlation(half, rest, zero, outer)[0] > OPPOSED
        for rest in rests
    )


def emptied_from(one: np.ndarray, other: np.ndarray) -> int | None:
    """The first shell from which on a filter emptied `other` (n, n, n), while `one` holds something; None for none."""
    shells, weights = half_shells(one.shape[0])
    count = one.shape[0] // 2 + 1
    transforms = [scipy.fft.rfftn(np.asarray(volume, dtype=np.float64)) for volume in (one, other)]
    power = [np.bincount(shells.ravel(), (np.square(np.abs(own)) * weights).ravel(), count) for own in transforms]
    first, second = (own / max(float(own.max()), 1e-300) for own in power)
    held = first > NOTHING
    full = np.flatnonzero(held & (second > EMPTY * first))
    after = np.flatnonzero(held & (np.arange(count) > (full[-1] if len(full) else 0)))
    return int(after[0]) if len(after) else None
