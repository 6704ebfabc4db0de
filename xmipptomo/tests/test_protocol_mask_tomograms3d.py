"""Masks of tomograms through Scipion's launcher, and a picker that takes them.

scipion test xmipptomo.tests.test_protocol_mask_tomograms3d
"""

import os

import mrcfile
import numpy as np
from pyworkflow.object import Pointer
from pyworkflow.project import Manager
from pyworkflow.tests import BaseTest, setupTestProject
from pyworkflow.utils import cleanPath
from tomo.constants import BOTTOM_LEFT_CORNER
from tomo.objects import SetOfTomoMasks, TomoMask

from tomo_particles.core.picks import Picks
from tomo_particles.regions.classes import GOLD

from ..convert import tomogram_of
from ..protocols import XmippProtEvaluatePicking3D, XmippProtMaskTomograms3D, XmippProtPickBlobs3D
from ..protocols.picking.base import KEEP_NUMBER
from ..viewers import MaskTomograms3DViewer
from ..viewers.figure_window import FigureWindow
from .simulated_project import RATE, add_coordinates, add_tomograms, simulate

COUNT = 10  # picks in each tomogram: fewer than there are particles, so that beads, the strongest blobs, are among them


def gild(one):
    """Make the beads of a simulated tomogram as dense as gold is."""
    with mrcfile.open(one.path, "r+") as mrc:
        z, y, x = np.indices(mrc.data.shape, sparse=True)
        for bead in one.beads:
            mrc.data[(x - bead[0]) ** 2 + (y - bead[1]) ** 2 + (z - bead[2]) ** 2 <= 25] -= 40


