"""A finished run of the deep consensus, made up without training: known scores and votes, in either layout."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.consensus.merged_picks import REFERENCE, read_pickers
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import write_table

RATE, BOX = 10.0, 8
SIZE = (40, 32, 24)  # x, y, z
TOMOGRAMS = ("TS_1", "TS_2")
NAMES = ("crYOLO & co", "<template>", "blobs")  # HTML must not be broken by names
# Of each tomogram: who saw a pick, its score, its label (1 positive, 0 doubtful, -1 known to be wrong).
PICKS = (
    [("1+2+3", 0.95, 1)] * 5
    + [("1+2", 0.8, 1)] * 3
    + [("2", 0.4, 0)] * 4
    + [("3", 0.1, 0)] * 6
    + [("0+1", 0.3, 1), ("0", 0.9, -1)]
)
ACCEPTED = 9  # of each tomogram at 0.5: eight by their score, one reference
LOG = (
    "fold,epoch,loss,val_loss,accuracy,val_accuracy,learning_rate,seconds\n"
    + "\n".join(
        f"{fold},{epoch},{1 / (epoch + 1):.3f},{1.2 / (epoch + 1):.3f},{1 - 0.3 / (epoch + 1):.3f},0.8,0.001,1.5"
        for fold in range(2)
        for epoch in range(4)
    )
    + "\n"
)


def _columns(folder: Path) -> dict[str, list]:
    rng = np.random.default_rng(1)
    rows: dict[str, list] = {}
    for tomo_id in TOMOGRAMS:
        write_volume(folder / f"{tomo_id}.mrc", rng.normal(size=SIZE[::-1]), RATE)
        for comment, score, label in PICKS:
            x, y, z = rng.uniform(0, SIZE)
            row = {
                "tiltSeriesId": tomo_id,
                "tomogramVolume": str(folder / f"{tomo_id}.mrc"),
                "samplingRate": RATE,
                "x": x,
                "y": y,
                "z": z,
                "count": sum(picker != REFERENCE for picker in read_pickers(comment)),
                "comment": comment,
                "enabled": label,
                "CoordConsScore": score,
                "zScoreDeepLearning1": 0.9 * score,
            }
            for name, value in row.items():
                rows.setdefault(name, []).append(value)
    return rows


def make_run(folder: Path, *, voting: bool = False) -> Path:
    """As xmipp_run_deep_consensus_tomo leaves it; returns the folder of --odir."""
    odir = folder / "run"
    columns = _columns(folder)
    scored = odir / ("voted" if voting else "scored") / "merged.xmd"
    write_table(scored, columns)
    summary = {
        "version": "0.1.0",
        "seed": 7,
        "threshold": 0.5,
        "samplingRate": RATE,
        "boxSize": BOX,
        "method": "voting" if voting else "network",
        "model": None,
        "picks": dict(zip(NAMES, (20, 24, 22), strict=True)),
        "notes": ["tomogram 'TS_3' has no picks & is left out"],
        "settings": {"--noiseRadius": "0.7", "--seed": "7"},
        "parameters": {"radius": 0.35, "tomograms": ["TS_1.mrc", "TS_2.mrc"], "training": {"recipe": "consensus"}},
    }
    (odir / "summary.json").write_text(json.dumps(summary))
    (odir / "accepted.csv").write_text("tomo_id,x,y,z\n")
    if not voting:
        (odir / "network").mkdir()
        (odir / "network" / "training_log.csv").write_text(LOG)
        _write_reliability(odir / "scored" / "merged_reliability.csv")
    return odir


def make_protocol_run(folder: Path) -> Path:
    """As the Scipion protocol leaves it; returns the folder extra/consensus."""
    root = folder / "consensus"
    columns = _columns(folder)
    write_table(root / "scored.xmd", columns)
    tomograms = [
        {"ts_id": t, "file_name": str(folder / f"{t}.mrc"), "tomogram_rate": RATE, "counts": [10, 12, 11]} for t in TOMOGRAMS
    ]
    (root / "frame.json").write_text(json.dumps({"samplingRate": RATE, "boxSize": BOX, "pickers": NAMES, "tomograms": tomograms}))
    summary = {"threshold": 0.5, "tomograms": {}, "failures": ["TS_9: lost"], "label": "my <first> run"}
    (root / "summary.json").write_text(json.dumps(summary))
    (root / "training_log.csv").write_text(LOG)
    _write_reliability(root / "scored_reliability.csv")
    return root


def _write_reliability(path: Path) -> None:
    pd.DataFrame({"picker": [1, 2, 3], "recall": [0.9, 0.8, 0.5], "precision": [0.95, 0.7, np.nan]}).to_csv(path, index=False)
