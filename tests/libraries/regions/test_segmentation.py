"""Finding regions: each kind where it is, nothing in noise, the same at another grey scale, contrast and number of threads."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from tomo_particles.regions import classes
from tomo_particles.regions.binning import binned, binning_steps
from tomo_particles.regions.segmentation import segment
from tomo_particles.regions.slab import outside_slab

RATE = 10.0
SHAPE = (80, 160, 160)


def distance(centre, shape=SHAPE):
    return np.sqrt(sum((grid - at) ** 2 for grid, at in zip(np.indices(shape, sparse=True), centre, strict=True)))


def noise(shape=SHAPE, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


@pytest.fixture(scope="module")
def scene():
    """A tomogram, particles dark, and where its objects are: (z, y, x) bool by class."""
    grey, rng = noise(), np.random.default_rng(2)
    where = {classes.GOLD: distance((40, 40, 40)) <= 5, classes.ICE: distance((40, 120, 40)) <= 20}
    film = np.zeros(SHAPE, dtype=bool)
    film[30:50, :, 125:] = True
    where[classes.CARBON] = film
    shell = np.abs(distance((40, 70, 80)) - 30)
    where[classes.MEMBRANE] = (shell <= 2) & (np.abs(np.indices(SHAPE, sparse=True)[0] - 40) < 20)  # what the tilts see
    grey -= 2 * np.exp(-0.5 * ((shell - 1.8) / 0.6) ** 2)
    grey[where[classes.GOLD]] -= 60
    lump = gaussian_filter(rng.standard_normal(SHAPE).astype(np.float32), 2)
    grey -= np.where(where[classes.ICE], 2 * (1 + lump / lump.std()), 0).astype(np.float32)
    grey -= np.where(film, 0.5 + 0.4 * rng.standard_normal(SHAPE), 0).astype(np.float32)
    return grey, where


@pytest.fixture(scope="module")
def mask(scene):
    return segment(scene[0], RATE, threads=2)


def share(mask, number, where):
    return (mask.labels == number)[np.ix_(*(np.arange(edge) // 2 for edge in SHAPE))][where].mean()


@pytest.mark.parametrize(
    ("number", "least"), [(classes.GOLD, 0.99), (classes.ICE, 0.8), (classes.CARBON, 0.85), (classes.MEMBRANE, 0.8)]
)
def test_each_kind_of_region_is_found_where_it_is(scene, mask, number, least):
    assert share(mask, number, scene[1][number]) > least


def test_a_membrane_is_also_where_the_tilts_do_not_show_it():
    shell = np.abs(distance((40, 80, 80)) - 30)
    z, _, x = (np.broadcast_to(grid - at, SHAPE) for grid, at in zip(np.indices(SHAPE, sparse=True), (40, 80, 80), strict=True))
    seen = np.abs(x) >= np.tan(np.radians(30)) * np.abs(z)
    grey = noise() - 2 * np.exp(-0.5 * ((shell - 1.8) / 0.6) ** 2) * seen
    found = segment(grey, RATE)
    assert share(found, classes.MEMBRANE, (shell <= 2) & ~seen) > 0.8 and share(found, classes.MEMBRANE, shell <= 2) > 0.9
    assert (found.labels == classes.MEMBRANE).mean() < 0.1


def test_little_else_is_bad(scene, mask):
    # the windows of the textures, 200 Å and more, reach beyond lump and film, which fill a fifth of this small tomogram
    known = np.logical_or.reduce(list(scene[1].values()))
    bad = mask.bad_voxels(SHAPE, RATE)
    assert bad[~known].mean() < 0.16 and bad[distance((40, 70, 80)) < 25].mean() < 0.1


def test_grey_scale_contrast_and_threads_change_nothing(scene, mask):
    other = segment(1000 - 7 * scene[0], RATE, bright=True, threads=1)
    assert (other.labels != mask.labels).mean() < 1e-3  # float32 rounds otherwise at 1000


def test_noise_alone_is_good():
    assert segment(noise((40, 96, 96)), RATE).shares()["good"] > 0.99


def test_inverted_contrast_is_said():
    shape, notes = (40, 64, 64), []
    bead = 60 * (distance((20, 32, 32), shape) <= 5)
    segment(noise(shape) + bead, RATE, notes=notes)
    assert any("inverted" in note for note in notes)
    segment(noise(shape) - bead, RATE, notes=(none := []))
    assert not none


def test_a_filtered_tomogram_is_said(scene):
    segment(scene[0], RATE, notes=(as_reconstructed := []))
    assert not as_reconstructed
    segment(gaussian_filter(noise((40, 64, 64)), 1.5), RATE, notes=(notes := []))
    assert len(notes) == 1 and "looks filtered or denoised (its finest grain is 5.8% of its variance)" in notes[0]
    assert "use the tomogram as reconstructed" in notes[0]


def test_more_gold_than_beads_take_is_said():
    shape = (40, 64, 64)
    particles = sum(distance((20, y, x), shape) <= 4 for y in (16, 32, 48) for x in (16, 32, 48))
    segment(noise(shape) - 60 * particles, RATE, notes=(notes := []))
    assert len(notes) == 1 and notes[0].startswith("gold takes") and "particles may be taken for gold" in notes[0]


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_a_tomogram_without_any_data_has_none_and_says_so(value):
    notes = []
    mask = segment(np.full((24, 24, 24), value, dtype=np.float32), RATE, notes=notes)
    assert (mask.labels == classes.NO_DATA).all() and mask.is_bad().all() and notes


@pytest.mark.parametrize("empty", [20, 50])
def test_where_a_tomogram_holds_nothing_but_rounding_it_has_no_data(empty):
    """Of 80 rows. It was called membrane and gold, and nothing was said."""
    grey = noise((40, 80, 80))
    grey[:, :empty] *= 1e-12
    labels = segment(grey, RATE).labels
    rows = empty // 2
    assert (labels[:, : rows - 1] == classes.NO_DATA).mean() > 0.99
    assert (labels[:, rows + 1 :] == classes.GOOD).mean() > 0.95


@pytest.mark.parametrize("padding", [0.0, -1e4])
def test_a_padding_far_from_the_data_does_not_make_these_empty(padding):
    grey = 1000 + gaussian_filter(noise((40, 80, 80)), 1)
    grey[:, :4] = padding
    tomogram = binned(grey, RATE)
    assert tomogram.empty[:, :1].all() and not tomogram.empty[:, 2:].any()


def test_a_constant_border_has_no_data_a_constant_hole_inside_has(scene):
    grey = noise((40, 60, 60))
    grey[:, :, :12] = 0
    grey[16:24, 24:36, 30:40] = 0
    grey[:, 50:, 50:] = np.nan
    grey[:, 55:, 50:] = 1e20
    tomogram = binned(grey, RATE)
    assert tomogram.empty[:, :25, :6].all() and tomogram.empty[:, 25:, 25:].all()
    assert not tomogram.empty[:, :25, 6:].any()
    assert tomogram.gaps == 40 * 10 * 10


@pytest.mark.parametrize(
    ("rate", "steps"),
    [
        (25.0, (1, 1)),
        (20.0, (1, 1)),
        (13.68, (1, 2)),
        (10.0, (1, 2)),
        (7.0, (1, 3)),
        (5.0, (2, 2)),
        (4.2, (2, 3)),  # 20 Å are 5 voxels: a prime number would leave the textures at 4.2 Å
        (3.1, (3, 3)),
        (2.5, (4, 2)),
        (1.9, (5, 3)),
        (1.0, (11, 2)),
    ],
)
def test_textures_are_seen_at_6_to_11_angstrom_and_a_mask_has_voxels_of_20_to_30(rate, steps):
    assert binning_steps(rate) == steps
    tomogram = binned(noise((21, 22, 23)), rate)
    factor = steps[0] * steps[1]
    assert tomogram.empty.shape == tuple(-(-edge // factor) for edge in (21, 22, 23)) and not tomogram.empty.any()
    assert tomogram.voxel == pytest.approx(factor * rate) and 20 <= tomogram.voxel <= 30
    assert 5.5 < tomogram.rate <= 11 or tomogram.rate == rate


def test_the_planes_of_a_slab_are_found_where_the_variance_halves():
    z, _, x = np.indices((60, 64, 64), sparse=True)
    grey = gaussian_filter(noise((60, 64, 64)), 1)
    inside = (z > 12 + x / 10) & (z < 48)
    outside = outside_slab(np.where(inside, grey, 0.4 * grey), np.ones(grey.shape, dtype=bool), 20.0)
    assert (outside != ~(inside & (grey < np.inf))).mean() < 0.06
    assert not outside_slab(grey, np.ones(grey.shape, dtype=bool), 20.0).any()
