"""How the deep consensus protocol trains: what the form says, and what a settings file says of fields that have their default."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pwem.protocols import EMProtocol

from tomo_particles.core.files import written_aside
from tomo_particles.learning.tuned_settings import read_settings

from ...constants import LARGE_DATA_SET, NETWORKS
from ...files import RunFiles
from .commands import NetworkOptions

FIELDS = {"learning_rate": "learningRate", "l2": "l2", "epochs": "epochs", "augment": "forceAugmentation"}
SETTINGS_FILE = "*Settings file*"


def settings_file(protocol: EMProtocol) -> str:
    """The settings file of the form; '' for none, and where nothing is trained."""
    return (protocol.settingsFile.get() or "").strip() if protocol.evalParamCondition("settingsFile") else ""


def network_options(protocol: EMProtocol, n_positives: int, model: str, files: RunFiles) -> NetworkOptions:
    """How to train. model: to train further; '' for a new one.  Keeps what the settings file changes, for the summary."""
    used = _from_file(protocol)
    with written_aside(files.tuned) as aside:
        Path(aside).write_text(json.dumps({"file": settings_file(protocol), "used": used}), encoding="utf-8")
    values = {"learning_rate": protocol.learningRate.get(), "l2": protocol.l2.get(), "epochs": protocol.epochs.get(),
              "augment": protocol.forceAugmentation.get() or n_positives < LARGE_DATA_SET, **used}
    return NetworkOptions(start_model=model, network=NETWORKS[protocol.network.get()], batch_size=protocol.batchSize.get(),
                          validation=protocol.validationFraction.get(), folds=protocol.folds.get(),
                          auto_stop=protocol.autoStop.get(), seed=protocol.randomSeed.get(), **values)


def _from_file(protocol: EMProtocol) -> dict[str, Any]:
    """The settings of the file for those fields that nobody changed."""
    if not (path := settings_file(protocol)):
        return {}
    return {name: value for name, value in read_settings(path, SETTINGS_FILE).items() if not _is_changed(protocol, FIELDS[name])}


def _is_changed(protocol: EMProtocol, field: str) -> bool:
    """Whether a field differs from its default, which Scipion keeps as text."""
    return str(protocol.getAttributeValue(field)) != protocol.getParam(field).default.get()


def tuned_fields(protocol: EMProtocol, files: RunFiles) -> dict[str, str]:
    """What a settings file changed in the training, by the labels of the fields."""
    path = Path(files.tuned)
    if not settings_file(protocol) or not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    used = {FIELDS[name]: value for name, value in content["used"].items()}
    return {protocol.getParam(name).label.get(): f"{value} (from {content['file']})" for name, value in used.items()}


def tuned_note(fields: dict[str, str]) -> list[str]:
    """A note on the fields that a settings file changed; none where it changed nothing."""
    return [f"training with a settings file: {', '.join(f'{name} {value}' for name, value in fields.items())}"] if fields else []
