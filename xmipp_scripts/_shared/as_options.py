"""The settings of a program as the options that give them: the words that a user of the terminal knows."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def as_options(values: Mapping[str, Any], options: Mapping[str, str], negated: Collection[str] = ()) -> dict[str, str]:
    """The value of each option as text, in the order of `options`; '-' for one that was not given.

    values: by field.  options: the option of each field.  negated: fields whose option says that it is not so.
    """
    return {option: _text(not values[name] if name in negated else values[name]) for name, option in options.items()}


def given_options(values: Mapping[str, Any], options: Mapping[str, str]) -> dict[str, str]:
    """As `as_options`, without those that were not given."""
    return as_options(values, {name: option for name, option in options.items() if values[name] is not None})


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(map(_text, value)) or "-"
    if isinstance(value, dict):
        return ", ".join(f"{name}={_text(one)}" for name, one in value.items()) or "-"
    return "-" if value is None or value == "" else f"{value:g}" if isinstance(value, float) else str(value)
