"""The report of xmipp_compare_branches_tomo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tomo_particles.reports import figures
from tomo_particles.reports.html_report import Picture, as_png, as_svg
from tomo_particles.reports.map_pages import Page, Section, with_signs, write_page

from .._shared.as_options import given_options
from .branch_config import CONSENSUS, BranchesConfig
from .branch_config import OPTIONS as OF_BRANCHES
from .branch_runs import Compared, Run
from .branch_table import equal_table, own_table
from .options import OPTIONS as OF_SEARCH


def write_branch_page(path: Path, config: BranchesConfig, found: Sequence[Compared], notes: Sequence[str]) -> None:
    """Tables and pictures of branches, in the order given."""
    equal = _printed(equal_table(found))
    best = next((one for one in found if one.draws), found[0])
    page = Page(
        "Comparison of branches",
        str(path.parent.resolve()),
        _lead(found, config),
        {
            "branches": f"{len(found)}",
            "picks at equal numbers": equal[1][1] if equal else "-",
            f"FSC 0.5 of '{best.branch.name}', at equal numbers": equal[1][2] if equal else "-",
        },
        [
            Section("At equal numbers of picks", _EQUAL if equal else _NO_EQUAL, _equal_pictures(found), equal),
            Section("Each with all of its picks", _own_words(found), _own_pictures(found), _printed(own_table(found))),
        ],
        notes,
        given_options({**vars(config.average), **vars(config)}, {**OF_BRANCHES, **OF_SEARCH}),
    )
    write_page(path, page)


def _printed(table: list[list[str]]) -> list[list[str]]:
    return [list(map(with_signs, row)) for row in table]


def _lead(found: Sequence[Compared], config: BranchesConfig) -> str:
    supported = [one.branch.name for one in found if one.verdict == "supported"]
    said = f"The halves agree for {len(supported)} of {len(found)} branches." if supported else "The halves of no branch agree."
    shared = (
        " All picks were aligned together: false picks take the shape of what all were aligned to, so that every FSC here is too "
        "good."
    )
    return said + (shared if config.shared_poses else "")


def _own_words(found: Sequence[Compared]) -> str:
    return _OWN + _TO_CONSENSUS * any(CONSENSUS in one.others for one in found)


def _equal_pictures(found: Sequence[Compared]) -> list[Picture]:
    drawn = {one.branch.name: one.draws[0] for one in found if one.draws}
    if not drawn:
        return []
    return [_maps(drawn, "Maps at equal numbers, the first draw"), *_curves(drawn, "FSC at equal numbers, the first draw")]


def _own_pictures(found: Sequence[Compared]) -> list[Picture]:
    runs = {one.branch.name: one.own for one in found}
    pictures = [_maps(runs, "Maps of all picks"), *_curves(runs, "FSC of all picks")]
    occupancy = {
        name: (np.arange(len(run.resolution.directional.occupancy)) / run.resolution.extent, run.resolution.directional.occupancy)
        for name, run in runs.items()
        if run.resolution
    }
    if occupancy:
        figure = figures.plot_several(occupancy, "FSO: share of directions")
        pictures.append(Picture("FSO of all picks", as_svg(figure), "Share of the directions in which the halves agree."))
    return pictures


def _maps(runs: dict[str, Run], name: str) -> Picture:
    titles = {branch: f"{len(run.boxes)} picks" for branch, run in runs.items()}
    figure = figures.plot_maps({branch: run.made.filtered for branch, run in runs.items()}, titles)
    return Picture(name, as_png(figure), f"{name}. {_MAPS}")


def _curves(runs: dict[str, Run], name: str) -> list[Picture]:
    curves = {
        name: (np.arange(len(run.resolution.fsc.corrected)) / run.resolution.extent, run.resolution.fsc.corrected)
        for name, run in runs.items()
        if run.resolution
    }
    if not curves:
        return []
    figure = figures.plot_several(curves, "FSC of the halves, corrected")
    return [Picture(name, as_svg(figure), f"{name}: correlation of the independent halves, corrected for the mask.")]


_EQUAL = (
    "More picks give a finer resolution, whether the picks are better or not. Here each branch has as many picks as the smallest "
    "one of 40 or more, drawn at random with the same share of each tomogram, three times, each with its own start. Mean and "
    "standard deviation. The order is that of FSC 0.5. The FSC alone is no verdict: look at the maps. FSC 0.5 and 0.143: the "
    "resolution at which the correlation of the halves falls to this value. FSO 0.5: the resolution at which half of the "
    "directions agree."
)
_NO_EQUAL = "No branch has enough picks for halves."
_OWN = "Resolutions of different numbers of picks cannot be compared. The branch of noise shows what picks of nothing give."
_TO_CONSENSUS = " Averages of shared picks share their noise, so that their correlation with the consensus is too good."
_MAPS = (
    "Central slices of the filtered averages (bright), all in one frame and at one grey scale, in deviations of the noise of the "
    "tomograms. A weak map is made of fewer particles per pick, or of worse centres and turns; a flat one has "
    "halves that agree nowhere."
)
