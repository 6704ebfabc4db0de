"""Import and export of coordinates."""
