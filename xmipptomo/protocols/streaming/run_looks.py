"""What a monitor sees of a consensus that follows its inputs: from its files and sets, without a word from the run."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from pyworkflow.protocol import Protocol, getProtocolFromDb

from tomo_particles.consensus.model_verdict import verdict_in
from tomo_particles.runs.ledger import LedgerFiles
from tomo_particles.runs.session import SessionLook

from ...convert import names_of_pickers
from ...files import RunFiles
from .following_pickers import LOOKED, FollowsPickers
from .live_files import LiveFiles
from .set_looks import state_of_producer

SILENT = 900.0  # seconds without a look after which a run is taken for lost


class RunLooks:
    """Looks at one run. It may not have begun; once it has, it is read from its own database, which knows its inputs."""

    def __init__(self, run: FollowsPickers) -> None:
        self._run = run
        self._isLoaded = False
        self._entries: LedgerFiles | None = None
        self._looked: tuple[int, float] = (0, time.monotonic())  # time of the run's last look, and since when it is the same
        self._verdict: tuple[int, str] = (0, "")  # of the network of this number

    def look(self) -> SessionLook:
        """What is there now. What cannot be read at the moment is missing."""
        free = shutil.disk_usage(os.curdir).free
        if not self.hasBegun():
            return SessionLook(states={**self._statesBefore(), self._run.getRunName(): self.state()}, free=free)
        run = self._run
        names = names_of_pickers(run.inputSets)
        paths = dict(zip(names, (own.getFileName() for own in run._sets()), strict=True))
        tomograms = run._looksAt(run._tomogramSet().getFileName()).look()
        live = run._looksAt(run._getPath(f"{run.liveOutput()}.sqlite")).look()
        picks = {name: found.counts for name, path in paths.items() if (found := run._looksAt(path).look())}
        trainings = LiveFiles(run._getExtraPath()).trainings()
        return SessionLook(
            tuple(tomograms.counts) if tomograms else (), picks, live.counts if live else {}, live.scores if live else {},
            self._ledger().read(),
            {own.number: len(own.learned_from()) for own in trainings}, self._states(paths), tuple(run._keptLines()),
            self._verdict_of(trainings), free)

    def _ledger(self) -> LedgerFiles:
        if self._entries is None:
            self._entries = LedgerFiles(self._run._getExtraPath("ledger"))
        return self._entries

    def hasBegun(self) -> bool:
        """Whether the run has begun: one that is scheduled may wait long for its inputs."""
        if not self._isLoaded and Path(self._run._getExtraPath(LOOKED)).exists():
            self._run = getProtocolFromDb(os.getcwd(), self._run.getDbPath(), self._run.getObjId())
            self._isLoaded = True
        return self._isLoaded

    def _statesBefore(self) -> dict[str, str]:
        """The states of the runs that this one waits for: one that has failed will never give it an input."""
        runs = {pointer.getObjValue() for pointer in self._run.inputSets if isinstance(pointer.getObjValue(), Protocol)}
        states = {run.getRunName(): state_of_producer(run._getPath("any")) for run in runs}
        return {name: state for name, state in sorted(states.items()) if state}

    def _states(self, paths: Mapping[str, str]) -> dict[str, str]:
        sources = {"tomograms": self._run._tomogramSet().getFileName(), **paths}
        states = {name: state for name, path in sources.items() if (state := state_of_producer(path))}
        return states | {self._run.getRunName(): self.state()}

    def state(self) -> str:
        """That of the run itself; `lost` for one that is said to run and does nothing."""
        state = state_of_producer(self._run._getPath("any")) or ""
        try:
            looked = os.stat(self._run._getExtraPath(LOOKED)).st_mtime_ns
        except FileNotFoundError:
            return state
        if looked != self._looked[0]:
            self._looked = looked, time.monotonic()
        in_final_pass = RunFiles(self._run._getExtraPath()).common_grid.exists()
        silent = time.monotonic() - self._looked[1] >= SILENT
        return "lost" if state == "running" and silent and not in_final_pass else state

    def _verdict_of(self, trainings: list) -> str:
        if trainings and trainings[-1].number != self._verdict[0]:
            self._verdict = trainings[-1].number, verdict_in(trainings[-1].model)
        return self._verdict[1]
