"""From sample to tomogram: projections, noise at its level, multislice beside projection, back-projection."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.fft
from scipy.ndimage import gaussian_filter

from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.fourier.ctf import CTF
from tomo_particles.simulation import Imaging, Sample, back_projected, build_sample, builtin_complexes, record
from tomo_particles.simulation.multislice import VOLTS, Tilted, interaction_constant, transmitted
from tomo_particles.simulation.projection import as_columns, back_rays, rays
from tomo_particles.simulation.reconstruction import ramp_filtered
from tomo_particles.simulation.sample import ICE
from tomo_particles.simulation.tilt_series import detector_noise

ANGLES = np.arange(-60.0, 61.0, 3.0)
NOISELESS = 1e12  # signal-to-noise ratio


@pytest.fixture(scope="module")
def complexes():
    return builtin_complexes(10.0)


@pytest.fixture(scope="module")
def sample(complexes):
    return build_sample("t", (96, 64, 48), complexes, [3, 3, 2, 2, 2, 1, 1], rng=np.random.default_rng(0))


def with_point(shape, z, y, x, size=1.5):
    volume = np.zeros(shape, dtype=np.float32)
    volume[z, y, x] = 1
    return gaussian_filter(volume, size)


def empty_sample(shape):
    nothing = np.zeros(shape, dtype=np.float32)
    return Sample(nothing, nothing, np.zeros(shape, dtype=np.uint16), Picks("t", np.zeros((0, 3)), 10.0), [])


def projected(volume, angle):
    depth, _, width = volume.shape
    return (rays(angle, depth, width) @ as_columns(volume)).T


@pytest.mark.parametrize("angle", [-60, -17, 0, 33, 60])
def test_a_voxel_is_projected_where_the_geometry_says(angle):
    volume = with_point((40, 12, 64), 26, 5, 40)  # x = +8, z = +6 from the centre
    image = projected(volume, angle)
    t = np.radians(angle)
    expected = 8 * np.cos(t) + 6 * np.sin(t)
    image[:, np.abs(np.arange(64) - 32 - expected) > 12] = 0  # at steep tilts the next period of the sample comes into view
    x = (image.sum(axis=0) * np.arange(64)).sum() / image.sum()
    assert x - 32 == pytest.approx(expected, abs=0.03)
    assert (image.sum(axis=1) * np.arange(12)).sum() / image.sum() == pytest.approx(5, abs=0.01)
    assert image.sum() == pytest.approx(volume.sum(), rel=0.01)  # no mass is lost at any tilt


def test_a_projection_at_zero_is_a_sum_and_a_slab_grows_with_its_path():
    volume = np.random.default_rng(0).random((10, 6, 16), dtype=np.float32)
    assert projected(volume, 0) == pytest.approx(volume.sum(axis=0), rel=1e-5)
    assert projected(np.ones((10, 6, 16)), 60) == pytest.approx(20)  # everywhere: the sample goes on beyond the edge


def test_back_projection_of_a_pixel_lies_on_its_ray():
    lines = np.zeros((1 * 32, 3), dtype=np.float32)
    lines[20] = 1  # x' = +4 at 45 degrees
    volume = (back_rays(np.array([45.0]), np.arange(16), 16, 32) @ lines).reshape(16, 32, 3)
    for z in (4, 8, 12):
        x = (volume[z, :, 0] * np.arange(32)).sum() / volume[z].sum(axis=0)[0]
        assert (x - 16) * np.sqrt(0.5) + (z - 8) * np.sqrt(0.5) == pytest.approx(4, abs=0.4)


def test_the_ramp_has_no_mean_and_grows_with_frequency():
    for k in (1 / 32, 1 / 8):
        wave = np.cos(2 * np.pi * k * np.arange(256)).astype(np.float32)
        assert np.abs(ramp_filtered(wave[None, None])[0, 0, 64:192]).max() == pytest.approx(k, rel=0.05)
    assert ramp_filtered(np.full((1, 4, 64), 7.0, dtype=np.float32)) == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("depth", [48, 45])
def test_back_projection_returns_density_at_its_place(depth):
    volume = with_point((depth, 16, 96), depth // 2 + 5, 6, 60, 3.0)
    volume *= 0.09 / volume.max()
    angles = np.arange(-78.0, 79.0, 3.0)
    tomogram = back_projected(np.stack([projected(volume, angle) for angle in angles]), angles, depth, threads=2)
    assert np.unravel_index(tomogram.argmax(), tomogram.shape) == (depth // 2 + 5, 6, 60)
    # Each angle of a round object gives the same share of its peak, and 53 tilts of 3 degrees see 159 of 180 degrees
    assert tomogram.max() == pytest.approx(0.09 * 159 / 180, rel=0.08)
    assert np.corrcoef(tomogram.ravel(), volume.ravel())[0, 1] > 0.9


def test_the_missing_wedge_takes_density_and_smears_along_z():
    volume = with_point((48, 8, 96), 24, 4, 48, 2.0)
    tomogram = back_projected(np.stack([projected(volume, angle) for angle in ANGLES]), ANGLES, 48)
    assert 0.5 < tomogram.max() / volume.max() < 0.85  # about the two thirds of the angles that are seen
    assert tomogram[20:29, 4, 48].sum() > 1.3 * tomogram[24, 4, 44:53].sum()


def test_threads_change_nothing(sample):
    imaging = Imaging(tilts=(-30, 30, 30))
    one, two = (record(sample, imaging, rng=np.random.default_rng(5), threads=n) for n in (1, 2))
    assert np.array_equal(one.images, two.images)
    assert np.array_equal(back_projected(one.images, one.angles, 48, 1), back_projected(one.images, one.angles, 48, 2))


def noise_free(sample, imaging):
    return record(sample, replace(imaging, snr=NOISELESS, structural_noise=0.0), rng=np.random.default_rng(0))


@pytest.mark.parametrize("snr", [0.004, 0.1])
def test_the_detector_noise_follows_the_signal_of_the_complexes(sample, snr):
    imaging = Imaging(tilts=(-60, 60, 20), snr=snr, structural_noise=0.0)
    clean, noisy = noise_free(sample, imaging), record(sample, imaging, rng=np.random.default_rng(1))
    noise = (noisy.images - clean.images).std()
    signal = np.sqrt(np.mean([image.var() for image in clean.images]))
    assert noise == pytest.approx(signal / np.sqrt(snr), rel=0.03) and noise == pytest.approx(noisy.noise, rel=0.03)


def test_beads_and_vesicles_do_not_set_the_noise(sample):
    # METHOD's trap: a bead's variance is hundreds of times a protein's
    beads = replace(sample, other=sample.other + 1.5 * with_point(sample.protein.shape, 24, 30, 40, 4.0) / 0.0025)
    imaging = Imaging(tilts=(-40, 40, 40))
    plain, golden = (record(s, imaging, rng=np.random.default_rng(2)) for s in (sample, beads))
    assert golden.noise == plain.noise
    assert golden.images.max() > plain.images.max()


def test_half_of_the_detector_noise_is_white():
    transfer = CTF().transfer(np.hypot(np.fft.fftfreq(128, 10)[:, None], np.fft.rfftfreq(128, 10)))
    noise = detector_noise((128, 128), 2.0, transfer, rng=np.random.default_rng(0))
    assert noise.std() == pytest.approx(2, rel=0.02)
    power = np.abs(scipy.fft.rfft2(noise)) ** 2 / noise.size
    assert power[np.abs(transfer) < 0.05].mean() == pytest.approx(2.0**2 / 2, rel=0.05)


def test_structural_noise_is_that_of_all_voxels_on_a_ray_and_new_in_every_tilt():
    # Against the definition: noise in every voxel of the tilted sample, summed; without a CTF to filter it
    empty = empty_sample((48, 64, 96))
    flat = CTF(defocus=0, spherical_aberration=0, amplitude_contrast=1, envelope=None)
    series = record(empty, Imaging(tilts=(-60, 60, 60), structural_noise=0.04, ctf=flat), rng=np.random.default_rng(0))
    assert series.noise == 0
    assert series.images[1].std() == pytest.approx(0.04 * np.sqrt(48), rel=0.03)
    assert series.images[2].std() == pytest.approx(0.04 * np.sqrt(48 / np.cos(np.radians(60))), rel=0.03)
    assert abs(np.corrcoef(series.images[0].ravel(), series.images[2].ravel())[0, 1]) < 0.05


def test_ice_is_a_constant_that_grows_with_the_path():
    empty = empty_sample((20, 16, 32))
    for multislice in (False, True):
        imaging = Imaging(tilts=(0, 60, 60), structural_noise=0, multislice=multislice)
        images = record(empty, imaging, rng=np.random.default_rng(0)).images
        assert images[0] == pytest.approx(0.08 * ICE * 20, rel=1e-3) and images[1] == pytest.approx(0.08 * ICE * 40, rel=1e-3)


def test_the_tilts_are_those_asked_for():
    assert Imaging().angles == pytest.approx(ANGLES)
    assert Imaging(tilts=(-50, 40, 2.5)).angles[[0, -1]] == pytest.approx([-50, 40])
    assert Imaging(tilts=(-10, 10, 7)).angles == pytest.approx([-10, -3, 4])


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"tilts": (60, -60, 3)}, "rise"),
        ({"tilts": (-90, 90, 3)}, "within"),
        ({"tilts": (-60, 60, 0)}, "step"),
        ({"tilts": (-60, 60, 200)}, "step"),
        ({"tilts": (float("nan"), 60, 3)}, "tilts"),
        ({"snr": 0}, "snr"),
        ({"snr": float("inf")}, "snr"),
        ({"structural_noise": -1}, "structural noise"),
    ],
)
def test_impossible_series_are_refused(wrong, word):
    with pytest.raises(InputError, match=word):
        Imaging(**wrong)


def test_the_interaction_constant_is_the_textbooks():
    assert interaction_constant(CTF(voltage=300)) == pytest.approx(0.653e-3, rel=0.01)  # rad/(V Å); Kirkland, 2010
    assert pytest.approx(4.5) == VOLTS * ICE  # V, the mean inner potential of vitreous ice


def test_multislice_and_projection_agree_on_a_thin_sample(sample):
    imaging = Imaging(tilts=(-45, 45, 45))
    fast, slices = (noise_free(sample, replace(imaging, multislice=multislice)).images for multislice in (False, True))
    for a, b in zip(fast, slices, strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.97
        assert b.std() == pytest.approx(a.std(), rel=0.15)


def test_multislice_gives_each_height_its_own_defocus():
    # A weak point 400 nm above the tilt axis, beside projections with the defocus of its height and of its mirror image
    shape = (881, 32, 32)
    column = np.zeros(shape, dtype=np.float32)
    column[840, 16, 16] = 1e-3
    ctf = CTF(defocus=2.0, spherical_aberration=0, envelope=None)
    tilted = Tilted(rays(0, 881, 32, 0), 0.0, shape, 0)
    image = transmitted(tilted, as_columns(column), ctf, 10.0, 0.0, np.random.default_rng(0))
    k = np.hypot(np.fft.fftfreq(32, 10)[:, None], np.fft.rfftfreq(32, 10))

    def expected(defocus):
        point = scipy.fft.rfft2(column.sum(axis=0))
        return scipy.fft.irfft2(point * replace(ctf, defocus=defocus).transfer(k), s=(32, 32)).ravel()

    own, nominal = (np.corrcoef(image.ravel(), expected(defocus))[0, 1] for defocus in (2.4, 2.0))
    assert own > 0.98 > 0.9 > nominal


def test_structural_noise_of_slices_is_as_strong_as_that_of_projections():
    empty = empty_sample((40, 64, 64))
    fast, slices = (
        record(empty, Imaging(tilts=(0, 50, 50), multislice=multislice), rng=np.random.default_rng(0)).images
        for multislice in (False, True)
    )
    assert slices.std(axis=(1, 2)) == pytest.approx(fast.std(axis=(1, 2)), rel=0.06)
