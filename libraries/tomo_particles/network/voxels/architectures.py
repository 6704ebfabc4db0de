"""The networks of the recipes. All take grey values (n, z, y, x, channels) and return logits (n, z, y, x, C + 1), background
first."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from ...learning.voxels.description import VoxelModel
from ...learning.voxels.grey import FOLD

MSD_LAYERS, MSD_DILATIONS = 24, 8  # folded voxels: 2 to 16 voxels of the tomogram


def build_voxel_network(model: VoxelModel, name: str = "network") -> keras.Model:
    """The untrained network of `model.recipe`, each layer with `model.width` times its filters.

    One of a recipe that denoises returns the logits and the density, (n, z, y, x, channels).
    """
    channels = FOLD**3 if model.how.folded else 1
    grey = keras.Input((None, None, None, channels), name="grey")
    features, density = NETWORKS[model.recipe](grey, model.width), None
    if model.how.denoises:
        features, density = features
    logits = layers.Conv3D(len(model.classes) + 1, 1, name="logits")(features)
    return keras.Model(grey, logits if density is None else [logits, density], name=name)


def _convolution(
    x: keras.KerasTensor, filters: float, width: int | tuple[int, int, int] = 3, **options: object
) -> keras.KerasTensor:
    options = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"} | options
    return layers.Conv3D(max(1, round(filters)), width, **options)(x)


def _density(filters: int, width: int | tuple[int, int, int], **options: object) -> layers.Layer:
    """A layer for densities. It begins at zero: the squared errors of a deep network that knows nothing are hundreds."""
    return layers.Conv3D(filters, width, padding="same", kernel_initializer="zeros", **options)


def _unet(grey: keras.KerasTensor, width: float) -> keras.KerasTensor:
    """A small U-Net on folded voxels: 9 kFLOP a voxel of the tomogram, so that two processor cores can train it."""
    fine = _convolution(grey, 16 * width)
    middle = _convolution(_convolution(layers.AveragePooling3D(2)(fine), 32 * width), 32 * width)
    coarse = _convolution(_convolution(layers.AveragePooling3D(2)(middle), 64 * width), 64 * width)
    x = layers.UpSampling3D(2)(_convolution(coarse, 32 * width, 1))
    x = _convolution(layers.Concatenate()([x, middle]), 48 * width)
    x = layers.UpSampling3D(2)(_convolution(x, 16 * width, 1))
    return _convolution(layers.Concatenate()([x, fine]), 16 * width)


def _deepfinder(grey: keras.KerasTensor, width: float) -> keras.KerasTensor:
    """DeepFinder (Moebel et al., Nature Methods 18, 2021): 903 357 parameters with 12 classes."""
    fine = _convolution(_convolution(grey, 32 * width), 32 * width)
    middle = _convolution(_convolution(layers.MaxPooling3D(2)(fine), 48 * width), 48 * width)
    x = layers.MaxPooling3D(2)(middle)
    for _ in range(4):
        x = _convolution(x, 64 * width)
    x = _convolution(layers.UpSampling3D(2)(x), 64 * width, 2)
    x = _convolution(_convolution(layers.Concatenate()([x, middle]), 48 * width), 48 * width)
    x = _convolution(layers.UpSampling3D(2)(x), 48 * width, 2)
    return _convolution(_convolution(layers.Concatenate()([x, fine]), 32 * width), 32 * width)


def _msd(grey: keras.KerasTensor, width: float) -> keras.KerasTensor:
    """Mixed-scale dense network (Pelt and Sethian, PNAS 115, 2018): every layer sees all layers before, at growing dilations."""
    every = [grey]
    for layer in range(MSD_LAYERS):
        seen = layers.Concatenate()(every) if layer else grey
        every.append(_convolution(seen, 4 * width, dilation_rate=layer % MSD_DILATIONS + 1))
    return layers.Concatenate()(every)


def _resnet(grey: keras.KerasTensor, width: float) -> keras.KerasTensor:
    """20 layers with residual blocks of three, without padding: 17 folded voxels to a side give one answer."""
    x = _convolution(grey, 32 * width, padding="valid")
    for filters in (32, 32, 48, 48, 64, 64):
        inner = _convolution(_convolution(x, filters / 2 * width, 1), filters / 2 * width, padding="valid")
        change = _convolution(inner, filters * width, 1, activation=None)
        same = layers.Cropping3D(1)(x)
        if same.shape[-1] != change.shape[-1]:
            same = _convolution(same, filters * width, 1, activation=None)
        x = layers.ReLU()(layers.Add()([same, change]))
    return layers.AveragePooling3D(3, strides=1)(x)


def _yopo(grey: keras.KerasTensor, width: float) -> keras.KerasTensor:
    """You only pool once (SHREC 2020): 13 folded voxels to a side, five convolutions, one pooling over all that is left."""
    x = grey
    for filters in (24, 32, 40, 48, 64):
        x = _convolution(x, filters * width, padding="valid")
    x = layers.MaxPooling3D(3, strides=1)(x)
    return _convolution(x, 64 * width, 1)


def _dn3dunet(grey: keras.KerasTensor, width: float) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """DnCNN (Zhang et al., IEEE TIP 26, 2017) in slices, then a U-Net on its density; neither learns from the other's errors."""
    x = _convolution(grey, 64 * width, (1, 3, 3))
    for _ in range(18):
        x = _convolution(x, 64 * width, (1, 3, 3))
    noise = _density(grey.shape[-1], (1, 3, 3))(x)
    density = layers.Subtract(name="density")([grey, noise])
    return _unet(_Apart()(density), width), density


class _Apart(layers.Layer):
    """Hands values on, and no gradient back."""

    def call(self, values: keras.KerasTensor) -> keras.KerasTensor:
        return keras.ops.stop_gradient(values)


def _umc(grey: keras.KerasTensor, width: float) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """U-Net multi-task cascade (SHREC 2020): a decoder for the density feeds the decoder for the classes; 8.82 M parameters."""
    filters = [count * width for count in (16, 32, 64, 128, 256)]

    def two(x: keras.KerasTensor, count: float) -> keras.KerasTensor:
        return _convolution(_convolution(x, count), count)

    x, levels = grey, []
    for level, count in enumerate(filters):
        x = two(layers.MaxPooling3D(2)(x) if level else x, count)
        levels.append([x])
    features = []
    for _ in range(2):
        x = levels[-1][0]
        for level in (3, 2, 1, 0):
            x = two(layers.Concatenate()([layers.UpSampling3D(2)(x), *levels[level]]), filters[level])
            levels[level].append(x)
        features.append(x)
    return features[1], _density(grey.shape[-1], 1, name="density")(features[0])


NETWORKS: dict[str, Callable] = {
    "unet": _unet,
    "deepfinder": _deepfinder,
    "msd": _msd,
    "resnet": _resnet,
    "yopo": _yopo,
    "dn3dunet": _dn3dunet,
    "umc": _umc,
}
