"""What the product is measured against: the loops of earlier attempts, written straightforwardly; never part of the product."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import mrcfile
import numpy as np
import xmippLib


def greedy_clusters(positions: np.ndarray, radius: float) -> list[list[int]]:
    """The thesis' consensus: every pick is compared with each particle so far; the first within the radius has it."""
    members: list[list[int]] = []
    seen: list[tuple[float, float, float]] = []
    reach = radius**2
    for index, (x, y, z) in enumerate(positions.tolist()):
        for particle, (a, b, c) in enumerate(seen):
            if (x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2 <= reach:
                members[particle].append(index)
                break
        else:
            members.append([index])
            seen.append((x, y, z))
    return members


def rejection_noise(
    avoid: np.ndarray,
    size: Sequence[int],
    box_size: int,
    radius: float,
    count: int,
    rng: np.random.Generator,
    patience: int = 1000,
) -> np.ndarray:
    """Points drawn one by one, kept where no pick and no noise pick is near; given up after `patience` failures in a row."""
    low = box_size // 2
    room = np.asarray(size) - box_size
    taken = np.concatenate([avoid, np.zeros((count, 3))])
    n, failures = len(avoid), 0
    while n < len(taken) and failures < patience:
        point = low + rng.random(3) * room
        if n and np.linalg.norm(taken[:n] - point, axis=1).min() < radius:
            failures += 1
            continue
        taken[n], n, failures = point, n + 1, 0
    return taken[len(avoid) : n]


def boxes_to_files(tomogram: Path, positions: np.ndarray, box_size: int, folder: Path) -> None:
    """One MRC file a subtomogram, in the order of the picks, normalised."""
    folder.mkdir(parents=True, exist_ok=True)
    with mrcfile.mmap(tomogram, permissive=True) as opened:
        for index, centre in enumerate(np.rint(positions).astype(int)[:, ::-1]):
            start = centre - box_size // 2
            box = np.array(opened.data[tuple(slice(a, a + box_size) for a in start)], dtype=np.float32)
            box = (box - box.mean()) / box.std()
            with mrcfile.new(folder / f"{index:06d}.mrc", box, overwrite=True):
                pass


def table_by_cells(path: Path, columns: Mapping[str, Sequence]) -> None:
    """Write an XMD row by row and cell by cell, then read it again so."""
    table = xmippLib.MetaData()
    labels = {xmippLib.str2Label(name): values for name, values in columns.items()}
    for row in range(len(next(iter(columns.values())))):
        identity = table.addObject()
        for label, values in labels.items():
            table.setValue(label, values[row], identity)
    table.write(str(path))
    read = xmippLib.MetaData(str(path))
    for identity in read:
        for label in labels:
            read.getValue(label, identity)
