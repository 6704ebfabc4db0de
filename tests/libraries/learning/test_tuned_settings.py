"""The settings file: what was written is read, and anything else is refused in one line."""

import json

import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.learning.tuned_settings import read_settings, write_settings


def test_what_was_written_is_read(tmp_path):
    settings = {"learning_rate": 0.0021, "l2": 1e-5, "epochs": 24, "augment": False}
    write_settings(tmp_path / "tuned.json", settings, {"seed": 3, "text": "trial 2"})
    assert read_settings(str(tmp_path / "tuned.json")) == settings
    assert json.loads((tmp_path / "tuned.json").read_text())["seed"] == 3


def test_a_file_may_hold_a_part_of_them(tmp_path):
    (tmp_path / "own.json").write_text('{"training": {"epochs": 6}}')
    assert read_settings(str(tmp_path / "own.json")) == {"epochs": 6}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "is empty"),
        ("epochs: 6", "it is not JSON"),
        ("[" * 100_000, "it is not JSON"),
        ("[6]", "no settings under 'training'"),
        ('{"epochs": 6}', "no settings under 'training'"),
        ('{"training": {}}', "no settings under 'training'"),
        ('{"training": {"epoch": 6}}', "has the setting 'epoch', known are learning_rate, l2, epochs, augment"),
        ('{"training": {"epochs": 0}}', "expected 1 or more, received 0"),
        ('{"training": {"epochs": true}}', "expected 1 or more, received True"),
        ('{"training": {"l2": "much"}}', "expected 0 to 10, received 'much'"),
        ('{"training": {"learning_rate": NaN}}', "received nan"),
        ('{"training": {"augment": 1}}', "augment must be true or false, received 1"),
    ],
)
def test_a_bad_file_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "bad.json").write_text(content)
    with pytest.raises(InputError) as error:
        read_settings(str(tmp_path / "bad.json"), "--settings")
    text = error.value.said(lambda name: f"--{name}")
    assert text.startswith("--settings: ") and "bad.json" in text and words in text and "\n" not in text


def test_a_missing_file_is_refused():
    with pytest.raises(InputError, match=r"nowhere\.json' does not exist"):
        read_settings("nowhere.json", "--settings")
