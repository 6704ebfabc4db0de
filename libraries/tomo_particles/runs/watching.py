"""What a run does next while tomograms and picks still arrive.

Decided from the ledger, from what was seen of the inputs, and from a monotonic time. Nothing here waits, reads a file or knows
Scipion. Whoever runs it looks at the inputs, asks for the next actions, does them, notes them in the ledger, and asks again.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..core.errors import listed
from .ledger import VOTES, Entry, Ledger
from .sightings import FAILED, NOTHING, Seen, SourceSeen

LEARN, GIVEN, VOTE = "learn", "given", "vote"  # where the scores come from: models of this run, a model of before, votes
UNREAD = 300.0  # seconds after which an input that cannot be read is worth an alert
NO_PICKS = "no picker found a pick in it"


@dataclass(frozen=True)
class Rules:
    """The choices of the user. Times are seconds.

    pickers: names.  scores: LEARN, GIVEN or VOTE.  enough: so many pickers are enough if the others have not delivered `patience`
    after the first one; None: all; patience 0: wait for ever.  settle: time without a change after which picks are complete.
    grace: time for which a failed picker is waited for.  first_tomograms, first_agreed: what the first training needs.
    hold: whether to publish nothing before the first model; otherwise the votes decide.  final: whether there is a final pass.
    """

    pickers: tuple[str, ...]
    scores: str = LEARN
    enough: int | None = None
    patience: float = 7200.0
    settle: float = 30.0
    grace: float = 7200.0
    first_tomograms: int = 5
    first_agreed: int = 200
    hold: bool = True
    final: bool = True


@dataclass(frozen=True)
class Prepare:
    """Prepare a tomogram from these picks (digests by the number of the picker, from 1), as this revision."""

    tomo_id: str
    revision: int
    tomogram: str
    digests: dict[int, str]


@dataclass(frozen=True)
class LeaveOut:
    """Note that a tomogram is not prepared, and why."""

    tomo_id: str
    reason: str


@dataclass(frozen=True)
class Train:
    """Train the model of this number on these tomograms."""

    number: int
    tomo_ids: tuple[str, ...]


@dataclass(frozen=True)
class Publish:
    """Score these tomograms with the model of this number (VOTES: by votes) and publish their accepted picks."""

    tomo_ids: tuple[str, ...]
    model: int


@dataclass(frozen=True)
class FinalPass:
    """Do the batch run on the last revisions of all tomograms, also on those that were left out."""

    tomo_ids: tuple[str, ...]


@dataclass(frozen=True)
class End:
    """Close the outputs. failed: why there is no result, or empty."""

    failed: str = ""


Action = Prepare | LeaveOut | Train | Publish | FinalPass | End
TRAINING = "training"  # in `busy`, where a tomogram that is worked on stands by its id


@dataclass(frozen=True)
class Decision:
    """actions: what can be done now, in this order; none: look again later.  alerts: what a person should know, sorted; each text
    is the same as long as its cause lasts.  waiting: in how many tomograms
    nothing is seen yet of each picker."""

    actions: tuple[Action, ...]
    alerts: tuple[str, ...]
    waiting: dict[str, int]


@dataclass(frozen=True)
class _Evidence:
    """digests: of the pickers with picks that are complete, by their number.  missing: the numbers of those not known yet.
    withdrawn: whether picks that count are not there at the moment.  since: when the first of them came."""

    digests: dict[int, str]
    missing: list[int]
    withdrawn: bool
    since: float


def decide(rules: Rules, ledger: Ledger, seen: Seen, now: float, busy: Collection[str] = ()) -> Decision:
    """What to do next. busy: what is being done: ids of tomograms, TRAINING."""
    over = [own.is_over(now, rules.grace) or seen.finish for own in (seen.tomograms, *seen.pickers)]
    actions: list[Action] = []
    waiting = dict.fromkeys(rules.pickers, 0)
    settled = all(over) and not busy
    for tomo_id in sorted(seen.tomograms.items):
        evidence = _evidence_of(tomo_id, rules, ledger.entry(tomo_id), seen, over[1:], now)
        for picker in evidence.missing:
            waiting[rules.pickers[picker - 1]] += tomo_id not in seen.pickers[picker - 1].items
        step = _step_of(tomo_id, rules, ledger.entry(tomo_id), seen, evidence, now)
        if step and tomo_id not in busy and (seen.room or isinstance(step, LeaveOut)):
            actions.append(step)
        settled &= not step and (not evidence.missing or _patient(rules, evidence, now))
    leaving = {step.tomo_id for step in actions if isinstance(step, LeaveOut)}
    actions += _score_or_train(rules, ledger, [one for one in ledger.prepared if one not in leaving], settled, busy)
    if not actions and settled:
        actions = [_ending(rules, ledger, seen)]
    return Decision(tuple(actions), tuple(sorted(_alerts(rules, ledger, seen, now))), waiting)


def _evidence_of(tomo_id: str, rules: Rules, entry: Entry, seen: Seen, over: list[bool], now: float) -> _Evidence:
    digests, missing, withdrawn, since = {}, [], False, now
    for picker, (own, is_over) in enumerate(zip(seen.pickers, over, strict=True), start=1):
        digest = own.delivered(tomo_id, now, rules.settle, is_over)
        if digest is None and tomo_id not in own.items and is_over:
            digest = NOTHING
        elif digest is None and tomo_id not in own.items and picker in entry.digests:  # the picker was restarted
            digest, withdrawn = entry.digests[picker], True
        if digest is None:
            missing.append(picker)
        else:
            since = min(since, own.items[tomo_id].since) if tomo_id in own.items else since
            if digest != NOTHING:
                digests[picker] = digest
    return _Evidence(digests, missing, withdrawn, since)


def _patient(rules: Rules, evidence: _Evidence, now: float) -> bool:
    """Whether the pickers that are known are enough, and the others were waited for."""
    n_known = len(rules.pickers) - len(evidence.missing)
    enough = rules.enough is not None and n_known >= rules.enough and rules.patience > 0
    return enough and bool(evidence.digests) and now - evidence.since >= rules.patience


def _step_of(tomo_id: str, rules: Rules, entry: Entry, seen: Seen, evidence: _Evidence, now: float) -> Action | None:
    """Prepare a tomogram, or leave it out, if what is known of it is new."""
    if evidence.missing and not _patient(rules, evidence, now):
        return None
    if not evidence.digests:
        if entry.left_out or entry.published:
            return None
        return LeaveOut(tomo_id, NO_PICKS)
    tomogram = seen.tomograms.items[tomo_id].digest
    known = entry.revision or entry.left_out
    if known and (entry.tomogram, dict(entry.digests)) == (tomogram, evidence.digests):
        return None
    if evidence.withdrawn:  # cannot be read again at the moment
        return None
    return Prepare(tomo_id, entry.revision + 1, tomogram, evidence.digests)


def _score_or_train(rules: Rules, ledger: Ledger, prepared: list[str], settled: bool, busy: Collection[str]) -> list[Action]:
    ready = tuple(one for one in prepared if one not in busy and not ledger.entries[one].published)
    actions: list[Action] = []
    model = {VOTE: VOTES, GIVEN: VOTES + 1, LEARN: ledger.model}[rules.scores]
    if rules.scores == LEARN and TRAINING not in busy and _training_is_due(rules, ledger, prepared, settled and bool(ready)):
        number = max((own.number for own in ledger.milestones), default=0) + 1
        actions.append(Train(number, tuple(prepared)))
    elif model is None and (settled or not rules.hold):  # no model can be trained any more, or nobody wants to wait for one
        model = VOTES
    if model is not None and ready:
        actions.append(Publish(ready, model))
    return actions


def _training_is_due(rules: Rules, ledger: Ledger, prepared: list[str], last_chance: bool) -> bool:
    if ledger.milestones:
        return len(prepared) >= 2 * len(ledger.milestones[-1].tomo_ids)
    agreed = sum(ledger.entries[tomo_id].agreed for tomo_id in prepared)
    enough = len(prepared) >= rules.first_tomograms and agreed >= rules.first_agreed
    return enough or last_chance


def _ending(rules: Rules, ledger: Ledger, seen: Seen) -> Action:
    if not ledger.prepared:
        reasons = sorted({own.left_out for own in ledger.entries.values() if own.left_out})
        return End(f"no tomogram could be used: {listed(reasons, quote='')}" if reasons else "no tomogram came")
    if rules.final and not ledger.is_finished:
        return FinalPass(tuple(sorted({*ledger.prepared, *seen.tomograms.items})))
    return End()


def _alerts(rules: Rules, ledger: Ledger, seen: Seen, now: float) -> list[str]:
    alerts = []
    inputs = [
        ("the tomograms", seen.tomograms),
        *((f"picker '{n}'", s) for n, s in zip(rules.pickers, seen.pickers, strict=True)),
    ]
    for name, own in inputs:
        alerts += _alerts_of(name, own, rules, now)
    if seen.tomograms.is_over(now, rules.grace):
        picked = {tomo_id for own in seen.pickers for tomo_id in own.items}
        if strange := sorted(picked - set(seen.tomograms.items)):
            alerts.append(f"there are picks of {listed(strange)}, but no such tomogram came")
    alerts += [f"tomogram '{own.tomo_id}' is left out: {own.left_out}" for own in ledger.entries.values() if own.left_out]
    if ledger.milestones and ledger.milestones[-1].failed:
        alerts.append(f"training {ledger.milestones[-1].number} failed: {ledger.milestones[-1].failed}")
    if not seen.room:
        alerts.append("the disk is nearly full: no new tomogram is prepared until there is space")
    return alerts


def _alerts_of(name: str, own: SourceSeen, rules: Rules, now: float) -> list[str]:
    alerts = []
    if own.unread_since is not None and now - own.unread_since >= UNREAD:
        alerts.append(f"{name} cannot be read since {UNREAD / 60:.0f} minutes or more")
    if own.state == FAILED:
        gone = own.is_over(now, rules.grace)
        then = "what is missing of it is not waited for any more" if gone else f"it is waited for {rules.grace / 3600:g} h"
        alerts.append(f"{name} failed or was stopped: {then}")
    return alerts
