"""Model files: what is written is read; what is not ours, does not fit or could run code is refused in one line."""

import warnings
import zipfile
from dataclasses import replace

import h5py
import keras
import numpy as np
import pytest
from blob_boxes import BOX, RATE

from tomo_particles.core.errors import InputError
from tomo_particles.learning import model_files
from tomo_particles.network import NetworkConfig, TrainingConfig, load_model, save_model, train
from tomo_particles.network.architecture import build_network
from tomo_particles.network.storage import ATTRIBUTE, MEMBER
from tomo_particles.network.training import Ensemble

both = pytest.mark.parametrize("suffix", [".h5", ".keras"])


def refused(path, match, **options):
    with pytest.raises(InputError, match=match) as error:
        load_model(path, option="--inputModel", **options)
    message = str(error.value)
    assert message.startswith("--inputModel") and path.name in message and "\n" not in message


@both
def test_round_trip(trained, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    save_model(path, trained[0])
    loaded = load_model(path, box_size=BOX, sampling_rate=RATE * 1.0001)
    assert loaded.config == trained[0].config
    for one, other in zip(trained[0].networks, loaded.networks, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one.get_weights(), other.get_weights(), strict=True))
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


@both
def test_same_model_same_bytes(trained, tmp_path, suffix):
    one, two = (tmp_path / f"{name}{suffix}" for name in "ab")
    save_model(one, trained[0])
    save_model(two, load_model(one))
    assert one.read_bytes() == two.read_bytes()


@both
def test_a_model_carries_how_final_scores_come_about(trained, tmp_path, suffix):
    path, text = tmp_path / f"model{suffix}", '{"of": "T_µ"}' * 9000  # more than an attribute of HDF5 holds
    save_model(path, trained[0])
    assert model_files.read_scores_text(path) == ""
    save_model(path, trained[0], scores=text)
    assert model_files.read_scores_text(path) == text
    assert load_model(path).config == trained[0].config
    save_model(tmp_path / f"again{suffix}", trained[0], scores=text)
    assert (tmp_path / f"again{suffix}").read_bytes() == path.read_bytes()


def h5_scores(path, content, **options):
    with h5py.File(path, "a") as file:
        file.create_dataset(model_files.SCORES, data=content, **options)


def damaged_scores(path):
    h5_scores(path, np.frombuffer(b"text" * 1000, np.uint8), chunks=(4000,), fletcher32=True)
    content = path.read_bytes()
    path.write_bytes(content.replace(b"text" * 1000, b"tent" * 1000))


@pytest.mark.parametrize(
    "change",
    [
        lambda path: h5_scores(path, np.frombuffer(b"\xff\xfe", np.uint8)),
        lambda path: h5_scores(path, np.zeros(model_files.LONGEST_TEXT + 1, np.uint8), compression="gzip"),
        lambda path: h5_scores(path, np.float32(1)),
        damaged_scores,
        lambda path: with_member(path, model_files.SCORES_MEMBER, b"\xff\xfe"),
        lambda path: with_member(path, model_files.SCORES_MEMBER, bytes(model_files.LONGEST_TEXT + 1)),
    ],
    ids=["bytes", "long", "number", "damaged", "member of bytes", "long member"],
)
def test_scores_that_cannot_be_read_are_refused(trained, tmp_path, change, request):
    path = tmp_path / ("model.keras" if "member" in request.node.callspec.id else "model.h5")
    save_model(path, trained[0])
    change(path)
    with pytest.raises(InputError, match="is not a model that this program wrote"):
        model_files.read_scores_text(path)


