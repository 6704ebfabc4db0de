"""Reads a whole tomogram in tiles that overlap by what the network sees, so that the map is that of the tomogram at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import keras
import numpy as np
import tensorflow as tf

from ...learning.voxels.description import VoxelModel
from ...learning.voxels.grey import SeenTomogram, folded
from ...learning.voxels.patches import HALF_TURNS

MOST_BYTES = 1.5e9  # of memory for one tile
MOST_WORK = 10.0  # times the voxels of the whole
CUTS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)  # parts that an axis is cut into


@dataclass(frozen=True)
class ScoreMap:
    """Probability of each class: (z, y, x, C) float32. Map voxel i lies at step * i + offset voxels of the tomogram."""

    classes: np.ndarray
    step: int
    offset: float
    exclusive: bool  # whether the classes and the background add up to 1

    @property
    def particle(self) -> np.ndarray:
        """(z, y, x) float32: the probability of any particle."""
        return np.asarray(self.classes.sum(axis=-1) if self.exclusive else self.classes.max(axis=-1))


def predict(
    tomogram: SeenTomogram,
    networks: Sequence[keras.Model],
    model: VoxelModel,
    *,
    turns: bool = False,
    most_bytes: float = MOST_BYTES,
) -> ScoreMap:
    """The mean map of the networks. turns: also over the four half turns of each tile.  most_bytes: memory for a tile; the result
    does not depend on it."""
    recipe = model.how
    size = tuple(-(-edge // recipe.step) for edge in tomogram.data.shape)
    classes = np.zeros((*size, len(model.classes)), dtype=np.float32)
    calls = [_call(network, model.target == "heatmap") for network in networks]
    flips = HALF_TURNS if turns else HALF_TURNS[:1]
    face = recipe.halo if recipe.valid else recipe.multiple
    for start, stop, low, high in _tiles(
        tomogram.data.shape, recipe.multiple, recipe.halo, face, most_bytes / recipe.bytes_per_voxel
    ):
        grey, _ = tomogram.crop(start, tuple(stop - start))
        mean = np.mean([_turned(call, grey, flip, recipe.folded) for call in calls for flip in flips], axis=0)
        known = start + recipe.halo if recipe.valid else start
        into = tuple(slice(a // recipe.step, min(b // recipe.step, edge)) for a, b, edge in zip(low, high, size, strict=True))
        here = tuple(slice(s.start - k // recipe.step, s.stop - k // recipe.step) for s, k in zip(into, known, strict=True))
        classes[into] = mean[here]
    return ScoreMap(classes, recipe.step, recipe.offset, model.target != "heatmap")


def predict_out_of_fold(
    tomogram: SeenTomogram, networks: Sequence[keras.Model], model: VoxelModel, *, turns: bool = False
) -> ScoreMap:
    """The map of a tomogram that the model was trained on: at each place of the network that did not learn there.

    A single network has no folds: its map is as of any tomogram.
    """
    own = [region for region in model.regions if region.tomo_id == tomogram.tomo_id]
    if not own:
        return predict(tomogram, networks, model, turns=turns)
    joined: ScoreMap | None = None
    for fold in sorted({region.fold for region in own}):
        found = predict(tomogram, networks[fold : fold + 1], model, turns=turns)
        joined = joined or found
        for region in own:
            if region.fold == fold:
                axis = 2 - region.axis
                places = found.step * np.arange(found.classes.shape[axis]) + found.offset
                here = np.flatnonzero((places >= region.start) & (places < region.stop))
                planes = tuple(here if a == axis else slice(None) for a in range(3))
                joined.classes[planes] = found.classes[planes]
    assert joined is not None
    return joined


def _call(network: keras.Model, independent: bool):  # type: ignore[no-untyped-def]
    signature = [tf.TensorSpec((1, None, None, None, network.input_shape[-1]), tf.float32)]

    @tf.function(input_signature=signature, autograph=False)
    def call(grey: tf.Tensor) -> tf.Tensor:
        logits = network(grey, training=False)
        if isinstance(logits, list):  # the density is for the training alone
            logits = logits[0]
        return (tf.nn.sigmoid(logits) if independent else tf.nn.softmax(logits))[0, ..., 1:]

    return call


def _turned(call, grey: np.ndarray, flip: tuple[bool, ...], fold: bool) -> np.ndarray:  # type: ignore[no-untyped-def]
    axes = tuple(int(axis) for axis in np.flatnonzero(flip))
    grey = np.flip(grey, axes)
    result = call(tf.constant((folded(grey) if fold else grey[..., None])[None])).numpy()
    return np.flip(result, axes)


def _tiles(
    shape: Sequence[int], multiple: int, halo: int, face: int, most: float
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """start, stop of what a tile sees, and low, high of what it answers for; (z, y, x) voxels, all multiples of `multiple`.

    The network sees `face` voxels beyond each face of the tomogram, whatever the tiles, and `halo` voxels beyond a cut.
    """
    ends = [-(-edge // multiple) * multiple for edge in shape]

    def seen(axis: int, n: int) -> int:
        inner = -(-(ends[axis] // multiple) // n) * multiple
        return min(inner + 2 * halo, ends[axis] + 2 * face)

    def size_and_work(counts: tuple[int, ...]) -> tuple[float, float]:
        """Voxels of a tile, and of all tiles together."""
        size = float(np.prod([seen(axis, n) for axis, n in enumerate(counts)], dtype=float))
        return size, size * float(np.prod(counts))

    every = list(product(*([n for n in CUTS if n <= end // multiple] for end in ends)))
    fitting = [counts for counts in every if size_and_work(counts)[0] <= most]
    # What a wide network sees around a small tile may cost more than the memory of a large one
    whole = size_and_work((1, 1, 1))[1]
    fitting = [counts for counts in fitting if size_and_work(counts)[1] <= MOST_WORK * whole]
    counts = min(fitting or every, key=lambda one: size_and_work(one)[1] * (1 if fitting else size_and_work(one)[0]))
    cuts = []
    for axis in range(3):
        inner = -(-(ends[axis] // multiple) // counts[axis]) * multiple
        cuts.append([(low, min(low + inner, ends[axis])) for low in range(0, ends[axis], inner)])
    for tile in product(*cuts):
        low, high = np.array(tile).T
        start = np.maximum(low - halo, -face)
        stop = np.minimum(high + halo, np.array(ends) + face)
        yield start, stop, low, high
