"""Whether the angles of a file, as it states them, can be degrees."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

TOO_LARGE = 720.0  # degrees: no program turns twice around
ENOUGH = 10  # orientations: fewer may all be small by chance


def doubt_about(turns: Iterable[np.ndarray]) -> tuple[str, bool]:
    """What the angles of a file, as it states them, tell of a wrong unit, and whether they can be believed; "", True for nothing.

    WarpTools exported angles that it had turned from radians to degrees twice (warpem/warp#381).
    """
    every = np.concatenate([np.asarray(own, dtype=float).ravel() for own in turns] or [np.zeros(0)])
    sizes = np.abs(every[np.isfinite(every)])
    if len(sizes) and np.mean(sizes > TOO_LARGE) > 0.1:
        return (
            f"warning: its angles reach {sizes.max():.0f} degrees, as if radians had been made degrees twice, 57.3 times too "
            "large, which WarpTools has done; its orientations are left out: correct the file",
            False,
        )
    if len(sizes) >= 3 * ENOUGH and sizes.max() <= 2 * np.pi and np.mean(sizes > np.pi / 4) > 0.3:
        return (
            f"warning: all its angles lie within {sizes.max():.2f}, as if in radians; they are read as degrees, check them",
            True,
        )
    return "", True
