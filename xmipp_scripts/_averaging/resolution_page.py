"""The report of xmipp_map_resolution_tomo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.fourier.map_resolution import MapResolution
from tomo_particles.reports import figures
from tomo_particles.reports.html_report import Picture, as_png, as_svg
from tomo_particles.reports.map_pages import Page, Section, with_signs, write_page

from .._shared.as_options import given_options

OPTIONS = {  # of the fields of ResolutionConfig
    "half1": "--half1",
    "half2": "--half2",
    "mask": "--mask",
    "coverage": "--coverage",
    "cone": "--cone",
    "threshold": "--threshold",
    "sampling_rate": "--samplingrate",
    "seed": "--seed",
}


def write_resolution_page(path: Path, made: MapResolution, table: pd.DataFrame, average: np.ndarray, summary: dict) -> None:
    """The figures of two half maps. table: of fsc.csv.  average: their mean.  summary: of summary.json."""
    fso, local = summary["fso"], summary["local"]
    occupancy, directions = made.occupancy_table(), made.direction_table()
    cards = {f"FSC {summary['threshold']:g}, {name}": values["text"] for name, values in summary["fsc"].items()}
    cards = dict(reversed(cards.items()))
    cards |= {"FSO 0.5": fso["0.5"], "FSO 0.9 to 0.1": " to ".join(fso["band"]), "local, median": f"{local['median']:g} A"}
    page = Page(
        "Resolution of an average",
        str(path.parent.resolve()),
        "",
        {name: with_signs(value) for name, value in cards.items()},
        [
            Section(
                "By shell",
                "Independent halves are the condition: the curves cannot show that both halves followed one reference.",
                [Picture("Fourier shell correlation", as_svg(figures.plot_shells(table)), _SHELLS)],
            ),
            Section(
                "By direction",
                pictures=[
                    Picture("Fourier shell occupancy", as_svg(figures.plot_occupancy(occupancy)), _OCCUPANCY),
                    Picture("Resolution by direction", as_svg(figures.plot_directions(directions)), _DIRECTIONS),
                ],
            ),
            Section(
                "In the map", pictures=[Picture("Local resolution", as_png(figures.plot_local(average, made.local)), _LOCAL)]
            ),
        ],
        summary["notes"],
        given_options(summary["parameters"], OPTIONS),
    )
    write_page(path, page)


_SHELLS = (
    "Correlation of the halves against frequency. Randomised: of the same maps with random phases, which is what the mask alone "
    "correlates; corrected: masked without it."
)
_OCCUPANCY = (
    "Share of 321 directions in which the halves agree. The grey band is from 0.9 to 0.1: a map that is equally good in all "
    "directions crosses it within a few shells. Two maps of noise give the dashed line, because a cone holds few frequencies. "
    "Dots: probability that directions fail as unevenly by chance alone (Bingham test); below 0.01 the map differs by direction."
)
_DIRECTIONS = (
    "Half a sphere of directions, seen along z; its rim is the xy plane. A cross is a direction without any resolution, for "
    "example one that no tilt series saw."
)
_LOCAL = "Central slices of the mean of the halves, and the resolution of each voxel in the mask."
