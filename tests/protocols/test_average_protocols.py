"""Averages of coordinates through Scipion's launcher: places, matrices, half maps, and what a form refuses."""

import json
import os
import warnings
from dataclasses import replace
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from averaged_scene import DIAMETER, RATE, SIZE, make_scene
from scipy.ndimage import affine_transform
from scipy.spatial.transform import Rotation

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.object import Pointer
    from pyworkflow.project import Manager
    from pyworkflow.protocol import MODE_RESUME
    from pyworkflow.tests import BaseTest, setupTestProject
    from pyworkflow.utils import cleanPath
    from tomo.constants import BOTTOM_LEFT_CORNER, SCIPION
    from tomo.protocols import ProtImportCoordinates3D, ProtTomoExtractCoords
    from tomo.protocols.protocol_split_evenodd_subtomos import ProtSplitEvenOddTomoSet

    from xmipptomo.convert import append_picks, tomogram_of
    from xmipptomo.protocols import XmippProtAverageSubtomograms3D, XmippProtCompareBranches3D
    from xmipptomo.tests.simulated_project import add_tomograms

from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.geometry.orientations import angles_of

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

NAMES = {"TS 1": "TS_1", "TS_2": "TS_2"}  # a tilt series with a blank in its name, and the scene's tomogram
BORDER = 3  # row of a pick in each tomogram whose box lies mostly outside


