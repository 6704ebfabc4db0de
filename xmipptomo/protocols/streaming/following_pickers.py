"""The loop of the protocols that follow pickers: look, decide (`runs.watching`), do, note in the ledger, and again."""

from __future__ import annotations

import shutil
import sqlite3
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from tomo.objects import SetOfCoordinates3D, SetOfTomograms

from tomo_particles.runs.ledger import Ledger, LedgerFiles
from tomo_particles.runs.sightings import RESERVE, Look, Seen
from tomo_particles.runs.watching import Action, LeaveOut, Rules, decide

from ..shared.queue_jobs import JobLost
from .following import Following
from .set_looks import look_at_input

NO_FAULT = (OSError, sqlite3.Error)  # of a tomogram: it is tried again
QUEUE_WARNING = ("*Use a queue engine?* with *A job for each step: N*: the queue ends the whole run when its time is over. "
                 "Choose Y: then each tomogram is a job.")
AGAIN = 60.0  # seconds until then
LOOKED = "looked"  # a file that is touched at each look: a monitor sees by it that the run is alive


class FollowsPickers(Following):
    """Part of a protocol with the parameters `inputSets` and `settle`. It defines `_rules`, `_begin` and `_do`.

    _ledger: what was done, in memory and in files.  _busy: what a step in another thread works on, see `decide`.
    """

    _ledger: Ledger
    _ledgerFiles: LedgerFiles
    _busy: set[str]
    _lastLook: Look

    def _rules(self) -> Rules:
        raise NotImplementedError

    def _begin(self) -> None:
        """Bring ledger and outputs in line after an interruption."""
        raise NotImplementedError

    def _do(self, action: Action) -> bool:
        """Do, or begin, what was decided; whether nothing more is to be decided."""
        raise NotImplementedError

    def liveOutput(self) -> str:
        """The name of the output that grows."""
        raise NotImplementedError

    def followStep(self, _: str) -> None:
        """Look, decide and do until all inputs are over."""
        self._ledgerFiles = LedgerFiles(self._getExtraPath("ledger"))
        self._ledger = Ledger(self._ledgerFiles.read()).trying_again()
        self._busy, self._held = set(), dict[str, tuple[float, str]]()
        self._begin()
        rules = self._rules()
        seen = Seen.nothing(len(rules.pickers))
        while True:
            now = time.monotonic()
            self._lastLook = self._look()
            seen = seen.seen_again(self._lastLook, now)
            held = {name for name, (until, _) in self._held.items() if until > now}
            decision = decide(rules, self._ledger, seen, now, self._busy | held)
            self._keepLines([*decision.alerts, *(reason for name, (_, reason) in self._held.items() if name in held)])
            Path(self._getExtraPath(LOOKED)).touch()
            for action in decision.actions:
                if self._doOrHold(action):
                    return
            if not decision.actions:
                time.sleep(self._pause())

    def _look(self) -> Look:
        paths = [self._tomogramSet().getFileName(), *(own.getFileName() for own in self._sets())]
        tomograms, *pickers = (look_at_input(self._looksAt(path)) for path in paths)
        room = shutil.disk_usage(self._getExtraPath()).free > RESERVE
        return Look(tomograms, tuple(pickers), self._isToFinish(), room)

    def _sets(self) -> list[SetOfCoordinates3D]:
        return [pointer.get() for pointer in self.inputSets]

    def _tomogramSet(self) -> SetOfTomograms:
        """Where the tomograms arrive."""
        return self._sets()[0].getPrecedents()

    def _doOrHold(self, action: Action) -> bool:
        if isinstance(action, LeaveOut):
            self._note(action.tomo_id, left_out=action.reason)
            return False
        try:
            return self._do(action)
        except Exception as error:
            if not (is_passing(error) or isinstance(error, JobLost)):
                raise
            self._hold(type(action).__name__, error)
            time.sleep(self._pause())
            return False

    def _hold(self, name: str, error: Exception) -> None:
        """Try something again later. name: a tomogram, or what was tried."""
        self._held[name] = time.monotonic() + AGAIN, f"{name}: {error}; it is tried again"

    def _warnings(self) -> list[str]:
        return [QUEUE_WARNING] if self.useQueueForProtocol() else []

    def _note(self, ts_id: str, **changes: Any) -> None:
        """Change fields of the entry of a tomogram; after this they last. Steps of other threads do so, too."""
        with self._lock:
            entry = replace(self._ledger.entry(ts_id), **changes)
            self._ledgerFiles.write(entry)
            self._ledger = self._ledger.having(entry)


def is_passing(error: BaseException) -> bool:
    """Whether an error may pass by itself: a full disk, a locked database."""
    return isinstance(error, NO_FAULT) or isinstance(error.__cause__, NO_FAULT)
