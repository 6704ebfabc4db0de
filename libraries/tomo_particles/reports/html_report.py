"""One HTML file about a run: figures, tables, parameters and links. It can be read without internet and without other files."""

from __future__ import annotations

import base64
import io
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..runs.doubts import doubts
from ..runs.layout import COMMON_GRID, REPORT
from ..runs.measured import HIT_RADIUS, Measured, measure
from ..runs.results import RunResults, read_run
from . import run_figures as figures
from .figures import plot_calibration
from .pages import write_html
from .tables import (
    about_run,
    by_picker,
    by_support,
    by_tomogram,
    expected_now,
    flat_parameters,
    links_of,
    promises,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MAX_TOMOGRAMS = 6  # whose boxes and slices are shown, about one megabyte each
DPI = 110
COMPRESSION = 3  # of PNG, 1 to 9: higher levels take longer for files that are hardly smaller, or larger


@dataclass(frozen=True)
class Picture:
    """A figure in the page. data: its whole content as a URL.  caption: how to read it.  name: alternative text."""

    name: str
    data: str
    caption: str


def write_report(
    run_folder: str | os.PathLike,
    threshold: float | None = None,
    path: str | os.PathLike | None = None,
    truth: str | os.PathLike | None = None,
    hit_radius: float = HIT_RADIUS,
) -> Path:
    """Write the report of a finished run and return its path, by default report.html in the run's folder.

    threshold: report for another threshold; the files of the run do not change.  truth: a pick file with every
    particle of some tomograms, to measure the calibration there, within `hit_radius` (fraction of the box).
    Raises InputError for a folder that is no finished run, or is damaged, and for a truth that cannot be read.
    """
    run = read_run(run_folder, threshold)
    final = Path(path) if path else run.folder / REPORT
    content = _content(run, final)
    if truth is not None and run.threshold is not None:
        content["pictures"]["calibration"] = _calibration(measure(run, truth, hit_radius), truth)
    write_html(final, "report_template.html", **content)
    return final


def _calibration(found: Measured, truth: str | os.PathLike) -> Picture:
    return Picture(
        "Measured calibration",
        as_svg(plot_calibration(found.score, found.true)),
        f"Measured against the {found.particles} particles of {Path(truth).name} in {found.tomograms} tomogram(s): of the "
        f"accepted picks {found.precision:.0%} are particles (precision), which is {found.recall:.0%} of the particles (recall). "
        "Bars are standard errors.",
    )


def _content(run: RunResults, final: Path) -> dict[str, Any]:
    own = run.summary.get("threshold")
    return {
        "title": run.summary.get("label") or _name_of(run.folder.resolve()),
        "folder": str(run.folder.resolve()),
        "run": run,
        "verdict": run.verdict,
        "look": run.second_look,
        "counts": {"merged": len(run.table), "accepted": int(run.accepted.sum())},
        "expected": expected_now(run),
        "promises": promises(run),
        "other_threshold": own if run.threshold is not None and own is not None and own != run.threshold else None,
        "notes": [str(note) for note in [*doubts(run), *run.summary.get("notes", []), *run.summary.get("failures", [])]],
        "pictures": _pictures(run),
        "tomograms": by_tomogram(run),
        "shown": _shown(run),
        "by_picker": by_picker(run),
        "by_support": by_support(run),
        "parameters": run.summary.get("settings") or flat_parameters(run.summary.get("parameters", {})),
        "about": about_run(run),
        "links": links_of(run.folder, final),
    }


def _name_of(folder: Path) -> str:
    """The name of a run that has no label: its folder's; below a Scipion protocol, that of the protocol's folder."""
    return folder.parents[1].name if (folder / COMMON_GRID).is_file() else folder.name


def _pictures(run: RunResults) -> dict[str, Picture]:
    def chart(name: str, figure: Callable[[RunResults], Figure], caption: str) -> Picture:
        return Picture(name, as_svg(figure(run)), caption)

    pictures = {
        "scores": chart(
            "Histograms of the scores",
            figures.scores_figure,
            "Scores of all merged picks; the axis of counts is logarithmic. A good run has two heaps with little "
            "between them. Positive: enough pickers agreed, or a reference of yours; doubtful: fewer did.",
        ),
        "votes": chart(
            "Who saw what",
            figures.votes_figure,
            "Each column is a combination of pickers (dark dots): how many merged picks exactly these pickers saw, and "
            "how many of them were accepted; without dots: references that no picker saw. On the left, how many merged picks "
            "each picker saw in all.",
        ),
    }
    if run.threshold is None:
        return pictures
    pictures["threshold"] = chart(
        "Expected precision and recall",
        figures.threshold_figure,
        "Computed from the scores themselves, where the verdict supports them: the sum of the scores above a threshold is the "
        "number of "
        "particles expected there. Bands are 95 % intervals. No truth is used, and particles that no picker saw are not counted.",
    )
    pictures["counts"] = chart(
        "Expected number of particles",
        figures.counts_figure,
        "What the scores say of themselves. This is a promise and not a measured calibration: to measure "
        "it, pick one tomogram whole by hand and give it to xmipp_consensus_report_tomo as the truth.",
    )
    if run.averages:
        pictures["averages"] = Picture(
            "Averages of the second look",
            as_png(figures.averages_figure(run)),
            "Central slices of the averages of the two halves, particle bright, at one grey scale. Each half was aligned by "
            "itself, so that one average may be turned against the other. Averages of one wrong kind of object agree as well: "
            "compare them with what you know of the particle.",
        )
    if run.reliability is not None:
        pictures["pickers"] = chart(
            "Estimated reliability of the pickers",
            figures.pickers_figure,
            "Estimated from the scores of the merged picks: recall of the particles that any picker saw.",
        )
    if run.training is not None:
        pictures["training"] = chart(
            "Training curves",
            figures.training_figure,
            "Each network leaves out one part of the data and scores only that part. Validation that "
            "rises while training falls means too few examples.",
        )
    return pictures


def _shown(run: RunResults) -> list[dict[str, Any]]:
    """The pictures of the tomograms with most picks."""
    counts = run.table["tomo_id"].value_counts()
    names = [tomogram.tomo_id for tomogram in run.tomograms if tomogram.tomo_id in counts]
    chosen = sorted(sorted(names, key=lambda name: -counts[name])[:MAX_TOMOGRAMS])
    return [
        {
            "name": name,
            "pictures": [
                Picture(
                    f"Boxes of {name}",
                    as_png(figures.gallery_figure(run, name)),
                    "Mean of the central quarter of each box, slightly smoothed; the score below, the frame green if accepted.",
                ),
                Picture(
                    f"Picks on slices of {name}",
                    as_png(figures.slices_figure(run, name)),
                    "Slabs of a fifth of a box; circles are half a box wide, green if accepted.",
                ),
                Picture(
                    f"Picks of {name} in space",
                    as_png(figures.places_figure(run, name)),
                    "In voxels of the common sampling rate.",
                ),
            ],
        }
        for name in chosen
    ]


def as_svg(figure: Figure) -> str:
    """A figure as a URL that holds it, as vector graphics."""
    return _as_url(figure, "svg", "image/svg+xml", metadata={"Date": None})


def as_png(figure: Figure) -> str:
    """A figure as a URL that holds it, for pictures of many grey values."""
    return _as_url(figure, "png", "image/png", pil_kwargs={"compress_level": COMPRESSION})


def _as_url(figure: Figure, kind: str, mime: str, **options: Any) -> str:
    """options: of `savefig` for that kind."""
    from matplotlib import rc_context

    engine = figure.get_layout_engine()
    if engine is not None:  # else matplotlib draws the figure once more, to lay it out
        figure.set_dpi(DPI)
        engine.execute(figure)
        figure.set_layout_engine(None)
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "report"}):  # the same figure gives the same file
        figure.savefig(buffer, format=kind, dpi=DPI, **options)
    return f"data:{mime};base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
