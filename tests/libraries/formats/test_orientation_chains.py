"""An orientation keeps its physical meaning through files: a particle without symmetry is put into the tomogram by each package's
own rule, from the raw numbers of its file, and must come to lie in the same place."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from format_samples import RATE, context

from tomo_particles.core.picks import Picks
from tomo_particles.formats.conventions import from_dynamo, from_tom, to_dynamo
from tomo_particles.formats.registry import format_named, read, write
from tomo_particles.formats.relion import ANGLES
from tomo_particles.formats.star import read_star
from tomo_particles.formats.xmd import read_table
from tomo_particles.geometry.orientations import rotation_of

REFERENCE = np.array([[4.0, 0, 0], [0, 2, 0], [0, 0, 1], [1, 2, 3]])  # no turn or mirror brings it onto itself
TURNS = np.array([[10.0, 70, 30], [-100, 110, 15], [20, 0, 0], [170, 179, -60]])  # rot, tilt, psi


def about(axis: str, degrees: float) -> np.ndarray:
    """The matrix that turns points counter-clockwise about an axis that points at the viewer."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array({"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[axis])


def by_relion(rot: float, tilt: float, psi: float) -> np.ndarray:
    """Euler_angles2matrix of RELION and Xmipp: takes the reference into the frame of the image, here the tomogram."""
    (ca, cb, cg), (sa, sb, sg) = (f(np.radians([rot, tilt, psi])) for f in (np.cos, np.sin))
    matrix = [
        [cg * cb * ca - sg * sa, cg * cb * sa + sg * ca, -cg * sb],
        [-sg * cb * ca - cg * sa, -sg * cb * sa + cg * ca, sg * sb],
        [sb * ca, sb * sa, cb],
    ]
    return REFERENCE @ np.array(matrix).T


def by_dynamo(tdrot: float, tilt: float, narot: float) -> np.ndarray:
    """Dynamo's wiki, Euler angles convention: the template turns clockwise about z, then about its new x, then its new z."""
    turn = np.eye(3)
    for axis, angle in zip("zxz", (tdrot, tilt, narot), strict=True):
        turn = turn @ about(axis, -angle)  # on the right: about an axis that has turned along
    return REFERENCE @ turn.T


def by_tom(phi: float, theta: float, psi: float) -> np.ndarray:
    """tom_pointrotate, and STOPGAP after it: about axes that stay; cryoCAT puts subunits so."""
    return REFERENCE @ (about("z", psi) @ about("x", theta) @ about("z", phi)).T


def by_matrix(matrix) -> np.ndarray:
    """CryoET Data Portal: applied to the instance's volume (so its importers and its view of meshes do); copick copies it."""
    return REFERENCE @ np.asarray(matrix)[:3, :3].T


def placed(path: Path) -> list[np.ndarray]:
    """The particles as the owner of a file format would put them, from the numbers in the file."""
    if path.suffix == ".star" and "stopgap_motivelist" in (tables := read_star(path, "-i")):
        columns = tables["stopgap_motivelist"].columns
        return [by_tom(*map(float, row)) for row in zip(*(columns[name] for name in ("phi", "the", "psi")), strict=True)]
    if path.suffix == ".star":
        table = tables["particles"]
        return [by_relion(*map(float, row)) for row in zip(*(table.columns[label] for label in ANGLES), strict=True)]
    if path.suffix == ".xmd":
        table = read_table(path)
        return [by_relion(*row) for row in zip(*(table[name] for name in ("angleRot", "angleTilt", "anglePsi")), strict=True)]
    if path.suffix == ".csv":
        return [by_relion(*row) for row in pd.read_csv(path)[["rot", "tilt", "psi"]].to_numpy()]
    if path.suffix == ".tbl":
        return [by_dynamo(*map(float, line.split()[6:9])) for line in path.read_text().splitlines()]
    return [by_matrix(point["transformation_"]) for point in json.loads(path.read_text())["points"]]


FILES = {
    "relion5": "a.star",
    "relion3": "b.star",
    "dynamo": "c.tbl",
    "copick": "d.json",
    "csv": "e.csv",
    "xmd": "f.xmd",
    "stopgap": "g.star",
}


@pytest.mark.parametrize(
    "chain",
    [
        *itertools.permutations(("relion5", "dynamo", "copick")),
        ("csv", "relion3", "xmd", "dynamo"),
        ("relion5", "stopgap", "dynamo", "copick"),
    ],
)
def test_a_particle_lies_the_same_way_for_every_package(tmp_path, chain):
    expected = [by_relion(*angles) for angles in TURNS]
    picks = Picks("TS_1", np.full((len(TURNS), 3), 9.0), RATE, angles=TURNS)
    for name in chain:
        write(tmp_path / FILES[name], {"TS_1": picks}, context(), format_named(name, "--to"))
        np.testing.assert_allclose(placed(tmp_path / FILES[name]), expected, atol=1e-3, err_msg=name)
        picks = read(tmp_path / FILES[name], context())["TS_1"]
        np.testing.assert_allclose([rotation_of(own).apply(REFERENCE) for own in picks.angles], expected, atol=1e-3)


def test_orientations_that_gave_the_same_reconstruction_in_dynamo_and_relion():
    # a pair published with alisterburt/eulerangles (its tests): the same particle, averaged in both packages
    np.testing.assert_allclose(from_dynamo([[-47.273, 1.1777, -132.3]]), [[137.7, 1.1777, 42.727]], atol=1e-6)
    np.testing.assert_allclose(to_dynamo([[137.7, 1.1777, 42.727]]), [[-47.273, 1.1777, -132.3]], atol=1e-6)


def test_a_matrix_of_the_portal_is_applied_to_the_reference(tmp_path):
    rows = [
        {"location": {"x": 1, "y": 2, "z": 3}, "xyz_rotation_matrix": (about("z", a) @ about("x", b)).tolist()}
        for a, b in ((30, 60), (200, -20))
    ]
    (tmp_path / "p.ndjson").write_text("\n".join(map(json.dumps, rows)))
    angles = read(tmp_path / "p.ndjson", context())["TS_1"].angles
    for row, own in zip(rows, angles, strict=True):
        np.testing.assert_allclose(by_relion(*own), by_matrix(row["xyz_rotation_matrix"]), atol=1e-9)


def test_tom_turns_the_reference_by_phi_theta_psi_about_axes_that_stay():
    turns = 25.0, 75.0, -130.0
    np.testing.assert_allclose(by_relion(*from_tom(np.array([turns]))[0]), by_tom(*turns), atol=1e-9)
