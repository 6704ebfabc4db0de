"""Pick files read in the wrong way, pickers with few picks, what votes cannot tell; and no alarm where nothing is wrong."""

from collections.abc import Callable

import numpy as np
import pytest

from tomo_particles.consensus.disagreement import disagreement_notes
from tomo_particles.consensus.misread_files import other_readings

BOX, SIZE = 20, np.array([200.0, 200.0, 60.0])
SIZES = {"a": SIZE}
MISTAKES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "with the axes in the order y, x, z": lambda p: p[:, [1, 0, 2]],
    "with y counted from the other end": lambda p: p * (1, -1, 1) + (0, 199, 0),
    "with z counted from the other end": lambda p: p * (1, 1, -1) + (0, 0, 59),
    "with x and y counted from the other end": lambda p: p * (-1, -1, 1) + (199, 199, 0),
    "multiplied by 2": lambda p: (p + 0.5) / 2 - 0.5,
    "multiplied by 4": lambda p: (p + 0.5) / 4 - 0.5,
}


def anywhere(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.random((n, 3)) * (SIZE - 1)


def pickers(seed: int, number: int) -> list[np.ndarray]:
    """Picks of `number` pickers with a recall of 0.8, each with 40 false ones."""
    rng = np.random.default_rng(seed)
    particles = anywhere(rng, 80)
    return [np.concatenate([particles[rng.random(80) < 0.8], anywhere(rng, 40)]) for _ in range(number)]


def table(places: list[np.ndarray], tomo_ids: str = "a") -> dict[str, list]:
    """The picks before anything is merged, as a table of merged picks; of each tomogram the same."""
    xyz = np.tile(np.concatenate(places), (len(tomo_ids), 1))
    n = sum(map(len, places))
    return {
        **{axis: xyz[:, k].tolist() for k, axis in enumerate("xyz")},
        "comment": [str(k) for k, own in enumerate(places, start=1) for _ in own] * len(tomo_ids),
        "enabled": [0] * len(xyz),
        "tiltSeriesId": [tomo_id for tomo_id in tomo_ids for _ in range(n)],
        "particleSize": [BOX] * len(xyz),
    }


@pytest.mark.parametrize("what", list(MISTAKES))
def test_the_mistake_in_a_file_is_named(what: str):
    for seed in range(3):
        right = pickers(seed, 3)
        (reading,) = other_readings(table([*right[:2], MISTAKES[what](right[2])]), SIZES)
        assert (reading.picker, reading.what, reading.picks) == (3, what, len(right[2]))
        assert 50 <= reading.agreed <= len(right[2]) and reading.before < reading.agreed / 2


def test_of_two_pickers_one_is_named_and_the_other_may_be_it():
    one, two = pickers(0, 2)
    (note,) = disagreement_notes(table([one, two[:, [1, 0, 2]]]), SIZES, ["log", "tm"], votes_only=True)
    assert "merged picks of 'log' agree with those of 'tm' if taken with the axes in the order y, x, z" in note
    assert "the file of 'log', or of 'tm', may have another order of its axes" in note and "Nothing was changed" in note


def test_the_axes_of_tomograms_of_other_sizes_are_those_of_each():
    one, two, three = pickers(1, 3)
    sizes = {"a": SIZE, "b": SIZE * (2, 2, 1)}
    columns = table([one, two, three], "ab")
    x, third = np.array(columns["x"]), np.array(columns["comment"]) == "3"
    edges = np.array([sizes[tomo_id][0] for tomo_id in columns["tiltSeriesId"]])
    assert other_readings(columns, sizes) == []
    columns["x"] = np.where(third, edges - 1 - x, x).tolist()
    (reading,) = other_readings(columns, sizes)
    assert (reading.picker, reading.what, reading.picks) == (3, "with x counted from the other end", 2 * len(three))


def in_slab(rng: np.random.Generator, n: int) -> np.ndarray:
    return np.column_stack([rng.random((n, 2)) * 199, rng.normal(30, 5, n)])


def on_ring(rng: np.random.Generator, n: int) -> np.ndarray:
    """A vesicle in the middle: the same from all sides."""
    turn = rng.random(n) * 2 * np.pi
    return np.column_stack([100 + 60 * np.cos(turn), 100 + 60 * np.sin(turn), rng.normal(30, 5, n)])


def on_grid(rng: np.random.Generator, n: int) -> np.ndarray:
    """A square lattice, at one of two places."""
    places = np.stack(np.meshgrid(np.arange(10, 190, 20.0), np.arange(10, 190, 20.0), [30.0]), -1).reshape(-1, 3)
    return rng.permutation(places)[:n] + rng.normal(0, 2, (n, 3)) + rng.choice([0, 10])


@pytest.mark.parametrize("places", [anywhere, in_slab, on_ring, on_grid])
@pytest.mark.parametrize("number", [2, 3])
def test_no_alarm_for_pickers_of_different_things(places: Callable, number: int):
    for seed in range(25):
        rng = np.random.default_rng(seed)
        assert other_readings(table([places(rng, 60) for _ in range(number)]), SIZES) == []


@pytest.mark.parametrize("number", [2, 3])
def test_no_alarm_for_pickers_that_agree(number: int):
    for seed in range(25):
        assert disagreement_notes(table(pickers(seed, number)), SIZES, ["a", "b", "c"][:number], votes_only=False) == []


def test_a_picker_with_three_picks_is_named_and_no_other_cause():
    one, two = pickers(2, 2)
    (note,) = disagreement_notes(table([one, two[:3]]), SIZES, ["log", "tm"], votes_only=True)
    assert note.startswith(f"'tm' has only 3 merged picks, in 1 of 1 tomograms; another picker has {len(one)}")
    (note,) = disagreement_notes(table([one]), SIZES, ["log", "none"], votes_only=True)
    assert note.startswith("'none' has only 0 merged picks, in 0 of 1 tomograms")
    assert disagreement_notes(table([one[:8], two[:3]]), SIZES, ["log", "tm"], votes_only=False) == []  # few, like the others
    random = [anywhere(np.random.default_rng(k), 80) for k in range(2)]
    notes = disagreement_notes(table([*random, two[:3]]), SIZES, ["x", "y", "tm"], votes_only=True)
    assert [note[:9] for note in notes] == ["'tm' has ", "the picke"] and "no more often than by chance" in notes[1]


def test_the_references_of_the_user_are_no_picker_and_an_empty_table_says_nothing():
    one, two = pickers(3, 2)
    columns = table([one, two[:, [1, 0, 2]]])
    columns["comment"] = ["0+" + comment if comment == "2" else comment for comment in columns["comment"]]
    assert other_readings(columns, SIZES) == []
    assert other_readings({}, SIZES) == []


def test_what_votes_cannot_tell_is_said():
    """As the real pickings of apoferritin (benchmarks/real.py): one picker misses particles, and has no picks in a tomogram."""
    columns = table([anywhere(np.random.default_rng(1), 150)])
    columns |= {"comment": ["1+2"] * 80 + ["1"] * 50 + ["2"] * 20, "enabled": [1] * 80 + [0] * 70}
    told = disagreement_notes(columns, SIZES, ["a", "b"], votes_only=True)
    assert len(told) == 1 and "two pickers: only one of them found 70 of the 150 merged picks" in told[0]
    assert disagreement_notes(columns, SIZES, ["a", "b"], votes_only=False) == []
    columns["tiltSeriesId"] = ["a"] * 130 + ["c"] * 20
    first, second = disagreement_notes(columns, SIZES | {"c": SIZE}, ["a", "b"], votes_only=True)
    assert first == "only one picker has picks in tomogram c ('b'): nothing there is agreed on" and second == told[0]
    columns["comment"] = ["1+2"] * 150
    assert disagreement_notes(columns, SIZES | {"c": SIZE}, ["a", "b"], votes_only=True) == []
