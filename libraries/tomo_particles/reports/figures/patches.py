"""What a voxel-wise picker learns from: patches of tomograms with the answers that it shall give there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...core.names import drawn
from ._style import new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLOURS = ("#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7")  # of classes, in turn
IGNORED = "#7f7f7f"
PANEL = 1.7  # inches
GREY_PERCENTILES = (1, 99)


def plot_patches(grey: np.ndarray, answer: np.ndarray, weight: np.ndarray, names: Sequence[str]) -> Figure:
    """Above the middle slice of each patch, below the same with the class that shall be found there.

    grey: (n, z, y, x, channels), the mean of the channels is shown.  answer: (n, k, k, k, C + 1), the background first.
    weight: (n, k, k, k), 0: ignored.  Answers for the middle of a patch alone (k = 1) stand above it as words.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.patches import Patch

    count, edge = len(grey), grey.shape[1]
    figure = new_figure(PANEL * count, 2 * PANEL + 0.7)
    grid = figure.subplots(2, count, squeeze=False)
    low, high = np.percentile(grey, GREY_PERCENTILES)
    single = answer.shape[1] == 1
    for column in range(count):
        image = grey[column, edge // 2].mean(axis=-1)
        for axes in grid[:, column]:
            axes.imshow(image, cmap="gray_r", vmin=low, vmax=high)
            axes.set_xticks([])
            axes.set_yticks([])
        if single:
            which = int(answer[column, 0, 0, 0].argmax())
            counted = weight[column].max() > 0
            grid[0, column].set_title(drawn(["none", *names][which] if counted else "ignored"), fontsize=9)
            continue
        plane = answer.shape[1] // 2
        overlay = np.zeros((*answer.shape[2:4], 4))
        for number in range(1, answer.shape[-1]):
            value = answer[column, plane, ..., number]
            overlay[value > 0.05, :3] = to_rgb(COLOURS[(number - 1) % len(COLOURS)])
            overlay[..., 3] = np.maximum(overlay[..., 3], 0.6 * value)
        overlay[weight[column, plane] == 0] = (*to_rgb(IGNORED), 0.6)
        grid[1, column].imshow(overlay, extent=(-0.5, edge - 0.5, edge - 0.5, -0.5), interpolation="nearest")
    grid[0, 0].set_ylabel("patch", fontsize=9)
    grid[1, 0].set_ylabel("to be found", fontsize=9)
    handles = [Patch(color=COLOURS[k % len(COLOURS)], alpha=0.6, label=drawn(name)) for k, name in enumerate(names)]
    handles.append(Patch(color=IGNORED, alpha=0.6, label="ignored"))
    figure.legend(handles=handles, loc="outside lower center", ncols=6, frameon=False, fontsize=9)
    return figure
