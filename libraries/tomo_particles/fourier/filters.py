"""Filters on the half-complex spectra of volumes (z, y, x): frequencies, missing wedge, low-pass, cropping.

Every function takes the shape of the real volume and returns an array for `scipy.fft.rfftn`: (z, y, x // 2 + 1).
"""

from __future__ import annotations

import numpy as np
import scipy.fft

LOWPASS_EDGE = 0.1  # relative width of a low-pass filter's soft edge: a hard one would ring


def frequencies(shape: tuple[int, int, int], sampling_rate: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """kz, ky, kx in 1/Å (cycles per voxel if the rate is 1), each shaped to broadcast over the half spectrum."""
    nz, ny, nx = shape
    kz, ky = np.fft.fftfreq(nz, sampling_rate), np.fft.fftfreq(ny, sampling_rate)
    return (
        kz.astype(np.float32)[:, None, None],
        ky.astype(np.float32)[None, :, None],
        np.fft.rfftfreq(nx, sampling_rate).astype(np.float32)[None, None, :],
    )


def radial_frequency(shape: tuple[int, int, int], sampling_rate: float = 1.0) -> np.ndarray:
    """|k| in 1/Å over the half spectrum, float32."""
    kz, ky, kx = frequencies(shape, sampling_rate)
    return np.sqrt(kz**2 + ky**2 + kx**2)


def wedge_mask(shape: tuple[int, int, int], tilt_range: tuple[float, float]) -> np.ndarray:
    """(z, 1, x // 2 + 1) float32: 1 at frequencies that a tilt series about y, first to last angle in degrees, measures, else 0.

    At the tilt t a voxel is projected to x' = x cos t + z sin t. The projection therefore measures the plane of frequencies
    along (kx, kz) = (cos t, sin t).
    """
    kz, _, kx = frequencies(shape)
    low, high = sorted(np.tan(np.radians(angle)) for angle in tilt_range)
    seen = (kz >= low * kx) & (kz <= high * kx)
    if shape[2] % 2 == 0:  # the Nyquist plane holds both signs of kx
        seen[..., -1] |= np.flip(np.roll(seen[..., -1], -1, axis=0), axis=0)
    seen[0, :, 0] = True
    if max(map(abs, tilt_range)) >= 90:  # a tilt of 90 degrees holds kx = 0, where the tangent is infinite
        seen[..., 0] = True
    return seen.astype(np.float32)


def low_pass(shape: tuple[int, int, int], sampling_rate: float, resolution: float) -> np.ndarray:
    """Transfer function that is 1 up to 1/resolution (Å) and falls to 0 over a cosine edge."""
    k = radial_frequency(shape, sampling_rate) * resolution
    return (0.5 + 0.5 * np.cos(np.pi * np.clip((k - 1) / LOWPASS_EDGE, 0, 1))).astype(np.float32)


def filtered(volume: np.ndarray, transfer: np.ndarray, workers: int = 1) -> np.ndarray:
    """The volume (z, y, x) with its half spectrum multiplied by `transfer`; float32."""
    spectrum = scipy.fft.rfftn(np.asarray(volume, dtype=np.float32), workers=workers)
    spectrum *= transfer
    return scipy.fft.irfftn(spectrum, s=volume.shape, workers=workers, overwrite_x=True)


def fourier_resized(volume: np.ndarray, shape: tuple[int, int, int], workers: int = 1) -> np.ndarray:
    """The volume resampled to `shape` voxels by cropping its spectrum; the grey values keep their scale. No axis may grow.

    This resampling of a periodic signal keeps the centre of voxel 0 in place: the new voxel i has the old position
    i * old / new.
    """
    if any(new > old for new, old in zip(shape, volume.shape, strict=True)):
        raise ValueError(f"cannot enlarge {volume.shape} to {shape}")
    spectrum = scipy.fft.rfftn(np.asarray(volume, dtype=np.float32), workers=workers)
    rows = [_kept(new, old) for new, old in zip(shape[:2], volume.shape[:2], strict=True)]
    cropped = spectrum[np.ix_(*rows, np.arange(shape[2] // 2 + 1))]
    cropped *= np.prod(shape) / np.prod(volume.shape)
    return scipy.fft.irfftn(cropped, s=shape, workers=workers).astype(np.float32)


def _kept(new: int, old: int) -> np.ndarray:
    return np.concatenate([np.arange((new + 1) // 2), np.arange(old - new // 2, old)])
