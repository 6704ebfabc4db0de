"""The table of species (classes.csv of the simulator): weight, diameter, and which are distractors."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from ..core.errors import InputError, parameter
from ..core.files import require_file, without_comments

DISTRACTORS = ("bead", "vesicle", "carbon", "contaminant")  # never particles, even where no table says so
SIZE_GROUPS = ("small", "medium", "large")
SMALL_BELOW, LARGE_ABOVE = 200.0, 600.0  # kDa (SHREC 2020, table 5)
COLUMNS = ("class", "diameter")


@dataclass(frozen=True)
class Species:
    """One species: molecular weight in kDa (NaN where unknown), diameter in Å, whether it is a distractor; its volume in voxels
    of the tomograms (NaN where unknown)."""

    name: str
    weight: float
    diameter: float
    distractor: bool
    voxels: float = field(default=float("nan"), compare=False)

    @property
    def size_group(self) -> str:
        """small, medium or large; empty where the weight is unknown."""
        if not self.weight > 0:
            return ""
        return SIZE_GROUPS[(self.weight >= SMALL_BELOW) + (self.weight > LARGE_ABOVE)]


def read_species(path: str | os.PathLike, option: str = parameter("classes")) -> dict[str, Species]:
    """Species by name from a CSV with the columns class, diameter[, molecular_weight, distractor].

    Raises InputError naming file and option for a file that is no such table.
    """
    require_file(path, option)
    try:
        table = pd.read_csv(
            without_comments(Path(path).read_bytes()),
            dtype={"class": str},
            skipinitialspace=True,
            index_col=False,
            keep_default_na=False,
        )
    except ValueError as error:
        raise InputError(
            f"{option}: '{path}' is not a CSV file ({str(error).splitlines()[0]}); "
            "expected a header id,class,molecular_weight,diameter,voxels,distractor"
        ) from error
    if missing := [name for name in COLUMNS if name not in table]:
        raise InputError(
            f"{option}: '{path}' lacks the column {missing[0]}; expected "
            f"id,class,molecular_weight,diameter,voxels,distractor, found {','.join(map(str, table.columns))}"
        )
    if (wrong := table["class"].duplicated() | (table["class"].fillna("") == "")).any():
        name = table["class"][wrong].iloc[0]
        raise InputError(f"{option}: '{path}' has no name or several rows for the class '{name}'; give each class one row")
    diameter, weight, distractor, voxels = (
        pd.to_numeric(table[name], errors="coerce") if name in table else pd.Series(np.nan, table.index)
        for name in ("diameter", "molecular_weight", "distractor", "voxels")
    )
    if (~(diameter > 0)).any():
        row = int(np.argmax(~(diameter > 0)))
        raise InputError(
            f"{option}: '{path}', class '{table['class'][row]}': diameter is '{table['diameter'][row]}', "
            "not a positive number of Å; correct that row"
        )
    return {
        name: Species(name, float(w), float(d), bool(flag > 0) or name in DISTRACTORS, float(v))
        for name, w, d, flag, v in zip(table["class"], weight, diameter, distractor, voxels, strict=True)
    }


def mean_f1_by_group(f1: Mapping[str, float], known: Mapping[str, Species]) -> dict[str, float]:
    """Mean F1 of the species of every size group that has any (SHREC 2020, table 6)."""
    members: dict[str, list[float]] = {name: [] for name in SIZE_GROUPS}
    for name, value in f1.items():
        if name in known and known[name].size_group:
            members[known[name].size_group].append(value)
    return {group: float(np.mean(values)) for group, values in members.items() if values}


def radii_of(names: Sequence[str], known: Mapping[str, Species], voxel_size: float) -> np.ndarray:
    """(n,) half the diameter of the species of each particle, voxels of `voxel_size` Å. Raises KeyError for an unknown one."""
    return np.array([known[name].diameter / (2 * voxel_size) for name in names], dtype=float)
