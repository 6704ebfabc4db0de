"""What a run does next while its inputs grow, over random schedules with kills, failures and blind looks."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from tomo_particles.runs.ledger import VOTES, Ledger, Milestone
from tomo_particles.runs.sightings import FAILED, NOTHING, OPEN, OVER, Look, Seen, Source, SourceSeen
from tomo_particles.runs.watching import (
    TRAINING,
    End,
    FinalPass,
    LeaveOut,
    Prepare,
    Publish,
    Rules,
    Train,
    decide,
)

STEP = 10.0  # seconds between two looks
GRACE = 250.0  # failures last up to 30 looks

TOMOGRAMS = ("T1", "T2", "T3", "T4", "T5", "T6")
INSTANTS = st.integers(0, 60)  # looks


@st.composite
def schedules(draw) -> dict:
    """When what happens, in looks: arrivals, picks that grow and change, failures, blind looks, kills, ends."""
    tomograms = TOMOGRAMS[: draw(st.integers(1, 6))]
    n_pickers = draw(st.integers(1, 3))
    arrivals = {one: draw(INSTANTS) for one in tomograms}
    picks = {}
    for picker in range(n_pickers):
        for one in tomograms:
            kind = draw(st.sampled_from(["picks", "picks", "picks", "grows", "again", "nothing", "absent"]))
            at = arrivals[one] + draw(st.integers(0, 30))
            states = {"picks": {at: "p"}, "grows": {at: "half", at + 1: "p"}, "nothing": {at: NOTHING}, "absent": {}}
            picks[picker, one] = states.get(kind, {at: "first", at + draw(st.integers(4, 40)): "p"})
    last = max([*arrivals.values(), *(at for own in picks.values() for at in own)])
    return {
        "tomograms": tomograms,
        "n_pickers": n_pickers,
        "arrivals": arrivals,
        "picks": picks,
        "closing": [last + draw(st.integers(1, 40)) for _ in range(n_pickers + 1)],
        "failing": draw(st.lists(st.tuples(st.integers(0, n_pickers), INSTANTS, st.integers(1, 30)), max_size=2)),
        "emptied": draw(st.booleans()),  # whether a failed picker comes back without its picks, and gives them again
        "blind": draw(st.sets(st.tuples(st.integers(0, n_pickers), st.integers(0, 120)), max_size=12)),
        "kills": draw(st.sets(st.integers(0, 150), max_size=4)),
        "lasts": draw(st.integers(0, 6)),  # looks that a training takes
        "training_fails": draw(st.sets(st.integers(1, 3), max_size=2)),
        "agreed": draw(st.sampled_from([0, 10, 50])),
        "hold": draw(st.booleans()),
        "patience": draw(st.sampled_from([0.0, 0.0, 150.0])),
    }


class World:
    """Inputs that follow a schedule, and a run that does what `decide` says; a kill loses what is not in the ledger."""

    def __init__(self, schedule: dict) -> None:
        self.schedule = schedule
        enough = max(1, schedule["n_pickers"] - 1) if schedule["patience"] else None
        self.rules = Rules(
            ("a", "b", "c")[: schedule["n_pickers"]],
            enough=enough,
            patience=schedule["patience"],
            grace=GRACE,
            first_tomograms=2,
            first_agreed=30,
            hold=schedule["hold"],
        )
        self.ledger = Ledger()
        self.published: list[str] = []
        self.trained: list[int] = []
        self.models_used: list[tuple[int, bool]] = []
        self.prepared_from: dict[str, dict[int, str]] = {}
        self.ended = ""
        self._start()

    def _start(self) -> None:
        self.seen = Seen.nothing(self.schedule["n_pickers"])
        self.training: tuple[int, Train] | None = None
        good = tuple(own for own in self.ledger.milestones if not own.failed)
        self.ledger = replace(self.ledger, milestones=good)  # a failed training is tried again by a new process

    def _items(self, source: int, step: int) -> dict[str, str]:
        if source == 0:
            return {one: "t" for one, at in self.schedule["arrivals"].items() if at <= step}
        items = {}
        for (picker, one), states in self.schedule["picks"].items():
            past = [at for at in states if at <= step]
            if picker == source - 1 and past:
                items[one] = states[max(past)]
        return items

    def look(self, step: int) -> Look:
        sources: list[Source | None] = []
        for source in range(self.schedule["n_pickers"] + 1):
            failed = [at for which, at, lasts in self.schedule["failing"] if which == source and at <= step < at + lasts]
            back = [at for which, at, lasts in self.schedule["failing"] if which == source and 0 <= step - at - lasts < 3]
            if (source, step) in self.schedule["blind"]:
                sources.append(None)
                continue
            closed = step >= self.schedule["closing"][source] and not failed
            emptied = back and source and self.schedule["emptied"] and not closed
            state = FAILED if failed else OVER if closed else OPEN
            sources.append(Source({} if emptied else self._items(source, min(step, failed[0]) if failed else step), state))
        return Look(sources[0], tuple(sources[1:]))

    def run(self) -> None:
        for step in range(400):
            if step in self.schedule["kills"]:
                self._start()
            self.seen = self.seen.seen_again(self.look(step), step * STEP)
            if self.training and step >= self.training[0]:
                self._trained(self.training[1])
            busy = [TRAINING] if self.training else []
            for number, action in enumerate(decide(self.rules, self.ledger, self.seen, step * STEP, busy).actions):
                if step + 1 in self.schedule["kills"] and number:
                    break  # killed between two actions
                self.do(action, step)
            if self.ended:
                return

    def do(self, action: object, step: int) -> None:
        match action:
            case Prepare():
                before = self.ledger.entry(action.tomo_id)
                assert action.revision == before.revision + 1 and action.digests
                self.prepared_from[action.tomo_id] = action.digests
                entry = replace(
                    before,
                    revision=action.revision,
                    tomogram=action.tomogram,
                    digests=action.digests,
                    agreed=self.schedule["agreed"],
                    left_out="",
                )
                self.ledger = self.ledger.having(entry)
            case LeaveOut():
                self.ledger = self.ledger.having(replace(self.ledger.entry(action.tomo_id), left_out=action.reason))
            case Train():
                assert not self.training
                self.training = (step + self.schedule["lasts"], action)
            case Publish():
                assert action.model in {VOTES, *(own.number for own in self.ledger.milestones if not own.failed)}
                self.models_used.append((action.model, self._all_over(step)))
                for one in action.tomo_ids:
                    self.published.append(one)
                    self.ledger = self.ledger.having(replace(self.ledger.entry(one), published=True))
            case FinalPass():
                self.final = action.tomo_ids
                self.ledger = replace(self.ledger, finished=self.ledger.revisions)
            case End():
                assert self._all_over(step), "closed early"
                self.ended = action.failed or "done"

    def _given_up(self, source: int, step: int) -> bool:
        seen = (self.seen.tomograms, *self.seen.pickers)[source]
        return seen.state == FAILED and step * STEP - seen.state_since >= self.rules.grace

    def _all_over(self, step: int) -> bool:
        return all(step >= at or self._given_up(source, step) for source, at in enumerate(self.schedule["closing"]))

    def _trained(self, action: Train) -> None:
        self.training = None
        failed = "it did" if action.number in self.schedule["training_fails"] else ""
        self.trained.append(len(action.tomo_ids))
        self.ledger = replace(
            self.ledger, milestones=(*self.ledger.milestones, Milestone(action.number, action.tomo_ids, failed))
        )


def longest_failure(schedule: dict, source: int) -> int:
    """The most looks in a row that found an input failed; those that found nothing of it do not end it."""
    failed = {step for which, at, lasts in schedule["failing"] if which == source for step in range(at, at + lasts)}
    failed |= {step for which, step in schedule["blind"] if which == source}
    longest = now = 0
    for step in range(max(failed, default=0) + 1):
        now = now + 1 if step in failed else 0
        longest = max(longest, now)
    return longest


def gives_up(schedule: dict) -> bool:
    """Whether an input fails for so long that it is not waited for any more."""
    return any(longest_failure(schedule, source) * STEP > GRACE for source in range(schedule["n_pickers"] + 1))


def check(schedule: dict) -> None:
    """All that a schedule must not break."""
    world = World(schedule)
    world.run()
    assert world.ended, "no end"
    with_picks = {one for (_, one), states in schedule["picks"].items() if states and set(states.values()) != {NOTHING}}
    assert len(world.published) == len(set(world.published)), "published twice"
    assert set(world.published) <= with_picks
    gave_up = gives_up(schedule)
    if not gave_up:
        assert set(world.published) == with_picks, "not published"
    assert (world.ended == "done") == bool(world.published)
    if not gave_up:  # the last revision is what the pickers ended with, half-written picks never count
        for one in with_picks:
            ends = {p + 1: states[max(states)] for (p, t), states in schedule["picks"].items() if t == one and states}
            assert world.prepared_from[one] == {p: digest for p, digest in ends.items() if digest != NOTHING}
    if world.published:
        assert world.final == schedule["tomograms"] or (gave_up and set(world.published) <= set(world.final))
    for model, at_the_end in world.models_used:
        assert model != VOTES or at_the_end or not schedule["hold"], "published before the first model"


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_each_tomogram_is_published_once_nothing_closes_early_and_the_end_comes(schedule):
    check(schedule)


FEW = settings(max_examples=2000, deadline=None, suppress_health_check=list(HealthCheck), database=None, phases=[Phase.generate])


def test_schedules_with_inputs_that_are_given_up_are_among_them():
    assert gives_up(find(schedules(), gives_up, settings=FEW))


def broken(schedule: dict) -> bool:
    try:
        check(schedule)
    except AssertionError:
        return True
    return False


def failed_is_over(self: SourceSeen, now: float, grace: float) -> bool:
    return self.state != OPEN


def unread_is_over(self: SourceSeen, look: Source | None, now: float) -> SourceSeen:
    return replace(self, state=OVER) if look is None else SEEN_AGAIN(self, look, now)


SEEN_AGAIN = SourceSeen.seen_again


@pytest.mark.parametrize(("name", "wrong"), [("is_over", failed_is_over), ("seen_again", unread_is_over)])
def test_the_schedules_find_a_decision_that_is_wrong(monkeypatch, name, wrong):
    monkeypatch.setattr(SourceSeen, name, wrong)
    assert broken(find(schedules(), broken, settings=FEW))


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None, suppress_health_check=list(HealthCheck))
@given(schedules())
def test_ten_thousand_schedules(schedule):
    check(schedule)
