"""The page of a run that follows its inputs: the same that Scipion's monitor writes."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tomo_particles.core.files import written_aside
from tomo_particles.runs.ledger import Ledger
from tomo_particles.runs.session import Session, SessionLook

from .inputs import Inputs

RUN = "run_deep_consensus_tomo"  # how the page calls the run
EVERY = 15.0  # seconds between two pages


class SessionPage:
    """monitor.html in the folder of the live part of a run, and what was seen so far in a file beside it."""

    def __init__(self, folder: Path, odir: str, names: Sequence[str]) -> None:
        self.path, self._file, self._odir, self._names = folder / "monitor.html", folder / "session.json", odir, names
        self._session = self._read()
        self._next = 0.0
        self._verdict = ("", "")  # of the model of this file

    def _read(self) -> Session:
        """What an earlier process saw."""
        try:
            return Session.from_json(self._file.read_text(encoding="utf-8"))
        except (OSError, ValueError, TypeError):
            return Session()

    def write(
        self,
        state: str,
        inputs: Inputs,
        ledger: Ledger,
        live: Mapping[str, tuple[int, float]],
        model: str,
        alerts: Sequence[str],
        free: int,
        now: bool = False,
    ) -> None:
        """Note what there is, and write the page if it is time.

        state: of the run.  live: number and mean score of the published picks of each tomogram.  model: file of the newest
        one, or empty.  free: bytes on the disk.  now: whether it is time in any case.
        """
        from tomo_particles.reports.monitor import write_monitor
        from tomo_particles.runs.conditions import Limits, conditions

        at = time.time()
        self._session.note(
            SessionLook(
                (*inputs.tomograms.arrived, *inputs.tomograms.faults),
                {name: own.counts for name, own in zip(self._names, inputs.pickers, strict=True)},
                {tomo_id: n for tomo_id, (n, _) in live.items()},
                {tomo_id: score for tomo_id, (n, score) in live.items() if n},
                ledger.entries,
                {own.number: len(own.tomo_ids) for own in ledger.milestones if not own.failed},
                {RUN: state},
                tuple(alerts),
                self._verdict_of(model),
                free,
            ),
            at,
        )
        if not now and time.monotonic() < self._next:
            return
        self._next = time.monotonic() + EVERY
        held = conditions(self._session, Limits(), at)
        self._session.conditions = {key: (text, self._session.conditions.get(key, ("", at))[1]) for key, text in held.items()}
        with written_aside(self._file) as aside:
            aside.write_text(self._session.to_json(), encoding="utf-8")
        write_monitor(self.path, self._session, held, f"Session: {self._odir}")

    def _verdict_of(self, model: str) -> str:
        from tomo_particles.consensus.model_verdict import verdict_in

        if model != self._verdict[0]:
            self._verdict = model, verdict_in(model) if model else ""
        return self._verdict[1]
