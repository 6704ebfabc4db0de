"""The deep consensus while its inputs grow, through Scipion's launcher: the end is that of the batch run."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
from pyworkflow.object import Pointer

from ..constants import MODEL_EXISTING
from ..files import RunFiles
from ..protocols import XmippProtStreamingConsensus3D
from .streaming_project import StreamingProject

TS_IDS = ("TS_1", "TS_10", "TS_2", "TS_3")
QUICK = {"epochs": 1, "folds": 2, "batchSize": 32, "writeReport": False, "binThreads": 1, "numberOfThreads": 3,
         "scoreRawPicks": False, "useGpu": False}
SOON = {"settle": 1.0, "firstTomograms": 2, "firstAgreed": 10}


class TestStreamingConsensus3D(StreamingProject):
    """Four simulated tomograms and two pickers whose sets grow."""

    @classmethod
    def setUpClass(cls):
        cls.make_project(TS_IDS)
        tomograms = cls.tomograms("tomograms", *TS_IDS)
        cls.pickers = [cls.coordinates(f"picker {n}", tomograms, 20, score=0.5 + n / 10) for n in (1, 2)]

    def test_votes(self):
        sources = [self.released(self.pickers[0], interval=2.0), self.released(self.pickers[1], interval=3.0, shuffled=True)]
        live = self.form(XmippProtStreamingConsensus3D, sources, doVoting=True, **QUICK, **SOON)
        self.assertEqual(live.validate(), [])
        self.assertTrue(live.worksInStreaming())
        self.launchProtocol(live)
        self.assert_published_once(live, TS_IDS)
        for ts_id in TS_IDS:
            self.assert_at_particles(live.liveCoordinates, ts_id)
        batch = self.launch(inputSets=[Pointer(one, extended="released") for one in sources], doVoting=True, **QUICK)
        self.assert_same_end(live, batch)
        first = live.liveCoordinates.getFirstItem()
        self.assertEqual((first._model.get(), first._support.get(), first.getScore()), (0, 2, 1.0))

    def test_votes_of_a_late_picker_in_another_order_and_of_one_that_is_blind_to_a_tomogram(self):
        sources = [self.released(self.pickers[0], interval=1.0, delay=15, shuffled=True),
                   self.released(self.pickers[1], interval=2.0, lacking=1, jitter=0.5, seed=3)]
        live = self.form(XmippProtStreamingConsensus3D, sources, doVoting=True, **QUICK, **SOON)
        self.launchProtocol(live)
        both = sorted(set(sources[0].released.getTSIds()) & set(self.updated(sources[1]).released.getTSIds()))
        self.assertEqual(len(both), 3)
        self.assert_published_once(live, both)  # a single picker gives no agreed pick
        batch = self.launch(inputSets=[Pointer(one, extended="released") for one in sources], doVoting=True, **QUICK)
        self.assert_same_end(live, batch)

    def test_a_picker_that_closed_without_a_coordinate_saw_nothing(self):
        """The batch form refuses its set; a run that follows it must go on, also after an interruption, to its final pass."""
        nowhere = {ts_id: np.zeros((0, 3)) for ts_id in TS_IDS}
        tomograms = self.tomograms("its tomograms", *TS_IDS)
        empty = self.finished_without(self.coordinates("picker of nothing", tomograms, 20, nowhere))
        sources = [self.released(picker, interval=3.0) for picker in self.pickers]
        live = self.form(XmippProtStreamingConsensus3D, sources, doVoting=True, **QUICK, **SOON)
        live.inputSets.append(empty)
        self.assertEqual(live.validate(), [])
        self.proj.launchProtocol(live)
        self.until(lambda: self.updated(live).hasAttribute("liveCoordinates"))
        self.killed(live)
        self.ended(self.continued(live))
        self.assert_finished(live)
        self.assert_published_once(live, TS_IDS)
        for found in (live.liveCoordinates, live.coordinates):
            self.assertEqual({(item._support.get(), round(item.getScore(), 3)) for item in found.iterCoordinates()}, {(2, 0.667)})
            for ts_id in TS_IDS:
                self.assert_at_particles(found, ts_id)
        batch = self.protocol(inputSets=[*self.pickers, empty], doVoting=True)
        self.assertIn("*Input coordinates*, set 3: it is empty; remove it from the list.", batch.validate())

    def test_votes_with_a_kill_every_few_seconds(self):
        sources = [self.released(self.pickers[0], interval=6.0, halves=True), self.released(self.pickers[1], interval=7.0)]
        live = self.form(XmippProtStreamingConsensus3D, sources, doVoting=True, **QUICK, **SOON)
        self.proj.launchProtocol(live)
        waits, kills = np.random.default_rng(5), 0
        while kills < 8:
            time.sleep(float(waits.uniform(4, 16)))
            if not self.updated(live).isActive():
                break
            self.killed(live)
            kills += 1
            self.continued(live)
        self.ended(live)
        self.assert_finished(live)
        self.assertGreater(kills, 2)
        self.assert_published_once(live, TS_IDS)
        batch = self.launch(inputSets=[Pointer(one, extended="released") for one in sources], doVoting=True, **QUICK)
        self.assert_same_end(live, batch)

    def test_what_fails_is_left_out_and_tried_again_in_the_final_pass(self):
        """A tomogram whose file is gone for a time; a final pass that fails, and is repeated with what is published kept."""
        path = Path(self.simulated["TS_3"].path)
        aside = path.rename(path.with_suffix(".away"))
        try:
            sources = [self.released(picker, interval=1.0) for picker in self.pickers]
            live = self.form(XmippProtStreamingConsensus3D, sources, doVoting=True, **QUICK, **SOON)
            self.proj.launchProtocol(live)
            self.until(lambda: any("TS_3' is left out" in line for line in live.summary()))
        finally:
            aside.rename(path)
        self.ended(live)
        self.assert_finished(live)
        self.assert_published_once(live, TS_IDS[:3])
        self.assertEqual(sorted(live.coordinates.getTSIds()), sorted(TS_IDS))
        rows = self.rows(live, "liveCoordinates")
        table = Path(RunFiles(live._getExtraPath()).consensus("TS_1"))
        merged_at = table.stat().st_mtime_ns
        live.writeReport.set(True)
        self.ended(self.continued(live))  # of the final pass what depends on it, and nothing else
        self.assert_finished(live)
        self.assertEqual(self.rows(live, "liveCoordinates"), rows)
        self.assertEqual(table.stat().st_mtime_ns, merged_at)
        self.assertTrue(Path(RunFiles(live._getExtraPath()).report).exists())
        live.consensusRadius.set(0.1)  # another merging: what is published would be a mixture
        self.ended(self.continued(live))
        self.assertTrue(live.isFailed())
        self.assertIn("begun with other values of consensusRadius", live.getErrorMessage())

    def test_networks_with_kills(self):
        sources = [self.released(self.pickers[0], interval=4.0, halves=True), self.released(self.pickers[1], interval=5.0)]
        live = self.form(XmippProtStreamingConsensus3D, sources, **QUICK, **SOON)
        self.proj.launchProtocol(live)
        ledger, models = Path(live._getExtraPath("ledger")), Path(live._getExtraPath("live", "models"))
        for reached in (lambda: any(ledger.glob("*.json")), lambda: any(models.glob("*/tomograms.json")),
                        lambda: self.updated(live).hasAttribute("liveCoordinates"),
                        lambda: Path(live._getExtraPath("consensus", "model.h5")).exists()):
            self.until(reached)
            self.killed(live)
            self.continued(live)
        self.ended(live)
        self.assert_finished(live)
        self.assert_published_once(live, TS_IDS)
        batch = self.launch(inputSets=[Pointer(one, extended="released") for one in sources], **QUICK)
        self.assert_same_end(live, batch)
        models = {item._model.get() for item in live.liveCoordinates.iterItems()}
        self.assertTrue(models <= {1, 2} and models, models)

    def test_a_given_model_scores_from_the_first_tomogram(self):
        batch = self.launch(inputSets=self.pickers, secondLook=False, **QUICK)
        sources = [self.released(picker, interval=3.0, objLabel=picker.getObjValue().getRunName()) for picker in self.pickers]
        given = self.form(XmippProtStreamingConsensus3D, sources, modelType=MODEL_EXISTING, skipTraining=True, finalPass=False,
                          **QUICK, **SOON)
        given.modelRun.set(batch)
        self.assertEqual(given.validate(), [])
        self.launchProtocol(given)
        self.assert_published_once(given, TS_IDS)
        rows = [(item._model.get(), item.getScore() >= 0.5) for item in given.liveCoordinates.iterItems()]
        self.assertEqual(set(rows), {(1, True)})
        self.assertFalse(hasattr(given, "coordinates"))
