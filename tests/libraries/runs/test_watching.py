"""What a run does next while its inputs grow: case by case."""

from dataclasses import replace

from tomo_particles.runs.ledger import VOTES, Entry, Ledger, LedgerFiles, Milestone
from tomo_particles.runs.sightings import FAILED, NOTHING, OPEN, OVER, Look, Seen, Source
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
