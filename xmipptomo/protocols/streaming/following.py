"""What the protocols share that work while their inputs grow."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from pyworkflow.object import Pointer
from pyworkflow.utils import cleanPath

from tomo_particles.core.files import written_aside

from .set_looks import SetLooks

FINISH = "finish"  # a file of this name in the folder of a run ends its waiting
GRACE = 7200.0  # seconds for which a run that failed or was stopped is waited for: somebody may continue it
LONGEST_PAUSE = 5.0  # seconds between two looks


class Following:
    """Part of a protocol with one step, `followStep`, that looks at the inputs, does what can be done, and looks again."""

    def _insertAllSteps(self) -> None:
        # The time makes it another step: Continue does it again, and it goes on from what is written.
        self._insertFunctionStep(self.followStep, str(datetime.now()), needsGPU=False)

    def _stepsCheck(self) -> None:
        """Store steps that were added. Scipion starts a protocol on sets that still grow only if it has this method."""
        if self._newSteps:
            self.updateSteps()

    def _refuseOtherValues(self, names: Iterable[str], pointers: Iterable[Pointer]) -> None:
        """Refuse to go on with other parameters or inputs than those of the beginning: the output would be a mixture."""
        values = {name: self.getAttributeValue(name) for name in names}
        values = json.loads(json.dumps({**values, "inputs": [pointer.getUniqueId() for pointer in pointers]}))
        path = Path(self._getExtraPath("parameters.json"))
        if not path.exists():
            with written_aside(path) as aside:
                aside.write_text(json.dumps(values, indent=1), encoding="utf-8")
            return
        before = json.loads(path.read_text(encoding="utf-8"))
        if changed := sorted(name for name in values if values[name] != before.get(name)):
            raise RuntimeError(f"The run was begun with other values of {', '.join(changed)}: use the same, or copy the run.")

    def _looksAt(self, path: str) -> SetLooks:
        """Looks at a set; the same each time, so that they need not read again what they know."""
        return self.__dict__.setdefault("_looksAtSets", {}).setdefault(path, SetLooks(path))

    def _isToFinish(self) -> bool:
        """Whether somebody wants an end of all waiting."""
        return os.path.exists(self._getPath(FINISH))

    def _hasFinished(self) -> None:
        """The next look, of Continue, waits again."""
        cleanPath(self._getPath(FINISH))

    def _pause(self) -> float:
        """Seconds from one look to the next: several within the time in which nothing must change."""
        return min(LONGEST_PAUSE, self.settle.get() / 3)

    def _keepLines(self, lines: Iterable[str]) -> None:
        """Keep what a person should know, for the summary and the monitor; what is new is said in the log, too."""
        path, lines = self._linesPath(), list(lines)
        before = self._keptLines()
        if lines == before:
            return
        with written_aside(path) as aside:
            aside.write_text(json.dumps(lines), encoding="utf-8")
        for line in lines:
            if line not in before:
                self.warning(line)

    def _keptLines(self) -> list[str]:
        path = self._linesPath()
        return list(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else []

    def _linesPath(self) -> Path:
        return Path(self._getExtraPath("alerts.json"))
