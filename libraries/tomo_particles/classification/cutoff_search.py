"""How fine, and how wide the cones: where the components of two random halves of the images of a direction agree best."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .directions import LEAST_IN_CONE, WIDEST, cone_of, view_directions
from .in_plane import aligned_images, splines
from .observations import Space
from .projections import Projections, residual_images
from .residuals import consensus_of, residuals_of
from .split_set import on_grid_of
from .view_classes import component
from .view_graph import Views, pixels_of

NARROWEST = 7.5  # degrees
STEP = 2**0.5  # between two cutoffs, and between two widths
COARSEST = 8  # times the Nyquist resolution
APART = 45.0  # degrees between the directions that are tried
MOST = 4000  # particles that are looked at
LARGEST_STEP = 15.0  # degrees between two directions of the graph


@dataclass(frozen=True)
class Tried:
    """resolution: Å.  distance: degrees.  agreement: of the components of two halves, above that of chance."""

    resolution: float
    distance: float
    agreement: float


def try_views(particles: Projections, mask: np.ndarray, finest: float, coarsest: float, views: Views, seed: int,
              say: Callable[[str], None] = lambda line: None) -> list[Tried]:  # fmt: skip
    """Every resolution from `finest` to `coarsest` (Å) with every width of the cones, best first.

    mask: (edge,) * 3 on the grid of the images.  views: whose symmetry counts.
    """
    some = particles[np.arange(len(particles))[:: max(1, -(-len(particles) // MOST))]]
    count = max(1, round(np.log(coarsest / finest) / np.log(STEP)) + 1)
    widths = [NARROWEST * STEP**power for power in range(round(np.log(WIDEST / NARROWEST) / np.log(STEP)) + 1)]
    found = []
    for resolution in (finest * STEP**power for power in range(count)):
        space = Space(some.band(resolution), on_grid_of(some.band(resolution), mask))
        seen = some.observed(space)
        coefficients = splines(residual_images(residuals_of(seen, consensus_of(seen))))
        agreements: dict[float, list[float]] = {width: [] for width in widths}
        for number, direction in enumerate(view_directions(APART)):
            cone = cone_of(direction, some.axes, max(widths), views.symmetry)
            if len(cone.rows) < 2 * LEAST_IN_CONE:
                continue
            pixels = pixels_of(direction, space.mask)
            aligned = aligned_images(coefficients, cone, direction, np.zeros((len(some), 2)))[:, pixels].astype(float)
            away = np.degrees(np.arccos(np.clip(cone.axes[:, 2] @ direction, -1, 1)))
            half = np.random.default_rng([seed, number]).permutation(len(cone.rows)) % 2
            independent = max(1.0, float(pixels.sum()) * np.pi * (space.band.voxel / resolution) ** 2)
            for width in widths:
                parts = [aligned[(away <= width) & (half == number)] for number in (0, 1)]
                if min(map(len, parts)) >= LEAST_IN_CONE:
                    one, other = (component(part)[1] for part in parts)
                    agreements[width].append(abs(float(one @ other)) - np.sqrt(2 / (np.pi * independent)))
        found += [Tried(resolution, width, float(np.mean(each))) for width, each in agreements.items() if each]
        say(f"{resolution:.0f} A: components of two halves agree to {max((one.agreement for one in found[-len(widths):]), default=0):.2f}")
    return sorted(found, key=lambda one: -one.agreement)
