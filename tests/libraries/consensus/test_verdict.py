"""The verdict on a run's scores, on drawn scores of which the truth is known."""

import json

import numpy as np
import pytest

from tomo_particles.consensus.expected_precision import expected_precision_recall
from tomo_particles.consensus.final_score import final_probability_against_noise, score_merged_picks
from tomo_particles.consensus.labels import agreement_labels
from tomo_particles.consensus.log_odds import expit
from tomo_particles.consensus.picker_reliability import votes_alone, witnesses_of
from tomo_particles.consensus.verdict import (
    SUPPORTED,
    VOTES_ALONE,
    WEAK,
    ScoredPlaces,
    Separation,
    Verdict,
    can_learn,
    separation,
    share_unlike_noise,
    verdict_of,
    verdict_without_agreement,
    verdict_without_scores,
)


def drawn(seed: int, effect: float, n_pickers: int = 3, n_true: int = 150, n_false: int = 300):
    """Votes (m, K), network scores of picks (m,) and of noise (k,), and truth (m,); `effect`: how far particles stand out."""
    rng = np.random.default_rng(seed)
    true = np.arange(n_true + n_false) < n_true
    seen = rng.random((len(true), n_pickers)) < np.where(true, 0.8, 0.15)[:, None]
    seen[~seen.any(axis=1), 0] = True
    score = expit(rng.normal(effect * true, 1))
    return seen, score, expit(rng.normal(0, 1, 400)), true


def places(score: np.ndarray, seed: int = 0) -> ScoredPlaces:
    """Scores at random places of two tomograms."""
    rng = np.random.default_rng(seed)
    return ScoredPlaces(score, np.array(["a", "b"])[rng.integers(0, 2, len(score))], rng.random((len(score), 3)) * [200, 200, 60])


def verdict(seen: np.ndarray, score: np.ndarray, noise: np.ndarray) -> Verdict:
    support = seen.sum(axis=1)
    agreement = agreement_labels(support, seen.shape[1])
    return verdict_of(places(score), places(noise, 1), agreement, support >= 2, len(set(witnesses_of(seen))))


def test_scores_of_nothing_but_noise_are_called_votes_alone():
    kinds = [verdict(*drawn(seed, 0.0)[:3]).kind for seed in range(20)]
    assert SUPPORTED not in kinds and kinds.count(VOTES_ALONE) >= 18


@pytest.mark.parametrize("n_pickers", [2, 3, 5])
def test_scores_that_see_particles_are_supported_and_count(n_pickers: int):
    found = [verdict(*drawn(seed, 3.0, n_pickers)[:3]) for seed in range(20)]
    assert [one.kind for one in found].count(SUPPORTED) == 20
    assert min(one.network_weight for one in found) > 0.5


def test_the_weight_of_the_network_grows_with_what_it_sees():
    weights = [
        np.mean([verdict(*drawn(seed, effect)[:3]).network_weight for seed in range(5)]) for effect in (0.0, 1.2, 2.0, 4.0)
    ]
    assert weights[0] == 0 and weights == sorted(weights) and 0 < weights[2] < weights[3]


def test_where_every_pick_is_a_particle_the_run_is_supported_and_its_votes_are_not_doubted():
    seen, score, noise, _ = drawn(1, 4.0, n_true=300, n_false=0)
    found = verdict(seen, score, noise)
    comments = ["+".join(str(k + 1) for k in np.flatnonzero(row)) for row in seen]
    scored = score_merged_picks(comments, (seen.sum(axis=1) >= 2).astype(int), score, None, found.network_weight)
    assert found.kind == SUPPORTED and found.unlike_noise > 0.95
    assert (scored.posterior >= 0.5).mean() > 0.9 and scored.posterior[scored.posterior >= 0.5].mean() > 0.85


def test_one_picker_given_twice_is_one_witness():
    rng = np.random.default_rng(2)
    once = rng.random(300) < 0.7
    seen = np.stack([once, once, rng.random(300) < 0.5], axis=1)
    assert witnesses_of(seen).tolist() == [0, 0, 1]
    both = seen[:, :2][once]
    score = expit(rng.normal(3 * (np.arange(len(both)) < 100), 1))
    noise = places(expit(rng.normal(0, 1, 300)), 1)
    found = verdict_of(places(score), noise, np.ones(len(both)), np.ones(len(both), bool), 1)
    assert found.kind == WEAK and "nobody confirms" in found.reason
    assert votes_alone(both).max() < 0.8


