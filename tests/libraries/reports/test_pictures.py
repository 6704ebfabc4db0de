"""Pictures: a readable PNG with the picks where they are."""

import numpy as np
from matplotlib.image import imread

from tomo_particles.reports.pictures import draw_picks

NONE = np.zeros((0, 3))


def coloured(path, channel: int) -> np.ndarray:
    """Places (row, column) of the pixels in which one colour channel stands out."""
    image = imread(path)[..., :3]
    others = np.delete(image, channel, axis=2).max(axis=2)
    return np.argwhere(image[..., channel] - others > 0.4)


def test_accepted_are_green_and_rejected_red(tmp_path):
    volume = np.random.default_rng(0).normal(size=(20, 48, 64)).astype(np.float32)
    accepted, rejected = np.array([[16.0, 12, 10]]), np.array([[48.0, 36, 10]])
    draw_picks(tmp_path / "p.png", "title", volume, accepted, rejected, 8, fractions=(0.5,))
    green, red = coloured(tmp_path / "p.png", 1), coloured(tmp_path / "p.png", 0)
    assert len(green) and len(red)
    upper = imread(tmp_path / "p.png").shape[0] / 2
    assert (green[:, 0] < upper).any() and (red[:, 0] > upper).any(), "y grows downwards"


def test_picks_of_other_slices_are_not_drawn(tmp_path):
    volume = np.zeros((40, 48, 64), dtype=np.float32)
    draw_picks(tmp_path / "far.png", "t", volume, np.array([[16.0, 12, 35]]), NONE, 8, fractions=(0.2,))
    draw_picks(tmp_path / "near.png", "t", volume, np.array([[16.0, 12, 8]]), NONE, 8, fractions=(0.2,))
    assert len(coloured(tmp_path / "far.png", 1)) < len(coloured(tmp_path / "near.png", 1))


def test_no_picks_and_several_slices(tmp_path):
    draw_picks(tmp_path / "deep" / "p.png", "nothing", np.zeros((5, 8, 9), dtype=np.int16), NONE, NONE, 8)
    assert imread(tmp_path / "deep" / "p.png").shape[1] > 600
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["p.png"]
