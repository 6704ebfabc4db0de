"""The table of species of a simulation, and the lines of its summary."""

from __future__ import annotations

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tomo_particles.formats.xmd import read_table

from ...files import SimulationFiles


@dataclass(frozen=True)
class SimulatedSpecies:
    """One species, a line of classes.csv. molecular_weight kDa, diameter Å; NaN where unknown."""

    number: int
    molecular_weight: float
    diameter: float


def simulated_species(path: str) -> dict[str, SimulatedSpecies]:
    """The species of a simulation by name, in the order of their numbers."""
    def number(text: str) -> float:
        return float(text or "nan")

    with open(path, newline="", encoding="utf-8") as file:
        return {row["class"]: SimulatedSpecies(int(row["id"]), number(row["molecular_weight"]), number(row["diameter"]))
                for row in csv.DictReader(file)}


def summary_lines(files: SimulationFiles, snr: float, seed: int) -> list[str]:
    """The summary of a finished simulation."""
    truth = read_table(files.truth)
    counts = Counter(truth["imageRef"])
    report = json.loads(Path(files.parameters).read_text(encoding="utf-8"))
    tomograms, seconds = len(report["tomograms"]), report["seconds"]
    lines = [f"*{tomograms} tomogram{'s' if tomograms > 1 else ''}*, signal to noise ratio {snr:g}, seed {seed}; {seconds:.0f} s"]
    lines += [f"{name}: {counts[name]}" + (f" ({which.molecular_weight:.0f} kDa, {which.diameter:.0f} Å)"
                                           if which.molecular_weight > 0 else "")
              for name, which in simulated_species(files.classes).items() if counts[name]]
    lines += [f"- {tomogram['tomogram']}: {note}" for tomogram in report["tomograms"] for note in tomogram["notes"]]
    return [*lines, f"Everything that is known: {files.output}"]
