"""Answers of a person in Scipion: Continue learns from them, a restart keeps them, a set says who said what.

scipion test xmipptomo.tests.test_protocol_answers
"""

import os
from pathlib import Path

import numpy as np

from tomo_particles.consensus.informative_picks import AGAIN
from tomo_particles.runs.curation import open_curation

from ..files import RunFiles
from ..viewers import DeepConsensusPicking3DViewer
from ..viewers.curation_view import CurationView
from .consensus_project import ConsensusProject

TS_IDS = ("TS_1", "TS_2")


class TestAnswers(ConsensusProject):
    """A run whose pickers agree on so few picks that no network is trained: quick, and the votes give the scores."""

    @classmethod
    def setUpClass(cls):
        cls.make_project(TS_IDS)
        tomograms = cls.tomograms("fine", *TS_IDS)
        places = {name: cls.simulated[name].truth for name in TS_IDS}
        cls.pickers = [
            cls.coordinates("picker A", tomograms, 20, {name: own[:12] for name, own in places.items()}),
            cls.coordinates("picker B", tomograms, 20, {name: own[9:] for name, own in places.items()}),
        ]

    def test_continue_learns_and_a_restart_keeps_the_answers(self):
        protocol = self.launch(inputSets=self.pickers, noiseRadius=0.5, threshold=0.5, writeReport=False)
        files = RunFiles(protocol._getExtraPath())
        before, boxes = protocol.coordinates.getSize(), sorted(files.root.rglob("*.mrcs"))
        made = [os.stat(path).st_mtime_ns for path in boxes]
        curation = self.curated(protocol)
        answers = Path(files.answers).read_bytes()

        continued = self.launchProtocol(protocol)
        self.assertEqual([os.stat(path).st_mtime_ns for path in boxes], made)
        said = [(c._answer.get(), c._who.get(), c.getTomoId()) for c in continued.answeredCoordinates.iterCoordinates()]
        self.assertEqual(sorted({answer for answer, *_ in said}), [-1, 1])
        self.assertEqual({who for _, who, _ in said}, {"Ana"})
        self.assertEqual(len(said), 13)
        labels = [c._label.get() for c in continued.scoredCoordinates.iterCoordinates()
                  if c._pickers.get().startswith("reference")]
        self.assertEqual((labels.count(1), labels.count(-1)), (7, 6))
        self.assertNotEqual(continued.coordinates.getSize(), before)
        self.assertEqual(continued.coordinates.getSize(), int((curation.probability >= 0.5).sum()) + 1)
        self.assertIn("12 picks were judged by a person, 6 of them particles", "\n".join(continued.summary()))

        continued.runMode.set(1)  # restart: Scipion empties the folder of the run
        restarted = self.launchProtocol(continued)
        self.assertEqual(Path(files.answers).read_bytes(), answers)
        self.assertEqual(restarted.answeredCoordinates.getSize(), 13)

    def curated(self, protocol):
        """Twelve answers in turn, and a particle where no picker has a pick."""
        viewer = DeepConsensusPicking3DViewer(project=self.proj, protocol=protocol)
        viewer.setProtocol(protocol)
        (view,) = viewer._getVisualizeDict()["showCurate"]("showCurate")
        self.assertIsInstance(view, CurationView)
        curation = open_curation(RunFiles(protocol._getExtraPath()).root, "Ana", 1)
        while curation.number < 12:
            if curation.question().why == AGAIN:  # half of these answers are wrong, so that a pick may be asked twice
                curation.skip()
            else:
                curation.answer(curation.number % 2 == 0)
        corner = np.array([4.0, 4.0, 4.0])
        apart = [np.linalg.norm(place - corner) for place in curation.picks.positions]
        self.assertGreater(min(apart), 8)
        curation.mark("TS_1", corner, True, "clicked in the tomogram")
        return curation