@both
def test_keras_itself_opens_the_file(trained, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    save_model(path, trained[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = keras.saving.load_model(path, compile=False)
    box = np.ones((1, *(trained[0].config.input_size,) * 3, 1), np.float32)
    expected = [network(box).numpy()[0, 0] for network in trained[0].networks]
    assert np.allclose(model(box), expected, atol=1e-6)


@both
def test_a_model_is_not_called_damaged_where_the_import_of_h5py_takes_long(trained, tmp_path, suffix, monkeypatch):
    # on a machine with 16 processors it took more than the second that a damaged file may take
    path = tmp_path / f"model{suffix}"
    save_model(path, trained[0])
    work = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end:\n    pass\n"
    monkeypatch.setattr(model_files, "_PROBE", work.format(1.1) + model_files._PROBE + work.format(0.3))
    assert load_model(path).config == trained[0].config


def test_the_reference_network_and_a_single_fold_are_stored_too(tmp_path):
    config = NetworkConfig(22, 8.68, "reference", folds=1)
    save_model(tmp_path / "m.h5", Ensemble(config, (build_network(config),)))
    assert load_model(tmp_path / "m.h5").config == config


@both
def test_another_box_size_or_sampling_rate_is_refused(trained, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    save_model(path, trained[0])
    refused(path, rf"box size of {BOX} voxels, box size is 32", box_size=32)
    refused(path, r"10.0 Å/voxel, sampling rate is 13.5", sampling_rate=13.5)


def test_a_wrong_version_is_refused(trained, tmp_path):
    path = tmp_path / "model.h5"
    save_model(path, trained[0])
    with h5py.File(path, "a") as file:
        file.attrs[ATTRIBUTE] = file.attrs[ATTRIBUTE].replace('"version": 3', '"version": 99')
    refused(path, "version: expected 2 or 3.*99")


@both
def test_a_model_of_version_2_scores_and_learns_as_the_network_that_it_was(blobs, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    config = replace(NetworkConfig(BOX, RATE, folds=1), version=2)
    rng, old = np.random.default_rng(0), build_network(config)
    old.set_weights([rng.normal(0, 0.1, weights.shape) for weights in old.get_weights()])
    assert [layer.name for layer in old.layers[2:4]] == ["convolution_32", "pool"]
    save_model(path, Ensemble(config, (old,)))
    read = load_model(path)
    box = rng.standard_normal((2, *(config.input_size,) * 3, 1)).astype(np.float32)
    assert read.config.version == 2 and np.allclose(read.networks[0](box), old(box), atol=1e-6)
    further = train(blobs, replace(config, version=3), TrainingConfig(epochs=1), start=read, progress=lambda line: None)
    assert further.config == config
    save_model(path, further)
    assert load_model(path).config == config


@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_files_that_are_no_models_are_refused(tmp_path, name):
    path = tmp_path / name
    refused(path, "does not exist")
    path.write_bytes(b"")
    refused(path, "is empty")
    path.write_bytes(b"nothing of the kind")
    refused(path, "not a model that this program wrote")


def test_another_ending_is_refused(trained, tmp_path):
    with pytest.raises(InputError, match=r"\.h5 or \.keras"):
        save_model(tmp_path / "model.pkl", trained[0])


def lambda_model():
    box = keras.Input((BOX, BOX, BOX, 1))
    return keras.Model(box, keras.layers.Lambda(lambda x: x[:, 0, 0, 0])(box))


@both
def test_a_model_with_a_lambda_is_refused_with_and_without_our_metadata(trained, tmp_path, suffix):
    path = tmp_path / f"evil{suffix}"
    lambda_model().save(path)
    refused(path, "not a model that this program wrote")
    metadata = trained[0].config.to_json()
    if suffix == ".h5":
        with h5py.File(path, "a") as file:
            file.attrs[ATTRIBUTE] = metadata
    else:
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(MEMBER, metadata)
    refused(path, "is refused: it holds 'Lambda'")


def test_a_custom_object_and_a_pickle_are_refused(trained, tmp_path):
    path = tmp_path / "model.h5"
    save_model(path, trained[0])
    with h5py.File(path, "a") as file:
        file.attrs["model_config"] = file.attrs["model_config"].replace('"module": "keras"', '"module": "evil.code"', 1)
    refused(path, r"is refused: it holds 'evil\.code\.")
    path = tmp_path / "model.keras"
    save_model(path, trained[0])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("weights.pkl", b"")
    refused(path, r"weights\.pkl")


@both
def test_weights_of_another_shape_are_refused(trained, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    wrong = Ensemble(trained[0].config, trained[0].networks)
    save_model(path, wrong)
    metadata = wrong.config.to_json().replace(f'"box_size": {BOX}', '"box_size": 16')
    if suffix == ".h5":
        with h5py.File(path, "a") as file:
            file.attrs[ATTRIBUTE] = metadata
    else:
        with zipfile.ZipFile(path) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        with zipfile.ZipFile(path, "w") as archive:
            for name, content in {**members, MEMBER: metadata.encode()}.items():
                archive.writestr(name, content)
    refused(path, "does not hold the weights")


def with_member(path, name, content):
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, own in {**members, name: content}.items():
            archive.writestr(member, own)


@pytest.mark.parametrize("name", [MEMBER, "config.json"])
@pytest.mark.parametrize("content", [b" " * (1 << 28), b"[" * 100_000, b"\xff", b'{"a": 1'], ids=["bomb", "deep", "bytes", "cut"])
def test_a_text_without_end_or_bottom_is_refused(trained, tmp_path, name, content):
    path = tmp_path / "model.keras"
    save_model(path, trained[0])
    with_member(path, name, content)
    refused(path, "is not a model that this program wrote")


@both
def test_weights_larger_than_the_network_are_refused_before_they_are_read(trained, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    save_model(path, trained[0])
    inner = path if suffix == ".h5" else tmp_path / "inner.h5"
    if suffix == ".keras":
        with zipfile.ZipFile(path) as archive:
            inner.write_bytes(archive.read("model.weights.h5"))
    with h5py.File(inner, "a") as file:  # 4 TB that take no place in the file
        file.create_dataset("huge", (10**12,), "f4", chunks=True)
    if suffix == ".keras":
        with_member(path, "model.weights.h5", inner.read_bytes())
    refused(path, "says that its weights take more than")
    if suffix == ".keras":
        with_member(path, "model.weights.h5", bytes(1 << 28))
        refused(path, "says that its weights take more than")


@both
def test_weights_that_are_no_numbers_are_refused(trained, tmp_path, suffix):
    path = tmp_path / f"model{suffix}"
    network = build_network(trained[0].config, name="network_0")
    network.set_weights([np.full_like(weights, np.nan) for weights in network.get_weights()])
    save_model(path, Ensemble(trained[0].config, (network, *trained[0].networks[1:])))
    refused(path, "weights that are no numbers")
