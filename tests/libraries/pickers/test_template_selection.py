"""Candidates of several templates to one picking: order of classes, best N, overlaps."""

import numpy as np
import pytest

from tomo_particles.core.picks import Picks
from tomo_particles.pickers.template_selection import select

DIAMETERS = {"small": 100.0, "big": 300.0, "middle": 200.0}
RATE = 10.0


def picks(name, xs):
    positions = np.array([(x, 50.0, 50.0) for x in xs]).reshape(-1, 3)
    scores = np.linspace(0.9, 0.5, len(xs))
    return Picks("t", positions, RATE, score=scores, angles=np.full((len(xs), 3), 30.0), species=[name] * len(xs))


CANDIDATES = {
    "small": picks("small", [10, 118, 300]),
    "big": picks("big", [100, 200, 400]),
    "middle": picks("middle", [124, 126, 10]),
}


def found(selection, number=None):
    chosen = select(CANDIDATES, DIAMETERS, selection, number)
    return [(name, x) for name, x in zip(chosen.species, chosen.positions[:, 0], strict=True)]


def test_thresholded_takes_the_best_of_each_class_from_the_biggest():
    assert found("thresholded", 1) == [("big", 100), ("middle", 124), ("small", 10)]


def test_filtered_drops_what_is_nearer_than_the_sum_of_the_radii_before_it_counts():
    # big and middle: 25 voxels; 124 overlaps with 100, 126 does not. small and big: 20; small and middle: 15
    assert found("filtered", 2) == [("big", 100), ("big", 200), ("middle", 126), ("middle", 10), ("small", 300)]


def test_an_overlap_counts_only_with_what_was_selected():
    assert found("filtered", 1) == [("big", 100), ("middle", 126), ("small", 10)]


def test_all_keeps_everything_whatever_the_number():
    assert len(found("all", 1)) == 9


def test_scores_and_angles_stay_with_their_picks():
    chosen = select(CANDIDATES, DIAMETERS, "filtered", 2)
    assert chosen.score.tolist() == pytest.approx([0.9, 0.7, 0.7, 0.5, 0.5])
    assert (chosen.angles == 30).all()


def test_a_class_without_candidates():
    assert len(select({"big": picks("big", []), "small": picks("small", [5])}, DIAMETERS, "filtered", 3)) == 1


def test_an_unknown_selection_is_refused():
    with pytest.raises(ValueError, match="selection"):
        select(CANDIDATES, DIAMETERS, "best")
