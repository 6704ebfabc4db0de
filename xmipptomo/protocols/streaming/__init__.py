"""Protocols that follow inputs which grow."""
