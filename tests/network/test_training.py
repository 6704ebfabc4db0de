"""Training: it learns, it repeats, every option has an effect, and too little data is refused with the way out."""

import csv
import weakref
from dataclasses import replace
from threading import current_thread, main_thread
from typing import NamedTuple

import keras
import numpy as np
import pytest
from blob_boxes import BOX, RATE, make_blobs

from tomo_particles.core.errors import InputError
from tomo_particles.learning.examples import Examples
from tomo_particles.network import NetworkConfig, TrainingConfig, score, train, training

CONFIG = NetworkConfig(BOX, RATE, folds=1)
ONE_PASS = (1, 8000)  # an epoch is one pass over the examples, however few: the tests are quick
SHORT = TrainingConfig(views=ONE_PASS, epochs=1, batch_size=16)


def quick(examples, config=CONFIG, options=SHORT, **more):
    """(ensemble, rows of the log) of a short training."""
    rows = []
    ensemble = train(examples, config, options, progress=rows.append, **more)
    return ensemble, [row for row in rows if row.startswith("network")]


def select(examples, keep):
    keep = np.flatnonzero(keep)
    return Examples(
        [examples.images[i] for i in keep],
        *(getattr(examples, name)[keep] for name in ("tomo_ids", "positions", "labels", "weights")),
    )


class Plain(NamedTuple):
    """What a short training with the defaults gave: the weights, its rows and notes, and how `batches` was called."""

    weights: list[np.ndarray]
    rows: list[str]
    notes: list[str]
    calls: list[tuple]


@pytest.fixture(scope="module")
def plain(blobs) -> Plain:
    with pytest.MonkeyPatch.context() as patch:
        calls, notes = watched(patch), []
        ensemble, rows = quick(blobs, note=notes.append)
    return Plain(ensemble.networks[0].get_weights(), rows, notes, calls)


def watched(patch) -> list[tuple]:
    """The schedules of the trainings from now on, and whether their boxes are varied."""
    calls, original = [], training.batches

    def spy(boxes, labels, schedule, augment):
        calls.append((schedule, augment))
        return original(boxes, labels, schedule, augment)

    patch.setattr(training, "batches", spy)
    return calls


def test_a_small_network_tells_blobs_from_noise(trained, tmp_path):
    new = make_blobs(tmp_path / "new.mrcs", n=100, seed=9)
    scores = score(new.images, np.full(100, "new tomogram"), new.positions, trained[0])
    particles, noise = scores[new.labels == 1], scores[new.labels == 0]
    assert (particles[:, None] > noise).mean() > 0.9


def test_folds_give_as_many_networks_a_line_an_epoch_and_a_row_an_epoch(trained):
    ensemble, lines, log = trained
    assert len(ensemble.networks) == 2
    assert len(lines) == 2 * 12
    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == list(training.LOG_COLUMNS)
    assert [(row["fold"], row["epoch"]) for row in rows] == [(fold, str(k)) for fold in "12" for k in range(1, 13)]
    for own in (rows[:12], rows[12:]):
        assert float(own[0]["learning_rate"]) > float(own[11]["learning_rate"])
        assert float(own[11]["loss"]) < float(own[0]["loss"])


def test_only_boxes_that_are_learned_from_are_read(blobs, monkeypatch):
    read, read_boxes = [], training.read_boxes
    monkeypatch.setattr(training, "read_boxes", lambda images, *more: read.append(images) or read_boxes(images, *more))
    quick(blobs, options=replace(SHORT, views=(1, 16), validation=0.1))
    assert len(set(read[0])) == len(read[0]) < len(blobs) / 2


def test_networks_trained_at_the_same_time_are_those_trained_one_after_another_and_keep_no_boxes(blobs, monkeypatch):
    config, options = replace(CONFIG, folds=2), replace(SHORT, epochs=2)
    held, read_boxes = [], training.read_boxes
    monkeypatch.setattr(training, "read_boxes", lambda *of: held.append(weakref.ref(boxes := read_boxes(*of))) or boxes)
    monkeypatch.setattr(training, "cores_are_left", lambda config, strategy: True)
    together = quick(blobs, config, options)[0]
    assert len(held) == 1 and held[0]() is None
    monkeypatch.setattr(training, "cores_are_left", lambda config, strategy: False)
    one_by_one, rows = quick(blobs, config, options)
    assert len(held) == 2 and held[1]() is None
    assert [row[:9] for row in rows] == [f"network {fold}" for fold in (1, 1, 2, 2)]
    assert len(together.networks) == len(one_by_one.networks) == 2
    for one, other in zip(together.networks, one_by_one.networks, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))


