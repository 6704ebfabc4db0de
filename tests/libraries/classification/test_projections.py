"""Projections as slices of a spectrum: geometry, CTF, maps of classes, and the numbers of the published method."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.band import Band
from tomo_particles.averaging.search import soft_ball
from tomo_particles.classification import residuals
from tomo_particles.classification.cutoff_search import Tried, best_of
from tomo_particles.classification.detectability import detectability
from tomo_particles.classification.directions import axes_of
from tomo_particles.classification.max_cut import low_rank_cut
from tomo_particles.classification.observations import Space
from tomo_particles.classification.projections import Projections, images_of, packed_images, resized
from tomo_particles.classification.reconstruction import class_maps
from tomo_particles.classification.residuals import consensus_of, residuals_of
from tomo_particles.classification.split_projections import in_all_copies
from tomo_particles.classification.two_classes import classes_of
from tomo_particles.classification.view_graph import Views, particle_odds
from tomo_particles.core.mixture import fit_mixture, fit_mixtures
from tomo_particles.fourier.ctf import CTF
from tomo_particles.geometry.symmetry import symmetry_group
from tomo_particles.simulation.labelled_projections import Microscope, draw_projections, projections

EDGE, RATE = 20, 10.0
IDEAL = Microscope()
C1 = symmetry_group("c1")


def blob(x, y, z, width):
    grid = np.indices((EDGE,) * 3) - EDGE // 2
    return np.exp(-((grid[2] - x) ** 2 + (grid[1] - y) ** 2 + (grid[0] - z) ** 2) / (2 * width**2)).astype(np.float32)


BODY = blob(-2, 0, 0, 2.2) + blob(2, 2, 0, 1.8) + blob(0.5, -2.5, 1.5, 1.6)


def seen_projections(count, separation=1e6, microscope=IDEAL, structures=(BODY,), seed=1):
    """Simulated in real space, by another way than the one under test."""
    drawn = draw_projections(structures, (1,) * len(structures), count, RATE, separation, 2 * RATE, 0.0, microscope, seed)
    images = np.stack(list(projections(structures, drawn, RATE, seed)))
    astigmatism = drawn.astigmatism if drawn.ctfs else None
    return Projections(images, RATE, axes_of(drawn.given), -drawn.shifts * RATE, drawn.ctfs, astigmatism), drawn


@pytest.mark.parametrize("microscope", [IDEAL, Microscope((1.0, 3.0))])
def test_a_projection_is_a_slice_of_the_spectrum_times_the_ctf(microscope):
    particles, _ = seen_projections(12, microscope=microscope)
    band = particles.band(2 * RATE)
    seen = particles.observed(Space(band, np.ones((EDGE,) * 3, np.float32)))
    expected = seen.of_volume(BODY)
    error = np.linalg.norm(seen.values - expected, axis=1) / np.linalg.norm(expected, axis=1)
    assert error.max() < 0.06  # a wrong sign of a shift, an angle or the CTF gives more than 0.5
    wrong = replace(particles, shifts=-particles.shifts).observed(seen.space)
    assert np.linalg.norm(wrong.values - expected) > 0.3 * np.linalg.norm(expected)


def test_packed_images_come_back_and_scaling_keeps_the_centre():
    image = BODY.sum(axis=0)[None]
    band = Band(EDGE, RATE, 2 * RATE)
    back = images_of(packed_images(image, band) * EDGE, band)[0]  # means over the voxels: of EDGE slices
    coarse = resized(image, EDGE // 2)[0]
    inner = (image - image.mean())[0]
    assert np.corrcoef(back.ravel(), inner.ravel())[0, 1] > 0.999
    assert np.corrcoef(coarse.ravel(), inner[::2, ::2].ravel())[0, 1] > 0.98


def test_the_ctf_of_a_direction_is_that_of_its_defocus():
    particles, _ = seen_projections(1)
    own = replace(particles, ctfs=[CTF(defocus=2.0, envelope=None)], astigmatism=np.array([[0.3, 90.0]]))
    band = own.band(4 * RATE)
    plane = band.integers[band.integers[:, 2] == 0]
    along_x, along_y = (np.flatnonzero((plane[:, axis] == 4) & (plane[:, 1 - axis] == 0))[0] for axis in (0, 1))
    k = np.array([4 / band.extent])
    transfer = own.transfer(band)[0]
    assert transfer[along_x] == pytest.approx(CTF(defocus=1.7, envelope=None).transfer(k)[0], abs=1e-5)
    assert transfer[along_y] == pytest.approx(CTF(defocus=2.3, envelope=None).transfer(k)[0], abs=1e-5)
    assert replace(own, flipped=True).transfer(band).min() >= 0


def test_maps_of_classes_are_the_structures():
    part = blob(4, 4, -2, 1.4)
    particles, drawn = seen_projections(240, 60.0, Microscope((1.0, 2.0)), (BODY, BODY + part))
    weights = np.stack([drawn.labels == 0, drawn.labels == 1], axis=1).astype(float)
    ball = soft_ball(EDGE, 8, 1.0)
    maps, covered = class_maps(particles, weights, weights, np.arange(240) % 2, ball, C1)
    for one, structure in zip(maps, (BODY, BODY + part), strict=True):
        assert np.corrcoef((one.whole * ball).ravel(), (structure * ball).ravel())[0, 1] > 0.95
        assert one.fsc[1:4].min() > 0.9 and np.corrcoef(one.halves[0].ravel(), one.halves[1].ravel())[0, 1] > 0.8
    difference = (maps[1].whole - maps[0].whole) * ball
    assert np.corrcoef(difference.ravel(), (part * ball).ravel())[0, 1] > 0.7
    assert float(difference.sum() / part.sum()) == pytest.approx(1, abs=0.4)  # densities keep their scale
    assert covered > 0.99
    few, narrow = class_maps(particles[np.arange(3)], weights[:3], weights[:3], np.array([0, 1, 0]), ball, C1)
    assert len(few) == 2 and narrow < 0.7


def test_poses_of_one_unit_cell_are_laid_on_all_copies():
    particles, _ = seen_projections(8)
    axes = in_all_copies(particles, Views(15, 15, symmetry_group("c4"))).axes
    turns = [np.degrees(Rotation.from_matrix(one.T @ other).magnitude()) for one, other in zip(particles.axes, axes, strict=True)]
    assert turns == pytest.approx([0, 90, 180, 90, 0, 90, 180, 90], abs=1e-4)
    assert axes[:, 2, 2] == pytest.approx(particles.axes[:, 2, 2])  # turned about z


# ---- numbers of the contract
@pytest.mark.parametrize(("share_in_cone", "accuracy"), [(0.134, 0.828), (0.034, 0.5)])
def test_what_a_cone_can_see_is_as_measured(share_in_cone, accuracy):
    count = 4000 * share_in_cone
    found = detectability(3.0, 0.5, count, 6.25 * 0.034 * 4000)  # sqrt(g) = 2.5 in a cone of 15 degrees
    assert found.spike == 2.25 and found.accuracy == pytest.approx(accuracy, abs=0.01)
    assert found.threshold == pytest.approx(2.5 if share_in_cone < 0.1 else 1.26, abs=0.01)


def test_the_finest_resolution_that_is_nearly_as_good_is_taken():
    tried = [Tried(40, 30, 0.1), Tried(57, 30, 0.25), Tried(57, 42, 0.28), Tried(80, 42, 0.3), Tried(80, 21, 0.2)]
    assert best_of(tried) == tried[2]


def test_many_mixtures_at_once_are_those_of_each():
    rng = np.random.default_rng(1)
    rows = [np.concatenate([rng.normal(-2, 1, 60), rng.normal(high, 1, 90 + 10 * high)]) for high in (2, 3, 4)]
    for many, row in zip(fit_mixtures(rows), rows, strict=True):
        alone = fit_mixture(row)
        assert (many.low, many.high, many.variance, many.share) == pytest.approx(
            (alone.low, alone.high, alone.variance, alone.share), abs=1e-2
        )


def test_pieces_of_a_graph_are_joined_by_what_they_differ_in():
    weights = np.zeros((4, 4))
    weights[0, 1] = weights[1, 0] = weights[2, 3] = weights[3, 2] = 1.0
    cut = low_rank_cut(weights, 10, seed=1)
    odds = csr_matrix(np.array([[2.0, 4.0, 0, 0], [0, 0, 3.0, 1.0], [0, 0, 0, 0]]))
    assert particle_odds(odds, cut, lambda one, other: True).tolist() == [3, 2, 0]
    assert particle_odds(odds, cut, lambda one, other: False).tolist() in ([3, -2, 0], [-3, 2, 0])


def test_errors_of_poses_are_fitted_where_there_are_any_and_a_difference_is_left(monkeypatch):
    part = blob(4, 4, -2, 1.4)
    particles, drawn = seen_projections(200, 4.0, structures=(BODY, BODY + part))
    moved = replace(particles, shifts=particles.shifts + 12 * np.random.default_rng(1).standard_normal((200, 2)))
    band = particles.band(4 * RATE)
    space = Space(band, soft_ball(band.edge, 0.42 * band.edge, 1.0))
    seen = particles.observed(space)
    consensus = consensus_of(seen)
    exact, wrong = (residuals_of(one, consensus) for one in (seen, moved.observed(space)))
    unfitted = residuals_of(replace(moved, shifts=particles.shifts).observed(space), consensus).deviation.mean()
    assert wrong.deviation.mean() == pytest.approx(unfitted, rel=0.05)  # what is left is as if they had not been moved
    monkeypatch.setattr(residuals, "_spread", lambda *_: np.full(7, 1e12))
    freely = residuals_of(seen, consensus)
    left = [classes_of(one, (drawn.labels == 1).astype(float)).difference for one in (exact, freely)]
    true = band.volume(band.pack(part)) * space.mask
    kept, lost = (float((one * true).sum() / (true**2).sum()) for one in left)
    assert kept > 0.6 and kept > 1.15 * lost  # fitted freely, a part of the difference is taken for a shift
