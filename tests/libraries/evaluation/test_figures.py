"""The pictures of an evaluation: written whole, of the expected panels and colours."""

import numpy as np
import pytest
from matplotlib.image import imread

from tomo_particles.evaluation.calibration import precision_recall
from tomo_particles.evaluation.figures import draw_confusion, draw_curves
from tomo_particles.evaluation.report import ScoreCurves


def curves(score: np.ndarray) -> ScoreCurves:
    true = np.random.default_rng(0).random(len(score)) < 0.6
    return ScoreCurves(precision_recall(score, true, len(score)), score, true)


def dark_blue(path) -> np.ndarray:
    """Places (row, column) of the pixels of full shade."""
    image = imread(path)[..., :3]
    return np.argwhere(np.abs(image - np.array([8, 48, 107]) / 255).max(axis=2) < 0.02)


def test_a_panel_for_what_there_is(tmp_path):
    scores = np.random.default_rng(1).random(100)
    draw_curves(tmp_path / "plain.png", "t", {"distance": (0.5, 0.4)}, {})
    draw_curves(tmp_path / "ranked.png", "t", {"distance": (0.5, 0.4)}, {"distance": curves(scores * 9)})
    both = {"distance": curves(scores), "occupancy": curves(scores)}
    draw_curves(tmp_path / "calibrated.png", "t", {"distance": (0.5, 0.4), "occupancy": (0.6, 0.4)}, both)
    widths = [imread(tmp_path / f"{name}.png").shape[1] for name in ("plain", "ranked", "calibrated")]
    assert widths == [widths[0], 2 * widths[0], 3 * widths[0]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["calibrated.png", "plain.png", "ranked.png"]


@pytest.mark.parametrize(
    "score",
    [np.array([0.5]), np.array([np.nan, 0.3]), np.full(5, 2.0), np.array([0.0, 1.0])],
    ids=["one", "nan", "equal", "edges"],
)
def test_degenerate_scores_are_drawn_too(tmp_path, score):
    draw_curves(tmp_path / "c.png", "t", {"distance": (0.0, 0.0)}, {"distance": curves(score)})
    assert imread(tmp_path / "c.png").shape[0] > 300


def test_the_diagonal_of_a_perfect_matrix_is_dark(tmp_path):
    names = ["1s3x", "4d8q"]
    draw_confusion(tmp_path / "m.png", "t", [*names, "false result"], [*names, "missed"], np.diag([7, 9, 0]))
    places = dark_blue(tmp_path / "m.png")
    image = imread(tmp_path / "m.png")
    left, right = places[places[:, 1] < image.shape[1] * 0.35], places[places[:, 1] > image.shape[1] * 0.35]
    assert len(left) and len(right) and left[:, 0].min() < right[:, 0].max()


def test_a_matrix_of_nothing_and_one_too_large_for_numbers(tmp_path):
    draw_confusion(tmp_path / "none.png", "t", ["a", "false result"], ["a", "missed"], np.zeros((2, 2), dtype=int))
    names = [f"class {i}" for i in range(31)]
    draw_confusion(tmp_path / "large.png", "t", names, names, np.eye(31, dtype=int))
    assert imread(tmp_path / "large.png").shape[0] > imread(tmp_path / "none.png").shape[0]
