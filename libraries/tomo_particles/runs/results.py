"""A finished run of the deep consensus, read from its folder: of the run program or of the Scipion protocol.

Both write the same tables under different names. Nothing is computed here. Files that a run does not have are left out (voting
trains no network); damaged files are refused.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..consensus.merged_picks import SCORE, MergedPicks, votes_of
from ..consensus.verdict import Verdict
from ..core.coordinates import rescale_positions
from ..core.errors import InputError, parameter
from ..formats.xmd import Columns, join_tables, read_table
from .layout import SUMMARY, ProgramLayout, ProtocolLayout, RunLayout

LOG_COLUMNS = ("fold", "epoch", "loss", "val_loss", "accuracy", "val_accuracy")


@dataclass(frozen=True)
class TomogramFile:
    """A tomogram of the run: its file, which may be gone, and its own sampling rate in Å/voxel (None: the file's header)."""

    tomo_id: str
    path: Path
    sampling_rate: float | None


@dataclass(frozen=True)
class RunResults:
    """Everything of a run that can be shown; m merged picks, K pickers.

    merged: the merged picks, positions in voxels of `sampling_rate`.
    seen: (m, K) bool, which picker saw it.  picks: number of picks that each picker gave.  threshold: None for voting.
    sampling_rate: Å/voxel, common grid.  reliability: picker, recall, precision, one row per picker.  training: one row per
    epoch of each network.  summary: what the run wrote about itself, {} if it has not finished.  verdict: on its scores; None for
    voting and for runs of versions that gave none.  averages: MRC of both halves of the second look, () if there was none.
    """

    folder: Path
    merged: MergedPicks
    seen: np.ndarray
    pickers: tuple[str, ...]
    picks: tuple[int, ...]
    threshold: float | None
    box_size: int
    sampling_rate: float
    reliability: pd.DataFrame | None
    training: pd.DataFrame | None
    tomograms: tuple[TomogramFile, ...]
    summary: Mapping[str, Any]
    verdict: Verdict | None = None
    averages: tuple[Path, ...] = ()

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row per merged pick: tomo_id, x, y, z, score, network, support, label."""
        return self.merged.table()

    @property
    def accepted(self) -> np.ndarray:
        """(m,) mask of the accepted picks; see `MergedPicks.accepted`."""
        return self.merged.accepted(self.threshold)

    @property
    def probability(self) -> np.ndarray:
        """(m,) see `MergedPicks.probability`."""
        return self.merged.probability

    @property
    def promises(self) -> bool:
        """Whether the run promises a precision and a recall; runs of versions that gave no verdict do."""
        return self.verdict is None or self.verdict.promises

    @property
    def scores_are_probabilities(self) -> bool:
        """False for votes, which are shares, and for the paper's recipe, which gives the network score alone."""
        parameters = self.summary.get("parameters", {})
        recipe = parameters.get("training", parameters).get("recipe", "consensus")
        return self.threshold is not None and recipe == "consensus"

    @property
    def second_look(self) -> Mapping[str, Any] | None:
        """What came of the second look: used, reason...; None if it was not asked for."""
        return self.summary.get("secondLook")

    def of_tomogram(self, tomo_id: str) -> np.ndarray:
        """(m,) mask of the picks of a tomogram."""
        return self.merged.tomo_id == tomo_id

    def positions(self, rate: float | None = None) -> np.ndarray:
        """(m, 3) x, y, z in voxels of `rate` (Å/voxel), by default of the common grid."""
        return rescale_positions(self.merged.positions, self.sampling_rate, rate or self.sampling_rate)


def layout_of(folder: str | os.PathLike) -> RunLayout:
    """The names of the files of a run: of the protocol, or else of the program."""
    protocol = ProtocolLayout(folder)
    return protocol if protocol.common_grid.is_file() else ProgramLayout(folder)


def read_run(folder: str | os.PathLike, threshold: float | None = None, option: str = parameter("run")) -> RunResults:
    """Read a run of the program or of the protocol. threshold: used instead of the threshold of the run.

    Raises InputError naming `option` and the file for a folder that is no run, has not finished, or is damaged.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"{option}: '{folder}' is no folder; give the output folder of xmipp_run_deep_consensus_tomo")
    if (layout := ProtocolLayout(root)).common_grid.is_file():
        with _undamaged(layout.common_grid, option):
            return _read_protocol_run(layout, threshold, option)
    if not (root / SUMMARY).is_file():
        raise InputError(
            f"{option}: '{folder}' has no {SUMMARY}: it is no run of the deep consensus, or it has not finished; "
            "give the output folder of xmipp_run_deep_consensus_tomo, or run it again with the same options to finish"
        )
    with _undamaged(root / SUMMARY, option):
        return _read_program_run(ProgramLayout(root), threshold, option)


@contextmanager
def _undamaged(path: Path, option: str) -> Iterator[None]:
    """Refuse a description of a run with values of another kind than a run writes: where they are used, they fail."""
    try:
        yield
    except InputError:
        raise
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise InputError(f"{option}: '{path}' is damaged ({error}); run again to write it anew") from error


def _read_program_run(layout: ProgramLayout, threshold: float | None, option: str) -> RunResults:
    summary = _read_json(layout.summary, option, "picks", "threshold", "boxSize", "samplingRate")
    voting = summary.get("method") == "voting"
    scored = layout.voted if voting else layout.final
    columns = read_table(scored, option)
    own_rate = summary.get("parameters", {}).get("tomogram_sampling_rate")
    files = dict(zip(columns["tiltSeriesId"], columns["tomogramVolume"], strict=True))
    names = tuple(summary["picks"])
    return _results(
        layout,
        scored,
        columns,
        names,
        tuple(summary["picks"].values()),
        None if voting else _checked(threshold, summary["threshold"], option),
        int(summary["boxSize"]),
        float(summary["samplingRate"]),
        _read_csv(layout.reliability, option, "picker", "recall", "precision") if not voting else None,
        None if voting else _read_verdict(layout.verdict, option, names),
        _read_csv(layout.training_log, option, *LOG_COLUMNS) if not voting else None,
        tuple(TomogramFile(tomo_id, found(path, layout.root), own_rate) for tomo_id, path in sorted(files.items())),
        summary,
    )


def _read_protocol_run(layout: ProtocolLayout, threshold: float | None, option: str) -> RunResults:
    grid = _read_json(layout.common_grid, option, "samplingRate", "boxSize", "pickers", "tomograms")
    summary = _read_json(layout.summary, option, "tomograms") if layout.summary.is_file() else {}
    scored, names = layout.final, tuple(grid["pickers"])
    voting = not scored.is_file()
    if voting:
        voted = sorted(path for t in grid["tomograms"] if (path := layout.consensus(t["ts_id"])).is_file())
        if not voted:
            raise InputError(
                f"{option}: '{layout.root}' has neither scores nor votes: the run has not come that far; continue it"
            )
        columns = join_tables([read_table(path, option) for path in voted])
        columns[SCORE] = MergedPicks.from_columns(columns).vote_share(len(names)).tolist()
    else:
        columns = read_table(scored, option)
    counts = [sum(tomogram["counts"][k] for tomogram in grid["tomograms"]) for k in range(len(names))]
    return _results(
        layout,
        scored,
        columns,
        names,
        tuple(counts),
        None if voting else _checked(threshold, summary.get("threshold"), option),
        int(grid["boxSize"]),
        float(grid["samplingRate"]),
        _read_csv(layout.reliability, option, "picker", "recall", "precision"),
        None if voting else _read_verdict(layout.verdict, option, names),
        _read_csv(layout.training_log, option, *LOG_COLUMNS),
        tuple(TomogramFile(t["ts_id"], found(t["file_name"], layout.root), t["tomogram_rate"]) for t in grid["tomograms"]),
        summary,
    )


def _results(
    layout: RunLayout,
    path: Path,
    columns: Columns,
    pickers: tuple[str, ...],
    picks: tuple[int, ...],
    threshold: float | None,
    box_size: int,
    rate: float,
    reliability: pd.DataFrame | None,
    verdict: Verdict | None,
    training: pd.DataFrame | None,
    tomograms: tuple[TomogramFile, ...],
    summary: Mapping[str, Any],
) -> RunResults:
    needed = {"tiltSeriesId", "x", "y", "z", "count", "enabled", "comment"}
    if missing := sorted(needed - set(columns)):
        raise InputError(f"'{path}' has no column {', '.join(missing)}: it is damaged or of another program; run again")
    merged = MergedPicks.from_columns(columns)
    return RunResults(
        layout.root,
        merged,
        _seen(columns["comment"], len(pickers), path),
        pickers,
        picks,
        threshold,
        box_size,
        rate,
        reliability,
        training,
        tomograms,
        summary,
        verdict,
        tuple(path for path in layout.averages if path.is_file()) if summary.get("secondLook") else (),
    )


def _seen(comments: Sequence[str], n_pickers: int, path: Path) -> np.ndarray:
    try:
        voted, ids = votes_of(comments)
    except ValueError as error:
        raise InputError(f"'{path}': column comment must name pickers such as 1+3 ({error}); run again") from error
    if len(ids) and ids.max() > n_pickers:
        raise InputError(
            f"'{path}' names picker {ids.max()}, but the run had {n_pickers}: the files are of different runs; run again"
        )
    seen = np.zeros((len(comments), n_pickers), dtype=bool)
    seen[:, ids - 1] = voted
    return seen


def _checked(asked: float | None, own: float | None, option: str) -> float:
    value = own if asked is None else asked
    if value is None:
        raise InputError(f"{option}: the run has not finished and has no threshold yet; continue it, or give a threshold")
    threshold = float(value)
    if not 0 <= threshold <= 1:
        raise InputError(f"{parameter('threshold')}: must lie between 0 and 1, received {threshold:g}")
    return threshold


def found(path: str | os.PathLike, folder: Path) -> Path:
    """The present path of a file of the run: as written or, if the run was moved, below its folder or one of the parents.

    If the file is not found, the path as written.
    """
    written = Path(path)
    if written.exists():
        return written
    for base in (folder, *folder.resolve().parents[:4]):
        for start in range(1, len(written.parts)):
            moved = base.joinpath(*written.parts[start:])
            if moved.exists():
                return moved
    return written


def _read_json(path: Path, option: str, *needed: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        missing = [name for name in needed if name not in content]
    except (ValueError, TypeError, RecursionError) as error:
        raise InputError(f"{option}: '{path}' is damaged ({error}); run again to write it anew") from error
    if missing:
        raise InputError(f"{option}: '{path}' has no {', '.join(missing)}; run again with this version to write it anew")
    return content


def _read_verdict(path: Path, option: str, names: Sequence[str]) -> Verdict | None:
    if not path.is_file():
        return None
    try:
        found = Verdict.from_json(path.read_text(encoding="utf-8"))
        return found.with_names(dict(enumerate(names, start=1)))
    except ValueError as error:
        raise InputError(f"{option}: '{path}' is damaged ({error}); run again to write it anew") from error


def _read_csv(path: Path, option: str, *needed: str) -> pd.DataFrame | None:
    if not path.is_file():
        return None
    try:
        table = pd.read_csv(path)
        numbers = table[list(needed)].apply(pd.to_numeric)
    except (ValueError, KeyError) as error:  # not a table, a column missing, a word for a number
        raise InputError(f"{option}: '{path}' is damaged ({error}); run again to write it anew") from error
    return table.assign(**{name: numbers[name] for name in needed})
