"""What a run leaves for its user: accepted and scored picks as CSV and XMD, a summary and a picture."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from deep_consensus_tomo import __version__
from deep_consensus_tomo.files import written_aside
from deep_consensus_tomo.metadata_io import read_table, write_table
from deep_consensus_tomo.pick_files import write_csv
from deep_consensus_tomo.picks import rescale_positions

if TYPE_CHECKING:
    from ._pipeline import Pipeline
    from ._run_config import Frame

CSV_COLUMNS = ["tomo_id", "x", "y", "z", "score", "support", "pickers"]


def write_outputs(pipeline: Pipeline, frames: Sequence[Frame], scored: Path, notes: list[str]) -> dict:
    """Write every final file of the run; returns the summary."""
    config, odir = pipeline.config, pipeline.odir
    names = {"0": "reference", **{str(i + 1): name for i, name in enumerate(pipeline.names)}}
    table = _in_tomogram_voxels(read_table(scored), frames, names)
    good = accepted_rows(table, None if config.voting else config.threshold)
    for name, rows in (("accepted", table[good]), ("scored", table)):
        write_csv(odir / f"{name}.csv", rows[CSV_COLUMNS])
        _write_xmd(odir / f"{name}.xmd", rows, pipeline, frames)
    raw = pipeline.file("scored", "raw")
    if not config.voting:
        of_pickers = _in_tomogram_voxels(read_table(raw), frames, names)
        write_csv(odir / "scored_raw.csv", of_pickers[["tomo_id", "x", "y", "z", "score", "picker", "picker_score"]])
    summary = _summary(pipeline, frames, table, good, notes)
    with written_aside(odir / "summary.json") as aside:
        aside.write_text(json.dumps(summary, indent=1))
    draw(odir / "picks.png", table, good, frames, config.box_size, pipeline.rate)
    return summary


def accepted_rows(table: pd.DataFrame, threshold: float | None) -> np.ndarray:
    """(n,) mask of the accepted: scored at least the threshold, or known to be true; never what is known to be wrong.

    Without a threshold (voting) the label decides: enough pickers agreed, or it is known to be true.
    """
    if threshold is None:
        return (table["label"] == 1).to_numpy()
    return ((table["score"] >= threshold) | (table["known"] & (table["label"] == 1))).to_numpy() & (
        table["label"] != -1
    ).to_numpy()


def _in_tomogram_voxels(columns: dict[str, list], frames: Sequence[Frame], names: dict[str, str]) -> pd.DataFrame:
    """The table with positions in voxels of each pick's own tomogram, best score first within a tomogram."""
    n = len(columns["x"])
    table = pd.DataFrame(
        {
            "tomo_id": columns["tiltSeriesId"],
            "x": columns["x"],
            "y": columns["y"],
            "z": columns["z"],
            "rate": columns["samplingRate"],
            "score": columns.get("CoordConsScore", columns.get("zScoreDeepLearning1")),
            "network": columns.get("zScoreDeepLearning1", [np.nan] * n),
            "support": columns.get("count", [1] * n),
            "label": columns.get("enabled", [0] * n),
            "picker": [names[str(ref)] for ref in columns["ref"]],
            "picker_score": [fom if fom == 0 or abs(fom) > 1e-300 else np.nan for fom in columns["fom"]],
            "pickers": ["+".join(names[i] for i in ids.split("+")) for ids in columns.get("comment", ["0"] * n)],
            "known": np.array([ids.split("+")[0] == "0" for ids in columns.get("comment", [""] * n)], dtype=bool),
            "group": columns.get("ref2", [0] * n),
            "particleId": columns["particleId"],
        }
    )
    for angle in ("angleRot", "angleTilt", "anglePsi"):
        if angle in columns:
            table[angle] = columns[angle]
    for frame in frames:
        own = (table["tomo_id"] == frame.tomo_id).to_numpy()
        if own.any():
            rate = float(table.loc[own, "rate"].iloc[0])
            table.loc[own, ["x", "y", "z"]] = rescale_positions(
                table.loc[own, ["x", "y", "z"]].to_numpy(), rate, frame.sampling_rate
            )
            table.loc[own, "rate"] = frame.sampling_rate
    return table.sort_values(["tomo_id", "score"], ascending=[True, False], kind="stable", ignore_index=True)


