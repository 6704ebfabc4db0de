"""What a run tells of the orientations: how many there are, and which picker means something else by its angles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from tomo_particles.formats.tables import ANGLES
from tomo_particles.formats.xmd import read_picks
from tomo_particles.geometry.orientation_means import angles_between
from tomo_particles.geometry.orientations import rotation_of
from tomo_particles.geometry.symmetry import agreement_angle, symmetry_group

if TYPE_CHECKING:
    from .config import Frame
    from .pipeline import Pipeline

SPREAD = "orientation_disagreement"  # degrees: mean angle of the pickers' orientations to the merged one


def orientation_summary(pipeline: Pipeline, frames: Sequence[Frame], table: pd.DataFrame, good: np.ndarray) -> dict:
    """For the summary; {} where no pick has an orientation.

    merged, accepted: how many have one.  compared: how many of the accepted have those of several pickers.
    medianDisagreement: of these, degrees; None for none.  agreeWithin: orientations so near agree, degrees.
    pickers: by name, the median angle of its orientations to those of all merged picks that other pickers saw too.
    """
    if not table["rot"].notna().any():
        return {}
    symmetry = pipeline.config.symmetry
    spread = table.loc[good, SPREAD].dropna()
    return {
        "symmetry": symmetry,
        "merged": int(table["rot"].notna().sum()),
        "accepted": int(table.loc[good, "rot"].notna().sum()),
        "compared": len(spread),
        "medianDisagreement": round(float(spread.median()), 2) if len(spread) else None,
        "agreeWithin": round(agreement_angle(symmetry_group(symmetry)), 2),
        "pickers": _of_pickers(pipeline, frames, table[table[SPREAD].notna()]),
    }


def orientation_notes(summary: dict) -> list[str]:
    """A warning of each picker whose orientations are those of no other."""
    limit = summary.get("agreeWithin", 0)
    return [
        f"the orientations of picker '{name}' are {off:.0f} degrees from the merged ones (median): check that it had the same "
        "reference as the others, its angle convention, and --symmetry"
        for name, off in summary.get("pickers", {}).items()
        if off > limit
    ]


def _of_pickers(pipeline: Pipeline, frames: Sequence[Frame], merged: pd.DataFrame) -> dict[str, float]:
    config, symmetry = pipeline.config, symmetry_group(pipeline.config.symmetry)
    off: dict[int, list[np.ndarray]] = {}
    for frame in frames:
        picks = read_picks(pipeline.file("picks", frame.tomo_id)).at_sampling_rate(frame.sampling_rate)
        picks = picks[np.isfinite(picks.angles).all(axis=1)]
        own = merged[merged["tomo_id"] == frame.tomo_id]
        if not len(picks) or own.empty:
            continue
        reach = config.radius * config.box_size * pipeline.rate / frame.sampling_rate
        distance, row = cKDTree(own[list("xyz")].to_numpy(float)).query(picks.positions)
        near = distance <= reach
        picks, angles = picks[near], own[list(ANGLES)].to_numpy(float)[row[near]]
        if len(picks):
            apart = angles_between(rotation_of(picks.angles), rotation_of(angles), symmetry)
            for number in np.unique(picks.picker):
                off.setdefault(int(number), []).append(apart[picks.picker == number])
    return {pipeline.names[n - 1]: round(float(np.median(np.concatenate(off[n]))), 2) for n in sorted(off)}
