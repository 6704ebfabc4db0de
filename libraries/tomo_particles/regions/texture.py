"""Carbon film, ice crystals, dirt: wide places whose mean density or texture differs from that of the sample.

A film is wide and thin, and differs little: its density and its finest grain are joined over wide windows. Crystals and dirt are
lumps with coarse, strong grain.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import label, uniform_filter

from .binning import TOUCHING, BinnedTomogram
from .places import components_longer, deviations, grown, window_means

MOST_GREY = 5.0  # deviations: what is stronger counts no more, or a few voxels would make a texture
FILM_MEAN, FILM_GRAIN = (200.0, 800.0), (200.0, 600.0)  # Å, windows along z, and along x and y
FILM_SEED, FILM_GROWN = 4.0, 2.75  # robust deviations of both together
LUMP = 200.0  # Å, window
LUMP_SEED, LUMP_GROWN = 6.0, 4.5
LENGTH = 500.0  # Å: less is a particle or a group of them
CONTACT = 300.0  # Å along a side face: a film has no end in the tomogram
WIDE = 1000.0  # Å along a side face: no lump is as wide


def find_texture(tomogram: BinnedTomogram, known: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Carbon and ice or dirt, each (z, y, x) bool at the sampling of the mask. known: what has no other class."""
    length = LENGTH / tomogram.voxel
    lumps = film = np.zeros_like(known)
    if known.any():
        lumps = components_longer(grown(lump_score(tomogram, known), LUMP_SEED, LUMP_GROWN, known), length)
    if (rest := known & ~lumps).any():
        places = components_longer(grown(film_score(tomogram, rest), FILM_SEED, FILM_GROWN, rest), length)
        film = _at_side_faces(places, CONTACT / tomogram.voxel)
    wide = _at_side_faces(lumps, WIDE / tomogram.voxel)  # a film with a coarse grain
    return film | wide, lumps & ~wide


def film_score(tomogram: BinnedTomogram, known: np.ndarray) -> np.ndarray:
    """(z, y, x) deviations of mean density and of the power of the finest grain, joined."""
    grey = np.clip(tomogram.fine, -MOST_GREY, MOST_GREY)
    grain = np.square(grey - uniform_filter(grey, 3))
    parts = []
    for values, (height, width), take in ((grey, FILM_MEAN, lambda a: a), (grain, FILM_GRAIN, lambda a: np.log(a + 1e-6))):
        extent = (height / tomogram.voxel, width / tomogram.voxel, width / tomogram.voxel)
        parts.append(deviations(take(window_means(tomogram.coarse(values), known, extent)), known))
    return np.asarray((parts[0] + parts[1]) / np.sqrt(2))


def lump_score(tomogram: BinnedTomogram, known: np.ndarray) -> np.ndarray:
    """(z, y, x) deviations of the local deviation of the grey values."""
    grey = np.clip(tomogram.coarse(tomogram.fine), -MOST_GREY, MOST_GREY)
    extent = (LUMP / tomogram.voxel,) * 3
    variance = window_means(grey * grey, known, extent) - np.square(window_means(grey, known, extent))
    return deviations(np.log(np.maximum(variance, 1e-6)) / 2, known)


def _at_side_faces(places: np.ndarray, contact: float) -> np.ndarray:
    """The connected places that touch a face across x or y along at least `contact` voxels."""
    labels, count = label(places, TOUCHING)
    wide = np.zeros(count + 1, dtype=bool)
    for face in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        for number in np.setdiff1d(face, [0]):
            wide[number] |= np.count_nonzero((face == number).any(axis=0)) >= contact
    return np.asarray(wide[labels])
