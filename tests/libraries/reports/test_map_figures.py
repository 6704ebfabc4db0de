"""Figures of half maps and of maps side by side: nothing that was measured lies outside of them."""

import numpy as np
import pandas as pd
import pytest

from tomo_particles.reports.figures import plot_maps, plot_nuisances, plot_posteriors, plot_several, plot_shells, plot_views


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


def test_the_middle_grey_of_a_difference_is_zero():
    lacking = np.zeros((12, 12, 12))
    lacking[4:8, 4:8, 4:8] = -3.0
    lacking[9, 9, 9] = 1.0
    for axes in plot_maps({"difference": lacking}, signed=True).axes:
        assert axes.images[0].get_clim() == (-3.0, 3.0)
    assert plot_maps({"class": lacking}).axes[0].images[0].get_clim() == (-3.0, 0.0)


def test_lines_of_the_graph_stay_on_the_sphere_and_go_the_short_way():
    directions = np.array([[0.0, 0.6, 0.8], [0.1, 0.7, 0.7], [0.0, -1.0, 0.0]])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    weights = np.array([[0, 2.0, -1.0], [2.0, 0, 0], [-1.0, 0, 0]])
    figure = plot_views(directions, np.array([True, True, False]), np.array([1, -1, 1]), weights)
    figure.canvas.draw()
    lines = [line for line in figure.axes[0].lines if len(line.get_data_3d()[0]) < 100]  # without the rim
    for line in lines:
        points = np.array(line.get_data_3d())
        assert np.linalg.norm(points, axis=0) == pytest.approx(1.0)
        assert points[:, 0] @ points[:, -1] >= 0
    assert [line.get_linestyle() for line in lines] == [":", ":"]  # no sign satisfies either
    ends = np.array(lines[1].get_data_3d())[:, -1]
    assert ends == pytest.approx([0, 1, 0])  # opposite to the third direction: the same view


def test_what_the_classes_follow_and_how_certain_they_are():
    figure = plot_nuisances({"contrast": 0.42, "tomogram": 0.0}, 0.3)
    axes = figure.axes[0]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["tomogram", "contrast"]
    assert [text.get_text() for text in axes.texts] == ["0.00", "0.42"]
    assert axes.patches[0].get_facecolor() != axes.patches[1].get_facecolor()  # one is above the limit
    labels = np.array([1, 1, 2, 3])
    shown = plot_posteriors(np.array([0.4, 0.9, 1.0, 0.7]), labels).axes[0]
    assert sum(patch.get_height() for patch in shown.patches) == 4  # also the one of three classes below a half
    assert [text.get_text() for text in shown.get_legend().get_texts()] == ["class 1", "class 2", "class 3"]
