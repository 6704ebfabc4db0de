"""A Scipion project with simulated tomograms and pickers, in which the tests of the deep consensus run it."""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
from pyworkflow.object import Pointer
from pyworkflow.project import Manager
from pyworkflow.tests import BaseTest, setupTestProject
from pyworkflow.utils import cleanPath
from tomo.constants import BOTTOM_LEFT_CORNER

from tomo_particles.core.coordinates import rescale_positions

from ..protocols import XmippProtDeepConsensusPicking3D
from .simulated_project import RATE, SimulatedTomogram, add_coordinates, add_tomograms, simulate

JITTER = 0.3  # voxels of RATE, standard deviation of a simulated picker's error


class ConsensusProject(BaseTest):
    """What the tests share; a class of them makes its project in setUpClass."""

    simulated: dict[str, SimulatedTomogram]
    rng: np.random.Generator

    @classmethod
    def make_project(cls, ts_ids: Sequence[str], noise: float = 0.5) -> None:
        """A new project named after the class, with a simulated tomogram of each id."""
        earlier = Manager().getProjectPath(cls.__name__)  # Scipion keeps the runs of an earlier test in it
        os.makedirs(os.path.dirname(earlier), exist_ok=True)
        os.chdir(os.path.dirname(earlier))  # an earlier test of this process may work in it
        cleanPath(earlier)
        setupTestProject(cls)
        folder = os.path.abspath("simulated data")
        os.makedirs(folder, exist_ok=True)
        cls.simulated = {ts_id: simulate(folder, ts_id, seed, noise=noise) for seed, ts_id in enumerate(ts_ids)}
        cls.rng = np.random.default_rng(0)

    @classmethod
    def tomograms(cls, label: str, *ts_ids: str, binned: bool = False) -> Pointer:
        paths = {t: cls.simulated[t].binned_path if binned else cls.simulated[t].path for t in ts_ids}
        return add_tomograms(cls.proj, label, paths, 2 * RATE if binned else RATE)

    @classmethod
    def coordinates(cls, label: str, tomograms: Pointer, box_size: int, positions: dict | None = None, **kwargs) -> Pointer:
        """Every particle of every tomogram of the set, off by JITTER, unless positions are given."""
        ts_ids = [tomogram.getTsId() for tomogram in tomograms.get()]
        found = positions or {t: cls.simulated[t].truth + cls.rng.normal(0, JITTER, cls.simulated[t].truth.shape) for t in ts_ids}
        return add_coordinates(cls.proj, label, tomograms, found, box_size, **kwargs)

    def protocol(self, **parameters) -> XmippProtDeepConsensusPicking3D:
        """A form with these parameters; each has pointers of its own, because Scipion stores them as parts of one protocol.

        No GPU is tried unless the parameters ask for it: TensorFlow starts for this alone.
        """
        for name in ("inputSets", "positiveReferences", "negativeReferences", "derivedSets"):
            parameters[name] = [Pointer(p.getObjValue(), extended=p.getExtended()) for p in parameters.get(name, [])]
        single = {name: parameters.pop(name) for name, value in list(parameters.items()) if isinstance(value, Pointer)}
        quick = {"numberOfThreads": 1, "binThreads": 2, "useGpu": False}
        form = self.newProtocol(XmippProtDeepConsensusPicking3D, **{**quick, **parameters})
        for name, pointer in single.items():  # not as parameters: Scipion forgets what these point to
            getattr(form, name).set(pointer.getObjValue())
            getattr(form, name).setExtended(pointer.getExtended())
        return form

    def launch(self, **parameters) -> XmippProtDeepConsensusPicking3D:
        return self.launchProtocol(self.protocol(**{"writeReport": False, **parameters}))

    def positions(self, coordinates, ts_id: str) -> np.ndarray:
        """(n, 3) x, y, z of the output in one tomogram, in voxels of RATE."""
        own = [c.getPosition(BOTTOM_LEFT_CORNER) for c in coordinates.iterCoordinates() if c.getTomoId() == ts_id]
        return rescale_positions(np.array(own).reshape(-1, 3), coordinates.getSamplingRate(), RATE)

    def assert_at_particles(self, coordinates, ts_id: str):
        """Every particle has exactly one coordinate within a voxel and a half, and no coordinate is elsewhere."""
        found, truth = self.positions(coordinates, ts_id), self.simulated[ts_id].truth
        distances = np.linalg.norm(found[:, None] - truth[None], axis=2)
        self.assertEqual(len(found), len(truth))
        self.assertTrue((distances.min(axis=0) < 1.5).all(), f"{ts_id}: particles missed by {distances.min(axis=0)} voxels")
