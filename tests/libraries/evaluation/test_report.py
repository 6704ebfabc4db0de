"""A picking against ground truth as a whole: classes, groups, targets, both rules, and what must not change a number."""

import numpy as np
import pytest

from tomo_particles.core.picks import Picks
from tomo_particles.evaluation.particle_classes import Species
from tomo_particles.evaluation.report import (
    FALSE,
    MISSED,
    UNCLASSIFIED,
    Joined,
    compare,
    confusion,
    curve_numbers,
    report,
    score_curves,
)

SIZE = (60.0, 20.0, 20.0)
SPECIES = {"a": Species("a", 50, 60, False), "b": Species("b", 900, 60, False), "bead": Species("bead", np.nan, 60, True)}


def on_x(species: str, *values: float, tomo_id: str = "TS_1", rate: float = 10.0, score=None) -> Picks:
    """Picks on a line through the middle, and their one-letter (or, in words, blank separated) classes; '-' is none."""
    names = species.split() if " " in species else list(species)
    positions = [[value, 10.0, 10.0] for value in values]
    return Picks(tomo_id, positions, rate, species=["" if name == "-" else name for name in names], score=score)


TRUTH = on_x("a a b b bead", 10, 20, 30, 40, 50)
# right; an a called b; right; the same again; on the bead; nowhere
PICKS = on_x("abbbac", 10, 21, 30, 31, 50, 5, score=[0.9, 0.8, 0.7, 0.95, 0.2, 0.1])


def joined(picks: Picks = PICKS, truth: Picks = TRUTH, target: str = "ab", radius: float = 3.0, size=SIZE, volume=None, seed=0):
    return Joined.of([compared(picks, truth, target, radius, size, volume, seed)])


def compared(picks: Picks, truth: Picks, target: str = "ab", radius: float = 3.0, size=SIZE, volume=None, seed=0):
    is_target = np.isin(truth.species.astype(str), list(target))
    rng = np.random.default_rng(seed)
    return compare(picks, truth, is_target, np.full(len(truth), radius), size=size, volume=volume, rng=rng)


def some(numbers: dict, *names: str) -> list:
    return [numbers[name] for name in names or ("RR", "TP", "FP", "FN", "MH")]


def test_localisation_ignores_the_classes():
    numbers = report(joined(), ["a", "b"], SPECIES)["distance"]["localisation"]
    assert some(numbers) == [6, 3, 2, 1, 1] and numbers["particles"] == 4 and numbers["RO"] == 0
    assert numbers["AD"] == pytest.approx((0 + 1 + 0) / 3) and numbers["AD_angstrom"] == pytest.approx(10 / 3)


def test_a_class_is_its_picks_against_its_particles():
    numbers = report(joined(), ["a", "b"], SPECIES)["distance"]
    assert some(numbers["classes"]["a"]) == [2, 1, 1, 1, 0] and numbers["classes"]["a"]["F1"] == pytest.approx(2 / 4)
    assert some(numbers["classes"]["b"]) == [3, 1, 1, 1, 1] and numbers["classes"]["b"]["F1"] == pytest.approx(2 / 5)
    assert numbers["size_groups"] == pytest.approx({"small": 0.5, "large": 0.4})
    assert numbers["mean_class_F1"] == pytest.approx(0.45)


def test_distractors_are_no_particles_and_picks_on_them_are_told():
    assert report(joined(), ["a", "b"], SPECIES)["distance"]["false_picks_on"] == {"bead": 1}


def test_with_a_target_the_other_species_are_false():
    numbers = report(joined(target="b"), ["b"], SPECIES)["distance"]
    assert some(numbers["localisation"]) == [6, 1, 4, 1, 1]
    assert numbers["false_picks_on"] == {"a": 2, "bead": 1} and list(numbers["classes"]) == ["b"]


def test_confusion_matrix():
    rows, columns, counts = confusion(joined(), "distance", ["a", "b"])
    assert rows == ["a", "b", FALSE] and columns == ["a", "b", "c", MISSED]
    assert counts.tolist() == [[1, 1, 0, 0], [0, 1, 0, 1], [1, 0, 1, 0]]


def test_picks_without_a_class_have_a_column():
    rows, columns, counts = confusion(joined(on_x("a-", 10, 40)), "distance", ["a", "b"])
    assert columns == ["a", "b", UNCLASSIFIED, MISSED]
    assert counts.tolist() == [[1, 0, 0, 1], [0, 0, 1, 1], [0, 0, 0, 0]] and rows[-1] == FALSE


