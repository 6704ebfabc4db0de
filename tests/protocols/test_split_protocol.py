"""A split of subtomograms through Scipion's launcher: classes with scores, averages with half maps, what a form refuses."""

import os
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pwem.convert.transformations import euler_matrix
    from pwem.objects import Transform
    from pyworkflow.object import Pointer
    from pyworkflow.project import Manager
    from pyworkflow.tests import BaseTest, setupTestProject
    from pyworkflow.utils import cleanPath
    from tomo.objects import SubTomogram, TomoAcquisition
    from tomo.protocols import ProtImportSubTomograms

    from xmipptomo.constants import STRONG_NUISANCE
    from xmipptomo.protocols import XmippProtSplitSubtomograms3D
    from xmipptomo.protocols.classification.subtomograms import subtomogram_columns

from tomo_particles.classification.nuisances import STRONG
from tomo_particles.formats.xmd import read_table
from xmipp_scripts.simulate_particles_tomo import ParticlesConfig, simulate

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

RATE, COUNT = 25.0, 120


class TestSplitProtocol(BaseTest):
    """One project with a set of subtomograms of two structures."""

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
        cls.folder = cls.proj.getTmpPath("particles")
        config = ParticlesConfig(
            cls.folder,
            count=COUNT,
            box_size=16,
            sampling_rate=RATE,
            step=6.0,
            separation=8.0,
            max_resolution=100.0,
            shares=(2, 1),
        )
        simulate(config)
        cls.table = read_table(os.path.join(cls.folder, "subtomograms.xmd"))
        cls.two = cls.add_set("two structures", (-60.0, 60.0))
        cls.without_tilts = cls.add_set("no tilts", None)
        cls.few = cls.add_set("few", (-60.0, 60.0), 30)

    @classmethod
    def add_set(cls, label, tilts, count=COUNT):
        protocol = cls.newProtocol(ProtImportSubTomograms)
        protocol.setObjLabel(label)
        cls.proj.saveProtocol(protocol)
        protocol.makePathsAndClean()
        subtomograms = protocol._createSetOfSubTomograms()
        subtomograms.setSamplingRate(RATE)
        for row in range(count):
            item = SubTomogram()
            item.setLocation(row + 1, os.path.join(cls.folder, "subtomograms.mrcs"))
            item.setSamplingRate(RATE)
            if tilts:
                acquisition = TomoAcquisition()
                acquisition.setAngleMin(tilts[0])
                acquisition.setAngleMax(tilts[1])
                item.setAcquisition(acquisition)
                subtomograms.setAcquisition(acquisition)
            angles = [cls.table[name][row] for name in ("angleRot", "angleTilt", "anglePsi")]
            matrix = euler_matrix(*-np.deg2rad(angles), axes="szyz").T
            matrix[:3, 3] = matrix[:3, :3] @ [cls.table[name][row] for name in ("shiftX", "shiftY", "shiftZ")]
            item.setTransform(Transform(matrix))
            item.setVolName("TS_1")
            subtomograms.append(item)
        subtomograms.write()
        protocol._defineOutputs(outputSubTomograms=subtomograms)
        protocol.setFinished()
        protocol._store()
        cls.proj.mapper.commit()
        return Pointer(protocol, extended="outputSubTomograms")

    def form(self, pointer, **changes):
        values = {"diameter": 300.0, "maxResolution": 100.0, "numberOfThreads": 1} | changes
        protocol = self.newProtocol(XmippProtSplitSubtomograms3D, **values)
        protocol.inputSubtomograms.set(pointer.getObjValue())
        protocol.inputSubtomograms.setExtended(pointer.getExtended())
        return protocol

    def test_poses_reach_the_program_as_they_are(self):
        columns = subtomogram_columns(self.two.get(), None)
        for name in ("shiftX", "shiftY", "shiftZ"):
            assert columns[name] == pytest.approx(self.table[name], abs=1e-4)
        turns = [np.array([table[name] for name in ("angleRot", "angleTilt", "anglePsi")]) for table in (columns, self.table)]
        assert np.cos(np.deg2rad(turns[0])) == pytest.approx(np.cos(np.deg2rad(turns[1])), abs=1e-3)
        assert set(columns["missingRegionThetaY0"]) == {-60.0} and columns["image"][4].startswith("000005@")

    def test_classes_have_their_particles_scores_and_averages(self):
        protocol = self.launchProtocol(self.form(self.two))
        truth = read_table(os.path.join(self.folder, "truth.xmd"))
        true = dict(zip(truth["itemId"], truth["ref3d"], strict=True))
        found = {}
        for one in protocol.classes:
            number = one.getObjId()
            assert one.getRepresentative().getFileName().endswith(f"class_{number}.mrc")
            for item in one:
                found[item.getObjId()] = number
                assert (item._logOdds.get() > 0) == (number == 1) and 0.5 <= item._classProbability.get() <= 1
                assert item.hasTransform()
        assert len(found) == COUNT and np.mean([true[one] == number for one, number in found.items()]) > 0.85
        averages = [average.clone() for average in protocol.averages]
        assert [average.getObjLabel() for average in averages] == ["class 1", "class 2"]
        assert all(len(average.getHalfMaps(asList=True)) == 2 and average.getSamplingRate() == RATE for average in averages)
        assert [fsc.getObjLabel() for fsc in protocol.fscs] == ["class 1", "class 2", "difference"]
        assert protocol.summary()[0].startswith("*Supported*") and protocol.methods()
        assert os.path.exists(protocol._files().report)

    def test_a_form_that_cannot_work_says_so(self):
        for pointer, changes, said in (
            (self.few, {}, "the set has 30 particles; two classes need at least 80"),
            (self.without_tilts, {}, "do not say what the tilt series saw"),
            (self.two, {"firstTilt": -50.0}, "give both, or none of the two"),
            (self.two, {"firstTilt": 50.0, "lastTilt": -50.0}, "received 50 to -50"),
            (self.two, {"diameter": -1.0}, "*Particle diameter (Å)* must be greater than 0"),
        ):
            errors = self.form(pointer, **changes).validate()
            assert any(said in error for error in errors), (said, errors)
        assert self.form(self.without_tilts, firstTilt=-60.0, lastTilt=60.0).validate() == []


def test_the_window_and_the_program_warn_from_the_same_limit_on():
    assert STRONG_NUISANCE == STRONG
