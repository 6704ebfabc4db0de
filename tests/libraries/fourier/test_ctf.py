"""The contrast transfer function against published numbers and closed forms."""

import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.fourier.ctf import CTF


@pytest.mark.parametrize(("voltage", "wavelength"), [(100, 0.03701), (200, 0.02508), (300, 0.01969)])
def test_the_wavelength_is_the_relativistic_one_of_the_textbooks(voltage, wavelength):
    assert CTF(voltage=voltage).wavelength == pytest.approx(wavelength, abs=1e-5)


def test_amplitude_contrast_alone_acts_at_zero_frequency_and_dense_stays_bright():
    ctf = CTF(amplitude_contrast=0.1)
    k = np.linspace(0, 0.9 * ctf.first_zero, 50)
    assert ctf.transfer(k)[0] == pytest.approx(0.1)
    assert (ctf.transfer(k) > 0).all() and ctf.transfer(k).dtype == np.float32


def test_the_first_zero_is_where_the_phase_reaches_pi():
    ctf = CTF(defocus=3.0, spherical_aberration=0.0, amplitude_contrast=0.0)
    assert ctf.first_zero == pytest.approx(1 / np.sqrt(ctf.wavelength * 3e4), rel=1e-3)  # pi lambda dz k^2 = pi
    assert CTF(defocus=6.0).first_zero < CTF(defocus=3.0).first_zero
    assert np.isinf(CTF(defocus=0.0, spherical_aberration=0.0).first_zero)


def test_overfocus_turns_the_contrast_around():
    k = np.array([0.01])
    options = {"spherical_aberration": 0.0, "amplitude_contrast": 0.0}
    assert CTF(defocus=-2.0, **options).transfer(k) == pytest.approx(-CTF(defocus=2.0, **options).transfer(k))


def test_the_envelope_is_a_gaussian_in_inverse_nanometres():
    assert CTF(envelope=0.4).attenuation(np.array([0.04])) == pytest.approx(np.exp(-0.5))  # 0.04 1/Å is 0.4 1/nm
    assert CTF(envelope=None).attenuation(np.array([0.0, 0.04])) == pytest.approx(1)


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"voltage": 0}, "voltage"),
        ({"voltage": 300_000}, "kV"),
        ({"amplitude_contrast": 8}, "fraction"),
        ({"defocus": 30_000}, "µm"),
        ({"defocus": float("nan")}, "defocus"),
        ({"envelope": 0}, "envelope"),
    ],
)
def test_conditions_of_no_microscope_are_refused(wrong, word):
    with pytest.raises(InputError, match=word):
        CTF(**wrong)
