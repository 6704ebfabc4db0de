"""Training a picker and picking with it through Scipion's launcher, with networks of one step.

scipion test xmipptomo.tests.test_protocols_learned_pickers
"""

import os

import numpy as np
from pyworkflow.object import Pointer
from tomo.constants import BOTTOM_LEFT_CORNER

from tomo_particles.core.tomograms import write_volume
from tomo_particles.regions.classes import USER
from tomo_particles.regions.mask_files import write_mask
from tomo_particles.regions.region_mask import RegionMask

from ..objects import PickerModel
from ..protocols import XmippProtDeepPick3D, XmippProtSimulateTomograms, XmippProtTrainPicker3D
from ..protocols.learned.network_form import LOSSES, NETWORKS, TARGETS
from ..protocols.learned.protocol_train_picker3d import CONSENSUS, PART
from ..protocols.picking.base import KEEP_NUMBER, KEEP_THRESHOLD
from ..viewers import DeepPick3DViewer, TrainPicker3DViewer
from ..viewers.figure_window import FigureWindow
from .consensus_project import ConsensusProject
from .simulated_project import RATE, SIZE, add_masks, add_volume

TS_IDS = ("TS_1", "TS_2")
QUICK = {"steps": 1, "folds": 2, "patch": 16, "width": 0.25, "useGpu": False}


