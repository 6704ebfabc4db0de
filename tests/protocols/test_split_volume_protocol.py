"""Projections through Scipion's launcher: simulated, split and evaluated; what forms refuse; poses on their way."""

import os
import warnings

import numpy as np
import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.object import Pointer
    from pyworkflow.project import Manager
    from pyworkflow.tests import BaseTest, setupTestProject
    from pyworkflow.utils import cleanPath

    from xmipptomo.protocols import XmippProtEvaluateClassification, XmippProtSimulateParticles, XmippProtSplitVolume
    from xmipptomo.protocols.classification.particles import projection_columns
    from xmipptomo.protocols.classification.subtomograms import subtomogram_columns

from tomo_particles.formats.xmd import read_table

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

COUNT = 200
SMALL = {"count": COUNT, "boxSize": 16, "samplingRate": 25.0, "separation": 12.0, "maxResolution": 100.0}
ANGLES, OPTICS = ("angleRot", "angleTilt", "anglePsi"), ("ctfDefocusU", "ctfDefocusV", "ctfDefocusAngle", "ctfVoltage")


class TestSplitVolumeProtocol(BaseTest):
    """One project with projections of two structures."""

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
        cls.simulated = cls.newProtocol(XmippProtSimulateParticles, leastDefocus=1.0, mostDefocus=2.0, **SMALL)
        cls.launchProtocol(cls.simulated)

    def form(self, **changes):
        values = {
            "diameter": 300.0,
            "maxResolution": 100.0,
            "angularDistance": 40.0,
            "angularSampling": 30.0,
            "numberOfThreads": 1,
        }
        protocol = self.newProtocol(XmippProtSplitVolume, **(values | changes))
        protocol.inputParticles.set(Pointer(self.simulated, extended="particles").getObjValue())
        protocol.inputParticles.setExtended("particles")
        return protocol

    def test_poses_and_ctf_reach_the_program_as_they_were_made(self):
        made = read_table(self.simulated._files().named("particles.xmd"))
        columns = projection_columns(self.simulated.particles)
        for name in ("shiftX", "shiftY", *OPTICS):
            assert columns[name] == pytest.approx(made[name], rel=1e-4, abs=1e-4), name
        turns = [np.exp(1j * np.radians([table[name] for name in ANGLES])) for table in (columns, made)]
        assert np.abs(turns[0] - turns[1]).max() < 1e-3
        assert self.simulated.summary()[0].startswith("200 particles of 2 structures (")
        assert [volume.getSamplingRate() for volume in self.simulated.structures] == [25.0, 25.0]

    def test_classes_volumes_and_their_evaluation(self):
        protocol = self.launchProtocol(self.form())
        found = 0
        for one in protocol.classes:
            number = one.getObjId()
            assert one.getRepresentative().getFileName().endswith(f"class_{number}.mrc")
            for item in one:
                found += 1
                assert (item._logOdds.get() > 0) == (number == 1) and 0.5 <= item._classProbability.get() <= 1
                assert item.hasTransform() and item._trueClass.get() in (1, 2)
        assert found == COUNT
        assert all(len(volume.getHalfMaps(asList=True)) == 2 for volume in protocol.volumes)
        assert [fsc.getObjLabel() for fsc in protocol.fscs] == ["class 1", "class 2", "difference"]
        assert protocol.summary()[0].startswith("*Supported*") and protocol.methods()
        evaluation = self.newProtocol(XmippProtEvaluateClassification)
        evaluation.inputClasses.set(protocol)
        evaluation.inputClasses.setExtended("classes")
        self.launchProtocol(evaluation)
        told = evaluation.summary()
        assert told[0].startswith("200 particles: accuracy ") and float(told[0].split()[3].strip(",")) > 0.9
        assert told[1].startswith("Calibration error")

    def test_subtomograms_are_simulated_too(self):
        protocol = self.launchProtocol(
            self.newProtocol(XmippProtSimulateParticles, kind=1, **(SMALL | {"count": 6, "boxSize": 20}))
        )
        made = read_table(protocol._files().named("subtomograms.xmd"))
        columns = subtomogram_columns(protocol.particles, None)
        assert columns["shiftZ"] == pytest.approx(made["shiftZ"], abs=1e-4)
        turns = [np.exp(1j * np.radians([table[name] for name in ANGLES])) for table in (columns, made)]
        assert np.abs(turns[0] - turns[1]).max() < 1e-3 and set(columns["missingRegionThetaYF"]) == {60.0}
        assert os.path.exists(protocol._files().named("structure_2.mrc"))

    def test_a_form_that_cannot_work_says_so(self):
        for changes, said in (
            ({"symmetry": "q"}, "*Symmetry* must be c1"),
            ({"recipe": 1, "numberOfClasses": 3}, "the published recipe makes two classes"),
            ({"angularDistance": 60.0}, "*Width of the cones (degrees)* must be greater than 0 and at most 45"),
            ({"numberOfClasses": 1}, "*Classes at most* must be at least 2"),
        ):
            errors = self.form(**changes).validate()
            assert any(said in error for error in errors), (said, errors)
        for changes, said in (({"boxSize": 15}, "must be even"), ({"leastDefocus": 3.0, "mostDefocus": 1.0}, "*Least defocus")):
            errors = self.newProtocol(XmippProtSimulateParticles, **changes).validate()
            assert any(said in error for error in errors), (said, errors)
