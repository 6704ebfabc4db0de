"""The cut of a graph: the best of all signs on small graphs, the certificate, planted signs, parts."""

from itertools import product

import numpy as np
import pytest

from tomo_particles.classification.max_cut import greedy_cut, low_rank_cut


def graph(n, seed):
    weights = np.random.default_rng(seed).standard_normal((n, n))
    weights = weights + weights.T
    np.fill_diagonal(weights, 0)
    return weights


@pytest.mark.parametrize("seed", range(6))
def test_the_cut_is_the_best_of_all_signs_and_the_bound_holds(seed):
    weights = graph(10, seed)
    best = max(float(np.array(signs) @ weights @ np.array(signs)) for signs in product((1, -1), repeat=10))
    cut = low_rank_cut(weights, 100, seed=1)
    assert cut.value == pytest.approx(best) and cut.bound >= best - 1e-9 and greedy_cut(weights).value <= best + 1e-9
    assert cut.value == pytest.approx(float(cut.signs @ weights @ cut.signs))
    unsatisfied = np.abs(weights)[weights * np.outer(cut.signs, cut.signs) < 0].sum() / np.abs(weights).sum()
    assert cut.frustration == pytest.approx(unsatisfied)


def test_planted_signs_are_found_and_certified():
    rng = np.random.default_rng(7)
    signs = np.where(rng.random(92) < 0.5, 1, -1)
    signs *= signs[0]
    weights = np.outer(signs, signs) * rng.random((92, 92)) + 0.3 * graph(92, 8)
    weights = (weights + weights.T) / 2
    np.fill_diagonal(weights, 0)
    cut = low_rank_cut(weights, 100, seed=1)
    assert cut.signs.tolist() == signs.tolist() and cut.optimal and cut.frustration < 0.2
    assert low_rank_cut(weights, 100, seed=1).signs.tolist() == cut.signs.tolist()


def test_parts_are_told_apart_and_a_frustrated_triangle_is_no_third():
    weights = np.zeros((7, 7))
    for i, j, weight in ((0, 1, -1), (1, 2, -1), (0, 2, -1), (3, 4, -2), (5, 6, 1)):
        weights[i, j] = weights[j, i] = weight
    cut = low_rank_cut(weights, 100, seed=1)
    assert cut.pieces.tolist() == [0, 0, 0, 1, 1, 2, 2] and [cut.signs[0], cut.signs[3], cut.signs[5]] == [1, 1, 1]
    assert (cut.signs[4], cut.signs[6]) == (-1, 1) and cut.frustration == pytest.approx(1 / 6)
    assert cut.bound >= cut.value


def test_a_graph_without_edges_has_nothing_to_say():
    cut = low_rank_cut(np.zeros((3, 3)), 10, seed=1)
    assert (cut.value, cut.bound, cut.frustration) == (0, 0, 0) and len(set(cut.pieces)) == 3
