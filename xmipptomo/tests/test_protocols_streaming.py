"""Watching a folder of tomograms and handing sets on, in a real project."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pyworkflow.object import Pointer
from tomo.constants import BOTTOM_LEFT_CORNER
from tomo.objects import SetOfCoordinates3D

from ..protocols import (
    XmippProtPickBlobs3D,
    XmippProtPickingConsensus3D,
    XmippProtTrigger3D,
    XmippProtWatchPicks3D,
    XmippProtWatchTomograms,
)
from .simulated_project import RATE
from .streaming_project import StreamingProject

TS_IDS = ("TS_1", "TS_2", "TS_3")


class TestStreaming(StreamingProject):
    """Three simulated tomograms."""

    @classmethod
    def setUpClass(cls):
        cls.make_project(TS_IDS)
        cls.folder = os.path.abspath("arriving")
        os.makedirs(cls.folder, exist_ok=True)

    def watch(self, **parameters) -> XmippProtWatchTomograms:
        return self.newProtocol(XmippProtWatchTomograms, folder=self.folder, settle=0.3, tilts="-60 60", **parameters)

    def test_watch_tomograms(self):
        for ts_id in TS_IDS:
            shutil.copy(self.simulated[ts_id].path, os.path.join(self.folder, f"{ts_id}.mrc"))
        content = Path(self.simulated["TS_1"].path).read_bytes()
        Path(self.folder, "short.mrc").write_bytes(content[:5000])
        protocol = self.launchProtocol(self.watch(silence=0.02))
        tomograms = protocol.tomograms
        self.assertEqual(sorted(tomograms.getTSIds()), list(TS_IDS))
        self.assertFalse(tomograms.isStreamOpen())
        self.assertAlmostEqual(tomograms.getSamplingRate(), RATE, places=3)
        self.assertTrue(any(line.startswith("Left out: short: it holds 5000 of ") for line in protocol.summary()))
        self.assertEqual([t.getDim() for t in tomograms.iterItems()], [(96, 80, 56)] * 3)
        self.assertEqual(tomograms.getFirstItem().getAcquisition().getAngleMax(), 60)
        again = self.proj.copyProtocol(protocol)  # its own run folder: nothing of the first is adopted
        self.assertFalse(hasattr(again, "tomograms"))

    def test_picking_consensus(self):
        tomograms = self.tomograms("tomograms of pickers", *TS_IDS)
        sets = [self.coordinates(f"picker {n}", tomograms, 20) for n in (1, 2, 3)]
        kept = {ts_id: self.simulated[ts_id].truth[:10] for ts_id in TS_IDS[:2]}
        sets[2] = self.coordinates("picker of some", tomograms, 20, kept)
        protocol = self.newProtocol(XmippProtPickingConsensus3D, numbers="1,2,3", settle=0.3)
        protocol.inputSets.set([Pointer(p.getObjValue(), extended=p.getExtended()) for p in sets])
        protocol = self.launchProtocol(protocol)
        for ts_id in TS_IDS:
            self.assert_at_particles(protocol.agreed1, ts_id)
            self.assert_at_particles(protocol.agreed2, ts_id)
        self.assertEqual(sorted(protocol.agreed3.getTSIds()), ["TS_1", "TS_2"])  # the third picker missed TS_3
        self.assertEqual(protocol.agreed3.getSize(), 20)
        first = protocol.agreed3.getFirstItem()
        self.assertEqual((first._support.get(), first._pickers.get()), (3, "1+2+3"))
        self.assertFalse(protocol.agreed2.isStreamOpen())

    def trigger(self, given, **parameters) -> XmippProtTrigger3D:
        protocol = self.newProtocol(XmippProtTrigger3D, settle=0.3, **parameters)
        protocol.inputSet.set(given.getObjValue())  # as the window does: to an output of a run
        protocol.inputSet.setExtended(given.getExtended())
        return self.launchProtocol(protocol)

    def test_trigger(self):
        given = self.coordinates("picks", self.tomograms("tomograms", *TS_IDS), 20)
        per_tomogram = {ts_id: len(self.simulated[ts_id].truth) for ts_id in TS_IDS}
        static = self.trigger(given, kind=2, tomograms=2)
        self.assertEqual(sorted(static.released.getTSIds()), ["TS_1", "TS_2"])
        self.assertIsInstance(static.released, SetOfCoordinates3D)
        self.assertEqual(static.released.getSize(), per_tomogram["TS_1"] + per_tomogram["TS_2"])
        self.assertIsNotNone(static.released.getPrecedents())
        several = self.trigger(given, kind=1, tomograms=2)
        self.assertEqual([sorted(one.getTSIds()) for one in (several.released1, several.released2)], [["TS_1", "TS_2"], ["TS_3"]])
        self.assertFalse(several.released1.isStreamOpen() or several.released2.isStreamOpen())
        dynamic = self.trigger(given, kind=0, tomograms=2)
        self.assertEqual(dynamic.released.getSize(), sum(per_tomogram.values()))
        for ts_id in TS_IDS:
            self.assert_at_particles(dynamic.released, ts_id)
        with self.assertRaisesRegex(Exception, "execution failed"):
            self.trigger(given, kind=2, tomograms=9)

    def test_release_fails_and_goes_on(self):
        given = self.coordinates("picks to release", self.tomograms("tomograms to release", *TS_IDS), 20)
        protocol = self.ended(self.released(given, interval=1.0, halves=True, shuffled=True, lacking=1, failAfter=1))
        self.assertTrue(protocol.isFailed())
        self.assertEqual(len(protocol.released.getTSIds()), 1)
        self.ended(self.continued(protocol))
        released = protocol.released
        self.assert_finished(protocol)
        self.assertFalse(released.isStreamOpen())
        self.assertEqual(len(released.getTSIds()), 2)
        for ts_id in released.getTSIds():
            self.assert_at_particles(released, ts_id)

    def test_watch_pick_files(self):
        folder = Path(os.path.abspath("a picker"))
        folder.mkdir(exist_ok=True)
        tomograms = self.tomograms("tomograms of files", *TS_IDS)
        rows = {ts_id: [f"{x:.2f},{y:.2f},{z:.2f}" for x, y, z in self.simulated[ts_id].truth] for ts_id in TS_IDS}
        for ts_id in TS_IDS[:2]:
            (folder / f"{ts_id}.csv").write_text("x,y,z\n" + "\n".join(rows[ts_id]) + "\n")
        protocol = self.newProtocol(XmippProtWatchPicks3D, filesPath=str(folder), pickerName="a picker", boxSize=20, settle=1.0)
        protocol.inputTomograms.set(tomograms.getObjValue())
        protocol.inputTomograms.setExtended(tomograms.getExtended())
        self.proj.launchProtocol(protocol)
        self.until(lambda: self.updated(protocol).hasAttribute("coordinates") and len(protocol.coordinates.getTSIds()) == 2)
        self.killed(protocol)
        self.continued(protocol)
        (folder / "TS_3.csv").write_text("x,y,z\n900,1,1\n")  # in another unit, at first
        self.until(lambda: any("outside" in line for line in protocol.summary()))
        (folder / "TS_3.csv").write_text("x,y,z\n" + "\n".join(rows["TS_3"]) + "\n")
        self.ended(protocol)
        self.assert_finished(protocol)
        for ts_id in TS_IDS:
            self.assert_at_particles(protocol.coordinates, ts_id)
        self.assertFalse(protocol.coordinates.isStreamOpen())

    def test_agreed_picks_are_handed_on_while_they_come_and_after_kills(self):
        tomograms = self.tomograms("tomograms of two pickers", *TS_IDS)
        given = [self.coordinates(f"picker {n} of two", tomograms, 20) for n in (1, 2)]
        sources = [self.released(given[0], interval=6.0), self.released(given[1], interval=7.0, lacking=1)]
        agreed = self.form(XmippProtPickingConsensus3D, sources, numbers="1,2", settle=1.0)
        self.proj.launchProtocol(agreed)
        self.until(lambda: self.updated(agreed).hasAttribute("agreed1"))
        trigger = self.newProtocol(XmippProtTrigger3D, settle=1.0, kind=1, tomograms=2)
        trigger.inputSet.set(agreed)
        trigger.inputSet.setExtended("agreed1")
        self.assertTrue(agreed.agreed1.isStreamOpen())
        self.proj.launchProtocol(trigger)
        self.killed(agreed)
        self.continued(agreed)
        self.until(lambda: self.updated(trigger).hasAttribute("released1"))
        self.killed(trigger)
        self.continued(trigger)
        for run in (agreed, trigger):
            self.ended(run)
            self.assert_finished(run)
        for ts_id in TS_IDS:
            self.assert_at_particles(agreed.agreed1, ts_id)
        self.assertEqual(len(agreed.agreed2.getTSIds()), 2)  # AND is empty where a picker lacks the tomogram
        handed = [trigger.released1, trigger.released2]
        self.assertEqual([len(own.getTSIds()) for own in handed], [2, 1])
        self.assertEqual(sorted(ts_id for own in handed for ts_id in own.getTSIds()), list(TS_IDS))
        self.assertEqual(sum(own.getSize() for own in handed), agreed.agreed1.getSize())
        self.assertFalse(any(own.isStreamOpen() for own in (*handed, agreed.agreed1, agreed.agreed2)))

    def test_a_picker_follows_tomograms(self):
        given = self.tomograms("all tomograms", *TS_IDS)
        coming = self.released(given, interval=8.0)
        picker = self.newProtocol(XmippProtPickBlobs3D, diameter=100.0, binThreads=1)
        picker.inputTomograms.set(coming)
        picker.inputTomograms.setExtended("released")
        self.proj.launchProtocol(picker)
        self.until(lambda: self.updated(picker).hasAttribute("coordinates"))
        self.assertTrue(picker.coordinates.isStreamOpen())
        self.killed(picker)
        self.ended(self.continued(picker))
        self.assert_finished(picker)
        batch = self.newProtocol(XmippProtPickBlobs3D, diameter=100.0, binThreads=1)
        batch.inputTomograms.set(given.getObjValue())
        batch.inputTomograms.setExtended(given.getExtended())
        self.launchProtocol(batch)
        places = [sorted((c.getTomoId(), *c.getPosition(BOTTOM_LEFT_CORNER), c.getScore())
                         for c in own.coordinates.iterCoordinates()) for own in (picker, batch)]
        self.assertEqual(*places)
        self.assertEqual(sorted(picker.coordinates.getTSIds()), list(TS_IDS))
        self.assertIn(f"*{len(places[0])} picks* in 3 tomograms", picker.summary()[0])
