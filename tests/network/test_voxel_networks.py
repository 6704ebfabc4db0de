"""Voxel-wise networks: tiles are the whole, a training that goes on is one that was not interrupted, files hold numbers only."""

from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.learning.folds import Region
from tomo_particles.learning.voxels.description import ATTRIBUTE, LearnedTomogram, PickingRule, VoxelModel, read_voxel_model
from tomo_particles.learning.voxels.grey import seen_tomogram
from tomo_particles.learning.voxels.patches import PatchSource
from tomo_particles.learning.voxels.recipes import RECIPES
from tomo_particles.learning.voxels.targets import Labels, ParticleClass
from tomo_particles.network.voxels import (
    Budget,
    Checkpoint,
    load_voxel_model,
    predict,
    predict_out_of_fold,
    save_voxel_model,
    train_network,
)
from tomo_particles.network.voxels.architectures import build_voxel_network
from tomo_particles.network.voxels.losses import LOSSES, balance_of
from tomo_particles.network.voxels.training import Trained

CLASSES = (ParticleClass("a", 40.0), ParticleClass("b", 60.0))


@pytest.fixture(autouse=True)
def weights() -> None:
    """First weights are the same in every run: those of some would give maps with hardly any contrast."""
    keras.utils.set_random_seed(1)


def model_of(recipe: str = "unet", **options) -> VoxelModel:
    how = RECIPES[recipe]
    values = {"classes": CLASSES, "folds": 1, "seed": 1, "width": 0.25, "patch": how.patch} | options
    return VoxelModel(recipe, how.target, how.loss, sampling_rate=10.0, **values)


def tomogram(shape=(16, 24, 300), seed=0):
    return seen_tomogram("t", np.random.default_rng(seed).normal(size=shape).astype(np.float32), 10.0)


@pytest.mark.parametrize(
    ("recipe", "parameters"),
    [("unet", 310_941), ("deepfinder", 903_357), ("msd", 141_429), ("resnet", 127_261), ("yopo", 200_477), ("umc", 8_822_334)],
)
def test_networks_have_the_parameters_of_their_recipes(recipe, parameters):
    twelve = tuple(ParticleClass(str(k), 50.0) for k in range(12))
    assert build_voxel_network(model_of(recipe, classes=twelve, width=1.0)).count_params() == parameters


