"""The numbers of SHREC 2020 (Gubins et al. 2020, section 2.2 and table 3) from the matches of a picking."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .matching import Matches


@dataclass(frozen=True)
class PickingMetrics:
    """Counts of a picking, and the metrics computed from them.

    reported (RR): picks.  found (TP): unique particles hit.  false (FP): picks that hit no particle; a surplus pick of a found
    particle is not false.  particles: how many there are.  multiple (MH): particles with more than one pick.  outside (RO): picks
    outside the volume, None where its size is unknown.  distance, distance_angstrom (AD): mean distance of the picks that count
    from the particles' centres, voxels and Å, NaN where nothing was found.
    """

    reported: int
    found: int
    false: int
    particles: int
    multiple: int
    outside: int | None = None
    distance: float = float("nan")
    distance_angstrom: float = float("nan")

    @property
    def missed(self) -> int:
        """FN: particles that no pick hit."""
        return self.particles - self.found

    @property
    def recall(self) -> float:
        return self.found / self.particles if self.particles else 0.0

    @property
    def precision(self) -> float:
        """Share of the reported picks that found a particle; surplus picks lower it."""
        return self.found / self.reported if self.reported else 0.0

    @property
    def miss_rate(self) -> float:
        return 1.0 - self.recall

    @property
    def f1(self) -> float:
        return self.f_beta(1.0)

    @property
    def f4(self) -> float:
        """F-beta with beta 4, as in the ranking of the CZII challenge: recall weighs sixteen times as much as precision."""
        return self.f_beta(4.0)

    def f_beta(self, beta: float) -> float:
        """(1 + b²) P R / (b² P + R), written in counts."""
        total = beta**2 * self.particles + self.reported
        return (1 + beta**2) * self.found / total if total else 0.0

    def as_dict(self) -> dict[str, float | int | None]:
        """The published names, in the order of table 3; None for what is not known."""
        known = lambda value: float(value) if np.isfinite(value) else None  # noqa: E731
        return {
            "RR": self.reported, "TP": self.found, "FP": self.false, "FN": self.missed, "MH": self.multiple, "RO": self.outside,
            "AD": known(self.distance), "AD_angstrom": known(self.distance_angstrom), "recall": self.recall,
            "precision": self.precision, "miss_rate": self.miss_rate, "F1": self.f1, "F4": self.f4,
        }  # fmt: skip


def metrics_of(
    matches: Matches,
    reported: np.ndarray,
    particles: int,
    outside: np.ndarray | None = None,
    voxel_size: float | np.ndarray = float("nan"),
) -> PickingMetrics:
    """Metrics of the reported picks (n,) bool among those of `matches`.

    particles: how many there are to find.  outside: (n,) bool, picks outside the volume.  voxel_size: Å, one or (n,).
    """
    hit = reported & (matches.particle >= 0)
    counts = reported & matches.counts
    picks_of_particle = np.bincount(matches.particle[hit]) if hit.any() else np.zeros(0, dtype=int)
    in_angstrom = matches.distance * voxel_size
    mean = lambda values: float(values[counts].mean()) if counts.any() else float("nan")  # noqa: E731
    return PickingMetrics(
        reported=int(reported.sum()),
        found=int(counts.sum()),
        false=int((reported & (matches.particle < 0)).sum()),
        particles=particles,
        multiple=int((picks_of_particle > 1).sum()),
        outside=None if outside is None else int((reported & outside).sum()),
        distance=mean(matches.distance),
        distance_angstrom=mean(in_angstrom),
    )
