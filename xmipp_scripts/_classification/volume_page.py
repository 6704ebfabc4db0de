"""The report of xmipp_run_split_volume."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.classification.repeated_splits import Partition
from tomo_particles.classification.view_graph import ViewGraph
from tomo_particles.reports import figures
from tomo_particles.reports.html_report import Picture, as_png, as_svg
from tomo_particles.reports.map_pages import Page, Section, write_page

from .page import lead_of


def write_volume_page(
    path: Path,
    maps: Mapping[str, np.ndarray],
    curves: pd.DataFrame,
    partition: Partition,
    graph: ViewGraph,
    summary: dict,
) -> None:
    """Classes, their difference, and what speaks for and against them. maps: by name.  curves: of fsc.csv."""
    frequency, names = curves["frequency"].to_numpy(), list(curves)[3:]
    lines = {name: (frequency, curves[name].to_numpy()) for name in names}
    classes = {name: maps[name] for name in names if name != "difference"}
    cards = {f"particles of class {k}": f"{count}" for k, count in enumerate(summary["particlesOfClass"], start=1)}
    particles = [Picture("Log odds", as_svg(figures.plot_log_odds(partition.log_odds())), _ODDS)]
    if "agreement" in summary:
        nulls = summary["agreementsOfOneStructure"]
        cards |= {"agreement of the halves": f"{summary['agreement']:.2f}", "at most, with one structure": f"{max(nulls):.2f}"}
        particles.append(Picture("Agreement", as_svg(figures.plot_nulls(summary["agreement"], nulls)), _NULLS))
    slices = as_png(figures.plot_maps(classes))
    difference = as_png(figures.plot_maps({"difference": maps["difference"]}, signed=True))
    views = figures.plot_views(
        graph.cones.directions,
        np.array([one.informative for one in graph.found]),
        graph.cut.signs,
        graph.weights,
    )
    sections = [
        Section(
            "Classes",
            pictures=[
                Picture(
                    "Slices of the classes", slices, "Central slices, particle bright, filtered by the correlation of halves."
                ),
                Picture("Slices of the difference", difference, _DIFFERENCE),
            ],
        ),
        Section(
            "By shell", pictures=[Picture("Correlations", as_svg(figures.plot_several(lines, "FSC of the halves")), _SHELLS)]
        ),
        Section("Particles", pictures=particles),
        Section("Directions of view", pictures=[Picture("Graph of the directions", as_svg(views), _VIEWS)]),
        Section(
            "Nuisances",
            "How far the classes follow something that is no structure; above 0.3 they are doubtful.",
            table=[["nuisance", "rank correlation"]] + [[name, f"{value:.2f}"] for name, value in summary["nuisances"].items()],
        ),
    ]
    parameters = {name: value for name, value in summary["parameters"].items() if value is not None}
    write_page(
        path,
        Page("Two structures in one set of projections?", str(path.parent.resolve()), lead_of(summary), cards, sections,
             summary["notes"], parameters),
    )  # fmt: skip


_DIFFERENCE = (
    "Class 1 less class 2, bright where class 1 has more, dark where class 2 has more, as far as the differences of the two "
    "halves agree."
)
_SHELLS = "Half maps come from every other particle; with two classes and a verdict from halves that were split each by itself."
_ODDS = "Of each particle the logarithm of how much more probable class 1 is (with more than two classes: its own class)."
_NULLS = "Grey: 20 sets of one structure, simulated with the same poses, CTF and noise, and split in the same way."
_VIEWS = (
    "Directions on their hemisphere. Blue and pink: the two signs; grey: no more than noise. Lines: the strongest "
    "weights between directions; broken where the signs do not satisfy them."
)
