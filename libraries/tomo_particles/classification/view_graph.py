"""All directions of view together: two classes in each, signs that make them agree, and the evidence of each particle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.spatial.transform import Rotation

from ..geometry.orientations import turned
from .directions import Cones, cones_of
from .in_plane import aligned_images, frame_of, splines
from .max_cut import Cut, low_rank_cut
from .view_classes import ViewClasses, evidence, graph_of, judged, view_component

PLANES = 100  # random ones that round the signs
SHALLOW = 0.05  # of the deepest ray through the mask: pixels of shallower rays hold nothing of the particle


@dataclass(frozen=True)
class Views:
    """How particles are seen together: directions `step` degrees apart, particles within `distance` of each.

    symmetry: from `symmetry_group`.  cross_fit: no image judges itself, and only directions with more than noise count.
    """

    step: float
    distance: float
    symmetry: Rotation
    cross_fit: bool = True


@dataclass(frozen=True)
class ViewGraph:
    """odds: (n, directions) log odds of each particle in each direction, 0 where it does not count.  weights: W.

    log_odds: (n,) of each particle: the mean over its directions with the signs of the cut.
    """

    cones: Cones
    found: list[ViewClasses]
    odds: csr_matrix
    weights: np.ndarray
    cut: Cut
    log_odds: np.ndarray

    @property
    def informative(self) -> int:
        """How many directions hold more than noise."""
        return sum(one.informative for one in self.found)


def view_graph(
    images: np.ndarray,
    axes: np.ndarray,
    shifts: np.ndarray,
    mask: np.ndarray,
    views: Views,
    seed: int,
    joined: Callable[[np.ndarray, np.ndarray], bool] | None = None,
) -> ViewGraph:
    """The graph of images (n, edge, edge). axes: (n, 3, 3).  shifts: (n, 2) x, y, pixels.  mask: (edge,) * 3, of the volume.

    joined: whether two parts of the graph, each with log odds (n,) of its own, have the same sign; None: as they come.
    Raises InputError if even the widest cones hold too few particles.
    """
    cones = cones_of(axes, views.step, views.distance, views.symmetry)
    coefficients = splines(images)
    found = judged(
        [
            view_component(
                aligned_images(coefficients, cone, direction, shifts), pixels_of(direction, mask), cross_fit=views.cross_fit
            )
            for direction, cone in zip(cones.directions, cones.cones, strict=True)
        ]
    )
    odds = evidence([cone.rows for cone in cones.cones], found, len(images), every=not views.cross_fit)
    weights = graph_of(odds)
    cut = low_rank_cut(weights, PLANES, seed)
    return ViewGraph(cones, found, odds, weights, cut, particle_odds(odds, cut, joined))


def pixels_of(direction: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """(edge, edge) bool: pixels whose rays along a direction meet a mask (edge,) * 3."""
    depth = turned(mask, Rotation.from_matrix(frame_of(direction)), 1).sum(axis=0)
    return np.asarray(depth > SHALLOW * depth.max())


def particle_odds(odds: csr_matrix, cut: Cut, joined: Callable[[np.ndarray, np.ndarray], bool] | None) -> np.ndarray:
    """(n,) mean of the log odds of each particle over the directions that count, with the signs of the cut; 0 without any."""
    signs, counted = cut.signs.astype(float), odds.copy()
    counted.eliminate_zeros()
    of_direction = np.diff(counted.tocsc().indptr) > 0
    pieces = [piece for piece in np.unique(cut.pieces) if of_direction[cut.pieces == piece].any()]
    if joined is not None and len(pieces) > 1:
        alone = {piece: np.asarray(counted @ np.where(cut.pieces == piece, signs, 0.0)) for piece in pieces}
        largest = max(pieces, key=lambda piece: int((alone[piece] != 0).sum()))
        for piece in pieces:
            if piece != largest and not joined(alone[largest], alone[piece]):
                signs[cut.pieces == piece] *= -1
    count = np.maximum(np.diff(counted.indptr), 1)
    return np.asarray(counted @ signs) / count
