"""xmipp_compare_branches_tomo from files to files."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from tomo_particles import __version__
from tomo_particles.core.files import file_stem, write_csv_table, written_aside
from tomo_particles.core.tomograms import open_tomogram, tomogram_id, write_volume
from tomo_particles.fourier.shell_correlation import fsc_table

from .._shared.output_folder import claimed
from .._shared.program import print_notes
from .._shared.progress import say_on_the_way, stage
from .branch_config import BranchesConfig
from .branch_page import write_branch_page
from .branch_runs import Compared, Comparison
from .branch_table import equal_table, numbers, ordered, own_table
from .headers import read_headers

MAPS = "maps"  # folder


def write_comparison(config: BranchesConfig) -> str:
    """Compare from files to files; returns the lines for the terminal. All input is checked before the first average."""
    begin = time.perf_counter()
    average = config.average
    headers = read_headers(average)
    with ExitStack() as stack:
        opened = {
            tomogram_id(path): (
                stack.enter_context(open_tomogram(path, average.tomogram_sampling_rate, "--tomograms")),
                tilts,
            )
            for path, tilts in zip(average.tomograms, average.pairs, strict=True)
        }
        with stage("averaging", 1, "comparison") as at:
            comparison = Comparison(config, opened, headers, say_on_the_way, at.share)
            found = ordered(comparison.run())
    _write(config, found, comparison.notes, time.perf_counter() - begin)
    comparison.kept.forget()
    lines = [_as_text(table) for table in (equal_table(found), own_table(found)) if table]
    titles = ["at equal numbers of picks:", "each with all of its picks:"][-len(lines) :]
    text = [f"{title}\n{table}" for title, table in zip(titles, lines, strict=True)]
    return "\n".join([*text, *(f"note: {note}" for note in comparison.notes), f"report: {Path(average.odir) / 'report.html'}"])


def _write(config: BranchesConfig, found: list[Compared], notes: list[str], seconds: float) -> None:
    folder = Path(config.average.odir)
    print_notes(claimed(folder))
    for old in [*(folder / MAPS).glob("*_average.mrc"), *(folder / MAPS).glob("*_half?.mrc"), *(folder / MAPS).glob("*_fsc.csv")]:
        old.unlink()  # of an earlier comparison: it would pass for this one's
    for one in found:
        run, stem = one.own, file_stem(one.branch.name)
        halves = run.made.halves if run.resolution else []
        maps = {"average": run.made.filtered} | {f"half{number}": half for number, half in enumerate(halves, start=1)}
        for name, volume in maps.items():
            write_volume(folder / MAPS / f"{stem}_{name}.mrc", volume, run.boxes.rate)
        if run.resolution:
            write_csv_table(folder / MAPS / f"{stem}_fsc.csv", fsc_table(run.resolution.fsc, run.resolution.extent))
    write_volume(folder / MAPS / "mask.mrc", found[0].own.made.mask, found[0].own.boxes.rate)
    write_csv_table(folder / "branches.csv", numbers(found))
    write_branch_page(folder / "report.html", config, found, notes)
    summary = {
        "version": __version__,
        "order": [one.branch.name for one in found],
        "ownNumbers": own_table(found),
        "equalNumbers": equal_table(found),
        "sharedPoses": config.shared_poses,
        "seconds": round(seconds, 1),
        "notes": notes,
        "parameters": asdict(config),
    }
    with written_aside(folder / "summary.json") as aside:
        aside.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _as_text(table: list[list[str]]) -> str:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table
    )
