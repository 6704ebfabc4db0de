"""Folds of space, validation splits, class balance and the moves that keep the missing wedge."""

import numpy as np
import pytest

from tomo_particles.learning.examples import FLIPS, Examples, balanced_weights, flip
from tomo_particles.learning.folds import fold_of, make_folds, may_train, split_validation


@pytest.fixture
def rng():
    return np.random.default_rng(3)


def places(rng, counts):
    """Tomograms t0, t1... with so many picks each."""
    tomo_ids = np.repeat([f"t{i}" for i in range(len(counts))], counts)
    return tomo_ids, rng.uniform((0, 0, 0), (100, 300, 50), (len(tomo_ids), 3))


def test_whole_tomograms_are_folds_and_are_balanced(rng):
    tomo_ids, positions = places(rng, [100, 60, 50, 40, 30, 20])
    folds = fold_of(make_folds(tomo_ids, positions, 3), tomo_ids, positions)
    assert all(len(np.unique(folds[tomo_ids == name])) == 1 for name in np.unique(tomo_ids))
    assert np.bincount(folds).tolist() == [100, 110, 90]


def test_few_tomograms_are_cut_in_slabs_of_equal_number_along_the_longest_axis(rng):
    tomo_ids, positions = places(rng, [90])
    regions = make_folds(tomo_ids, positions, 3)
    assert {region.axis for region in regions} == {1}
    folds = fold_of(regions, tomo_ids, positions)
    assert np.bincount(folds).tolist() == [30, 30, 30]
    assert positions[folds == 0, 1].max() < positions[folds == 1, 1].min()


def test_every_place_of_a_known_tomogram_has_one_fold_and_an_unknown_tomogram_none(rng):
    tomo_ids, positions = places(rng, [40, 30])
    regions = make_folds(tomo_ids, positions, 3)
    anywhere = rng.uniform(-500, 900, (200, 3))
    assert set(fold_of(regions, np.full(200, "t1"), anywhere)) == {0, 1, 2}
    assert (fold_of(regions, np.full(200, "t10"), anywhere) == -1).all()
    on_the_cut = np.full((1, 3), regions[1].start)
    assert fold_of(regions, np.array([regions[0].tomo_id]), on_the_cut).tolist() == [1]


def test_folds_do_not_depend_on_the_order_of_the_picks(rng):
    tomo_ids, positions = places(rng, [30, 20, 40])
    order = rng.permutation(len(tomo_ids))
    for n_folds in (2, 4):
        assert make_folds(tomo_ids, positions, n_folds) == make_folds(tomo_ids[order], positions[order], n_folds)


def test_one_fold_and_no_picks_need_no_regions():
    assert make_folds(np.array(["a"]), np.zeros((1, 3)), 1) == ()
    assert make_folds(np.array([], dtype=str), np.zeros((0, 3)), 3) == ()
    assert fold_of((), np.array(["a"]), np.zeros((1, 3))).tolist() == [-1]


def test_a_network_never_trains_inside_or_near_its_own_fold(rng):
    tomo_ids, positions = places(rng, [300])
    regions = make_folds(tomo_ids, positions, 3)
    folds = fold_of(regions, tomo_ids, positions)
    for fold in range(3):
        allowed = may_train(regions, fold, tomo_ids, positions, margin=16)
        own, seen = positions[folds == fold, 1], positions[allowed, 1]
        assert np.abs(own[:, None] - seen).min() > 16
        assert allowed.any()
    assert may_train(regions, 0, tomo_ids, positions, margin=0).sum() == (folds != 0).sum()


@pytest.mark.parametrize("counts", [[200], [60, 50, 40, 70], [25] * 20])
def test_split_is_disjoint_exhaustive_and_stratified(rng, counts):
    tomo_ids, _ = places(rng, counts)
    labels = (np.arange(len(tomo_ids)) % 4 == 0).astype(float)
    learned, validated = split_validation(tomo_ids, labels, 0.2, rng=rng)
    assert np.array_equal(np.sort(np.concatenate([learned, validated])), np.arange(len(labels)))
    assert len(validated) == pytest.approx(0.2 * len(labels), rel=0.4)
    assert labels[validated].mean() == pytest.approx(0.25, abs=0.05)


