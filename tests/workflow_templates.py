"""The workflow templates for tests: their names, and the workflows that Scipion makes of them."""

import json
import warnings
from pathlib import Path

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.template import LocalTemplate

BATCH = ("deep_consensus_of_three_pickers", "deep_consensus_of_two_pickers", "deep_consensus_simulation")
LIVE = ("live_consensus_of_a_folder", "live_consensus_of_three_pickers", "live_consensus_with_a_first_model")
LEARNED = "trained_picker_simulation"
NAMES = (*BATCH, *LIVE, LEARNED)
OF_FILES = {"picker1": BATCH[:2], "picker2": BATCH[:2], "picker3": BATCH[:1]}  # templates that ask for each picker's files


def rendered(template: LocalTemplate, **values: str) -> list[dict]:
    """The workflow that Scipion makes of a template, with values for its fields."""
    fresh = LocalTemplate(template.source, template.templatePath)
    fresh.replaceEnvVariables()
    fresh.parseContent()
    for alias, value in values.items():
        assert fresh.setParamValue(alias, value) == 1
    path = Path(fresh.createTemplateFile())
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    finally:
        path.unlink()
