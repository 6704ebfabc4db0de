"""How far picks lie from each other: what is one particle seen twice, and what are two neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

CLOSEST = 5  # percentile of the distances between neighbours that stands for the closest: fewer would be doubled picks


@dataclass(frozen=True)
class Spacing:
    """Distances in the unit of the positions. neighbours: (n,) from each pick to the nearest one of the same picker.

    partners: (m,) from each pick to the nearest one of any other picker.
    """

    neighbours: np.ndarray
    partners: np.ndarray

    @property
    def closest(self) -> float:
        """How near neighbours come, about the particle's diameter where they are crowded; NaN if no picker has two picks."""
        return float(np.percentile(self.neighbours, CLOSEST)) if len(self.neighbours) else float("nan")

    @property
    def radius(self) -> float:
        """Proposal for the radius within which picks are the same particle: half of `closest`, so that neighbours stay apart."""
        return self.closest / 2

    def share_within(self, radius: float) -> float:
        """Share of the picks that have a partner of another picker within the radius."""
        return float(np.mean(self.partners <= radius)) if len(self.partners) else 0.0


def measure_spacing(pickings: Sequence[Mapping[str, np.ndarray]]) -> Spacing:
    """Distances between the picks of several pickers, each (n, 3) positions by tomogram, all in one unit."""
    from scipy.spatial import cKDTree

    neighbours: list[np.ndarray] = []
    partners: list[np.ndarray] = []
    for tomo_id in sorted(set().union(*pickings)):
        clouds = [picking[tomo_id] for picking in pickings if len(picking.get(tomo_id, ()))]
        for k, cloud in enumerate(clouds):
            if len(cloud) > 1:
                neighbours.append(cKDTree(cloud).query(cloud, k=2)[0][:, 1])
            if len(clouds) > 1:
                others = np.concatenate([other for j, other in enumerate(clouds) if j != k])
                partners.append(cKDTree(others).query(cloud)[0])
    return Spacing(*(np.concatenate(parts) if parts else np.zeros(0) for parts in (neighbours, partners)))
