"""A file of every format with given raw numbers. What the numbers mean is said by docs/formats.md, not here."""

import json
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from format_samples import star
from imodmodel import ImodModel
from imodmodel.models import Contour, Object
from scipy.spatial.transform import Rotation

BOX = 16  # voxels, of .cbox


@dataclass(frozen=True)
class Raw:
    """places: (n, 3) numbers in the order of the format's axes.  turns: (n, 3) degrees in the order of the turns, or (n, 3, 3)
    matrices.  rate: what the file says of its voxels, if the format has a place for it.  name: of the tomogram, likewise.
    """

    places: np.ndarray
    turns: np.ndarray
    score: float = 0.5
    rate: float = 7.5
    name: str = "TS_1"
    number: int = 4


def _rows(raw: Raw, *columns: object, turns: bool = True) -> list[list[str]]:
    """The numbers of each pick as words: place, turns, and what else stands in every row."""
    numbers = np.hstack([raw.places, raw.turns.reshape(len(raw.places), -1)] if turns else [raw.places])
    return [[*(f"{value:.9g}" for value in row), *map(str, columns)] for row in numbers.tolist()]


def _star(path: Path, raw: Raw, block: str, labels: str, *columns: object, turns: bool = True) -> None:
    path.write_text(star(block, labels, *(" ".join(row) for row in _rows(raw, *columns, turns=turns))))


def _labelled(path: Path, raw: Raw, labels: str, *columns: object, turns: bool = True) -> None:
    separator = "\t" if path.suffix == ".tsv" else ","
    rows = [labels.split(), *_rows(raw, *columns, turns=turns)]
    path.write_text("".join(separator.join(row) + "\n" for row in rows))


def _relion(axes: str, *more: str) -> str:
    return " ".join([*axes.split(), "AngleRot", "AngleTilt", "AnglePsi", *more])


def csv(path: Path, raw: Raw) -> None:
    _labelled(path, raw, "x y z rot tilt psi score samplingRate tomo_id", raw.score, raw.rate, raw.name)


def xmd(path: Path, raw: Raw) -> None:
    labels = "x y z angleRot angleTilt anglePsi fom samplingRate tiltSeriesId"
    rows = "".join(" ".join(row) + "\n" for row in _rows(raw, raw.score, raw.rate, raw.name))
    heads = "".join(f" _{label}\n" for label in labels.split())
    path.write_text(f"# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n{heads}{rows}")


def relion5(path: Path, raw: Raw) -> None:
    axes = " ".join(f"CenteredCoordinate{axis}Angst" for axis in "XYZ")
    _star(path, raw, "particles", _relion(axes, "LCCmax", "TomoName"), raw.score, raw.name)


def relion3(path: Path, raw: Raw) -> None:
    axes = "CoordinateX CoordinateY CoordinateZ"
    _star(path, raw, "particles", _relion(axes, "LCCmax", "PixelSize", "MicrographName"), raw.score, raw.rate, raw.name)


def cbox(path: Path, raw: Raw) -> None:
    labels = "!CoordinateX !CoordinateY !CoordinateZ !Width !Height !Confidence"
    _star(path, raw, "cryolo", labels, BOX, BOX, raw.score, turns=False)


def coords(path: Path, raw: Raw) -> None:
    path.write_text("".join(" ".join(row) + "\n" for row in _rows(raw, turns=False)))


def deepetpicker(path: Path, raw: Raw) -> None:
    path.write_text("".join(" ".join(["2", *row]) + "\n" for row in _rows(raw, turns=False)))


def deepfinder(path: Path, raw: Raw) -> None:
    rows = _rows(raw)
    objects = (
        f'<object tomo_idx="0" tomo_name="{raw.name}" class_label="1" x="{x}" y="{y}" z="{z}" phi="{a}" psi="{c}" the="{b}" '
        f'cluster_size="{raw.score}"/>\n'
        for x, y, z, a, b, c in rows
    )
    path.write_text(f"<objlist>\n{''.join(objects)}</objlist>\n")


def membranorama(path: Path, raw: Raw) -> None:
    points = "".join(
        f'<Point ID="{i}" Position="{",".join(row)}" Orientation="0,0,1"/>' for i, row in enumerate(_rows(raw, turns=False))
    )
    path.write_text(
        f'<Session><Param Name="TomogramPath" Value="Z:\\{raw.name}.rec"/><PointGroups><Group Name="a">{points}</Group>'
        "</PointGroups></Session>"
    )


