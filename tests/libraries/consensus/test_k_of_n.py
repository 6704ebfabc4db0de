"""k of n pickers: AND within k within OR, and what a missing picker means."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tomo_particles.consensus.k_of_n import agreed_by, shared_picks


@given(st.lists(st.integers(1, 4), max_size=20), st.integers(1, 4))
def test_and_is_within_k_within_or(support, k):
    any_picker, some, every = (agreed_by(np.array(support, dtype=int), number, 4) for number in (1, k, 4))
    assert any_picker.all() and not (every & ~some).any()
    assert every.tolist() == [one == 4 for one in support]


def test_all_of_those_that_saw_the_tomogram():
    support, asked = np.array([3, 2, 2, 1]), np.array([3, 3, 2, 1])
    assert agreed_by(support, 3, 3).tolist() == [True, False, False, False]
    assert agreed_by(support, 3, asked).tolist() == [True, False, True, True]


def test_the_jaccard_index():
    seen = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0]], dtype=bool)
    np.testing.assert_allclose(shared_picks(seen)[:2, :2], [[1, 0.5], [0.5, 1]])
    assert np.isnan(shared_picks(seen)[2, 2]) and shared_picks(seen)[0, 2] == 0
