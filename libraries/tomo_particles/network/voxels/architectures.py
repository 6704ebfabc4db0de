"""The networks of the recipes. All take (n, z, y, x, channels) grey values and return (n, z, y, x, C + 1) logits, background first."""

from __future__ import annotations

from collections.abc import Callable

import keras
from keras import layers

from ...learning.voxels.description import VoxelModel
from ...learning.voxels.grey import FOLD

Tensor = keras.KerasTensor


def build_voxel_network(model: VoxelModel, name: str = "network") -> keras.Model:
    """The untrained network of `model.recipe`."""
    channels = FOLD**3 if model.how.folded else 1
    grey = keras.Input((None, None, None, channels), name="grey")
    features = NETWORKS[model.recipe](grey)
    logits = layers.Conv3D(len(model.classes) + 1, 1, name="logits")(features)
    return keras.Model(grey, logits, name=name)


def _convolution(x: Tensor, filters: int, width: int = 3, **options: object) -> Tensor:
    options = {"padding": "same", "activation": "relu", "kernel_initializer": "he_normal"} | options
    return layers.Conv3D(filters, width, **options)(x)


def _unet(grey: Tensor) -> Tensor:
    """A small U-Net on folded voxels: 9 kFLOP a voxel of the tomogram, so that two processor cores can train it."""
    fine = _convolution(grey, 16)
    middle = _convolution(_convolution(layers.AveragePooling3D(2)(fine), 32), 32)
    coarse = _convolution(_convolution(layers.AveragePooling3D(2)(middle), 64), 64)
    x = layers.UpSampling3D(2)(_convolution(coarse, 32, 1))
    x = _convolution(layers.Concatenate()([x, middle]), 48)
    x = layers.UpSampling3D(2)(_convolution(x, 16, 1))
    return _convolution(layers.Concatenate()([x, fine]), 16)


NETWORKS: dict[str, Callable[[Tensor], Tensor]] = {"unet": _unet}