@pytest.mark.parametrize("recipe", [name for name in RECIPES if name not in ("msd", "umc")])
def test_a_map_in_tiles_is_that_of_the_whole_tomogram(recipe):
    model = model_of(recipe)
    network, seen = build_voxel_network(model), tomogram()
    whole = predict(seen, [network], model)
    step = model.how.step
    assert whole.classes.shape == (16 // step, 24 // step, 300 // step, 2)
    tiled = predict(seen, [network], model, most_bytes=60_000 * model.how.bytes_per_voxel)
    assert np.abs(tiled.classes - whole.classes).max() < 1e-4 < whole.classes.std()


def test_a_tile_needs_all_that_the_network_sees():
    model = model_of()
    network, seen = build_voxel_network(model), tomogram()
    other = replace(seen, data=seen.data.copy())
    other.data[:, :, 150 + model.how.halo :] += 1  # what lies further than the halo changes nothing
    one, two = (predict(t, [network], model).classes for t in (seen, other))
    np.testing.assert_allclose(one[:, :, :75], two[:, :, :75], atol=1e-5)
    assert np.abs(one[:, :, 95:] - two[:, :, 95:]).max() > 1e-3


@pytest.mark.parametrize("shape", [(3, 9, 11), (7, 20, 33)])
@pytest.mark.parametrize("recipe", ["unet", "yopo"])
def test_tomograms_thinner_than_a_patch_have_a_map(recipe, shape):
    found = predict(tomogram(shape), [build_voxel_network(model_of(recipe))], model_of(recipe), turns=True)
    assert found.classes.shape == (*(-(-edge // 2) for edge in shape), 2) and np.isfinite(found.classes).all()
    assert (found.particle <= 1 + 1e-6).all()


def test_each_place_is_picked_by_the_network_that_did_not_learn_there():
    regions = (Region("t", 0, -np.inf, 100.0, 0), Region("t", 0, 100.0, np.inf, 1))
    model = model_of(folds=2, regions=regions)
    networks = [build_voxel_network(model), build_voxel_network(model)]
    seen = tomogram()
    first, second = (predict(seen, [network], model).classes for network in networks)
    joined = predict_out_of_fold(seen, networks, model).classes
    np.testing.assert_array_equal(joined[:, :, :50], first[:, :, :50])  # the places 0.5 to 98.5
    np.testing.assert_array_equal(joined[:, :, 50:], second[:, :, 50:])
    mean = predict_out_of_fold(replace(seen, tomo_id="new"), networks, model).classes
    np.testing.assert_allclose(mean, (first + second) / 2, atol=1e-6)


def dots(seed=0, grey_value=-4.0) -> PatchSource:
    """Dark cubes at known places."""
    rng = np.random.default_rng(seed)
    grey = rng.normal(size=(32, 48, 48)).astype(np.float32)
    places = rng.integers(6, 26, (12, 3))
    for z, y, x in places:
        grey[z - 2 : z + 3, y - 2 : y + 3, x - 2 : x + 3] += grey_value
    labels = Labels.certain(places[:, ::-1].astype(float), np.arange(12) % 2 + 1)
    return PatchSource([seen_tomogram("t", grey, 10.0)], [labels], CLASSES, RECIPES["unet"], patch=16, seed=seed)


def weights_of(network):
    return np.concatenate([array.ravel() for array in network.get_weights()])


def test_the_same_seed_gives_the_same_network_interrupted_or_not(tmp_path):
    model = model_of(patch=16)
    budget = Budget(8, 1e-2, steps=4)
    rows = []
    whole = train_network(model, 0, dots(), dots(1), budget, report=rows.append)
    assert whole.steps == 4 and whole.validated and [row["step"] for row in rows] == [1, 2, 3, 4]
    assert rows[-1]["loss"] < rows[0]["loss"]
    again = train_network(model, 0, dots(), dots(1), budget, makers=3)
    np.testing.assert_array_equal(weights_of(whole.network), weights_of(again.network))

    class Stopped(Exception):
        pass

    checkpoint = Checkpoint(tmp_path / "t.h5", "settings")

    def stop(progress):
        checkpoint.save(progress)
        if progress.step == 2:
            raise Stopped

    from tomo_particles.network.voxels import training

    with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
        patch.setattr(training, "SAVED_EVERY", 0.0)
        train_network(model, 0, dots(), dots(1), budget, save=stop)
    there = Checkpoint(tmp_path / "t.h5", "settings")
    assert there.read(model) == 0 and there.current.step == 2
    on = train_network(model, 0, dots(), dots(1), budget, progress=there.current)
    np.testing.assert_array_equal(weights_of(whole.network), weights_of(on.network))
    with pytest.raises(InputError, match="interrupted training with other options"):
        Checkpoint(tmp_path / "t.h5", "others").read(model)


def test_the_best_validation_is_kept_and_not_the_last():
    from tomo_particles.network.voxels.training import _target_voxels

    model, values, learn = model_of(patch=16), [], dots()
    validate = dots(1, grey_value=4.0)  # bright ones: the more is learned of dark ones, the worse they are answered
    trained = train_network(
        model, 0, learn, validate, Budget(8, 1e-2, steps=12), report=lambda row: values.append(row["val_loss"])
    )
    balance = balance_of("ce", _target_voxels(learn))
    checks = [validate.batch(k, 8) for k in range(4)]
    found = [
        float(LOSSES["ce"](one.answer, one.weight.astype(np.float32), trained.network(one.grey.astype(np.float32)), balance))
        for one in checks
    ]
    assert len(values) == 12 and values[-1] > 1.1 * min(values)
    assert np.mean(found) == pytest.approx(min(values), rel=1e-4)


@pytest.mark.parametrize("steps", [1, 4])
def test_a_training_that_diverges_gives_no_network(steps):
    validate = dots(1) if steps == 1 else None  # after one step the weights are numbers yet, but no answer is
    with pytest.raises(InputError, match=r"learning rate: the training of network 2 diverged at step [12]; lower it"):
        train_network(model_of(patch=16, folds=2), 1, dots(), validate, Budget(2, 1e30, steps=steps))


@pytest.mark.parametrize("loss", list(LOSSES))
def test_losses_fall_towards_the_answer_and_ignore_weightless_voxels(loss):
    rng = np.random.default_rng(0)
    which = rng.integers(0, 3, (2, 4, 4, 4))
    answer = np.eye(3, dtype=np.float32)[which]
    weight = np.ones((2, 4, 4, 4), dtype=np.float32)
    weight[0] = 0
    balance = balance_of(loss, answer.sum(axis=(0, 1, 2, 3)))
    good, bad = 6 * answer - 3, -6 * answer + 3
    value = lambda logits: float(LOSSES[loss](answer, weight, logits.astype(np.float32), balance))  # noqa: E731
    assert value(good) < 0.2 < value(0 * good) < value(bad)
    spoiled = good.copy()
    spoiled[0] *= -1
    assert value(spoiled) == pytest.approx(value(good), abs=1e-6)


def test_rare_classes_weigh_more_within_limits():
    np.testing.assert_allclose(balance_of("ce", np.array([1e4, 100, 1e-3])), [1, 7.5, 60])
    np.testing.assert_allclose(balance_of("bce", np.array([1e4, 100, 1])), [1, 100, 256])
    np.testing.assert_allclose(balance_of("dice", np.array([1e4, 100, 1])), [1, 1, 1])


@pytest.fixture
def stored(tmp_path):
    rule = PickingRule("meanshift", 0.5, 60.0, (0.1, 0.8), (0.2, 0.9), (0.4, 0.6))
    model = model_of(
        rule=rule, tested=True, tomograms=(LearnedTomogram("t", (3, 4, 5), 1.5, 2.0),), regions=(Region("t", 0, -np.inf, 3.5, 0),)
    )
    network = build_voxel_network(model)
    save_voxel_model(tmp_path / "m.h5", model, [network])
    return tmp_path / "m.h5", model, network


def test_a_model_comes_back_as_it_was_and_has_the_same_bytes(stored, tmp_path):
    path, model, network = stored
    found, networks = load_voxel_model(path)
    assert found == model
    np.testing.assert_array_equal(weights_of(networks[0]), weights_of(network))
    save_voxel_model(tmp_path / "n.h5", found, networks)
    assert (tmp_path / "n.h5").read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.attrs.__setitem__(ATTRIBUTE, file.attrs[ATTRIBUTE].replace('"unet"', '"os.system"')), "recipe"),
        (lambda file: file.attrs.__setitem__(ATTRIBUTE, file.attrs[ATTRIBUTE].replace('"seed"', '"sneed"')), "expected"),
        (lambda file: file.attrs.__setitem__(ATTRIBUTE, file.attrs[ATTRIBUTE].replace("0.6]", "1.6]")), "thresholds"),
        (lambda file: file.attrs.__setitem__(ATTRIBUTE, "[" * 5000), "not JSON"),
        (lambda file: file.attrs.__delitem__(ATTRIBUTE), "not a model that this program wrote"),
        (lambda file: file.__delitem__("network_0/003"), "arrays"),
        (lambda file: file.create_dataset("more", data=[1.0]), "networks"),
        (lambda file: file["network_0/000"].__setitem__(0, np.nan), "not finite"),
        (lambda file: file.create_dataset("network_0/x", shape=(10**10,), dtype="f4"), "MB"),
    ],
)
def test_a_file_that_is_not_ours_is_refused(stored, change, words):
    path, _, _ = stored
    with h5py.File(path, "a") as file:
        change(file)
    with pytest.raises(InputError, match=words):
        load_voxel_model(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda file: file.attrs.clear(),
        lambda file: file["network_0"].attrs.__setitem__("steps", "many"),
        lambda file: file["network_0"].attrs.__setitem__("validated", [1, 2]),
        lambda file: file["network_0"].attrs.clear(),
        lambda file: file.__delitem__("network_0/003"),
        lambda file: (file.__delitem__("network_0/000"), file.create_group("network_0/000")),
        lambda file: file.create_dataset("network_1", data=1.0),
        lambda file: file.create_group("current"),
    ],
)
def test_a_damaged_checkpoint_is_refused_with_its_own_remedy(tmp_path, change):
    model = model_of()
    Checkpoint(tmp_path / "t.h5", "s").add(Trained(build_voxel_network(model), 3, True))
    assert Checkpoint(tmp_path / "t.h5", "s").read(model) == 1
    with h5py.File(tmp_path / "t.h5", "a") as file:
        change(file)
    with pytest.raises(InputError, match=r"output: '.*t.h5' is no interrupted training .*; remove this file to begin anew"):
        Checkpoint(tmp_path / "t.h5", "s").read(model)


def test_a_description_is_read_without_tensorflow(stored):
    path, model, _ = stored
    assert read_voxel_model(path) == model
