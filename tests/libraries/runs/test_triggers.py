"""Outputs of a trigger: each kind, each condition, and over any looks and interruptions."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo_particles.runs.triggers import DYNAMIC, MULTIPLEXING, STATIC, Arrived, Condition, Output, handed_on


def arrivals(*n_picks: int) -> list[Arrived]:
    return [Arrived(f"T{k}", n, quality=n / 100, at=10.0 * k) for k, n in enumerate(n_picks, start=1)]


def groups(kind: str, condition: Condition, arrived: list[Arrived], over: bool = False, now: float = 1e6) -> list[str]:
    return ["+".join(own.tomo_ids) for own in handed_on(kind, condition, arrived, (), over, now)]


def test_the_three_kinds():
    five, two = arrivals(1, 1, 1, 1, 1), Condition(tomograms=2)
    assert groups(STATIC, two, five) == groups(STATIC, two, five, over=True) == ["T1+T2"]
    assert groups(DYNAMIC, two, five) == ["T1+T2+T3+T4+T5"]
    assert groups(MULTIPLEXING, two, five) == ["T1+T2", "T3+T4"]
    assert groups(MULTIPLEXING, two, five, over=True) == ["T1+T2", "T3+T4", "T5"]
    for kind in (STATIC, DYNAMIC):
        assert groups(kind, two, five[:1], over=True) == []
    assert [own.closed for own in handed_on(DYNAMIC, two, five, (), False, 0)] == [False]
    assert [own.closed for own in handed_on(DYNAMIC, two, five, (), True, 0)] == [True]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition(picks=100), ["T1+T2+T3"]),
        (Condition(quality=0.5, last=1), ["T1+T2"]),
        (Condition(quality=0.45, last=2), ["T1+T2+T3"]),
        (Condition(quality=0.9, last=2), []),
        (Condition(tomograms=4, quality=0.5), ["T1+T2+T3+T4"]),
        (Condition(seconds=25), ["T1"]),
    ],
)
def test_conditions(condition, expected):
    assert groups(STATIC, condition, arrivals(10, 50, 40, 60)) == expected


def test_time_counts_from_the_first_tomogram():
    condition = Condition(seconds=25)
    assert groups(STATIC, condition, arrivals(1, 1), now=34) == [] and groups(STATIC, condition, arrivals(1, 1), now=35) == ["T1"]


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.integers(0, 40), max_size=30),
    st.sampled_from([DYNAMIC, MULTIPLEXING, STATIC]),
    st.builds(Condition, tomograms=st.integers(1, 5), picks=st.integers(0, 60)),
    st.lists(st.integers(0, 30), max_size=10),
)
def test_looks_and_interruptions_change_nothing(n_picks, kind, condition, looks):
    arrived = arrivals(*n_picks)
    at_once = handed_on(kind, condition, arrived, (), True, 0)
    recorded: tuple[Output, ...] = ()
    for look in sorted(looks):
        after = handed_on(kind, condition, arrived[:look], recorded, False, 0)
        assert [one.tomo_ids[: len(two.tomo_ids)] for one, two in zip(after, recorded, strict=False)] == [
            own.tomo_ids for own in recorded
        ]
        recorded = after
    assert handed_on(kind, condition, arrived, recorded, True, 0) == at_once
    every = [tomo_id for own in at_once for tomo_id in own.tomo_ids]
    assert every == [own.tomo_id for own in arrived][: len(every)]  # each once, in order, none split
    if kind == MULTIPLEXING:
        assert len(every) == len(arrived) and all(own.closed for own in at_once)
        sizes = {own.tomo_id: own.n_picks for own in arrived}
        for own in at_once[:-1]:
            assert len(own.tomo_ids) >= condition.tomograms and sum(sizes[one] for one in own.tomo_ids) >= condition.picks
