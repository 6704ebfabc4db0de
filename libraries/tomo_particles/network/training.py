"""Trains the networks of an ensemble, each on all folds except its own, each with its own validation examples."""

from __future__ import annotations

import csv
import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import keras
import numpy as np
import tensorflow as tf

from ..core.errors import InputError, parameter
from ..core.files import space_for, written_aside
from ..learning.configuration import NetworkConfig, TrainingConfig, check_start
from ..learning.examples import POSITIVE, Examples, balanced_weights, class_counts, require_enough
from ..learning.folds import Region, make_folds, may_train, split_validation
from ..learning.training_time import in_minutes, training_left
from .architecture import build_network
from .data import Schedule, batches, read_boxes, scored_at_once
from .devices import cores_are_left
from .fitting import fit
from .machines import together, works_alone_or_leads

LOG_COLUMNS = ("fold", "epoch", "loss", "val_loss", "accuracy", "val_accuracy", "learning_rate", "seconds")
MAX_VALIDATED = 1000  # examples to choose the best epoch on; more take time and do not improve the choice
MIN_EXAMPLES_OF_FOLD = 2  # of each class, left to a network once its fold is taken out
CHANCE = float(np.log(2))  # cross-entropy of a network that says one half of every box

Report = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Ensemble:
    """Trained networks, one per fold, and their description."""

    config: NetworkConfig
    networks: tuple[keras.Model, ...]


def train(
    examples: Examples,
    config: NetworkConfig,
    training: TrainingConfig,
    *,
    strategy: tf.distribute.Strategy | None = None,
    start: Ensemble | None = None,
    log_path: str | os.PathLike | None = None,
    progress: Callable[[str], None] = print,
    note: Callable[[str], None] = print,
    done: Callable[[float], None] = lambda share: None,
) -> Ensemble:
    """Train `config.folds` networks; network k is not trained in the regions of fold k, which the result holds.

    start: a model to continue from, of the same box size, sampling rate, architecture and number of folds; its regions
    are kept.  log_path: CSV with one row per epoch, LOG_COLUMNS; on several machines only the first writes it and reports
    progress.  note: receives what is wrong with a network.  done: receives the share of the epochs that is done; networks that
    stop early make it jump.
    The same arguments give the same weights on a CPU.
    Raises InputError where the examples are too few, `start` does not fit, or the training diverges.
    """
    strategy = strategy or tf.distribute.get_strategy()
    if not works_alone_or_leads(strategy):
        log_path, progress, note, done = None, lambda line: None, lambda line: None, lambda share: None
    require_enough(examples)
    if start:
        check_start(config, start.config)
        config = replace(config, version=start.config.version)
    config = replace(config, regions=_regions(examples, config, start))
    tf.config.experimental.enable_op_determinism()
    plans = [_plan(fold, examples, config, training, strategy.num_replicas_in_sync) for fold in range(config.folds)]
    seen = np.unique(np.concatenate([batch.index.ravel() for plan in plans for batch in (plan.learn, plan.validate)]))
    images = [examples.images[row] for row in seen]
    boxes = read_boxes(images, config, f"{parameter('positives')} or {parameter('negatives')}")
    if config.folds == 1:
        progress("One network sees all examples: its scores of these are not out-of-fold. Train 3 folds for honest ones.")
    with together(strategy), _Log(log_path, config.folds, training.epochs, progress, done) as log:
        made = [
            _prepare(fold, boxes, examples.labels[seen], plan.of_boxes(seen), config, training, strategy, start, log)
            for fold, plan in enumerate(plans)
        ]
        _run(made, cores_are_left(config, strategy))
    for fold, one in enumerate(made, start=1):
        if not one.stopping.best < CHANCE:
            note(
                f"network {fold}/{config.folds} learned nothing: it does not tell particles from others (cross-entropy of the "
                f"validation {one.stopping.best:.3f}, chance is {CHANCE:.3f}); look at the picks, or lower the learning rate"
            )
    return Ensemble(config, tuple(one.network for one in made))


@dataclass(frozen=True)
class _Plan:
    """The examples that a network learns from in all epochs, and those that validate it after each.  steps: of an epoch."""

    learn: Schedule
    validate: Schedule
    steps: int

    def of_boxes(self, rows: np.ndarray) -> _Plan:
        """The same for boxes that are those of some examples alone, whose numbers `rows` (sorted) are."""
        return replace(self, learn=self.learn.of_boxes(rows), validate=self.validate.of_boxes(rows))


