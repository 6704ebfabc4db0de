"""One picture of a simulated tomogram: its true content, its slices and its tilts."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from ..core.files import written_aside
from ..core.grey_values import CONTRAST_PERCENTILES
from ..core.names import drawn
from .contamination import CARBON, CONTAMINANT
from .distractors import BEAD, VESICLE
from .sample import Sample
from .tilt_series import TiltSeries

MEAN_OF = 5  # slices: a single one is mostly noise
TILT_PERCENTILES = (2.0, 99.5)  # a tilt shows all beads, and a few beads fill the darkest per cent
SMOOTHING = 1.0  # voxels, standard deviation, for the same reason
# One hue per species, in the order of the ids, dark enough on white; distractors have their own.
PALETTE = (
    "#3b6fb6",
    "#e8862e",
    "#3f9a4b",
    "#c9414a",
    "#8a63b4",
    "#8a5a44",
    "#dd79b8",
    "#7d7d7d",
    "#b3b02c",
    "#28b2bf",
    "#1f3f78",
    "#a34d0c",
    "#82c78b",
    "#f0a3a0",
)
FIXED = {BEAD: "#d4a800", VESICLE: "#9aa7b5", CARBON: "#4b4b4b", CONTAMINANT: "#c7b8a3"}
BACKGROUND = "#f4f4f2"


def draw_simulation(
    path: str | os.PathLike, sample: Sample, series: TiltSeries, tomogram: np.ndarray, ids: dict[str, int]
) -> None:
    """Draw species and tomogram in the central xy and xz slices, and the first, the middle and the last tilt, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    depth, height, width = tomogram.shape
    labels = sample.species_volume(ids)
    side = 5.6 * min(1.4, max(0.6, height / width))
    flat = 5.6 * depth / width
    figure = Figure(figsize=(17.6, side + flat + 2.2), layout="constrained")
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(2, 3, height_ratios=(side, flat))
    colours = ListedColormap([BACKGROUND, *(_colour(name, number) for name, number in ids.items())])

    for row, (axis, vertical) in enumerate(((0, "y"), (1, "z"))):
        centre = tomogram.shape[axis] // 2
        truth, seen = (figure.add_subplot(grid[row, column]) for column in range(2))
        truth.imshow(labels.take(centre, axis), cmap=colours, vmin=-0.5, vmax=len(ids) + 0.5, interpolation="nearest")
        _grey(seen, _mean_slice(tomogram, centre, axis))
        where = f"{'z' if axis == 0 else 'y'} = {centre}"
        truth.set(title=f"classes, {where}")
        seen.set(title=f"tomogram, {where}" + (" (tilt axis vertical)" if axis == 0 else ": the missing wedge smears along z"))
        for axes in (truth, seen):
            axes.set(xlabel="x (voxels)", ylabel=f"{vertical} (voxels)")
    _draw_tilts(figure, grid[0, 2], series)
    handles = [
        Patch(color=_colour(name, ids[name]), label=f"{drawn(name)} ({(sample.truth.species == name).sum()})") for name in ids
    ]
    key = figure.add_subplot(grid[1, 2])
    key.axis("off")
    key.legend(handles=handles, loc="center", ncols=3, frameon=False, fontsize=10, title="class (number in the tomogram)")
    figure.suptitle(
        f"{drawn(sample.truth.tomo_id)}: {len(sample.truth)} objects, {sample.truth.sampling_rate:g} Å/voxel, "
        f"{len(series.angles)} tilts from {series.angles[0]:g}° to {series.angles[-1]:g}°"
    )
    with written_aside(path) as aside:
        figure.savefig(aside, dpi=100)


def _colour(name: str, number: int) -> str:
    return FIXED.get(name) or PALETTE[(number - 1) % len(PALETTE)]


def _mean_slice(volume: np.ndarray, centre: int, axis: int) -> np.ndarray:
    near = range(max(0, centre - MEAN_OF // 2), min(volume.shape[axis], centre + MEAN_OF // 2 + 1))
    return np.asarray(gaussian_filter(volume.take(near, axis).mean(axis=axis), SMOOTHING))


def _grey(axes: Any, image: np.ndarray, percentiles: tuple[float, float] = CONTRAST_PERCENTILES) -> None:
    low, high = np.percentile(image, percentiles)
    axes.imshow(image, cmap="gray", vmin=low, vmax=high)


def _draw_tilts(figure: Any, cell: Any, series: TiltSeries) -> None:
    """The first, the middle and the last image below each other; dense is dark as on a detector."""
    indices = sorted({0, len(series.angles) // 2, len(series.angles) - 1})
    for place, index in enumerate(indices):
        axes = figure.add_subplot(cell.subgridspec(len(indices), 1)[place])
        image = gaussian_filter(-series.images[index], 2 * SMOOTHING)
        edge = image.shape[0] // 3  # a band across the tilt axis: the whole image would be too small to see anything
        _grey(axes, image[edge:-edge], TILT_PERCENTILES)
        axes.set(title=f"tilt {series.angles[index]:g}°, middle third", xticks=[], yticks=[])
