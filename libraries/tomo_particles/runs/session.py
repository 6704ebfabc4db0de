"""What came when in a run that follows its inputs, as somebody who looks at it from outside sees it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from statistics import median

from .ledger import Entry

DISK_EVERY, DISK_KEPT = 600.0, 144  # seconds between two notes of the free space, and how many are kept: a day


@dataclass(frozen=True)
class SessionLook:
    """One look at a run and at its inputs.

    tomograms: ids of those that came.  picks: how many each picker has of each tomogram.  live: how many picks are published of
    each tomogram, scores: their mean score.  entries: the ledger.  models: number of tomograms that each finished model learned
    from.  states: of the runs, by name.  alerts: what the run says.  verdict: on the scores of the newest
    model.  free: bytes on its disk.
    """

    tomograms: tuple[str, ...] = ()
    picks: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    live: Mapping[str, int] = field(default_factory=dict)
    scores: Mapping[str, float] = field(default_factory=dict)
    entries: Mapping[str, Entry] = field(default_factory=dict)
    models: Mapping[int, int] = field(default_factory=dict)
    states: Mapping[str, str] = field(default_factory=dict)
    alerts: tuple[str, ...] = ()
    verdict: str = ""
    free: int = 0


@dataclass
class TomogramStory:
    """When what of a tomogram was seen first (seconds since 1970), and the numbers of the last look.

    picked: when the picks of each picker last changed.  latency: seconds from the last of them to the published picks.
    """

    came: float
    picked: dict[str, float] = field(default_factory=dict)
    picks: dict[str, int] = field(default_factory=dict)
    live_at: float | None = None
    live: int | None = None
    score: float | None = None
    agreed: int = 0
    model: int | None = None
    left_out: str = ""
    latency: float | None = None

    @property
    def agreed_share(self) -> float | None:
        """Agreed picks, as a fraction of the picks of the median picker."""
        counts = [n for n in self.picks.values() if n]
        return self.agreed / median(counts) if self.agreed and counts else None


@dataclass
class Session:
    """All that was seen so far. It is kept in a file, so that a monitor that is started again goes on.

    tomograms: by id, in order of arrival.  models: when each was seen first, and from how many tomograms it learned.
    disk: when, and how many bytes were free.  conditions: what is not as it should be: texts and since when, by key.
    mailed_at: time of the last mail.  states, alerts, verdict, free: of the last look, at `looked_at`.
    """

    tomograms: dict[str, TomogramStory] = field(default_factory=dict)
    models: dict[int, tuple[float, int]] = field(default_factory=dict)
    disk: list[tuple[float, int]] = field(default_factory=list)
    conditions: dict[str, tuple[str, float]] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)
    alerts: list[str] = field(default_factory=list)
    verdict: str = ""
    free: int = 0
    looked_at: float = 0.0
    mailed_at: float = 0.0

    def note(self, look: SessionLook, now: float) -> None:
        """Take in one look, at this time."""
        for tomo_id in look.tomograms:
            self.tomograms.setdefault(tomo_id, TomogramStory(now))
        for tomo_id, story in self.tomograms.items():
            self._note_tomogram(story, tomo_id, look, now)
        for number, n_tomograms in look.models.items():
            self.models.setdefault(number, (now, n_tomograms))
        if not self.disk or now - self.disk[-1][0] >= DISK_EVERY:
            self.disk = [*self.disk, (now, look.free)][-DISK_KEPT:]
        self.states, self.alerts, self.verdict = dict(look.states), list(look.alerts), look.verdict or self.verdict
        self.free, self.looked_at = look.free, now

    @staticmethod
    def _note_tomogram(story: TomogramStory, tomo_id: str, look: SessionLook, now: float) -> None:
        for picker, counts in look.picks.items():
            if counts.get(tomo_id, 0) != story.picks.get(picker, 0):
                story.picks[picker], story.picked[picker] = counts.get(tomo_id, 0), now
        entry = look.entries.get(tomo_id, Entry(tomo_id))
        story.agreed, story.left_out, story.model = entry.agreed, entry.left_out, entry.model
        if story.live_at is None and (entry.published or tomo_id in look.live):
            story.live_at, story.latency = now, now - max(story.picked.values(), default=now)
            story.live = 0
        if tomo_id in look.live:  # a set that cannot be read at the moment says nothing
            story.live, story.score = look.live[tomo_id], look.scores.get(tomo_id)

    @property
    def published(self) -> list[TomogramStory]:
        """Those with published picks, in the order in which they were published."""
        return sorted((own for own in self.tomograms.values() if own.live_at is not None), key=lambda own: own.live_at or 0.0)

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> Session:
        """Raises ValueError or TypeError for a text that is no session."""
        values = json.loads(text)
        if not isinstance(values, dict) or set(values) != {one.name for one in fields(Session)}:
            raise ValueError("no session of a monitor")
        values["tomograms"] = {tomo_id: TomogramStory(**own) for tomo_id, own in values["tomograms"].items()}
        values["models"] = {int(number): (own[0], own[1]) for number, own in values["models"].items()}
        values["disk"] = [(at, free) for at, free in values["disk"]]
        values["conditions"] = {key: (text, since) for key, (text, since) in values["conditions"].items()}
        return Session(**values)
