"""The programs that train a voxel-wise picker and pick with it: their options, checked, and their files."""
