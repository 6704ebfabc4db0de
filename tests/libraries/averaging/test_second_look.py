"""The second look: particles stand out, no pick meets an average that holds it, and the contrast does not matter."""

from dataclasses import replace

import numpy as np
import pytest
from averaged_scene import DIAMETER, RATE, SIZE, make_scene
from scipy.ndimage import gaussian_filter

from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.picked_boxes import PickedBoxes
from tomo_particles.averaging.poses import split_halves
from tomo_particles.averaging.second_look import best_references, is_dark, lowpass_of, rotational_mean, second_look

SETTINGS = Settings(DIAMETER, rounds=4, starts=1, threads=2)


def looked(sources, is_particle, references):
    """The looks of all picks of the sources, and whether each is a particle; both by name and row, given as dicts."""
    boxes = PickedBoxes(sources, DIAMETER, 2)
    true = np.array([is_particle[boxes.sources[number].name][row] for number, row in boxes.places])
    chosen = np.array([references[boxes.sources[number].name][row] for number, row in boxes.places])
    half = split_halves(boxes.names, boxes.positions * RATE, DIAMETER / 2)
    return second_look(boxes, half, chosen, np.ones(len(boxes), dtype=bool), SETTINGS, 1), true, boxes


@pytest.fixture(scope="module")
def mixed():
    """Picks of particles, a little off, and as many random places."""
    rng = np.random.default_rng(3)
    sources, particle = [], {}
    for source in make_scene(count=22).sources(jitter=0.7):
        empty = np.array([10, 10, 8]) + rng.random((22, 3)) * (np.array(SIZE) - [20, 20, 16])
        places = np.concatenate([source.positions, empty])
        particle[source.name] = np.arange(len(places)) < len(source.positions)
        sources.append(replace(source, positions=places, weights=np.ones(len(places))))
    return sources, particle


@pytest.fixture(scope="module")
def seen(mixed):
    sources, particle = mixed
    return looked(sources, particle, particle)


def separation(values, true):
    return float((values[true][:, None] > values[~true]).mean())


@pytest.mark.parametrize("hollow", [0.0, 0.6, 0.8])
def test_a_hollow_particle_is_as_bright_as_its_wall(hollow):
    """hollow: share of the radius that is empty. A mean box has the mean 0, and rings around the particle."""
    away = np.sqrt(((np.indices((32,) * 3) - 16) ** 2).sum(axis=0))
    body = gaussian_filter(((away <= 8) & (away >= 8 * hollow)).astype(float), 1.5)
    seen = body - gaussian_filter(body, 6)  # what is left of the density after the lowest frequencies are gone
    assert not is_dark(seen - seen.mean(), 16.0) and is_dark(seen.mean() - seen, 16.0)


def test_particles_stand_out_and_the_halves_agree(seen):
    looks, true, boxes = seen
    assert separation(looks.ccc, true) > 0.85 and separation(looks.features[:, 0], true) > 0.85
    assert looks.agreement > 0.8 and looks.lowpass == pytest.approx(DIAMETER / 3)
    assert np.abs(looks.features).max() <= 4 and len(looks.features) == len(boxes)


def test_averages_of_empty_places_do_not_agree(mixed):
    sources, particle = mixed
    empty = {name: ~own for name, own in particle.items()}
    looks, _, _ = looked(sources, particle, empty)
    assert looks.agreement < 0.7


def test_bright_particles_give_the_same_looks(mixed, seen):
    (sources, particle), dark = mixed, seen[0]
    inverted = [replace(source, data=-source.data) for source in sources]
    bright, _, _ = looked(inverted, particle, particle)
    assert bright.ccc == pytest.approx(dark.ccc, abs=1e-4) and bright.averages[0] == pytest.approx(dark.averages[0], abs=1e-3)
    edge = dark.averages[0].shape[0]
    assert not is_dark(dark.averages[0], DIAMETER / dark.voxel) and edge == bright.averages[0].shape[0]


def test_a_pick_does_not_meet_an_average_that_holds_it(mixed, seen):
    """A reference that is left out changes the looks of the other half alone."""
    (sources, particle), (before, true, boxes) = mixed, seen
    half = split_halves(boxes.names, boxes.positions * RATE, DIAMETER / 2)
    own = np.flatnonzero(true & (half == 0) & (boxes.places[:, 0] == 0))[0]
    hidden = {name: values.copy() for name, values in particle.items()}
    hidden[boxes.sources[0].name][boxes.places[own, 1]] = False
    after, _, _ = looked(sources, particle, hidden)
    assert np.array_equal(after.ccc[half == 0], before.ccc[half == 0])  # half 0 is compared with the average of half 1
    assert not np.array_equal(after.ccc[half == 1], before.ccc[half == 1])


def test_the_best_picks_of_each_half_are_averaged():
    score = np.array([0.9, np.nan, 0.7, 0.6])
    assert best_references(score, np.ones(4), np.array([0, 0, 0, 1])).tolist() == [True, False, True, True]
    many = np.linspace(0.5, 1, 3000)
    chosen = best_references(many, np.ones(3000), np.arange(3000) % 2)
    assert chosen.sum() == 800 and chosen[-800:].all()


def test_the_picks_that_most_pickers_agree_on_are_averaged_first():
    score, half = np.linspace(1, 0.5, 300), np.arange(300) % 2
    support = np.where(np.arange(300) >= 200, 3, 2)  # of lower score
    chosen = best_references(score, support, half)
    assert chosen.sum() == 100 and chosen[200:].all()  # a third
    few = best_references(score[:120], support[:120], half[:120])
    assert few.sum() == 80 and few[:80].all()  # 40 in each half


def test_small_particles_are_compared_at_a_finer_resolution():
    assert lowpass_of(260, 10) == 60 and lowpass_of(120, 10) == 40 and lowpass_of(60, 10) == 30  # 3 voxels at least


def test_the_rotational_mean_is_round():
    boxes = PickedBoxes(make_scene(count=4, tomograms=1).sources(), DIAMETER, 1)
    band = boxes.band(40.0)
    spectrum = boxes.particles(band, np.arange(1), whitened=True).spectra[0]
    mean = band.volume(rotational_mean(spectrum, band))
    assert mean == pytest.approx(mean.transpose(2, 1, 0), abs=1e-4) and mean.std() > 0
