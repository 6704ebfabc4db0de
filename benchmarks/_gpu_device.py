"""One device's part of gpu.py: trains, scores, and prints what it measured as JSON."""

from __future__ import annotations

import csv
import json
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from gpu import BOX_SIZE, SAMPLING_RATE, TOMOGRAMS


def measure(order: dict[str, Any]) -> dict[str, Any]:
    """Seconds, peak GPU memory (bytes), name of the device, largest difference of a weight when the training is repeated."""
    start = time.perf_counter()
    from tomo_particles.learning.examples import Examples
    from tomo_particles.network import NetworkConfig, TrainingConfig, load_model, save_model, score, select_devices, train

    strategy = select_devices(order["gpus"], order["threads"])
    seconds = {"start s": time.perf_counter() - start}
    count, folder, on_gpu = order["count"], Path(order["folder"]), bool(order["gpus"])
    images = [f"{k + 1:06d}@{order['stack']}" for k in range(count)]
    tomo_ids = np.array([f"tomogram_{k * TOMOGRAMS // count}" for k in range(count)])
    positions = np.random.default_rng(2).uniform(0, 400, (count, 3))
    examples = Examples(images, tomo_ids, positions, (np.arange(count) + 1) % 2, np.ones(count))
    config = NetworkConfig(BOX_SIZE, SAMPLING_RATE, order["network"])
    training, log = TrainingConfig(epochs=order["epochs"], auto_stop=False), folder / "log.csv"

    start = time.perf_counter()
    trained = train(examples, config, training, strategy=strategy, log_path=log, progress=lambda line: None)
    seconds["training s"] = time.perf_counter() - start
    epochs = [float(row["seconds"]) for row in csv.DictReader(log.open()) if row["epoch"] != "1"]
    seconds["an epoch s"] = statistics.median(epochs) if epochs else float("nan")
    for called in ("first scoring s", "scoring s"):  # the first compiles
        start = time.perf_counter()
        scores = score(images, tomo_ids, positions, trained)
        seconds[called] = time.perf_counter() - start
    np.save(folder / ("gpu.npy" if on_gpu else "cpu.npy"), scores)
    found = {"seconds": seconds, "memory": 0, "device": "", "repeated": None}
    if not on_gpu:
        save_model(folder / "cpu.keras", trained)
    else:
        import tensorflow as tf

        np.save(folder / "same.npy", score(images, tomo_ids, positions, load_model(folder / "cpu.keras", strategy=strategy)))
        if order["repeat"]:
            again = train(examples, config, training, strategy=strategy, progress=lambda line: None)
            weights = ([w for network in model.networks for w in network.get_weights()] for model in (trained, again))
            found["repeated"] = max(float(np.abs(one - two).max()) for one, two in zip(*weights, strict=True))
        found["memory"] = tf.config.experimental.get_memory_info("GPU:0")["peak"]
        details = tf.config.experimental.get_device_details(tf.config.list_physical_devices("GPU")[0])
        found["device"] = details.get("device_name", "GPU")
    return found


if __name__ == "__main__":
    print(json.dumps(measure(json.loads(sys.argv[1]))))
