"""The files of simulated tomograms: volumes, labels, tilt series, ground truth and templates."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd

from ..core.files import write_csv_table, written_aside
from ..core.picks import Picks
from ..core.tomograms import without_date, write_volume
from ..formats.xmd import join_tables, picks_columns, write_table
from .complexes import Complex
from .sample import DISTRACTORS, Sample
from .tilt_series import TiltSeries

TRUTH_TABLES = ("ground_truth.csv", "ground_truth.xmd")
# Å; vesicles, contaminants: the middle of their range; carbon: the thickness of the film, whose extent has no meaning
DISTRACTOR_DIAMETERS = {"bead": 100.0, "vesicle": 600.0, "carbon": 200.0, "contaminant": 500.0}


def species_ids(complexes: Sequence[Complex]) -> dict[str, int]:
    """Number of each species in class volumes and tables: the complexes in the order given, then the distractors."""
    return {name: number for number, name in enumerate([*(c.name for c in complexes), *DISTRACTORS], start=1)}


def write_tomogram(
    folder: str | os.PathLike, sample: Sample, series: TiltSeries, tomogram: np.ndarray, ids: dict[str, int]
) -> None:
    """Write `<id>.mrc`, its class and occupancy volumes and, in `tilt_series/`, its images with their angles."""
    folder, name, rate = Path(folder), sample.truth.tomo_id, sample.truth.sampling_rate
    write_labels(folder / f"{name}_classes.mrc", sample.species_volume(ids), rate)
    write_labels(folder / f"{name}_occupancy.mrc", sample.occupancy, rate)
    write_volume(folder / "tilt_series" / f"{name}.mrc", series.images, rate)
    with written_aside(folder / "tilt_series" / f"{name}.rawtlt") as aside:
        aside.write_text("".join(f"{angle:.2f}\n" for angle in series.angles), encoding="utf-8")
    write_volume(folder / f"{name}.mrc", tomogram, rate)


def write_density(folder: str | os.PathLike, sample: Sample) -> None:
    """Write `<id>_density.mrc`, the grey values of a sample over the ice."""
    write_volume(Path(folder) / f"{sample.truth.tomo_id}_density.mrc", sample.density, sample.truth.sampling_rate)


def write_labels(path: str | os.PathLike, labels: np.ndarray, sampling_rate: float) -> None:
    """Write a (z, y, x) volume of int8, int16 or uint16 as MRC of that type."""
    with written_aside(path) as aside, mrcfile.new(aside, labels, overwrite=True) as file:
        file.voxel_size = sampling_rate
        without_date(file)


def write_templates(folder: str | os.PathLike, complexes: Sequence[Complex]) -> None:
    """Write the density of each complex to `templates/<class>.mrc`, particles bright."""
    for which in complexes:
        write_volume(Path(folder) / "templates" / f"{which.name}.mrc", which.density, which.sampling_rate)


def write_classes(folder: str | os.PathLike, complexes: Sequence[Complex]) -> None:
    """Write `classes.csv`: id, class, molecular weight (kDa), diameter (Å), voxels, distractor (0 or 1)."""
    ids = species_ids(complexes)
    rows: list[tuple] = [(ids[c.name], c.name, c.molecular_weight, c.diameter, c.voxels, 0) for c in complexes]
    rows += [(ids[name], name, np.nan, DISTRACTOR_DIAMETERS[name], None, 1) for name in DISTRACTORS]
    columns = ["id", "class", "molecular_weight", "diameter", "voxels", "distractor"]
    write_csv_table(Path(folder) / "classes.csv", pd.DataFrame(rows, columns=columns))


def write_truth(folder: str | os.PathLike, truths: Sequence[Picks], seed: int) -> None:
    """Write `ground_truth.csv` and `ground_truth.xmd` of all tomograms; written last, because they mark a folder as complete."""
    folder = Path(folder)
    tables = []
    for truth in truths:
        columns = picks_columns(truth, 0, f"{truth.tomo_id}.mrc")
        del columns["particleSize"]  # the box size is chosen by the picker
        tables.append(columns | {"randomSeed": [seed] * len(truth)})
    write_table(folder / TRUTH_TABLES[1], join_tables(tables))
    frames = [
        pd.DataFrame(
            {
                "tomo_id": truth.tomo_id,
                "particle": np.arange(1, len(truth) + 1),
                **{name: truth.positions[:, axis] for axis, name in enumerate("xyz")},
                "class": truth.species,
                **{name: truth.angles[:, axis] for axis, name in enumerate(("rot", "tilt", "psi"))},
                "samplingRate": truth.sampling_rate,
            }
        )
        for truth in truths
    ]
    write_csv_table(folder / TRUTH_TABLES[0], pd.concat(frames))
