"""On which GPUs or CPU threads TensorFlow works. To be called before anything else uses TensorFlow."""

from __future__ import annotations

import tensorflow as tf

from ..errors import InputError
from .machines import Machine


def select_devices(gpus: str = "", threads: int | None = None, *, several_machines: bool = False) -> tf.distribute.Strategy:
    """The strategy for a list of GPUs such as "0,1"; "" works on the CPU, several GPUs share every batch (mirrored).

    Memory of a GPU is taken as it is needed, so that others can share it. `threads` limits the CPU threads; None
    leaves the choice to TensorFlow. several_machines: where the variable TF_CONFIG of the environment names more than one
    machine, share every batch with the others too, each with its GPUs `gpus`; this waits for them.
    Raises InputError naming --gpus, --threads or TF_CONFIG.
    """
    machine = Machine.of_environment() if several_machines else None
    wanted = _indices(gpus)
    found = tf.config.list_physical_devices("GPU")
    if missing := [index for index in wanted if index >= len(found)]:
        available = ", ".join(map(str, range(len(found)))) or "none"
        raise InputError(f"--gpus: GPU {missing[0]} does not exist; GPUs that TensorFlow found: {available}. Give one of these, "
                         "or --gpus \"\" for the CPU")
    _set_threads(threads)
    _prepare([found[index] for index in wanted])
    if machine and len(machine.addresses) > 1:
        return machine.join()
    if len(wanted) <= 1:
        return tf.distribute.get_strategy()  # everything on the one device that TensorFlow is shown
    return tf.distribute.MirroredStrategy([f"/gpu:{k}" for k in range(len(wanted))])


def _indices(gpus: str) -> list[int]:
    parts = [part.strip() for part in gpus.split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise InputError(f"--gpus: expected numbers separated by commas, such as 0,1, or \"\" for the CPU; received '{gpus}'")
    return list(dict.fromkeys(map(int, parts)))


def _set_threads(threads: int | None) -> None:
    if threads is None:
        return
    if threads < 1:
        raise InputError(f"--threads: expected 1 or more, received {threads}")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:  # TensorFlow is running: too late, unless nothing changes
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            raise RuntimeError("select_devices must be called before TensorFlow is used") from error


def _prepare(chosen: list[tf.config.PhysicalDevice]) -> None:
    """Show TensorFlow these GPUs only (they become /gpu:0, 1...), and have it take their memory bit by bit."""
    if tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices(chosen, "GPU")
    for device in chosen:
        tf.config.experimental.set_memory_growth(device, True)
