"""The second look of the deep consensus protocol through Scipion's launcher.

scipion test xmipptomo.tests.test_protocol_second_look
"""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.runs.results import read_run

from ..constants import RECIPES
from ..files import RunFiles
from .consensus_project import ConsensusProject
from .simulated_project import RATE, add_tomograms

TILTS = (-57.0, 63.0)


class TestSecondLook(ConsensusProject):
    """Three tomograms that say their tilts, with little noise, so that the averages of 66 particles agree."""

    @classmethod
    def setUpClass(cls):
        cls.make_project(("TS_1", "TS_2", "TS_3"), noise=0.15)
        tomograms = add_tomograms(cls.proj, "tomograms", {t: one.path for t, one in cls.simulated.items()}, RATE, tilts=TILTS)
        cls.pickers = [cls.coordinates(f"picker {number}", tomograms, 20) for number in (1, 2)]

    def furthest(self, protocol, places: np.ndarray) -> float:
        """Largest distance from one of some places (n, 3) to the accepted pick next to it, voxels of RATE."""
        protocol.coordinates.close()  # the file may have been written again since it was read here
        found = np.concatenate([self.positions(protocol.coordinates, ts_id) for ts_id in self.simulated])
        self.assertEqual(len(found), len(places))
        return float(np.linalg.norm(found[:, None] - places[None], axis=2).min(axis=0).max())

    def test_it_scores_and_centres_the_picks_and_is_continued_without_training(self):
        protocol = self.launch(inputSets=self.pickers, epochs=1, folds=2, noiseRadius=0.5, threshold=0.0, scoreRawPicks=False)
        files = RunFiles(protocol._getExtraPath())
        look = json.loads(Path(files.look).read_text())
        self.assertTrue(look["used"], look["reason"])
        # A diameter of half of the box, and the tilts of the tomograms
        line = f"*Second look* (100 Å in diameter, tilts -57 to 63 degrees): {look['reason']}; centres moved"
        self.assertIn(line, protocol.summary())
        self.assertIn("by half of their distance to the centre of the average", protocol.methods()[0])
        picked = pd.read_csv(files.looks)[["x_picked", "y_picked", "z_picked"]].to_numpy()
        self.assertGreater(self.furthest(protocol, picked), 0.1)
        for ts_id in self.simulated:
            self.assert_at_particles(protocol.coordinates, ts_id)
        self.assertEqual(len(read_run(files.root).averages), 2)
        times = [os.stat(path).st_mtime_ns for path in (files.model, files.scored_first)]
        protocol.keepCentres.set(True)
        protocol.diameter.set(110.0)
        kept = self.launchProtocol(protocol)
        self.assertEqual([os.stat(path).st_mtime_ns for path in (files.model, files.scored_first)], times)
        self.assertIn("*Second look* (110 Å in diameter", "\n".join(kept.summary()))
        self.assertLess(self.furthest(kept, picked), 0.01)
        kept.secondLook.set(False)
        once = self.launchProtocol(kept)
        self.assertEqual(os.stat(files.model).st_mtime_ns, times[0])
        self.assertNotIn("Second look", "\n".join(once.summary()))
        self.assertEqual([path for path in files.of_second_look if path.exists()], [])
        self.assertLess(self.furthest(once, picked), 0.01)

    def test_votes_have_it_where_a_diameter_is_given(self):
        protocol = self.launch(inputSets=self.pickers, doVoting=True, diameter=100.0, noiseRadius=0.5)
        files, lines = RunFiles(protocol._getExtraPath()), protocol.summary()
        content = json.loads(Path(files.summary).read_text())
        self.assertEqual((content["method"], content["threshold"]), ("votes and second look", 0.5))
        self.assertTrue(content["secondLook"]["used"], content["secondLook"]["reason"])
        self.assertIn("votes alone", lines[0].lower())  # every pick of both: the look has nothing to learn from
        self.assertTrue(any(line.startswith("*Second look* (100 Å in diameter") for line in lines))
        self.assertIn("no network was used", protocol.methods()[0])
        self.assertFalse(os.path.exists(files.model) or os.path.exists(files.scored_raw))
        n = sum(len(one.truth) for one in self.simulated.values())
        self.assertGreaterEqual(protocol.coordinates.getSize(), n - 3)  # a contrast that stands out is not accepted

    def test_wrong_diameter_and_tilts_are_refused_by_the_name_of_the_field(self):
        def errors(**values) -> str:
            return "\n".join(self.protocol(inputSets=self.pickers, **values).validate())

        for diameter in (0, -5, 300):
            self.assertIn("*Diameter (Å)* must be greater than 0 and at most the common box of 20 voxels of 10 Å = 200 Å",
                          errors(diameter=diameter))
        for first, last in ((60, -60), (-60, -60), (-100, 60), (None, 95)):
            self.assertIn("*Last tilt (degrees)* must lie between -90 and 90", errors(firstTilt=first, lastTilt=last))
        self.assertEqual(errors(diameter=120, firstTilt=-50), "")
        self.assertIn("*Diameter (Å)*", errors(diameter=-1, doVoting=True))
        for choice in ({"secondLook": False}, {"recipe": RECIPES.index("paper")}):
            self.assertEqual(errors(diameter=-1, firstTilt=95, **choice), "")  # not shown, not checked
