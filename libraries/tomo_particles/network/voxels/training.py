"""Trains one network on batches of patches within a budget of time or steps, and keeps the weights of its best validation."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import keras
import numpy as np
import tensorflow as tf

from ...core.errors import InputError, parameter
from ...learning.voxels.description import VoxelModel
from ...learning.voxels.patches import Batch, PatchSource
from .architectures import build_voxel_network
from .losses import LOSSES, balance_of

VALIDATIONS = 12  # in a training; each takes a few seconds
VALIDATED = 32  # patches, always the same
COUNTED = 64  # patches, to count the target voxels of each class
SAVED_EVERY = 300.0  # seconds
LOG_COLUMNS = ("network", "step", "loss", "val_loss", "learning_rate", "seconds")
Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Budget:
    """How long to train a network: seconds of this machine, or steps. batch: patches per step; learning_rate: at the start, it
    decays to zero as a cosine."""

    batch: int
    learning_rate: float
    seconds: float | None = None
    steps: int | None = None

    def spent(self, step: int, seconds: float) -> float:
        """The share of the budget that is spent, 1 at the end."""
        return min(1.0, step / self.steps if self.steps else seconds / (self.seconds or math.inf))


@dataclass
class Progress:
    """A network in training, as a checkpoint keeps it: weights and optimizer as lists of arrays."""

    step: int = 0
    seconds: float = 0.0
    best_loss: float = math.inf
    validated: int = 0
    best: list[np.ndarray] = field(default_factory=list)
    weights: list[np.ndarray] = field(default_factory=list)
    optimizer: list[np.ndarray] = field(default_factory=list)


@dataclass(frozen=True)
class Trained:
    """A network with the weights of its best validation, its steps, and whether it was validated at all."""

    network: keras.Model
    steps: int
    validated: bool


def train_network(
    model: VoxelModel,
    number: int,
    learn: PatchSource,
    validate: PatchSource | None,
    budget: Budget,
    *,
    strategy: tf.distribute.Strategy | None = None,
    start: Sequence[np.ndarray] | None = None,
    progress: Progress | None = None,
    save: Callable[[Progress], None] = lambda progress: None,
    report: Report = lambda row: None,
    done: Callable[[float], None] = lambda share: None,
    makers: int = 1,
) -> Trained:
    """Train network `number` (from 0) of a model.

    start: weights to begin with.  progress: of an interrupted training, to go on with.  save: is given the progress every 5
    minutes.  makers: threads that make batches while the network learns; a GPU learns faster than one thread makes them, and the
    result does not depend on it.  done: receives the share of the budget that is spent.
    The same arguments with a budget of steps give the same weights on a CPU, interrupted or not.
    Raises InputError where the training diverges: a loss or a weight that is no number.
    """
    strategy = strategy or tf.distribute.get_strategy()
    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(model.seed + number)
    with strategy.scope():
        network = build_voxel_network(model, name=f"network_{number}")
        optimizer = keras.optimizers.Adam(budget.learning_rate)
        optimizer.build(network.trainable_variables)
    progress = progress or Progress()
    if progress.weights:
        network.set_weights(progress.weights)
        for variable, value in zip(optimizer.variables, progress.optimizer, strict=True):
            variable.assign(value)
    elif start is not None:
        network.set_weights(list(start))
    size = -(-budget.batch // strategy.num_replicas_in_sync) * strategy.num_replicas_in_sync
    step = _Step(network, optimizer, LOSSES[model.loss], balance_of(model.loss, _target_voxels(learn)), strategy)
    checks = [validate.batch(k, size) for k in range(-(-VALIDATED // size))] if validate else []
    _run(number, network, optimizer, step, learn, checks, size, budget, progress, save, report, done, makers)
    if progress.validated:
        network.set_weights(progress.best)
    _require_finite(network.get_weights(), number, progress.step)
    return Trained(network, progress.step, progress.validated > 0)


def _run(
    number: int,
    network: keras.Model,
    optimizer: keras.Optimizer,
    step: _Step,
    learn: PatchSource,
    checks: Sequence[Batch],
    size: int,
    budget: Budget,
    progress: Progress,
    save: Callable[[Progress], None],
    report: Report,
    done: Callable[[float], None],
    makers: int,
) -> None:
    """Steps, validations and checkpoints until the budget is spent; `progress` holds what came of it."""
    began = time.perf_counter() - progress.seconds
    saved, losses = time.perf_counter(), []
    with ThreadPoolExecutor(makers) as pool:  # the next batches are made while the network learns from this one
        batches = _made_ahead(pool, learn, progress.step, size, makers)
        while (spent := budget.spent(progress.step, progress.seconds)) < 1:
            batch = next(batches)
            rate = budget.learning_rate * 0.5 * (1 + math.cos(math.pi * spent))
            optimizer.learning_rate.assign(rate)
            losses.append(step.learn(batch))
            progress.step += 1
            _require_finite(losses[-1:], number, progress.step)
            progress.seconds = time.perf_counter() - began
            done(budget.spent(progress.step, progress.seconds))
            if budget.spent(progress.step, progress.seconds) * VALIDATIONS >= progress.validated + 1:
                value = float(np.mean([step.look(check) for check in checks])) if checks else math.nan
                if checks:
                    _require_finite([value], number, progress.step)
                    progress.validated = int(budget.spent(progress.step, progress.seconds) * VALIDATIONS)
                    if value < progress.best_loss or not progress.best:
                        progress.best_loss, progress.best = value, network.get_weights()
                seconds = time.perf_counter() - began
                row = (number + 1, progress.step, float(np.mean(losses)), value, rate, seconds)
                report(dict(zip(LOG_COLUMNS, row, strict=True)))
                losses = []
                progress.seconds = seconds
            if time.perf_counter() - saved > SAVED_EVERY:
                progress.weights = network.get_weights()
                _require_finite(progress.weights, number, progress.step)
                progress.optimizer = [np.array(variable) for variable in optimizer.variables]
                save(progress)
                saved = time.perf_counter()


def _made_ahead(pool: ThreadPoolExecutor, source: PatchSource, first: int, size: int, ahead: int) -> Iterator[Batch]:
    """Batch `first` and those after it, in their order; `ahead` of them are being made already."""
    coming = deque(pool.submit(source.batch, first + k, size) for k in range(ahead))
    while True:
        coming.append(pool.submit(source.batch, first + len(coming), size))
        yield coming.popleft().result()
        first += 1


def _require_finite(values: Sequence[np.ndarray | float], number: int, step: int) -> None:
    if not all(np.isfinite(value).all() for value in values):
        raise InputError(f"{parameter('learning_rate')}: the training of network {number + 1} diverged at step {step}; lower it")


class _Step:
    """One step of learning, or of looking only, shared by all devices."""

    def __init__(self, network, optimizer, loss, balance, strategy) -> None:  # type: ignore[no-untyped-def]
        self._strategy, self._balance = strategy, tf.constant(balance)
        replicas = strategy.num_replicas_in_sync

        def value_of(parts: tuple[tf.Tensor, ...], training: bool) -> tf.Tensor:
            grey, answer, weight, density = parts
            found = network(grey, training=training)
            if not isinstance(found, list):
                return loss(answer, weight, found, self._balance)
            logits, denoised = found
            return loss(answer, weight, logits, self._balance) + tf.reduce_mean(tf.square(denoised - density))

        def learn(*parts: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                value = value_of(parts, True)
                shared = value / replicas  # the gradients of all devices are added
            optimizer.apply(tape.gradient(shared, network.trainable_variables), network.trainable_variables)
            return value

        def look(*parts: tf.Tensor) -> tf.Tensor:
            return value_of(parts, False)

        self._learn, self._look = (self._on_all(one) for one in (learn, look))

    def learn(self, batch: Batch) -> float:
        """Learn from a batch; its loss before."""
        return float(self._learn(*self._shared(batch)))

    def look(self, batch: Batch) -> float:
        """The loss of a batch."""
        return float(self._look(*self._shared(batch)))

    def _on_all(self, one: Callable) -> Callable:
        def every(*parts: tf.Tensor) -> tf.Tensor:
            return self._strategy.reduce(tf.distribute.ReduceOp.MEAN, self._strategy.run(one, args=parts), axis=None)

        return tf.function(every, reduce_retracing=True)

    def _shared(self, batch: Batch) -> tuple:
        """The arrays of a batch, each device with its own patches."""
        replicas = self._strategy.num_replicas_in_sync

        def part(values: np.ndarray) -> Callable:
            each = np.split(values.astype(np.float32, copy=False), replicas)
            return lambda context: tf.constant(each[context.replica_id_in_sync_group])

        return tuple(
            self._strategy.experimental_distribute_values_from_function(part(values))
            for values in (batch.grey, batch.answer, batch.weight, batch.density)
        )


def _target_voxels(source: PatchSource) -> np.ndarray:
    """(C + 1,) target voxels of each class in the first patches."""
    batches = [source.batch(k, 4) for k in range(COUNTED // 4)]
    return np.sum([(batch.answer * batch.weight[..., None]).sum(axis=(0, 1, 2, 3)) for batch in batches], axis=0)
