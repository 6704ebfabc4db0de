"""Fourier space: filters, contrast transfer function (CTF), whitening."""
