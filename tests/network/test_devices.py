"""Devices: bad choices are named, and GPUs that cannot work; threads are set; two logical CPU devices share batches.

The tests have no GPU: they simulate what TensorFlow and the machine answer about one.
"""

import subprocess
import sys
import textwrap

import pytest
import tensorflow as tf

from tomo_particles.core.errors import InputError
from tomo_particles.network import NetworkConfig, devices, select_devices


def run(program: str, *arguments: object) -> str:
    """A program in a new process: TensorFlow's devices are set once in a process."""
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.fixture
def machine(monkeypatch):
    """machine(found, card, visible): TensorFlow finds so many GPUs, the driver shows a card, and CUDA_VISIBLE_DEVICES."""

    def simulate(found: int, card: bool = True, visible: str | None = None) -> None:
        gpus = [tf.config.PhysicalDevice(f"/physical_device:GPU:{i}", "GPU") for i in range(found)]
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: gpus)
        monkeypatch.setattr(devices, "_has_nvidia_card", lambda: card)
        monkeypatch.setattr(devices, "_prepare", lambda chosen: None)  # TensorFlow has none of them
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
        if visible is not None:
            monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)

    return simulate


@pytest.mark.parametrize(
    ("answers", "gpus", "words"),
    [
        ((0, True), "0", "GPU 0: there is an NVIDIA card.*pip install '.\\[gpu\\]'.*nvidia-smi"),
        ((0, False), "0", "GPU 0: this machine has no NVIDIA card, or no driver"),
        ((0, True, ""), "1", "GPU 1: CUDA_VISIBLE_DEVICES='' hides every GPU; unset this variable"),
        ((0, True, "-1"), "0", "GPU 0: CUDA_VISIBLE_DEVICES='-1' hides"),
        ((0, True, "5"), "0", "GPU 0: .*CUDA_VISIBLE_DEVICES='5', which counts from 0.*pip install"),
        ((2, True), "0,7", "GPU 7: it finds 0, 1; give one of these"),
        ((1, True, "1"), "1", "GPU 1: it finds 0 with CUDA_VISIBLE_DEVICES='1', which counts from 0 what it leaves; give"),
    ],
)
def test_a_gpu_that_tensorflow_does_not_find_is_refused_with_the_remedy(machine, answers, gpus, words):
    machine(*answers)
    with pytest.raises(InputError, match=rf"^gpus: TensorFlow does not find {words}.*; or leave out gpus to use the CPU$"):
        select_devices(gpus)


@pytest.mark.parametrize(
    "error",
    [
        tf.errors.InternalError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory\nmore lines"),
        tf.errors.ResourceExhaustedError(None, None, "CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        RuntimeError("CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
    ],
)
def test_a_full_gpu_is_refused_before_anything_is_computed_on_it(machine, monkeypatch, error):
    def fails(*arguments):
        raise error

    machine(2)
    monkeypatch.setattr(tf.nn, "conv3d", fails)
    with pytest.raises(InputError, match=r"^gpus: GPU 1 cannot be used: CUDA_ERROR_OUT_OF_MEMORY: out of memory; see in"):
        select_devices("1")


def test_a_gpu_that_tensorflow_passes_over_is_refused(machine):
    machine(1)  # there is none, and TensorFlow then computes on the CPU, as it does for a card that is too old
    with pytest.raises(InputError, match=r"^gpus: GPU 0 cannot be used: TensorFlow computes elsewhere.*leave out gpus"):
        select_devices("0")


@pytest.mark.parametrize("gpus", ["a", "-1", "0;1"])
def test_gpu_list_must_be_numbers(gpus):
    with pytest.raises(InputError, match="gpus: expected numbers"):
        select_devices(gpus)


def test_threads_must_be_positive():
    with pytest.raises(InputError, match="threads"):
        select_devices("", threads=0)


def test_no_gpu_is_the_cpu_with_the_threads_asked():
    out = run("""
        from tomo_particles.network import select_devices
        import tensorflow as tf
        strategy = select_devices("", threads=3)
        tf.constant(1.0) + 1
        print(strategy.num_replicas_in_sync, tf.config.threading.get_intra_op_parallelism_threads(),
              tf.config.threading.get_inter_op_parallelism_threads())
    """)
    assert out.split() == ["1", "3", "3"]


def test_networks_work_at_the_same_time_on_several_threads_of_a_cpu_unless_their_batches_are_large(monkeypatch):
    small, large = NetworkConfig(32, 10.0), NetworkConfig(32, 10.0, "reference")
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 2)
    assert devices.cores_are_left(small) and not devices.cores_are_left(large)
    two = tf.distribute.OneDeviceStrategy("/cpu:0")
    monkeypatch.setattr(type(two), "num_replicas_in_sync", 2)
    assert not devices.cores_are_left(small, two)
    monkeypatch.setattr(tf.config.threading, "get_intra_op_parallelism_threads", lambda: 1)
    assert not devices.cores_are_left(small)
    monkeypatch.undo()
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None: ["a card"])
    assert not devices.cores_are_left(small)


