"""The boxes of many picks of one tomogram: cut by several threads, normalised, written to files; the contrast of each pick."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np

from ..core.coordinates import rescale_positions, same_sampling_rate
from ..core.grey_values import extremes, grey_scale
from ..core.picks import Picks
from ..core.subtomograms import Cutter, fits_inside
from ..core.tomograms import Tomogram, image_name, new_stack, read_ahead, write_volume
from .network_input import input_edge, input_sampling_rate, network_input


def write_boxes(
    base: Path,
    tomogram: Tomogram,
    picks: Picks,
    cutter: Cutter,
    *,
    network: str | None = None,
    threads: int = 1,
    individual: bool = False,
    scale: tuple[float, float] | None = None,
    done: Callable[[float], None] = lambda share: None,
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Write the boxes of all picks; returns their image names, (n, 2) contrast, lowest and highest grey value, and (n,) how many
    voxels were no numbers there.

    base: of the file names: one stack BASE.mrcs, or if `individual` one volume per pick, BASE_000001.mrc and so on.
    cutter: of the sampling rate of the picks.  network: write what this network sees of the boxes, which it normalises itself.
    scale: the result of `grey_scale` for the tomogram, if the caller has it; else it is measured here.  done: receives the share
    of the boxes that is cut, from several threads.
    """
    edge, rate = cutter.box_size, cutter.sampling_rate
    if network is not None:
        edge, rate = input_edge(network, edge), input_sampling_rate(network, edge, rate)
    if len(picks) * cutter.box_size**3 > tomogram.data.size:
        read_ahead(tomogram.path)
    if individual:
        images = [f"{base}_{row + 1:06d}.mrc" for row in range(len(picks))]
        write = lambda row, box: write_volume(images[row], box, rate)  # noqa: E731
        return images, *cut_boxes(tomogram, picks, cutter, write, network, threads, scale, done)
    contrast, gaps = np.zeros((0, 2)), np.zeros(0, dtype=int)
    if len(picks):
        with new_stack(f"{base}.mrcs", len(picks), edge, rate) as stack:
            contrast, gaps = cut_boxes(tomogram, picks, cutter, stack.write, network, threads, scale, done)
    return [image_name(row + 1, f"{base}.mrcs") for row in range(len(picks))], contrast, gaps


def cut_boxes(
    tomogram: Tomogram,
    picks: Picks,
    cutter: Cutter,
    write: Callable[[int, np.ndarray], None],
    network: str | None = None,
    threads: int = 1,
    scale: tuple[float, float] | None = None,
    done: Callable[[float], None] = lambda share: None,
) -> tuple[np.ndarray, np.ndarray]:
    """Cut the boxes of all picks and give each, with its row, to `write`; returns their contrast and gaps, as `write_boxes`.

    `write` is called by several threads, in the order of the slices.
    """
    size = cutter.box_size
    scale = scale or grey_scale(tomogram.data)
    own_positions = rescale_positions(picks.positions, picks.sampling_rate, tomogram.sampling_rate)
    reach = max(1, round(size / 4 * picks.sampling_rate / tomogram.sampling_rate))
    # A whole box at the sampling rate of the tomogram holds all voxels needed for the contrast: they are not read again.
    whole = fits_inside(own_positions, tomogram.size, size)
    whole &= same_sampling_rate(picks.sampling_rate, tomogram.sampling_rate) and 2 * (reach + 1) <= size
    centre = np.full(3, size // 2)
    contrast, gaps = np.zeros((len(picks), 2)), np.zeros(len(picks), dtype=int)

    counted = count(1)

    def work(rows: np.ndarray) -> None:
        memory = np.empty((size,) * 3, dtype=np.float32)
        for row in rows.tolist():
            box, gaps[row] = cutter.raw(tomogram.data, picks.positions[row], tomogram.sampling_rate, memory)
            seen = (box, centre) if whole[row] else (tomogram.data, own_positions[row])
            contrast[row] = extremes(seen[0], seen[1], reach, scale)
            box = cutter.finish(box)
            write(row, box if network is None else network_input(box[None], network)[0])
            done(next(counted) / len(picks))

    # In the order of the slices, so that the tomogram is read once from front to back, by all threads in step.
    order = np.argsort(picks.positions[:, 2], kind="stable")
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, [order[start::threads] for start in range(threads)]))
    return contrast, gaps
