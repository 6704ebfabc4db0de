"""The settings file: settings of a training that a tuning chose for the data of a user, as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from ..core.errors import InputError, parameter
from ..core.files import require_file, written_aside
from .configuration import TrainingConfig

TUNED = ("learning_rate", "l2", "epochs", "augment")  # the fields of `TrainingConfig` that a tuning chooses, and a file may hold
TRAINING = "training"  # key of the settings in the file; all other keys only say where they come from

Settings = dict[str, Any]  # values by name, of TUNED
DEFAULTS: Settings = {field.name: field.default for field in fields(TrainingConfig) if field.name in TUNED}


def write_settings(path: str | os.PathLike, settings: Mapping[str, Any], origin: Mapping[str, object]) -> None:
    """Write settings, and where they come from."""
    with written_aside(path) as aside:
        aside.write_text(json.dumps({TRAINING: dict(settings), **origin}, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def read_settings(path: str, option: str = parameter("settings_file")) -> Settings:
    """The settings of a file, by name. Raises InputError naming `option`, the file and the remedy for anything else."""
    require_file(path, option)
    remedy = f"give a file that a tuning wrote, or leave {option} out"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{option}: '{path}' is no settings file, because it is not JSON; {remedy}") from error
    found = content.get(TRAINING) if isinstance(content, dict) else None
    if not isinstance(found, dict) or not found:
        raise InputError(f"{option}: '{path}' is no settings file, because it has no settings under '{TRAINING}'; {remedy}")
    if unknown := sorted(set(found) - set(TUNED)):
        raise InputError(f"{option}: '{path}' has the setting '{unknown[0]}', known are {', '.join(TUNED)}; {remedy}")
    if not isinstance(found.get("augment", True), bool):
        raise InputError(f"{option}: '{path}': augment must be true or false, received {found['augment']!r}; {remedy}")
    try:
        TrainingConfig(**found)
    except InputError as error:
        raise InputError(f"{option}: '{path}': {error}; {remedy}") from error
    return {name: found[name] for name in TUNED if name in found}
