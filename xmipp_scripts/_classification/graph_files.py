"""The graph of views in files: directions, their means and eigenimages, evidence and weights."""

from __future__ import annotations

from pathlib import Path

import mrcfile
import numpy as np

from tomo_particles.classification.directions import rot_tilt
from tomo_particles.classification.view_graph import ViewGraph
from tomo_particles.core.files import written_aside
from tomo_particles.core.tomograms import image_name, without_date
from tomo_particles.formats.xmd import write_table

DIRECTIONS, MEANS, EIGENIMAGES, GRAPH = GRAPH_FILES = ("directions.xmd", "means.mrcs", "eigenimages.mrcs", "graph.npz")


def write_graph(folder: Path, graph: ViewGraph, ids: list[int], pixel: float) -> None:
    """pixel: Å of the images of the graph."""
    for name, images in ((MEANS, [one.mean for one in graph.found]), (EIGENIMAGES, [one.eigenimage for one in graph.found])):
        data = np.array(images, dtype=np.float32)
        with written_aside(folder / name, data.nbytes) as aside, mrcfile.new(aside, data, overwrite=True) as file:
            file.set_image_stack()
            file.voxel_size = pixel
            without_date(file)
    places = np.full(graph.odds.shape, np.nan, dtype=np.float32)
    for number, (cone, one) in enumerate(zip(graph.cones.cones, graph.found, strict=True)):
        places[cone.rows, number] = one.places
    arrays = {"rho": places, "W": graph.weights, "L": graph.odds.toarray().astype(np.float32), "itemId": np.array(ids)}
    with written_aside(folder / GRAPH) as aside, open(aside, "wb") as stream:
        np.savez(stream, **arrays)
    rot, tilt = rot_tilt(graph.cones.directions).T
    count = len(graph.found)
    columns = {
        "angleRot": rot.tolist(),
        "angleTilt": tilt.tolist(),
        "anglePsi": [0.0] * count,
        "classCount": [len(cone.rows) for cone in graph.cones.cones],
        "enabled": [1 if one.informative else -1 for one in graph.found],
        "weight": graph.cut.signs.astype(float).tolist(),
        "image": [image_name(number, folder / EIGENIMAGES) for number in range(1, count + 1)],
    }
    write_table(folder / DIRECTIONS, columns)
