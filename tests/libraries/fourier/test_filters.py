"""Filters on half spectra: units, the missing wedge of a true tilt series, and where resampled points go."""

import numpy as np
import pytest

from tomo_particles.fourier.filters import filtered, fourier_resized, frequencies, low_pass, radial_frequency, wedge_mask
from tomo_particles.simulation.projection import as_columns, rays
from tomo_particles.simulation.reconstruction import back_projected

SHAPES = [(12, 10, 16), (11, 8, 15)]


def test_frequencies_are_cycles_an_angstrom():
    kz, ky, kx = frequencies((8, 6, 10), 5.0)
    assert (kz.shape, ky.shape, kx.shape) == ((8, 1, 1), (1, 6, 1), (1, 1, 6))
    assert kx.max() == pytest.approx(0.1) and kz.min() == pytest.approx(-0.1)  # Nyquist of 5 Å
    assert radial_frequency((8, 6, 10), 5.0)[1, 0, 0] == pytest.approx(1 / 40)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("tilts", [(-60, 60), (-40, 65), (-90, 90)])
def test_a_wedge_is_symmetric_so_that_what_it_filters_is_real(shape, tilts):
    volume = np.random.default_rng(0).standard_normal(shape)
    mask = wedge_mask(shape, tilts)
    once = filtered(volume, mask)
    assert once.dtype == np.float32
    assert filtered(once, mask) == pytest.approx(once, abs=1e-5)  # a mask of 0 and 1 that lost nothing real is a projection


def test_a_wedge_holds_its_share_and_the_mean():
    mask = wedge_mask((64, 4, 64), (-60, 60))
    full = np.concatenate([mask, mask[..., 1:-1]], axis=-1)
    # In a square the wedges beyond +-60 degrees are two triangles of half its height and base 1 / tan 60.
    assert full.mean() == pytest.approx(1 - 0.5 / np.tan(np.radians(60)), abs=0.03)
    assert mask[0, 0, 0] == 1 and wedge_mask((16, 4, 16), (-90, 90)).all()


@pytest.mark.parametrize("tilts", [(-60.0, 60.0), (-30.0, 60.0)])
def test_the_wedge_is_where_a_reconstructed_tilt_series_has_its_power(tilts):
    # The tilts cover one side only: a wedge with the wrong hand would miss a third of the power
    rng = np.random.default_rng(1)
    volume = np.zeros((48, 4, 48), dtype=np.float32)
    volume[20:28, :, 20:28] = rng.standard_normal((8, 4, 8))
    angles = np.arange(tilts[0], tilts[1] + 1, 3)
    images = np.stack([(rays(angle, 48, 48) @ as_columns(volume)).T for angle in angles])
    tomogram = back_projected(images, angles, 48)
    power = np.abs(np.fft.rfftn(tomogram)) ** 2
    inside = np.broadcast_to(wedge_mask(tomogram.shape, tilts), power.shape)
    mirrored = np.broadcast_to(wedge_mask(tomogram.shape, (-tilts[1], -tilts[0])), power.shape)
    assert (power * inside).sum() > 0.93 * power.sum()
    if tilts[0] != -tilts[1]:
        assert (power * mirrored).sum() < 0.8 * power.sum()


def test_a_low_pass_keeps_what_is_coarser_than_its_resolution():
    transfer = low_pass((32, 32, 32), 10.0, 40.0)
    k = radial_frequency((32, 32, 32), 10.0)
    assert (transfer[k <= 1 / 40] == 1).all() and (transfer[k >= 1.11 / 40] == 0).all()
    constant = np.full((32, 32, 32), 3.0)
    assert filtered(constant, transfer) == pytest.approx(constant, abs=1e-5)


@pytest.mark.parametrize(("old", "new"), [((24, 24, 24), (12, 16, 18)), ((25, 21, 27), (11, 14, 9))])
def test_resizing_keeps_grey_values_and_moves_a_point_to_its_share_of_the_edge(old, new):
    assert fourier_resized(np.full(old, 2.5), new) == pytest.approx(np.full(new, 2.5), abs=1e-5)
    at = np.array([0.5, 0.5, 0.4]) * old
    grid = np.stack(np.meshgrid(*map(np.arange, old), indexing="ij"), axis=-1)
    small = fourier_resized(np.exp(-((grid - at) ** 2).sum(axis=-1) / (2 * 2.5**2)), new)
    coordinates = np.stack(np.meshgrid(*map(np.arange, new), indexing="ij"), axis=-1)
    centre = (small[..., None] * coordinates).sum(axis=(0, 1, 2)) / small.sum()
    assert centre == pytest.approx(at * new / old, abs=0.02)


def test_resizing_never_enlarges():
    with pytest.raises(ValueError, match="enlarge"):
        fourier_resized(np.zeros((8, 8, 8)), (8, 9, 8))
