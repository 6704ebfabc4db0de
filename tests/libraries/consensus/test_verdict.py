"""The verdict on a run's scores, on drawn scores of which the truth is known."""

import numpy as np
import pytest

from tomo_particles.consensus.expected_precision import expect
from tomo_particles.consensus.final_score import expit, judge_merged
from tomo_particles.consensus.labels import agreement_labels
from tomo_particles.consensus.picker_reliability import votes_alone, witnesses_of
from tomo_particles.consensus.verdict import (
    SUPPORTED,
    VOTES_ALONE,
    WEAK,
    Separation,
    Verdict,
    separation,
    share_unlike_noise,
    too_few_agreed,
    verdict_of,
)


def drawn(seed: int, effect: float, n_pickers: int = 3, n_true: int = 150, n_false: int = 300):
    """Votes (m, K), network scores of picks (m,) and of noise (k,), and truth (m,); `effect`: how far particles stand out."""
    rng = np.random.default_rng(seed)
    true = np.arange(n_true + n_false) < n_true
    seen = rng.random((len(true), n_pickers)) < np.where(true, 0.8, 0.15)[:, None]
    seen[~seen.any(axis=1), 0] = True
    score = expit(rng.normal(effect * true, 1))
    return seen, score, expit(rng.normal(0, 1, 400)), true


def verdict(seen: np.ndarray, score: np.ndarray, noise: np.ndarray) -> Verdict:
    support = seen.sum(axis=1)
    return verdict_of(score, agreement_labels(support, seen.shape[1]), support >= 2, noise, len(set(witnesses_of(seen))))


def test_scores_of_nothing_but_noise_are_called_votes_alone():
    kinds = [verdict(*drawn(seed, 0.0)[:3]).kind for seed in range(20)]
    assert SUPPORTED not in kinds and kinds.count(VOTES_ALONE) >= 18


@pytest.mark.parametrize("n_pickers", [2, 3, 5])
def test_scores_that_see_particles_are_supported_and_count(n_pickers: int):
    found = [verdict(*drawn(seed, 3.0, n_pickers)[:3]) for seed in range(20)]
    assert [one.kind for one in found].count(SUPPORTED) == 20
    assert min(one.say for one in found) > 0.5


def test_the_say_grows_with_what_the_network_sees():
    says = [np.mean([verdict(*drawn(seed, effect)[:3]).say for seed in range(5)]) for effect in (0.0, 1.2, 2.0, 4.0)]
    assert says[0] == 0 and says == sorted(says) and 0 < says[2] < says[3]


def test_where_every_pick_is_a_particle_the_run_is_supported_and_its_votes_are_not_doubted():
    seen, score, noise, _ = drawn(1, 4.0, n_true=300, n_false=0)
    found = verdict(seen, score, noise)
    comments = ["+".join(str(k + 1) for k in np.flatnonzero(row)) for row in seen]
    judged = judge_merged(comments, (seen.sum(axis=1) >= 2).astype(int), score, None, found.say)
    assert found.kind == SUPPORTED and found.unlike_noise > 0.95
    assert (judged.posterior >= 0.5).mean() > 0.9 and judged.posterior[judged.posterior >= 0.5].mean() > 0.85


def test_one_picker_given_twice_is_one_witness():
    rng = np.random.default_rng(2)
    once = rng.random(300) < 0.7
    seen = np.stack([once, once, rng.random(300) < 0.5], axis=1)
    assert witnesses_of(seen).tolist() == [0, 0, 1]
    both = seen[:, :2][once]
    score = expit(rng.normal(3 * (np.arange(len(both)) < 100), 1))
    found = verdict_of(score, np.ones(len(both)), np.ones(len(both), bool), expit(rng.normal(0, 1, 300)), 1)
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
    posterior = judge_merged(comments, (seen.sum(axis=1) >= 2).astype(int), score, None, found.say).posterior
    assert found.say == 0 and posterior[seen.sum(axis=1) == 3].min() >= posterior[seen.sum(axis=1) == 1].max()


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


def test_degenerate_input_has_a_verdict():
    nothing = verdict_of(np.zeros(0), np.zeros(0), np.zeros(0, bool), np.zeros(0), 0)
    assert nothing.kind == WEAK
    one = verdict_of(np.array([0.9]), np.array([1.0]), np.array([True]), np.full(50, 0.1), 2)
    assert one.kind in (WEAK, VOTES_ALONE)


def test_a_verdict_survives_its_file_and_what_is_none_is_refused():
    for found in (verdict(*drawn(1, 3.0)[:3]), too_few_agreed(4), Verdict(WEAK, "x", 0.5, Separation(float("nan"), 0.1, 0, 3))):
        again = Verdict.from_json(found.to_json())
        assert again.to_json() == found.to_json() and again.text == f"{found.kind}: {found.reason}"
    for text in ("", "[]", "{}", too_few_agreed(4).to_json().replace("votes alone", "certain"), "null"):
        with pytest.raises(ValueError, match="verdict"):
            Verdict.from_json(text)


def test_votes_alone_promise_nothing_but_an_upper_end():
    probability = np.repeat([0.95, 0.2], [80, 200])
    told = expect(probability, np.array([0.5]), too_few_agreed(4)).at(0)
    assert told["precision"] is None and told["recall"] is None
    assert told["precision_low"] == 0 and 0.95 < told["precision_high"] < 1


def test_a_supported_promise_reaches_down_to_what_the_network_confirms():
    probability = np.repeat([0.9, 0.1], [400, 100])
    promise = lambda confirmed: expect(probability, np.array([0.5]), Verdict(SUPPORTED, "", 1.0, confirmed=confirmed)).at(0)  # noqa: E731
    assert promise(1.0)["precision"] == promise(0.5)["precision"] == 0.9
    assert promise(0.5)["precision_low"] == pytest.approx(promise(1.0)["precision_low"] / 2, abs=2e-3)


def test_few_picks_widen_the_interval():
    widths = []
    for n in (20, 100, 1000):
        told = expect(np.full(n, 0.9), np.array([0.5])).at(0)
        widths.append(told["precision_high"] - told["precision_low"])
        assert told["precision_low"] < 0.9 < told["precision_high"]
    assert widths[0] > 2 * widths[1] > 4 * widths[2]
