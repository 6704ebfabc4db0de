"""Packed spectra: the same on a fine and on a coarse grid; shifts; the wedge at any frequency."""

import numpy as np
import pytest

from tomo_particles.averaging.band import Band, in_wedge
from tomo_particles.fourier.filters import frequencies, wedge_mask


@pytest.fixture(scope="module")
def band() -> Band:
    return Band(24, 10.0, 50.0)


def test_a_volume_of_the_band_survives_on_either_grid(band):
    rng = np.random.default_rng(0)
    m = len(band.integers)
    packed = (rng.standard_normal(m) + 1j * rng.standard_normal(m)).astype(np.complex64)
    for edge in (band.edge, 24, 32):
        assert band.pack(band.volume(packed, edge)) == pytest.approx(packed, abs=1e-5)
    assert band.edge < 24 and band.edge % 2 == 0 and band.voxel * band.edge == pytest.approx(240)
    assert np.linalg.norm(band.integers, axis=1).max() <= 240 / 50


def test_every_pair_of_frequencies_is_there_once(band):
    found = {tuple(k) for k in band.integers}
    assert len(found) == len(band.integers) and not any((-a, -b, -c) in found for a, b, c in found)
    k = np.arange(-4, 5)
    inside = sum(0 < a * a + b * b + c * c <= (240 / 50) ** 2 for a in k for b in k for c in k)
    assert 2 * len(found) == inside


def test_values_keep_their_place_and_scale(band):
    z, y, x = np.indices((24,) * 3) - 12
    volume = np.exp(-((x - 3) ** 2 + (y + 2) ** 2 + z**2) / 18.0)  # smooth: nearly all of it in the band
    again = band.volume(band.pack(volume), 24)
    assert again + volume.mean() == pytest.approx(volume, abs=0.02)
    coarse = band.volume(band.pack(volume))
    where = np.array(np.unravel_index(coarse.argmax(), coarse.shape))[::-1] - band.edge // 2
    assert where * band.voxel == pytest.approx([30, -20, 0], abs=band.voxel)


def test_a_shift_moves_along_x_y_z(band):
    rng = np.random.default_rng(1)
    volume = band.volume(band.pack(rng.standard_normal((24,) * 3)), 24)
    moved = band.volume(band.shifted(band.pack(volume), np.array([20.0, -10.0, 30.0])), 24)
    assert moved == pytest.approx(np.roll(volume, (3, -1, 2), axis=(0, 1, 2)), abs=1e-4)


@pytest.mark.parametrize("tilts", [(-60, 60), (-50, 64), (-90, 90), (10, 50)])
def test_the_wedge_is_that_of_the_filters(tilts):
    shape = (12, 12, 12)
    kz, ky, kx = frequencies(shape)
    k = np.stack(np.broadcast_arrays(kx, ky, kz), axis=-1)
    inner = (slice(None), slice(None), slice(0, 6))  # the last plane holds both signs of kx
    axis = np.index_exp[1:, :, 0]  # x = 0: only a tilt of 90 degrees sees it
    own, expected = in_wedge(k, tilts), np.broadcast_to(wedge_mask(shape, tilts) > 0, k.shape[:3])
    assert (own[inner] == expected[inner]).all()
    assert own[axis].all() == (max(map(abs, tilts)) >= 90)


def test_a_wedge_turned_with_its_particle_is_the_same_share():
    k = np.random.default_rng(2).standard_normal((20_000, 3))
    assert in_wedge(k, (-60, 60)).mean() == pytest.approx(120 / 180, abs=0.01)
    assert (in_wedge(k, (-60, 60)) == in_wedge(-k, (-60, 60))).all()


def test_values_by_frequency_have_their_places_in_whole_spectra(band):
    values = np.linalg.norm(band.integers, axis=1)
    half = band.half_spectrum(values)
    k = np.fft.fftfreq(24, 1 / 24)
    length = np.sqrt(k[:, None, None] ** 2 + k[None, :, None] ** 2 + np.arange(13)[None, None, :] ** 2)
    assert half == pytest.approx(np.where(length <= 240 / 50, length, 0))
    centred = band.centred_spectrum(values)
    assert centred[12, 12, 15] == 3 and centred[12, 9, 12] == 3 and centred[12, 12, 12] == 0 and centred[0].max() == 0
