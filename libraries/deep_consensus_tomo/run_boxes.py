"""The boxes of a run for the eye: central slices, read memory-mapped, so that only what is shown leaves the disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import mrcfile
import numpy as np

from .errors import InputError
from .run_results import found


def central_slices(images: Sequence[str], folder: Path) -> list[np.ndarray | None]:
    """The (y, x) mean of the central quarter of each image, smoothed by a 32nd of the box; None where its stack is gone.

    images: Xmipp's names, such as "000012@stack.mrcs".  folder: of the run, should the stack have moved with it.
    Raises InputError for a stack that is damaged or has no such image.
    """
    slices: list[np.ndarray | None] = [None] * len(images)
    by_stack: dict[str, list[int]] = {}
    for i, image in enumerate(images):
        if "@" in image:
            by_stack.setdefault(image.split("@", 1)[1], []).append(i)
    for name, rows in by_stack.items():
        path = found(name, folder)
        if not path.is_file():
            continue
        try:
            with mrcfile.mmap(path, mode="r", permissive=False) as stack:
                for i in rows:
                    slices[i] = _central(stack.data[int(images[i].split("@", 1)[0]) - 1])
        except (ValueError, OSError, IndexError, TypeError) as error:
            raise InputError(
                f"'{path}' is not a complete stack of boxes ({str(error).splitlines()[0]}); "
                "delete it and run again to extract it anew"
            ) from error
    return slices


def _central(box: np.ndarray) -> np.ndarray:
    from scipy.ndimage import gaussian_filter

    middle, half = box.shape[0] // 2, max(1, box.shape[0] // 8)
    return gaussian_filter(np.asarray(box[middle - half : middle + half], dtype=np.float32).mean(axis=0), box.shape[0] / 32)