def eman2(path: Path, raw: Raw) -> None:
    boxes = [[*place, "tm", raw.score, 0] for place in raw.places.tolist()]
    path.write_text(json.dumps({"apix_unbin": raw.rate, "boxes_3d": boxes}))


def dynamo(path: Path, raw: Raw) -> None:
    rows = np.zeros((len(raw.places), 36))
    rows[:, 0], rows[:, 6:9], rows[:, 9], rows[:, 19] = range(1, len(rows) + 1), raw.turns, raw.score, raw.number
    rows[:, 23:26], rows[:, 35] = raw.places, raw.rate
    path.write_text("".join(" ".join(f"{value:.9g}" for value in row) + "\n" for row in rows.tolist()))


def imod(path: Path, raw: Raw) -> None:
    model, made = ImodModel(), Object()
    made.contours.append(Contour(points=raw.places))
    model.objects.append(made)
    model.header.xmax = model.header.ymax = model.header.zmax = 0
    model.header.pixelsize, model.header.units = raw.rate / 10, -9
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # imodmodel 0.1 calls pydantic by its old names
        model.to_file(path)


def peet(path: Path, raw: Raw) -> None:
    imod(path.with_name(f"{path.stem.partition('_MOTL')[0]}.mod"), raw)
    labels = "CCC,reserved,reserved,pIndex,wedgeWT,NA,NA,NA,NA,NA,xOffset,yOffset,zOffset,NA,NA,reserved,EulerZ(1),EulerZ(3)"
    rows = (
        f"{raw.score},0,0,{i},0,0,0,0,0,0,0,0,0,0,0,0,{a},{c},{b},0\n" for i, (a, b, c) in enumerate(raw.turns.tolist(), start=1)
    )
    path.write_text(f"{labels},EulerX(2),reserved\n{''.join(rows)}")


def _points(raw: Raw) -> list[dict]:
    return [{"location": dict(zip("xyz", place, strict=True))} for place in raw.places.tolist()]


def copick(path: Path, raw: Raw) -> None:
    points = _points(raw)
    for point, turn in zip(points, raw.turns, strict=True):
        matrix = np.eye(4)
        matrix[:3, :3] = turn
        point |= {"transformation_": matrix.tolist(), "instance_id": 0, "score": raw.score}
    path.write_text(
        json.dumps(
            {"pickable_object_name": "a", "run_name": raw.name, "voxel_spacing": raw.rate, "unit": "angstrom", "points": points}
        )
    )


def portal(path: Path, raw: Raw) -> None:
    turned = (point | {"xyz_rotation_matrix": turn.tolist()} for point, turn in zip(_points(raw), raw.turns, strict=True))
    path.write_text("".join(json.dumps(point) + "\n" for point in turned))


def motivelist(path: Path, raw: Raw) -> None:
    rows = np.zeros((len(raw.places), 20), dtype="<f4")
    rows[:, 0], rows[:, 4], rows[:, 7:10], rows[:, [16, 18, 17]] = raw.score, raw.number, raw.places, raw.turns
    header = np.array([20, len(rows), 1], dtype="<i4").tobytes()
    path.write_bytes(b"\6\0\0\5" + header + bytes(496) + rows.tobytes())


def stopgap(path: Path, raw: Raw) -> None:
    labels = "!orig_x !orig_y !orig_z !phi !the !psi !score !tomo_num !x_shift !y_shift !z_shift"
    _star(path, raw, "stopgap_motivelist", labels, raw.score, raw.number, 0, 0, 0)


def submission(path: Path, raw: Raw) -> None:
    _labelled(path, raw, "x y z experiment particle_type", raw.name, "ribosome", turns=False)


def pytme(path: Path, raw: Raw) -> None:
    _labelled(path, raw, "x y z euler_x euler_y euler_z score detail", raw.score, -1)


def pytom(path: Path, raw: Raw) -> None:
    rows = (
        f'<Particle Filename="p.em"><Rotation Z1="{a}" X="{b}" Z2="{c}" Paradigm="ZXZ"/><PickPosition Origin="/d/{raw.name}.em" '
        f'X="{x}" Y="{y}" Z="{z}"/><Score Type="FLCFScore" Value="{raw.score}"/></Particle>\n'
        for x, y, z, a, b, c in _rows(raw)
    )
    path.write_text(f"<ParticleList>\n{''.join(rows)}</ParticleList>\n")


