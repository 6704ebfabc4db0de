"""TensorFlow imported quietly, and one ensemble trained on blobs that the tests share."""

import warnings

import pytest
from blob_boxes import BOX, RATE, make_blobs

with warnings.catch_warnings():  # the packages that Keras imports are not ours to mend
    warnings.simplefilter("ignore")
    from tomo_particles.network import NetworkConfig, TrainingConfig, train

from tomo_particles.learning.examples import Examples


@pytest.fixture(scope="session")
def blobs(tmp_path_factory) -> Examples:
    return make_blobs(tmp_path_factory.mktemp("blobs") / "train.mrcs")


@pytest.fixture(scope="session")
def trained(blobs, tmp_path_factory):
    """(ensemble of two folds, the lines it reported, its CSV log)."""
    lines, log = [], tmp_path_factory.mktemp("log") / "log.csv"
    training = TrainingConfig(views=(1, 8000), epochs=12, batch_size=16, learning_rate=3e-3, auto_stop=False)
    ensemble = train(blobs, NetworkConfig(BOX, RATE, folds=2), training, log_path=log, progress=lines.append)
    return ensemble, lines, log
