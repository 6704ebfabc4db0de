"""Seconds of the networks, ours and the thesis', for a subtomogram: trained on, and scored with reading; and their FLOPs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np

BATCH = 32  # of a training step


def network_seconds(
    stack: Path, box_size: int, sampling_rate: float, architecture: str, n_boxes: int, threads: int
) -> dict[str, float]:
    """Seconds a subtomogram for training (one pass) and scoring, and the GFLOP of one scoring; boxes of an MRC stack."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tomo_particles.network import Ensemble, NetworkConfig, score, select_devices
    from tomo_particles.network.architecture import build_network

    select_devices("", threads)
    config = NetworkConfig(box_size=box_size, sampling_rate=sampling_rate, architecture=architecture, folds=1)
    network = build_network(config)
    images = [f"{index + 1:06d}@{stack}" for index in range(n_boxes)]
    places = np.zeros((n_boxes, 3))
    ensemble = Ensemble(config, (network,))
    score(images[:1], np.full(1, "T"), places[:1], ensemble)  # compiles
    start = time.perf_counter()
    score(images, np.full(n_boxes, "T"), places, ensemble)
    return {
        "scoring": (time.perf_counter() - start) / n_boxes,
        "training": _training_seconds(network, images, config),
        "GFLOP": _flops(network) / 1e9,
    }


def _training_seconds(network, images: list[str], config) -> float:
    from tomo_particles.network.data import Schedule, batches, read_boxes

    n, batch = len(images), BATCH
    boxes = read_boxes(images, config)
    labels = np.arange(n) % 2.0
    network.compile("adam", "binary_crossentropy")
    rng = np.random.default_rng(0)
    for timed in (False, True):
        indices = np.arange(n if timed else batch)
        schedule = Schedule.shuffled(indices, np.ones(n), batch, -(-len(indices) // batch), rng)
        data = batches(boxes, labels, schedule, augment=True)
        start = time.perf_counter()
        network.fit(data, epochs=1, shuffle=False, verbose=0)
    return (time.perf_counter() - start) / n


def _flops(network) -> float:
    """Multiplications and additions of the convolutions and dense layers for one box."""
    total = 0.0
    for layer in network.layers:
        if hasattr(layer, "kernel"):
            total += 2 * np.prod(layer.kernel.shape) * np.prod(layer.output.shape[1:-1] or (1,))
    return float(total)


def flops_of(box_size: int, sampling_rate: float) -> float:
    """Operations of our network for one box of so many voxels of that rate (Å)."""
    from tomo_particles.network import NetworkConfig
    from tomo_particles.network.architecture import build_network

    return _flops(build_network(NetworkConfig(box_size, sampling_rate)))


def matrix_flops(threads: int) -> float:
    """FLOP/s of a large float32 matrix product of TensorFlow."""
    from tomo_particles.network import select_devices

    select_devices("", threads)
    import tensorflow as tf

    a = tf.random.normal([2048, 2048])
    tf.matmul(a, a)
    start = time.perf_counter()
    for _ in range(4):
        product = tf.matmul(a, a)
    product.numpy()
    return 4 * 2 * 2048**3 / (time.perf_counter() - start)
