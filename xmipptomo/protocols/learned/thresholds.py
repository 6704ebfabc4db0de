"""The lowest accepted scores as text: one number for all classes, `class:number` for single ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


def read_thresholds(text: str, classes: Sequence[str]) -> dict[str, float]:
    """The thresholds by class, "" for all. Raises ValueError with what is wrong, to follow the name of a field."""
    found: dict[str, float] = {}
    for word in text.split():
        name, _, number = word.rpartition(":")
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise ValueError(f"must be numbers from 0 to 1, such as 0.5, or class:number, received '{word}'.")
        if name and name not in classes:
            raise ValueError(f"names the class '{name}', but the model has {', '.join(classes)}.")
        if name in found:
            raise ValueError(f"gives {name or 'all classes'} twice.")
        found[name] = value
    if not found:
        raise ValueError("cannot be EMPTY: give a number from 0 to 1.")
    return found


def thresholds_text(values: Mapping[str, float]) -> str:
    """The text of thresholds by class, "" for all."""
    return " ".join(f"{name}:{value:.2f}" if name else f"{value:.2f}" for name, value in values.items())