def ptm(path: Path, raw: Raw) -> None:
    labels = "CoordinateX CoordinateY CoordinateZ AngleRot AngleTilt AnglePsi LCCmax DetectorPixelSize MicrographName"
    _star(path, raw, "", " ".join(f"!ptm{label}" for label in labels.split()), raw.score, raw.rate, raw.name)


def napari(path: Path, raw: Raw) -> None:
    _labelled(path, raw, "axis-0 axis-1 axis-2 score index", raw.score, 0, turns=False)


def cmm(path: Path, raw: Raw) -> None:
    rows = "".join(f'<marker id="{i}" x="{x}" y="{y}" z="{z}"/>\n' for i, (x, y, z) in enumerate(_rows(raw, turns=False)))
    path.write_text(f'<marker_set name="marker set 1">\n{rows}</marker_set>\n')


def m(path: Path, raw: Raw) -> None:
    labels = "CoordinateX1 CoordinateY1 CoordinateZ1 AngleRot1 AngleTilt1 AnglePsi1 SourceName"
    _star(path, raw, "particles", " ".join(f"!wrp{label}" for label in labels.split()), f"{raw.name}.tomostar")


WRITERS: dict[str, tuple[str, Callable[[Path, Raw], None]]] = {
    "csv": (".csv", csv),
    "xmd": (".xmd", xmd),
    "relion5": (".star", relion5),
    "relion3": (".star", relion3),
    "cbox": (".cbox", cbox),
    "coords": (".coords", coords),
    "deepfinder": (".xml", deepfinder),
    "membranorama": (".xml", membranorama),
    "eman2": (".json", eman2),
    "dynamo": (".tbl", dynamo),
    "imod": (".mod", imod),
    "copick": (".json", copick),
    "portal": (".ndjson", portal),
    "motivelist": (".em", motivelist),
    "stopgap": (".star", stopgap),
    "submission": (".csv", submission),
    "pytme": (".tsv", pytme),
    "pytom": (".xml", pytom),
    "ptm": (".star", ptm),
    "deepetpicker": (".coords", deepetpicker),
    "napari": (".csv", napari),
    "cmm": (".cmm", cmm),
    "peet": ("_MOTL.csv", peet),
    "m": (".star", m),
}


def written(folder: Path, name: str, raw: Raw, stem: str = "TS_1") -> Path:
    """The file of a format with these numbers, named after a tomogram or not."""
    ending, write = WRITERS[name]
    path = folder / f"{stem}{ending}"
    write(path, raw)
    return path


def turns_as(cell: str, angles: np.ndarray) -> np.ndarray:
    """Orientations, (n, 3) rot, tilt, psi of RELION, as the numbers that a format states, by its cell in the table."""
    rotation = Rotation.from_euler("ZYZ", angles, degrees=True).inv()  # reference to particle
    if "matrix" in cell or "transformation_" in cell:
        return rotation.as_matrix()
    if "fixed z" in cell:
        return (rotation.inv() if "particle to reference" in cell else rotation).as_euler("zxz", degrees=True)
    return np.asarray(angles, dtype=float)


def raw_places(index: np.ndarray, unit: str, axes: str, first: str, rate: float, size: np.ndarray, stated: float) -> np.ndarray:
    """The numbers by which a format states indices, (n, 3) x, y, z in a tomogram of `size` voxels of `rate` Å.

    unit, axes, first: cells of its rows in the tables of docs/formats.md.  stated: Å of the voxels that the file says it counts.
    """
    scale = rate if unit.startswith("Å") else rate / stated
    if first.startswith("- "):  # from the centre
        places = (index - (size // 2 if "//" in first else size / 2)) * scale
    elif unit.startswith("Å"):
        places = index * rate
    else:
        zero = np.array([float(word) for word in first.split(",")[0].split()])
        places = (index + 0.5) * scale - 0.5 + zero
        if "corner of the box" in first:
            places = places - [BOX / 2, BOX / 2, 0]
    return places[:, ::-1] if axes.startswith("z y x") else places
