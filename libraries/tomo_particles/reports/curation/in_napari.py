"""The accepted picks of a tomogram as points in napari, where it is installed; what is changed there comes back as answers."""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from ...consensus.answers import rescaled
from ...core.errors import InputError, listed, parameter
from ...runs.curation import Curation, radius_of
from .opened import OpenedTomogram

WHY = "edited in napari"


def edit_in_napari(curation: Curation, tomo_id: str, option: str = parameter("tomogram")) -> int:
    """Open napari, wait until it is closed, and save what was deleted, added or moved; returns the number of answers.

    Raises InputError where napari is not installed, or the run has no such tomogram.
    """
    names = [tomogram.tomo_id for tomogram in curation.run.tomograms]
    if tomo_id not in names:
        raise InputError(f"{option}: the run has no tomogram '{tomo_id}', but {listed(names)}")
    try:
        import napari  # type: ignore[import-not-found]  # optional: never a dependency
    except ImportError as error:
        raise InputError(
            f"{option}: napari is not installed; install it, or leave the option out for the window of this program"
        ) from error
    opened = OpenedTomogram(curation.run)
    try:
        places, scores = _accepted(curation, tomo_id)
        before = opened.in_voxels(tomo_id, places)
        tomogram = opened.of(tomo_id)
        viewer = napari.Viewer(title=f"{tomo_id}: delete wrong points, add missing ones, close to save")
        viewer.add_image(np.asarray(tomogram.data), name=tomo_id)
        layer = viewer.add_points(
            before[:, ::-1],  # z, y, x
            name="accepted picks",
            size=curation.run.box_size * curation.run.sampling_rate / tomogram.sampling_rate / 2,
            features={"score": scores},
            face_color="score",
        )
        napari.run()
        after = opened.on_grid(tomo_id, np.asarray(layer.data, dtype=float).reshape(-1, 3)[:, ::-1])
    finally:
        opened.close()
    return save_edits(curation, tomo_id, places, after)


def save_edits(curation: Curation, tomo_id: str, before: np.ndarray, after: np.ndarray) -> int:
    """Save the difference of two lists of particles as answers: what is gone is none, what is new is one.

    before, after: (n, 3), (k, 3) x, y, z, voxels of the common grid. A point that was moved within the radius of the consensus is
    the same.
    """
    radius = radius_of(curation.run)
    gone = before[_far(before, after, radius)]
    new = after[_far(after, before, radius)]
    for place in gone:
        curation.mark(tomo_id, place, False, WHY)
    for place in new:
        curation.mark(tomo_id, place, True, WHY)
    return len(gone) + len(new)


def _far(places: np.ndarray, others: np.ndarray, radius: float) -> np.ndarray:
    """(n,) bool which places are none of the others: a place and another are one if each is the nearest of the other, within the
    radius."""
    if not len(others) or not len(places):
        return np.ones(len(places), dtype=bool)
    distance, nearest = cKDTree(others).query(places)
    back = cKDTree(places).query(others)[1]
    return (distance > radius) | (back[nearest] != np.arange(len(places)))


def _accepted(curation: Curation, tomo_id: str) -> tuple[np.ndarray, np.ndarray]:
    """(n, 3) places and (n,) scores of the accepted picks with the answers so far, and of the added particles."""
    picks, run = curation.picks, curation.run
    own = (picks.tomo_id == tomo_id) & (curation.probability >= (run.threshold or 0.5))
    added = [rescaled(one, run.sampling_rate) for one in curation.answered.added if one.tomo_id == tomo_id]
    places = np.concatenate([picks.positions[own], np.array(added).reshape(-1, 3)])
    return places, np.concatenate([curation.probability[own], np.ones(len(added))])
