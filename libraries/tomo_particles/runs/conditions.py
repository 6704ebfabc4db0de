"""What is not as it should be in a session: fewer picks than at the beginning, a picker that does not come, a full disk."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .session import Session

FIRST, LAST = 30, 10  # tomograms: the measure, and those compared with it
FALL, ERRORS = 0.7, 4.0  # a fall counts below this fraction, and by so many standard errors
LEFT_OUT = "left out "  # how the keys of tomograms begin that are left out
SIX_HOURS = 6 * 3600.0
BROKEN = {"failed": "failed", "aborted": "was stopped", "lost": "does not answer any more"}  # states of a run


@dataclass(frozen=True)
class Limits:
    """idle: seconds without a new tomogram.  behind: tomograms that a picker may lack of those that another one has.
    precision: lowest mean score of the last tomograms, 0: any.  reserve: bytes that must be free."""

    idle: float = 3600.0
    behind: int = 5
    precision: float = 0.0
    reserve: int = 10_000_000_000


def conditions(session: Session, limits: Limits, now: float) -> dict[str, str]:
    """A line for each condition that holds, by a key that stays the same as long as it does."""
    found: dict[str, str] = {}
    published = session.published
    yields = {
        "picks": ("accepted picks of a tomogram", [float(own.live or 0) for own in published]),
        "agreed": ("picks on which pickers agree", [own.agreed_share for own in published if own.agreed_share is not None]),
    }
    for key, (what, values) in yields.items():
        if (share := fallen_to(values, key in session.conditions)) is not None:
            found[key] = f"the number of {what} fell: in the last {LAST} tomograms it is {share:.0%} of that in the first {FIRST}"
    found |= _scores(session, limits)
    found |= _arrivals(session, limits, now)
    found |= _disk(session, limits)
    for name, state in session.states.items():
        if state in BROKEN:
            found[f"run {name}"] = f"run '{name}' {BROKEN[state]}"
    for tomo_id, own in session.tomograms.items():
        if own.left_out:
            found[f"{LEFT_OUT}{tomo_id}"] = f"tomogram '{tomo_id}' is left out: {own.left_out}"
    left_out = [f"tomogram '{tomo_id}' " for tomo_id in session.tomograms]
    found |= {f"alert {text}": text for text in session.alerts if not text.startswith(tuple(left_out))}
    return found


def fallen_to(values: Sequence[float], already: bool = False) -> float | None:
    """To which fraction of the first values the last ones fell; None if they did not. already: whether they had, before: the end
    is half-way back."""
    if len(values) < FIRST + LAST:
        return None
    logs = np.log(np.asarray(values) + 1e-3)
    steps = np.diff(logs)
    scatter = 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / math.sqrt(2)  # a slow change is no scatter
    error = scatter * math.sqrt(1 / FIRST + 1 / LAST)
    fall = float(logs[:FIRST].mean() - logs[-LAST:].mean())
    least = max(-math.log(FALL), ERRORS * error)
    return math.exp(-fall) if fall > (least / 2 if already else least) else None


def _scores(session: Session, limits: Limits) -> dict[str, str]:
    scores = [own.score for own in session.published if own.score is not None]
    if len(scores) < LAST:
        return {}
    recent = float(np.mean(scores[-LAST:]))
    if limits.precision and recent < limits.precision:
        return {"precision": f"the mean score of the last {LAST} tomograms is {recent:.2f}, below {limits.precision:g}"}
    before = float(np.mean(scores[:FIRST])) if len(scores) >= FIRST + LAST else recent
    least = 0.05 if "precision" in session.conditions else 0.1
    if before - recent > least:
        return {"precision": f"the mean score fell from {before:.2f} to {recent:.2f}"}
    return {}


def _arrivals(session: Session, limits: Limits, now: float) -> dict[str, str]:
    stories = session.tomograms
    found: dict[str, str] = {}
    last = max((own.came for own in stories.values()), default=None)
    going_on = any(state not in ("finished", *BROKEN) for state in session.states.values())
    if last is not None and going_on and now - last >= limits.idle:
        found["idle"] = f"no tomogram came for {(now - last) / 60:.0f} minutes"
    pickers = sorted({picker for own in stories.values() for picker in own.picks})
    for picker in pickers:
        lacking = sum(1 for own in stories.values() if own.picks and not own.picks.get(picker) and not own.left_out)
        if lacking > limits.behind:
            found[f"behind {picker}"] = f"picker '{picker}' lacks {lacking} tomograms that another one has"
    return found


def _disk(session: Session, limits: Limits) -> dict[str, str]:
    if session.free < limits.reserve:
        return {"disk": f"only {session.free / 1e9:.1f} GB are free on the disk"}
    (then, before), now = session.disk[0] if session.disk else (0.0, 0), session.looked_at
    used = before - session.free
    if used > 0 and now > then:
        left = (session.free - limits.reserve) / used * (now - then)
        if left < SIX_HOURS and now - then >= 1800:
            return {"disk": f"the disk will be full in {left / 3600:.1f} hours; {session.free / 1e9:.1f} GB are free"}
    return {}
