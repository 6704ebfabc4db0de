"""How fine, and how wide the cones: where the components of two random halves of the images of a direction agree best."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from .directions import LEAST_IN_CONE, WIDEST, cone_of, view_directions
from .in_plane import aligned_images, splines
from .observations import Space
from .projections import Projections, residual_images
from .residuals import consensus_of, residuals_of
from .split_set import on_grid_of
from .view_classes import component
from .view_graph import pixels_of

NARROWEST = 7.5  # degrees
STEP = 2**0.5  # between two cutoffs, and between two widths
# Details in a diameter, at least. With fewer an image has few independent pixels, and what the average leaves of its contrast
# agrees in any two halves, better than a difference of structures does at any finer resolution.
DETAILS = 3.0
AS_GOOD = 0.9  # of the best agreement: the finest resolution that reaches it, because finer ones hold more of the difference
APART = 45.0  # degrees between the directions that are tried
MOST = 4000  # particles that are looked at
LARGEST_STEP = 22.5  # degrees between two directions of the graph: 15 takes twice the time and gives the same classes
WIDTHS = [NARROWEST * STEP**power for power in range(round(np.log(WIDEST / NARROWEST) / np.log(STEP)) + 1)]


@dataclass(frozen=True)
class Tried:
    """resolution: Å.  distance: degrees.  agreement: of the components of two halves, above that of chance."""

    resolution: float
    distance: float
    agreement: float


def best_of(tried: Sequence[Tried]) -> Tried:
    """The finest resolution that agrees nearly as well as the best, in the cones that suit it."""
    enough = AS_GOOD * max(one.agreement for one in tried)
    finest = min(one.resolution for one in tried if one.agreement >= enough)
    return max((one for one in tried if one.resolution == finest), key=lambda one: one.agreement)


def coarsest_for(mask: np.ndarray, rate: float, finest: float) -> float:
    """The coarsest resolution that is tried, Å. mask: (edge,) * 3.  rate: Å/voxel."""
    return max(finest, (6 / np.pi * float(mask.sum())) ** (1 / 3) * rate / DETAILS)


def try_views(
    particles: Projections,
    mask: np.ndarray,
    resolutions: tuple[float, float],
    widths: Sequence[float],
    symmetry: Rotation,
    seed: int,
    say: Callable[[str], None] = lambda line: None,
) -> list[Tried]:
    """Resolutions from the finest to the coarsest (Å) with widths of the cones (degrees).

    mask: (edge,) * 3 on the grid of the images.
    """
    finest, coarsest = resolutions
    some = particles[np.arange(len(particles))[:: max(1, -(-len(particles) // MOST))]]
    count = int(np.log(coarsest / finest) / np.log(STEP) + 1e-6) + 1
    found: list[Tried] = []
    for resolution in (finest * STEP**power for power in range(count)):
        space = Space(some.band(resolution), on_grid_of(some.band(resolution), mask))
        seen = some.observed(space)
        coefficients = splines(residual_images(residuals_of(seen, consensus_of(seen))))
        agreements: dict[float, list[float]] = {width: [] for width in widths}
        for number, direction in enumerate(view_directions(APART)):
            cone = cone_of(direction, some.axes, max(widths), symmetry)
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
        new = [Tried(resolution, width, float(np.mean(each))) for width, each in agreements.items() if each]
        found += new
        if new:
            best = max(new, key=lambda one: one.agreement)
            say(
                f"up to {resolution:.0f} A components of two halves agree to {best.agreement:.2f}, at {best.distance:.1f} degrees"
            )
    return found
