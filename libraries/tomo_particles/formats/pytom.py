"""PyTom: particle lists (.xml), and the star files of pytom-match-pick 0.3, whose labels began with ptm."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..core.errors import InputError
from .conventions import from_tom
from .model import BY_FILE, BY_NAME, Format, Found, text_of
from .star import require_columns, table_with
from .xml_lists import Element, elements_of, numbers

SHIFT, PICKED, TURN, SCORE, CLASS = "Shift", "PickPosition", "Rotation", "Score", "Class"
CLASSES = "the classes of its particles are not read"
COORDINATES = [f"ptmCoordinate{axis}" for axis in "XYZ"]
ANGLES = ["ptmAngleRot", "ptmAngleTilt", "ptmAnglePsi"]
RATE, NAME, FIT = "ptmDetectorPixelSize", "ptmMicrographName", "ptmLCCmax"


def _sniff_xml(head: bytes) -> bool:
    return "<ParticleList" in text_of(head[:65536])


def parse_xml(path: Path, option: str) -> list[Found]:
    """PickPosition + Shift in voxels of its Origin, from 0; Rotation Z1, X, Z2 as phi, theta, psi of TOM, whose heir PyTom is."""
    particles: list[dict[str, Element]] = []
    for element in elements_of(path, option):
        if element.name == "Particle":
            particles.append({"Particle": element})
        elif particles and element.name in (SHIFT, PICKED, TURN, SCORE, CLASS):
            particles[-1][element.name] = element
    for particle in particles:
        if PICKED not in particle:
            raise InputError(
                f"{option}: '{path}', line {particle['Particle'].line}: the particle has no {PICKED}; add it or "
                "remove the particle"
            )
        if particle.get(TURN, particle["Particle"]).attributes.get("Paradigm", "ZXZ") != "ZXZ":
            raise InputError(
                f"{option}: '{path}', line {particle[TURN].line}: only the Paradigm ZXZ is known of PyTom's "
                "rotations; write the file again with it"
            )
    positions = _three([own[PICKED] for own in particles], "XYZ", path, option)
    shifted = [(i, own[SHIFT]) for i, own in enumerate(particles) if SHIFT in own]
    if shifted:
        positions[[i for i, _ in shifted]] += _three([own for _, own in shifted], "XYZ", path, option)
    turned = [(i, own[TURN]) for i, own in enumerate(particles) if TURN in own]
    angles = np.full(positions.shape, np.nan)
    if turned and (turns := _three([own for _, own in turned], ("Z1", "X", "Z2"), path, option)).any():
        angles[[i for i, _ in turned]] = turns
    score = np.full(len(particles), np.nan)
    scored = [(i, own[SCORE]) for i, own in enumerate(particles) if "Value" in own.get(SCORE, own["Particle"]).attributes]
    score[[i for i, _ in scored]] = numbers([own for _, own in scored], "Value", path, option)
    classed = any(own[CLASS].attributes.get("Name", "None") not in ("", "None", "0") for own in particles if CLASS in own)
    names = np.array([own[PICKED].attributes.get("Origin", "") for own in particles], dtype=object)
    return [
        Found(
            name or path.name,
            BY_NAME if name else BY_FILE,
            positions[own],
            score=score[own],
            angles=angles[own],
            convention=from_tom,
            notes=(CLASSES,) if classed else (),
        )
        for name in dict.fromkeys(names.tolist())
        for own in [names == name]
    ]


def _three(elements: list[Element], names: str | tuple[str, ...], path: object, option: str) -> np.ndarray:
    return np.stack([numbers(elements, name, path, option) for name in names], axis=1).reshape(-1, 3)


def _sniff_star(head: bytes) -> bool:
    return "_" + COORDINATES[0] in text_of(head)


def parse_star(path: Path, option: str) -> list[Found]:
    """As its later star files with RELION's labels: 0-based voxels of ptmDetectorPixelSize Å, RELION's angles."""
    table = table_with(COORDINATES, path, option)
    require_columns(table, (*COORDINATES, *ANGLES, RATE, NAME), path, option)
    positions, angles = (
        np.stack([table.numbers(label, path, option) for label in labels], axis=1).reshape(-1, 3)
        for labels in (COORDINATES, ANGLES)
    )
    rates = table.numbers(RATE, path, option)
    score = table.numbers(FIT, path, option, allow_empty=True) if FIT in table.columns else np.full(len(table), np.nan)
    names = np.array(table.columns[NAME], dtype=object)
    return [
        Found(name, BY_NAME, positions[own], rate=rate, score=score[own], angles=angles[own])
        for name, rate in dict.fromkeys(zip(names.tolist(), rates.tolist(), strict=True))
        for own in [(names == name) & (rates == rate)]
    ]


PYTOM = Format("pytom", "PyTom particle list", (".xml",), _sniff_xml, parse_xml)
PYTOM_STAR = Format("ptm", "pytom-match-pick 0.3 star", (".star",), _sniff_star, parse_star)
