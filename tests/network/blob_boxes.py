"""Subtomograms of blobs in noise, for the tests of the networks."""

from pathlib import Path

import mrcfile
import numpy as np

from tomo_particles.learning.examples import Examples

BOX, RATE = 8, 10.0


def write_stack(path: Path, boxes: np.ndarray) -> list[str]:
    """Write (n, box, box, box) as an MRC volume stack; returns the images' names."""
    with mrcfile.new(path, boxes.astype(np.float32), overwrite=True):
        pass
    return [f"{i + 1:06d}@{path}" for i in range(len(boxes))]


def make_blobs(path: Path, n: int = 160, seed: int = 0) -> Examples:
    """Every second box holds a dark ball in noise; the boxes come from four tomograms."""
    rng = np.random.default_rng(seed)
    grid = np.indices((BOX,) * 3) - BOX / 2
    ball = np.exp(-(grid**2).sum(axis=0) / 6)
    labels = np.arange(n) % 2
    boxes = rng.standard_normal((n, BOX, BOX, BOX)) - 1.5 * labels[:, None, None, None] * ball
    tomo_ids = np.array([f"tomo{i // 2 % 4}" for i in range(n)])
    return Examples(write_stack(path, boxes), tomo_ids, rng.uniform(0, 200, (n, 3)), labels, np.ones(n))
