"""What the averages of branches say, as numbers for branches.csv and as words for the report."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from tomo_particles.fourier.directional_correlation import BAND, OCCUPIED
from tomo_particles.fourier.map_resolution import MapResolution
from tomo_particles.fourier.shell_correlation import crossing, resolution_text

from .branch_runs import Compared, Run

MEASURES: dict[str, Callable[[MapResolution], float]] = {
    "FSC_0.5": lambda found: frequency(found.fsc.corrected, 0.5),
    "FSC_0.143": lambda found: frequency(found.fsc.corrected, 0.143),
    "FSO_0.5": lambda found: frequency(found.directional.occupancy, OCCUPIED),
    "FSO_0.9": lambda found: frequency(found.directional.occupancy, BAND[0]),
    "FSO_0.1": lambda found: frequency(found.directional.occupancy, BAND[1]),
    "local_median": lambda found: found.extent / found.local_spread[1],
}
EQUAL = ("FSC_0.5", "FSC_0.143", "FSO_0.5", "local_median")  # what is measured on the draws, too
LOCAL = "local resolution, median"


def frequency(fsc: np.ndarray, threshold: float) -> float:
    """The shell where a correlation first falls below a threshold: 0 for none, the last shell if it never does."""
    shell = crossing(fsc, threshold)
    return 0.0 if shell is None else min(shell, len(fsc) - 1.0)


def ordered(found: Sequence[Compared]) -> list[Compared]:
    """The finest FSC 0.5 at equal numbers first; branches without equal numbers follow as they were given."""

    def mean(one: Compared) -> float:
        return float(np.mean([MEASURES["FSC_0.5"](run.resolution) for run in one.draws if run.resolution] or [-1.0]))

    return sorted(found, key=mean, reverse=True)


def numbers(found: Sequence[Compared]) -> pd.DataFrame:
    """A row a branch; resolutions in Å, empty for none and without halves, Nyquist's where the curve never falls below."""
    return pd.DataFrame([_row(one) for one in found])


def _row(one: Compared) -> dict[str, object]:
    extent = one.own.boxes.edge * one.own.boxes.rate
    angstrom = lambda shell: extent / shell if shell > 0 else np.nan  # noqa: E731
    row: dict[str, object] = {"branch": one.branch.name, "kind": one.branch.kind, "picks": len(one.own.boxes)}
    row |= {"verdict": one.verdict, "mean_FSC": one.agreement}
    for name, of in MEASURES.items():
        row[name] = angstrom(of(one.own.resolution)) if one.own.resolution else np.nan
    for name, fsc in one.others.items():
        row[f"to_{name}_FSC_0.5"] = angstrom(frequency(fsc, 0.5))
    if one.hits is not None:
        row |= {"hits": one.hits, "centre_picked": one.picked, "centre_aligned": one.aligned}
    row["equal_picks"] = len(one.draws[0].boxes) if one.draws else np.nan
    for name in EQUAL:
        values = [angstrom(MEASURES[name](run.resolution)) for run in one.draws if run.resolution]
        known = [value for value in values if np.isfinite(value)]
        row[f"equal_{name}"] = float(np.mean(known)) if known else np.nan
        row[f"equal_{name}_sd"] = float(np.std(known, ddof=1)) if len(known) > 1 else np.nan
        row[f"equal_{name}_none"] = len(values) - len(known)
    return row


def own_table(found: Sequence[Compared]) -> list[list[str]]:
    """Of all picks of each branch, in words, the header first."""
    others = list(dict.fromkeys(name for one in found for name in one.others))
    truth = any(one.hits is not None for one in found)
    header = ["branch", "picks", "halves", "FSC 0.5", "FSC 0.143", "FSO 0.5", "FSO 0.9 to 0.1", LOCAL]
    header += [f"FSC 0.5 to the {name}" for name in others]
    header += ["hits", "centres as picked, A", "aligned, A"] if truth else []
    rows = []
    for one in found:
        row = [one.branch.name, f"{len(one.own.boxes)}", one.verdict, *_own_words(one.own)]
        extent = one.own.boxes.edge * one.own.boxes.rate
        row += [resolution_text(one.others[name], 0.5, extent) if name in one.others else "-" for name in others]
        if truth:
            row += [f"{one.hits}", *("-" if off is None else f"{off:.1f}" for off in (one.picked, one.aligned))]
        rows.append(row)
    return [header, *rows]


def _own_words(run: Run) -> list[str]:
    found = run.resolution
    if found is None:
        return ["-"] * 5
    words = [resolution_text(found.fsc.corrected, threshold, found.extent) for threshold in (0.5, 0.143)]
    return [*words, found.occupied, " to ".join(found.band), f"{found.local_spread[1]:.1f} A"]


def equal_table(found: Sequence[Compared]) -> list[list[str]]:
    """Of equal numbers of picks, mean and standard deviation of the draws, in words, the header first; empty without draws."""
    rows = []
    for one, row in zip(found, map(_row, found), strict=True):
        if one.draws:
            rows.append([one.branch.name, f"{row['equal_picks']}", *(_spread(row, name, len(one.draws)) for name in EQUAL)])
    names = [LOCAL if name == "local_median" else name.replace("_", " ") for name in EQUAL]
    return [["branch", "picks", *names], *rows] if rows else []


def _spread(row: dict, name: str, draws: int) -> str:
    mean, sd, none = (row[f"equal_{name}{ending}"] for ending in ("", "_sd", "_none"))
    if none == draws:
        return "none"
    said = f"{mean:.1f}" + (f" +- {sd:.1f}" if np.isfinite(sd) else "") + " A"
    return f"{said}, none in {none} of {draws}" if none else said
