"""A search from coarse to fine finds the places, the angles and the scores of the exhaustive one."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.transform import Rotation

from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import Tomogram
from tomo_particles.fourier.filters import filtered
from tomo_particles.geometry.orientation_means import angles_between
from tomo_particles.geometry.orientations import rotation_of, turned
from tomo_particles.pickers import template_search
from tomo_particles.pickers.template_kernels import TomogramFilter
from tomo_particles.pickers.template_matching import ScoreMap
from tomo_particles.pickers.template_refinement import COARSER, DETAILS, is_large_enough
from tomo_particles.pickers.template_search import SearchSettings, Template, search

RATE, DIAMETER, SHAPE = 10.0, 140.0, (40, 64, 56)
PLACES = np.array([(14, 15, 13), (40, 16, 20), (20, 44, 26), (42, 48, 16)])  # x, y, z
SETTINGS = SearchSettings(whiten=False, angular_step=15.0, number=4)
TEMPLATE_BOX = 24


def particle() -> np.ndarray:
    z, y, x = np.indices((TEMPLATE_BOX,) * 3) - TEMPLATE_BOX // 2
    blobs = ((3.5, 0, 1, 1.0), (-3, 3, 0, 1.3), (0, -4, -2, 0.8), (0, 1, 4, 0.7), (-1, -1, -4.5, 0.6))
    density = sum(h * np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 4.5) for a, b, c, h in blobs)
    return density.astype(np.float32)


@pytest.fixture(scope="module")
def tomogram() -> Tomogram:
    """Four particles, dark, in noise about as strong as they are."""
    rng = np.random.default_rng(4)
    volume = np.zeros(SHAPE, dtype=np.float32)
    for place, rotation in zip(PLACES, Rotation.random(4, random_state=5), strict=True):
        start = place[::-1] - TEMPLATE_BOX // 2
        low, high = np.maximum(start, 0), np.minimum(start + TEMPLATE_BOX, SHAPE)
        part = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
        volume[tuple(map(slice, low, high))] += turned(particle(), rotation, order=3)[part]
    volume = filtered(volume, TomogramFilter(22.0, (-60.0, 60.0)).transfer(SHAPE, RATE))
    noise = filtered(rng.standard_normal(SHAPE).astype(np.float32), TomogramFilter(22.0, (-60.0, 60.0)).transfer(SHAPE, RATE))
    return Tomogram("t.mrc", -(volume + volume.std() * 1.5 * noise / noise.std()), RATE)


@pytest.fixture(scope="module")
def templates() -> list[Template]:
    return [Template("five", "five.mrc", particle(), RATE, DIAMETER)]


class Searched(NamedTuple):
    """work: comparisons of the searches of every voxel."""

    picks: Picks
    found: ScoreMap
    work: float
    shares: list[float]


@pytest.fixture(scope="module")
def both(tomogram, templates) -> dict[bool, Searched]:
    """The exhaustive search, and from coarse to fine."""
    every, maps = template_search.match_template, template_search._picks
    searched = {}
    for way in (True, False):
        work, found, shares = [], [], []

        def counted(prepared, kernels, rotations, work=work, **more):
            work.append(float(np.prod(prepared.padded)) * len(rotations))
            return every(prepared, kernels, rotations, **more)

        def kept(*given, found=found):
            found.append(given[4])
            return maps(*given)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(template_search, "match_template", counted)
            patch.setattr(template_search, "_picks", kept)
            picks = search(tomogram, templates, replace(SETTINGS, coarse_first=not way), done=shares.append)
        searched[way] = Searched(picks, found[0], sum(work), shares)
    return searched


def test_the_picks_are_those_of_the_exhaustive_search(both):
    whole, fine = both[True].picks, both[False].picks
    away, row = cKDTree(fine.positions).query(whole.positions)
    assert (away < 2).all() and sorted(row) == [0, 1, 2, 3]
    assert (cKDTree(PLACES).query(fine.positions)[0] < 2).all()
    assert (fine.score[row] <= whole.score + 1e-5).all()  # no score that the whole search would not give
    np.testing.assert_allclose(fine.score[row], whole.score, atol=0.02)
    apart = angles_between(rotation_of(fine.angles[row]), rotation_of(whole.angles), Rotation.identity(1))
    assert np.median(apart) < 1.5 * SETTINGS.angular_step


def test_far_fewer_rotations_are_compared_everywhere_for_the_same_threshold(both):
    whole, fine = both[True], both[False]
    assert fine.work < whole.work / 2.5  # of so coarse an angular step; of finer ones less
    assert fine.found.automatic_threshold == pytest.approx(whole.found.automatic_threshold, rel=0.03)
    assert np.isfinite(fine.found.score).mean() < 0.2 < np.isfinite(whole.found.score).mean()


def test_the_result_does_not_depend_on_threads_and_the_share_done_grows(tomogram, templates, both):
    again = search(tomogram, templates, replace(SETTINGS, coarse_first=True, threads=2))
    np.testing.assert_array_equal(again.positions, both[False].picks.positions)
    np.testing.assert_allclose(again.score, both[False].picks.score, atol=1e-6)
    np.testing.assert_array_equal(again.angles, both[False].picks.angles)
    for shares in (searched.shares for searched in both.values()):
        assert shares == sorted(shares) and len(shares) > 10 and shares[-1] == pytest.approx(1)


def test_everything_is_searched_where_a_particle_is_small(tomogram):
    template = Template("five", "five.mrc", particle(), RATE, 100.0)
    settings = replace(SETTINGS, angular_step=60.0)
    fine = search(tomogram, [template], replace(settings, coarse_first=True))
    whole = search(tomogram, [template], settings)
    np.testing.assert_array_equal(fine.score, whole.score)


def test_a_particle_must_have_details_at_the_coarse_resolution():
    assert is_large_enough(DETAILS * COARSER * 22.0, 22.0) and not is_large_enough(DETAILS * COARSER * 22.0 - 1, 22.0)
