"""The numbers of a picking: a case worked out by hand, and the rows that SHREC 2020 published."""

import numpy as np
import pytest

from tomo_particles.core.coordinates import inside_volume
from tomo_particles.evaluation.matching import Matches, matches_of, pairs_within
from tomo_particles.evaluation.metrics import PickingMetrics, metrics_of


def test_every_number_by_hand():
    """Particles at 10, 30, 50, 97; picks at 10 (hit), 12 (the same again), 33 (hit), 70 (false), 101 (outside, though near)."""
    truth = np.array([[x, 10.0, 10.0] for x in (10, 30, 50, 97)])
    picks = np.array([[x, 10.0, 10.0] for x in (10, 12, 33, 70, 101)])
    outside = ~inside_volume(picks, (100, 20, 20))
    candidates = pairs_within(picks, truth, 5.0).between(~outside, np.ones(4, dtype=bool))
    numbers = metrics_of(matches_of(candidates), np.ones(5, dtype=bool), 4, outside, voxel_size=2.0).as_dict()
    assert {name: numbers[name] for name in ("RR", "TP", "FP", "FN", "MH", "RO")} == {
        "RR": 5,
        "TP": 2,
        "FP": 2,
        "FN": 2,
        "MH": 1,
        "RO": 1,
    }
    assert (numbers["AD"], numbers["AD_angstrom"]) == (1.5, 3.0)  # 0 and 3 voxels; the second pick on 10 is not counted
    assert (numbers["recall"], numbers["precision"], numbers["miss_rate"]) == (0.5, 0.4, 0.5)
    assert numbers["F1"] == pytest.approx(2 * 0.5 * 0.4 / (0.5 + 0.4))
    assert numbers["F4"] == pytest.approx(17 * 0.5 * 0.4 / (16 * 0.4 + 0.5))


# Table 3 of Gubins et al. 2020: RR, TP, FP, FN, MH, recall, precision, miss rate, F1; 2782 particles
TABLE_3 = {
    "3D MS-D": (2663, 2523, 139, 259, 1, 0.906, 0.947, 0.094, 0.926),  # no MH was printed
    "DeepFinder": (2594, 2485, 107, 297, 2, 0.893, 0.957, 0.107, 0.924),
    "3D ResNet": (2864, 1983, 611, 799, 246, 0.712, 0.692, 0.288, 0.702),
    "YOPO": (2821, 2543, 240, 239, 37, 0.914, 0.901, 0.086, 0.907),
    "Dn3DUnet": (2598, 2340, 146, 442, 112, 0.841, 0.9, 0.159, 0.869),
    "UMC": (2781, 2642, 68, 140, 68, 0.949, 0.95, 0.051, 0.949),
    "TM-T": (2604, 1898, 20, 884, 412, 0.682, 0.728, 0.318, 0.704),
    "TM-F": (2604, 2267, 331, 515, 6, 0.814, 0.87, 0.185, 0.841),
}


@pytest.mark.parametrize("method", TABLE_3)
def test_the_published_rows(method):
    reported, found, false, missed, multiple, recall, precision, miss_rate, f1 = TABLE_3[method]
    numbers = PickingMetrics(reported, found, false, 2782, multiple)
    assert numbers.missed == missed
    # The paper prints some numbers cut and some rounded
    published = np.array([recall, precision, miss_rate, f1])
    np.testing.assert_allclose([numbers.recall, numbers.precision, numbers.miss_rate, numbers.f1], published, atol=1.1e-3)
    # Results that are neither true nor false are surplus hits, at least one for each multiple hit
    assert reported - found - false >= multiple


def test_only_the_reported_picks_count():
    matches = Matches(np.array([0, 0, 1, -1]), np.array([True, False, True, False]), np.array([1.0, 2.0, 3.0, np.nan]))
    numbers = metrics_of(matches, np.array([False, True, True, True]), 3)
    assert (numbers.reported, numbers.found, numbers.false, numbers.multiple, numbers.distance) == (3, 1, 1, 0, 3.0)
    assert numbers.outside is None


def test_what_is_not_known_is_none():
    numbers = metrics_of(Matches(np.array([-1]), np.array([False]), np.array([np.nan])), np.array([True]), 0).as_dict()
    assert numbers["AD"] is numbers["AD_angstrom"] is numbers["RO"] is None
    assert (numbers["recall"], numbers["precision"], numbers["F1"], numbers["F4"]) == (0, 0, 0, 0)


def test_nothing_reported():
    numbers = metrics_of(Matches(np.zeros(0, int), np.zeros(0, bool), np.zeros(0)), np.zeros(0, bool), 5)
    assert (numbers.found, numbers.missed, numbers.f1, numbers.miss_rate) == (0, 5, 0.0, 1.0)


def test_f4_rewards_recall():
    many, few = PickingMetrics(200, 90, 110, 100, 0), PickingMetrics(60, 60, 0, 100, 0)
    assert many.f4 > few.f4 and many.f1 < few.f1
