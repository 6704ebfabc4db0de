"""A settings file on the form of the deep consensus: fields that were changed count; the rest is the file's, and is told."""

import json
import warnings

import pytest

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.constants import LARGE_DATA_SET
    from xmipptomo.files import RunFiles
    from xmipptomo.protocols import XmippProtDeepConsensusPicking3D
    from xmipptomo.protocols.deep_consensus.training import network_options, settings_file, tuned_fields, tuned_note
    from xmipptomo.protocols.deep_consensus.validation import _settings_errors

from tomo_particles.learning.tuned_settings import write_settings

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates
TUNED = {"learning_rate": 0.004, "l2": 1e-5, "epochs": 24, "augment": False}


@pytest.fixture
def tuned(tmp_path) -> str:
    write_settings(tmp_path / "tuned.json", TUNED, {"seed": 1})
    return str(tmp_path / "tuned.json")


@pytest.fixture
def files(tmp_path) -> RunFiles:
    found = RunFiles(str(tmp_path))
    found.root.mkdir()
    return found


def form(**values) -> XmippProtDeepConsensusPicking3D:
    protocol = XmippProtDeepConsensusPicking3D()
    protocol.setAttributesFromDict(values)
    return protocol


def chosen(protocol, files, n_positives=10) -> dict:
    options = network_options(protocol, n_positives, "", files)
    return {name: getattr(options, name) for name in TUNED}


def test_without_a_file_the_form_counts_and_nothing_is_told(files):
    protocol = form()
    assert chosen(protocol, files) == {"learning_rate": 0.001, "l2": 0.0001, "epochs": 12, "augment": True}
    assert tuned_fields(protocol, files) == {} and tuned_note({}) == []


def test_the_file_counts_where_the_form_has_its_defaults_and_the_summary_tells_it(files, tuned):
    protocol = form(settingsFile=tuned)
    assert chosen(protocol, files) == TUNED
    fields = tuned_fields(protocol, files)
    assert fields["Learning rate"] == f"0.004 (from {tuned})" and fields["Force data augmentation?"].startswith("False")
    assert len(fields) == 4 and "Cycles (epochs) 24" in tuned_note(fields)[0]


def test_a_field_that_was_changed_counts(files, tuned):
    protocol = form(settingsFile=tuned, epochs=5, learningRate=0.002, l2=0.0)
    assert chosen(protocol, files) == {"learning_rate": 0.002, "l2": 0.0, "epochs": 5, "augment": False}
    assert list(tuned_fields(protocol, files)) == ["Force data augmentation?"]


def test_augmentation_of_the_form_counts_where_it_was_changed(files, tuned, tmp_path):
    write_settings(tmp_path / "with.json", {"augment": True}, {})
    protocol = form(settingsFile=str(tmp_path / "with.json"), forceAugmentation=False)
    assert chosen(protocol, files, LARGE_DATA_SET)["augment"] is False
    assert chosen(protocol, files, LARGE_DATA_SET - 1)["augment"] is True


def test_a_file_counts_only_where_something_is_trained(tuned):
    assert settings_file(form(settingsFile=f" {tuned} ")) == tuned
    assert settings_file(form(settingsFile=tuned, doVoting=True)) == ""
    assert settings_file(form(settingsFile=tuned, modelType=1, skipTraining=True)) == ""


def test_a_bad_file_is_refused_by_the_name_of_the_field(tmp_path):
    (tmp_path / "bad.json").write_text(json.dumps({"training": {"epochs": "many"}}))
    (error,) = _settings_errors(form(settingsFile=str(tmp_path / "bad.json")))
    assert error.startswith("*Settings file*: ") and "epochs: expected 1 or more, received 'many'" in error
    (error,) = _settings_errors(form(settingsFile=str(tmp_path / "none.json")))
    assert error.startswith("*Settings file*: ") and "does not exist" in error
    assert _settings_errors(form()) == []
