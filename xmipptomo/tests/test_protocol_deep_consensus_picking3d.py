"""The deep consensus protocol through Scipion's launcher, on simulated tomograms and pickers.

scipion test xmipptomo.tests.test_protocol_deep_consensus_picking3d
"""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pyworkflow as pw
from pyworkflow.object import Pointer
from pyworkflow.viewer import DESKTOP_TKINTER

from tomo_particles.consensus.expected_precision import promise_text
from tomo_particles.core.errors import InputError
from tomo_particles.formats.xmd import read_table
from tomo_particles.reports.tables import expected_now
from tomo_particles.runs.results import read_run

from ..constants import CHOICE_RULES, MODEL_EXISTING, NO_DISAGREEMENT
from ..files import NOISE, POSITIVE, RunFiles
from ..protocols import XmippProtDeepConsensusPicking3D
from ..viewers import DeepConsensusPicking3DViewer
from ..viewers.figure_window import FigureWindow
from ..wizards import BoxAndRadiusWizard, ThresholdWizard
from ..wizards.box_and_radius import input_sets_of, positions_of
from ..wizards.threshold import results_of
from .consensus_project import ConsensusProject
from .simulated_project import RATE, SIZE, add_tomograms, simulate

TILT = 30.0  # degrees, of every orientation that picker A gives
SMALLEST, BIGGEST = CHOICE_RULES.index("smallest"), CHOICE_RULES.index("biggest")
# TS_1 is a part of TS_10: ids must be compared whole.
TS_IDS = ("TS_1", "TS_10", "TS_2", "TS_3")


