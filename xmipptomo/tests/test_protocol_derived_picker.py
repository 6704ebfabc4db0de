"""From a consensus to a picker that learned from it, and back: scored, but no witness. Masks decide where noise is picked.

scipion test xmipptomo.tests.test_protocol_derived_picker
"""

import json
import os
from pathlib import Path

import numpy as np
from pyworkflow.object import Pointer
from tomo.constants import SCIPION

from tomo_particles.formats.xmd import read_picks
from tomo_particles.regions.classes import USER
from tomo_particles.regions.mask_files import write_mask
from tomo_particles.regions.region_mask import RegionMask

from ..files import NOISE, RunFiles
from ..protocols import XmippProtDeepConsensusPicking3D, XmippProtDeepPick3D, XmippProtTrainPicker3D
from ..protocols.learned.protocol_train_picker3d import CONSENSUS
from .consensus_project import ConsensusProject
from .simulated_project import RATE, SIZE, add_masks

TS_IDS = ("TS_1", "TS_2")
QUICK = {"epochs": 1, "folds": 2, "noiseRadius": 0.5, "useGpu": False, "secondLook": False, "writeReport": False}


class TestDerivedPicker(ConsensusProject):
    """A consensus, a picker of one step that learns from it, and the consensus again with a derived picker."""

    @classmethod
    def setUpClass(cls):
        cls.make_project(TS_IDS)
        cls.picked = cls.tomograms("tomograms", *TS_IDS)
        places = {ts_id: cls.simulated[ts_id].truth for ts_id in TS_IDS}
        # nobody but the pupil finds the last three
        found = [{ts_id: own[:-3] + cls.rng.normal(0, 0.3, (len(own) - 3, 3)) for ts_id, own in places.items()} for _ in "AB"]
        cls.pickers = [cls.coordinates(f"picker {name}", cls.picked, 20, own) for name, own in zip("AB", found, strict=True)]
        cls.pupil = cls.coordinates("pupil", cls.picked, 20, places, score=0.9)
        cls.masks = cls.right_half_bad()
        cls.without = cls.run_of([])
        cls.with_ = cls.run_of([cls.pupil])

    @classmethod
    def run_of(cls, derived):
        form = cls.form_of(XmippProtDeepConsensusPicking3D, {"regionMasks": cls.masks}, threshold=0.0, binThreads=2, **QUICK)
        for name, pointers in (("inputSets", cls.pickers), ("derivedSets", derived)):
            for pointer in pointers:
                getattr(form, name).append(Pointer(pointer.getObjValue(), extended=pointer.getExtended()))
        return cls.launchProtocol(form)

    @classmethod
    def form_of(cls, protocol_class, pointers, **parameters):
        form = cls.newProtocol(protocol_class, **{"numberOfThreads": 1, **parameters})
        for name, pointer in pointers.items():
            getattr(form, name).set(pointer.getObjValue())
            getattr(form, name).setExtended(pointer.getExtended())
        return form

    @classmethod
    def right_half_bad(cls):
        paths = {}
        for ts_id in TS_IDS:
            labels = np.zeros(tuple(edge // 2 for edge in SIZE[::-1]), dtype=np.uint8)
            labels[..., SIZE[0] // 4:] = USER
            paths[ts_id] = os.path.abspath(f"{ts_id}_right_mask.mrc")
            write_mask(paths[ts_id], RegionMask(labels, 2 * RATE))
        return add_masks(cls.proj, "masks", paths, 2 * RATE)

    def test_nothing_of_the_others_changes(self):
        one, other = (RunFiles(run._getExtraPath()) for run in (self.without, self.with_))
        for ts_id in TS_IDS:
            for path, same in ((one.consensus(ts_id), other.consensus(ts_id)),
                               (one.labelled(ts_id, NOISE), other.labelled(ts_id, NOISE))):
                self.assertEqual(Path(path).read_bytes(), Path(same).read_bytes())
        self.assertEqual(one.reliability.read_bytes(), other.reliability.read_bytes())
        self.assertEqual(one.verdict.read_bytes(), other.verdict.read_bytes())
        scores = [{(c.getTomoId(), c._pickers.get(), c.getPosition(SCIPION)): c.getScore()
                   for c in run.scoredCoordinates.iterCoordinates() if "derived" not in c._pickers.get()}
                  for run in (self.without, self.with_)]
        self.assertEqual(*scores)

    def test_the_pupil_has_scores_but_no_votes(self):
        own = [c.clone() for c in self.with_.coordinates.iterCoordinates() if "derived" in c._pickers.get()]
        self.assertEqual(len(own), 6)
        self.assertEqual({(c._pickers.get(), c._support.get(), c._label.get()) for c in own}, {("pupil (derived)", 0, 0)})
        self.assertTrue(all(0 < c._networkScore.get() < 1 and 0 <= c.getScore() <= 1 for c in own))
        self.assertIn("pupil (derived): found 6 places alone, 6 of them accepted", "\n".join(self.with_.summary()))
        self.assertNotIn("derived", "\n".join(self.without.summary()))

    def test_noise_keeps_away_from_bad_regions(self):
        for ts_id in TS_IDS:
            noise = read_picks(RunFiles(self.without._getExtraPath()).labelled(ts_id, NOISE))
            self.assertGreater(len(noise), 0)
            self.assertLess(noise.positions[:, 0].max(), SIZE[0] / 2)

    def test_a_picker_learns_from_the_scores_and_knows_the_tomograms_again(self):
        pointers = {"inputCoordinates": Pointer(self.without, extended="scoredCoordinates"), "regionMasks": self.masks}
        form = self.form_of(XmippProtTrainPicker3D, pointers, source=CONSENSUS, diameter=100.0, steps=1, folds=2, patch=16,
                            width=0.25, useGpu=False)
        self.assertEqual(form.validate(), [])
        trained = self.launchProtocol(form)
        content = json.loads(Path(trained._files().beside("_summary.json")).read_text())
        self.assertEqual(content["parameters"]["consensus"], str(RunFiles(self.without._getExtraPath()).root))
        summary = "\n".join(trained.summary())
        self.assertRegex(summary, r"\*Note\* 'TS_1': \d+ of \d+ particles lie in bad regions")
        pointers = {"inputTomograms": self.picked, "inputModel": Pointer(trained, extended="model")}
        picked = self.launchProtocol(self.form_of(XmippProtDeepPick3D, pointers, useGpu=False, keep=1, number=4))
        self.assertIn("is of the training: each place is picked by the network that did not", "\n".join(picked.summary()))

    def test_wrong_inputs_are_refused_by_the_name_of_the_field(self):
        twice = self.protocol(inputSets=self.pickers, derivedSets=self.pickers[:1], **QUICK)
        self.assertTrue(any("*Derived pickers*: set 1 is also given elsewhere" in error for error in twice.validate()))
        voting = self.protocol(inputSets=self.pickers, derivedSets=[self.pupil], doVoting=True)
        self.assertEqual(voting.validate(), [])
