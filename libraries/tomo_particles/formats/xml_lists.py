"""Two XML formats: the object lists of DeepFinder, and the sessions of Membranorama that MemBrain reads and writes.

Read with expat, for the line of each element; a file that declares a document type or entities is refused, never expanded.
"""

from __future__ import annotations

from itertools import takewhile
from pathlib import Path
from typing import NamedTuple
from xml.parsers import expat

import numpy as np

from ..core.errors import InputError
from .model import BY_FILE, BY_NAME, BY_NUMBER, Format, Found, text_of
from .star import numbers_of

ANGLES_LEFT_OUT = "its orientations are left out, nowhere could their meaning be confirmed"
SESSION, PATCHES = ("Session", "Param", "PointGroups", "Group", "Point"), "SurfacePatches"  # elements of a session; what follows


class Element(NamedTuple):
    name: str
    attributes: dict[str, str]
    line: int


def elements_of(path: Path, option: str) -> list[Element]:
    """All elements in the order of the file."""
    found: list[Element] = []
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise InputError(
            f"{option}: '{path}', line {parser.CurrentLineNumber}: a document type or entities, which no picker "
            "writes; remove the declaration"
        )

    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda name, attributes: found.append(Element(name, attributes, parser.CurrentLineNumber))
    try:
        parser.Parse(path.read_bytes(), True)
    except LookupError as error:  # of Python's codecs, for an encoding that there is not
        raise InputError(f"{option}: '{path}' names an unknown encoding ({error}); write UTF-8 there") from error
    except expat.ExpatError as error:
        raise InputError(
            f"{option}: '{path}', line {error.lineno}: no complete XML ({expat.ErrorString(error.code)}); the file "
            "is damaged or cut off, write it again"
        ) from error
    return found


def numbers(elements: list[Element], name: str, path: object, option: str) -> np.ndarray:
    for element in elements:
        if name not in element.attributes:
            raise InputError(
                f"{option}: '{path}', line {element.line}: {element.name} has no attribute {name}; add it or remove that line"
            )
    return numbers_of([e.attributes[name] for e in elements], name, [e.line for e in elements], path, option)


def _is_turned(element: Element) -> bool:
    try:
        return any(float(element.attributes.get(angle, 0)) for angle in ("phi", "psi", "the"))
    except ValueError:  # they are not read: no reason to refuse the file
        return False


def _sniff_deepfinder(head: bytes) -> bool:
    return "<objlist" in text_of(head[:4096])


def parse_deepfinder(path: Path, option: str) -> list[Found]:
    """0-based voxels of the tomogram. Its angles are not carried: nowhere could their order be confirmed."""
    objects = _only(("objlist", "object"), elements_of(path, option), path, option)[1:]
    positions = np.stack([numbers(objects, axis, path, option) for axis in "xyz"], axis=1).reshape(-1, 3)
    species = np.array([e.attributes.get("class_label", "") for e in objects], dtype=object)
    score = numbers(objects, "cluster_size", path, option) if objects and "cluster_size" in objects[0].attributes else None
    names = np.array([e.attributes.get("tomo_name") or e.attributes.get("tomo_idx", "") for e in objects], dtype=object)
    if "" in names and any(names):
        line = objects[names.tolist().index("")].line
        raise InputError(f"{option}: '{path}', line {line}: this object does not say its tomogram, and others do; correct it")
    named = BY_NAME if objects and "tomo_name" in objects[0].attributes else BY_NUMBER
    turned = any(map(_is_turned, objects))
    return [
        Found(
            name or path.name,
            named if name else BY_FILE,
            positions[own],
            species=species[own],
            score=None if score is None else score[own],
            notes=(ANGLES_LEFT_OUT,) if turned else (),
        )
        for name in dict.fromkeys(names.tolist())
        for own in [names == name]
    ]


def _only(names: tuple[str, ...], elements: list[Element], path: object, option: str) -> list[Element]:
    """The elements, if all have one of these names: one of another name is damage that would cost a pick."""
    for element in elements:
        if element.name not in names:
            raise InputError(
                f"{option}: '{path}', line {element.line}: element '{element.name}', expected {' or '.join(names)}; "
                "correct or remove that line"
            )
    return elements


def _sniff_membranorama(head: bytes) -> bool:
    text = text_of(head)
    return "<Session" in text and "<PointGroups" in text


def parse_membranorama(path: Path, option: str) -> list[Found]:
    """Å from the centre of the first voxel (MemBrain `data_utils.py`: voxels times pixel size); groups are species."""
    group, tomogram = "", ""
    points: list[tuple[Element, str]] = []
    of_points = list(takewhile(lambda element: element.name != PATCHES, elements_of(path, option)))
    for element in _only(SESSION, of_points, path, option):
        if element.name == "Group":
            group = element.attributes.get("Name", "")
        elif element.name == "Param" and element.attributes.get("Name") == "TomogramPath":
            tomogram = element.attributes.get("Value", "")
        elif element.name == "Point":
            points.append((element, group))
    texts = [(element.attributes.get("Position") or "").split(",") for element, _ in points]
    for (element, _), words in zip(points, texts, strict=True):
        if len(words) != 3:
            raise InputError(
                f"{option}: '{path}', line {element.line}: Position is '{','.join(words)}', expected x,y,z in Å; "
                "correct or remove that line"
            )
    lines = [element.line for element, _ in points]
    columns = [numbers_of([words[axis] for words in texts], "Position", lines, path, option) for axis in range(3)]
    name, named = (tomogram, BY_NAME) if tomogram else (path.name, BY_FILE)
    turned = any("Orientation" in element.attributes for element, _ in points)
    return [
        Found(
            name,
            named,
            np.stack(columns, axis=1).reshape(-1, 3),
            angstrom=True,
            species=[name for _, name in points],
            notes=(ANGLES_LEFT_OUT,) if turned else (),
        )
    ]


DEEPFINDER = Format("deepfinder", "DeepFinder object list", (".xml",), _sniff_deepfinder, parse_deepfinder)
MEMBRANORAMA = Format("membranorama", "Membranorama session (MemBrain)", (".xml",), _sniff_membranorama, parse_membranorama)
