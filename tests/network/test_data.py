"""Boxes from disk, batches of static shape, and variation that keeps the missing wedge and the labels."""

import mrcfile
import numpy as np
import pytest
import tensorflow as tf
from blob_boxes import write_stack

from deep_consensus_tomo.errors import InputError
from deep_consensus_tomo.network import NetworkConfig
from deep_consensus_tomo.network.data import Schedule, batches, flip_each, prepare, read_boxes, vary
from deep_consensus_tomo.training_set import FLIPS, flip

CONFIG = NetworkConfig(8, 10.0)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_boxes_come_in_the_order_asked_normalised(tmp_path, rng):
    one, two = (rng.normal(5, 3, (n, 8, 8, 8)).astype(np.float32) for n in (4, 3))
    images = write_stack(tmp_path / "a.mrcs", one) + write_stack(tmp_path / "b.mrcs", two)
    order = rng.permutation(7)
    boxes = read_boxes([images[i] for i in order], CONFIG)
    assert boxes.dtype == np.float16
    expected = np.concatenate([one, two])[order]
    expected = (expected - expected.mean((1, 2, 3), keepdims=True)) / expected.std((1, 2, 3), keepdims=True)
    assert np.allclose(boxes, expected, atol=3e-3)


def test_single_volumes_are_read_too(tmp_path, rng):
    box = rng.standard_normal((8, 8, 8)).astype(np.float32)
    with mrcfile.new(tmp_path / "one.mrc", box):
        pass
    assert np.array_equal(*(read_boxes([name], CONFIG) for name in (f"{tmp_path}/one.mrc", f"000001@{tmp_path}/one.mrc")))


def test_binning_averages_and_does_not_depend_on_units(rng):
    boxes = rng.standard_normal((2, 50, 50, 50)).astype(np.float32)
    binned = prepare(boxes, 3)
    assert binned.shape == (2, 16, 16, 16)
    corner = boxes[0, 1:4, 1:4, 1:4].mean()
    means = boxes[0, 1:49, 1:49, 1:49].reshape(16, 3, 16, 3, 16, 3).mean((1, 3, 5))
    assert binned[0, 0, 0, 0] == pytest.approx((corner - means.mean()) / means.std(), abs=1e-5)
    assert np.allclose(prepare(7 * boxes - 40, 3), binned, atol=1e-3)


def test_flat_and_broken_boxes_become_grey():
    boxes = np.stack([np.full((8, 8, 8), 3.0), np.full((8, 8, 8), np.nan)])
    assert not prepare(boxes, 1).any()


@pytest.mark.parametrize(("image", "message"), [
    ("000001@{}/none.mrcs", "does not exist"), ("000009@{}/good.mrcs", "volume 9"), ("000000@{}/good.mrcs", "--input"),
    ("x@{}/good.mrcs", "000001@stack"), ("000001@{}/text.mrcs", "not a complete MRC"),
    ("000001@{}/cut.mrcs", "not a complete MRC"),
])
def test_images_that_cannot_be_read_name_option_and_file(tmp_path, image, message):
    write_stack(tmp_path / "good.mrcs", np.zeros((2, 8, 8, 8)))
    (tmp_path / "text.mrcs").write_text("no volume")
    (tmp_path / "cut.mrcs").write_bytes((tmp_path / "good.mrcs").read_bytes()[:-100])
    with pytest.raises(InputError, match=message) as error:
        read_boxes([image.format(tmp_path)], CONFIG)
    assert str(error.value).startswith("--input") and "\n" not in str(error.value)


def test_another_box_size_is_refused(tmp_path):
    images = write_stack(tmp_path / "s.mrcs", np.zeros((2, 8, 8, 8)))
    with pytest.raises(InputError, match=r"8 x 8 x 8.*--boxsize is 10"):
        read_boxes(images, NetworkConfig(10, 10.0))


def test_schedule_shows_every_box_once_an_epoch_and_fills_the_last_batch_with_weight_0(rng):
    schedule = Schedule.shuffled(np.array([3, 5, 7, 8, 9]), np.arange(10.0), 4, 2, rng)
    assert schedule.index.shape == (4, 4)
    for epoch in (slice(0, 2), slice(2, 4)):
        index, weight = schedule.index[epoch].ravel(), schedule.weight[epoch].ravel()
        assert sorted(index[weight > 0]) == [3, 5, 7, 8, 9]
        assert np.array_equal(weight[weight > 0], index[weight > 0])
    assert not np.array_equal(schedule.index[:2], schedule.index[2:])


def test_batches_have_static_shape_and_without_variation_are_the_boxes(rng):
    boxes = rng.standard_normal((5, 8, 8, 8)).astype(np.float16)
    data = batches(boxes, np.arange(5) / 4, Schedule.of(np.arange(5), np.ones(5), 2, rng), augment=False)
    assert data.element_spec[0].shape == (2, 8, 8, 8, 1)
    seen = list(data.as_numpy_iterator())
    assert np.array_equal(np.concatenate([box for box, _, _ in seen])[:5, ..., 0], boxes)
    assert np.allclose(np.concatenate([label for _, label, _ in seen])[:5, 0], np.arange(5) / 4)
    assert np.concatenate([weight for _, _, weight in seen]).tolist() == [1] * 5 + [0]


def test_variation_changes_boxes_and_is_the_same_for_the_same_schedule(rng):
    boxes = rng.standard_normal((4, 8, 8, 8)).astype(np.float16)
    schedule = Schedule.shuffled(np.arange(4), np.ones(4), 2, 2, rng)
    one, two = (np.concatenate([box for box, _, _ in batches(boxes, np.zeros(4), schedule, augment=True).as_numpy_iterator()])
                for _ in range(2))
    assert np.array_equal(one, two)
    plain = boxes[schedule.index.ravel()][..., None]
    assert (np.abs(one - plain).max(axis=(1, 2, 3, 4)) > 0.01).all()


def test_flips_of_tensorflow_are_those_of_the_reference(rng):
    boxes = rng.standard_normal((8, 4, 4, 4)).astype(np.float32)
    flipped = flip_each(tf.constant(boxes), tf.range(8)).numpy()
    for box, moved, flips in zip(boxes, flipped, FLIPS, strict=True):
        assert np.array_equal(moved, flip(box, flips))


def test_variation_keeps_each_box_apart_from_a_flip_a_shift_and_grey_values():
    box = np.zeros((16, 7, 7, 7), np.float32)
    box[:, 2, 3, 4] = 1
    varied = vary(tf.constant(box), tf.constant([1, 2])).numpy()
    varied -= varied[:, :1, :1, :1]  # the offset
    peaks = np.argwhere(varied > 0.5)
    assert len(peaks) == 16
    shift = peaks[:, 1:] - np.array([3, 3, 3])  # of a peak at (-1, 0, 1) from the centre, flipped, then shifted by one at most
    assert (np.abs(shift) <= 2).all()
