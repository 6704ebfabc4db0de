"""Selects the GPUs or CPU threads of TensorFlow. It must be called before anything else uses TensorFlow."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import tensorflow as tf

from ..core.errors import InputError, parameter
from ..learning.configuration import NetworkConfig, gpu_numbers
from ..learning.network_input import SMALL_INPUT_EDGE
from .machines import Machine

USE_CPU = f"leave out {parameter('gpus')} to use the CPU"  # the remedy that always works


def select_devices(gpus: str = "", threads: int | None = None, *, several_machines: bool = False) -> tf.distribute.Strategy:
    """The strategy for a list of GPUs such as "0,1"; "" works on the CPU, several GPUs share every batch (mirrored).

    Each GPU is tested at once, so that one that does not work is refused here and not after hours. Its memory is taken as needed,
    so that other programs can share it. `threads` limits the CPU threads; None leaves the choice to TensorFlow.
    several_machines: where the variable TF_CONFIG of the environment names more than one machine, share every batch with the
    others too, each with its GPUs `gpus`; this waits for them. Raises InputError naming GPUs, threads or TF_CONFIG.
    """
    machine = Machine.of_environment() if several_machines else None
    wanted = gpu_numbers(gpus)
    found = tf.config.list_physical_devices("GPU")
    if missing := [index for index in wanted if index >= len(found)]:
        raise InputError(
            f"{parameter('gpus')}: TensorFlow does not find GPU {missing[0]}: {_why_missing(len(found))}; or {USE_CPU}"
        )
    _set_threads(threads)
    _prepare([found[index] for index in wanted])
    if machine and len(machine.addresses) > 1:
        strategy = machine.join()
        _try_out(wanted)  # not earlier: TensorFlow can join machines only before its first computation
        return strategy
    _try_out(wanted)
    if len(wanted) <= 1:
        return tf.distribute.get_strategy()  # everything on the one visible device
    return tf.distribute.MirroredStrategy([f"/gpu:{k}" for k in range(len(wanted))])


def cores_are_left(config: NetworkConfig, strategy: tf.distribute.Strategy | None = None) -> bool:
    """Whether one network alone leaves cores idle, so that several had better work at the same time.

    So it is on a CPU: parts of a training step, and of a prediction, use one core. A GPU, and several devices, are busy. Batches
    of large inputs would take gigabytes of memory together.
    """
    alone = (strategy or tf.distribute.get_strategy()).num_replicas_in_sync == 1 and not tf.config.get_visible_devices("GPU")
    small = config.input_size <= SMALL_INPUT_EDGE
    return alone and small and tf.config.threading.get_intra_op_parallelism_threads() != 1


def _set_threads(threads: int | None) -> None:
    if threads is None:
        return
    if threads < 1:
        raise InputError(f"{parameter('threads')}: expected 1 or more, received {threads}")
    try:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:  # TensorFlow has started already: an error unless the devices stay the same
        if tf.config.threading.get_intra_op_parallelism_threads() != threads:
            raise RuntimeError("select_devices must be called before TensorFlow is used") from error


def _prepare(chosen: list[tf.config.PhysicalDevice]) -> None:
    """Make only these GPUs visible to TensorFlow (as /gpu:0, 1...), and let it take their memory as needed."""
    if tf.config.list_physical_devices("GPU"):
        tf.config.set_visible_devices(chosen, "GPU")
    for device in chosen:
        tf.config.experimental.set_memory_growth(device, True)


def _why_missing(found: int) -> str:
    """The probable reason why TensorFlow finds too few GPUs, and the remedy."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    limit = "" if visible is None else f" with CUDA_VISIBLE_DEVICES='{visible}', which counts from 0 what it leaves"
    if found:
        return f"it finds {', '.join(map(str, range(found)))}{limit}; give one of these"
    if visible in ("", "-1"):
        return f"CUDA_VISIBLE_DEVICES='{visible}' hides every GPU; unset this variable"
    if _has_nvidia_card():
        return (
            f"there is an NVIDIA card, but it finds none{limit}; install its CUDA libraries in the folder of this plugin "
            "with pip install '.[gpu]', and see whether nvidia-smi works"
        )
    return "this machine has no NVIDIA card, or no driver for it; see whether nvidia-smi works"


def _has_nvidia_card() -> bool:
    """Whether there is an NVIDIA driver with a card; WSL has a different device for it."""
    return any(Path("/dev").glob("nvidia[0-9]*")) or Path("/dev/dxg").exists()


def _try_out(gpus: Sequence[int]) -> None:
    """Test each chosen GPU with a convolution; gpus: their numbers as the user gave them. Raises InputError for one that fails.

    TensorFlow takes memory of a GPU and loads its libraries only at the first use.
    """
    for place, index in enumerate(gpus):
        try:
            with tf.device(f"/gpu:{place}"):
                result = tf.nn.conv3d(tf.ones((1, 4, 4, 4, 1)), tf.ones((3, 3, 3, 1, 1)), [1] * 5, "SAME")
            result.numpy()  # waits for the GPU
            if "GPU" not in result.device:  # TensorFlow skips a card that is too old without a message
                raise RuntimeError("TensorFlow computes elsewhere, as for cards that are too old for it")
        except (tf.errors.OpError, RuntimeError) as error:
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
            raise InputError(
                f"{parameter('gpus')}: GPU {index} cannot be used: {reason}; see in nvidia-smi "
                f"whether other programs fill it; give another one; or {USE_CPU}"
            ) from error
