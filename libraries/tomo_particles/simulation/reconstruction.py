"""Weighted back-projection of a tilt series about y."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import scipy.fft

from .projection import back_rays

PLANES = 8  # z planes that a thread reconstructs at a time: their matrix needs some tens of MB


def ramp_filtered(images: np.ndarray, workers: int = 1) -> np.ndarray:
    """(n, y, x) images weighted along x by |k|, after subtracting the mean of each; float32.

    The weights are the spectrum of Ram and Lakshminarayanan's band-limited kernel and not |k| itself, whose zero at k = 0 would
    lower the background of a zero-padded image. Frequencies in cycles per voxel.
    """
    width = images.shape[2]
    padded = scipy.fft.next_fast_len(2 * width, real=True)
    n = np.arange(padded)
    n = np.minimum(n, padded - n)
    kernel = np.zeros(padded)
    kernel[0] = 0.25
    kernel[n % 2 == 1] = -1 / (np.pi * n[n % 2 == 1]) ** 2
    weights = scipy.fft.rfft(kernel).real.astype(np.float32)
    filtered = np.empty(images.shape, dtype=np.float32)
    for image, target in zip(images, filtered, strict=True):
        spectrum = scipy.fft.rfft(image - image.mean(), n=padded, axis=1, workers=workers)
        target[:] = scipy.fft.irfft(spectrum * weights, n=padded, axis=1, workers=workers)[:, :width]
    return filtered


def back_projected(images: np.ndarray, angles: np.ndarray, depth: int, threads: int = 1) -> np.ndarray:
    """Volume (depth, y, x) float32 of a tilt series (n, y, x) at evenly spaced angles (degrees) about y.

    Scaled so that projections (sums of grey values) of a small object give its grey values back, except for the missing wedge.
    """
    count, height, width = images.shape
    step = np.radians((angles[-1] - angles[0]) / max(1, count - 1))
    lines = ramp_filtered(images, threads).transpose(0, 2, 1).reshape(count * width, height)  # (tilts * x', y)
    lines *= np.float32(step)
    volume = np.empty((depth, height, width), dtype=np.float32)

    def reconstruct(start: int) -> None:
        planes = np.arange(start, min(start + PLANES, depth))
        smeared = back_rays(angles, planes, depth, width) @ lines
        volume[planes] = smeared.reshape(len(planes), width, height).transpose(0, 2, 1)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(reconstruct, range(0, depth, PLANES)))
    return volume