class TestLearnedPickers(ConsensusProject):
    """One project: a training, and pickings with its model."""

    @classmethod
    def setUpClass(cls):
        cls.make_project((*TS_IDS, "TS_3"))
        cls.known = cls.tomograms("known", *TS_IDS)
        cls.expert = cls.coordinates("expert", cls.known, 20, species="clamp")
        cls.new = cls.tomograms("new", "TS_1", "TS_3")
        cls.masks = cls.half_bad("TS_1", "TS_3")
        cls.training = cls.run_of(XmippProtTrainPicker3D, {"inputCoordinates": cls.expert, "regionMasks": cls.masks},
                                  diameter=100.0, **QUICK)
        cls.model = Pointer(cls.training, extended="model")
        cls.picking = cls.run_of(XmippProtDeepPick3D, {"inputTomograms": cls.new, "inputModel": cls.model}, useGpu=False,
                                 keep=KEEP_NUMBER, number=6, scoreMaps=True)

    @classmethod
    def half_bad(cls, *ts_ids):
        """A set of masks in which the right half along x is bad."""
        paths = {}
        for ts_id in ts_ids:
            labels = np.zeros(tuple(edge // 2 for edge in SIZE[::-1]), dtype=np.uint8)
            labels[..., SIZE[0] // 4:] = USER
            paths[ts_id] = os.path.abspath(f"{ts_id}_half_mask.mrc")
            write_mask(paths[ts_id], RegionMask(labels, 2 * RATE))
        return add_masks(cls.proj, "masks", paths, 2 * RATE)

    @classmethod
    def form_of(cls, protocol_class, pointers, **parameters):
        protocol = cls.newProtocol(protocol_class, **{"numberOfThreads": 1, **parameters})
        for name, pointer in pointers.items():
            getattr(protocol, name).set(pointer.getObjValue())
            getattr(protocol, name).setExtended(pointer.getExtended())
        return protocol

    @classmethod
    def run_of(cls, protocol_class, pointers, **parameters):
        return cls.launchProtocol(cls.form_of(protocol_class, pointers, **parameters))

    def picked(self, coordinates, ts_id):
        return np.array([c.getPosition(BOTTOM_LEFT_CORNER) for c in coordinates.iterCoordinates() if c.getTomoId() == ts_id])

    # ---- training
    def test_the_training_gives_a_model_and_says_how_good_it_is(self):
        model = self.training.model
        self.assertIsInstance(model, PickerModel)
        self.assertTrue(os.path.exists(model.getFileName()))
        self.assertRegex(str(model), r"PickerModel \(particle; 10 Å/px; F \d\.\d\d out of fold\)")
        summary = "\n".join(self.training.summary())
        self.assertRegex(summary, r"\*F score \d\.\d\d\* out of fold .*labelled particles in 2 tomograms")
        self.assertIn("2 networks of 1, 1 steps", summary)
        self.assertRegex(summary, r"\*Note\* 'TS_1': \d+ of 22 particles lie in bad regions of its mask: ignored")
        self.assertIn("*Note* no mask of 'TS_2': all of it counts as good", summary)
        self.assertIn("Moebel2021", self.training.methods()[0])

    def test_out_of_fold_picks_are_probabilities_with_a_class(self):
        picks = getattr(self.training, "coordinates", None)
        if picks is None:  # one step may teach too little
            self.assertIn("no out-of-fold pick", "\n".join(self.training.summary()))
            return
        for item in picks.iterCoordinates():
            self.assertEqual((item._species.get(), item.getGroupId()), ("particle", 1))
            self.assertTrue(0 <= item.getScore() <= 1)
        if len(found := self.picked(picks, "TS_1")):
            self.assertLess(found[:, 0].max(), SIZE[0] / 2)

    def test_the_window_of_the_training_shows_everything(self):
        viewer = TrainPicker3DViewer(project=self.proj, protocol=self.training)
        viewer.setProtocol(self.training)
        shown = viewer._getVisualizeDict()
        for name in ("showCurves", "showThresholds", "showConfusion"):
            (window,) = shown[name]()
            self.assertIsInstance(window, FigureWindow)
        (window,) = shown["showCurves"]()
        self.assertEqual(len(window.figure.axes), 2)
        (picture,) = shown["showPatches"]()
        self.assertEqual(len(picture.getFigure().axes), 1)

    # ---- picking
    def test_pickings_have_scores_classes_and_relations(self):
        picks = self.picking.coordinates
        self.assertEqual(picks.getSize(), 12)
        self.assertEqual(picks.getBoxSize(), 16)  # 1.6 of 100 Å
        self.assertEqual({c._species.get() for c in picks.iterCoordinates()}, {"particle"})
        self.assertGreater(len({c.getScore() for c in picks.iterCoordinates()}), 1)
        self.assertEqual(picks._precedentsPointer.getUniqueId(), self.new.getUniqueId())
        parents = {str(one) for one in self.proj.getSourceParents(picks)}
        self.assertTrue(any("train a picker 3D" in one for one in parents), parents)
        summary = "\n".join(self.picking.summary())
        self.assertIn("*12 picks* in 2 tomograms", summary)
        self.assertIn("Class particle: 12", summary)
        self.assertRegex(summary, r"\*Note on 'TS_1'\* .* is of the training: each place is picked by the network that did not")

    def test_nothing_is_picked_in_bad_regions(self):
        pointers = {"inputTomograms": self.new, "inputModel": self.model, "regionMasks": self.masks}
        masked = self.run_of(XmippProtDeepPick3D, pointers, useGpu=False, keep=KEEP_NUMBER, number=6)
        for ts_id in ("TS_1", "TS_3"):
            self.assertLess(self.picked(masked.coordinates, ts_id)[:, 0].max(), SIZE[0] / 2)
        self.assertGreater(max(self.picked(self.picking.coordinates, t)[:, 0].max() for t in ("TS_1", "TS_3")), SIZE[0] / 2)
        viewer = DeepPick3DViewer(project=self.proj, protocol=masked)
        viewer.setProtocol(masked)
        (window,) = viewer._getVisualizeDict()["showRegions"]()
        self.assertIsInstance(window, FigureWindow)
        self.assertEqual(len(window.figure.axes), 6)

    def test_templates_name_and_turn_the_picks(self):
        path = os.path.abspath("ball.mrc")
        z, y, x = np.indices((15, 15, 15)) - 7
        write_volume(path, ((x**2 + y**2 + z**2 <= 16) & (x > -2)).astype(np.float32), RATE)
        template = add_volume(self.proj, "ball", path, RATE)
        pointers = {"inputTomograms": self.tomograms("one", "TS_3"), "inputModel": self.model}
        form = self.form_of(XmippProtDeepPick3D, pointers, useGpu=False, keep=KEEP_NUMBER, number=6, angularStep=60.0,
                            lowPass=45.0)
        form.inputTemplates.append(template)
        self.assertEqual(form.validate(), [])
        named = self.launchProtocol(form).coordinates
        self.assertEqual({(c._species.get(), c.getGroupId()) for c in named.iterCoordinates()}, {("ball", 1)})
        turned = [not np.allclose(c.getMatrix()[:3, :3], np.eye(3)) for c in named.iterCoordinates()]
        self.assertGreater(sum(turned), 4)

    def test_the_window_of_the_picking_shows_slices_and_score_map(self):
        viewer = DeepPick3DViewer(project=self.proj, protocol=self.picking)
        viewer.setProtocol(self.picking)
        viewer.tomogram.set(1)
        for name in ("showSlices", "showMap"):
            (window,) = viewer._getVisualizeDict()[name]()
            self.assertIsInstance(window, FigureWindow)

    # ---- forms
    def test_the_training_form_refuses_what_cannot_be(self):
        base = {"inputCoordinates": self.expert}
        cases = (({}, "*Particle diameter (Å)* cannot be EMPTY: give it, or the *Table of classes*"),
                 ({"diameter": 30.0}, "less than 4 voxels of 10 Å"),
                 ({"diameter": 100.0, "source": CONSENSUS}, "these are of no deep consensus"),
                 ({"diameter": 100.0, "patch": 20}, "must be a multiple of 8, or 0"),
                 ({"diameter": 100.0, "startModel": "/no/such/model.h5"}, "*Model to begin with*"),
                 ({"diameter": 100.0, "target": 1 + TARGETS.index("centre")}, "the network unet cannot learn 'centre'"),
                 ({"diameter": 100.0, "target": 1 + TARGETS.index("heatmap")}, "bce is the loss of the target heatmap"),
                 ({"diameter": 100.0, "loss": 1 + LOSSES.index("bce")}, "bce is the loss of the target heatmap"),
                 ({"diameter": 100.0, "recipe": NETWORKS.index("umc")}, "Choose all _particles_ of a simulation with"),
                 ({"classesFile": "/no/such/table.csv"}, "*Table of classes* does not exist"))
        for parameters, word in cases:
            errors = self.form_of(XmippProtTrainPicker3D, base, **parameters).validate()
            self.assertEqual(len(errors), 1, errors)
            self.assertIn(word, errors[0])
        self.assertEqual(self.form_of(XmippProtTrainPicker3D, base, diameter=100.0, source=PART).validate(), [])
        wrong = {**base, "regionMasks": self.half_bad("TS_9")}
        self.assertIn("has no mask of any", self.form_of(XmippProtTrainPicker3D, wrong, diameter=100.0).validate()[0])

    def test_the_picking_form_refuses_what_cannot_be(self):
        base = {"inputTomograms": self.new, "inputModel": self.model}
        for text, word in (("0.5 clamp:0.7", "names the class 'clamp', but the model has particle"),
                           ("1.5", "must be numbers from 0 to 1"), ("", "cannot be EMPTY"), ("0.5 0.6", "twice")):
            errors = self.form_of(XmippProtDeepPick3D, base, keep=KEEP_THRESHOLD, threshold=text).validate()
            self.assertEqual(len(errors), 1, errors)
            self.assertIn(word, errors[0])
        right = self.form_of(XmippProtDeepPick3D, base, keep=KEEP_THRESHOLD, threshold="0.5 particle:0.7")
        self.assertEqual(right.validate(), [])
        errors = self.form_of(XmippProtDeepPick3D, base, modelFrom=1, modelFile=self.simulated["TS_1"].path).validate()
        self.assertEqual(len(errors), 1, errors)
        self.assertIn("*Model file*", errors[0])


class TestNetworksOfSimulations(ConsensusProject):
    """Networks that also learn the density without noise."""

    @classmethod
    def setUpClass(cls):
        cls.make_project(())

    def test_a_network_that_removes_noise_learns_from_a_simulation(self):
        simulation = self.launchProtocol(self.newProtocol(
            XmippProtSimulateTomograms, numberOfTomograms=1, sizeX=96, sizeY=96, sizeZ=48, counts="1", beads=0, vesicles=0,
            tiltStep=20.0, density=True))
        network = {**QUICK, "recipe": NETWORKS.index("dn3dunet"), "folds": 1, "width": 0.1}

        def form(output, **parameters):
            training = self.newProtocol(XmippProtTrainPicker3D, **{**network, **parameters})
            training.inputCoordinates.set(simulation)
            training.inputCoordinates.setExtended(output)
            return training

        (error,) = form("particles", diameter=100.0).validate()
        self.assertIn("*Particle diameter (Å)* has no meaning with this network", error)
        shape = {"recipe": 0, "target": 1 + TARGETS.index("shape"), "width": 1.0}
        self.assertEqual(form("particles", **shape).validate(), [])
        (error,) = form("particles", **shape, source=1).validate()
        self.assertIn("*Target*: shape needs the maps and the angles of all _particles_ of a simulation", error)
        training = self.launchProtocol(form("particles"))
        self.assertIn("1 networks (dn3dunet) were trained on", training.methods()[0])
        self.assertEqual(training.model._classes.get().count(","), len({c._species.get() for c in simulation.particles}) - 1)
