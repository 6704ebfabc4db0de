"""Pictures of picks on slices of a tomogram."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from ..core.files import written_aside
from ..core.grey_values import CONTRAST_PERCENTILES, without_gaps
from ..core.names import drawn


def draw_picks(
    path: str | os.PathLike,
    title: str,
    volume: np.ndarray,
    accepted: np.ndarray,
    rejected: np.ndarray,
    box_size: int,
    *,
    fractions: Sequence[float] = (0.3, 0.5, 0.7),
) -> None:
    """Draw accepted (green) and rejected (red) picks on slices of a tomogram, as PNG.

    volume: (z, y, x); accepted, rejected: (n, 3) x, y, z, voxels; every slice is the mean of a few around it and
    shows the picks whose centre is within a quarter of a box of it. fractions: places of the slices along z.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    depth, height, width = volume.shape
    figure = Figure(figsize=(5.2 * len(fractions), 5.2 * height / width + 0.7), layout="constrained")
    FigureCanvasAgg(figure)
    reach = max(1, box_size // 4)
    for axes, fraction in zip(figure.subplots(1, len(fractions), squeeze=False)[0], fractions, strict=True):
        centre = round(fraction * (depth - 1))
        image = without_gaps(volume[max(0, centre - 2) : centre + 3])[0].mean(axis=0)
        low, high = np.percentile(image, CONTRAST_PERCENTILES)
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
        for positions, colour, name in ((rejected, "#ff5040", "rejected"), (accepted, "#30e060", "accepted")):
            shown = positions[np.abs(positions[:, 2] - centre) <= reach]
            axes.scatter(
                shown[:, 0],
                shown[:, 1],
                s=(2.0 * box_size / width * 72) ** 2,
                facecolors="none",
                edgecolors=colour,
                linewidths=1.2,
                label=f"{len(shown)} {name}",
            )
        axes.set(title=f"slice z = {centre}", xlim=(-0.5, width - 0.5), ylim=(height - 0.5, -0.5), xlabel="x (voxels)")
        axes.legend(loc="upper right", fontsize=8, markerscale=0.5)
    figure.suptitle(drawn(title))
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=110)
