"""Configurations refuse what cannot be, and survive the model file."""

import json

import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.learning.configuration import NetworkConfig, TrainingConfig
from tomo_particles.learning.folds import Region

REGIONS = (Region("tomo a", 0, -np.inf, 12.5, 0), Region("tomo a", 0, 12.5, np.inf, 1))
CONFIG = NetworkConfig(32, 13.48, folds=2, seed=7, regions=REGIONS)


def test_json_round_trip():
    assert NetworkConfig.from_json(CONFIG.to_json()) == CONFIG


@pytest.mark.parametrize(
    "change",
    [
        {"box_size": "32"},
        {"box_size": 32.0},
        {"box_size": True},
        {"box_size": 10**9},
        {"architecture": "Lambda"},
        {"version": 1},
        {"sampling_rate": 0},
        {"sampling_rate": "nan"},
        {"normalisation": "none"},
        {"folds": 0},
        {"extra": 1},
        {"regions": [1]},
        {"regions": None},
        {"regions": [{"tomo_id": "a", "axis": 3, "start": None, "stop": None, "fold": 0}]},
        {"regions": [{"tomo_id": "a", "axis": 0, "start": "0", "stop": None, "fold": 0}]},
        {"regions": [{"tomo_id": "a", "axis": 0, "start": None, "stop": None, "fold": 2}]},
    ],
)
def test_json_with_anything_else_is_refused(change):
    with pytest.raises(InputError, match="expected"):
        NetworkConfig.from_json(json.dumps({**json.loads(CONFIG.to_json()), **change}))


def test_json_without_a_key_and_no_json_are_refused():
    values = json.loads(CONFIG.to_json())
    del values["seed"]
    for text in (json.dumps(values), "[]", "{", "NaN"):
        with pytest.raises(InputError):
            NetworkConfig.from_json(text)


@pytest.mark.parametrize(
    ("field", "value", "option"),
    [
        ("epochs", 0, "epochs"),
        ("batch_size", 0, "batch size"),
        ("learning_rate", 0, "learning rate"),
        ("l2", -1, "l2"),
        ("validation", 0, "validation"),
        ("validation", 0.9, "validation"),
        ("learning_rate", float("nan"), "learning rate"),
    ],
)
def test_training_options_out_of_range_are_named(field, value, option):
    with pytest.raises(InputError, match=option):
        TrainingConfig(**{field: value})


def test_reference_network_refuses_a_box_without_room_for_it():
    with pytest.raises(InputError, match=r"box size.*22"):
        NetworkConfig(20, 10.0, "reference")


@pytest.mark.parametrize(("box", "edge"), [(8, 6), (16, 12), (20, 16), (24, 16), (32, 16), (50, 16), (64, 16)])
def test_small_network_sees_little_of_any_box(box, edge):
    assert NetworkConfig(box, 10.0).input_size == edge
    assert NetworkConfig(max(box, 22), 10.0, "reference").input_size == max(box, 22)
