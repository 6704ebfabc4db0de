"""Projections of known class at known poses: white noise, and if wanted a CTF, uneven contrast and wrong poses."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.fft
from scipy.ndimage import affine_transform, spline_filter
from scipy.spatial.transform import Rotation

from ..fourier.ctf import CTF

MOST_SHIFT = 1.0  # pixels along x and y, of a particle from the centre of its image
VIEWS = 32  # whose median says how far structures are apart
LEAST_CONTRAST = 0.2  # of the mean
ASTIGMATISM = 0.02  # of the defocus, half the difference of its extremes


@dataclass(frozen=True)
class Microscope:
    """defocus: µm, the least and the most; empty for no CTF.  contrast: deviation of that of the particles, over their mean."""

    defocus: tuple[float, float] | tuple[()] = ()
    contrast: float = 0.0


@dataclass(frozen=True)
class LabelledProjections:
    """n projections. labels: (n,) from 0.  rotations: of the structures onto the particles.  given: the same with errors.

    shifts: (n, 2) x, y, pixels, from the centre of an image to its particle.  contrast: (n,).  ctfs: of each, or empty.
    astigmatism: (n, 2) half the difference of the extremes, µm, and the direction of the largest, degrees.  noise: deviation of
    that of a pixel.
    """

    labels: np.ndarray
    rotations: Rotation
    given: Rotation
    shifts: np.ndarray
    contrast: np.ndarray
    ctfs: list[CTF]
    astigmatism: np.ndarray
    noise: float


def draw_projections(
    structures: Sequence[np.ndarray],
    shares: Sequence[float],
    count: int,
    rate: float,
    separation: float,
    resolution: float,
    angle_error: float,
    microscope: Microscope,
    seed: int,
) -> LabelledProjections:
    """Labels, poses and optics, and the noise at which the first two structures are `separation` (d') apart up to a resolution.

    rate: Å/pixel.  separation: norm of the difference of their images over the noise of a pixel, in the median view; for one
    structure that of its whole image.  angle_error: degrees, deviation about each axis.
    """
    rng = np.random.default_rng(seed)
    rotations = Rotation.from_quat(rng.standard_normal((count, 4)))
    labels = rng.choice(len(structures), count, p=np.asarray(shares) / np.sum(shares))
    errors = Rotation.from_rotvec(rng.normal(0, np.radians(angle_error), (count, 3)))
    shifts = rng.uniform(-MOST_SHIFT, MOST_SHIFT, (count, 2))
    contrast = np.maximum(1 + microscope.contrast * rng.standard_normal(count), LEAST_CONTRAST)
    ctfs = []
    astigmatism = np.zeros((count, 2))
    if microscope.defocus:
        ctfs = [CTF(defocus=value, envelope=None) for value in rng.uniform(*microscope.defocus, count)]
        astigmatism[:, 0] = [ASTIGMATISM * ctf.defocus for ctf in ctfs]
        astigmatism[:, 1] = rng.uniform(0, 180, count)
    drawn = LabelledProjections(labels, rotations, rotations * errors, shifts, contrast, ctfs, astigmatism, 0.0)
    apart = structures[0] - structures[1] if len(structures) > 1 else structures[0]
    edge, views = len(apart), min(count, VIEWS)
    y, x = np.fft.fftfreq(edge, rate), np.fft.rfftfreq(edge, rate)
    kept = y[:, None] ** 2 + x[None] ** 2 <= 1 / resolution**2
    views_of = _views(apart, drawn, range(views), rate)
    norms = [np.linalg.norm(scipy.fft.irfft2(scipy.fft.rfft2(image) * kept, s=(edge, edge))) for image in views_of]
    noise = float(np.median(norms)) / separation
    return LabelledProjections(labels, rotations, rotations * errors, shifts, contrast, ctfs, astigmatism, noise)


def projections(structures: Sequence[np.ndarray], drawn: LabelledProjections, rate: float, seed: int) -> Iterator[np.ndarray]:
    """(edge, edge) float32 of each particle, bright; the same whatever else is made."""
    made = [_views(structure, drawn, range(len(drawn.labels)), rate, label) for label, structure in enumerate(structures)]
    for row, label in enumerate(drawn.labels):
        image = next(made[label])
        white = np.random.default_rng([seed, row]).standard_normal(image.shape, dtype=np.float32)
        yield (drawn.contrast[row] * image + drawn.noise * white).astype(np.float32)


def ctf_columns(drawn: LabelledProjections) -> dict[str, list[float]]:
    """What a table says of the CTF of each, in Å, degrees, kV and mm; nothing without a CTF."""
    if not drawn.ctfs:
        return {}
    mean = np.array([ctf.defocus for ctf in drawn.ctfs])
    half, azimuth = drawn.astigmatism.T
    return {
        "ctfDefocusU": ((mean + half) * 1e4).tolist(),
        "ctfDefocusV": ((mean - half) * 1e4).tolist(),
        "ctfDefocusAngle": azimuth.tolist(),
        "ctfVoltage": [ctf.voltage for ctf in drawn.ctfs],
        "ctfSphericalAberration": [ctf.spherical_aberration for ctf in drawn.ctfs],
        "ctfQ0": [ctf.amplitude_contrast for ctf in drawn.ctfs],
    }


def _views(
    structure: np.ndarray, drawn: LabelledProjections, rows: range, rate: float, label: int | None = None
) -> Iterator[np.ndarray]:
    """Images of a structure as the particles of some rows, and of one label, show it; without noise."""
    edge = len(structure)
    coefficients, centre = spline_filter(structure.astype(np.float32), output=np.float32), np.full(3, edge // 2)
    y, x = np.fft.fftfreq(edge, rate)[:, None], np.fft.rfftfreq(edge, rate)[None]
    k, direction = np.hypot(x, y), np.arctan2(y, x)
    for row in rows:
        if label is not None and drawn.labels[row] != label:
            continue
        backwards = drawn.rotations[row].inv().as_matrix()[::-1, ::-1]
        offset = centre - backwards @ (centre + np.array([0.0, *drawn.shifts[row][::-1]]))
        image = affine_transform(coefficients, backwards, offset, prefilter=False, output=np.float32).sum(axis=0)
        if drawn.ctfs:
            ctf, (half, azimuth) = drawn.ctfs[row], drawn.astigmatism[row]
            defocus = ctf.defocus + half * np.cos(2 * (direction - np.radians(azimuth)))
            image = scipy.fft.irfft2(scipy.fft.rfft2(image) * ctf.transfer(k, defocus), s=image.shape)
        yield image