def test_the_two_rules_may_differ():
    """The first particle is a shell without its centre; the fourth is long: 36 to 46."""
    volume = np.zeros((20, 20, 60), dtype=np.int16)
    volume[10, 10, 8:10], volume[10, 10, 20:22], volume[10, 10, 29:32], volume[10, 10, 36:47], volume[10, 10, 50] = 1, 2, 3, 4, 5
    found = report(joined(on_x("abbb", 10, 21, 30, 45), volume=volume), ["a", "b"], SPECIES)
    assert some(found["distance"]["localisation"]) == [4, 3, 1, 1, 0]
    assert some(found["occupancy"]["localisation"]) == [4, 3, 1, 1, 0]
    assert found["distance"]["localisation"]["AD"] == pytest.approx(1 / 3)  # 0, 1, 0
    assert found["occupancy"]["localisation"]["AD"] == pytest.approx(2)  # 1, 0, 5
    assert some(found["distance"]["classes"]["a"], "TP", "FP") == [1, 0]
    assert some(found["occupancy"]["classes"]["a"], "TP", "FP") == [0, 1]
    assert some(found["occupancy"]["classes"]["b"]) == [3, 2, 1, 0, 0]


def test_results_outside_are_false_however_near():
    truth, picks = on_x("aa", 1, 58), on_x("aaa", 1, -1, 60)
    numbers = report(joined(picks, truth), ["a"], SPECIES)["distance"]["localisation"]
    assert some(numbers, "RR", "TP", "FP", "FN", "MH", "RO") == [3, 1, 2, 1, 0, 2]
    numbers = report(joined(picks, truth, size=None), ["a"], SPECIES)["distance"]["localisation"]
    assert some(numbers, "RR", "TP", "FP", "FN", "MH", "RO") == [3, 2, 0, 0, 1, None]


def test_average_precision_takes_the_better_scored_of_two_picks():
    """By score: 0.95 (hit, the nearer 0.7 is its surplus), 0.9 hit, 0.8 hit, 0.7 surplus, 0.2, 0.1 false; 4 particles."""
    numbers = report(joined(), ["a", "b"], SPECIES)["distance"]["localisation"]
    assert numbers["average_precision"] == pytest.approx(3 / 4)
    assert numbers["brier"] == pytest.approx((0.05**2 + 0.1**2 + 0.2**2 + 0.7**2 + 0.2**2 + 0.1**2) / 6)
    # 0.95 and 0.9 share a bin: |0.925 - 1| twice
    assert numbers["ECE"] == pytest.approx((2 * 0.075 + 0.2 + 0.7 + 0.2 + 0.1) / 6)


def test_scores_that_are_no_probabilities_only_rank():
    picks = on_x("ab", 10, 30, score=[5.0, -3.0])
    numbers = report(joined(picks), ["a", "b"], SPECIES)["distance"]["localisation"]
    assert numbers["average_precision"] == 0.5 and numbers["brier"] is None and numbers["ECE"] is None
    plain = joined(on_x("ab", 10, 30))
    assert report(plain, [], {})["distance"]["localisation"]["average_precision"] is None
    assert score_curves(plain, "distance") is None


def test_the_random_baseline():
    everywhere = report(joined(on_x("aaa", 1, 2, 3), on_x("a", 30), radius=100.0), [], {})["distance"]["random_baseline"]
    assert everywhere == {"F1": pytest.approx(2 / (3 + 1)), "F1_standard_deviation": 0, "draws": 20}
    nowhere = report(joined(on_x("aaa", 1, 2, 3), on_x("a", 30), radius=1e-3), [], {})["distance"]["random_baseline"]
    assert nowhere["F1"] == 0
    # Half of the volume belongs to the particle: a single random position finds it in half of the draws, 20 at a time
    volume = np.zeros((20, 20, 60), dtype=np.int16)
    volume[:, :, :30] = 1
    f1 = [
        report(joined(on_x("a", 1), on_x("a", 15), volume=volume, seed=seed), [], {})["occupancy"]["random_baseline"]["F1"]
        for seed in range(20)
    ]
    assert np.mean(f1) == pytest.approx(0.5, abs=0.1) and len(set(f1)) > 1


