"""Coordinates from and to the files of foreign packages through Scipion's launcher.

scipion test xmipptomo.tests.test_protocol_import_coordinates3d
"""

import os

import mrcfile
import numpy as np
from pyworkflow.project import Manager
from pyworkflow.tests import BaseTest, setupTestProject
from pyworkflow.utils import cleanPath

from tomo_particles.core.picks import Picks
from tomo_particles.geometry.orientations import rotation_of

from ..constants import EXPORT_FILES, IMPORT_FORMATS, PACKAGES
from ..convert import picks_of_set
from ..protocols import XmippProtExportCoordinates3D, XmippProtImportCoordinates3D
from .simulated_project import add_tomograms

RATE, SIZE = 10.0, (60, 50, 40)
PLACES = {"TS 1": np.array([[10.25, 20.5, 30.75], [40, 30, 5]]), "TS_10": np.array([[1.0, 2.0, 3.0]])}
ANGLES = np.array([[10.0, 70.0, 30.0], [-40.0, 20.0, 100.0]])


class TestImportCoordinates3D(BaseTest):
    """One project with two tomograms, whose files are not called as their tilt series."""

    @classmethod
    def setUpClass(cls):
        cleanPath(Manager().getProjectPath(cls.__name__))
        setupTestProject(cls)
        cls.folder = cls.proj.getTmpPath("import")
        os.makedirs(cls.folder, exist_ok=True)
        paths = {"TS 1": os.path.join(cls.folder, "rec_first.mrc"), "TS_10": os.path.join(cls.folder, "rec_second.mrc")}
        for path in paths.values():
            with mrcfile.new(path) as mrc:
                mrc.set_data(np.zeros(SIZE[::-1], dtype=np.int8))
                mrc.set_volume()
                mrc.voxel_size = (RATE, 1.005 * RATE, RATE)  # rounded, as Warp writes them
        cls.tomograms = add_tomograms(cls.proj, "tomograms", paths, RATE)

    @classmethod
    def write(cls, name: str, text: str) -> str:
        path = os.path.join(cls.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    @classmethod
    def form_of(cls, path: str, **parameters):
        protocol = cls.newProtocol(XmippProtImportCoordinates3D, filesPath=path, **parameters)
        protocol.inputTomograms.set(cls.tomograms.getObjValue())  # as the window does: to an output of a run
        protocol.inputTomograms.setExtended(cls.tomograms.getExtended())
        return protocol

    @classmethod
    def imported(cls, path: str, **parameters):
        return cls.launchProtocol(cls.form_of(path, **parameters))

    @staticmethod
    def picks_of(coordinates) -> dict[str, Picks]:
        return {tomogram.getTsId(): picks_of_set(coordinates, tomogram, 1, RATE)
                for tomogram in [own.clone() for own in coordinates.getPrecedents()]}

    def test_relion5_with_scores_and_orientations(self):
        rows = [(ts_id, *(RATE * (place - np.array(SIZE) / 2)), *ANGLES[i], 0.5 + 0.1 * i)
                for ts_id, places in (("first", PLACES["TS 1"]), ("second", PLACES["TS_10"])) for i, place in enumerate(places)]
        labels = ["rlnTomoName", *(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"), "rlnAngleRot", "rlnAngleTilt",
                  "rlnAnglePsi", "rlnAutopickFigureOfMerit"]
        text = "\n".join(["data_particles", "", "loop_", *(f"_{label}" for label in labels),
                          *(" ".join(map(str, row)) for row in rows)])
        coordinates = self.imported(self.write("particles.star", text + "\n"), boxSize=21).coordinates
        self.assertEqual((coordinates.getSize(), coordinates.getBoxSize(), coordinates.getSamplingRate()), (3, 20, RATE))
        for ts_id, picks in self.picks_of(coordinates).items():
            np.testing.assert_allclose(picks.positions, PLACES[ts_id], atol=0.01)
            np.testing.assert_allclose(picks.score, (0.5, 0.6)[: len(picks)], atol=1e-4)
            turn = rotation_of(picks.angles) * rotation_of(ANGLES[: len(picks)]).inv()
            self.assertLess(turn.magnitude().max(), 1e-4)

    def test_one_file_a_tomogram_by_a_pattern(self):
        for name, ts_id in (("first", "TS 1"), ("TS_10", "TS_10")):  # by the tomogram's file, and by its tilt series
            self.write(f"{name}.coords", "\n".join(" ".join(map(str, place)) for place in PLACES[ts_id]))
        run = self.imported(self.folder, filesPattern="*.coords")
        for ts_id, picks in self.picks_of(run.coordinates).items():
            np.testing.assert_allclose(picks.positions, PLACES[ts_id], atol=0.01)
            self.assertTrue(np.isnan(picks.angles).all() and np.isnan(picks.score).all())
        self.assertIn("3 coordinates", run.summary()[0])

    def test_a_folder_is_one_picker(self):
        os.makedirs(os.path.join(self.folder, "cryolo"), exist_ok=True)
        for name, ts_id in (("first", "TS 1"), ("TS_10", "TS_10")):
            self.write(f"cryolo/{name}.coords", "\n".join(" ".join(map(str, place)) for place in PLACES[ts_id]))
        run = self.imported(os.path.join(self.folder, "cryolo"))
        for ts_id, picks in self.picks_of(run.coordinates).items():
            np.testing.assert_allclose(picks.positions, PLACES[ts_id], atol=0.01)
        self.assertIn("3 coordinates* in 2 tomograms, from the folder", run.summary()[0])
        self.assertTrue(any("TS_10: 1 picks in x" in line and "; tomogram " in line for line in run.summary()))
        self.assertFalse(any("warning: TS 1" in line for line in run.summary()))

    def test_a_wrong_unit_is_seen_in_the_summary(self):
        places = [" ".join(str(value / RATE) for value in place) for place in PLACES["TS 1"]]
        run = self.imported(self.write("first.coords", "\n".join(places)))
        self.assertIn("as if", run.summary()[1])

    def test_the_summary_says_what_the_terminal_says(self):
        turns = " ".join(["rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi"])
        labels = ["rlnTomoName", *(f"rlnCoordinate{axis}" for axis in "XYZ"), *turns.split()]
        rows = [f"first {' '.join(map(str, place))} {3000 + i} 4000 5000" for i, place in enumerate(PLACES["TS 1"])]
        path = self.write("turned.star", "\n".join(["data_particles", "", "loop_", *(f"_{one}" for one in labels), *rows, ""]))
        run = self.imported(path)
        self.assertTrue(any("57.3 times too large" in line for line in run.summary()[:3]))
        self.assertTrue(any("has voxels of 10 x 10.05 x 10 Å" in line for line in run.summary()))
        self.assertTrue(np.isnan(self.picks_of(run.coordinates)["TS 1"].angles).all())

    def test_numbered_tomograms_and_classes(self):
        objects = "".join(f'<object tomo_idx="{n}" class_label="{label}" x="{x}" y="{y}" z="{z}"/>\n' for label in (7, 3)
                          for n, ts_id in ((0, "TS 1"), (1, "TS_10")) for x, y, z in PLACES[ts_id].round())
        path = self.write("objects.xml", f"<objlist>\n{objects}</objlist>\n")
        listed = self.write("list.txt", "0 somewhere/rec_first.mrc\n1 TS_10.mrc\n")
        picks = self.picks_of(self.imported(path, names=listed, species="7").coordinates)
        self.assertEqual({ts_id: len(own) for ts_id, own in picks.items()}, {"TS 1": 2, "TS_10": 1})
        self.assertEqual(set(picks["TS 1"].species), {"7"})

    def test_what_is_exported_is_imported_at_its_place(self):
        rows = [f"{ts_id},{','.join(map(str, place))},{','.join(map(str, ANGLES[i]))},0.{i + 5}"
                for ts_id, places in PLACES.items() for i, place in enumerate(places)]
        run = self.imported(self.write("all.csv", "\n".join(["tomo_id,x,y,z,rot,tilt,psi,score", *rows]) + "\n"))
        expected = self.picks_of(run.coordinates)
        for name, attributes in (("relion5", ("score", "angles")), ("dynamo", ("score", "angles")), ("imod", ())):
            export = self.newProtocol(XmippProtExportCoordinates3D, fileFormat=list(EXPORT_FILES).index(name))
            export.inputCoordinates.set(run)
            export.inputCoordinates.setExtended("coordinates")
            self.launchProtocol(export)
            folder, (header, *written) = export._getExtraPath("export", "files"), export.summary()
            self.assertIn(f"*3* for {PACKAGES[name]}", header)
            self.assertEqual([os.path.dirname(path) for path in written], [os.path.abspath(folder)] * len(written))
            again = self.imported(folder, filesPattern=f"*{os.path.splitext(EXPORT_FILES[name])[1]}")
            for ts_id, picks in self.picks_of(again.coordinates).items():
                np.testing.assert_allclose(picks.positions, expected[ts_id].positions, atol=0.01)
                for attribute in attributes:
                    np.testing.assert_allclose(getattr(picks, attribute), getattr(expected[ts_id], attribute), atol=0.01)

    def test_warp_counts_in_pixels_of_its_boxes(self):
        optics = "\n".join(["data_optics", "", "loop_", "_rlnOpticsGroup", "_rlnTomoTiltSeriesPixelSize", "_rlnImagePixelSize",
                            f"1 {RATE / 8} {RATE}", "", ""])
        rows = [f"{name}.tomostar {' '.join(map(str, place))} 1" for name, ts_id in (("first", "TS 1"), ("TS_10", "TS_10"))
                for place in PLACES[ts_id]]
        labels = ["_rlnTomoName", *(f"_rlnCoordinate{axis}" for axis in "XYZ"), "_rlnOpticsGroup"]
        path = self.write("warp.star", optics + "\n".join(["data_particles", "", "loop_", *labels, *rows, ""]))
        for ts_id, picks in self.picks_of(self.imported(path).coordinates).items():
            np.testing.assert_allclose(picks.positions, PLACES[ts_id], atol=0.01)

    def test_angstroms_and_names_that_all_have_more(self):
        rows = [f"{name}_deconv,{','.join(str(value * RATE) for value in place)}"
                for name, ts_id in (("first", "TS 1"), ("TS_10", "TS_10")) for place in PLACES[ts_id]]
        path = self.write("angstrom.csv", "\n".join(["tomo_id,x,y,z", *rows, ""]))
        for ts_id, picks in self.picks_of(self.imported(path, angstrom=True, names="*_deconv=*").coordinates).items():
            np.testing.assert_allclose(picks.positions, PLACES[ts_id], atol=0.01)

    def test_coordinates_refer_to_their_tomograms_by_the_run_that_made_these(self):
        # a direct pointer is lost by protocols that are scheduled to run after each other
        coordinates = self.imported(self.write("one.csv", "tomo_id,x,y,z\nTS_10,1,2,3\n")).coordinates
        self.assertEqual(coordinates._precedentsPointer.getUniqueId(), self.tomograms.getUniqueId())

    def test_a_wrong_file_gives_its_reason(self):
        path = self.write("elsewhere.csv", "tomo_id,x,y,z\nTS_2,1,2,3\n")
        protocol = self.form_of(path)
        with self.assertRaisesRegex(Exception, "execution failed"):
            self.launchProtocol(protocol)
        self.assertIn("tomogram 'TS_2', which is none of those given", protocol.getErrorMessage())

    def test_the_form_is_checked(self):
        one = os.path.join(self.folder, "one picker")
        os.makedirs(one, exist_ok=True)
        self.write("one picker/first.coords", "1 2 3\n")
        protocol = self.form_of(one, boxSize=0)
        self.assertIn("Box size", protocol.validate()[0])
        protocol.boxSize.set(20)
        self.assertEqual(protocol.validate(), [])  # a folder is one picker
        protocol.filesPath.set(os.path.join(self.folder, "nothing"))
        self.assertIn("File or folder", protocol.validate()[0])
        protocol.filesPath.set(self.folder)
        protocol.filesPattern.set("*.nothing")
        self.assertIn("no file", protocol.validate()[0])

    def test_the_form_offers_the_formats_of_the_library(self):
        from tomo_particles.formats.registry import FORMATS

        self.assertEqual(IMPORT_FORMATS, tuple(one.name for one in FORMATS))
