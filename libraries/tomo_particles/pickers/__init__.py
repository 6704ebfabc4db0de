"""Pickers: blobs, template matching."""
