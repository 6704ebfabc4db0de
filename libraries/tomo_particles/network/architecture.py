"""The two networks: the one of the paper, and a smaller one that can be trained on a CPU.

Both take (n, edge, edge, edge, 1) boxes, axes z, y, x, of zero mean and unit deviation each, and return (n, 1) the
probability that the box holds a particle.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import keras
from keras import layers

from ..learning.configuration import NetworkConfig

Build = Callable[[keras.KerasTensor, keras.Regularizer | None], keras.KerasTensor]


def build_network(config: NetworkConfig, l2: float = 0.0, name: str = "network") -> keras.Model:
    """The untrained network `config.architecture`; `l2` penalises the kernels of its convolutions and dense layers."""
    penalty = keras.regularizers.L2(l2) if l2 else None
    build: dict[str, Build] = {"small": partial(_small, pools=config.version == 2), "reference": _reference}
    box = keras.Input((config.input_size,) * 3 + (1,), name="box")
    return keras.Model(box, build[config.architecture](box, penalty), name=name)


def _small(box: keras.KerasTensor, penalty: keras.Regularizer | None, pools: bool) -> keras.KerasTensor:
    """94 000 parameters and 13 MFLOP for a 16^3 input.

    The first convolution is wide and has a stride of two: it covers most of the particle at a quarter of the cost. The second has
    a stride of two, too, and an even width, with which a box and its mirror image are padded alike. pools: instead a width of
    three and a pool behind it, as in models of version 2; 23 MFLOP.
    There is no batch normalisation: tomograms differ in grey scale, and every box is normalised by itself.
    The last layer uses the positions of features in the box, because a neighbour at the border is not the particle. This
    raised the AUC on simulated boxes; soft spherical masks had little effect.
    """

    def convolution(x: keras.KerasTensor, filters: int, width: int, stride: int = 1) -> keras.KerasTensor:
        return layers.Conv3D(
            filters,
            width,
            strides=stride,
            padding="same",
            activation="relu",
            kernel_initializer="he_normal",
            kernel_regularizer=penalty,
            name=f"convolution_{filters}",
        )(x)

    x = convolution(box, 16, 5, stride=2)
    if pools:
        x = layers.MaxPool3D(2, name="pool")(convolution(x, 32, 3))
    else:
        x = convolution(x, 32, 4, stride=2)
    x = convolution(x, 64, 3)
    x = layers.Flatten(name="features")(x)
    x = layers.Dropout(0.3, name="dropout")(x)
    # Zeros: every box starts with a probability of one half, not with the sum of thousands of random features.
    return layers.Dense(1, activation="sigmoid", kernel_initializer="zeros", kernel_regularizer=penalty, name="particle")(x)


def _reference(box: keras.KerasTensor, penalty: keras.Regularizer | None) -> keras.KerasTensor:
    """Table 3.1 of the deep consensus 3D thesis: 1 307 392 parameters at any box size.

    Its last layer has no bias. Only then is the number of parameters that of the table, which also counts moving statistics.
    """
    x = box
    for filters in (64, 128, 256):
        x = layers.Conv3D(filters, 3, activation="relu", kernel_regularizer=penalty, name=f"convolution_{filters}")(x)
        x = layers.MaxPool3D(2, name=f"pool_{filters}")(x)
        x = layers.BatchNormalization(name=f"normalisation_{filters}")(x)
    x = layers.GlobalAveragePooling3D(name="features")(x)
    for units in (512, 128):
        x = layers.Dense(units, activation="relu", kernel_regularizer=penalty, name=f"dense_{units}")(x)
        x = layers.Dropout(0.5, name=f"dropout_{units}")(x)
    x = layers.Dense(2, activation="softmax", use_bias=False, kernel_regularizer=penalty, name="noise_and_particle")(x)
    x = layers.Reshape((2, 1), name="classes")(x)
    x = layers.Cropping1D((1, 0), name="second_class")(x)  # not a slice, because Keras gives slices random numbers in the file
    return layers.Reshape((1,), name="particle")(x)