def test_an_error_of_one_network_ends_the_others(blobs):
    """Here the place for a line of the log: the disk is full, say."""
    said = []

    def full(line):
        said.append(line)
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        train(blobs, replace(CONFIG, folds=2), replace(SHORT, epochs=500, auto_stop=False), progress=full)
    assert len(said) <= 2


def test_a_training_that_diverges_ends_with_an_error(blobs):
    """It went on, and left a network of scores that are no numbers, or of its first epoch."""
    broken, _ = quick(blobs)
    broken.networks[0].set_weights([np.full_like(weights, np.nan) for weights in broken.networks[0].get_weights()])
    with pytest.raises(InputError, match=r"learning rate: .* network 1 diverged in epoch 1; lower it, or give another"):
        quick(blobs, start=broken)


def test_a_network_that_learned_nothing_is_told(blobs, plain):
    """It was left without a word."""
    mixed = replace(blobs, labels=np.random.default_rng(0).permutation(blobs.labels))
    quick(mixed, options=replace(SHORT, learning_rate=1.0), note=(said := []).append)
    assert len(said) == 1 and said[0].startswith("network 1/1 learned nothing")
    assert "chance is 0.693" in said[0] and "learning rate" in said[0]
    assert not plain.notes


def test_best_weights_are_kept(blobs, monkeypatch):
    """The network at the end has the smallest validation loss of the log; at this learning rate that is not the last."""
    validation = []
    original = training.batches

    def spy(boxes, *arguments, **options):
        validation.append((original(boxes, *arguments, **options), boxes))
        return validation[-1][0]

    monkeypatch.setattr(training, "batches", spy)
    options = TrainingConfig(views=ONE_PASS, epochs=5, batch_size=16, learning_rate=0.05, l2=0, auto_stop=False)
    ensemble, lines = quick(blobs, options=options)
    losses = [float(line.split("validation ")[1].split(",")[0]) for line in lines]
    entropy = ensemble.networks[0].evaluate(validation[-1][0], verbose=0, return_dict=True)["entropy"]
    assert entropy == pytest.approx(min(losses), abs=1e-3)


def test_same_seed_same_weights_other_seed_others(blobs, plain):
    same, other = (quick(blobs, replace(CONFIG, seed=CONFIG.seed + more))[0].networks[0].get_weights() for more in (0, 1))
    assert all(np.array_equal(a, b) for a, b in zip(plain.weights, same, strict=True))
    assert not np.array_equal(same[0], other[0])


def test_options_reach_the_training(blobs, plain, monkeypatch):
    calls = watched(monkeypatch)
    _, strong = quick(blobs, options=replace(SHORT, l2=1.0, validation=0.4, batch_size=8, augment=False))
    loss = [float(rows[0].split("loss ")[1].split(",")[0]) for rows in (plain.rows, strong)]
    assert loss[1] > loss[0] + 1  # l2
    (learn, varied), (validate, never), (learn2, varied2), (validate2, never2) = (*plain.calls, *calls)
    assert (varied, never, varied2, never2) == (True, False, False, False)  # validation data never
    count = [len(np.unique(schedule.index[schedule.weight > 0])) for schedule in (learn, validate, learn2, validate2)]
    assert count[0] + count[1] == count[2] + count[3] == len(blobs)
    assert count[3] >= 2 * count[1]
    assert (learn.index.shape[1], learn2.index.shape[1]) == (16, 8)
    for one, other in ((learn, validate), (learn2, validate2)):
        assert set(one.index[one.weight > 0]).isdisjoint(other.index[other.weight > 0])
    assert learn.weight.mean() == pytest.approx(1, rel=0.1)


