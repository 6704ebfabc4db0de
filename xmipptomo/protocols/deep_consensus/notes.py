"""What is unusual about a run, for its summary and its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tomo_particles.consensus.disagreement import disagreement_notes
from tomo_particles.consensus.orientation_agreement import angles_to_merged, median_angles, notes_of_pickers
from tomo_particles.formats.xmd import join_tables, read_picks, read_table
from tomo_particles.geometry.symmetry import symmetry_group
from tomo_particles.runs.doubts import doubts
from tomo_particles.runs.notes import program_notes
from tomo_particles.runs.results import read_run

from ...files import LABELS, RunFiles
from ..shared.sets import MAX_TOMOGRAM_LINES
from .inputs import CommonGrid
from .outputs import TomogramPicks


def run_notes(files: RunFiles, grid: CommonGrid, ts_ids: Sequence[str]) -> list[str]:
    """A line for each thing; of the files of tomograms the first lines."""
    of_tomograms = [f"Tomogram {ts_id}: {note}" for ts_id in ts_ids for note in grid.tomograms[ts_id].notes][:MAX_TOMOGRAM_LINES]
    found = program_notes(files, ts_ids, {label: label for label in LABELS})
    return of_tomograms + [note[:1].upper() + note[1:] for note in found]


def vote_notes(files: RunFiles, grid: CommonGrid, ts_ids: Sequence[str], votes_only: bool) -> list[str]:
    """Why the pickers agree little."""
    merged = join_tables([read_table(files.consensus(ts_id)) for ts_id in ts_ids])
    sizes = {ts_id: grid.tomograms[ts_id].size for ts_id in ts_ids}
    return [note[:1].upper() + note[1:] for note in disagreement_notes(merged, sizes, grid.names, votes_only)]


def run_doubts(files: RunFiles, threshold: float | None) -> list[str]:
    """Reasons not to trust the scores; the report computes them itself, at any threshold."""
    return [] if threshold is None else doubts(read_run(files.root, threshold))


def orientation_notes(files: RunFiles, merged: Mapping[str, TomogramPicks], names: Sequence[str], reach: float,
                      symmetry: str) -> list[str]:
    """A warning of each picker whose orientations are those of no other. reach: of the merging, voxels of the common grid."""
    group, off = symmetry_group(symmetry), []
    for ts_id, own in merged.items():
        several = np.isfinite(own.disagreement)  # orientations of several pickers
        off.append(angles_to_merged(read_picks(files.picks(ts_id)), own.picks.positions[several], own.picks.angles[several],
                                    reach, group))
    found = {names[picker - 1]: angle for picker, angle in median_angles(off).items()}
    return [note[:1].upper() + note[1:] for note in notes_of_pickers(found, group)]