def test_without_a_size_random_positions_fill_the_box_of_the_truth():
    # The truth lies on a line, so every random position does, and a radius of half its length covers one of three
    numbers = report(joined(on_x("aaa", 1, 2, 3), on_x("aaa", 0, 10, 20), radius=5.0, size=None), [], {})
    assert numbers["distance"]["random_baseline"]["F1"] > 0.5


def crowd(seed: int = 3) -> tuple[Picks, Picks]:
    """40 particles of three kinds and 60 picks on some of them and elsewhere."""
    rng = np.random.default_rng(seed)
    truth = Picks("TS_1", rng.random((40, 3)) * SIZE, 10.0, species=rng.choice(["a", "b", "bead"], 40))
    near = truth.positions[rng.integers(0, 40, 40)] + rng.normal(0, 1.5, (40, 3))
    positions = np.clip(np.concatenate([near, rng.random((20, 3)) * SIZE]), -0.4, np.array(SIZE) - 0.6)
    picks = Picks("TS_1", positions, 10.0, species=rng.choice(["a", "b", ""], 60), score=rng.random(60).round(2))
    return picks, truth


def numbers_of(found: Joined, baseline: bool = False) -> dict:
    by_rule = report(found, ["a", "b"], SPECIES)
    for numbers in by_rule.values():
        if not baseline:
            numbers.pop("random_baseline")
    return by_rule


def test_the_order_of_picks_and_particles_changes_nothing():
    picks, truth = crowd()
    first = numbers_of(joined(picks, truth), baseline=True)
    shuffled = np.random.default_rng(1).permutation(60)
    again = numbers_of(joined(picks[shuffled], truth[::-1]), baseline=True)
    assert first["distance"]["localisation"]["TP"] > 10
    assert again["distance"].keys() == first["distance"].keys()
    for key in ("localisation", "random_baseline", "false_picks_on", "size_groups"):
        assert again["distance"][key] == pytest.approx(first["distance"][key]), key
    for name in ("a", "b"):
        assert again["distance"]["classes"][name] == pytest.approx(first["distance"]["classes"][name])


def test_the_sampling_rate_of_the_picks_changes_nothing():
    picks, truth = crowd()
    first = numbers_of(joined(picks, truth))["distance"]["localisation"]
    coarse = picks.at_sampling_rate(23.0)
    again = numbers_of(joined(coarse.at_sampling_rate(10.0), truth))["distance"]["localisation"]
    assert again == pytest.approx(first)


def test_perfect_picks_are_perfect():
    _, truth = crowd()
    targets = truth[np.isin(truth.species.astype(str), ["a", "b"])]
    everything = numbers_of(joined(targets, truth))["distance"]
    for numbers in (everything["localisation"], *everything["classes"].values()):
        assert some(numbers, "recall", "precision", "F1", "F4") == [1] * 4
        assert some(numbers, "miss_rate", "FP", "FN", "MH", "AD") == [0] * 5
    assert everything["size_groups"] == {"small": 1, "large": 1}


def test_tomograms_add_up():
    picks, truth = crowd()
    other_picks, other_truth = crowd(4)
    parts = [compared(picks, truth), compared(other_picks, other_truth, seed=1)]
    separate = [report(Joined.of([part]), ["a", "b"], SPECIES)["distance"]["localisation"] for part in parts]
    together = report(Joined.of(parts), ["a", "b"], SPECIES)["distance"]["localisation"]
    for name in ("RR", "TP", "FP", "FN", "MH", "RO", "particles"):
        assert together[name] == separate[0][name] + separate[1][name]


def test_a_tomogram_without_picks_counts_as_missed():
    parts = [compared(PICKS, TRUTH), compared(on_x(""), TRUTH)]
    numbers = report(Joined.of(parts), ["a", "b"], SPECIES)["distance"]["localisation"]
    assert some(numbers) == [6, 3, 2, 5, 1] and numbers["particles"] == 8


def test_curves_for_json_are_short_and_end_at_the_whole_picking():
    picks, truth = crowd()
    found = score_curves(joined(picks, truth), "distance")
    lists = curve_numbers(found, points=10)
    assert len(lists["recall"]) <= 10 and lists["recall"][-1] == found.curve.recall[-1]
    assert sum(lists["reliability"]["count"]) == 60
