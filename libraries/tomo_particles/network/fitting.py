"""Trains one network, on one machine or on several.

Keras's own `fit` returns to Python after each batch, which takes time from the networks that are trained beside. On several
machines it fails (Keras 3.15, its issue 20585: its reduction of the values of a step works on one machine only).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf


def fit(
    network: keras.Model,
    learn: tf.data.Dataset,
    validate: tf.data.Dataset,
    *,
    epochs: int,
    steps: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """Train a compiled network, with the callbacks of `network.fit` for an epoch and for the whole.

    learn: at least epochs * steps batches.  validate: batches, all of them after each epoch.
    Each machine takes its own rows of every batch; values of an epoch are those over all machines.
    """
    strategy = network.distribute_strategy
    learn_epoch = _steps(strategy, network.train_step, steps)
    validate_epoch = _steps(strategy, network.test_step, int(validate.cardinality()))
    learn, validate = (strategy.experimental_distribute_dataset(data) for data in (learn, validate))
    calls = keras.callbacks.CallbackList(callbacks, model=network)
    calls.on_train_begin()
    stream = iter(learn)
    for epoch in range(epochs):
        calls.on_epoch_begin(epoch)
        learn_epoch(stream)
        values = _results(network)
        validate_epoch(iter(validate))
        values |= {f"val_{name}": value for name, value in _results(network).items()}
        calls.on_epoch_end(epoch, values)
        if network.stop_training:
            break
    calls.on_train_end()


def _steps(strategy: tf.distribute.Strategy, step: Callable[[Any], Any], number: int) -> Callable[[Any], None]:
    """A function that makes so many steps, each with the next batch of an iterator."""

    @tf.function(autograph=False)  # these steps are Keras's, written for graphs
    def run(batches: Any) -> None:
        def one(done: tf.Tensor) -> tf.Tensor:
            strategy.run(step, args=(next(batches),))
            return done + 1

        tf.while_loop(lambda done: done < number, one, [tf.constant(0)], parallel_iterations=1)

    return run


def _results(network: keras.Model) -> dict[str, float]:
    """The metrics since the last call."""
    values = {name: float(value) for name, value in network.get_metrics_result().items()}
    network.reset_metrics()
    return values
