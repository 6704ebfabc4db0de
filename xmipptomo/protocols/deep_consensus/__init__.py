"""Deep consensus picking 3D."""
