"""All that two half maps say of their resolution: by shell, by direction, and at each voxel."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy.fft

from .directional_correlation import BAND, OCCUPIED, DirectionalCorrelation, correlate_directions
from .local_resolution import local_resolution
from .shell_correlation import COVERED, HalfMapCorrelation, correlate_halves, crossing, half_shells, resolution_text

NOTHING = 1e-3  # of the amplitude of a shell: less is the rounding of a frequency that no tilt series saw
UNEVEN = 0.01  # probability of the Bingham test below which the directions differ


@dataclass(frozen=True)
class MapResolution:
    """extent: edge of the box, Å.  fsc: by shell.  directional: by direction.  local: (n, n, n) Å, 0 outside the mask."""

    extent: float
    fsc: HalfMapCorrelation
    directional: DirectionalCorrelation
    local: np.ndarray

    @property
    def occupied(self) -> str:
        """The resolution at FSO 0.5, in words."""
        return resolution_text(self.directional.occupancy, OCCUPIED, self.extent)

    @property
    def band(self) -> list[str]:
        """The resolutions at FSO 0.9 and 0.1, in words."""
        return [resolution_text(self.directional.occupancy, share, self.extent) for share in BAND]

    @property
    def local_spread(self) -> list[float]:
        """10 %, median and 90 % of the local resolution in the mask, Å."""
        return [round(float(value), 2) for value in np.percentile(self.local[self.local > 0], (10, 50, 90))]

    @property
    def uneven_from(self) -> int | None:
        """The first shell in which some, not all directions pass, and less evenly than by chance; None for none."""
        found = np.flatnonzero(np.nan_to_num(self.directional.isotropic, nan=1.0) < UNEVEN)
        return int(found[0]) if len(found) else None

    def occupancy_table(self) -> pd.DataFrame:
        """A row a shell: frequency (1/Å), resolution (Å), FSO, the share that noise would give, and p of the Bingham test."""
        own = self.directional
        shells = np.flatnonzero(np.isfinite(own.occupancy))
        shells = shells[shells > 0]
        columns = {"fso": own.occupancy, "noise": own.noise, "isotropic": own.isotropic}
        return pd.DataFrame(
            {"shell": shells, "frequency": shells / self.extent, "resolution": self.extent / shells}
            | {name: values[shells] for name, values in columns.items()}
        )

    def direction_table(self) -> pd.DataFrame:
        """A row a direction: x, y, z, azimuth and angle to z (degrees), resolution (Å, not finer than Nyquist; empty: none)."""
        own = self.directional
        x, y, z = own.directions.T
        finest = (own.fsc.shape[1] - 1) / self.extent
        found = [np.nan if s is None else 1 / min(s / self.extent, finest) for s in own.shells_of_directions()]
        angles = {"azimuth": np.degrees(np.arctan2(y, x)), "fromZ": np.degrees(np.arccos(z))}
        return pd.DataFrame({"x": x, "y": y, "z": z} | angles | {"resolution": found})


def resolution_of(
    one: np.ndarray,
    other: np.ndarray,
    mask: np.ndarray,
    extent: float,
    coverage: np.ndarray | None = None,
    *,
    cone: float = 17.0,
    threshold: float = 0.143,
    seed: int = 1,
) -> MapResolution:
    """Of two half maps (n, n, n) under a soft mask. extent: edge of the box, Å.

    coverage: (n, n, n) how often each frequency was seen, frequency 0 at the centre voxel, as averages have it. None: all count
    at which the halves hold anything.
    """
    seen = seen_of(coverage) if coverage is not None else both_hold(one, other)
    fsc = correlate_halves(one, other, mask, seen, seed)
    directional = correlate_directions(one, other, mask, fsc, seen, cone=cone, threshold=threshold)
    return MapResolution(extent, fsc, directional, local_resolution(one, other, mask, extent))


def seen_of(coverage: np.ndarray) -> np.ndarray:
    """bool, of the half spectrum: what was seen often enough."""
    half = np.fft.ifftshift(coverage)[..., : coverage.shape[0] // 2 + 1]
    return np.asarray(half >= COVERED * half.max())


def both_hold(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """bool, of the half spectrum: frequencies at which a half is not empty, as both are where no tilt series saw anything."""
    shells, weights = half_shells(one.shape[0])
    power = sum(np.square(np.abs(scipy.fft.rfftn(np.asarray(half, dtype=np.float64)))) for half in (one, other))
    of_shell = np.bincount(shells.ravel(), (power * weights).ravel()) / np.maximum(
        np.bincount(shells.ravel(), weights.ravel()), 1
    )
    return np.asarray(power > NOTHING**2 * of_shell[shells])


def angstrom(fsc: np.ndarray, threshold: float, extent: float) -> float | None:
    """The resolution at a threshold; None for none, and where the correlation never falls below."""
    shell = crossing(fsc, threshold)
    return None if shell is None or np.isinf(shell) else round(extent / shell, 2)