def test_more_votes_never_count_less():
    for seed in range(10):
        seen = np.random.default_rng(seed).random((200, 4)) < np.random.default_rng(seed).uniform(0.05, 0.9, 4)
        seen = seen[seen.any(axis=1)]
        probability = votes_alone(seen)
        among = (seen[:, None] <= seen).all(axis=2)
        assert (np.where(among, probability[:, None] - probability, -1) <= 1e-12).all()


def test_without_votes_that_separate_single_picks_do_not_outrank_agreed_ones():
    seen, score, noise, _ = drawn(3, 0.0)
    found = verdict(seen, score, noise)
    comments = ["+".join(str(k + 1) for k in np.flatnonzero(row)) for row in seen]
    posterior = score_merged_picks(comments, (seen.sum(axis=1) >= 2).astype(int), score, None, found.network_weight).posterior
    assert found.network_weight == 0 and posterior[seen.sum(axis=1) == 3].min() >= posterior[seen.sum(axis=1) == 1].max()


def test_separation_is_the_area_under_the_roc_curve_and_ties_count_half():
    assert separation(np.array([1.0, 2.0]), np.array([0.0, 1.0])).auc == pytest.approx(3.5 / 4)
    assert separation(np.ones(5), np.ones(7)).auc == 0.5
    assert separation(np.zeros(0), np.ones(3)).at_least == 0.0
    n, m = 40, 60
    rng = np.random.default_rng(4)
    spread = np.std([separation(rng.random(n), rng.random(m)).auc for _ in range(2000)])
    assert separation(rng.random(n), rng.random(m)).error == pytest.approx(spread, rel=0.06)


def test_share_unlike_noise_is_that_of_what_stands_out():
    rng = np.random.default_rng(5)
    picks = np.concatenate([rng.normal(0, 1, 3000), rng.normal(5, 1, 7000)])
    assert share_unlike_noise(picks, rng.normal(0, 1, 5000)) == pytest.approx(0.7, abs=0.03)
    assert share_unlike_noise(picks[:3000], rng.normal(0, 1, 5000)) < 0.06
    assert np.isnan(share_unlike_noise(picks, np.zeros(0)))


def test_picks_that_differ_from_noise_by_their_depth_alone_are_not_supported():
    # A lamella: whatever lies in it scores high, and all picks lie in it.
    rng = np.random.default_rng(6)
    seen, _, _, _ = drawn(6, 0.0)
    places_of = lambda n, low, high: rng.random((n, 3)) * [200, 200, high - low] + [0, 0, low]  # noqa: E731
    noise_places = places_of(400, 0, 60)
    score_at = lambda at: expit(rng.normal(3.0 * ((at[:, 2] > 22) & (at[:, 2] < 38)), 1))  # noqa: E731
    picks_at = places_of(len(seen), 22, 38)
    picks = ScoredPlaces(score_at(picks_at), np.full(len(seen), "a"), picks_at)
    noise = ScoredPlaces(score_at(noise_places), np.full(400, "a"), noise_places)
    support = seen.sum(axis=1)
    found = verdict_of(picks, noise, agreement_labels(support, 3), support >= 2, 3)
    assert separation(picks.score, noise.score).auc > 0.8
    assert found.kind != SUPPORTED and found.network_weight == 0 and not found.promises


def test_a_pick_is_compared_with_noise_of_its_own_tomogram():
    # One tomogram scores higher than the other, and the agreed picks lie mostly in it.
    rng = np.random.default_rng(7)
    in_b = np.concatenate([np.arange(100) < 95, np.arange(200) < 20])  # agreed picks, then single ones
    level = lambda b: expit(rng.normal(2.0 * b, 1))  # noqa: E731
    picks = ScoredPlaces(level(in_b), np.where(in_b, "b", "a"), rng.random((300, 3)) * 100)
    noise_in_b = np.arange(300) % 2 == 0
    noise = ScoredPlaces(level(noise_in_b), np.where(noise_in_b, "b", "a"), rng.random((300, 3)) * 100)
    agreed = np.arange(300) < 100
    found = verdict_of(picks, noise, agreed.astype(float), agreed, 3)
    assert separation(picks.score[agreed], noise.score).auc > 0.6
    assert found.kind != SUPPORTED


