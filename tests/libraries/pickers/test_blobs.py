"""Blobs of one diameter: where they are, whatever the contrast, the gold beads, the empty border, the slabs and the threads."""

import numpy as np
import pytest

from tomo_particles.core.errors import GreyValuesError
from tomo_particles.pickers import blobs
from tomo_particles.pickers.blobs import automatic_threshold, blob_scores, find_blobs
from tomo_particles.testing.agreement import agreement
from tomo_particles.testing.synthetic import simulate_tomogram

CENTRES = np.array([(14.0, 15.0, 16.0), (40.4, 20.6, 18.0), (28.0, 44.0, 30.5)])  # x, y, z
SHAPE = (48, 56, 60)


def balls(diameter=10.0, noise=0.2, seed=0):
    z, y, x = np.indices(SHAPE)
    volume = noise * np.random.default_rng(seed).standard_normal(SHAPE)
    for cx, cy, cz in CENTRES:
        volume -= np.sqrt((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2) <= diameter / 2
    return volume.astype(np.float32)


def nearest(positions):
    return np.linalg.norm(positions[:, None] - CENTRES[None], axis=2).min(axis=1)


@pytest.mark.parametrize("method", blobs.METHODS)
def test_dark_balls_are_found_at_their_centres_and_nothing_else(method):
    found = find_blobs(balls(), 10, method=method)
    assert len(found) == len(CENTRES)
    assert nearest(found.positions).max() < 0.5
    assert len(find_blobs(balls(), 10, method=method, number=2)) == 2


def test_bright_balls_are_the_same_upside_down():
    dark, bright = find_blobs(balls(), 10), find_blobs(-balls(), 10, bright=True)
    assert bright.positions == pytest.approx(dark.positions, abs=1e-3)
    assert bright.scores == pytest.approx(dark.scores, rel=1e-3)


def test_the_grey_scale_does_not_matter():
    # a score is a ratio to noise; the units of a tomogram are arbitrary
    assert find_blobs(250 * balls() + 1000, 10).scores == pytest.approx(find_blobs(balls(), 10).scores, rel=1e-2)


@pytest.mark.parametrize(("method", "threads"), [("log", 1), ("log", 3), ("dog", 2)])
def test_slabs_and_threads_change_nothing(method, threads, monkeypatch):
    whole = blob_scores(balls(), 10, method=method)
    monkeypatch.setattr(blobs, "SLAB", 7)
    assert blob_scores(balls(), 10, method=method, threads=threads) == pytest.approx(whole, abs=1e-3)


def test_gold_beads_do_not_set_the_scale():
    without = simulate_tomogram((80, 80, 48), {"target": 14}, rng=np.random.default_rng(3), radius=5, noise=0.15)
    volume = without.volume.copy()
    volume[20:24, 60:64, 60:64] -= 80 * without.volume.std()
    found, alone = find_blobs(volume, 10, number=20), find_blobs(without.volume, 10, number=20)
    particles = agreement(found.positions, without.truth, 5).hits
    assert particles >= agreement(alone.positions, without.truth, 5).hits - 1 >= 11


def test_pure_noise_gives_about_one_pick():
    noise = np.random.default_rng(5).standard_normal((64, 96, 96)).astype(np.float32)
    assert len(find_blobs(noise, 8)) <= 6


def test_the_border_without_data_gives_no_picks():
    volume = balls() + 30
    volume[:, :, 52:] = 12.0
    volume[:, :6] = 12.0
    scores = blob_scores(volume, 10)
    assert (scores[8:-8, 12:-8, 56:] == -np.inf).all()
    found = find_blobs(volume, 10)
    assert nearest(found.positions).max() < 1.0


@pytest.mark.parametrize("rest", [0.0, 1e-9])
def test_a_tomogram_that_is_mostly_empty_gives_the_picks_of_its_data(rest):
    data = balls()
    whole = np.zeros((*data.shape[:2], 3 * data.shape[2]), dtype=np.float32)
    whole[:, :, : data.shape[2]] = data
    whole[:, :, data.shape[2] :] = rest * np.random.default_rng(1).standard_normal((*data.shape[:2], 2 * data.shape[2]))
    assert nearest(find_blobs(whole, 10).positions).max() < 1.0 and len(find_blobs(whole, 10)) == len(find_blobs(data, 10))


def test_a_flat_tomogram_has_no_blobs():
    assert len(find_blobs(np.full(SHAPE, 7, dtype=np.int8), 10)) == 0


def test_more_particles_fit_where_they_are_smaller_and_the_threshold_rises():
    score = blob_scores(balls(), 10)
    assert automatic_threshold(score, 4) > automatic_threshold(score, 10) > 2


@pytest.mark.parametrize("diameter", [0, -3, 49])
def test_a_diameter_that_does_not_fit_is_refused(diameter):
    with pytest.raises(ValueError, match="does not fit"):
        blob_scores(balls(), diameter)


def test_voxels_that_are_no_numbers_change_nothing_and_are_counted():
    volume, notes = balls(), []
    expected = find_blobs(volume, 10)
    volume[0, 0, 0], volume[40, 50, 3], volume[33, 7, 50] = np.nan, np.inf, -1e20
    found = find_blobs(volume, 10, notes=notes)
    np.testing.assert_allclose(found.positions, expected.positions, atol=0.01)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=0.01)
    assert notes == [
        f"3 of {volume.size} voxels are not numbers (NaN, infinite or beyond 1e+15); they count as voxels without data"
    ]


def test_a_border_that_holds_no_numbers_is_a_place_without_data():
    volume = balls() + 30
    volume[:, :, 52:] = np.nan
    volume[:, :6] = np.nan
    scores = blob_scores(volume, 10)
    assert (scores[8:-8, 12:-8, 56:] == -np.inf).all() and not np.isnan(scores).any()
    assert nearest(find_blobs(volume, 10).positions).max() < 1.0


def test_a_tomogram_without_numbers_is_refused():
    with pytest.raises(GreyValuesError):
        find_blobs(np.full(SHAPE, np.nan, dtype=np.float32), 10)
