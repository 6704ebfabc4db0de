"""The road from simulated tomograms to evaluated pickings through Scipion's launcher.

scipion test xmipptomo.tests.test_protocols_simulate_pick_evaluate
"""

import os
import shutil

import numpy as np
import pyworkflow as pw
from pyworkflow.object import Pointer
from pyworkflow.project import Manager
from pyworkflow.tests import BaseTest, setupTestProject
from pyworkflow.utils import cleanPath
from pyworkflow.viewer import DESKTOP_TKINTER
from tomo.constants import BOTTOM_LEFT_CORNER

from tomo_particles.formats.xmd import read_table
from tomo_particles.geometry.orientations import rotation_of

from ..constants import BUILTIN_COMPLEXES, SELECTIONS
from ..convert import read_pickings
from ..protocols import (
    XmippProtEvaluatePicking3D,
    XmippProtPickBlobs3D,
    XmippProtSimulateTomograms,
    XmippProtTemplateMatching3D,
)
from ..protocols.picking.base import KEEP_NUMBER, KEEP_THRESHOLD
from ..protocols.simulation.form import FILES, VOLUMES
from ..viewers import Coordinates3DViewer
from ..viewers.figure_window import FigureWindow
from ..viewers.viewer_coordinates3d import coordinate_sets
from .simulated_project import add_coordinates, add_tomograms

RATE = 10.0
COUNT = 8  # of each of the two complexes in each of the two tomograms
SPECIES = ("shell", "rings")
NUMBERS = {name: BUILTIN_COMPLEXES.index(name) + 1 for name in SPECIES}
COUNTS = " ".join(str(COUNT if name in SPECIES else 0) for name in BUILTIN_COMPLEXES)


