"""Two kinds of accepted picks by what a second look sees of them."""

import numpy as np
import pytest

from tomo_particles.consensus.second_kind import LEAST_SHARE, second_kind, two_groups


def picks(n, share, apart, seed=0):
    """(n, 2) features of two kinds that differ in the second one."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n, 2))
    values[: round(share * n), 1] -= apart
    return values


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_two_kinds_are_found_with_their_share(share):
    assert second_kind(picks(150, share, 4.0)) == pytest.approx(min(share, 1 - share), abs=0.06)
    groups = two_groups(picks(150, share, 4.0)[:, 1])
    assert groups.apart == pytest.approx(4, abs=0.6) and groups.evidence > 15


@pytest.mark.parametrize("seed", range(10))
def test_one_kind_is_one_kind_and_a_few_false_picks_are_none(seed):
    assert second_kind(picks(150, 0.0, 0.0, seed)) == 0
    assert second_kind(picks(150, 0.1, 4.0, seed)) == 0 and LEAST_SHARE > 0.1


def test_order_and_scale_do_not_matter():
    values = picks(100, 0.4, 4.0)
    assert second_kind(values) == pytest.approx(second_kind(values[::-1] * 3 + 7), abs=1e-6)


def test_few_or_equal_picks_tell_nothing():
    assert second_kind(picks(30, 0.5, 6.0)) == 0 and second_kind(np.zeros((100, 2))) == 0
