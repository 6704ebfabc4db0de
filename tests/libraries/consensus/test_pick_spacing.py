"""Distances between picks on a grid, where they are known."""

import numpy as np
import pytest

from tomo_particles.consensus.pick_spacing import measure_spacing

GRID = np.stack(np.meshgrid(*[np.arange(4) * 100.0] * 3), axis=-1).reshape(-1, 3)


def test_a_grid_seen_by_two_pickers():
    spacing = measure_spacing([{"a": GRID}, {"a": GRID + np.array([3.0, 4.0, 0.0])}])
    assert spacing.neighbours == pytest.approx(np.full(128, 100.0)) and spacing.partners == pytest.approx(np.full(128, 5.0))
    assert spacing.closest == pytest.approx(100) and spacing.radius == pytest.approx(50)
    assert (spacing.share_within(4.9), spacing.share_within(5.1)) == (0.0, 1.0)


def test_tomograms_do_not_mix():
    spacing = measure_spacing([{"a": GRID[:5]}, {"b": GRID[:5]}])
    assert len(spacing.partners) == 0 and len(spacing.neighbours) == 10


def test_too_few_picks_say_nothing():
    spacing = measure_spacing([{"a": GRID[:1]}, {"a": np.zeros((0, 3))}])
    assert np.isnan(spacing.closest) and spacing.share_within(10) == 0
