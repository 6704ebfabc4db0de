"""What a monitor remembers, what it finds wrong, and when it writes about it."""

import numpy as np
import pytest

from tomo_particles.runs.conditions import FIRST, LAST, Limits, conditions, fallen_to
from tomo_particles.runs.ledger import Entry
from tomo_particles.runs.mails import BETWEEN, letter, one_line
from tomo_particles.runs.session import Session, SessionLook

PICKED = {"log": {"T1": 20}, "dog": {"T1": 18}}
ENTRY = Entry("T1", 1, "t", {1: "p", 2: "q"}, agreed=15)


def seen(*looks: SessionLook, every: float = 10.0) -> Session:
    session = Session()
    for k, look in enumerate(looks):
        session.note(look, 1000 + k * every)
    return session


def test_latency_is_from_the_last_picker_to_the_published_picks():
    came = SessionLook(("T1",), {"log": {"T1": 20}})
    both = SessionLook(("T1",), PICKED, entries={"T1": ENTRY})
    live = SessionLook(("T1",), PICKED, {"T1": 14}, {"T1": 0.8}, {"T1": ENTRY}, {1: 5}, verdict="separates well")
    session = seen(came, both, both, live, live)
    own = session.tomograms["T1"]
    assert (own.came, own.picked, own.live_at, own.latency) == (1000, {"log": 1000, "dog": 1010}, 1030, 20)
    assert (own.live, own.score, own.agreed, session.models) == (14, 0.8, 15, {1: (1030, 5)})
    assert own.agreed_share == pytest.approx(15 / 19)
    session.note(SessionLook(("T1",), PICKED, {"T1": 14}), 1100)
    assert (own.latency, session.verdict) == (20, "separates well")  # it stays
    nothing = seen(both, SessionLook(("T1",), PICKED, entries={"T1": Entry("T1", published=True, rows=0, model=1)}))
    assert (nothing.tomograms["T1"].live, nothing.tomograms["T1"].latency) == (0, 10)


def test_a_session_is_read_as_it_was_written():
    session = seen(SessionLook(("T1",), PICKED, {"T1": 14}, states={"a run": "running"}, models={1: 5}, free=7))
    session.conditions = {"idle": ("no tomogram came", 3.0)}
    assert Session.from_json(session.to_json()) == session
    for text in ("[]", "{}", "no json"):
        with pytest.raises(ValueError):
            Session.from_json(text)


def test_each_condition_has_a_line_as_long_as_it_holds():
    names = [f"T{i}" for i in range(8)]
    limits = Limits(idle=600, behind=5, reserve=100)
    look = SessionLook(tuple(names), {"log": dict.fromkeys(names, 9), "dog": {"T0": 3}},
                       entries={"T7": Entry("T7", left_out="it holds no numbers")}, states={"a run": "running", "dog": "failed"},
                       alerts=("tomogram 'T7' is left out: it holds no numbers", "picker 'dog' failed"), free=99)  # fmt: skip
    session = seen(look)
    assert conditions(session, limits, 1000) == {
        "behind dog": "picker 'dog' lacks 6 tomograms that another one has",
        "disk": "only 0.0 GB are free on the disk",
        "run dog": "run 'dog' failed",
        "left out T7": "tomogram 'T7' is left out: it holds no numbers",
        "alert picker 'dog' failed": "picker 'dog' failed",
    }
    assert conditions(session, limits, 1700)["idle"] == "no tomogram came for 12 minutes"
    session.note(SessionLook(tuple(names), {"log": dict.fromkeys(names, 9), "dog": dict.fromkeys(names, 9)}, free=100), 1710)
    assert conditions(session, limits, 1720) == {}  # the run says nothing of itself any more