def test_mirrored_training_and_scoring_with_a_partial_last_batch(blobs):
    """45 boxes in batches of 12 (11 asked) over two devices; both devices hold the same weights at the end."""
    out = run(
        """
        import sys
        from tomo_particles.network import NetworkConfig, TrainingConfig, score, train
        import numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from tomo_particles.learning.examples import Examples
        images = [f"{i + 1:06d}@{sys.argv[1]}" for i in range(45)]
        tomo_ids, positions, labels = np.full(45, "a"), np.zeros((45, 3)), np.arange(45) % 2
        strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
        ensemble = train(Examples(images, tomo_ids, positions, labels, np.ones(45)), NetworkConfig(8, 10.0, folds=1),
                         TrainingConfig(views=(1, 8000), epochs=2, batch_size=11), strategy=strategy, progress=lambda line: None)
        scores = score(images[:5], tomo_ids[:5], positions[:5], ensemble, batch_size=4)
        copies = ensemble.networks[0].weights[0].value.values
        same = np.array_equal(copies[0], copies[1])
        print(strategy.num_replicas_in_sync, len(copies), same, np.isfinite(scores).all(), len(scores))
    """,
        blobs.images[0].split("@")[1],
    )
    assert out.split() == ["2", "2", "True", "True", "5"]


def test_several_devices_train_a_voxelwise_network_and_its_checkpoint_goes_on():
    out = run("""
        import numpy as np, tensorflow as tf
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from tomo_particles.learning.voxels.description import VoxelModel
        from tomo_particles.learning.voxels.grey import seen_tomogram
        from tomo_particles.learning.voxels.patches import PatchSource
        from tomo_particles.learning.voxels.recipes import RECIPES
        from tomo_particles.learning.voxels.targets import Labels, ParticleClass
        from tomo_particles.network.voxels import Budget, train_network, training
        training.SAVED_EVERY = 0.0
        how, classes = RECIPES["unet"], (ParticleClass("a", 40.0),)
        rng = np.random.default_rng(0)
        seen = seen_tomogram("t", rng.normal(size=(16, 32, 32)).astype(np.float32), 10.0)
        labels = Labels.certain(rng.integers(6, 10, (8, 3)).astype(float), np.ones(8, dtype=int))
        source = PatchSource([seen], [labels], classes, how, patch=8, seed=1)
        options = dict(sampling_rate=10.0, classes=classes, folds=1, seed=1, width=0.25, patch=8)
        model = VoxelModel("unet", how.target, how.loss, **options)
        strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
        rows, saved = [], []
        options = dict(strategy=strategy, report=rows.append, save=saved.append)
        trained = train_network(model, 0, source, source, Budget(3, 1e-2, steps=2), **options)
        copies = trained.network.weights[0].value.values
        on = train_network(model, 0, source, source, Budget(3, 1e-2, steps=3), progress=saved[-1], **options)
        print(len(copies), np.array_equal(copies[0], copies[1]), trained.steps, on.steps, rows[0]["learning_rate"] == 0.01,
              np.isfinite([row["val_loss"] for row in rows]).all())
    """)
    assert out.split() == ["2", "True", "2", "3", "True", "True"]


@pytest.mark.slow
def test_the_number_of_devices_does_not_change_the_model(blobs, tmp_path):
    """A batch is shared, not multiplied. Without dropout, whose random numbers depend on how: the rest agrees to rounding."""
    out = run(
        """
        import sys
        from tomo_particles.network import NetworkConfig, TrainingConfig, train
        import keras, numpy as np, tensorflow as tf
        keras.layers.Dropout.call = lambda self, inputs, training=False: inputs
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
        from tomo_particles.learning.examples import Examples
        images = [f"{i + 1:06d}@{sys.argv[1]}" for i in range(60)]
        examples = Examples(images, np.full(60, "a"), np.zeros((60, 3)), np.arange(60) % 2, np.ones(60))
        training = TrainingConfig(views=(1, 8000), epochs=2, batch_size=16)
        weights = []
        for strategy in (None, tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])):
            ensemble = train(examples, NetworkConfig(8, 10.0, folds=1), training, strategy=strategy, progress=lambda line: None)
            weights.append(ensemble.networks[0].get_weights())
        print(max(np.abs(one - two).max() for one, two in zip(*weights)), max(np.abs(one).max() for one in weights[0]))
    """,
        blobs.images[0].split("@")[1],
    )
    difference, largest = map(float, out.split())
    assert difference < 1e-6 < 0.1 < largest
