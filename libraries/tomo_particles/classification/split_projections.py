"""A set of projections from images to two classes: resolution and cones by data, the graph of views, halves, verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import InputError, parameter
from ..core.memory import lacking
from .cutoff_search import LARGEST_STEP, Tried, try_views
from .detectability import Detectability, detectability
from .observations import Observations, Space, dot
from .principal_component import NOISE
from .projections import Projections, plane_of, residual_images
from .residuals import Residuals, consensus_of, residuals_of
from .split_set import BYTES, LEAST_PARTICLES, SplitSet, on_grid_of, split_observations
from .two_classes import FOLDED, Start, by_component, classes_of, damped, posterior
from .view_graph import ViewGraph, Views, view_graph


@dataclass(frozen=True)
class How:
    """resolution: Å, and views: None for those that data choose.  start: `graph` or `component`, the first partition of a half.

    rounds: of refinement, after the halves have met.
    """

    resolution: float | None
    views: Views
    chosen: bool
    start: str = "graph"
    rounds: int = FOLDED


@dataclass(frozen=True)
class SplitProjections:
    """What comes of n projections. split: classes and verdict.  graph: of all particles, for those who want to look at it.

    tried: resolutions and widths of cones, best first; empty if they were given.  covered: share of the spectrum that was seen.
    """

    split: SplitSet
    graph: ViewGraph
    resolution: float
    views: Views
    tried: list[Tried]
    detectability: Detectability


def by_graph(views: Views) -> Start:
    """The first partition of a set by its graph of views."""

    def start(residuals: Residuals, seed: int) -> np.ndarray:
        return posterior(graph_of_residuals(residuals, views, seed).log_odds)

    return start


def graph_of_residuals(residuals: Residuals, views: Views, seed: int) -> ViewGraph:
    """The graph of what the average does not explain; parts of it without edges between them are joined by their differences."""
    seen = residuals.of

    def joined(one: np.ndarray, other: np.ndarray) -> bool:
        first, second = (classes_of(residuals, posterior(odds)).difference for odds in (one, other))
        return float((first * second).sum()) >= 0

    return view_graph(residual_images(residuals), seen.axes, np.zeros((len(seen), 2)), seen.space.mask, views, seed, joined)


def split_projections(
    particles: Projections,
    half: np.ndarray,
    mask: np.ndarray,
    how: How,
    seed: int,
    threads: int,
    say: Callable[[str], None] = lambda line: None,
) -> SplitProjections:
    """half: (n,) 0 or 1.  mask: (edge,) * 3 on the grid of the images, 0 to 1."""
    n = len(particles)
    if n < LEAST_PARTICLES:
        raise InputError(f"{parameter('input')}: two classes need at least {LEAST_PARTICLES} particles, found {n}; give more")
    resolution, views, tried = how.resolution, how.views, []
    if resolution is None or not how.chosen:
        finest, coarsest = 2 * particles.rate, 16 * particles.rate
        tried = try_views(particles, mask, resolution or finest, resolution or coarsest, views, seed, say)
        if how.chosen:
            tried = [one for one in tried if abs(one.distance - views.distance) < 1] or tried
        if tried:
            resolution = resolution or tried[0].resolution
            if not how.chosen:
                views = replace(views, distance=tried[0].distance, step=min(tried[0].distance, LARGEST_STEP))
    resolution = resolution or 2 * particles.rate
    band = particles.band(resolution)
    if lacks := lacking(BYTES * n * len(plane_of(band))):
        raise InputError(
            f"{parameter('max_resolution')}: to compare {n} particles at {resolution:g} Å {lacks}; give a coarser resolution"
        )
    say(f"compared up to {resolution:.1f} A in cones of {views.distance:.1f} degrees, {views.step:.1f} degrees apart")
    order = np.argsort(half, kind="stable")
    seen = particles[order].observed(Space(band, on_grid_of(band, mask)))
    start = by_graph(views) if how.start == "graph" else by_component
    split = split_observations(seen, half[order], seed, threads, say, start, how.rounds)
    residuals = residuals_of(seen, consensus_of(seen))
    graph = graph_of_residuals(residuals, views, seed)
    found = _detectability(residuals, seen, split, graph)
    back = np.argsort(order)
    return SplitProjections(split[back], reordered(graph, back), resolution, views, tried, found)


def reordered(graph: ViewGraph, back: np.ndarray) -> ViewGraph:
    """The same graph with its particles in another order; cones keep the rows of the old one."""
    place = np.argsort(back)
    cones = [replace(cone, rows=place[cone.rows]) for cone in graph.cones.cones]
    return replace(graph, cones=replace(graph.cones, cones=cones), odds=graph.odds[back], log_odds=graph.log_odds[back])


def _detectability(residuals: Residuals, seen: Observations, split: SplitSet, graph: ViewGraph) -> Detectability:
    """What the principal component of a cone could see of the difference that was found."""
    band = seen.space.band
    classes = damped(classes_of(residuals, split.first), split.found.agreement, band)
    expected = residuals.of_volume(classes.difference)
    separation = float(np.median(np.sqrt(dot(expected, expected) / NOISE)))
    pixels = 2 * float(expected.shape[1]) * float(seen.space.mask.any(axis=0).mean())
    count = float(np.median([len(cone.rows) for cone in graph.cones.cones]))
    return detectability(separation, classes.share, count, pixels)
