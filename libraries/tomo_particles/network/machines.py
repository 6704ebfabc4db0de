"""Training on several machines: the role of this process among them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

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
