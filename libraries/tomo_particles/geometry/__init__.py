"""Points and rotations: complete linkage, suppression, Euler angles, symmetry, mean orientations."""