def test_auto_stop_stops_and_without_it_all_epochs_run(blobs):
    hopeless = replace(blobs, labels=np.random.default_rng(0).integers(0, 2, len(blobs)))
    options = TrainingConfig(views=ONE_PASS, epochs=8, batch_size=16, patience=1, learning_rate=0.02)
    assert len(quick(hopeless, options=options)[1]) < 8
    assert len(quick(hopeless, options=replace(options, auto_stop=False))[1]) == 8


@pytest.mark.parametrize("at_the_same_time", [True, False])
def test_networks_are_not_trained_in_the_thread_that_answers_signals(at_the_same_time):
    threads = []
    training._run([training._Training(None, lambda: threads.append(current_thread()), None)] * 2, at_the_same_time)
    assert len(threads) == 2 and main_thread() not in threads


def test_the_step_of_a_network_is_traced_once(blobs, monkeypatch):
    """Twice if its first run makes variables, as that of an optimizer: seconds for each training."""
    traces, step = [], keras.Model.train_step
    monkeypatch.setattr(keras.Model, "train_step", lambda network, data: traces.append(network.name) or step(network, data))
    quick(blobs, replace(CONFIG, folds=2), replace(SHORT, epochs=2))
    assert sorted(traces) == ["network_0", "network_1"]


def test_weight_0_and_soft_labels_count(blobs):
    """Examples of weight 0 teach nothing: with the labels of half the boxes turned round at weight 0 training is the same."""
    half = np.arange(len(blobs)) // 2 % 2 == 0
    balance = np.where(half, blobs.labels, 0.5)
    weights = np.where(half, 1.0, 0.0)
    one, two = (
        quick(replace(blobs, labels=labels, weights=weights))[0].networks[0].get_weights()
        for labels in (balance, np.where(half, blobs.labels, 0.9))
    )
    assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(one, two, strict=True))
    soft = quick(replace(blobs, labels=np.where(blobs.labels == 1, 0.7, 0.1)))[1][0]
    assert 0 < float(soft.split("accuracy ")[1].split(",")[0]) <= 1


def test_continuing_starts_from_the_model_and_keeps_its_regions(trained, blobs):
    ensemble = trained[0]
    new = replace(blobs, tomo_ids=np.where(blobs.tomo_ids == "tomo0", "another", blobs.tomo_ids))
    options = TrainingConfig(views=ONE_PASS, epochs=1, batch_size=16, learning_rate=1e-9)
    again = train(new, NetworkConfig(BOX, RATE, folds=2, seed=8), options, start=ensemble, progress=lambda line: None)
    assert set(ensemble.config.regions) < set(again.config.regions)
    for a, b in zip(ensemble.networks[1].get_weights(), again.networks[1].get_weights(), strict=True):
        assert np.allclose(a, b, atol=1e-6)


def test_a_model_of_another_kind_cannot_be_continued(trained, blobs):
    with pytest.raises(InputError, match=r"input model.*folds 2"):
        quick(blobs, start=trained[0])


@pytest.mark.parametrize(
    ("keep", "option"),
    [
        (lambda y: y == 0, "positives: 0 positives"),
        (lambda y: y == 1, "negatives: 0 negatives"),
        (lambda y: (y == 0) | (np.arange(len(y)) < 8), "positives: 4 positives"),
    ],
)
def test_too_few_examples_say_what_to_change(blobs, keep, option):
    with pytest.raises(InputError, match=option) as error:
        quick(select(blobs, keep(blobs.labels)))
    assert "add " in str(error.value) and "at least 6" in str(error.value)


def test_one_class_in_one_tomogram_falls_back_to_slabs_and_too_many_folds_are_refused(blobs):
    lopsided = replace(blobs, tomo_ids=np.where(blobs.labels == 1, "tomo0", blobs.tomo_ids))
    regions = training._regions(lopsided, NetworkConfig(BOX, RATE, folds=3), None)
    assert sum(region.tomo_id == "tomo0" for region in regions) == 3
    crowded = replace(blobs, tomo_ids=np.full(len(blobs), "t"), positions=np.zeros((len(blobs), 3)))
    with pytest.raises(InputError, match=r"^folds"):
        training._regions(crowded, NetworkConfig(BOX, RATE, folds=3), None)


def test_networks_are_not_compiled_by_xla(trained):
    assert all(isinstance(network, keras.Model) and network.jit_compile is False for network in trained[0].networks)
