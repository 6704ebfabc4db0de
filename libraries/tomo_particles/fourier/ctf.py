"""The contrast transfer function of an electron microscope (Vulović et al., J. Struct. Biol. 183, 2013)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..core.errors import InputError, parameter

ELECTRON_REST_ENERGY = 510_998.95  # eV
WAVELENGTH_FACTOR = 12.264259661581878  # Å sqrt(eV): h / sqrt(2 m e)


@dataclass(frozen=True)
class CTF:
    """Imaging conditions, by default those of SHREC 2020.

    defocus: µm, underfocus positive.  voltage: kV.  spherical_aberration: mm.  amplitude_contrast: fraction in [0, 1].
    envelope: 1/nm, where the Gaussian envelope exp(-(k / envelope)^2 / 2) has fallen to 0.61; None for none.
    Raises InputError for impossible values.
    """

    defocus: float = 3.0
    voltage: float = 300.0
    spherical_aberration: float = 2.7
    amplitude_contrast: float = 0.08
    envelope: float | None = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.voltage <= 3000:
            raise InputError(f"{parameter('voltage')}: must lie between 0 and 3000 kV, received {self.voltage}")
        if not 0 <= self.amplitude_contrast <= 1:
            raise InputError(
                f"{parameter('amplitude_contrast')}: must be a fraction from 0 to 1, received {self.amplitude_contrast}"
            )
        if not np.isfinite(self.defocus) or abs(self.defocus) > 100:
            raise InputError(f"{parameter('defocus')}: must be given in µm, at most 100, received {self.defocus}")
        if self.envelope is not None and not self.envelope > 0:
            raise InputError(f"{parameter('envelope')}: must be positive (1/nm), received {self.envelope}")

    @property
    def wavelength(self) -> float:
        """Relativistic electron wavelength, Å."""
        volts = self.voltage * 1e3
        return WAVELENGTH_FACTOR / float(np.sqrt(volts * (1 + volts / (2 * ELECTRON_REST_ENERGY))))

    def phase(self, k: np.ndarray, defocus: np.ndarray | None = None) -> np.ndarray:
        """Phase shift chi in radians at spatial frequencies k, 1/Å: pi lambda dz k^2 - pi/2 Cs lambda^3 k^4.

        defocus: µm at each frequency, where it depends on the direction (astigmatism).
        """
        lam, cs = self.wavelength, self.spherical_aberration * 1e7
        dz = 1e4 * (self.defocus if defocus is None else defocus)
        return np.pi * lam * dz * k**2 - 0.5 * np.pi * cs * lam**3 * k**4

    def transfer(self, k: np.ndarray, defocus: np.ndarray | None = None) -> np.ndarray:
        """CTF times envelope at frequencies k, 1/Å; positive at low frequency, so that dense regions stay bright. float32.

        defocus: as in `phase`.
        """
        w = self.amplitude_contrast
        value = np.sin(self.phase(k, defocus) + np.arcsin(w)) * self.attenuation(k)
        return value.astype(np.float32)

    def attenuation(self, k: np.ndarray) -> np.ndarray:
        """The envelope alone."""
        return np.ones_like(k) if self.envelope is None else np.exp(-0.5 * (k * 10 / self.envelope) ** 2)

    @property
    def first_zero(self) -> float:
        """Frequency of the first zero, 1/Å; infinite where there is none before 1/Å."""
        k = np.linspace(0, 1, 100_001)
        value = np.sin(self.phase(k) + np.arcsin(self.amplitude_contrast))
        changes = np.flatnonzero(value[1:] * np.sign(value[1] or 1) <= 0)
        return float(k[changes[0] + 1]) if len(changes) else float("inf")
