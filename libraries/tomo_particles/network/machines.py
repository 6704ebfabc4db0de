"""Training on several machines: the role of this process, and a training loop, which Keras has for one machine only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from ..core.errors import InputError

VARIABLE = "TF_CONFIG"  # environment variable with which TensorFlow lists the machines that work together
EXAMPLE = '{"cluster": {"worker": ["node1:12345", "node2:12345"]}, "task": {"type": "worker", "index": 0}}'


@dataclass(frozen=True)
class Machine:
    """One of several machines that train a model together; addresses (host:port) of all, index of this one."""

    index: int
    addresses: tuple[str, ...]

    @staticmethod
    def of_environment() -> Machine | None:
        """The content of TF_CONFIG; None if it is not set. Raises InputError for anything but a list of workers and our index."""
        text = os.environ.get(VARIABLE, "").strip()
        if not text:
            return None
        try:
            values: Any = json.loads(text)
            cluster, task = values["cluster"], values["task"]
            addresses, index, kind = cluster["worker"], int(task["index"]), task["type"]
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{VARIABLE}: expected such as {EXAMPLE}, received '{text}'; unset it to train on one machine"
            ) from error
        if kind != "worker" or set(cluster) != {"worker"}:
            raise InputError(f"{VARIABLE}: all machines must be of type worker (the first writes the model), received '{text}'")
        if not all(isinstance(address, str) and address.rpartition(":")[2].isdecimal() for address in addresses):
            raise InputError(f"{VARIABLE}: every worker must be given as host:port, received {addresses}")
        if len(set(addresses)) != len(addresses):
            raise InputError(f"{VARIABLE}: every worker needs an address of its own, received {addresses}")
        if not 0 <= index < len(addresses):
            raise InputError(
                f"{VARIABLE}: the index must be 0 to {len(addresses) - 1} for {len(addresses)} worker(s), received {index}"
            )
        return Machine(index, tuple(addresses))

    def join(self) -> tf.distribute.Strategy:
        """Wait for the other machines, and share every batch with them. Raises InputError where they cannot be reached."""
        try:
            return tf.distribute.MultiWorkerMirroredStrategy()
        except (tf.errors.OpError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0][:200]
            raise InputError(
                f"{VARIABLE}: worker {self.index} ({self.addresses[self.index]}) cannot join the others: {reason}; "
                "check that all are started, and that no other program uses the port"
            ) from error


@contextmanager
def together(strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Report in one line that another machine stopped, before TensorFlow stops the others with a long error."""
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError, tf.errors.CancelledError) as error:
        if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
            raise
        raise InputError(f"{VARIABLE}: another of the machines that train together has stopped; look at its messages") from error


def works_alone_or_leads(strategy: tf.distribute.Strategy) -> bool:
    """Whether this process is the one that writes files and reports progress."""
    resolver = strategy.cluster_resolver
    return resolver is None or not resolver.task_id


def fit(
    network: keras.Model,
    learn: tf.data.Dataset,
    validate: tf.data.Dataset,
    *,
    epochs: int,
    steps: int,
    callbacks: Sequence[keras.callbacks.Callback],
) -> None:
    """`network.fit` for a network made on several machines.

    Keras's own fails there (Keras 3.15, its issue 20585: its reduction of the values of a step works on one machine only).
    Each machine takes its own rows of every batch; values of an epoch are those over all machines.
    """
    strategy = network.distribute_strategy
    learn, validate = (strategy.experimental_distribute_dataset(data) for data in (learn, validate))
    learn_step, validate_step = (_on_all(strategy, step) for step in (network.train_step, network.test_step))
    calls = keras.callbacks.CallbackList(callbacks, model=network)
    calls.on_train_begin()
    stream = iter(learn)
    for epoch in range(epochs):
        calls.on_epoch_begin(epoch)
        for _ in range(steps):
            learn_step(next(stream))
        values = _results(network)
        for batch in validate:
            validate_step(batch)
        values |= {f"val_{name}": value for name, value in _results(network).items()}
        calls.on_epoch_end(epoch, values)
        if network.stop_training:
            break
    calls.on_train_end()


def _on_all(strategy: tf.distribute.Strategy, step: Any) -> Any:
    return tf.function(lambda batch: strategy.run(step, args=(batch,)))


def _results(network: keras.Model) -> dict[str, float]:
    """The metrics since the last call."""
    values = {name: float(value) for name, value in network.get_metrics_result().items()}
    network.reset_metrics()
    return values
