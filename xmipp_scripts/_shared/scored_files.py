"""The files beside an XMD of scored merged picks: the verdict on the scores, and how reliable each picker is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.files import write_csv_table, written_aside

if TYPE_CHECKING:
    from tomo_particles.consensus.picker_reliability import Reliability
    from tomo_particles.consensus.verdict import Verdict


def reliability_beside(scored: str | Path) -> Path:
    """CSV with the estimated reliability of each picker."""
    return _beside(scored, "_reliability.csv")


def verdict_beside(scored: str | Path) -> Path:
    """JSON with the verdict on the scores."""
    return _beside(scored, "_verdict.json")


def write_beside(scored: str | Path, verdict: Verdict, pickers: Reliability) -> None:
    """Write both files of the scored XMD."""
    import pandas as pd

    with written_aside(verdict_beside(scored)) as aside:
        aside.write_text(verdict.to_json(), encoding="utf-8")
    table = pd.DataFrame({"picker": pickers.pickers, "recall": pickers.recall, "precision": pickers.precision})
    write_csv_table(reliability_beside(scored), table)


def _beside(scored: str | Path, ending: str) -> Path:
    return Path(scored).with_name(f"{Path(scored).stem}{ending}")