def _write_xmd(path: Path, rows: pd.DataFrame, pipeline: Pipeline, frames: Sequence[Frame]) -> None:
    box_size, rate = pipeline.config.box_size, pipeline.rate
    files = {frame.tomo_id: frame.path for frame in frames}
    columns = {
        "particleId": rows["particleId"],
        "tiltSeriesId": rows["tomo_id"],
        "tomogramVolume": [files[t] for t in rows["tomo_id"]],
        "samplingRate": rows["rate"],
        "particleSize": np.rint(box_size * rate / rows["rate"]),
        "count": rows["support"],
        "comment": rows["pickers"],
        "CoordConsScore": rows["score"],
        "zScoreDeepLearning1": rows["network"],
        "enabled": rows["label"],
        "ref2": rows["group"],
        "fom": rows["picker_score"],
    }
    for axis in "xyz":
        columns |= {axis: rows[axis], f"{axis}coor": np.rint(rows[axis])}
    columns |= {angle: rows[angle] for angle in ("angleRot", "angleTilt", "anglePsi") if angle in rows}
    write_table(path, {name: list(values) for name, values in columns.items()})


def _summary(pipeline: Pipeline, frames: Sequence[Frame], table: pd.DataFrame, good: np.ndarray, notes: list[str]) -> dict:
    config = pipeline.config
    raw = {f.tomo_id: read_table(pipeline.file("picks", f.tomo_id))["ref"] for f in frames}
    counts = {name: sum(refs.count(i + 1) for refs in raw.values()) for i, name in enumerate(pipeline.names)}
    return {
        "version": __version__,
        "seed": config.seed,
        "threshold": config.threshold,
        "samplingRate": pipeline.rate,
        "boxSize": config.box_size,
        "method": "voting" if config.voting else "network",
        "model": None if config.voting else pipeline.model,
        "picks": counts,
        "reliability": _reliability(pipeline),
        "merged": len(table),
        "accepted": int(good.sum()),
        "tomograms": {
            f.tomo_id: {
                "picks": len(raw[f.tomo_id]),
                "merged": int((table["tomo_id"] == f.tomo_id).sum()),
                "accepted": int((table["tomo_id"][good] == f.tomo_id).sum()),
            }
            for f in frames
        },
        "bySupport": {
            str(s): {"merged": int((table["support"] == s).sum()), "accepted": int((table["support"][good] == s).sum())}
            for s in sorted(table["support"].unique())
        },
        "notes": notes,
        "parameters": asdict(config),
    }


def _reliability(pipeline: Pipeline) -> dict[str, dict[str, float]]:
    """Estimated recall and precision of each picker, by name; empty where there was nothing to score."""
    if pipeline.config.voting or not pipeline.reliability.exists():
        return {}
    table = pd.read_csv(pipeline.reliability).round(3)
    return {
        pipeline.names[int(row["picker"]) - 1]: {"recall": row["recall"], "precision": row["precision"]}
        for _, row in table.iterrows()
    }


def draw(path: Path, table: pd.DataFrame, good: np.ndarray, frames: Sequence[Frame], box_size: int, rate: float) -> None:
    """Picture of the tomogram with most picks."""
    from deep_consensus_tomo.pictures import draw_picks
    from deep_consensus_tomo.stacks import open_tomogram

    most = table["tomo_id"].value_counts()
    frame = next((f for f in frames if len(most) and f.tomo_id == most.index[0]), frames[0])
    own = (table["tomo_id"] == frame.tomo_id).to_numpy()
    positions = table[["x", "y", "z"]].to_numpy(dtype=float)
    with open_tomogram(frame.path, frame.sampling_rate) as tomogram:
        draw_picks(
            path,
            f"{frame.tomo_id}: {(own & good).sum()} accepted, {(own & ~good).sum()} rejected",
            tomogram.data,
            positions[own & good],
            positions[own & ~good],
            max(2, round(box_size * rate / frame.sampling_rate)),
        )