def test_where_nothing_can_be_compared_it_says_so_and_promises_nothing():
    rng = np.random.default_rng(8)
    picks = ScoredPlaces(np.full(40, 0.9), np.full(40, "a"), rng.random((40, 3)) * [5, 100, 50])  # all at the border
    noise = ScoredPlaces(np.full(60, 0.1), np.full(60, "a"), rng.random((60, 3)) * [80, 100, 50] + [10, 0, 0])
    found = verdict_of(picks, noise, np.repeat([1.0, 0.0], 20), np.repeat([True, False], 20), 2)
    assert found.kind == WEAK and "no agreed pick lies where noise could be picked" in found.reason and found.network_weight == 0
    few = verdict_of(
        picks[np.arange(4)],
        ScoredPlaces(noise.score, noise.tomo_ids, noise.positions - [10, 0, 0]),
        np.ones(4),
        np.ones(4, bool),
        2,
    )
    assert few.kind in (WEAK, VOTES_ALONE) and "compared" in few.reason


def test_a_single_network_is_not_believed():
    seen, score, noise, _ = drawn(1, 3.0)
    support = seen.sum(axis=1)
    found = verdict_of(places(score), places(noise, 1), agreement_labels(support, 3), support >= 2, 3, out_of_fold=False)
    assert found.kind == WEAK and "single network" in found.reason


def test_without_a_say_of_the_network_agreed_picks_are_accepted_and_others_are_not():
    found, probability = verdict_without_scores(4), np.array([0.3, 0.9, 0.6, 0.2])
    assert (found.bounded(probability, np.array([True, True, False, False])) >= 0.5).tolist() == [True, True, False, False]


def test_degenerate_input_has_a_verdict():
    nothing = places(np.zeros(0))
    assert verdict_of(nothing, nothing, np.zeros(0), np.zeros(0, bool), 0).kind == WEAK
    one = verdict_of(places(np.array([0.9])), places(np.full(50, 0.1), 1), np.array([1.0]), np.array([True]), 2)
    assert one.kind in (WEAK, VOTES_ALONE)


def test_a_verdict_survives_its_file_and_what_is_none_is_refused():
    unknown = Separation(float("nan"), 0.1, 0, 3)
    for found in (verdict(*drawn(1, 3.0)[:3]), verdict_without_scores(4), Verdict(WEAK, "x", 0.5, unknown)):
        again = Verdict.from_json(found.to_json())
        assert again.to_json() == found.to_json() and again.text == f"{found.kind}: {found.reason}"
    good = json.loads(verdict_without_scores(4).to_json())
    bad = [good | change for change in ({"kind": "certain"}, {"say": 7}, {"say": None}, {"from_noise": "a"}, {"confirmed": 9})]
    for text in ("", "[]", "{}", "null", *map(json.dumps, bad)):
        with pytest.raises(ValueError, match="verdict"):
            Verdict.from_json(text)


@pytest.mark.parametrize("found", [verdict_without_scores(4), Verdict(WEAK, "", 0.5)])
def test_only_a_supported_run_promises_anything(found):
    told = expected_precision_recall(np.repeat([0.95, 0.2], [80, 200]), np.array([0.5]), found).at(0)
    assert told["precision"] is None and told["recall"] is None
    assert (told["precision_low"], told["precision_high"]) == (told["recall_low"], told["recall_high"]) == (0, 1)


def test_a_supported_promise_reaches_down_to_what_the_network_confirms():
    probability = np.repeat([0.9, 0.1], [400, 100])

    def promise(confirmed):
        return expected_precision_recall(probability, np.array([0.5]), Verdict(SUPPORTED, "", 1.0, confirmed=confirmed)).at(0)

    assert promise(1.0)["precision"] == promise(0.5)["precision"] == 0.9
    assert promise(0.5)["precision_low"] == pytest.approx(promise(1.0)["precision_low"] / 2, abs=2e-3)


def test_many_lookalikes_lower_a_promise_that_the_votes_alone_make():
    probability = np.repeat([0.9, 0.1], [400, 100])

    def promise(**values):
        return expected_precision_recall(probability, np.array([0.5]), Verdict(SUPPORTED, "", 1.0, **values)).at(0)

    assert promise(confirmed=0.6, lookalikes=0.0)["precision"] == promise(confirmed=1.0, lookalikes=0.7)["precision"] == 0.9
    lowered = promise(confirmed=0.6, lookalikes=0.7)
    assert lowered["precision"] == pytest.approx(0.9 * (1 - 0.7 * 0.4), abs=1e-3)
    assert lowered["precision_low"] < lowered["precision"] < lowered["precision_high"] == promise(confirmed=1.0)["precision_high"]


