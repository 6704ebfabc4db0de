"""Procedural complexes, for simulations without any map: unions of soft spheres, of distinct shapes and weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .complexes import Complex, complex_of

EDGE = 4.0  # Å: over which a sphere's density falls, as in a map at 10 Å resolution
FAINT = 6.0  # widths of the edge beyond the radius: a density of exp(-6) is negligible
Spheres = np.ndarray  # (n, 4) x, y, z, radius, Å


def _ring(count: int, radius: float, z: float, size: float, twist: float = 0.0) -> Spheres:
    phase = 2 * np.pi * np.arange(count) / count + twist
    return np.stack([radius * np.cos(phase), radius * np.sin(phase), np.full(count, z), np.full(count, size)], axis=1)


def _globule() -> Spheres:
    """A small two-domain enzyme."""
    return np.array([[-11.0, 0, 0, 22], [17, 4, 0, 18]])


def _clamp() -> Spheres:
    """A V of two arms, as the chaperone Hsp90."""
    arm = np.array([[8.0, 0, -30, 21], [21, 0, 0, 20], [35, 6, 29, 17]])
    return np.concatenate([arm, arm * [-1, -1, 1, 1]])


def _crescent() -> Spheres:
    """A curved solenoid that ends in a knob, as Cand1 around its cullin."""
    phase = np.linspace(0.15 * np.pi, 1.55 * np.pi, 8)
    arc = np.stack([48 * np.cos(phase), 48 * np.sin(phase), 9 * (phase - phase.mean()), np.full(8, 17.0)], axis=1)
    return np.concatenate([arc, [[44.0, 22, -24, 21]]])


def _shell() -> Spheres:
    """A hollow cage, as apoferritin."""
    index = np.arange(60) + 0.5
    height = 1 - 2 * index / 60
    turn = np.pi * (1 + np.sqrt(5)) * index
    flat = np.sqrt(1 - height**2)
    return np.stack([49 * flat * np.cos(turn), 49 * flat * np.sin(turn), 49 * height, np.full(60, 12.0)], axis=1)


def _ring_stack() -> Spheres:
    """Two rings of six with a pore, the upper one wider, as the ATPase p97."""
    return np.concatenate([_ring(6, 44, 18, 24), _ring(6, 34, -24, 19, np.pi / 6)])


def _rod() -> Spheres:
    """A barrel of four rings with a lopsided cap at one end, as a proteasome with one regulator."""
    barrel = [_ring(7, 37, z, 22, twist) for z, twist in ((-90.0, 0.0), (-50, 0.2), (-10, 0), (30, 0.2))]
    cap = np.array([[0.0, 20, 70, 32], [30, -16, 82, 30], [-28, -10, 76, 26], [42, 10, 116, 26], [12, -20, 120, 22]])
    return np.concatenate([*barrel, cap])


def _two_subunits() -> Spheres:
    """A big and a small irregular half with a cleft between them, as a ribosome."""
    large = [[0.0, 0, -30, 70], [50, 30, -20, 45], [-55, 20, -25, 42], [0, -60, -30, 40], [-72, -50, -20, 20], [84, 50, 0, 20]]
    small = [[-20.0, 5, 66, 42], [28, 0, 74, 40], [64, -14, 78, 27], [-60, 14, 62, 28]]
    return np.array(large + small)


SHAPES: dict[str, Callable[[], Spheres]] = {
    "globule": _globule,
    "clamp": _clamp,
    "crescent": _crescent,
    "shell": _shell,
    "rings": _ring_stack,
    "rod": _rod,
    "twosubunits": _two_subunits,
}


def builtin_complexes(sampling_rate: float) -> list[Complex]:
    """The procedural complexes at a sampling rate (Å/voxel), from the lightest (about 60 kDa) to the heaviest.

    They are always the same. They are drawn at half the voxel size, and at 5 Å or finer, so that a shape does not depend on the
    rate.
    Raises ValueError where the voxels are too coarse for the smallest.
    """
    fine = min(5.0, sampling_rate / 2)
    return [complex_of(name, _drawn(shape(), fine), fine, sampling_rate) for name, shape in SHAPES.items()]


def _drawn(spheres: Spheres, rate: float) -> np.ndarray:
    """Density (z, y, x) of a union of soft spheres, 1 inside."""
    reach = float((np.linalg.norm(spheres[:, :3], axis=1) + spheres[:, 3]).max()) + FAINT * EDGE
    half = int(np.ceil(reach / rate))
    axis = (np.arange(-half, half + 1) * rate).astype(np.float32)
    density = np.zeros((len(axis),) * 3, dtype=np.float32)
    for *centre, radius in spheres:
        near = [slice(*np.searchsorted(axis, (c - radius - FAINT * EDGE, c + radius + FAINT * EDGE))) for c in centre[::-1]]
        z, y, x = (axis[part] - c for part, c in zip(near, centre[::-1], strict=True))
        distance = np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2)
        here = density[tuple(near)]
        np.maximum(here, 1 / (1 + np.exp((distance - radius) / EDGE)), out=here)
    return density
