"""In which order, and when, a finished set is released again tomogram by tomogram: to rehearse a session at the microscope."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Release:
    """at: seconds after the start.  tomo_id: of the tomogram of which this comes.  share: of its items that are there then."""

    at: float
    tomo_id: str
    share: float = 1.0


@dataclass(frozen=True)
class Drill:
    """interval: seconds from a tomogram to the next.  jitter: by which fraction of it each may come earlier or later.

    delay: seconds before the first.  shuffled: whether in another order than that of the set.  halves: whether the items of a
    tomogram come in two parts, the second half an interval later.  lacking: how many tomograms never come.
    seed: of all random choices.
    """

    interval: float = 10.0
    jitter: float = 0.0
    delay: float = 0.0
    shuffled: bool = False
    halves: bool = False
    lacking: int = 0
    seed: int = 1

    def plan(self, tomo_ids: Sequence[str]) -> list[Release]:
        """What comes when, in order of time; the same for the same tomograms and the same seed."""
        rng = random.Random(self.seed)
        order = list(tomo_ids)
        if self.shuffled:
            rng.shuffle(order)
        lacking = set(rng.sample(order, min(self.lacking, len(order))))
        plan = []
        for number, tomo_id in enumerate(own for own in order if own not in lacking):
            at = self.delay + self.interval * max(0.0, number + self.jitter * rng.uniform(-1, 1))
            if self.halves:
                plan.append(Release(at, tomo_id, 0.5))
                at += self.interval / 2
            plan.append(Release(at, tomo_id))
        return sorted(plan, key=lambda release: release.at)
