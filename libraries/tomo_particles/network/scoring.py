"""Scores picks with an ensemble: each pick by a network that was not trained near it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from ..core.errors import parameter
from ..learning.folds import fold_of
from .data import Schedule, batches, read_boxes, scored_at_once
from .devices import cores_are_left
from .training import Ensemble

VOXELS_AT_ONCE = 1 << 24  # of boxes kept in memory together, 34 MB for each network: a prediction begins slowly


def score(
    images: Sequence[str],
    tomo_ids: np.ndarray,
    positions: np.ndarray,
    ensemble: Ensemble,
    *,
    batch_size: int | None = None,
    option: str = parameter("input"),
    done: Callable[[float], None] = lambda share: None,
) -> np.ndarray:
    """(n,) float32: the probability in [0, 1] that each box holds a particle; empty for no boxes.

    A pick in the region of fold k is scored by network k alone, which was not trained there; any other pick gets
    the mean of all networks. Neither the order nor the batch size changes a score.

    Parameters: images (n,) Xmipp names "000012@stack.mrcs"; tomo_ids (n,); positions (n, 3) x, y, z, voxels; batch_size: by the
    size of the boxes unless it is given; done receives the share of the boxes that is scored.
    Raises InputError naming `option` for images that cannot be read or have another box size.
    """
    strategy = ensemble.networks[0].distribute_strategy
    batch_size = batch_size or scored_at_once(ensemble.config.input_size, strategy.num_replicas_in_sync)
    scores = np.zeros(len(images), dtype=np.float32)
    scored: list[int] = []
    folds = fold_of(ensemble.config.regions, np.asarray(tomo_ids, dtype=str), positions)
    at_once = max(batch_size, VOXELS_AT_ONCE // ensemble.config.input_size**3)

    def score_fold(fold: int) -> None:
        networks = ensemble.networks if fold < 0 else ensemble.networks[fold : fold + 1]
        indices = np.flatnonzero(folds == fold)
        for start in range(0, len(indices), at_once):
            chunk = indices[start : start + at_once]
            boxes = read_boxes([images[i] for i in chunk], ensemble.config, option)
            scores[chunk] = np.mean([_predict(network, boxes, batch_size) for network in networks], axis=0)
            scored.append(len(chunk))
            done(sum(scored) / len(images))

    present = np.unique(folds).tolist()
    # All networks score a tomogram that none was trained on: then no network is free for another fold
    together = cores_are_left(ensemble.config, strategy) and -1 not in present
    with ThreadPoolExecutor(max(1, len(present)) if together else 1) as pool:
        list(pool.map(score_fold, present))
    return scores


def _predict(network: keras.Model, boxes: np.ndarray, batch_size: int) -> np.ndarray:
    """(n,) scores of normalised boxes. The last batch is filled up, so the network is compiled for one shape only."""
    n = len(boxes)
    everything = Schedule.of(np.arange(n), np.ones(n), batch_size, np.random.default_rng(0))
    data = batches(boxes, np.zeros(n), everything, augment=False)
    return network.predict(data.map(lambda box, label, weight: box), verbose=0)[:n, 0]