def test_few_picks_widen_the_interval():
    widths = []
    for n in (20, 100, 1000):
        told = expected_precision_recall(np.full(n, 0.9), np.array([0.5])).at(0)
        widths.append(told["precision_high"] - told["precision_low"])
        assert told["precision_low"] < 0.9 < told["precision_high"]
    assert widths[0] > 2 * widths[1] > 4 * widths[2]


def alone(seed: int, effect: float):
    """One picker of whose picks half are particles, and two at random places: votes, scores, picker scores, noise, truth."""
    rng = np.random.default_rng(seed)
    seen = np.repeat(np.eye(3, dtype=bool), 150, axis=0)
    true = np.arange(450) < 75
    return seen, expit(rng.normal(effect * true, 1)), rng.normal(size=(450, 3)), expit(rng.normal(0, 1, 450)), true


def test_without_agreement_a_picker_that_the_network_tells_from_noise_is_named_and_nothing_is_promised():
    for seed in range(10):
        seen, score, _, noise, _ = alone(seed, 4.0)
        found = verdict_without_agreement(places(score), places(noise, 1), seen, [4, 7, 9])
        assert found.kind == WEAK and found.network_weight == 1 and not found.promises
        assert "picker 4 (separation 0.7" in found.reason and "picker 7" not in found.reason and "picker 9" not in found.reason


def test_without_agreement_and_with_nothing_to_see_no_picker_is_named():
    for seed in range(20):
        seen, score, _, noise, _ = alone(seed, 0.0)
        found = verdict_without_agreement(places(score), places(noise, 1), seen, [1, 2, 3])
        assert found.kind == VOTES_ALONE and found.network_weight == 0 and "no picker" in found.reason
    empty = ScoredPlaces(np.zeros(0), np.zeros(0, dtype=str), np.zeros((0, 3)))
    assert verdict_without_agreement(places(score), empty, seen, [1, 2, 3]).kind == WEAK


def test_a_picker_that_is_right_alone_keeps_its_particles():
    for seed in range(5):
        seen, score, scores, noise, true = alone(seed, 4.0)
        accepted = final_probability_against_noise(score, noise, seen, scores, np.ones(450, dtype=bool)) >= 0.5
        assert (accepted & true).sum() > 60 and (accepted & ~true).sum() < 15


def test_picks_where_no_noise_can_be_are_judged_by_their_picker():
    seen, score, scores, noise, _ = alone(1, 4.0)
    comparable = np.arange(450) % 5 > 0
    score[~comparable] = 0.999  # a box that is partly empty looks like nothing else
    probability = final_probability_against_noise(score, noise, seen, np.full_like(scores, np.nan), comparable)
    assert np.ptp(probability[~comparable & seen[:, 1]]) < 1e-12
    assert probability[~comparable & seen[:, 0]].mean() > 2 * probability[~comparable & seen[:, 1]].mean()


def test_a_network_that_confirms_little_loses_its_weight_and_lookalikes_their_promise():
    found = Verdict(SUPPORTED, "x", 0.8, unlike_noise=0.9)
    weights = [round(found.checked(share, 0.0).network_weight, 3) for share in (0.9, 0.7, 0.55, 0.4, 0.1)]
    assert weights == [0.8, 0.8, 0.4, 0.0, 0.0]
    assert found.checked(0.5, 0.1).kind == SUPPORTED and found.checked(0.71, 0.5).kind == SUPPORTED
    assert found.checked(0.5, 0.5).kind == WEAK and "more than one kind" in found.checked(0.5, 0.5).reason


def test_a_network_learns_from_ten_agreed_picks_or_from_many():
    assert can_learn(10, 12) and can_learn(2, 100) and not can_learn(9, 99)


def test_the_pickers_of_a_verdict_have_their_names_where_they_are_known():
    found = Verdict(WEAK, "only the picks of picker 12 (separation 0.9) stand out; picker 1 and picker 3 are one", 1.0)
    named = found.with_names({1: "log", 12: "a picker 1"}).reason
    assert named == "only the picks of 'a picker 1' (separation 0.9) stand out; 'log' and picker 3 are one"
