"""Figures of half maps and of maps side by side: nothing that was measured lies outside of them."""

import numpy as np
import pandas as pd
import pytest

from tomo_particles.reports.figures import plot_maps, plot_several, plot_shells


@pytest.mark.parametrize("lowest", [-0.4, 0.1])
def test_a_correlation_below_zero_is_inside_the_figure(lowest):
    frequency = np.linspace(0.01, 0.05, 8)
    values = np.linspace(1.0, lowest, 8)
    shells = plot_shells(pd.DataFrame({"frequency": frequency, "unmasked": values, "randomised": np.zeros(8)}))
    several = plot_several({"one": (frequency, values)}, "FSC")
    for figure in (shells, several):
        low, high = figure.axes[0].get_ylim()
        assert low <= lowest and high >= 1.0 and low >= min(-0.08, lowest - 0.1)


def test_the_names_of_two_words_are_not_shortened():
    maps = {"simulated tomograms": np.random.default_rng(1).normal(size=(8, 8, 8))}
    figure = plot_maps(maps, {"simulated tomograms": "87 picks"})
    assert figure.axes[0].get_title() == "simulated tomograms\n87 picks"
    assert [axes.get_ylabel() for axes in figure.axes] == [f"middle slice along {axis}" for axis in "zyx"]
    figure.canvas.draw()
    for axes in figure.axes:  # a label as long as its slice would run into the next one
        assert axes.yaxis.label.get_window_extent().height <= 1.1 * axes.get_window_extent().height
