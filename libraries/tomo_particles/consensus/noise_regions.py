"""Noise picks by region: most of them in good regions, some on the objects that pickers take for particles."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .noise_picks import NoisePicks, Places, pick_noise

OBJECT_SHARE = 0.2  # of the noise picks: gold, membranes, carbon, ice and dirt shall be learned, but they are no noise


@dataclass(frozen=True)
class NoiseRegions:
    """The good places of a tomogram without objects, and the objects that a network should learn not to pick."""

    good: Places
    objects: Places


def pick_noise_by_region(
    avoid: np.ndarray,
    size: tuple[int, int, int],
    box_size: int,
    radius: float,
    count: int,
    regions: NoiseRegions | None,
    *,
    rng: np.random.Generator,
    shrink: bool = False,
    threads: int = 1,
) -> NoisePicks:
    """Noise picks as `pick_noise`; regions: None for everywhere.

    With regions a fifth lies on objects, or as many as find room there without a smaller radius; the others lie in good places.
    """
    if regions is None:
        return pick_noise(avoid, size, box_size, radius, count, rng=rng, shrink=shrink, threads=threads)
    few = int(OBJECT_SHARE * count)
    on_objects = pick_noise(avoid, size, box_size, radius, few, rng=rng, places=regions.objects, threads=threads).positions
    taken = np.concatenate([np.reshape(avoid, (-1, 3)), on_objects])
    rest = count - len(on_objects)
    found = pick_noise(taken, size, box_size, radius, rest, rng=rng, shrink=shrink, places=regions.good, threads=threads)
    return NoisePicks(np.concatenate([on_objects, found.positions]), found.radius, found.note)