class TestSimulatePickEvaluate(BaseTest):
    """One project; every protocol is launched once, in the order of the road."""

    @classmethod
    def setUpClass(cls):
        cleanPath(Manager().getProjectPath(cls.__name__))  # Scipion keeps the runs of an earlier test in it
        setupTestProject(cls)
        cls.simulation = cls.run_of(
            XmippProtSimulateTomograms, numberOfTomograms=2, sizeX=112, sizeY=96, sizeZ=64, counts=COUNTS, beads=1, vesicles=1,
            targetComplex="shell", snr=0.1, tiltStep=4.0)
        tomograms = cls.pointer(cls.simulation, "tomograms")
        cls.blobs = cls.run_of(XmippProtPickBlobs3D, inputTomograms=tomograms, diameter=150.0, keep=KEEP_NUMBER, number=2 * COUNT)
        templates = [cls.pointer(cls.simulation, f"templates.{NUMBERS[name]}") for name in SPECIES]
        cls.matching = cls.run_of(XmippProtTemplateMatching3D, inputTomograms=tomograms, inputTemplates=templates,
                                  angularStep=40.0, lowPass=50.0, keep=KEEP_NUMBER, number=COUNT)
        cls.evaluation = cls.run_of(
            XmippProtEvaluatePicking3D, reference=cls.pointer(cls.simulation, "particles"),
            distractors=cls.pointer(cls.simulation, "distractors"),
            inputPickings=[cls.pointer(cls.blobs, "coordinates"), cls.pointer(cls.matching, "coordinates")])

    @classmethod
    def run_of(cls, protocol_class, **parameters):
        return cls.launchProtocol(cls.form_of(protocol_class, **parameters))

    @classmethod
    def form_of(cls, protocol_class, **parameters):
        """A form whose pointers point as the window makes them: to an output of a run."""
        pointers = {name: value for name, value in parameters.items() if isinstance(value, Pointer)}
        parameters = {"numberOfThreads": 1, **{name: v for name, v in parameters.items() if name not in pointers}}
        protocol = cls.newProtocol(protocol_class, **parameters)
        for name, pointer in pointers.items():
            getattr(protocol, name).set(pointer.getObjValue())
            getattr(protocol, name).setExtended(pointer.getExtended())
        return protocol

    @classmethod
    def pointer(cls, protocol, name: str) -> Pointer:
        """A pointer of its own for every form, because Scipion stores it as a part of one protocol."""
        return Pointer(protocol, extended=name)

    def truth(self):
        return read_pickings(self.simulation._files().truth, RATE)

    # ---- simulation
    def test_coordinates_refer_to_their_tomograms_by_the_run_that_made_these(self):
        # a direct pointer is lost by protocols that are scheduled to run after each other
        for output in (self.simulation.particles, self.blobs.coordinates, self.matching.coordinates):
            self.assertEqual(output._precedentsPointer.getUniqueId(), f"{self.simulation.getObjId()}.tomograms")

    def test_simulated_tomograms_say_what_they_are(self):
        tomograms = self.simulation.tomograms
        self.assertEqual((tomograms.getTSIds(), tomograms.getSamplingRate()), (["tomo_1", "tomo_2"], RATE))
        first = tomograms.getFirstItem()
        self.assertEqual(first.getDim(), (112, 96, 64))
        acquisition = first.getAcquisition()
        self.assertEqual((acquisition.getAngleMin(), acquisition.getAngleMax(), acquisition.getStep()), (-60, 60, 4))
        self.assertEqual(acquisition.getVoltage(), 300)

    def test_simulated_particles_are_where_the_truth_says_and_as_turned(self):
        truth = self.truth()
        complexes = {ts_id: picks[np.isin(picks.species, SPECIES)] for ts_id, picks in truth.items()}
        self.assertEqual(self.simulation.particles.getSize(), 4 * COUNT)
        for ts_id, picks in complexes.items():
            items = [c.clone() for c in self.simulation.particles.iterCoordinates() if c.getTomoId() == ts_id]
            for item in items:
                item.setVolume(self.simulation.tomograms[{"_tsId": ts_id}])
            positions = np.array([item.getPosition(BOTTOM_LEFT_CORNER) for item in items])
            np.testing.assert_allclose(positions, picks.positions, atol=0.01)
            # Scipion's matrix takes the particle onto its reference.
            turned = np.array([item.getMatrix()[:3, :3] for item in items])
            np.testing.assert_allclose(turned, rotation_of(picks.angles).inv().as_matrix(), atol=1e-5)
            self.assertEqual([item._species.get() for item in items], list(picks.species))
            self.assertEqual([item.getGroupId() for item in items], [NUMBERS[name] for name in picks.species])

    def test_target_distractors_and_templates_are_sets_of_their_own(self):
        self.assertEqual({c._species.get() for c in self.simulation.target.iterCoordinates()}, {"shell"})
        self.assertEqual(self.simulation.target.getSize(), 2 * COUNT)
        self.assertLess(self.simulation.target.getBoxSize(), self.simulation.particles.getBoxSize() + 1)
        self.assertEqual({c._species.get() for c in self.simulation.distractors.iterCoordinates()}, {"bead", "vesicle"})
        self.assertEqual(tuple(volume.getObjLabel() for volume in self.simulation.templates), BUILTIN_COMPLEXES)
        summary = "\n".join(self.simulation.summary())
        for text in ("2 tomograms", "shell: 16", "bead: 2", "seed 1"):
            self.assertIn(text, summary)
        self.assertIn("SHREC 2020", self.simulation.methods()[0])

    # ---- viewer
    def test_picks_are_shown_on_slices_of_their_tomogram(self):
        for protocol, sets in ((self.blobs, 1), (self.simulation, 3)):
            self.assertIn(Coordinates3DViewer, pw.Config.getDomain().findViewers(protocol, DESKTOP_TKINTER))
            viewer = Coordinates3DViewer(project=self.proj, protocol=protocol)
            viewer.setProtocol(protocol)
            self.assertEqual(viewer.getParam("tomogram").choices, ["tomo_1", "tomo_2"])
            (window,) = viewer._getVisualizeDict()["showSlices"]("showSlices")
            self.assertIsInstance(window, FigureWindow)
            labels = {text.get_text().split(" ", 1)[1] for text in window.figure.axes[0].get_legend().get_texts()}
            self.assertEqual(len(labels), sets)
            self.assertEqual(labels, set(coordinate_sets(protocol)))

    # ---- pickers
    def test_blobs_are_scored_and_placed_as_the_program_said(self):
        output = self.blobs.coordinates
        self.assertEqual((output.getSize(), output.getBoxSize(), output.getSamplingRate()), (4 * COUNT, 24, RATE))
        for ts_id in ("tomo_1", "tomo_2"):
            table = read_table(self.blobs._files().picks(ts_id))
            items = [c.clone() for c in output.iterCoordinates() if c.getTomoId() == ts_id]
            for item in items:
                item.setVolume(self.simulation.tomograms[{"_tsId": ts_id}])
            positions = np.array([item.getPosition(BOTTOM_LEFT_CORNER) for item in items])
            np.testing.assert_allclose(positions, np.array([table[name] for name in "xyz"]).T, atol=0.01)
            np.testing.assert_allclose([item.getScore() for item in items], table["fom"], rtol=1e-5)
        self.assertIn("32 picks", "\n".join(self.blobs.summary()))

    def test_matches_know_their_template_and_orientation(self):
        output = self.matching.coordinates
        self.assertEqual({c._species.get(): c.getGroupId() for c in output.iterCoordinates()}, {"shell": 1, "rings": 2})
        self.assertTrue(all(-1 < c.getScore() < 1 for c in output.iterCoordinates()))
        for ts_id in ("tomo_1", "tomo_2"):
            picks = read_pickings(self.matching._files().picks(ts_id), RATE)[ts_id]
            turned = np.array([c.getMatrix()[:3, :3] for c in output.iterCoordinates() if c.getTomoId() == ts_id])
            np.testing.assert_allclose(turned, rotation_of(picks.angles).inv().as_matrix(), atol=1e-5)
        self.assertIn("Of template shell", "\n".join(self.matching.summary()))

    def test_a_lost_tomogram_is_left_out_and_resuming_repeats_only_what_changed(self):
        paths = {"TS a": os.path.abspath("it's tomogram.mrc"), "TS lost": os.path.abspath("lost.mrc")}  # the user's own names
        for path in paths.values():
            shutil.copy(self.simulation.tomograms.getFirstItem().getFileName(), path)
        tomograms = add_tomograms(self.proj, "one lost", paths, RATE)
        os.remove(paths["TS lost"])
        protocol = self.run_of(XmippProtPickBlobs3D, inputTomograms=tomograms, diameter=150.0, keep=KEEP_THRESHOLD, threshold=8.0)
        self.assertEqual(protocol.coordinates.getTSIds(), ["TS a"])
        self.assertTrue(all(c.getScore() >= 8 for c in protocol.coordinates.iterCoordinates()))
        summary = "\n".join(protocol.summary())
        self.assertIn("Tomogram left out", summary)
        self.assertIn("lost.mrc does not exist", summary)
        picked_at = os.stat(protocol._files().picks("TS a")).st_mtime_ns
        protocol.boxFactor.set(2.0)
        resumed = self.launchProtocol(protocol)
        self.assertEqual(resumed.coordinates.getBoxSize(), 30)
        self.assertEqual(os.stat(protocol._files().picks("TS a")).st_mtime_ns, picked_at)

    # ---- evaluation
    def test_pickers_are_much_better_than_random_positions(self):
        blobs, matching = self.evaluation.evaluations()
        for evaluation in (blobs, matching):
            self.assertEqual(evaluation.numbers["particles"], 4 * COUNT)
            self.assertGreater(evaluation.numbers["F1"], 3 * evaluation.random_f1)
        self.assertGreater(matching.numbers["F1"], 0.5)
        self.assertEqual(set(matching.species), set(SPECIES))
        self.assertIsNotNone(blobs.numbers["average_precision"])
        self.assertEqual(blobs.numbers["RO"], 0)  # known, because the tomograms were given
        self.assertIn("bead", blobs.report["all"]["distance"]["false_picks_on"])

    def test_the_summary_of_an_evaluation_is_its_table(self):
        summary = "\n".join(self.evaluation.summary())
        for text in ("32 particles", "pick blobs 3D", "template matching 3D", "F1", "AP", "random positions"):
            self.assertIn(text, summary)
        self.assertIn("one-to-one", self.evaluation.methods()[0])

    def test_the_figure_of_an_evaluation_is_drawn(self):
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure

        from ..viewers.evaluation_figure import draw_evaluations

        figure = Figure()
        FigureCanvasAgg(figure)
        draw_evaluations(figure, self.evaluation.evaluations())
        path = self.evaluation._getExtraPath("figure.png")
        figure.savefig(path)
        self.assertGreater(os.path.getsize(path), 10_000)
        self.assertTrue(all(os.path.exists(picture) for one in self.evaluation.evaluations() for picture in one.pictures))

    # ---- what the forms refuse
    def assert_refused(self, protocol_class, *texts: str, **parameters):
        errors = "\n".join(self.form_of(protocol_class, **parameters).validate())
        for text in texts:
            self.assertIn(text, errors)

    def test_a_simulation_that_cannot_be_is_refused(self):
        cls = XmippProtSimulateTomograms
        self.assertEqual(self.form_of(cls).validate(), [])
        self.assert_refused(cls, "*x* must be at least 32", sizeX=8)
        self.assert_refused(cls, "*Number of tomograms* must be at least 1", numberOfTomograms=0)
        self.assert_refused(cls, "there is no complex 'ribosome'", "globule", targetComplex="ribosome")
        self.assert_refused(cls, "must be whole numbers", counts="3 many")
        self.assert_refused(cls, "one for each of the 7 complexes", counts="3 4")
        self.assert_refused(cls, "at least one must be 1 or more", counts="0")
        self.assert_refused(cls, "*Volumes* cannot be EMPTY", source=VOLUMES)
        self.assert_refused(cls, "no file matches '/nowhere/*.mrc'", source=FILES, mapFiles="/nowhere/*.mrc")
        self.assert_refused(cls, "first angle must be smaller", tiltFirst=60.0, tiltLast=-60.0)
        self.assert_refused(cls, "without blanks", prefix="my tomogram")

    def test_pickers_refuse_by_the_name_of_the_field(self):
        tomograms = self.pointer(self.simulation, "tomograms")
        template = self.pointer(self.simulation, "templates.4")
        cls = XmippProtPickBlobs3D
        self.assert_refused(cls, "*Tomograms* cannot be EMPTY")
        self.assert_refused(cls, "less than 3 voxels", inputTomograms=tomograms, diameter=20.0)
        self.assert_refused(cls, "*Number of picks* must be at least 1", inputTomograms=tomograms, keep=KEEP_NUMBER, number=0)
        cls = XmippProtTemplateMatching3D
        self.assert_refused(cls, "*Templates* cannot be EMPTY", inputTomograms=tomograms)
        inputs = {"inputTomograms": tomograms, "inputTemplates": [template]}
        self.assert_refused(cls, "first tilt must be smaller", **inputs, tiltFirst=70.0)
        self.assert_refused(cls, "must be numbers, received 'wide'", **inputs, diameters="wide")
        self.assert_refused(cls, "one for each of the 1 templates", **inputs, diameters="100 200")
        self.assertEqual(self.form_of(cls, **inputs).validate(), [])
        inputs["inputTemplates"] = [template, self.pointer(self.simulation, "templates.5")]
        form = self.form_of(cls, **inputs, select=SELECTIONS.index("filtered"))
        self.assertIn("biggest template", form.warnings()[0])

    def test_an_evaluation_without_common_tomograms_or_species_is_refused(self):
        cls, reference = XmippProtEvaluatePicking3D, self.pointer(self.simulation, "particles")
        own = self.pointer(self.blobs, "coordinates")
        self.assert_refused(cls, "*Coordinates to evaluate* cannot be EMPTY", reference=reference)
        self.assert_refused(cls, "no 'ribosome'; it has rings, shell", reference=reference,
                            inputPickings=[own], targetSpecies="ribosome")
        path = os.path.abspath("other.mrc")
        shutil.copy(self.simulation.tomograms.getFirstItem().getFileName(), path)
        tomograms = add_tomograms(self.proj, "other", {"other": path}, RATE)
        far = add_coordinates(self.proj, "of others", tomograms, {"other": np.full((2, 3), 20.0)}, 20)
        self.assert_refused(cls, "set 1: it has no tomogram in common", reference=reference, inputPickings=[far])
        self.assert_refused(cls, "*Table of species* does not exist", reference=reference, inputPickings=[own],
                            classesFile="/nowhere.csv")
