"""What the last final pass was made of: the same command does it again where something else is asked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from tomo_particles.core.files import written_aside
from tomo_particles.runs.layout import ProgramLayout

from .._consensus_run.config import PipelineConfig


class FinishedPass:
    """The record of the last final pass, a file in the folder of the live part."""

    def __init__(self, config: PipelineConfig, folder: Path) -> None:
        self._config, self._path = config, folder / "finished.json"
        self._layout = ProgramLayout(config.odir)

    def asked(self) -> dict[str, Any]:
        """What a run may ask otherwise when it goes on, and what persons answered."""
        config, answers = self._config, Path(self._layout.answers)
        return {
            "diameter": config.diameter,
            "tilts": list(config.tilts),
            "move": config.move,
            "report": config.report,
            "answers": hashlib.sha256(answers.read_bytes()).hexdigest() if answers.is_file() else "",
        }

    def revisions(self) -> dict[str, int] | None:
        """The revision of each tomogram that it saw; None if there was none, or if now something else is asked."""
        if not (self._path.exists() and Path(self._config.odir, "summary.json").exists()):
            return None
        values = json.loads(self._path.read_text(encoding="utf-8"))
        return dict(values["revisions"]) if values.get("asked") == self.asked() else None

    def write(self, revisions: dict[str, int], asked: dict[str, Any]) -> None:
        """asked: as it was before the pass."""
        with written_aside(self._path) as aside:
            aside.write_text(json.dumps({"revisions": revisions, "asked": asked}, indent=1), encoding="utf-8")
