"""A finished run: its results read back, its boxes, its scores against a truth."""