def binned(volume):
    z, y, x = (n // 2 for n in volume.shape)
    return volume.reshape(z, 2, y, 2, x, 2).mean(axis=(1, 3, 5))


class TestAverageProtocols(BaseTest):
    """One project: an average of particles, one of nothing, a comparison of both."""

    @pytest.fixture(scope="class", autouse=True)
    def folder_kept(self):
        """Scipion's tests change into their project: come back."""
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(".")
            yield

    @classmethod
    def setUpClass(cls):
        cleanPath(Manager().getProjectPath(cls.__name__))
        setupTestProject(cls)
        cls.scene = make_scene(count=25)
        folder = cls.proj.getTmpPath("averages")
        os.makedirs(folder, exist_ok=True)
        paths, coarse = {}, {}
        for ts_id, name in NAMES.items():
            paths[ts_id], coarse[ts_id] = (os.path.join(folder, f"{kind}_{name}.mrc") for kind in ("fine", "coarse"))
            volume = cls.scene.tomograms[name]
            write_volume(paths[ts_id], volume, 1.0)  # a wrong header: the rate of the set counts
            write_volume(coarse[ts_id], binned(volume), 2 * RATE)
        cls.tomograms = add_tomograms(cls.proj, "tomograms", paths, RATE)
        cls.coarse = add_tomograms(cls.proj, "binned", coarse, 2 * RATE)
        rng = np.random.default_rng(3)
        cls.picks = {}
        for ts_id, name in NAMES.items():
            places = cls.scene.places[name] + rng.normal(0, 0.7, cls.scene.places[name].shape)
            angles = angles_of(cls.scene.rotations[name])
            places, angles = np.insert(places, BORDER, (2, 2, 2), axis=0), np.insert(angles, BORDER, (1, 2, 3), axis=0)
            n = len(places)
            cls.picks[ts_id] = Picks(ts_id, places, RATE, score=np.full(n, 0.5), angles=angles, group=np.arange(n))
        cls.good = cls.add_coordinates("particles", cls.tomograms, cls.picks)
        places = {ts_id: rng.uniform(15, np.array(SIZE) - 15, (30, 3)) for ts_id in NAMES}
        turns = {ts_id: angles_of(Rotation.from_quat(rng.standard_normal((30, 4)))) for ts_id in NAMES}
        cls.random = cls.add_coordinates(
            "random places", cls.coarse, {ts_id: Picks(ts_id, places[ts_id], RATE, angles=turns[ts_id]) for ts_id in NAMES}
        )
        cls.average = cls.launchProtocol(cls.form(cls.good))

    @classmethod
    def add_coordinates(cls, label, tomograms, picks):
        protocol = cls.newProtocol(ProtImportCoordinates3D, importTomograms=tomograms)
        protocol.setObjLabel(label)
        cls.proj.saveProtocol(protocol)
        protocol.makePathsAndClean()
        coordinates = protocol._createSetOfCoordinates3D(tomograms)
        coordinates.setSamplingRate(tomograms.get().getSamplingRate())
        coordinates.setBoxSize(20)
        for ts_id, own in picks.items():
            attributes = {"_origin_of_pick": [f"{ts_id}/{i}" for i in range(len(own))]}
            append_picks(coordinates, tomogram_of(tomograms.get(), ts_id), own, attributes=attributes)
        coordinates.write()
        protocol._defineOutputs(outputCoordinates=coordinates)
        protocol.setFinished()
        protocol._store()
        cls.proj.mapper.commit()
        return Pointer(protocol, extended="outputCoordinates")

    @classmethod
    def form(cls, pointer, **changes):
        values = {"diameter": DIAMETER, "lowPass": 40.0, "start": 1, "numberOfThreads": 1} | changes
        protocol = cls.newProtocol(XmippProtAverageSubtomograms3D, **values)
        cls.point(protocol, pointer)
        return protocol

    @staticmethod
    def point(protocol, pointer):
        """As the window does: to an output of a run."""
        protocol.inputCoordinates.set(pointer.getObjValue())
        protocol.inputCoordinates.setExtended(pointer.getExtended())

    def again(self, protocol, pointer, **changes):
        """The run continued with other coordinates, as the project knows it then."""
        self.point(protocol, pointer)
        protocol.setAttributesFromDict({"runMode": MODE_RESUME, **changes})
        self.launchProtocol(protocol)
        return self.proj.getProtocol(protocol.getObjId(), fromRuns=False)

    def items_of(self, coordinates, ts_id):
        found = [item.clone() for item in coordinates.iterItems() if item.getTomoId() == ts_id]
        for item in found:
            item.setVolume(self.tomograms.get()[{"_tsId": ts_id}])
        return found

    # ---- the average
    def test_the_coordinates_come_nearer_to_the_particles_and_keep_what_they_were(self):
        output = self.average.coordinates
        before = self.good.get()
        self.assertEqual((output.getSamplingRate(), output.getBoxSize()), (RATE, 20))
        self.assertEqual(output.getSize(), before.getSize() - len(NAMES))  # without the one at the border of each
        self.assertEqual(output._precedentsPointer.getUniqueId(), self.tomograms.getUniqueId())
        self.assertEqual(sorted(output.getTSIds()), sorted(NAMES))
        for ts_id, name in NAMES.items():
            items, truth = self.items_of(output, ts_id), self.scene.places[name]
            rows = [row for row in range(len(truth) + 1) if row != BORDER]
            self.assertEqual([item.getGroupId() for item in items], rows)
            self.assertEqual([item._origin_of_pick.get() for item in items], [f"{ts_id}/{row}" for row in rows])
            self.assertEqual({item.getScore() for item in items}, {0.5})
            places = np.array([item.getPosition(BOTTOM_LEFT_CORNER) for item in items])
            off = np.linalg.norm(places - truth, axis=1).mean() * RATE
            picked = self.picks[ts_id].positions[rows]
            self.assertLess(off, 6)
            self.assertGreater(np.linalg.norm(picked - truth, axis=1).mean() * RATE, 9)
            moved = np.linalg.norm(places - picked, axis=1) * RATE
            np.testing.assert_allclose([item._shift.get() for item in items], moved, atol=0.5)
            self.assertEqual({item._half.get() for item in items}, {1, 2})
            self.assertTrue(all(0.2 < item._ccc.get() <= 1 for item in items))
            # Scipion's matrix takes the particle onto its reference: the average stands as the particles of the scene do.
            turns = Rotation.from_matrix([item.getMatrix()[:3, :3] for item in items])
            differ = np.degrees((turns * self.scene.rotations[name]).magnitude())
            self.assertLess(np.median(differ), 8)

    def test_the_average_has_its_rate_its_origin_and_its_halves(self):
        average = self.average.average
        self.assertEqual((average.getSamplingRate(), average.getDim()), (RATE, (22, 22, 22)))
        self.assertEqual(average.getOrigin(force=True).getShifts(), (-110.0, -110.0, -110.0))
        halves = average.getHalfMaps(asList=True)
        self.assertEqual([os.path.basename(path) for path in halves], ["half1.mrc", "half2.mrc"])
        maps = [mrcfile.read(path) for path in (*halves, average.getFileName())]
        self.assertGreater(np.corrcoef(maps[0].ravel(), maps[1].ravel())[0, 1], 0.5)
        middle = maps[2][8:14, 8:14, 8:14]
        self.assertGreater(middle.mean(), maps[2].mean() + maps[2].std())  # bright, in the middle

    # ---- the subtomograms
    def test_the_transformations_lay_the_subtomograms_on_the_average(self):
        subtomograms = self.average.subtomograms
        self.assertEqual(subtomograms.getSize(), self.average.coordinates.getSize())
        self.assertEqual((subtomograms.getSamplingRate(), subtomograms.getDim()), (RATE, (22, 22, 22)))
        self.assertTrue(subtomograms.hasAlignment3D() and subtomograms.hasCoordinates3D())
        self.assertEqual((subtomograms.getAcquisition().getAngleMin(), subtomograms.getAcquisition().getAngleMax()), (-60, 60))
        average = mrcfile.read(self.average.average.getFileName())
        laid = {True: np.zeros(average.shape), False: np.zeros(average.shape)}
        for item in subtomograms.iterSubtomos():
            self.assertEqual(item.getVolName(), item.getCoordinate3D().getTomoId())
            with mrcfile.open(item.getFileName()) as box:
                self.assertAlmostEqual(float(box.data.mean()), 0, places=4)
                self.assertEqual(float(box.voxel_size.x), RATE)
                volume = box.data.copy()
            back = np.linalg.inv(item.getTransform().getMatrix())  # from the reference to the box
            for shifted, total in laid.items():
                turn, shift = back[:3, :3][::-1, ::-1], back[:3, 3][::-1] if shifted else np.zeros(3)
                centre = np.full(3, volume.shape[0] // 2)
                total += affine_transform(volume, turn, centre + shift - turn @ centre, order=3, mode="nearest")
        alike = {shifted: np.corrcoef(total.ravel(), average.ravel())[0, 1] for shifted, total in laid.items()}
        self.assertGreater(alike[True], 0.85)  # bright as the average, each turned and moved
        self.assertGreater(alike[True], alike[False])

    def test_protocols_of_scipion_take_the_subtomograms(self):
        extraction = self.newProtocol(ProtTomoExtractCoords)
        extraction.inputSubTomos.set(self.average)
        extraction.inputSubTomos.setExtended("subtomograms")
        extraction.inputTomos.set(self.tomograms.getObjValue())
        extraction.inputTomos.setExtended(self.tomograms.getExtended())
        self.launchProtocol(extraction)
        places = np.array([item.getPosition(BOTTOM_LEFT_CORNER) for item in extraction.coordinates3d.iterCoordinates()])
        turned = [item.getMatrix() for item in extraction.coordinates3d.iterItems()]
        moves = np.array([-np.linalg.inv(matrix[:3, :3]) @ matrix[:3, 3] for matrix in turned])
        expected = np.array([item.getPosition(BOTTOM_LEFT_CORNER) for item in self.average.coordinates.iterCoordinates()])
        np.testing.assert_allclose(places + moves, expected, atol=1e-3)  # the rest of the shift is in the matrix
        np.testing.assert_array_equal(places, np.rint(expected))
        split = self.newProtocol(ProtSplitEvenOddTomoSet)
        split.inputSet.set(self.average)
        split.inputSet.setExtended("subtomograms")
        self.launchProtocol(split)
        self.assertEqual(split.outputset_even.getSize() + split.outputset_odd.getSize(), len(expected))

    def test_the_correlations_are_those_of_the_program(self):
        fscs = [fsc.clone() for fsc in self.average.fscs]
        self.assertEqual([fsc.getObjLabel() for fsc in fscs], ["unmasked", "masked", "corrected"])
        frequency, values = fscs[2].getData()
        np.testing.assert_allclose(frequency[:3], np.arange(1, 4) / (22 * RATE), rtol=1e-3)  # 1/Å
        self.assertGreater(min(values[:4]), 0.8)
        said = self.average._summaryContent()["resolution"]["corrected"]["0.5"]
        self.assertLess(abs(float(fscs[2].calculateResolution(0.5)) - float(said.split()[0])), 2)

    def test_the_resolution_by_direction_and_at_each_voxel_is_measured(self):
        files = self.average._files()
        found = json.loads(Path(files.of_resolution("summary.json")).read_text())
        self.assertEqual(found["parameters"]["coverage"], files.map("coverage"))
        self.assertEqual(found["fsc"]["corrected"]["text"], self.average._summaryContent()["resolution"]["corrected"]["0.143"])
        local = mrcfile.read(files.of_resolution("local_resolution.mrc"))
        self.assertEqual(local.shape, mrcfile.read(files.map("average")).shape)
        self.assertLess(abs(np.median(local[local > 0]) - found["local"]["median"]), 0.1)
        shown = [line for line in self.average.summary() if line.startswith("By direction (FSO): half of the directions ")]
        self.assertTrue(len(shown) == 1 and found["fso"]["0.5"] in shown[0])

    def test_the_summary_begins_with_the_verdict(self):
        lines = self.average.summary()
        self.assertIn("*Supported*: the halves agree", lines[0])
        n = self.average.coordinates.getSize()
        self.assertTrue(any(line.startswith(f"{n} picks averaged, 2 left out") for line in lines))
        self.assertIn("No tilt range is known of TS 1, TS_2: -60 to 60 degrees assumed.", lines)
        self.assertIn("Fourier shell correlation", self.average._methods()[0])

    def test_a_run_continued_with_other_coordinates_keeps_nothing_of_those_before(self):
        """Few have no halves and no correlation; halves that do not agree leave the coordinates where they were."""
        protocol = self.launchProtocol(self.form(self.good, firstTilt=-50.0, lastTilt=55.0))
        self.assertIn("*Supported*", protocol.summary()[0])
        self.assertEqual(protocol._summaryContent()["parameters"]["tilts"], [-50.0, 55.0] * 2)
        self.assertFalse(any("assumed" in line for line in protocol.summary()))
        self.assertTrue(protocol.fscs.getSize() and os.path.exists(protocol._files().resolution))
        some = {ts_id: own[np.arange(15)] for ts_id, own in self.picks.items()}
        few = self.again(protocol, self.add_coordinates("some again", self.tomograms, some))
        self.assertIn("*No halves*", few.summary()[0])
        self.assertEqual((few.coordinates.getSize(), few.fscs.getSize()), (28, 0))  # without the two at the border
        self.assertFalse(few.average.hasHalfMaps())
        self.assertFalse(os.path.exists(few._files().resolution))
        self.assertTrue(few.subtomograms.getSize() and any(item._shift.get() for item in few.coordinates.iterItems()))
        again = self.again(few, self.random, lowPass=60.0)
        self.assertIn("*Not supported*", again.summary()[0])
        self.assertFalse(any(line.startswith("By direction") for line in again.summary()))
        self.assertFalse(again._methods())
        self.assertEqual(again.average.getSamplingRate(), 2 * RATE)
        output, before = again.coordinates, self.random.get()
        self.assertEqual((output.getSize(), output.getSamplingRate()), (60, 2 * RATE))
        self.assertEqual(again.subtomograms.getSize(), 0)  # those of before lie at other places
        for item, old in zip(output.iterItems(), before.iterItems(), strict=True):
            self.assertEqual((item.getObjId(), item.getTomoId(), item._shift.get()), (old.getObjId(), old.getTomoId(), 0.0))
            self.assertEqual(item.getPosition(SCIPION), old.getPosition(SCIPION))
            np.testing.assert_array_equal(item.getMatrix(), old.getMatrix())

    # ---- the comparison
    @pytest.mark.slow
    def test_branches_have_an_average_each_and_noise_is_the_last(self):
        protocol = self.newProtocol(XmippProtCompareBranches3D, inputBranches=[self.good, self.random], diameter=DIAMETER,
                                    lowPass=60.0, sharedPoses=True, numberOfThreads=1)  # fmt: skip
        self.assertEqual(protocol._names(), ["particles", "random places"])
        self.launchProtocol(protocol)
        averages = [average.clone() for average in protocol.averages]
        names = [average.getObjLabel() for average in averages]
        self.assertEqual((names[0], set(names)), ("particles", {"particles", "random places", "noise"}))
        self.assertEqual({(average.getSamplingRate(), average.getDim()) for average in averages}, {(RATE, (22, 22, 22))})
        self.assertTrue(all(len(average.getHalfMaps(asList=True)) == 2 for average in averages))
        self.assertEqual([fsc.getObjLabel() for fsc in protocol.fscs], names)
        rows = {row[0]: row for row in protocol._summaryContent()["ownNumbers"][1:]}
        self.assertEqual(rows["random places"][1], "60")  # the picks of 20 Å/voxel lie inside tomograms of 10 Å/voxel
        lines = protocol.summary()
        self.assertIn("aligned together", lines[0])
        self.assertTrue(any(line.startswith("- *particles*: picks ") for line in lines))
        page = Path(protocol._files().report).read_text(encoding="utf-8")
        for label, value in (("Particle diameter (Å)", "130"), ("Align all together?", "yes"), ("Random seed", "1"),
                             ("First and last tilt (degrees)", "-60, 60, -60, 60")):  # fmt: skip
            self.assertIn(f'<tr><td>{label}</td><td class="text">{value}</td></tr>', page)
        self.assertNotIn("<td>--", page)
        self.assertIn('<td>Coordinates to compare</td><td class="text">particles, random places</td>', page)
        self.assertNotIn(".xmd", page)

    # ---- what the form refuses
    def refused(self, text, protocol):
        errors = protocol.validate()
        self.assertTrue(any(text in error for error in errors), errors)

    def test_a_form_that_cannot_work_says_so(self):
        self.assertEqual(self.form(self.good).validate(), [])
        for changes, text in (
            ({"diameter": 0.0}, "*Particle diameter (Å)* must be greater than 0"),
            ({"diameter": 900.0}, "a box for 900 Å has 144 voxels and does not fit in a tomogram of 100 x 100 x 40 voxels"),
            ({"lowPass": 100.0}, "a ball without a direction; lower it to 65 or less"),
            ({"lowPass": 20.0}, "a search needs 30 Å or more"),
            ({"firstTilt": 60.0, "lastTilt": -60.0}, "and above it; tomogram 'TS 1' would get 60 to -60"),
            ({"lastTilt": 120.0}, "*Last tilt (degrees)* must lie between -90 and 90"),
            ({"symmetry": "q4"}, "*Symmetry* must be"),
            ({"randomSeed": -1}, "*Random seed* must be at least 0"),
        ):
            self.refused(text, self.form(self.good, **changes))

    def test_too_few_coordinates_are_refused_and_few_are_warned_of(self):
        few = {ts_id: picks[np.arange(7)] for ts_id, picks in self.picks.items()}
        self.refused(
            "it has 14 coordinates, and an average needs 20", self.form(self.add_coordinates("few", self.tomograms, few))
        )
        some = self.add_coordinates("some", self.tomograms, {ts_id: own[np.arange(15)] for ts_id, own in self.picks.items()})
        protocol = self.form(some)
        self.assertEqual(protocol.validate(), [])
        self.assertIn("fewer than 40", " ".join(protocol.warnings()))

    def test_what_the_program_refuses_is_said_in_terms_of_the_form(self):
        scores = {ts_id: replace(picks, score=picks.score + 7) for ts_id, picks in self.picks.items()}
        protocol = self.form(self.add_coordinates("scores", self.tomograms, scores), weighByScore=True)
        with self.assertRaisesRegex(Exception, "execution failed"):
            self.launchProtocol(protocol)
        self.assertRegex(protocol.getErrorMessage(), r"\*Weigh by score\?\*: .*without a score from 0 to 1")


class TestTilts:
    """What the form and the tomograms say of their tilts."""

    @pytest.fixture
    def protocol(self, sets):
        tomograms = sets.tomograms({"a": (60, 60, 60), "b": (60, 60, 60)}, RATE, acquisitions={"a": (-57.0, 63.0)})
        protocol = XmippProtAverageSubtomograms3D()
        protocol.inputCoordinates.set(sets.coordinates(tomograms, {ts_id: [(30, 30, 30)] * 12 for ts_id in "ab"}))
        return protocol

    def of(self, protocol):
        return {ts_id: protocol._tiltsOf(tomogram) for ts_id, tomogram in protocol._tomograms().items()}

    def test_each_tomogram_its_own_else_the_usual_ones_and_this_is_said(self, protocol):
        assert self.of(protocol) == {"a": (-57.0, 63.0), "b": (-60.0, 60.0)}
        assert protocol._assumed() == ["No tilt range is known of b: -60 to 60 degrees assumed."]

    def test_the_form_comes_first(self, protocol):
        protocol.firstTilt.set(-40.0)
        assert self.of(protocol) == {"a": (-40.0, 63.0), "b": (-40.0, 60.0)}
        assert protocol._assumed() == ["No tilt range is known of b: 60 degrees assumed."]
        protocol.lastTilt.set(45.0)
        assert self.of(protocol) == {"a": (-40.0, 45.0), "b": (-40.0, 45.0)} and protocol._assumed() == []
        protocol.lastTilt.set(-45.0)
        assert "would get -40 to -45" in protocol._tiltErrors()[0]
