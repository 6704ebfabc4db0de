"""A set of projections from images to two classes: resolution and cones by data, the graph of views, halves, verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..core.errors import InputError, parameter
from ..core.memory import lacking
from .cutoff_search import LARGEST_STEP, STEP, WIDTHS, Tried, best_of, coarsest_for, try_views
from .detectability import Detectability, detectability
from .finer_classes import judged_finer
from .observations import Observations, Space, dot
from .projections import Projections, plane_of, residual_images
from .residuals import NOISE, Residuals, consensus_of, residuals_of
from .split_set import BYTES, LEAST_PARTICLES, SplitSet, on_grid_of, split_observations
from .two_classes import FOLDED, Start, by_component, classes_of, damped, posterior
from .view_graph import ViewGraph, Views, view_graph


@dataclass(frozen=True)
class How:
    """resolution: Å, None: data choose it.  views: of which data choose distance and step, unless `chosen`.

    start: what gives the first partition of a half; None: the graph of views.  rounds: of refinement, after the halves have met.
    classes: at most.
    """

    resolution: float | None
    views: Views
    chosen: bool
    start: Start | None = None
    rounds: int = FOLDED
    classes: int = 2


@dataclass(frozen=True)
class SplitProjections:
    """What comes of n projections. split: classes and verdict.  graph: of all particles, for those who want to look at it.

    tried: resolutions and widths of cones; empty if they were given.  resolution: of graph, halves and verdict.  judged: of the
    final classes, as fine or finer.
    """

    split: SplitSet
    graph: ViewGraph
    resolution: float
    judged: float
    views: Views
    tried: list[Tried]
    detectability: Detectability


def by_graph(views: Views) -> Start:
    """The first partition of a set by its graph of views; by the principal component of all where no direction has a say."""

    def start(residuals: Residuals, seed: int) -> np.ndarray:
        graph = graph_of_residuals(residuals, views, seed)
        return posterior(graph.log_odds) if graph.log_odds.any() else by_component(residuals, seed)

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
    resolution, views, tried = _chosen(in_all_copies(particles, how.views), mask, how, seed, say)
    band = particles.band(resolution)
    if lacks := lacking(BYTES * n * len(plane_of(band))):
        raise InputError(
            f"{parameter('max_resolution')}: to compare {n} particles at {resolution:g} Å {lacks}; give a coarser resolution"
        )
    say(f"compared up to {resolution:.1f} A in cones of {views.distance:.1f} degrees, {views.step:.1f} degrees apart")
    order = np.argsort(half, kind="stable")
    ordered = in_all_copies(particles, views)[order]
    seen = ordered.observed(Space(band, on_grid_of(band, mask)))
    split = split_observations(seen, half[order], seed, threads, say, how.start or by_graph(views), how.rounds, how.classes)
    residuals = residuals_of(seen, consensus_of(seen))
    graph = graph_of_residuals(residuals, views, seed)
    found = _detectability(residuals, seen, split, graph)
    split, judged = _finer(split, ordered, mask, resolution, how)
    say(f"classes judged up to {judged:.1f} A")
    back = np.argsort(order)
    return SplitProjections(split[back], reordered(graph, back), resolution, judged, views, tried, found)


def _finer(split: SplitSet, particles: Projections, mask: np.ndarray, resolution: float, how: How) -> tuple[SplitSet, float]:
    """Supported classes judged at a finer resolution, unless the user names the finest; and that resolution."""
    if how.resolution is not None or not how.rounds or not split.supported:
        return split, resolution

    def observed(finer: float) -> Observations:
        band = particles.band(finer)
        return particles.observed(Space(band, on_grid_of(band, mask)))

    count = int(np.log(resolution / (2 * particles.rate)) / np.log(STEP) + 1e-6)
    resolutions = [resolution / STEP**power for power in range(count + 1)]
    fit = [one for one in resolutions if not lacking(BYTES * len(particles) * len(plane_of(particles.band(one))))]
    scores, judged = judged_finer(observed, fit, split.partition.probabilities, how.rounds)
    return (split.judged_again(scores), judged) if judged < resolution else (split, resolution)


def _chosen(
    particles: Projections, mask: np.ndarray, how: How, seed: int, say: Callable[[str], None]
) -> tuple[float, Views, list[Tried]]:
    """The resolution and the cones: as given, else where components of two halves agree best."""
    finest = 2 * particles.rate
    if how.resolution is not None and how.chosen:
        return how.resolution, how.views, []
    widths = [how.views.distance] if how.chosen else WIDTHS
    limits = (how.resolution or finest, how.resolution or coarsest_for(mask, particles.rate, finest))
    tried = try_views(particles, mask, limits, widths, how.views.symmetry, seed, say)
    if not tried:  # too few particles even in the widest cones: the graph says so
        return how.resolution or finest, how.views, []
    best = best_of(tried)
    resolution, distance = best.resolution, best.distance
    views = how.views if how.chosen else replace(how.views, distance=distance, step=min(distance, LARGEST_STEP))
    return resolution, views, tried


def in_all_copies(particles: Projections, views: Views) -> Projections:
    """The particles in turn in each copy of the symmetry: poses of one unit cell alone would see a part of the spectrum."""
    copies = views.symmetry.as_matrix().reshape(-1, 3, 3)
    return replace(particles, axes=particles.axes @ copies[np.arange(len(particles)) % len(copies)].transpose(0, 2, 1))


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


def published(particles: Projections, mask: np.ndarray, views: Views, seed: int) -> ViewGraph:
    """The thesis' recipe: images as they are, with the CTF undone, all pixels, one graph for all particles, no refinement."""
    band = particles.band(2 * particles.rate)
    still = np.zeros((len(particles), 2))
    return view_graph(particles.corrected(band), particles.axes, still, on_grid_of(band, mask), views, seed)
