"""Exceptions whose message is for the user at the form or the terminal, and how such a message lists names."""

from collections.abc import Iterable


class InputError(ValueError):
    """Wrong input of the user: the message is one line that names the file, the option and the remedy."""


class NoPicksError(InputError):
    """A pick file without any pick: an error for a single file, common if a picker wrote one file per tomogram."""


def listed(names: Iterable[object], most: int = 4, quote: str = "'") -> str:
    """Names for a message: the first of them, and how many more there are."""
    every = [f"{quote}{name}{quote}" for name in names]
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
