"""What a merged pick keeps of its members, in cases worked out by hand and whatever the order of the picks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from tomo_particles.consensus.attributes import merged_identity
from tomo_particles.consensus.merging import merge_picks
from tomo_particles.core.picks import Picks
from tomo_particles.geometry.orientation_means import angles_between
from tomo_particles.geometry.orientations import angles_of, rotation_of
from tomo_particles.geometry.symmetry import symmetry_group

C1 = symmetry_group("c1")
NONE = [np.nan] * 3


def identity(positions, symmetry=C1, **columns):
    picks = Picks("TS", positions, 10.0, **columns)
    return merged_identity(picks, merge_picks(picks, 6.0), symmetry)


@pytest.mark.parametrize(
    ("species", "score", "expected"),
    [
        (["a", "b", "b"], [0.9, 0.1, 0.2], "b"),  # most pickers
        (["a", "b", ""], [0.1, 0.9, 1.0], "b"),  # the best-scored of equals
        (["a", "b", ""], None, "a"),  # by name, without scores
        (["", "", ""], None, ""),
        (["", "", "c"], [0.9, 0.9, 0.1], "c"),  # who says nothing does not vote
    ],
)
def test_the_class_is_that_of_most_pickers(species, score, expected):
    found = identity([[0, 0, 0], [1, 0, 0], [0, 1, 0]], picker=[1, 2, 3], species=species, score=score)
    assert found.picks.species.tolist() == [expected]


def test_a_picker_that_repeats_itself_has_one_voice():
    places = [[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 0, 1]]
    found = identity(
        places,
        picker=[1, 1, 1, 2, 3],
        species=["a", "a", "a", "b", "b"],
        score=[0.9, 0.8, 0.7, 0.1, 0.1],
        angles=[[100, 90, 0]] * 3 + [[10, 40, 0], [20, 40, 0]],
    )
    assert found.picks.species.tolist() == ["b"]
    np.testing.assert_allclose(found.picks.angles, [[15, 40, 0]], atol=1e-6)


@pytest.mark.parametrize(
    ("group", "species", "expected"),
    [
        ([0, 0, 0], None, 0),
        ([0, 7, 0], None, 7),
        ([0, 7, 8], None, 7),
        ([5, 7, 8], None, 5),
        ([5, 7, 8], ["other", "ribosome", "ribosome"], 7),  # ids of classes: of the merged pick's class
        ([5, 0, 0], ["other", "ribosome", "ribosome"], 5),
        ([0, 7, 8], ["", "", "ribosome"], 7),
    ],
)
def test_the_group_is_that_of_the_nearest_pick_that_has_one(group, species, expected):
    found = identity([[0, 0, 0], [0.5, 0, 0], [-3, 0, 0]], picker=[1, 2, 3], group=group, species=species)
    assert found.picks.group.tolist() == [expected]


def test_half_of_the_pickers_without_orientations():
    found = identity(
        [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1], [50, 0, 0], [90, 0, 0]],
        picker=[1, 2, 3, 4, 1, 3],
        angles=[[10, 40, 0], NONE, [20, 40, 0], NONE, NONE, [1, 2, 3]],
        score=[0.1, 0.9, 0.2, 0.8, 0.7, 0.6],
    )
    np.testing.assert_allclose(found.picks.angles, [[15, 40, 0], NONE, [1, 2, 3]], atol=1e-6)
    np.testing.assert_allclose(found.disagreement, [5, np.nan, np.nan], atol=1e-6)


def test_a_picker_speaks_by_the_pick_that_has_an_orientation():
    found = identity([[0, 0, 0], [0, 1, 0]], picker=[1, 1], angles=[NONE, [10, 40, 0]], score=[0.9, 0.1])
    np.testing.assert_allclose(found.picks.angles, [[10, 40, 0]])


def test_no_picks_and_nothing_said():
    for n in (0, 2):
        found = identity(np.arange(n)[:, None] * [50, 0, 0], picker=np.arange(n) + 1)
        assert len(found.picks) == len(found.disagreement) == n
        assert np.isnan(found.picks.angles).all() and not found.picks.group.any() and not any(found.picks.species)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), spread=st.integers(8, 40), scored=st.booleans(), name=st.sampled_from(["c1", "d2", "o"]))
def test_neither_the_order_nor_the_numbers_of_the_pickers_matter(seed, spread, scored, name):
    rng, symmetry, n = np.random.default_rng(seed), symmetry_group(name), 30
    angles = angles_of(Rotation.random(n, rng))
    angles[rng.random(n) < 0.3] = np.nan
    species = rng.choice(["", "a", "b"], n)
    columns = {"angles": angles, "species": species, "group": rng.integers(0, 4, n), "score": rng.random(n) if scored else None}
    picker, positions = rng.integers(1, 4, n), rng.random((n, 3)) * spread
    order, renamed = rng.permutation(n), rng.permutation(4) + 1
    one = identity(positions, symmetry, picker=picker, **columns)
    shuffled = {key: None if value is None else value[order] for key, value in columns.items()}
    two = identity(positions[order], symmetry, picker=renamed[picker[order]], **shuffled)
    rows = [np.lexsort(np.round(found.picks.positions, 6).T) for found in (one, two)]
    a, b = (found.picks[row] for found, row in zip((one, two), rows, strict=True))
    np.testing.assert_allclose(a.positions, b.positions, atol=1e-6)
    assert a.species.tolist() == b.species.tolist() and a.group.tolist() == b.group.tolist()
    oriented = np.isfinite(a.angles).all(axis=1)
    np.testing.assert_array_equal(oriented, np.isfinite(b.angles).all(axis=1))
    apart = angles_between(rotation_of(a.angles[oriented]), rotation_of(b.angles[oriented]), C1)
    assert not len(apart) or apart.max() < 1e-4
    np.testing.assert_allclose(one.disagreement[rows[0]], two.disagreement[rows[1]], atol=1e-4)