def test_a_disk_that_fills_is_said_hours_before():
    session = Session()
    for k in range(5):
        session.note(SessionLook(free=100_000_000_000 - k * 10_000_000_000), 600.0 * k)
    assert conditions(session, Limits(), 2400) == {"disk": "the disk will be full in 0.8 hours; 60.0 GB are free"}
    slow = Session()
    for k in range(5):
        slow.note(SessionLook(free=100_000_000_000 - k * 100_000_000), 600.0 * k)
    assert conditions(slow, Limits(), 2400) == {}


def test_lower_scores_are_said_and_end_half_way_back():
    def scored(last: float) -> Session:
        names = [f"T{i:02}" for i in range(FIRST + LAST)]
        session = Session()
        for i, name in enumerate(names):
            score = 0.8 if i < FIRST else last
            session.note(SessionLook((name,), {}, {name: 50}, {name: score}), 10.0 * i)
        return session

    assert conditions(scored(0.75), Limits(reserve=0), 400) == {}
    assert conditions(scored(0.68), Limits(reserve=0), 400) == {"precision": "the mean score fell from 0.80 to 0.68"}
    assert conditions(scored(0.75), Limits(reserve=0, precision=0.78), 400) == {
        "precision": "the mean score of the last 10 tomograms is 0.75, below 0.78"
    }
    before = scored(0.74)
    before.conditions = {"precision": ("it fell", 0.0)}
    assert "precision" in conditions(before, Limits(reserve=0), 400)


def yields(rng, n: int, scatter: float, share: float = 1.0, after: int = 0) -> np.ndarray:
    means = np.where(np.arange(n) < after, 1.0, share) if after else np.ones(n)
    return rng.poisson(200 * means * np.exp(rng.normal(0, scatter, n)))


def test_false_alarms_of_a_low_yield_are_rare():
    rng = np.random.default_rng(0)
    alarms = 0
    for _ in range(10):
        counts, before = yields(rng, 1000, 0.5), False
        for n in range(FIRST + LAST, 1001):
            low = fallen_to(counts[:n], before) is not None
            alarms += low and not before
            before = low
    assert alarms <= 3  # 0.3 in 1000 tomograms


@pytest.mark.parametrize(("scatter", "median", "most"), [(0.5, 15, 45), (0.3, 12, 12)])
def test_a_fall_to_forty_per_cent_is_found_soon(scatter, median, most):
    rng, found = np.random.default_rng(1), []
    for _ in range(200):
        counts = yields(rng, 200, scatter, share=0.4, after=100)
        found.append(next(n - 100 for n in range(101, 201) if fallen_to(counts[:n]) is not None))
    assert np.median(found) <= median and np.percentile(found, 95) <= most


def test_a_mail_when_a_condition_begins_and_one_when_it_ends_and_ten_minutes_between():
    session = Session()
    assert letter(session, {}, "Session", 1000) is None
    first = {"idle": "no tomogram came for 60 minutes"}
    subject, text = letter(session, first, "Session", 1000)
    assert (subject, text) == ("Session: no tomogram came for 60 minutes", "New: no tomogram came for 60 minutes\n")
    both = {**first, "disk": "only 1.0 GB are free on the disk", "run a": "run 'a' failed"}
    assert letter(session, {"idle": "no tomogram came for 61 minutes"}, "Session", 1000 + BETWEEN) is None  # the same one
    assert letter(session, both, "Session", 1100) is None
    again = Session.from_json(session.to_json())  # a monitor that was started again
    subject, text = letter(again, both, "Session", 1001 + BETWEEN)
    assert subject == "Session: only 1.0 GB are free on the disk and 1 more" and "New: run 'a' failed" in text
    subject, _ = letter(again, {}, "Session", 1002 + 2 * BETWEEN)
    assert subject == "Session: no longer: no tomogram came for 60 minutes and 2 more"
    assert letter(again, first, "Session", 5) is not None  # a clock that was set back holds nothing up


def test_a_name_with_line_breaks_makes_no_header():
    assert one_line("T1\r\nBcc: all@example.org") == "T1 Bcc: all@example.org"
