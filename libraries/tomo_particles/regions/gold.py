"""Gold beads: by far the densest places of a tomogram, and round."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import distance_transform_edt, find_objects, gaussian_filter, label, maximum

from .binning import TOUCHING
from .places import deviations

SMOOTHING = 0.25  # of the diameter, standard deviation
SEED = 20.0  # robust deviations of the smoothed tomogram: beads of 10 nm have 30 to 60, grains of ice up to 17
HALF = 0.5  # of its peak: where a bead ends
MOST = 3.0  # diameters along x or y: what is larger at half its peak is no bead


def find_gold(grey: np.ndarray, known: np.ndarray, diameter: float) -> np.ndarray:
    """(z, y, x) bool: beads with half a diameter around them, a whole one along z, where the missing wedge smears them.

    grey: (z, y, x), dense positive; known: where it has data; diameter: voxels.
    """
    smooth = deviations(gaussian_filter(grey, SMOOTHING * diameter), known)
    labels, count = label((smooth > HALF * SEED) & known, TOUCHING)
    beads = np.zeros(grey.shape, dtype=bool)
    if not count:
        return beads
    peaks = maximum(smooth, labels, np.arange(1, count + 1))
    for number, box in enumerate(find_objects(labels), start=1):
        if peaks[number - 1] <= SEED:
            continue
        own = labels[box] == number
        parts, _ = label(own & (smooth[box] > HALF * peaks[number - 1]), TOUCHING)
        for part_number, part in enumerate(find_objects(parts), start=1):
            if max(side.stop - side.start for side in part[1:]) <= MOST * diameter:
                beads[box][part] |= parts[part] == part_number
    if not beads.any():
        return beads
    return np.asarray(distance_transform_edt(~beads, sampling=(0.5, 1, 1)) <= diameter / 2)
