"""Losses over the voxels of a batch: answer (n, z, y, x, C + 1), weight (n, z, y, x), logits as the answer, balance (C + 1,)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

SHARE = 0.15  # of the background's weight that all classes together get (ce)
LARGEST_BALANCE = {"ce": 60.0, "bce": 256.0}
MISSED, WRONG = 0.7, 0.3  # Tversky: weight of missed and of wrong voxels
Loss = Callable[[tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]


def balance_of(loss: str, voxels: np.ndarray) -> np.ndarray:
    """(C + 1,) float32 weight of each class, from its number of target voxels (C + 1,)."""
    balance = np.ones(len(voxels), dtype=np.float32)
    if loss in LARGEST_BALANCE:
        share = SHARE / (len(voxels) - 1) if loss == "ce" else 1.0
        balance[1:] = np.clip(share * voxels[0] / np.maximum(voxels[1:], 1), 1, LARGEST_BALANCE[loss])
    return balance


def _cross_entropy(answer: tf.Tensor, weight: tf.Tensor, logits: tf.Tensor, balance: tf.Tensor) -> tf.Tensor:
    counted = weight[..., None] * balance * answer
    return -tf.reduce_sum(counted * tf.nn.log_softmax(logits)) / (tf.reduce_sum(counted) + 1e-6)


def _binary_cross_entropy(answer: tf.Tensor, weight: tf.Tensor, logits: tf.Tensor, balance: tf.Tensor) -> tf.Tensor:
    """Of each class alone; the background has no answer of its own."""
    each = tf.nn.weighted_cross_entropy_with_logits(answer, logits, balance)[..., 1:]
    return tf.reduce_sum(weight[..., None] * each) / (tf.reduce_sum(weight) + 1e-6)


def _dice(answer: tf.Tensor, weight: tf.Tensor, logits: tf.Tensor, balance: tf.Tensor) -> tf.Tensor:
    """Generalised Dice: a class weighs by the inverse square of its volume; one that is absent does not count."""
    share, weight = tf.nn.softmax(logits), weight[..., None]
    axes = [0, 1, 2, 3]
    volume = tf.reduce_sum(weight * answer, axes)
    of_class = tf.where(volume > 0, 1 / tf.square(tf.maximum(volume, 1)), 0)
    both = tf.reduce_sum(of_class * tf.reduce_sum(weight * answer * share, axes))
    either = tf.reduce_sum(of_class * tf.reduce_sum(weight * (answer + share), axes))
    return 1 - 2 * both / (either + 1e-9)


def _tversky(answer: tf.Tensor, weight: tf.Tensor, logits: tf.Tensor, balance: tf.Tensor) -> tf.Tensor:
    share, weight = tf.nn.softmax(logits), weight[..., None]
    axes = [0, 1, 2, 3]
    both = tf.reduce_sum(weight * answer * share, axes) + 1  # one voxel more: a class that is absent must not divide by zero
    missed = tf.reduce_sum(weight * answer * (1 - share), axes)
    wrong = tf.reduce_sum(weight * (1 - answer) * share, axes)
    return 1 - tf.reduce_mean(both / (both + MISSED * missed + WRONG * wrong))


LOSSES: dict[str, Loss] = {"ce": _cross_entropy, "bce": _binary_cross_entropy, "dice": _dice, "tversky": _tversky}
