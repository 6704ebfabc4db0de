"""Aligned projections in files: read and checked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tomo_particles.classification.directions import axes_of
from tomo_particles.classification.projections import Projections, resized
from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.density_files import open_density
from tomo_particles.core.errors import InputError
from tomo_particles.formats.xmd import ANGLES, Columns, read_table, with_nan
from tomo_particles.fourier.ctf import CTF
from tomo_particles.geometry.orientations import rotation_of

ALIKE = 1.0  # degrees: views that differ less are all the same
MOST_LEFT_OUT = 0.5
DEFOCUS = ("ctfDefocusU", "ctfDefocusV", "ctfDefocusAngle")
OPTICS = ("ctfVoltage", "ctfSphericalAberration", "ctfQ0")
ANGSTROM = 1e4  # a µm


@dataclass(frozen=True)
class ProjectionInput:
    """particles: n, by their itemId.  table: n rows of what is known of each.  micrographs: (n,) names, '' where unknown.

    left_out: how many images were empty or no numbers.
    """

    particles: Projections
    table: Columns
    micrographs: list[str]
    left_out: int


def read_projections(
    path: str, *, rate: float | None = None, resize: int | None = None, flipped: bool = False, with_rate: bool = True
) -> ProjectionInput:
    """Read a table of aligned particles and their images. rate: Å/pixel, None: as the table or the images say.

    resize: pixels of the edge to which images are scaled down.  flipped: whether their phases were corrected for the CTF.
    with_rate: whether the sampling rate must be known.  Raises InputError for what cannot be classified.
    """
    table = _ordered(read_table(path, "-i"), path)
    images, kept, own_rate = _images(table, path)
    n = len(images)
    left_out = n - int(kept.sum())
    if left_out > MOST_LEFT_OUT * n:
        raise InputError(f"-i: {left_out} of {n} images of '{path}' are empty or hold values that are no numbers; check the file")
    table = {name: [values[row] for row in np.flatnonzero(kept)] for name, values in table.items()}
    images = images[kept]
    angles = _angles(table, path)
    shifts = np.array([with_nan(table.get(name, [0.0] * len(images))) for name in ("shiftX", "shiftY")], dtype=float).T
    if not np.isfinite(shifts).all():
        raise InputError(f"-i: '{path}' has shifts that are no numbers; correct it")
    rate = rate or _rate_of(table, path) or own_rate
    if with_rate and rate <= 0:
        raise InputError(f"-i: neither '{path}' nor its images say a sampling rate; give it with --samplingrate")
    rate = rate or 1.0
    shifts = shifts.reshape(-1, 2) * rate
    if resize is not None:
        if resize % 2 or not 8 <= resize <= images.shape[-1]:
            raise InputError(f"--resize: must be even, from 8 to the {images.shape[-1]} pixels of the images, received {resize}")
        rate *= images.shape[-1] / resize
        images = resized(images, resize)
    ctfs, astigmatism = _ctfs(table, path)
    particles = Projections(images, rate, axes_of(rotation_of(angles)), shifts, ctfs, astigmatism, flipped)
    names = [str(name) for name in table.get("micrograph", table.get("micrographId", [""] * len(images)))]
    return ProjectionInput(particles, table, names, left_out)


def _ordered(table: Columns, path: str) -> Columns:
    """The table in the order of its ids. Raises InputError for what is no table of aligned particles."""
    for name in ("image", *ANGLES):
        if name not in table:
            raise InputError(f"-i: '{path}' has no column {name}; give aligned particles")
    ids = table.get("itemId", table.get("particleId", list(range(1, len(table["image"]) + 1))))
    if len(set(ids)) < len(ids):
        raise InputError(f"-i: '{path}' has an itemId more than once; give every particle its own")
    order = sorted(range(len(ids)), key=lambda row: ids[row])
    return {name: [values[row] for row in order] for name, values in {**table, "itemId": ids}.items()}


def _angles(table: Columns, path: str) -> np.ndarray:
    angles = np.array([with_nan(table[name]) for name in ANGLES]).T.reshape(-1, 3)
    if not np.isfinite(angles).all():
        missing = int((~np.isfinite(angles).all(axis=1)).sum())
        raise InputError(f"-i: {missing} of {len(angles)} particles of '{path}' have no angles; give aligned particles")
    if any(table.get("flip", [])):
        raise InputError(f"-i: '{path}' has mirrored particles (flip); write them mirrored, with flip 0")
    spread = np.abs(np.exp(1j * np.radians(angles)) - np.exp(1j * np.radians(angles[:1])))
    if len(angles) and spread.max() < np.radians(ALIKE):
        raise InputError(f"-i: all particles of '{path}' have the same orientation; give aligned particles")
    return angles


def _rate_of(table: Columns, path: str) -> float:
    """Å/pixel that the table says; 0 if it does not."""
    rates = [float(one) for one in dict.fromkeys(table.get("samplingRate", []))]
    if any(not same_sampling_rate(one, rates[0]) for one in rates):
        raise InputError(f"-i: '{path}' has different sampling rates, {rates[0]:g} and {rates[1]:g} Å/pixel; scale them alike")
    return rates[0] if rates else 0.0


def _ctfs(table: Columns, path: str) -> tuple[Sequence[CTF], np.ndarray | None]:
    """The CTF of each particle with its mean defocus, and its astigmatism; nothing where the table has no CTF."""
    if DEFOCUS[0] not in table:
        return (), None
    if missing := [name for name in OPTICS if name not in table]:
        raise InputError(f"-i: '{path}' has a defocus, but no column {missing[0]}; add it, or remove the columns of the CTF")
    largest = with_nan(table[DEFOCUS[0]])
    smallest = with_nan(table.get(DEFOCUS[1], table[DEFOCUS[0]]))
    azimuth = with_nan(table.get(DEFOCUS[2], [0.0] * len(largest)))
    optics = np.array([with_nan(table[name]) for name in OPTICS]).T
    if not np.isfinite([largest, smallest, azimuth]).all() or not np.isfinite(optics).all():
        raise InputError(f"-i: '{path}' has particles without a CTF; give that of each, or remove the columns of the CTF")
    if float(np.median(np.abs(largest))) < 100:
        raise InputError(f"-i: '{path}': {DEFOCUS[0]} must be in Å, received {largest[0]:g}; a defocus of 2 µm is 20000")
    ctfs = [
        CTF(defocus=(one + other) / 2 / ANGSTROM, voltage=v, spherical_aberration=cs, amplitude_contrast=q, envelope=None)
        for one, other, (v, cs, q) in zip(largest, smallest, optics, strict=True)
    ]
    return ctfs, np.stack([(largest - smallest) / 2 / ANGSTROM, azimuth], axis=1)


def _images(table: Columns, path: str) -> tuple[np.ndarray, np.ndarray, float]:
    """(n, edge, edge) float32, edge even, which of them hold an image, and Å/pixel of their files; every file is opened once."""
    names = table["image"]
    rows: dict[str, list[tuple[int, int]]] = {}
    for row, name in enumerate(names):
        number, _, file = str(name).rpartition("@")
        rows.setdefault(file, []).append((row, int(number) if number.isdecimal() else 1))
    images: list[np.ndarray] = [np.zeros(0)] * len(names)
    rates: dict[float, str] = {}
    for file, own in rows.items():
        with open_density(file, "-i") as density:
            rates.setdefault(round(float(density.voxel[0]), 4), file)
            data = density.data if density.data.ndim == 3 else density.data.reshape(-1, *density.data.shape[-2:])
            for row, index in own:
                if not 0 < index <= len(data):
                    raise InputError(f"-i: '{names[row]}' is none of the {len(data)} images of its stack; check the table")
                images[row] = np.array(data[index - 1], dtype=np.float32)
    shapes = {one.shape for one in images}
    if len(shapes) != 1 or len(set(next(iter(shapes)))) != 1:
        raise InputError("-i: the images must be squares of one size; scale them alike")
    known = [rate for rate in rates if rate > 0]
    if "samplingRate" not in table and any(not same_sampling_rate(rate, known[0]) for rate in known):
        said = ", ".join(f"'{rates[rate]}' {rate:g}" for rate in known[:2])
        raise InputError(f"-i: the images have different sampling rates: {said} Å/pixel; scale them alike")
    found = np.stack(images)
    edge = found.shape[-1] - found.shape[-1] % 2  # the centre pixel stays the centre pixel
    kept = np.isfinite(found).all(axis=(1, 2)) & (np.ptp(found, axis=(1, 2)) > 0)
    return found[:, :edge, :edge], kept, known[0] if known else 0.0


def class_weights(table: Columns, path: str) -> np.ndarray:
    """(n, k) how much each particle belongs to each class, by ref3d and weight: what its class leaves is shared by the others."""
    if "ref3d" not in table:
        raise InputError(f"-i: '{path}' has no column ref3d; give classified particles")
    labels = np.array(table["ref3d"], dtype=int)
    count = int(labels.max())
    if labels.min() < 1 or len(set(labels.tolist())) < count:
        raise InputError(f"-i: the classes (ref3d) of '{path}' must be 1, 2 and so on, without a gap; correct it")
    own = with_nan(table.get("weight", [1.0] * len(labels)))
    if not np.isfinite(own).all() or own.min() < 0 or own.max() > 1:
        raise InputError(f"-i: the column weight of '{path}' must hold probabilities from 0 to 1; correct or remove it")
    weights = np.repeat(((1 - own) / max(count - 1, 1))[:, None], count, axis=1)
    weights[np.arange(len(labels)), labels - 1] = own
    return weights
