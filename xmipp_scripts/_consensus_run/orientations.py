"""The note of a run on orientations: how many there are, and which picker uses another convention."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tomo_particles.consensus.merged_picks import SPREAD
from tomo_particles.consensus.orientation_agreement import angles_to_merged, median_angles
from tomo_particles.formats.headers import ANGLES
from tomo_particles.formats.xmd import read_picks
from tomo_particles.geometry.symmetry import agreement_angle, symmetry_group

from .finished import FinishedRun


def orientation_summary(run: FinishedRun, table: pd.DataFrame, good: np.ndarray) -> dict:
    """For the summary; {} where no pick has an orientation.

    merged, accepted: how many have one.  compared: how many of the accepted have those of several pickers.
    medianDisagreement: of these, degrees; None for none.  agreeWithin: orientations so near agree, degrees.
    pickers: by name, the median angle of its orientations to those of all merged picks that other pickers saw too.
    """
    if not table["rot"].notna().any():
        return {}
    symmetry = run.config.symmetry
    spread = table.loc[good, SPREAD].dropna()
    return {
        "symmetry": symmetry,
        "merged": int(table["rot"].notna().sum()),
        "accepted": int(table.loc[good, "rot"].notna().sum()),
        "compared": len(spread),
        "medianDisagreement": round(float(spread.median()), 2) if len(spread) else None,
        "agreeWithin": round(agreement_angle(symmetry_group(symmetry)), 2),
        "pickers": _of_pickers(run, table[table[SPREAD].notna()]),
    }


def _of_pickers(run: FinishedRun, merged: pd.DataFrame) -> dict[str, float]:
    symmetry = symmetry_group(run.config.symmetry)
    off = []
    for tomogram in run.tomograms:
        picks = read_picks(run.layout.picks(tomogram.tomo_id)).at_sampling_rate(tomogram.sampling_rate)
        own = merged[merged["tomo_id"] == tomogram.tomo_id]
        reach = run.config.radius * run.config.box_size * run.sampling_rate / tomogram.sampling_rate
        positions, angles = (own[list(columns)].to_numpy(float) for columns in ("xyz", ANGLES))
        off.append(angles_to_merged(picks, positions, angles, reach, symmetry))
    return {run.names[picker - 1]: round(angle, 2) for picker, angle in median_angles(off).items()}
