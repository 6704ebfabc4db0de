"""What the pickers share: one file of picks of several tomograms, CSV or XMD by its ending, checked before the work."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from tomo_particles.core.picks import Picks

ENDINGS = (".csv", ".xmd")
MIN_BOX = 8  # voxels: the least box size of the other programs


def require_pick_file(path: str, option: str) -> str:
    """The path if its ending is that of a format of picks, else InputError."""
    if Path(path).suffix.lower() not in ENDINGS:
        raise InputError(f"{option}: '{path}' must end in .csv or .xmd; change its ending")
    return path


def require_distinct(paths: Sequence[str], option: str, what: str) -> tuple[str, ...]:
    """The paths if there are any and their file names differ, which are the ids in the output; else InputError."""
    seen: dict[str, str] = {}
    for path in paths:
        stem = Path(path).stem
        if stem in seen:
            raise InputError(f"{option}: '{seen[stem]}' and '{path}' are both called '{stem}', which names a {what}; rename one")
        seen[stem] = path
    return tuple(paths)


def box_size_of(diameter: float, sampling_rate: float) -> int:
    """An even box, voxels, with the particle (diameter in Å) and half as much around it: written as particleSize."""
    return max(MIN_BOX, 2 * round(0.75 * diameter / sampling_rate))


def write_pickings(path: str, pickings: Sequence[Picks], tomograms: Sequence[str], diameter: float) -> None:
    """Write the picks of several tomograms, given with the tomograms' paths in the same order.

    CSV: tomo_id,x,y,z,score[,class][,rot,tilt,psi],samplingRate.  XMD: the columns of `xmd.picks_columns`.
    """
    if Path(path).suffix.lower() == ".csv":
        from tomo_particles.core.files import write_csv_table

        write_csv_table(path, _table(pickings))
        return
    from tomo_particles.formats.xmd import join_tables, picks_columns, write_table

    table = join_tables(
        [
            picks_columns(picks, box_size_of(diameter, picks.sampling_rate), tomogram)
            for picks, tomogram in zip(pickings, tomograms, strict=True)
        ]
    )
    table["particleId"] = list(range(1, len(table["x"]) + 1))
    write_table(path, table)


def _table(pickings: Sequence[Picks]) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    columns: dict[str, object] = {"tomo_id": np.repeat([picks.tomo_id for picks in pickings], [len(picks) for picks in pickings])}
    positions = np.concatenate([picks.positions for picks in pickings])
    columns |= dict(zip("xyz", positions.T, strict=True))
    columns["score"] = np.concatenate([picks.score for picks in pickings])
    species = np.concatenate([picks.species for picks in pickings])
    if any(species):
        columns["class"] = species
    angles = np.concatenate([picks.angles for picks in pickings])
    if np.isfinite(angles).any():
        columns |= dict(zip(("rot", "tilt", "psi"), angles.T, strict=True))
    columns["samplingRate"] = np.concatenate([np.full(len(picks), picks.sampling_rate) for picks in pickings])
    return pd.DataFrame(columns)
