"""From sets of coordinates to the tables that the evaluation reads, all in voxels of the reference."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

import numpy as np
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfCoordinates3D

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.density_files import open_density
from tomo_particles.core.errors import parameter
from tomo_particles.core.picks import Picks

from ...constants import DISTRACTORS
from ...convert import picks_of_set, tomogram_of
from ...files import EvaluationFiles
from ..shared.sets import link_tomogram, write_picks_table


def write_reference(files: EvaluationFiles, reference: SetOfCoordinates3D, distractors: SetOfCoordinates3D | None,
                    collecting: Callable[[str], AbstractContextManager]) -> list[str]:
    """Write the reference with what is known to be no particle, and links to its tomograms if their headers are right.

    collecting: what to do where a tomogram fails. Returns the tilt-series ids that were written.
    """
    rate, found, agree = reference.getSamplingRate(), {}, []
    for ts_id in sorted(reference.getTSIds()):
        with collecting(ts_id):
            tomogram = tomogram_of(reference.getPrecedents(), ts_id)
            link = link_tomogram(tomogram, files.tomogram(ts_id))
            agree.append(_says(link, rate))
            parts = [picks_of_set(reference, tomogram, 0, rate)]
            if distractors is not None and ts_id in distractors.getTSIds():
                parts.append(_named(picks_of_set(distractors, tomogram_of(distractors.getPrecedents(), ts_id), 0, rate)))
            found[ts_id] = Picks.concatenate(parts)
    if not all(agree):  # the program reads sizes by the rates of the headers, and evaluates none or all
        cleanPath(files.tomograms)
    if found:
        write_picks_table(files.truth, found, reference.getBoxSize())
    return list(found)


def _says(path: str, rate: float) -> bool:
    with open_density(path, parameter("tomograms")) as density:
        return same_sampling_rate(density.voxel[0], rate)


def _named(picks: Picks) -> Picks:
    """Distractors with a name that marks them as such."""
    return replace(picks, species=np.where(np.isin(picks.species.astype(str), DISTRACTORS), picks.species, DISTRACTORS[0]))