class TestDeepConsensusPicking3D(ConsensusProject):
    """One project, with simulated sets made once and a trained run that later tests use."""

    _trained = None
    _training_failed = False

    @classmethod
    def setUpClass(cls):
        cls.make_project(TS_IDS)
        cls.fine = cls.tomograms("fine", "TS_1", "TS_10")
        cls.binned = cls.tomograms("binned", "TS_1", "TS_10", "TS_2", binned=True)
        cls.picker_a = cls.coordinates("picker A", cls.fine, 20, score=0.7, group=3, tilt=TILT)
        cls.picker_b = cls.coordinates("picker B", cls.binned, 12, score=0.4)

    def trained(self) -> XmippProtDeepConsensusPicking3D:
        """A run with a network, references of both kinds, and pickers of different box size, sampling rate and tomograms."""
        cls = type(self)
        if cls._trained is None and cls._training_failed:
            self.fail("the run that this test starts from has failed")
        if cls._trained is None:
            cls._training_failed = True  # until it has finished: no test tries it again
            truth = {t: self.simulated[t].truth[:3] for t in ("TS_1", "TS_10")}
            beads = {t: self.simulated[t].beads for t in ("TS_1", "TS_10")}
            cls._trained = self.launch(
                inputSets=[self.picker_a, self.picker_b], positiveReferences=[self.coordinates("by hand", self.fine, 20, truth)],
                negativeReferences=[self.coordinates("beads", self.fine, 20, beads)], samplingRateChoice=SMALLEST,
                boxSizeChoice=BIGGEST, noiseRadius=0.5, epochs=1, folds=2, batchSize=32, threshold=0.0, numberOfThreads=3,
                writeReport=True, useGpu=True)
        return cls._trained

    # ------------------------------------------------------------------------------------------------- network
    def test_network_with_pickers_of_different_box_rate_and_tomograms(self):
        protocol = self.trained()
        output = protocol.coordinates
        grid = json.loads(Path(RunFiles(protocol._getExtraPath()).common_grid).read_text())
        # 12 voxels of 20 Å are more than 20 voxels of 10 Å: boxes are compared in Å.
        self.assertEqual((grid["samplingRate"], grid["boxSize"]), (RATE, 24))
        # The binned set alone has all three tomograms, so that its voxels are those of the output.
        self.assertEqual(output.getPrecedents().getFileName(), self.binned.get().getFileName())
        self.assertEqual((output.getSamplingRate(), output.getBoxSize()), (2 * RATE, 12))
        self.assertFalse(hasattr(protocol, "tomograms"))
        for ts_id in ("TS_1", "TS_10", "TS_2"):
            self.assert_at_particles(output, ts_id)  # with threshold 0 all merged picks are accepted
        items = [(c.getTomoId(), c.getScore(), c._support.get(), c._pickers.get()) for c in output.iterCoordinates()]
        self.assertTrue(all(0 <= score <= 1 for _, score, *_ in items))
        self.assertTrue(all(0 < c._networkScore.get() < 1 for c in output.iterCoordinates()))
        self.assertGreater(len({c._networkScore.get() for c in output.iterCoordinates()}), 10)
        self.assertEqual({(support, pickers) for ts_id, _, support, pickers in items if ts_id == "TS_2"}, {(1, "picker B")})
        # Three particles are positive references too, which are none of the pickers.
        seen = {(support, pickers) for ts_id, _, support, pickers in items if ts_id == "TS_1"}
        self.assertEqual(seen, {(2, "picker A+picker B"), (2, "reference+picker A+picker B")})

    def test_network_keeps_scores_and_reports(self):
        protocol = self.trained()
        files = RunFiles(protocol._getExtraPath())
        scored = read_table(files.scored)
        self.assertEqual(scored["enabled"].count(-1), 6)  # the negative references, scored but not accepted
        self.assertEqual(len(scored["x"]) - 6, protocol.coordinates.getSize())
        every = [c._label.get() for c in protocol.scoredCoordinates.iterCoordinates()]
        self.assertEqual((len(every), every.count(-1)), (len(scored["x"]), 6))
        self.assertEqual(len(read_table(files.scored_raw)["x"]), self.picker_a.get().getSize() + self.picker_b.get().getSize())
        self.assertTrue(os.path.exists(files.model) and os.path.exists(files.training_log))
        accepted = self.positions(protocol.coordinates, "TS_1")
        for bead in self.simulated["TS_1"].beads:
            self.assertGreater(np.linalg.norm(accepted - bead, axis=1).min(), 1)
        summary = "\n".join(protocol.summary())
        for text in ("66 picks accepted", "10 Å/voxel", "picker A", "estimated recall", "seed 1",
                     "TS_2: 0 + 22 picks, 0 positive, 22 doubtful"):
            self.assertIn(text, summary)
        self.assertIn("agreement between the pickers", protocol.methods()[0])

    def test_resuming_with_another_threshold_does_not_train_again(self):
        protocol = self.trained()
        files = RunFiles(protocol._getExtraPath())
        trained_at = os.stat(files.model).st_mtime_ns
        scored = read_table(files.scored)
        threshold = float(np.median(scored["CoordConsScore"]))
        rows = zip(scored["enabled"], scored["CoordConsScore"], scored["comment"], strict=True)
        expected = sum(label >= 0 and (score >= threshold or pickers.startswith("0+"))  # positive references always
                       for label, score, pickers in rows)
        protocol.threshold.set(threshold)
        protocol.writeReport.set(False)
        resumed = self.launchProtocol(protocol)
        self.assertEqual(resumed.coordinates.getSize(), expected)
        self.assertLess(expected, 66)
        self.assertEqual(resumed.scoredCoordinates.getSize(), len(scored["x"]))
        self.assertEqual(os.stat(files.model).st_mtime_ns, trained_at)
        promise = expected_now(read_run(files.root))  # as the report has it
        self.assertTrue(resumed.summary()[0].startswith("*Supported*"))
        self.assertIn(promise_text(promise),
                      "\n".join(resumed.summary()))
        resumed.threshold.set(0.0)
        resumed.writeReport.set(True)
        self.assertIn(f"with a score of at least {threshold:g}", "\n".join(resumed.summary()))  # of the run, not of the form
        type(self)._trained = self.launchProtocol(resumed)

    def test_existing_model_scores_one_picker_without_training(self):
        model = os.path.abspath("my models/it's $HOME 100%.h5")  # names are the user's business
        os.makedirs(os.path.dirname(model), exist_ok=True)
        shutil.copy(RunFiles(self.trained()._getExtraPath()).model, model)
        picker = self.coordinates("picker at 24 voxels", self.fine, 24)
        protocol = self.launch(inputSets=[picker], modelType=MODEL_EXISTING, modelFile=model, skipTraining=True, threshold=0.0,
                               scoreRawPicks=False, extractFrom=self.binned)
        self.assertEqual(protocol.coordinates.getSize(), picker.get().getSize())
        files = RunFiles(protocol._getExtraPath())
        self.assertFalse(os.path.exists(files.model))
        self.assertTrue(os.path.exists(files.labelled("TS_1", NOISE)))  # to compare the picks with
        rates = {t["ts_id"]: t["tomogram_rate"] for t in json.loads(Path(files.common_grid).read_text())["tomograms"]}
        self.assertEqual(rates, {"TS_1": 2 * RATE, "TS_10": 2 * RATE})  # boxes come from the binned version, places stay
        self.assertEqual(protocol.coordinates.getPrecedents().getFileName(), self.fine.get().getFileName())
        self.assertIn("Subtomograms are cut from: binned", protocol.summary())
        self.assertIn("nobody confirms them", protocol.summary()[0])

    def test_model_of_another_box_size_and_files_that_are_no_model_are_refused(self):
        model = str(RunFiles(self.trained()._getExtraPath()).model)
        self.assert_refused("Model file", "24 voxels at 10", "have 20 at 10", inputSets=[self.picker_a], modelType=MODEL_EXISTING,
                            modelFile=model, skipTraining=True)
        self.assert_refused("Model file", "network Small in 2 folds", modelType=MODEL_EXISTING, modelFile=model,
                            skipTraining=False, folds=5)
        Path("no model.h5").write_text("hello")
        self.assert_refused("Model file", "is not a model", modelType=MODEL_EXISTING, modelFile="no model.h5")

    # ---------------------------------------------------------------------------------------------- second look
    def test_second_look_says_why_there_is_none(self):
        summary = "\n".join(self.trained().summary())
        self.assertIn("*Second look*: none, because the tomograms have different sampling rates (10, 20 Å/voxel)", summary)
        self.assertFalse(any(path.exists() for path in RunFiles(self.trained()._getExtraPath()).of_second_look))

    # ---------------------------------------------------------------------------------------- viewer and wizards
    def test_viewer_shows_every_figure_of_the_run_and_its_report(self):
        protocol = self.trained()
        viewers = pw.Config.getDomain().findViewers(protocol, DESKTOP_TKINTER)
        self.assertIn(DeepConsensusPicking3DViewer, viewers)
        viewer = DeepConsensusPicking3DViewer(project=self.proj, protocol=protocol)
        viewer.setProtocol(protocol)
        self.assertEqual(len(viewer.getParam("tomogram").choices), 3)
        opened_elsewhere = ("showReport", "showOutput", "showScored", "showCurate", "showNapari")
        truth = Path("by hand.csv")
        rows = [f"TS_1,{x},{y},{z},{RATE}" for x, y, z in self.simulated["TS_1"].truth]
        truth.write_text("\n".join(["tomo_id,x,y,z,samplingRate", *rows]) + "\n")
        viewer.truth.set(str(truth))
        shown = {name: show(name) for name, show in viewer._getVisualizeDict().items() if name not in opened_elsewhere}
        self.assertEqual(len(shown), 10)
        for name, views in shown.items():
            self.assertEqual([type(view) for view in views], [FigureWindow], name)
        page = Path(RunFiles(protocol._getExtraPath()).report).read_text(encoding="utf-8")
        title = f"<h1>Deep consensus picking: {protocol.getRunName()}"
        for text in ("66", "picker A", "Same-element relative radius", "TS_10", title):
            self.assertIn(text, page)
        self.assertNotIn("consensusRadius", page)

    def test_wizards_start_from_the_run_and_from_the_inputs(self):
        protocol = self.trained()
        wizards = pw.Config.getDomain().findWizards(protocol, DESKTOP_TKINTER)
        self.assertEqual(wizards["threshold"], ThresholdWizard)
        for name in ("boxSizeChoice", "samplingRateChoice", "consensusRadius"):
            self.assertEqual(wizards[name], BoxAndRadiusWizard)
        self.assertEqual(results_of(protocol, 0.7).threshold, 0.7)
        with self.assertRaises(InputError) as refused:
            results_of(self.protocol(inputSets=[self.picker_a, self.picker_b]), 0.5)
        self.assertIn("Execute the protocol once", str(refused.exception))
        input_sets = input_sets_of(protocol)
        self.assertEqual([(one.sampling_rate, one.box_size) for one in input_sets], [(RATE, 20), (2 * RATE, 12)])
        positions = positions_of([self.picker_a.get(), self.picker_b.get()])
        # In Å, whatever the binning: picker B is at twice the sampling rate and errs by less than a voxel of 10 Å.
        self.assertLess(np.abs(positions[0]["TS_1"] - positions[1]["TS_1"]).max(), 2 * RATE)

    # -------------------------------------------------------------------------------------------------- voting
    def test_voting_keeps_position_orientation_group_and_scores(self):
        positions = {t: self.simulated[t].truth + 0.25 for t in ("TS_1", "TS_10")}
        positions["TS_1"] = np.vstack([positions["TS_1"], [SIZE[0] + 3.0, 10.0, 10.0]])  # outside: left out, and said
        picker = self.coordinates("picker C", self.fine, 20, positions, score=0.2, group=5)
        protocol = self.launch(inputSets=[self.picker_a, picker], doVoting=True)
        output = protocol.coordinates
        self.assertEqual((output.getSamplingRate(), output.getBoxSize(), output.getSize()), (RATE, 20, 44))
        for ts_id in ("TS_1", "TS_10"):
            self.assert_at_particles(output, ts_id)
        stored = self.positions(output, "TS_1")
        self.assertTrue((np.abs(stored - np.rint(stored)) > 0.01).any(), "positions were rounded")
        for coordinate in output.iterCoordinates():
            from_a = coordinate.getGroupId() == 3
            self.assertEqual(coordinate.getScore(), 1.0)
            self.assertAlmostEqual(coordinate._pickerScore.get(), 0.7 if from_a else 0.2, places=5)
            tilt = np.degrees(np.arccos(np.clip(coordinate.getMatrix()[2, 2], -1, 1)))
            self.assertAlmostEqual(tilt, TILT, places=4)  # of A, whoever is nearest: C has no orientations
            self.assertEqual(coordinate._orientationDisagreement.get(), NO_DISAGREEMENT)
            self.assertEqual((coordinate._support.get(), coordinate._label.get()), (2, 1))
            self.assertEqual(coordinate._pickers.get(), "picker A+picker C")
            self.assertEqual(coordinate._pickerScores.get(), "0.7+0.2")
        self.assertIn("1 picks lay outside their tomogram", "\n".join(protocol.summary()))
        self.assertEqual([c.getTomoId() for c in output.iterCoordinates()], ["TS_1"] * 22 + ["TS_10"] * 22)
        self.assertTrue(output.isStreamClosed() and protocol.scoredCoordinates.isStreamClosed())
        log = Path(protocol.getStdoutLog()).read_text()
        self.assertIn("xmipp_coordinates_consensus_tomo --input", log)
        self.assertFalse("2>" in log or "touch" in log, "commands with what is not for users")

    def test_orientations_are_averaged_and_every_merged_pick_is_a_second_output(self):
        truth = self.simulated["TS_1"].truth
        tilted = [self.coordinates(f"tilted by {tilt}", self.fine, 20, {"TS_1": truth[:n]}, tilt=tilt, species=species)
                  for tilt, n, species in ((20, 12, "ribosome"), (26, 10, "ribosome"), (110, 8, "membrane"))]
        protocol = self.launch(inputSets=tilted, doVoting=True, votingAgreement=2, symmetry="C1")
        accepted, scored = protocol.coordinates, protocol.scoredCoordinates
        self.assertEqual((accepted.getSize(), scored.getSize()), (10, 12))
        self.assertEqual(scored.getPrecedents().getFileName(), accepted.getPrecedents().getFileName())
        self.assertEqual(sorted(c._label.get() for c in scored.iterCoordinates()), [0, 0] + [1] * 10)
        for coordinate in scored.iterCoordinates():
            support, tilt = coordinate._support.get(), np.degrees(np.arccos(coordinate.getMatrix()[2, 2]))
            self.assertAlmostEqual(tilt, 20 if support == 1 else 23, places=3)
            expected = {1: NO_DISAGREEMENT, 2: 3, 3: 31}[support]  # of 20, 26 and 110 degrees to 23
            self.assertAlmostEqual(coordinate._orientationDisagreement.get(), expected, places=3)
            self.assertEqual(coordinate._species.get(), "ribosome")
        self.assertIn("different pickers are 31.0 degrees", "\n".join(protocol.summary()))

    def test_tomograms_of_several_sets_are_put_together(self):
        other = self.tomograms("other fine", "TS_1", "TS_3")
        picker = self.coordinates("picker D", other, 20)
        protocol = self.launch(inputSets=[self.picker_a, picker], doVoting=True, votingAgreement=1)
        self.assertEqual(sorted(protocol.tomograms.getTSIds()), ["TS_1", "TS_10", "TS_3"])
        self.assertEqual(protocol.tomograms.getSamplingRate(), RATE)
        self.assertEqual(protocol.coordinates.getPrecedents().getFileName(), protocol.tomograms.getFileName())
        for ts_id in ("TS_1", "TS_10", "TS_3"):
            self.assert_at_particles(protocol.coordinates, ts_id)

    def test_tomograms_without_a_common_rate_give_a_set_for_each(self):
        fine = self.tomograms("fine with TS_3", "TS_1", "TS_3")
        picker = self.coordinates("picker E", fine, 20)
        protocol = self.launch(inputSets=[picker, self.picker_b], doVoting=True, votingAgreement=1)
        first, second = protocol.coordinates, protocol.coordinates2
        self.assertEqual((first.getSamplingRate(), second.getSamplingRate()), (2 * RATE, RATE))
        self.assertEqual((sorted(first.getTSIds()), second.getTSIds()), (["TS_1", "TS_10", "TS_2"], ["TS_3"]))
        self.assert_at_particles(first, "TS_2")
        self.assert_at_particles(second, "TS_3")
        protocol.inputSets.clear()
        for pointer in (picker, self.coordinates("picker F", fine, 20)):
            protocol.inputSets.append(Pointer(pointer.getObjValue(), extended=pointer.getExtended()))
        self.launchProtocol(protocol)
        again = self.proj.getProtocol(protocol.getObjId(), fromRuns=False)
        self.assertEqual(sorted(again.coordinates.getTSIds()), ["TS_1", "TS_3"])
        self.assertEqual((again.coordinates2.getSize(), again.scoredCoordinates2.getSize()), (0, 0))  # not those of before

    # ------------------------------------------------------------------------------------------------- failures
    def failure_of(self, protocol) -> str:
        with self.assertRaises(Exception):  # noqa: B017  Scipion raises nothing narrower
            self.launchProtocol(protocol)
        self.assertTrue(protocol.isFailed())
        return protocol.getErrorMessage()

    def test_failing_tomogram_is_left_out_and_named(self):
        lost = simulate(os.path.abspath("simulated data"), "TS_lost", 9)
        tomograms = add_tomograms(self.proj, "one lost", {"TS_1": self.simulated["TS_1"].path, "TS_lost": lost.path}, RATE)
        positions = {"TS_1": self.simulated["TS_1"].truth, "TS_lost": lost.truth}
        picker = self.coordinates("picker F", tomograms, 20, positions)
        os.remove(lost.path)
        protocol = self.launch(inputSets=[self.picker_a, picker], doVoting=True, votingAgreement=1)
        self.assertEqual(sorted(protocol.coordinates.getTSIds()), ["TS_1", "TS_10"])
        summary = "\n".join(protocol.summary())
        self.assertIn("Tomogram left out", summary)
        self.assertIn(lost.path, summary)

    def test_without_agreement_the_run_fails_and_says_what_to_change(self):
        far = {"TS_1": np.array([[20.0, 60.0, 28.0]]), "TS_10": np.array([[70.0, 60.0, 28.0]])}
        lonely = {"TS_1": np.array([[70.0, 20.0, 28.0]]), "TS_10": np.array([[20.0, 20.0, 28.0]])}
        pickers = [self.coordinates("far", self.fine, 20, far), self.coordinates("lonely", self.fine, 20, lonely)]
        message = self.failure_of(self.protocol(inputSets=pickers))
        self.assertIn("Pickers that must agree", message)
        failed = self.proj.getRuns()[-1]
        self.assertFalse(os.path.exists(RunFiles(failed._getExtraPath()).model))
        self.assertEqual(failed.summary()[0], "*Ended during*: training the networks")
        self.assertIn("*So far*: 4 merged picks in 2 of 2 tomograms; enough pickers agree on 0 of them; 4 noise picks",
                      failed.summary())

    def test_votes_are_registered_by_tomograms_also_where_the_run_fails_later(self):
        far = {"TS_1": np.array([[20.0, 60.0, 28.0]]), "TS_10": np.array([[70.0, 60.0, 28.0], [20.0, 60.0, 28.0]])}
        lonely = {"TS_1": np.array([[70.0, 20.0, 28.0]]), "TS_10": np.array([[20.0, 20.0, 28.0]])}
        pickers = [self.coordinates("far apart", self.fine, 20, far), self.coordinates("lonely, too", self.fine, 20, lonely)]
        self.assertIn("Required agreement", self.failure_of(self.protocol(inputSets=pickers, doVoting=True, numberOfThreads=3)))
        failed = self.proj.getRuns()[-1]
        self.assertEqual(failed.summary()[0], "*Ended during*: writing the results")
        self.assertFalse(hasattr(failed, "coordinates"))
        self.assertTrue(failed.scoredCoordinates.isStreamClosed())
        self.assertEqual([c.getTomoId() for c in failed.scoredCoordinates.iterCoordinates()], ["TS_1"] * 2 + ["TS_10"] * 3)

    # ----------------------------------------------------------------------------------------------- validation
    def assert_refused(self, *texts: str, **parameters):
        errors = self.protocol(**{"inputSets": [self.picker_a, self.picker_b], **parameters}).validate()
        self.assertTrue(errors, f"accepted: {parameters}")
        for text in texts:
            self.assertIn(text, "\n".join(errors))

    def test_valid_form_is_accepted(self):
        self.assertEqual(self.protocol(inputSets=[self.picker_a, self.picker_b]).validate(), [])

    def test_wrong_inputs_are_refused_by_the_name_of_the_field(self):
        empty = self.coordinates("empty", self.fine, 20, {"TS_1": np.zeros((0, 3))})
        unscaled = self.coordinates("unscaled", self.fine, 20)
        unscaled.get().setSamplingRate(2 * RATE)
        unscaled.get().write()
        no_box = self.coordinates("no box", self.fine, 0)
        self.assert_refused("Input coordinates", inputSets=[])
        self.assert_refused("Input coordinates", "at least two different sets", inputSets=[self.picker_a])
        self.assert_refused("set 2 is the same as set 1", inputSets=[self.picker_a, self.picker_a])
        self.assert_refused("Input coordinates", "set 2", "empty", inputSets=[self.picker_a, empty])
        self.assert_refused("set 2", "20 Å/voxel", "10 Å/voxel", inputSets=[self.picker_a, unscaled])
        self.assert_refused("set 2", "box size", inputSets=[self.picker_a, no_box])
        self.assert_refused("Negative references", "Positive references", positiveReferences=[self.picker_a],
                            negativeReferences=[self.picker_a])
        self.assert_refused("Pickers that must agree", "lower it to 2", minPickers=3)
        self.assert_refused("Required agreement", doVoting=True, votingAgreement=3)
        self.assert_refused("Symmetry", "c1, c2", "'c0'", symmetry="c0")
        for field, label in (("threshold", "Tolerance threshold"), ("consensusRadius", "Same-element relative radius"),
                             ("epochs", "Cycles (epochs)"), ("batchSize", "batch size"), ("learningRate", "Learning rate")):
            self.assert_refused(label, **{field: -1})

    def test_sets_that_cannot_agree_and_boxes_that_do_not_fit_are_refused_before_anything_is_computed(self):
        elsewhere = self.coordinates("elsewhere", self.tomograms("TS_3 alone", "TS_3"), 20)
        self.assert_refused("Input coordinates", "set 1 has TS_1, TS_10", "set 2 has TS_3", "same tilt-series id",
                            inputSets=[self.picker_a, elsewhere])
        three = self.protocol(inputSets=[self.picker_a, self.picker_b, elsewhere])
        self.assertEqual(three.validate(), [])
        self.assertIn("set 3 shares no tomogram with the others: it has TS_3", "\n".join(three.warnings()))
        thick = self.coordinates("thick box", self.fine, SIZE[2] + 4)
        self.assert_refused("Box size", "60 voxels of 10 Å = 600 Å", "960 x 800 x 560 Å", inputSets=[self.picker_a, thick])
        self.assertEqual(self.protocol(inputSets=[self.picker_a, thick], boxSizeChoice=SMALLEST).validate(), [])
        self.assertEqual(self.protocol(inputSets=[]).warnings(), [])

    def test_wrong_model_is_refused_by_the_name_of_the_field(self):
        self.assert_refused("Model file", "EMPTY", modelType=MODEL_EXISTING)
        self.assert_refused("Model file", "does not exist", modelType=MODEL_EXISTING, modelFile="/nowhere/model.h5")
        self.assert_refused("Model file", ".keras", modelType=MODEL_EXISTING, modelFile=self.simulated["TS_1"].path)

    def test_fields_that_are_not_shown_are_not_checked(self):
        form = self.protocol(inputSets=[self.picker_a, self.picker_b], doVoting=True, epochs=-1, modelType=MODEL_EXISTING)
        self.assertEqual(form.validate(), [])

    def test_every_parameter_has_help(self):
        form = self.protocol()
        for name, param in form.getDefinition().iterParams():
            if name not in ("runName", "runMode"):
                self.assertTrue(param.help.get(), f"parameter {name} has no help")

    def test_labels_of_the_consensus_reach_the_files(self):
        files = RunFiles(self.trained()._getExtraPath())
        positives = read_table(files.labelled("TS_1", POSITIVE))
        self.assertEqual(len(positives["x"]), len(self.simulated["TS_1"].truth))
        self.assertGreater(len(read_table(files.labelled("TS_1", NOISE))["x"]), 0)
