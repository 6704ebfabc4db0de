"""Joining the picks of a network and of template matching through Scipion's launcher, on maps that are made for it.

scipion test xmipptomo.tests.test_protocol_join_picks
"""

import os

import numpy as np
from pyworkflow.object import Pointer
from tomo.constants import BOTTOM_LEFT_CORNER

from ..protocols import XmippProtDeepPick3D, XmippProtJoinPicks3D, XmippProtTemplateMatching3D
from ..protocols.learned.protocol_join_picks3d import LEARNED
from .consensus_project import ConsensusProject
from .simulated_project import SIZE, add_coordinates, add_picker_run

TS_IDS = ("TS_1", "TS_2")
MISSED, WRONG = 3, 4  # of each picker, in each tomogram
BOX = 16


class TestJoinPicks(ConsensusProject):
    """Two pickers that miss different particles and take different places for particles."""

    @classmethod
    def setUpClass(cls):
        cls.make_project(TS_IDS)
        cls.picked = cls.tomograms("tomograms", *TS_IDS)
        cls.known = cls.coordinates("known", cls.picked, BOX, {t: cls.simulated[t].truth for t in TS_IDS})
        grid = np.array([(x, y, z) for x in range(6, 90, 12) for y in range(6, 74, 12) for z in range(6, 50, 11)], dtype=float)
        wrong = {}
        for ts_id in TS_IDS:
            away = np.linalg.norm(grid[:, None] - cls.simulated[ts_id].truth, axis=2).min(axis=1)
            wrong[ts_id] = grid[np.argsort(-away)[:2 * WRONG]]
        cls.network = cls.picker(XmippProtDeepPick3D, "_scores.mrc", wrong, slice(MISSED, None), slice(0, WRONG), "particle")
        cls.template = cls.picker(XmippProtTemplateMatching3D, "_ball_scores.mrc", wrong, slice(None, -MISSED),
                                  slice(WRONG, None), "ball")

    @classmethod
    def picker(cls, protocol_class, ending, wrong, right, own, species):
        """Its map is high at every particle, also at those that it missed, and lower at its wrong places."""
        maps, places = {}, {}
        for ts_id in TS_IDS:
            truth = cls.simulated[ts_id].truth
            volume = cls.rng.normal(0.1, 0.01, SIZE[::-1]).astype(np.float32)
            for value, centres in ((0.9, truth), (0.5, wrong[ts_id][own])):
                for x, y, z in np.rint(centres).astype(int):
                    volume[z - 1:z + 2, y - 1:y + 2, x - 1:x + 2] = value
            maps[f"{ts_id}{ending}"] = volume
            places[ts_id] = np.concatenate([truth[right], wrong[ts_id][own]])
        run = add_picker_run(cls.proj, protocol_class, species, maps)
        return add_coordinates(cls.proj, species, cls.picked, places, BOX, species=species, protocol=run)

    def form(self, network, template, known=None, **parameters):
        form = self.newProtocol(XmippProtJoinPicks3D, diameter=100.0, **parameters)
        for name, pointer in (("inputNetwork", network), ("inputTemplate", template), ("known", known)):
            if pointer is not None:
                getattr(form, name).set(pointer.getObjValue())
                getattr(form, name).setExtended(pointer.getExtended())
        return form

    def test_joined_picks_say_who_found_them_and_a_later_run_uses_what_was_learned(self):
        joined = self.launchProtocol(self.form(self.network, self.template, self.known))
        particles = sum(len(self.simulated[ts_id].truth) for ts_id in TS_IDS)
        one = MISSED * len(TS_IDS)
        items = [c.clone() for c in joined.coordinates.iterCoordinates()]
        found = [(c._foundBy.get(), c.getGroupId(), c._species.get()) for c in items]
        counts = {group: found.count(group) for group in set(found)}
        self.assertEqual(counts, {("both", 1, "ball"): particles - 2 * one, ("tm", 2, "ball"): one, ("dl", 3, "particle"): one})
        for ts_id in TS_IDS:
            places = np.array([c.getPosition(BOTTOM_LEFT_CORNER) for c in items if c.getTomoId() == ts_id])
            away = np.linalg.norm(places[:, None] - self.simulated[ts_id].truth, axis=2)
            self.assertLess(away.min(axis=1).max(), 0.1)
        self.assertEqual(joined.coordinates.getBoxSize(), BOX)
        summary = "\n".join(joined.summary())
        self.assertIn(f"joined: {particles} picks, {particles} accepted, precision 1.000, recall 1.000, F1 1.000", summary)
        self.assertIn(f"tm alone: {one + WRONG * len(TS_IDS)} picks, {one} accepted, precision", summary)

        fit = os.path.abspath(joined._files().fit)
        again = self.launchProtocol(self.form(self.network, self.template, source=LEARNED, fitFile=fit))
        self.assertEqual(again.coordinates.getSize(), particles)
        self.assertNotIn("precision", "\n".join(again.summary()))

    def test_the_form_refuses_what_cannot_be(self):
        part = self.coordinates("part", self.picked, BOX, {"TS_1": self.simulated["TS_1"].truth})
        for form, word in (
                (self.form(self.template, self.network, self.known), "must come from _pick with a trained picker 3D_ with *Keep"),
                (self.form(self.network, self.known, self.known), "must come from _template matching 3D_ with *Keep the score"),
                (self.form(self.network, self.template), "*Known particles* cannot be EMPTY"),
                (self.form(self.network, self.template, part), "*Known particles* has none in TS_2"),
                (self.form(self.network, self.template, source=LEARNED, fitFile="/no/fit.json"), "does not exist: '/no/fit"),
                (self.form(self.network, self.template, self.known, threshold=2.0), "must be at least 0 and at most 1")):
            self.assertIn(word, form.validate()[0])
        self.assertEqual(self.form(self.network, self.template, self.known).validate(), [])
        kept = Pointer(self.network.getObjValue(), extended="coordinates")
        kept.getObjValue().scoreMaps.set(False)
        try:
            self.assertIn("*Keep the score maps?* Yes", self.form(kept, self.template, self.known).validate()[0])
        finally:
            kept.getObjValue().scoreMaps.set(True)