class TestMaskTomograms3D(BaseTest):
    """One project: masks, and blobs without and with them."""

    @classmethod
    def setUpClass(cls):
        cleanPath(Manager().getProjectPath(cls.__name__))  # Scipion keeps the runs of an earlier test in it
        setupTestProject(cls)
        cls.made = {ts_id: simulate(os.getcwd(), ts_id, seed)
                    for ts_id, seed in (("TS_1", 1), ("TS_2", 2))}
        for one in cls.made.values():
            gild(one)
        cls.tomograms = add_tomograms(cls.proj, "tomograms", {ts_id: one.path for ts_id, one in cls.made.items()}, RATE)
        cls.masks = cls.run_of(XmippProtMaskTomograms3D, {"inputTomograms": cls.tomograms})
        cls.without = cls.blobs({})
        cls.masked = cls.blobs({"regionMasks": Pointer(cls.masks, extended="tomoMasks")})

    @classmethod
    def blobs(cls, pointers):
        return cls.run_of(XmippProtPickBlobs3D, {"inputTomograms": cls.tomograms, **pointers}, diameter=100.0, keep=KEEP_NUMBER,
                          number=COUNT)

    @classmethod
    def run_of(cls, protocol_class, pointers, **parameters):
        protocol = cls.newProtocol(protocol_class, numberOfThreads=1, **parameters)
        for name, pointer in pointers.items():
            getattr(protocol, name).set(pointer.getObjValue())
            getattr(protocol, name).setExtended(pointer.getExtended())
        return cls.launchProtocol(protocol)

    def to_beads(self, run, ts_id):
        """Distances of the picks of a tomogram to its nearest bead, voxels."""
        tomogram = tomogram_of(run.coordinates.getPrecedents(), ts_id)
        positions = []
        for item in [c.clone() for c in run.coordinates.iterCoordinates() if c.getTomoId() == ts_id]:
            item.setVolume(tomogram)
            positions.append(item.getPosition(BOTTOM_LEFT_CORNER))
        beads = self.made[ts_id].beads
        return np.linalg.norm(np.array(positions)[:, None] - beads, axis=2).min(axis=1)

    def test_every_tomogram_has_a_mask_that_says_whose_it_is(self):
        masks = self.masks.tomoMasks
        self.assertEqual(sorted(mask.getTsId() for mask in masks), ["TS_1", "TS_2"])
        self.assertEqual(masks.getSamplingRate(), 2 * RATE)
        for mask in masks:
            self.assertTrue(os.path.exists(mask.getFileName()))
            self.assertEqual(os.path.abspath(mask.getVolName()), os.path.abspath(self.made[mask.getTsId()].path))
        summary = self.masks.summary()
        self.assertIn("2 masks", summary[0])
        self.assertIn("gold", summary[1])
        # three beads in a tomogram of 0.4 million voxels
        self.assertTrue(any(line.startswith("*Note on TS_1* gold takes 3.3% of the volume") for line in summary))

    def test_beads_are_gold(self):
        from tomo_particles.regions.mask_files import read_mask

        for ts_id, one in self.made.items():
            mask = read_mask(self.masks._files().mask(ts_id), tomogram_of(self.tomograms.get(), ts_id).getDim(), RATE)
            self.assertEqual(set(mask.classes_at(one.beads, RATE).tolist()), {GOLD})

    def test_a_picker_with_masks_picks_no_bead(self):
        for ts_id in self.made:
            self.assertLess(self.to_beads(self.without, ts_id).min(), 2)
            self.assertGreater(self.to_beads(self.masked, ts_id).min(), 5)

    def test_an_evaluation_says_what_it_is_without_bad_regions(self):
        truth = {ts_id: np.concatenate([one.truth, one.beads]) for ts_id, one in self.made.items()}
        reference = add_coordinates(self.proj, "truth and beads", self.tomograms, truth, 20)
        form = self.newProtocol(XmippProtEvaluatePicking3D, numberOfThreads=1, radius=60.0)
        form.inputPickings.append(Pointer(self.without, extended="coordinates"))
        for name, pointer in (("reference", reference), ("regionMasks", Pointer(self.masks, extended="tomoMasks"))):
            getattr(form, name).set(pointer.getObjValue())
            getattr(form, name).setExtended(pointer.getExtended())
        evaluated = self.launchProtocol(form)
        (evaluation,) = evaluated.evaluations()
        beads, found = sum(len(one.beads) for one in self.made.values()), evaluation.numbers
        bad = found["particles"] - evaluation.in_good_regions["particles"]
        self.assertTrue(beads <= bad <= beads + 3, bad)  # some particles touch a bead
        self.assertLess(evaluation.in_good_regions["RR"], found["RR"])
        self.assertIn("in good regions only: F1", "\n".join(evaluated.summary()))
        form = self.newProtocol(XmippProtEvaluatePicking3D, radius=60.0)
        form.inputPickings.append(Pointer(self.without, extended="coordinates"))
        form.reference.set(reference.getObjValue())
        form.reference.setExtended(reference.getExtended())
        form.regionMasks.set(self.own_masks("TS_1"))
        self.assertEqual(form.validate(), ["*Masks of regions* has no mask of 'TS_2'; make one of each, or leave the masks out."])

    def own_masks(self, ts_id):
        """A set with one mask, in which everything is marked."""
        path = os.path.abspath("own.mrc")
        with mrcfile.open(self.made["TS_1"].path) as tomogram, mrcfile.new(path, overwrite=True) as own:
            own.set_data(np.ones(tomogram.data.shape, dtype=np.int8))
        masks = SetOfTomoMasks.create(self.proj.getTmpPath(), template=f"own_{ts_id}%s.sqlite")
        masks.setSamplingRate(RATE)
        mask = TomoMask(location=path)
        mask.setTsId(ts_id)
        mask.setSamplingRate(RATE)
        masks.append(mask)
        masks.write()
        return masks

    def test_one_tomogram_may_be_marked_and_the_other_not(self):
        protocol = self.newProtocol(XmippProtMaskTomograms3D, numberOfThreads=1)
        protocol.inputTomograms.set(self.tomograms.getObjValue())
        protocol.inputTomograms.setExtended(self.tomograms.getExtended())
        protocol.userMasks.set(self.own_masks("TS_9"))
        self.assertIn("no mask of any of the tomograms", " ".join(protocol.validate()))
        protocol.userMasks.set(self.own_masks("TS_1"))
        self.assertEqual(protocol.validate(), [])
        self.assertEqual(protocol.warnings(), ["*Your own masks* has none of 'TS_2'; nothing is marked there."])
        given = []
        protocol._runProgram = lambda program, arguments, job: given.append("--user" in arguments)
        for ts_id in ("TS_1", "TS_2"):
            protocol.maskStep(ts_id, "")
        self.assertEqual(given, [True, False])

    def test_a_picker_that_finds_nothing_with_masks_names_them(self):
        protocol = self.newProtocol(XmippProtPickBlobs3D, numberOfThreads=1, diameter=100.0)
        protocol.inputTomograms.set(self.tomograms.getObjValue())
        protocol.inputTomograms.setExtended(self.tomograms.getExtended())
        protocol._picks = lambda ts_id, rate: Picks(ts_id, np.zeros((0, 3)), rate)
        with self.assertRaisesRegex(RuntimeError, r"^Nothing was picked: lower \*Lowest score\*"):
            protocol.createOutputStep("")
        protocol.regionMasks.set(self.own_masks("TS_1"))
        with self.assertRaisesRegex(RuntimeError, r"look at the \*Masks of regions\* first"):
            protocol.createOutputStep("")

    def test_the_window_shows_map_mask_and_picks(self):
        viewer = MaskTomograms3DViewer(project=self.proj, protocol=self.masks)
        viewer.setProtocol(self.masks)
        self.assertEqual(viewer._ts_ids(), ["TS_1", "TS_2"])
        self.assertGreaterEqual(len(viewer._pickings()), 2)
        viewer.tomogram.set(1)
        viewer.picks.set(1)
        (window,) = viewer._slices()
        self.assertIsInstance(window, FigureWindow)
        self.assertEqual(len(window.figure.axes), 6)
        labels = [text.get_text() for text in window.figure.legends[0].get_texts()]
        self.assertIn("gold", labels)
        self.assertTrue(any("picks in" in label for label in labels))

    def test_wrong_values_are_refused_by_the_name_of_the_field(self):
        for parameters, word in (({"beadDiameter": 0.0}, "*Diameter of gold beads (Å)*"),
                                 ({"beadDiameter": 3.0}, "less than a voxel")):
            protocol = self.newProtocol(XmippProtMaskTomograms3D, **parameters)
            protocol.inputTomograms.set(self.tomograms.getObjValue())
            protocol.inputTomograms.setExtended(self.tomograms.getExtended())
            self.assertTrue(any(word in error for error in protocol.validate()), protocol.validate())
