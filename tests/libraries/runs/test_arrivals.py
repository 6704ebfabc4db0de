"""When a growing file is complete: by its own earlier states, never by a clock."""

import pytest

from tomo_particles.runs.arrivals import Arrival, FileState, seen_again


def after(*looks: tuple[float, FileState]) -> Arrival:
    """The arrival of one file after looks at these times."""
    arrivals: dict[str, Arrival] = {}
    for now, state in looks:
        arrivals = seen_again(arrivals, {"f": state}, now)
    return arrivals["f"]


WHOLE, HALF = FileState(1000, 5, 1000), FileState(500, 4, 1000)


def test_a_whole_file_is_complete_when_it_has_not_changed_for_a_while():
    arrival = after((0, HALF), (10, WHOLE), (40, WHOLE))
    assert arrival.complete(40) and not arrival.complete(39)
    written_again = after((0, WHOLE), (40, FileState(1000, 9, 1000)))
    assert not written_again.complete(60) and written_again.complete(70)


def test_the_time_of_a_file_is_only_compared_with_itself():
    for changed in (0, -(10**18), 10**19):
        assert after((0, FileState(1000, changed, 1000)), (30, FileState(1000, changed, 1000))).complete(30)


def test_zeros_at_the_end_wait_twice_as_long():
    arrival = after((0, FileState(1000, 5, 1000, blank_end=True)))
    assert not arrival.complete(59) and arrival.complete(60)


@pytest.mark.parametrize(
    ("state", "fault"),
    [(HALF, "it holds 500 of 1000 bytes"), (FileState(10, 1, None), "it cannot be read"), (FileState(0, 1), "it holds 0 of 1")],
)
def test_a_short_file_is_given_up_after_half_an_hour_and_taken_once_it_is_whole(state, fault):
    arrival = after((0, state))
    assert not arrival.complete(10_000) and not arrival.fault(1799) and fault in arrival.fault(1800)
    assert after((0, state), (2000, WHOLE)).complete(2030)


def test_a_file_that_is_gone_starts_again():
    assert seen_again({"f": Arrival(WHOLE, 0)}, {}, 10) == {}
    assert seen_again({}, {"f": WHOLE}, 20)["f"].since == 20