def _plan(fold: int, examples: Examples, config: NetworkConfig, training: TrainingConfig, devices: int) -> _Plan:
    """What the network of a fold learns from: examples that it may see."""
    allowed = _training_part(config, fold, examples)
    rng = np.random.default_rng([config.seed, fold])
    parts = split_validation(examples.tomo_ids[allowed], examples.labels[allowed], training.validation, rng=rng)
    learned, validated = (allowed[part] for part in parts)
    validated = rng.permutation(validated)[:MAX_VALIDATED]
    weights = np.zeros(len(examples))
    for part in (learned, validated):
        weights[part] = balanced_weights(examples.labels[part], examples.weights[part])
    batch_size = -(-training.batch_size // devices) * devices  # every GPU gets the same number
    steps = -(-min(max(len(learned), training.views[0]), training.views[1]) // batch_size)
    learn = Schedule.shuffled(learned, weights, batch_size, steps * training.epochs, rng)
    at_once = scored_at_once(config.input_size, devices, len(validated))
    return _Plan(learn, Schedule.of(validated, weights, at_once, rng), steps)


@dataclass(frozen=True)
class _Training:
    """A network, and what trains it; it is left with the weights of its best epoch."""

    network: keras.Model
    run: Callable[[], object]
    stopping: keras.callbacks.EarlyStopping


def _run(made: Sequence[_Training], at_the_same_time: bool) -> None:
    """Train all networks, the first error ends all of them; not in this thread, which answers signals while an epoch takes
    minutes."""
    with ThreadPoolExecutor(len(made) if at_the_same_time else 1) as pool:
        running = [pool.submit(one.run) for one in made]
        try:
            for done in as_completed(running):
                done.result()
        except BaseException:
            for future in running:
                future.cancel()
            for one in made:
                one.network.stop_training = True  # heeded after the epoch at work
            raise


def _prepare(
    fold: int,
    boxes: np.ndarray,
    labels: np.ndarray,
    plan: _Plan,
    config: NetworkConfig,
    training: TrainingConfig,
    strategy: tf.distribute.Strategy,
    start: Ensemble | None,
    log: _Log,
) -> _Training:
    """The network of a fold, still untrained, and what trains it.  labels: of the boxes, whose numbers the plan has."""
    keras.utils.set_random_seed(config.seed + fold)
    learn = batches(boxes, labels, plan.learn, training.augment)
    validate = batches(boxes, labels, plan.validate, augment=False)
    with strategy.scope():
        network = build_network(config, training.l2, name=f"network_{fold}")
        if start is not None:
            network.set_weights(start.networks[fold].get_weights())
        _compile(network, training.learning_rate, plan.steps * training.epochs)
    patience = training.patience if training.auto_stop else training.epochs
    best = keras.callbacks.EarlyStopping("val_entropy", patience=patience, mode="min", restore_best_weights=True)
    callbacks = [best, _Epochs(fold, log.add, start is not None)]

    def run() -> None:
        fit(network, learn, validate, epochs=training.epochs, steps=plan.steps, callbacks=callbacks)
        log.ended.add(fold + 1)

    return _Training(network, run, best)


def _compile(network: keras.Model, learning_rate: float, steps: int) -> None:
    rate = keras.optimizers.schedules.CosineDecay(learning_rate, steps)
    metrics = [keras.metrics.BinaryCrossentropy(name="entropy"), keras.metrics.MeanMetricWrapper(_agreement, name="accuracy")]
    # Not compiled by XLA: its 3D convolutions on a CPU are 6 to 20 times slower (measured with TensorFlow 2.21).
    network.compile(keras.optimizers.Adam(rate), "binary_crossentropy", weighted_metrics=metrics, jit_compile=False)
    network.optimizer.build(network.trainable_variables)  # made in the first step, its variables have that step traced twice


def _agreement(labels: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
    """1 where label and score are on the same side; unlike Keras's accuracy it accepts soft labels."""
    return tf.cast(tf.equal(labels >= POSITIVE, scores >= POSITIVE), tf.float32)[:, 0]


class _Epochs(keras.callbacks.Callback):
    """Reports every epoch; losses are the weighted cross-entropy plus the L2 penalty at the end of the epoch."""

    def __init__(self, fold: int, report: Report, continues: bool) -> None:
        super().__init__()
        self._fold, self._report, self._continues = fold, report, continues

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        logs = logs or {}
        penalty = float(sum(self.model.losses))
        values = (
            self._fold + 1,
            epoch + 1,
            logs["entropy"] + penalty,
            logs["val_entropy"] + penalty,
            logs["accuracy"],
            logs["val_accuracy"],
            float(self.model.optimizer.learning_rate),
        )
        if not np.isfinite(values).all():
            other = f", or give another {parameter('input_model')}" if self._continues else ""
            raise InputError(
                f"{parameter('learning_rate')}: the training of network {self._fold + 1} diverged in epoch {epoch + 1}; "
                f"lower it{other}"
            )
        self._report(dict(zip(LOG_COLUMNS, values, strict=False)))


class _Log:
    """One line per epoch for the user, and one row per epoch in the CSV file, readable while the training runs, and in the end in
    the order of folds: the same training gives the same rows.

    The column seconds is the time since the row before, of whichever network: its sum is the time of the training.
    """

    def __init__(
        self,
        path: str | os.PathLike | None,
        folds: int,
        epochs: int,
        progress: Callable[[str], None],
        done: Callable[[float], None],
    ) -> None:
        self._path, self._folds, self._epochs, self._progress, self._done = path, folds, epochs, progress, done
        self._rows: list[dict[str, float]] = []
        self.ended: set[int] = set()  # networks that are trained, from 1
        self._lock = threading.Lock()

    def __enter__(self) -> _Log:
        if self._path:
            Path(self._path).parent.mkdir(parents=True, exist_ok=True)
        self._file = open(self._path or os.devnull, "w", newline="", encoding="utf-8")
        _write(self._file, [], header=True)
        self._last = time.perf_counter()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if self._path and error is None:
            with written_aside(self._path) as aside, open(aside, "w", newline="", encoding="utf-8") as file:
                _write(file, sorted(self._rows, key=lambda row: (row["fold"], row["epoch"])), header=True)

    def add(self, values: dict[str, float]) -> None:
        """One more epoch is over; values: LOG_COLUMNS without the last."""
        with self._lock:  # networks that are trained at the same time report from their own threads
            now = time.perf_counter()
            row, self._last = {**values, "seconds": now - self._last}, now
            with space_for(self._path or os.devnull):
                _write(self._file, [row])
            line = (
                "network {fold}/{folds} epoch {epoch:2d}/{epochs}: loss {loss:.4f}, accuracy {accuracy:.3f}, "
                "validation {val_loss:.4f}, {val_accuracy:.3f}; at most {left} left"
            )
            self._rows.append(row)
            ends = [(int(row["fold"]), int(row["epoch"]), row["seconds"]) for row in self._rows]
            share, left = training_left(ends, self._folds, self._epochs, self.ended)
            self._progress(line.format(folds=self._folds, epochs=self._epochs, left=in_minutes(left), **row))
            self._done(share)


def _write(file: IO[str], rows: Sequence[dict[str, float]], header: bool = False) -> None:
    """Write rows of the log, so that another program can read them at once."""
    writer = csv.DictWriter(file, LOG_COLUMNS)
    if header:
        writer.writeheader()
    writer.writerows({name: f"{value:.6g}" for name, value in row.items()} for row in rows)
    file.flush()


def _training_part(config: NetworkConfig, fold: int, examples: Examples) -> np.ndarray:
    """Indices of the examples that network `fold` may see: half a box away from its fold, so that boxes hardly overlap."""
    return np.flatnonzero(may_train(config.regions, fold, examples.tomo_ids, examples.positions, config.box_size / 2))


def _regions(examples: Examples, config: NetworkConfig, start: Ensemble | None) -> tuple[Region, ...]:
    """The regions of the folds: those of the model that is trained further, and new ones in tomograms that it has none for.

    Slabs if whole tomograms would leave a network without enough examples of both classes.
    """
    kept = start.config.regions if start else ()
    new = ~np.isin(examples.tomo_ids, [region.tomo_id for region in kept])
    for by_slabs in (None, True):
        regions = kept + make_folds(examples.tomo_ids[new], examples.positions[new], config.folds, by_slabs=by_slabs)
        trial = replace(config, regions=regions)
        left = [min(class_counts(examples.labels[_training_part(trial, fold, examples)])) for fold in range(config.folds)]
        if min(left) >= MIN_EXAMPLES_OF_FOLD:
            return regions
    folds = parameter("folds")
    raise InputError(
        f"{folds}: with {config.folds} folds one network is left with {min(left)} examples of a class; "
        f"lower {folds}, lower {parameter('number_of_agreeing_pickers')}, or add references"
    )
