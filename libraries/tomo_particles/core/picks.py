"""Picks of one tomogram as one checked struct of arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .coordinates import require_places, rescale_positions, same_sampling_rate
from .errors import InputError

NO_SPECIES = "None"  # in files, stands for an unknown species: Xmipp cannot read an empty word


def _column(value: Any, n: int, shape: tuple[int, ...], dtype: type, fill: Any) -> np.ndarray:
    if value is None:
        return np.full((n, *shape), fill, dtype=dtype)
    array: np.ndarray = np.asarray(value, dtype=dtype)
    if array.shape != (n, *shape):
        raise ValueError(f"expected an array of shape {(n, *shape)}, received {array.shape}")
    return array


@dataclass(frozen=True)
class Picks:
    """Picks of one tomogram at one sampling rate; every array has the length n.

    positions: (n, 3) x, y, z, voxels, voxel centres at integers.  sampling_rate: Å/voxel.
    picker: (n,) id of the picker, int.  score: (n,) the picker's own score, NaN where it gave none.
    angles: (n, 3) rot, tilt, psi, degrees, Xmipp's ZYZ convention, NaN where unknown.
    group: (n,) the group id a picker gave (vesicle, mesh...), 0 where none.
    species: (n,) name of the species, as the picker gave it, str, empty where unknown.
    further: (n,) texts by label: columns of its file that mean nothing here, for a file of the same kind; empty: none.
    Raises InputError for positions that are no places and for a sampling rate that is not positive.
    """

    tomo_id: str
    positions: np.ndarray
    sampling_rate: float
    picker: Any = None  # arrays after construction; None: the default for an unknown value, see above
    score: Any = None
    angles: Any = None
    group: Any = None
    species: Any = None
    further: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        positions = np.asarray(self.positions, dtype=float).reshape(-1, 3)
        n = len(positions)
        require_places(positions, f"tomogram '{self.tomo_id}'")
        if not (np.isfinite(self.sampling_rate) and self.sampling_rate > 0):
            raise InputError(
                f"tomogram '{self.tomo_id}': sampling rate must be positive (Å/voxel), received {self.sampling_rate}"
            )
        set_ = lambda name, value: object.__setattr__(self, name, value)  # noqa: E731  frozen dataclass
        set_("positions", positions)
        set_("picker", _column(self.picker, n, (), np.int64, 0))
        set_("score", _column(self.score, n, (), np.float64, np.nan))
        set_("angles", _column(self.angles, n, (3,), np.float64, np.nan))
        set_("group", _column(self.group, n, (), np.int64, 0))
        set_("species", _column(self.species, n, (), object, ""))

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, index: np.ndarray | slice) -> Picks:
        """The picks that a slice, a boolean mask or an index array selects."""
        return replace(
            self,
            positions=self.positions[index],
            picker=self.picker[index],
            score=self.score[index],
            angles=self.angles[index],
            group=self.group[index],
            species=self.species[index],
            further={label: values[index] for label, values in self.further.items()},
        )

    def further_of(self, label: str) -> np.ndarray:
        """(n,) texts of one of the further columns, empty where there are none."""
        return self.further[label] if label in self.further else np.full(len(self), "", dtype=object)

    def at_sampling_rate(self, rate: float) -> Picks:
        """The same physical points in voxels of `rate` Å."""
        return replace(self, positions=rescale_positions(self.positions, self.sampling_rate, rate), sampling_rate=rate)

    @staticmethod
    def concatenate(parts: Sequence[Picks]) -> Picks:
        """Joins several Picks of the same tomogram and sampling rate, in the given order."""
        first = parts[0]
        for part in parts:
            if part.tomo_id != first.tomo_id or not same_sampling_rate(part.sampling_rate, first.sampling_rate):
                raise ValueError(
                    f"cannot join picks of {part.tomo_id} at {part.sampling_rate} Å with those of "
                    f"{first.tomo_id} at {first.sampling_rate} Å"
                )
        labels = dict.fromkeys(label for part in parts for label in part.further)
        join = lambda name: np.concatenate([getattr(p, name) for p in parts])  # noqa: E731
        return Picks(
            first.tomo_id,
            join("positions"),
            first.sampling_rate,
            join("picker"),
            join("score"),
            join("angles"),
            join("group"),
            join("species"),
            {label: np.concatenate([p.further_of(label) for p in parts]) for label in labels},
        )
