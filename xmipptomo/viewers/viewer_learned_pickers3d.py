"""Viewers of trained pickers: how a training went, and what a picking saw."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.errors import InputError

from ..convert import picks_of_set, tomogram_of
from ..files import PickerTrainingFiles
from ..protocols import XmippProtDeepPick3D, XmippProtTrainPicker3D
from ..protocols.learned.training import read_summary
from ..protocols.shared.sets import link_mask
from .figure_window import FigureWindow
from .viewer_coordinates3d import coordinate_sets, draw_picks, show_elsewhere
from .viewer_evaluate_picking3d import show_picture
from .viewer_masks3d import draw_regions

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OUTPUT = "coordinates"


class _OfPicks(ProtocolViewer):
    """What both viewers have: a tomogram to choose, and a window with its figure or with the reason why there is none."""

    _environments = [DESKTOP_TKINTER]

    def _defineTomogram(self, form: params.Form) -> None:
        form.addParam("tomogram", params.EnumParam, choices=self._ts_ids() or ["none"], default=0, label="Tomogram",
                      help="Whose picks to show.")

    def _ts_ids(self) -> list[str]:
        picked = getattr(self.protocol, OUTPUT, None)
        return sorted(picked.getTSIds()) if picked is not None else []

    def _tsId(self) -> str:
        if not (ts_ids := self._ts_ids()):
            raise InputError("There are no coordinates yet.")
        return ts_ids[self.tomogram.get()]

    def _window(self, draw: Callable[[], Figure], title: str) -> list[View]:
        try:
            return [FigureWindow(draw(), title, self.getTkRoot())]
        except InputError as error:
            return [self.infoMessage(str(error), title)]

    def _slices(self, _=None) -> list[View]:
        return self._window(lambda: draw_picks(coordinate_sets(self.protocol), self._tsId()), "Picks on slices")

    def _other(self, _=None) -> list[View]:
        return show_elsewhere(self, OUTPUT)


class TrainPicker3DViewer(_OfPicks):
    """Opens from _analyse results_ of a training."""

    _label = "viewer of the training of a picker"
    _targets = [XmippProtTrainPicker3D]

    def _defineParams(self, form):
        form.addSection(label="Training")
        form.addParam("showCurves", params.LabelParam, default=True, label="Training curves",
                      help="Loss of training and validation of each network. It is shown during the training, too.")
        form.addParam("showPatches", params.LabelParam, label="Patches with targets",
                      help="Some patches that the first network learns from, and below what it shall find there. The coloured "
                           "places must lie on particles. It is shown as soon as the training has begun.")
        form.addParam("showThresholds", params.LabelParam, label="Precision and recall of thresholds",
                      help="What each lowest accepted score gives in the training tomograms, out of fold.")
        form.addParam("showConfusion", params.LabelParam, label="Confusion of classes",
                      help="Which class is taken for which, out of fold; what is missed, and false picks.")
        self._defineTomogram(form)
        form.addParam("showSlices", params.LabelParam, label="Out-of-fold picks on slices",
                      help="Three slices of the tomogram with the picks of the networks that did not learn from it.")
        form.addParam("showOutput", params.LabelParam, label="Coordinates in another viewer",
                      help="In the viewer that Scipion prefers for coordinates.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showCurves": lambda _=None: self._window(self._curves, "Training curves"), "showPatches": self._patches,
                "showThresholds": lambda _=None: self._window(self._thresholds, "Thresholds"),
                "showConfusion": lambda _=None: self._window(self._confusion, "Confusion of classes"),
                "showSlices": self._slices, "showOutput": self._other}

    def _file(self, ending: str) -> str:
        path = PickerTrainingFiles(self.protocol._getExtraPath()).beside(ending)
        if not os.path.exists(path):
            raise InputError("The training has not come so far yet.")
        return path

    def _curves(self) -> Figure:
        import pandas as pd

        from tomo_particles.reports.figures import plot_picker_training

        return plot_picker_training(pd.read_csv(self._file("_training.csv")))

    def _patches(self, _=None) -> list[View]:
        try:
            return [show_picture(self._file("_patches.png"), "Patches with targets")]
        except InputError as error:
            return [self.infoMessage(str(error), "Patches with targets")]

    def _thresholds(self) -> Figure:
        import pandas as pd

        from tomo_particles.reports.figures import plot_picker_thresholds

        return plot_picker_thresholds(pd.read_csv(self._file("_thresholds.csv")), "", None)

    def _confusion(self) -> Figure:
        from tomo_particles.evaluation.figures import confusion_figure

        self._file("_summary.json")
        content = read_summary(PickerTrainingFiles(self.protocol._getExtraPath()))
        names = list(content["classes"])
        return confusion_figure("training tomograms, out of fold", [*names, "false picks"], [*names, "missed"],
                                np.array(content["confusion"]))


class DeepPick3DViewer(_OfPicks):
    """Opens from _analyse results_ of a picking with a trained picker."""

    _label = "viewer of a trained picker"
    _targets = [XmippProtDeepPick3D]

    def _defineParams(self, form):
        form.addSection(label="Picks")
        self._defineTomogram(form)
        form.addParam("showSlices", params.LabelParam, default=True, label="Picks on slices",
                      help="Three slices of the tomogram with the picks on them.")
        form.addParam("showMap", params.LabelParam, label="Score map and picks",
                      help="Three slices of the probability of any particle, with the picks. Only with _Keep the score maps?_.")
        form.addParam("showRegions", params.LabelParam, label="Map, mask and picks",
                      help="The same slices with the classes of the mask. Only with _Masks of regions_.")
        form.addParam("showOutput", params.LabelParam, label="Coordinates in another viewer",
                      help="In the viewer that Scipion prefers for coordinates.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showSlices": self._slices, "showMap": lambda _=None: self._window(self._scoreMap, "Score map and picks"),
                "showRegions": lambda _=None: self._window(self._regions, "Map, mask and picks"), "showOutput": self._other}

    def _scoreMap(self) -> Figure:
        from tomo_particles.core.tomograms import open_tomogram
        from tomo_particles.reports.figures import plot_picks

        picked, ts_id = self.protocol.coordinates, self._tsId()
        path = self.protocol._files().score_map(ts_id)
        if not os.path.exists(path):
            raise InputError("The score maps were not kept: choose Yes for *Keep the score maps?* (expert level advanced).")
        picks = picks_of_set(picked, tomogram_of(picked.getPrecedents(), ts_id), 1, picked.getSamplingRate())
        with open_tomogram(path) as opened:
            scale = picked.getSamplingRate() / opened.sampling_rate
            positions = rescale_positions(picks.positions, picked.getSamplingRate(), opened.sampling_rate)
            return plot_picks(opened.data, [("picks", "#d55e00", positions)], max(2, round(picked.getBoxSize() * scale)))

    def _regions(self) -> Figure:
        masks, ts_id = self.protocol.regionMasks.get(), self._tsId()
        if masks is None:
            raise InputError("This run has no masks of regions.")
        mask = link_mask(masks, ts_id, self.protocol._files().region_mask(ts_id))
        return draw_regions(tomogram_of(self.protocol.inputTomograms.get(), ts_id), self.protocol.inputTomograms.get(), mask,
                            self.protocol.coordinates)
