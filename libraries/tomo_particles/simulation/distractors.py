"""What pickers must not pick in good ice: gold beads and the membranes of vesicles."""

from __future__ import annotations

import numpy as np

BEAD, VESICLE = "bead", "vesicle"  # their species in the ground truth
BEAD_RADIUS = 50.0  # Å: the 10 nm gold of alignment fiducials
BEAD_CONTRAST = (15.0, 20.0)  # times a protein's: gold's mean inner potential is about 30 V, and it scatters electrons away
VESICLE_RADII = (200.0, 400.0)  # Å
SMALLEST_VESICLE = 100.0  # Å: in a thin sample vesicles are smaller, down to this
FLATTEST = 0.85  # shortest over longest axis
LEAFLET = 18.0  # Å from the middle of the membrane to the head groups of a leaflet
LEAFLET_WIDTH = 6.0  # Å, standard deviation of a leaflet's density
Stamp = tuple[np.ndarray, np.ndarray]  # values (z, y, x) float32 and bool mask of a cube of odd edge, about its centre voxel


def bead(sampling_rate: float, protein_contrast: float, rng: np.random.Generator) -> Stamp:
    """A gold bead."""
    radius = BEAD_RADIUS / sampling_rate
    away = distances(int(np.ceil(radius)) + 1)
    filled = np.clip(radius + 0.5 - away, 0, 1)
    return (rng.uniform(*BEAD_CONTRAST) * protein_contrast * filled).astype(np.float32), filled >= 0.5


def vesicle(sampling_rate: float, size: tuple[int, int, int], contrast: float, rng: np.random.Generator) -> Stamp | None:
    """The membrane of a slightly flattened vesicle: two leaflets about an ellipsoid; None if `size` x, y, z is too small."""
    membrane = (LEAFLET + 2 * LEAFLET_WIDTH) / sampling_rate
    most = min(VESICLE_RADII[1] / sampling_rate, min(size) / 2 - membrane - 2)
    if most < SMALLEST_VESICLE / sampling_rate:
        return None
    radius = rng.uniform(min(VESICLE_RADII[0] / sampling_rate, most), most)
    away = distances(int(np.ceil(radius + membrane)) + 1, rng.uniform(FLATTEST, 1, size=3)) - radius
    distance = np.abs(away) * sampling_rate  # Å; exact on a sphere, good to the flattening elsewhere
    values = contrast * np.exp(-0.5 * ((distance - LEAFLET) / LEAFLET_WIDTH) ** 2)
    return values.astype(np.float32), np.abs(away) <= membrane


def distances(half: int, axes: np.ndarray | None = None, centre: np.ndarray | None = None) -> np.ndarray:
    """(2 half + 1)^3 distances from `centre` z, y, x (None: the centre voxel), each axis divided by its share."""
    line = np.arange(-half, half + 1, dtype=np.float32)
    shares, middle = np.ones(3) if axes is None else axes, np.zeros(3) if centre is None else centre
    z, y, x = ((line - at) / share for at, share in zip(middle, shares, strict=True))
    return np.asarray(np.sqrt(z[:, None, None] ** 2 + y[None, :, None] ** 2 + x[None, None, :] ** 2), dtype=np.float32)
