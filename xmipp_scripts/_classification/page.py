"""The report of xmipp_split_subtomograms_tomo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.classification.split_set import SplitSet
from tomo_particles.reports import figures
from tomo_particles.reports.html_report import Picture, as_png, as_svg
from tomo_particles.reports.map_pages import Page, Section, write_page

LEADS = {
    "supported": "Supported: two halves that never met find the same difference.",
    "not supported": "Not supported: nothing says that there are two structures. Do not interpret the classes.",
    "not tested": "Not tested: this recipe does not ask whether there are two structures.",
}


def lead_of(summary: dict) -> str:
    """The verdict, with what the classes follow if that is why they are not supported."""
    if follows := summary.get("follows"):
        return f"Not supported: the classes follow the {follows}. They may be one structure seen from different sides."
    return LEADS[summary["verdict"]]


def write_split_page(path: Path, maps: Mapping[str, np.ndarray], curves: pd.DataFrame, found: SplitSet, summary: dict) -> None:
    """Classes, their difference, and what speaks for and against them. maps: by name.  curves: of fsc.csv."""
    nulls = summary["agreementsOfOneStructure"]
    frequency = curves["frequency"].to_numpy()
    names = list(curves)[3:]
    lines = {name: (frequency, curves[name].to_numpy()) for name in names}
    page = Page(
        "Two structures in one set?",
        str(path.parent.resolve()),
        lead_of(summary),
        {
            "agreement of the halves": f"{summary['agreement']:.2f}",
            "at most, with one structure": f"{max(nulls):.2f}",
            **{f"particles of class {k}": f"{count}" for k, count in enumerate(summary["particlesOfClass"], start=1)},
        },
        [
            Section(
                "Classes",
                pictures=[
                    Picture(
                        "Slices of the classes",
                        as_png(figures.plot_maps({name: maps[name] for name in names[:-1]})),
                        "Central slices, each class filtered by the correlation of its half maps.",
                    ),
                    Picture(
                        "Slices of the difference",
                        as_png(figures.plot_maps({"difference": maps["difference"]}, signed=True)),
                        _DIFFERENCE,
                    ),
                ],
            ),
            Section(
                "By shell", pictures=[Picture("Correlations", as_svg(figures.plot_several(lines, "FSC of the halves")), _SHELLS)]
            ),
            Section(
                "Particles",
                pictures=[
                    Picture("Log odds", as_svg(figures.plot_log_odds(found.partition.log_odds())), _ODDS),
                    Picture("Agreement", as_svg(figures.plot_nulls(summary["agreement"], nulls)), _NULLS),
                ],
            ),
            Section(
                "Nuisances",
                _NUISANCES,
                table=[["nuisance", "rank correlation"]]
                + [[name, f"{value:.2f}"] for name, value in summary["nuisances"].items()],
            ),
        ],
        summary["notes"],
        {name: value for name, value in summary["parameters"].items() if value is not None},
    )
    write_page(path, page)


_DIFFERENCE = (
    "Class 1 less class 2, bright where class 1 has more, dark where class 2 has more, as far as the differences of the two "
    "halves agree."
)
_SHELLS = (
    "Half maps and differences come from two halves of the particles that were split each by itself; the classes were named "
    "alike afterwards."
)
_ODDS = "Of each particle the logarithm of how much more probable class 1 is than class 2. Two groups are two classes."
_NULLS = "Grey: 20 sets of one structure, simulated with the same poses and noise, and split in the same way."
_NUISANCES = "How far the log odds follow something that is no structure; above 0.3 the classes are doubtful."
