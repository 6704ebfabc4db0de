"""Viewer of masks of regions: map, mask and picks on slices."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from pyworkflow.protocol import params
from pyworkflow.viewer import DESKTOP_TKINTER, ProtocolViewer, View
from tomo.objects import SetOfCoordinates3D, SetOfTomograms, Tomogram

from tomo_particles.core.errors import InputError

from ..convert import picks_of_set, tomogram_of
from ..protocols import XmippProtMaskTomograms3D
from .figure_window import FigureWindow

NO_PICKS = "none"
USUAL_BOX = 20  # voxels, where no picks say theirs


class MaskTomograms3DViewer(ProtocolViewer):
    """Opens from _analyse results_ of masks of regions."""

    _label = "viewer of masks of tomograms 3D"
    _targets = [XmippProtMaskTomograms3D]
    _environments = [DESKTOP_TKINTER]

    def _defineParams(self, form):
        form.addSection(label="Masks")
        form.addParam("tomogram", params.EnumParam, choices=self._ts_ids() or ["none"], default=0, label="Tomogram",
                      help="Whose mask to show.")
        form.addParam("picks", params.EnumParam, choices=[NO_PICKS, *self._pickings()], default=0, label="Picks",
                      help="Coordinates of this project in the same tomograms. Those in bad regions are red.")
        form.addParam("showSlices", params.LabelParam, default=True, label="Map, mask and picks on slices",
                      help="Three slices of the tomogram; below each the same with the classes of the mask. If something good is "
                           "marked, or something bad is not, change the diameter of the beads or add a mask of your own.")

    def _getVisualizeDict(self) -> dict[str, Callable]:
        return {"showSlices": self._slices}

    def _ts_ids(self) -> list[str]:
        masks = getattr(self.protocol, "tomoMasks", None)
        return sorted(mask.getTsId() for mask in masks) if masks is not None else []

    def _pickings(self) -> dict[str, SetOfCoordinates3D]:
        """Sets of coordinates of the project that have any of the tomograms, by the name of their run and output."""
        own, found = set(self._ts_ids()), {}
        for run in self.getProject().getRuns() if self.getProject() is not None else []:
            for name, output in run.iterOutputAttributes(SetOfCoordinates3D):
                if own & set(output.getTSIds()):
                    found[f"{run.getRunName()} ({run.getObjId()}): {name}"] = output
        return found

    def _slices(self, _=None) -> list[View]:
        ts_ids = self._ts_ids()
        if not ts_ids:
            return [self.infoMessage("There are no masks yet.", "No masks")]
        ts_id, pickings = ts_ids[self.tomogram.get()], list(self._pickings().values())
        picked = pickings[self.picks.get() - 1] if 0 < self.picks.get() <= len(pickings) else None
        try:
            tomograms = self.protocol.inputTomograms.get()
            mask = self.protocol._files().mask(ts_id)
            figure = draw_regions(tomogram_of(tomograms, ts_id), tomograms, mask, picked)
            return [FigureWindow(figure, f"Map, mask and picks: {ts_id}", self.getTkRoot())]
        except InputError as error:
            return [self.errorMessage(str(error), "Map, mask and picks")]


def draw_regions(tomogram: Tomogram, tomograms: SetOfTomograms, mask_file: str, picked: SetOfCoordinates3D | None):
    """The figure of one tomogram of a set. Raises InputError if one of its files cannot be read."""
    from tomo_particles.core.tomograms import open_tomogram
    from tomo_particles.regions.classes import NAMES
    from tomo_particles.regions.mask_files import read_mask
    from tomo_particles.reports.figures import plot_regions

    ts_id = tomogram.getTsId()
    path = tomogram.getFileName().partition(":")[0]  # "file:mrc": the format in Xmipp's notation
    with open_tomogram(path, tomograms.getSamplingRate()) as opened:
        mask = read_mask(mask_file, opened.size, opened.sampling_rate)
        positions, box = np.zeros((0, 3)), USUAL_BOX
        if picked is not None and ts_id in picked.getTSIds():
            picks = picks_of_set(picked, tomogram_of(picked.getPrecedents(), ts_id), 1, opened.sampling_rate)
            positions = picks.positions
            box = round(picked.getBoxSize() * picked.getSamplingRate() / opened.sampling_rate)
        bad = mask.is_bad_at(positions, opened.sampling_rate)
        return plot_regions(opened.data, mask.labels, NAMES, positions, bad, box, bad_classes=mask.bad,
                            voxel=mask.voxel / opened.sampling_rate)
