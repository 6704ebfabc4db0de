"""Scipion's sets without a project: a set of tomograms of different sizes, and coordinates in them."""

import importlib
import json
import os
import shlex
import warnings
from collections.abc import Iterator

import mrcfile
import numpy as np
import pytest
from program_server import SCIPION, ProgramServer

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pwem.constants import ALIGN_PROJ
    from pwem.objects import Class3D, Particle, SetOfClasses3D, SetOfParticles, Transform
    from pyworkflow import Config
    from pyworkflow.object import Integer
    from pyworkflow.template import LocalTemplate, TemplateList
    from tomo.constants import BOTTOM_LEFT_CORNER
    from tomo.objects import (
        Coordinate3D,
        SetOfCoordinates3D,
        SetOfSubTomograms,
        SetOfTomograms,
        SubTomogram,
        TomoAcquisition,
        Tomogram,
    )

    from xmipptomo.constants import TRUE_CLASS_ATTRIBUTE
    from xmipptomo.files import RunFiles

    # Scipion looks for protocols once in a process, and leaves out those of a module that warns where warnings are errors
    Config.getDomain().getProtocols()


@pytest.fixture(scope="session", autouse=True)
def runs_in_copies() -> Iterator[None]:
    """A run that is waited for starts in a copy of a process that has loaded Scipion: this takes most of a second each time.

    Everything else of `launchProtocol` is Scipion's: the command with its arguments, files and database.
    """
    launch = importlib.import_module("pyworkflow.protocol.launch")  # the package has a function of this name
    server, in_shell = None, launch._run

    def start(command: str, wait: bool, *streams) -> int:
        nonlocal server
        words = shlex.split(command) if wait and not set(command) & {"$", "`", "\\"} else []
        if len(words) < 2 or os.path.basename(words[1]) != "pw_protocol_run.py":
            return in_shell(command, wait, *streams)
        server = server or ProgramServer(*SCIPION)
        if not server.fits:
            return in_shell(command, wait, *streams)
        finished = server.run(words[1], words[2:], os.getcwd())
        print(finished.stdout, finished.stderr)
        return finished.pid

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(launch, "_run", start)
        yield
    if server is not None:
        server.close()


class SetMaker:
    """Makes sets in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self.count = 0

    def _file(self) -> str:
        self.count += 1
        return str(self.folder / f"set{self.count}.sqlite")

    def tomograms(
        self, sizes: dict[str, tuple[int, int, int]], rate: float, acquisitions: dict[str, tuple[float, float]] | None = None
    ) -> SetOfTomograms:
        """sizes: x, y, z by tsId.  acquisitions: first and last tilt of those that say them."""
        tomograms = SetOfTomograms(filename=self._file())
        tomograms.setSamplingRate(rate)
        for ts_id, size in sizes.items():
            path = self.folder / f"tomogram{self.count}_{len(list(self.folder.glob('*.mrc')))}.mrc"
            with mrcfile.new(path) as mrc:
                mrc.set_data(np.zeros(size[::-1], dtype=np.float32))
                mrc.set_volume()
            tomogram = Tomogram()
            tomogram.setTsId(ts_id)
            tomogram.setLocation(str(path))
            tomogram.setSamplingRate(rate)
            if acquisitions is not None:
                tomogram.setAcquisition(TomoAcquisition(*acquisitions.get(ts_id, ())))
            tomograms.append(tomogram)
        tomograms.write()
        return tomograms

    def coordinates(
        self,
        tomograms: SetOfTomograms,
        positions: dict[str, list],
        box_size: int = 20,
        *,
        score: float = 0.0,
        group: int = 0,
        matrix: np.ndarray | None = None,
    ) -> SetOfCoordinates3D:
        """positions: x, y, z in voxels of the tomograms, origin at the corner, by tsId."""
        coordinates = self.empty_coordinates(tomograms, box_size)
        for tomogram in [t.clone() for t in tomograms]:
            for position in positions.get(tomogram.getTsId(), []):
                coordinate = Coordinate3D()
                coordinate.setVolume(tomogram)
                coordinate.setPosition(*map(float, position), BOTTOM_LEFT_CORNER)
                coordinate.setScore(score)
                coordinate.setGroupId(group)
                if matrix is not None:
                    coordinate.setMatrix(matrix)
                coordinates.append(coordinate)
        coordinates.write()
        return coordinates

    def subtomograms(self, count: int, rate: float) -> SetOfSubTomograms:
        """Aligned subtomograms that say their tilts; their images are not there."""
        subtomograms = SetOfSubTomograms(filename=self._file())
        subtomograms.setSamplingRate(rate)
        acquisition = TomoAcquisition(-60.0, 60.0)
        subtomograms.setAcquisition(acquisition)
        for number in range(1, count + 1):
            item = SubTomogram()
            item.setLocation(number, str(self.folder / "subtomograms.mrcs"))
            item.setSamplingRate(rate)
            item.setAcquisition(acquisition)
            item.setTransform(Transform(np.eye(4)))
            subtomograms.append(item)
        subtomograms.write()
        return subtomograms

    def particles(self, count: int, rate: float) -> SetOfParticles:
        """Projections with alignment that know their true class, as simulated ones do; their images are not there."""
        particles = SetOfParticles(filename=self._file())
        particles.setSamplingRate(rate)
        particles.setAlignment(ALIGN_PROJ)
        for number in range(1, count + 1):
            item = Particle()
            item.setLocation(number, str(self.folder / "particles.mrcs"))
            item.setSamplingRate(rate)
            item.setTransform(Transform(np.eye(4)))
            setattr(item, TRUE_CLASS_ATTRIBUTE, Integer(1 + number % 2))
            particles.append(item)
        particles.write()
        return particles

    def classes(self, count: int, rate: float) -> SetOfClasses3D:
        """One class of such particles."""
        classes, particles = SetOfClasses3D(filename=self._file()), self.particles(count, rate)
        classes.setImages(particles)
        one = Class3D()
        one.copyInfo(particles)
        classes.append(one)
        for item in particles.iterItems():
            one.append(item)
        classes.update(one)
        classes.write()
        return classes

    def empty_coordinates(self, tomograms: SetOfTomograms, box_size: int = 20) -> SetOfCoordinates3D:
        coordinates = SetOfCoordinates3D(filename=self._file())
        coordinates.setSamplingRate(tomograms.getSamplingRate())
        coordinates.setBoxSize(box_size)
        coordinates.setPrecedents(tomograms)
        return coordinates


@pytest.fixture
def sets(tmp_path) -> SetMaker:
    return SetMaker(tmp_path)


@pytest.fixture
def finished(tmp_path):
    """Write the summary of a finished consensus of two pickers in one tomogram; gives the files of the run."""

    def write(tomogram: dict, **changes) -> RunFiles:
        files = RunFiles(str(tmp_path))
        files.root.mkdir(exist_ok=True)
        content = {
            "threshold": 0.4,
            "samplingRate": 10.0,
            "boxSize": 24,
            "pickers": ["crYOLO", "blobs"],
            "tomograms": {"TS_1": tomogram},
            **changes,
        }
        with open(files.summary, "w") as file:
            json.dump(content, file)
        return files

    return write


@pytest.fixture(scope="module")
def templates() -> dict[str, LocalTemplate]:
    """Our templates as Scipion's dialog and its command `template` find them."""
    every = TemplateList()
    every.addPluginTemplates()
    return {one.name: one for one in every.templates if one.source == "xmipptomo"}
