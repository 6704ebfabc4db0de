"""What was seen of growing inputs, look by look: since when the picks of a tomogram are the same, and who is still at work.

It is lost when a run is killed and is seen again after it. The ledger holds what must last.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

OPEN, OVER, FAILED = "open", "over", "failed"  # states of an input; failed: also stopped, or dead
RESERVE = 500_000_000  # bytes of the disk that stay free: no tomogram is begun with less
NOTHING = ""  # digest of the picks of a picker that looked at a tomogram and found nothing


@dataclass(frozen=True)
class Source:
    """One input in one look: the tomograms, or the picks of one picker.

    items: a digest of what it has of each tomogram, by id.  state: OPEN, OVER (closed, and its producer has finished) or FAILED.
    """

    items: Mapping[str, str]
    state: str = OPEN


@dataclass(frozen=True)
class Look:
    """One look at all inputs; None for an input that could not be read, about which nothing is concluded.

    finish: the user wants the run to wait for nothing more.  room: whether the disk has space for another tomogram.
    """

    tomograms: Source | None
    pickers: tuple[Source | None, ...]
    finish: bool = False
    room: bool = True


@dataclass(frozen=True)
class Sighting:
    """A digest that all looks since `since` found, `looks` in number."""

    digest: str
    since: float
    looks: int = 1


@dataclass(frozen=True)
class SourceSeen:
    """An input after some looks.

    items: by id of the tomogram.  state: the last one that is known, since `state_since`.  unread_since: from when on it could
    not be read; None if the last look read it.
    """

    items: Mapping[str, Sighting] = field(default_factory=dict)
    state: str = OPEN
    state_since: float = 0.0
    unread_since: float | None = None

    def seen_again(self, look: Source | None, now: float) -> SourceSeen:
        """After one more look."""
        if look is None:
            return replace(self, unread_since=now if self.unread_since is None else self.unread_since)
        items = {tomo_id: self._sighting(tomo_id, digest, now) for tomo_id, digest in look.items.items()}
        return SourceSeen(items, look.state, self.state_since if look.state == self.state else now)

    def _sighting(self, tomo_id: str, digest: str, now: float) -> Sighting:
        before = self.items.get(tomo_id)
        if before is None or before.digest != digest:
            return Sighting(digest, now)
        return replace(before, looks=before.looks + 1)

    def is_over(self, now: float, grace: float) -> bool:
        """Whether nothing more comes: it is over, or failed so long ago that nobody continues it."""
        return self.state == OVER or (self.state == FAILED and now - self.state_since >= grace)

    def delivered(self, tomo_id: str, now: float, settle: float, over: bool) -> str | None:
        """The digest of what it has of a tomogram, once that is complete; None before.

        Complete: two looks found the same, and something of another tomogram came later, or `settle` seconds passed, or the
        input is over.
        """
        own = self.items.get(tomo_id)
        if own is None or own.looks < 2:
            return None
        return own.digest if over or self._newest > own.since or now - own.since >= settle else None

    @cached_property
    def _newest(self) -> float:
        """Since when the latest of the items are the same."""
        return max(own.since for own in self.items.values())


@dataclass(frozen=True)
class Seen:
    """All inputs after some looks; see `Look`."""

    tomograms: SourceSeen
    pickers: tuple[SourceSeen, ...]
    finish: bool = False
    room: bool = True

    @staticmethod
    def nothing(n_pickers: int) -> Seen:
        """Before the first look."""
        return Seen(SourceSeen(), (SourceSeen(),) * n_pickers)

    def seen_again(self, look: Look, now: float) -> Seen:
        """After one more look."""
        pickers = tuple(seen.seen_again(own, now) for seen, own in zip(self.pickers, look.pickers, strict=True))
        return Seen(self.tomograms.seen_again(look.tomograms, now), pickers, self.finish or look.finish, look.room)
