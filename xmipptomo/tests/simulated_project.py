"""Simulated tomograms and pickers as sets of a Scipion project, without running import protocols."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
from pwem.convert.transformations import euler_matrix
from pwem.objects import Volume
from pyworkflow.object import Pointer, String
from pyworkflow.project import Project
from pyworkflow.protocol import Protocol
from tomo.constants import BOTTOM_LEFT_CORNER
from tomo.objects import Coordinate3D, SetOfCoordinates3D, SetOfTomograms, SetOfTomoMasks, TomoAcquisition, Tomogram, TomoMask
from tomo.protocols import ProtImportCoordinates3D, ProtImportTomograms

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.tomograms import write_volume
from tomo_particles.testing.synthetic import simulate_tomogram

from ..constants import SPECIES_ATTRIBUTE
from ..files import PickingFiles

RATE = 10.0  # Å/voxel of the simulated tomograms; their binned copies have twice that
SIZE = (96, 80, 56)  # x, y, z: three different lengths, so that exchanged axes are seen
RADIUS = 5.0  # of the particles, voxels


@dataclass(frozen=True)
class SimulatedTomogram:
    """One tomogram and its 2x binned copy. truth: (n, 3) x, y, z in voxels of RATE, origin at the corner; beads likewise."""

    ts_id: str
    path: str
    binned_path: str
    truth: np.ndarray
    beads: np.ndarray


def simulate(folder: str, ts_id: str, seed: int, size: tuple[int, int, int] = SIZE,
             noise: float = 0.5) -> SimulatedTomogram:
    """Write a tomogram with particles and gold beads, and its copy of averaged 2 x 2 x 2 voxels."""
    simulation = simulate_tomogram(size, {"target": 22, "bead": 3}, rng=np.random.default_rng(seed), radius=RADIUS, noise=noise,
                                   sampling_rate=RATE)
    z, y, x = (n // 2 for n in simulation.volume.shape)
    binned = simulation.volume.reshape(z, 2, y, 2, x, 2).mean(axis=(1, 3, 5))
    paths = [os.path.join(folder, name) for name in (f"{ts_id}.mrc", f"{ts_id} binned.mrc")]  # a name with a space
    for path, volume, rate in zip(paths, (simulation.volume, binned), (RATE, 2 * RATE), strict=True):
        with mrcfile.new(path) as mrc:
            mrc.set_data(volume.astype(np.float32))
            mrc.set_volume()
            mrc.voxel_size = rate
    return SimulatedTomogram(ts_id, *paths, simulation.truth, simulation.positions["bead"])


def add_tomograms(project: Project, label: str, paths: Mapping[str, str], rate: float,
                  tilts: tuple[float, float] | None = None) -> Pointer:
    """Register a set of tomograms by tsId; returns the pointer that a form would hold. tilts: first and last, of all of them."""
    protocol = _saved(project, ProtImportTomograms, label)
    tomograms = SetOfTomograms.create(protocol.getPath(), template="tomograms%s.sqlite")
    tomograms.setSamplingRate(rate)
    for ts_id, path in paths.items():
        tomogram = Tomogram()
        tomogram.setTsId(ts_id)
        tomogram.setLocation(path)
        tomogram.setSamplingRate(rate)
        tomogram.setOrigin()
        if tilts:
            tomogram.setAcquisition(TomoAcquisition(angleMin=tilts[0], angleMax=tilts[1]))
        tomograms.append(tomogram)
    return _registered(project, protocol, "Tomograms", tomograms)


def add_coordinates(project: Project, label: str, tomograms: Pointer, positions: Mapping[str, np.ndarray], box_size: int, *,
                    score: float = 0.5, group: int = 0, tilt: float | None = None, species: str = "",
                    protocol: Protocol | None = None) -> Pointer:
    """Register a set of coordinates: positions by tsId, (n, 3) x, y, z in voxels of RATE whatever the tomograms' rate.

    tilt: angle in degrees of the orientation that all of them get.  species: the class of all of them.  protocol: the run that
    made them, a picker; None for an import.
    """
    name = "coordinates" if protocol else "outputCoordinates"
    protocol = protocol or _saved(project, ProtImportCoordinates3D, label, importTomograms=tomograms)
    coordinates = SetOfCoordinates3D.create(protocol.getPath(), template="coordinates%s.sqlite")
    rate = tomograms.get().getSamplingRate()
    coordinates.setSamplingRate(rate)
    coordinates.setBoxSize(box_size)
    coordinates.setPrecedents(tomograms)
    for tomogram in [t.clone() for t in tomograms.get()]:
        for position in rescale_positions(positions.get(tomogram.getTsId(), np.zeros((0, 3))), RATE, rate):
            coordinate = Coordinate3D()
            coordinate.setVolume(tomogram)
            coordinate.setPosition(*map(float, position), BOTTOM_LEFT_CORNER)
            coordinate.setScore(score)
            coordinate.setGroupId(group)
            if tilt is not None:
                coordinate.setMatrix(euler_matrix(0, -np.deg2rad(tilt), 0, axes="szyz"))
            if species:
                setattr(coordinate, SPECIES_ATTRIBUTE, String(species))
            coordinates.append(coordinate)
    return _registered(project, protocol, name, coordinates)


def add_picker_run(project: Project, picker: type, label: str, maps: Mapping[str, np.ndarray]) -> Protocol:
    """A run of a picker that kept its score maps, without running it. maps: of RATE, by the name of the file."""
    protocol = _saved(project, picker, label, scoreMaps=True)
    for name, volume in maps.items():
        write_volume(Path(PickingFiles(protocol._getExtraPath()).score_maps) / name, volume, RATE)
    return protocol


def add_masks(project: Project, label: str, paths: Mapping[str, str], rate: float) -> Pointer:
    """Register a set of masks of regions by tsId; rate: of the masks, Å/voxel."""
    protocol = _saved(project, ProtImportTomograms, label)
    masks = SetOfTomoMasks.create(protocol.getPath(), template="masks%s.sqlite")
    masks.setSamplingRate(rate)
    for ts_id, path in paths.items():
        mask = TomoMask(location=path)
        mask.setTsId(ts_id)
        mask.setSamplingRate(rate)
        masks.append(mask)
    return _registered(project, protocol, "tomoMasks", masks)


def add_volume(project: Project, label: str, path: str, rate: float) -> Pointer:
    """Register a volume; rate: Å/voxel."""
    protocol = _saved(project, ProtImportTomograms, label)
    volume = Volume(location=path)
    volume.setSamplingRate(rate)
    protocol._defineOutputs(volume=volume)
    protocol.setFinished()
    protocol._store()
    project.mapper.commit()
    return Pointer(protocol, extended="volume")


def _saved(project: Project, protocol_class: type, label: str, **parameters):
    protocol = project.newProtocol(protocol_class, **parameters)
    protocol.setObjLabel(label)
    project.saveProtocol(protocol)
    protocol.makePathsAndClean()
    return protocol


def _registered(project: Project, protocol, name: str, output) -> Pointer:
    output.write()
    protocol._defineOutputs(**{name: output})
    protocol.setFinished()
    protocol._store()
    project.mapper.commit()
    return Pointer(protocol, extended=name)
