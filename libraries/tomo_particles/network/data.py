"""Batches from subtomograms on disk: one float16 array in memory, batches of static shape, augmentation with a seed."""

from __future__ import annotations

import weakref
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product

import mrcfile
import numpy as np
import tensorflow as tf

from ..core.coordinates import same_sampling_rate
from ..core.density_files import refuse_long_header
from ..core.errors import InputError, parameter
from ..core.files import require_file
from ..learning.configuration import NetworkConfig
from ..learning.examples import FLIPS
from ..learning.network_input import SMALL_INPUT_EDGE, input_sampling_rate, network_input

# Of a batch that nothing is learned from: inputs of 16 voxels are scored 1.2 to 1.4 times as fast as in batches of 64, and 64
# whole boxes of 50 voxels fill 2 GB.
MOST_IN_BATCH, VOXELS_OF_BATCH = 256, 1 << 23
READ_AT_ONCE = 128  # boxes converted to float32 together: enough for numpy, little memory
GREY_JITTER = 0.1  # standard deviation of the change of contrast and offset, in deviations of the box
LARGEST_TURN, TURNS = 30.0, 13  # degrees to either side about the tilt axis, in steps of five
MAX_SHIFT = 1  # voxels of the network input: about the distance between the centres that pickers give


@dataclass(frozen=True)
class Schedule:
    """Which boxes make which batch. index, weight: (n_batches, batch_size); seed: (n_batches, 2) for their variation.

    An incomplete batch is filled with box 0 at weight 0. All batches then have the same shape: no box is dropped, TensorFlow
    compiles once, and several GPUs share a batch evenly.
    """

    index: np.ndarray
    weight: np.ndarray
    seed: np.ndarray

    @staticmethod
    def of(order: np.ndarray, weights: np.ndarray, batch_size: int, rng: np.random.Generator) -> Schedule:
        """One pass over the boxes `order`, each with its weight of `weights` (indexed like the boxes)."""
        missing = -len(order) % batch_size
        index = np.concatenate([order, np.zeros(missing, dtype=int)]).astype(np.int32)
        weight = np.concatenate([weights[order], np.zeros(missing)]).astype(np.float32)
        seed = rng.integers(2**31 - 1, size=(len(index) // batch_size, 2), dtype=np.int32)
        return Schedule(index.reshape(-1, batch_size), weight.reshape(-1, batch_size), seed)

    @staticmethod
    def shuffled(indices: np.ndarray, weights: np.ndarray, batch_size: int, batches: int, rng: np.random.Generator) -> Schedule:
        """`batches` full batches from repeated passes over the boxes `indices`, each pass in a new order."""
        passes = -(-batches * batch_size // len(indices))
        order = np.concatenate([rng.permutation(indices) for _ in range(passes)])[: batches * batch_size]
        return Schedule.of(order, weights, batch_size, rng)

    def of_boxes(self, rows: np.ndarray) -> Schedule:
        """The same for boxes that are those of some numbers alone: `rows`, sorted, with every number that has weight."""
        return replace(self, index=np.searchsorted(rows, self.index).astype(np.int32))


def read_boxes(images: Sequence[str], config: NetworkConfig, option: str = parameter("input")) -> np.ndarray:
    """(n, edge, edge, edge) float16 boxes, axes z, y, x, as `network_input` makes them, in the given order.

    images: Xmipp names "000012@stack.mrcs" (from 1) or the path of a single volume, of boxes or of what `network_input` made
    of them, as the extraction writes it. Stacks are read memory-mapped in their own order. Raises InputError naming `option`
    and the file that is missing, no MRC or of another box size.
    """
    boxes = np.empty((len(images), *(config.input_size,) * 3), dtype=np.float16)
    rows_of: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for row, image in enumerate(images):
        number, at, path = image.rpartition("@")
        if at and not number.isdecimal():
            raise InputError(f"{option}: expected an image such as 000001@stack.mrcs, received '{image}'; extract first")
        rows_of[path].append((int(number) - 1 if at else 0, row))
    for path, wanted in rows_of.items():
        _read_stack(path, np.array(sorted(wanted)), boxes, config, option)
    return boxes


def _read_stack(path: str, wanted: np.ndarray, boxes: np.ndarray, config: NetworkConfig, option: str) -> None:
    """Fill boxes[row] with volume `index` of the stack, for every (index, row) of `wanted`."""
    require_file(path, option)
    refuse_long_header(path, option)
    try:
        stack = mrcfile.mmap(path, mode="r", permissive=False)
    except (ValueError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{option}: '{path}' is not a complete MRC file ({reason}); extract the subtomograms again") from error
    with stack:
        data = stack.data[None] if stack.data.ndim == 3 else stack.data
        rate = float(stack.voxel_size.x)  # 0 if the file does not have it
        whole = data.shape[1:] == (config.box_size,) * 3 and (rate == 0 or same_sampling_rate(rate, config.sampling_rate))
        if not whole and not _is_network_input(data.shape[1:], rate, config):
            shape, said = " x ".join(map(str, data.shape[:0:-1])), f" of {rate:.4g} Å" if rate else ""
            raise InputError(
                f"{option}: '{path}' holds boxes of {shape} voxels{said}, {parameter('box_size')} is "
                f"{config.box_size} of {config.sampling_rate:.4g} Å; extract again"
            )
        if not 0 <= wanted[0, 0] <= wanted[-1, 0] < len(data):
            wrong = wanted[0, 0] if wanted[0, 0] < 0 else wanted[-1, 0]
            raise InputError(f"{option}: volume {wrong + 1} is named, '{path}' holds {len(data)}; extract again")
        for start in range(0, len(wanted), READ_AT_ONCE):
            index, row = wanted[start : start + READ_AT_ONCE].T
            made = network_input(data[index], config.architecture) if whole else data[index]
            if not (np.abs(made) <= np.finfo(boxes.dtype).max).all():
                raise InputError(f"{option}: '{path}' holds values that are no numbers, or too large; extract again")
            boxes[row] = made


def _is_network_input(shape: tuple[int, ...], sampling_rate: float, config: NetworkConfig) -> bool:
    """Whether volumes of that shape and sampling rate (Å/voxel) are those of the network input, and not of smaller boxes."""
    expected = input_sampling_rate(config.architecture, config.box_size, config.sampling_rate)
    return shape == (config.input_size,) * 3 and same_sampling_rate(sampling_rate, expected)


@lru_cache(maxsize=8)
def tilt_axis_turns(edge: int) -> tuple[np.ndarray, np.ndarray]:
    """Turns of a section across the tilt axis y, flattened (z, x): (TURNS, 4, edge^2) int32, between which places each of the
    turned section lies, and float32, their shares.

    Angles from -LARGEST_TURN to LARGEST_TURN, linear interpolation; outside, the border values are repeated.
    """
    z, x = (axis.ravel() - (edge - 1) / 2 for axis in np.mgrid[:edge, :edge])
    places = np.zeros((TURNS, 4, edge**2), dtype=np.int32)
    shares = np.zeros((TURNS, 4, edge**2), dtype=np.float32)
    for turn, angle in enumerate(np.radians(np.linspace(-LARGEST_TURN, LARGEST_TURN, TURNS))):
        source = np.array([z * np.cos(angle) + x * np.sin(angle), x * np.cos(angle) - z * np.sin(angle)])
        source = np.clip(source + (edge - 1) / 2, 0, edge - 1)
        low = np.minimum(source.astype(int), edge - 2)
        part = source - low
        for corner, (dz, dx) in enumerate(product((0, 1), repeat=2)):
            places[turn, corner] = (low[0] + dz) * edge + low[1] + dx
            shares[turn, corner] = np.abs(1 - dz - part[0]) * np.abs(1 - dx - part[1])
    return places, shares


def scored_at_once(edge: int, devices: int = 1, boxes: int = MOST_IN_BATCH) -> int:
    """How many of so many boxes of that edge (voxels) make a batch that nothing is learned from; as many for each device."""
    return -(-max(1, min(boxes, MOST_IN_BATCH, VOXELS_OF_BATCH // edge**3)) // devices) * devices


def batches(boxes: np.ndarray, labels: np.ndarray, schedule: Schedule, augment: bool) -> tf.data.Dataset:
    """Batches (box (b, edge, edge, edge, 1), label (b, 1), weight (b,)), float32, as `schedule` orders them.

    boxes: (n, edge, edge, edge) float16, which the caller keeps as long as he needs batches.  labels: (n,).  augment: vary every
    box at random, with the seeds of the schedule; not for validation data.
    """
    shape = (schedule.index.shape[1], *boxes.shape[1:])
    targets = labels[schedule.index][..., None].astype(np.float32)
    # Of a tensor each data set makes a copy, a gigabyte for each network; a variable keeps it from working ahead. TensorFlow
    # never forgets a function of numpy, so that this one must not own the boxes.
    of_caller = weakref.ref(boxes)

    def rows_of(index: np.ndarray) -> np.ndarray:
        if (own := of_caller()) is None:
            raise RuntimeError("the boxes of these batches are gone")
        return own[index]

    def look_up(index: tf.Tensor, *more: tf.Tensor) -> tuple[tf.Tensor, ...]:
        return tf.ensure_shape(tf.numpy_function(rows_of, [index], tf.float16, stateful=False), shape), *more

    def load(box: tf.Tensor, target: tf.Tensor, weight: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        box = tf.cast(box, tf.float32)
        return (vary(box, seed) if augment else box)[..., None], target, weight

    data = tf.data.Dataset.from_tensor_slices((schedule.index, targets, schedule.weight, schedule.seed))
    options = tf.data.Options()  # every machine has all boxes, and takes its own rows of each batch
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    # Nothing is left to tune, and the thread that tunes sleeps twice as long each time: no training ends before it wakes.
    options.autotune.enabled = False
    return data.map(look_up).map(load, num_parallel_calls=2, deterministic=True).prefetch(2).with_options(options)


def vary(boxes: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Augmentation of (b, edge, edge, edge) boxes, as far as the fixed missing wedge allows it.

    Each box is turned about the tilt axis (the wedge turns too, but the visible part of the particle hardly changes), flipped in
    one of the 8 ways of FLIPS, and gets its own small change of contrast and offset; all boxes of the batch are shifted together
    by up to MAX_SHIFT voxels.
    """
    seeds = tf.unstack(tf.random.split(seed, 5))
    n, edge = boxes.shape[0], boxes.shape[1]
    if edge <= SMALL_INPUT_EDGE:  # what turns are worth in larger ones was never measured
        boxes = turn_each(boxes, tf.random.stateless_uniform([n], seeds[4], 0, TURNS, tf.int32))
    boxes = flip_each(boxes, tf.random.stateless_uniform([n], seeds[0], 0, len(FLIPS), tf.int32))
    start = tf.random.stateless_uniform([3], seeds[1], 0, 2 * MAX_SHIFT + 1, tf.int32)
    padded = tf.pad(boxes, [[0, 0], *[[MAX_SHIFT, MAX_SHIFT]] * 3])  # with 0, the mean of every box
    boxes = tf.slice(padded, [0, *tf.unstack(start)], [n, edge, edge, edge])
    contrast = 1 + GREY_JITTER * tf.random.stateless_normal([n, 1, 1, 1], seeds[2])
    return boxes * contrast + GREY_JITTER * tf.random.stateless_normal([n, 1, 1, 1], seeds[3])


def turn_each(boxes: tf.Tensor, which: tf.Tensor) -> tf.Tensor:
    """Turn box i of (b, z, y, x) about the tilt axis y by the turn which[i] of `tilt_axis_turns`."""
    n, edge = boxes.shape[0], boxes.shape[1]
    places, shares = (tf.gather(tf.constant(of_turns), which) for of_turns in tilt_axis_turns(edge))
    sections = tf.reshape(tf.transpose(boxes, [0, 1, 3, 2]), [n, edge * edge, edge])
    corners = (tf.gather(sections, places[:, k], batch_dims=1) * shares[:, k, :, None] for k in range(4))
    return tf.transpose(tf.reshape(tf.add_n(list(corners)), [n, edge, edge, edge]), [0, 1, 3, 2])


def flip_each(boxes: tf.Tensor, which: tf.Tensor) -> tf.Tensor:
    """Flip box i of (b, z, y, x) along the axes that FLIPS[which[i]] names."""
    flips = tf.gather(tf.constant(FLIPS), which)
    for axis in range(3):
        boxes = tf.where(flips[:, axis, None, None, None], tf.reverse(boxes, [axis + 1]), boxes)
    return boxes
