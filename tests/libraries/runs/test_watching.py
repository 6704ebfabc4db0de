"""What a run does next while its inputs grow: case by case, and over random schedules with kills, failures and blind looks."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from tomo_particles.runs.ledger import VOTES, Entry, Ledger, LedgerFiles, Milestone
from tomo_particles.runs.sightings import FAILED, NOTHING, OPEN, OVER, Look, Seen, Source, SourceSeen
from tomo_particles.runs.watching import (
    GIVEN,
    TRAINING,
    VOTE,
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
GRACE = 250.0  # of the random schedules; failures last up to 30 looks
RULES = Rules(("a", "b"), first_tomograms=2, first_agreed=20)


def seen_of(*looks: Look, every: float = STEP) -> tuple[Seen, float]:
    """The sightings after some looks, and the time of the last."""
    seen = Seen.nothing(len(looks[0].pickers))
    for k, look in enumerate(looks):
        seen = seen.seen_again(look, k * every)
    return seen, (len(looks) - 1) * every


def look(tomograms: dict, *pickers: dict, states: tuple[str, ...] = (OPEN, OPEN, OPEN)) -> Look:
    return Look(Source(tomograms, states[0]), tuple(Source(own, state) for own, state in zip(pickers, states[1:], strict=False)))


def actions_of(*looks: Look, ledger: Ledger = Ledger(), rules: Rules = RULES, every: float = STEP, busy=()) -> tuple:  # noqa: B008
    seen, now = seen_of(*looks, every=every)
    return decide(rules, ledger, seen, now, busy).actions


def prepared(*tomo_ids: str, agreed: int = 10, published: bool = False) -> Ledger:
    digests = {1: "p", 2: "q"}
    return Ledger({one: Entry(one, 1, "t", digests, agreed, published=published) for one in tomo_ids})


ONE = look({"T1": "t"}, {"T1": "p"}, {"T1": "q"})


def test_picks_count_after_two_looks_and_the_settling_time_or_a_later_tomogram():
    assert actions_of(ONE, ONE) == ()
    assert actions_of(ONE, ONE, ONE, ONE) == (Prepare("T1", 1, "t", {1: "p", 2: "q"}),)
    later = look({"T1": "t", "T2": "t"}, {"T1": "p", "T2": "x"}, {"T1": "q", "T2": "y"})
    assert actions_of(ONE, later) == (Prepare("T1", 1, "t", {1: "p", 2: "q"}),)
    grown = look({"T1": "t"}, {"T1": "more"}, {"T1": "q"})
    assert actions_of(ONE, ONE, ONE, grown, ONE) == ()
    assert actions_of(ONE, every=1000) == ()


def test_a_picker_without_picks_is_waited_for_until_it_is_over_or_says_that_it_found_none():
    absent = look({"T1": "t"}, {"T1": "p"}, {})
    assert actions_of(*[absent] * 5) == ()
    found_none = look({"T1": "t"}, {"T1": "p"}, {"T1": NOTHING})
    over = look({"T1": "t"}, {"T1": "p"}, {}, states=(OPEN, OPEN, OVER))
    for last in (found_none, over):
        assert actions_of(*[last] * 5) == (Prepare("T1", 1, "t", {1: "p"}),)
    seen, now = seen_of(*[absent] * 5)
    assert decide(RULES, Ledger(), seen, now).waiting == {"a": 0, "b": 1}


def test_enough_pickers_and_patience():
    rules = replace(RULES, enough=1, patience=100.0)
    absent = look({"T1": "t"}, {"T1": "p"}, {})
    assert actions_of(*[absent] * 9, rules=rules) == ()
    assert actions_of(*[absent] * 12, rules=rules) == (Prepare("T1", 1, "t", {1: "p"}),)
    assert actions_of(*[absent] * 50, rules=replace(rules, patience=0)) == ()
    late = Ledger({"T1": Entry("T1", 1, "t", {1: "p"}, published=True)})
    assert actions_of(*[ONE] * 5, ledger=late, rules=rules)[0] == Prepare("T1", 2, "t", {1: "p", 2: "q"})


def test_a_new_digest_is_a_new_revision_and_what_is_published_stays():
    changed = look({"T1": "t"}, {"T1": "p2"}, {"T1": "q"})
    published = prepared("T1", published=True)
    assert actions_of(*[changed] * 5, ledger=published) == (Prepare("T1", 2, "t", {1: "p2", 2: "q"}),)
    assert actions_of(*[ONE] * 5, ledger=published) == ()
    restarted = look({"T1": "t"}, {}, {"T1": "q"})
    assert actions_of(*[restarted] * 5, ledger=published) == ()  # vanished picks count until new ones come
    over = look({"T1": "t"}, {}, {"T1": "q"}, states=(OPEN, OVER, OPEN))
    assert actions_of(*[over] * 5, ledger=published) == (Prepare("T1", 2, "t", {2: "q"}),)


def test_training_waits_for_tomograms_and_agreed_picks_and_comes_again_when_they_doubled():
    two, four = prepared("T1", "T2"), prepared("T1", "T2", "T3", "T4")
    none = look({}, {}, {})
    assert actions_of(none, ledger=prepared("T1", agreed=100)) == ()
    assert actions_of(none, ledger=prepared("T1", "T2", agreed=9)) == ()
    assert actions_of(none, ledger=two) == (Train(1, ("T1", "T2")),)
    assert actions_of(none, ledger=two, busy=[TRAINING]) == ()  # nothing is published before the first model
    first = replace(two, milestones=(Milestone(1, ("T1", "T2")),))
    assert actions_of(none, ledger=first) == (Publish(("T1", "T2"), 1),)
    assert actions_of(none, ledger=replace(four, milestones=first.milestones))[0] == Train(2, ("T1", "T2", "T3", "T4"))
    failed = replace(two, milestones=(Milestone(1, ("T1", "T2"), "no memory"),))
    assert actions_of(none, ledger=failed) == ()
    seen, now = seen_of(none)
    assert decide(RULES, failed, seen, now).alerts == ("training 1 failed: no memory",)


def test_a_given_model_or_votes_publish_at_once_and_so_do_votes_before_the_first_model_if_wanted():
    none = look({}, {}, {})
    assert actions_of(none, ledger=prepared("T1"), rules=replace(RULES, scores=GIVEN)) == (Publish(("T1",), 1),)
    for rules in (replace(RULES, scores=VOTE), replace(RULES, hold=False)):
        assert actions_of(none, ledger=prepared("T1"), rules=rules) == (Publish(("T1",), VOTES),)


def test_the_end_comes_when_all_inputs_are_over_and_all_is_published():
    over = replace(ONE, tomograms=Source({"T1": "t"}, OVER), pickers=(Source({"T1": "p"}, OVER), Source({"T1": "q"}, OVER)))
    small = prepared("T1")
    assert actions_of(over, ledger=small) == ()  # one look is not enough
    assert actions_of(over, over, ledger=small) == (Train(1, ("T1",)),)
    no_model = replace(small, milestones=(Milestone(1, ("T1",), "too few picks"),))
    assert actions_of(over, over, ledger=no_model) == (Publish(("T1",), VOTES),)
    published = prepared("T1", published=True)
    assert actions_of(over, over, ledger=published) == (FinalPass(("T1",)),)
    assert actions_of(over, over, ledger=published, busy=[TRAINING]) == ()
    assert actions_of(over, over, ledger=replace(published, finished={"T1": 1})) == (End(),)
    assert actions_of(over, over, ledger=replace(published, finished={"T1": 2})) == (FinalPass(("T1",)),)
    assert actions_of(over, over, ledger=published, rules=replace(RULES, final=False)) == (End(),)
    empty = look({"T1": "t"}, {}, {}, states=(OVER, OVER, OVER))
    assert actions_of(empty, empty) == (LeaveOut("T1", "no picker found a pick in it"),)
    left_out = Ledger({"T1": Entry("T1", left_out="no picker found a pick in it")})
    assert actions_of(empty, empty, ledger=left_out) == (End("no tomogram could be used: no picker found a pick in it"),)


def test_a_failed_picker_is_waited_for_and_then_given_up():
    failed = look({"T1": "t"}, {"T1": "p"}, {}, states=(OPEN, OPEN, FAILED))
    rules = replace(RULES, grace=100.0)
    assert actions_of(*[failed] * 8, rules=rules) == ()
    assert actions_of(*[failed] * 12, rules=rules) == (Prepare("T1", 1, "t", {1: "p"}),)
    seen, now = seen_of(*[failed] * 3)
    assert decide(RULES, Ledger(), seen, now).alerts == ("picker 'b' failed or was stopped: it is waited for 2 h",)


def test_what_cannot_be_read_is_not_closed_and_a_full_disk_stops_new_tomograms_only():
    blind = Look(None, (None, None))
    seen, now = seen_of(ONE, *[blind] * 40)
    decision = decide(RULES, Ledger(), seen, now)
    assert decision.actions == () and len(decision.alerts) == 3
    full = replace(ONE, room=False)
    assert actions_of(*[full] * 5) == ()
    assert actions_of(*[full] * 5, ledger=prepared("T1"), rules=replace(RULES, scores=VOTE)) == (Publish(("T1",), VOTES),)


def test_finish_now_ends_all_waiting():
    absent = replace(look({"T1": "t"}, {"T1": "p"}, {}), finish=True)
    assert actions_of(absent, absent) == (Prepare("T1", 1, "t", {1: "p"}),)


def test_the_ledger_is_read_as_it_was_written_and_a_damaged_entry_is_none(tmp_path):
    files = LedgerFiles(tmp_path)
    entry = Entry("a/b c", 2, "t", {1: "p", 3: "q"}, 17, rows=5, model=2)
    for one in (entry, Entry("T2", left_out="it holds no numbers")):
        files.write(one)
    assert files.read() == {"a/b c": entry, "T2": Entry("T2", left_out="it holds no numbers")}
    damaged = next(path for path in tmp_path.iterdir() if path.name.startswith("a_b"))
    for content in ("", "[1]", "{" * 2000, '{"tomo_id": "T2"}', entry.to_json().replace("a/b c", "T9")):
        damaged.write_text(content)
        assert set(files.read()) == {"T2"}


def test_a_tomogram_that_is_left_out_is_not_published_by_the_same_decision():
    emptied = look({"T1": "t"}, {}, {}, states=(OPEN, OVER, OVER))
    rules, left_out = replace(RULES, scores=VOTE), (LeaveOut("T1", "no picker found a pick in it"),)
    assert actions_of(emptied, emptied, ledger=prepared("T1"), rules=rules) == left_out


def test_what_failed_is_tried_again_by_the_next_process_and_stays_left_out_until_then():
    failed = Entry("T1", 0, "t", {1: "p", 2: "q"}, left_out="the disk did not answer")
    revised = Entry("T2", 1, "t", {1: "p", 2: "q"}, left_out="it did not either", rows=3, published=True)
    both = look({"T1": "t", "T2": "t"}, {"T1": "p", "T2": "p"}, {"T1": "q", "T2": "q"})
    ledger = Ledger({"T1": failed, "T2": revised, "T3": Entry("T3", 1, "t", {1: "p"})})
    assert actions_of(*[both] * 5, ledger=ledger) == ()
    again = ledger.trying_again()
    assert again.prepared == ["T3"] and again.entries["T3"] == ledger.entries["T3"]
    digests = {1: "p", 2: "q"}
    assert actions_of(*[both] * 5, ledger=again) == (Prepare("T1", 1, "t", digests), Prepare("T2", 2, "t", digests))


# ---- random schedules
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
