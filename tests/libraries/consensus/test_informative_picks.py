"""Which picks are shown: all kinds of them, from all tomograms, the same for the same seed."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from tomo_particles.consensus.informative_picks import AGAIN, ANY_SCORE, DOUBTFUL, LOOKALIKE, ORDER, informative_picks
from tomo_particles.consensus.merged_picks import MergedPicks


@pytest.fixture
def picks():
    """120 picks of three tomograms."""
    rng = np.random.default_rng(2)
    n = 120
    support = rng.integers(1, 4, n)
    score = np.clip(support / 4 + rng.normal(0, 0.1, n), 0.01, 0.99)
    network = np.clip(score + rng.normal(0, 0.02, n), 0.01, 0.99)
    comments = np.array(["1+2+3"[: 2 * s - 1] for s in support], dtype=object)
    return MergedPicks(
        np.array([f"TS_{i % 3}" for i in range(n)], dtype=object),
        rng.uniform(0, 100, (n, 3)),
        score,
        network,
        support,
        np.zeros(n, dtype=int),
        comments,
        np.array(["nan"] * n, dtype=object),
    )


def test_without_a_network_lookalikes_go_by_probability(picks):
    voted = replace(picks, network=np.full(len(picks), np.nan))
    found = informative_picks(voted, voted.score, [], 30, 1)
    first = next(proposal.row for proposal in found if proposal.why == LOOKALIKE)
    earlier = [proposal.row for proposal in found[: [proposal.row for proposal in found].index(first)]]
    alike = (voted.score < 0.5) & (voted.comments == voted.comments[first])
    alike[earlier] = False
    assert voted.score[first] == voted.score[alike].max()  # the best of its kind


def test_all_kinds_are_shown_from_all_tomograms_each_pick_once(picks):
    found = informative_picks(picks, picks.score, [], 30, 1)
    rows = [proposal.row for proposal in found]
    assert len(set(rows)) == 30 and [proposal.why for proposal in found] == (list(ORDER) * 3)[:30]
    assert {kind: ORDER.count(kind) for kind in set(ORDER)} == {DOUBTFUL: 9, LOOKALIKE: 2, ANY_SCORE: 1}
    assert min(Counter(picks.tomo_id[rows]).values()) >= 8
    doubtful = [proposal.row for proposal in found if proposal.why == DOUBTFUL]
    assert np.abs(picks.score[doubtful] - 0.5).max() < 0.12


def test_lookalikes_are_the_best_rejected_picks_of_the_kind_that_was_shown_least(picks):
    found = informative_picks(picks, picks.score, [], 30, 1)
    for number in (number for number, proposal in enumerate(found) if proposal.why == LOOKALIKE):
        row, earlier = found[number].row, [proposal.row for proposal in found[:number]]
        times = Counter(picks.comments[earlier])
        rejected = picks.score < 0.5
        rejected[earlier] = False
        assert picks.score[row] < 0.5
        assert times[picks.comments[row]] == min(times[kind] for kind in picks.comments[rejected])
        assert picks.network[row] == picks.network[rejected & (picks.comments == picks.comments[row])].max()


def test_the_same_seed_and_the_same_answers_give_the_same_picks(picks):
    first = informative_picks(picks, picks.score, [1, 2], 10, 4)
    assert first == informative_picks(picks, picks.score, [1, 2], 10, 4) != informative_picks(picks, picks.score, [1, 2], 10, 5)


def test_what_was_asked_is_not_asked_again_unless_it_is_wanted(picks):
    asked = list(range(100))
    assert {p.row for p in informative_picks(picks, picks.score, asked, 30, 1)} == set(range(100, 120))
    first, *others = informative_picks(picks, picks.score, asked, 5, 1, again=[3, 4])
    assert (first.row, first.why) == (3, AGAIN) and 4 not in [p.row for p in others]
    assert informative_picks(picks, picks.score, range(120), 5, 1) == []


def test_without_a_network_there_are_proposals_all_the_same(picks):
    none = MergedPicks(**{**vars(picks), "network": np.full(len(picks), np.nan)})
    assert len(informative_picks(none, picks.score, [], 20, 1)) == 20