def test_split_is_by_whole_tomograms_only_where_there_are_enough(rng):
    for counts, whole in ([25] * 20, True), ([200, 20, 20], False):
        tomo_ids, _ = places(rng, counts)
        learned, validated = split_validation(tomo_ids, np.arange(len(tomo_ids)) % 2, 0.15, rng=rng)
        assert set(tomo_ids[learned]).isdisjoint(tomo_ids[validated]) == whole


def test_split_keeps_both_classes_on_both_sides_when_one_tomogram_has_all_particles(rng):
    tomo_ids, _ = places(rng, [20] * 10)
    labels = (tomo_ids == "t4").astype(float)
    for part in split_validation(tomo_ids, labels, 0.1, rng=rng):
        assert set(labels[part]) == {0, 1}


def test_split_of_a_handful_still_validates_on_each_class(rng):
    _, validated = split_validation(np.array(["a"] * 5), np.array([1, 1, 0, 0, 0]), 0.1, rng=rng)
    assert len(validated) >= 2


def test_split_is_the_same_for_the_same_seed():
    tomo_ids, labels = np.array(["a", "b"] * 30), np.arange(60) % 2
    one, two = (split_validation(tomo_ids, labels, 0.2, rng=np.random.default_rng(5)) for _ in range(2))
    assert np.array_equal(one[1], two[1])


def test_balanced_weights_give_both_classes_the_same_say():
    labels, weights = np.array([1, 0, 0, 0, 0.5]), np.array([1, 1, 1, 2, 1.0])
    plain = balanced_weights(np.array([1, 0, 0, 0]), np.ones(4))
    assert plain[0] == pytest.approx(plain[1:].sum())
    assert plain.mean() == pytest.approx(1)
    balanced = balanced_weights(labels, weights)
    assert balanced[3] == pytest.approx(2 * balanced[1])
    assert balanced[1] < balanced[4] < balanced[0]  # half a particle is between the classes
    with pytest.raises(ValueError, match="both classes"):
        balanced_weights(np.ones(3), np.ones(3))


def test_the_eight_flips_are_a_group_that_keeps_the_missing_wedge(rng):
    edge = 9
    frequency = np.fft.fftfreq(edge)
    z, _, x = np.meshgrid(frequency, frequency, frequency, indexing="ij")
    outside = np.abs(z) > np.abs(x) * np.tan(np.radians(60)) + 1e-9  # tilts about y, to 60 degrees: never measured
    box = np.fft.ifftn(np.where(outside, 0, np.fft.fftn(rng.standard_normal((edge,) * 3)))).real
    seen = set()
    for flips in FLIPS:
        moved = flip(box, flips)
        assert np.allclose(np.fft.fftn(moved)[outside], 0, atol=1e-9)
        assert np.array_equal(flip(moved, flips), box)
        seen.add(moved.tobytes())
    assert len(seen) == 8
    turned = np.rot90(box, axes=(0, 2))  # 90 degrees about y is not one of them: it moves the wedge
    assert np.abs(np.fft.fftn(turned)[outside]).max() > 1e-3


@pytest.mark.parametrize(
    "change", [{"labels": [0, 2]}, {"weights": [-1, 1]}, {"positions": np.zeros((3, 3))}, {"labels": [0, np.nan]}]
)
def test_examples_refuse_what_does_not_fit(change):
    good = {"images": ["1@a", "2@a"], "tomo_ids": ["t", "t"], "positions": np.zeros((2, 3)), "labels": [0, 1], "weights": [1, 1]}
    assert len(Examples(**good)) == 2
    with pytest.raises(ValueError, match="expected"):
        Examples(**{**good, **change})
