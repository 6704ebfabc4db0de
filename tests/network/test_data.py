"""Boxes from disk, batches of static shape, and variation that keeps the missing wedge and the labels."""

import mrcfile
import numpy as np
import pytest
import tensorflow as tf
from blob_boxes import write_stack

from tomo_particles.core.errors import InputError
from tomo_particles.learning.examples import FLIPS, flip
from tomo_particles.learning.network_input import input_sampling_rate, network_input
from tomo_particles.network import NetworkConfig
from tomo_particles.network.data import (
    TURNS,
    Schedule,
    batches,
    flip_each,
    read_boxes,
    tilt_axis_turns,
    turn_each,
    vary,
)

CONFIG = NetworkConfig(8, 10.0)


def memory_of_process():
    """Bytes of this process that are no mapped files."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) << 10 for line in status if line.startswith("RssAnon"))


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_boxes_come_in_the_order_asked_normalised(tmp_path, rng):
    one, two = (rng.normal(5, 3, (n, 8, 8, 8)).astype(np.float32) for n in (4, 3))
    images = write_stack(tmp_path / "a.mrcs", one) + write_stack(tmp_path / "b.mrcs", two)
    order = rng.permutation(7)
    boxes = read_boxes([images[i] for i in order], CONFIG)
    assert boxes.dtype == np.float16
    assert np.allclose(boxes, network_input(np.concatenate([one, two])[order], "small"), atol=3e-3)
    assert np.allclose(boxes.astype(float).mean((1, 2, 3)), 0, atol=1e-3)
    assert np.allclose(boxes.astype(float).std((1, 2, 3)), 1, atol=1e-3)


def test_single_volumes_are_read_too(tmp_path, rng):
    box = rng.standard_normal((8, 8, 8)).astype(np.float32)
    with mrcfile.new(tmp_path / "one.mrc", box):
        pass
    assert np.array_equal(*(read_boxes([name], CONFIG) for name in (f"{tmp_path}/one.mrc", f"000001@{tmp_path}/one.mrc")))


def test_what_the_extraction_made_for_the_network_is_taken_as_it_is(tmp_path, rng):
    config = NetworkConfig(24, 10.0)
    boxes = rng.normal(5, 3, (3, 24, 24, 24)).astype(np.float32)
    seen = network_input(boxes, "small")
    whole, small = write_stack(tmp_path / "whole.mrcs", boxes), write_stack(tmp_path / "small.mrcs", seen)
    with pytest.raises(InputError, match="16 x 16 x 16"):  # without the sampling rate these may be any boxes of 16 voxels
        read_boxes(small, config)
    with mrcfile.open(tmp_path / "small.mrcs", "r+") as stack:
        stack.voxel_size = input_sampling_rate("small", 24, 10.0)
    np.testing.assert_array_equal(read_boxes(small, config), read_boxes(whole, config))


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e6])
def test_network_input_that_is_no_number_or_too_large_is_refused(tmp_path, rng, value):
    config = NetworkConfig(24, 10.0)
    seen = network_input(rng.standard_normal((2, 24, 24, 24)).astype(np.float32), "small")
    images = write_stack(tmp_path / "small.mrcs", seen)
    with mrcfile.mmap(tmp_path / "small.mrcs", "r+") as stack:
        stack.voxel_size = input_sampling_rate("small", 24, 10.0)
        stack.data[1, 3, 4, 5] = value
    with pytest.raises(InputError, match=r"input: '.*small.mrcs' holds values that are no numbers, or too large; extract again"):
        read_boxes(images, config)


def test_turns_are_about_the_tilt_axis_and_the_middle_one_is_none(rng):
    boxes = rng.standard_normal((2, 8, 8, 8)).astype(np.float32)
    assert np.allclose(turn_each(tf.constant(boxes), tf.constant([TURNS // 2] * 2)), boxes, atol=1e-5)
    assert np.allclose(tilt_axis_turns(8)[1].sum(axis=1), 1, atol=1e-5)
    point = np.zeros((1, 9, 9, 9), np.float32)
    point[0, 4, 2, 7] = 1  # three voxels from the axis along x
    turned = turn_each(tf.constant(point), tf.constant([TURNS - 1])).numpy()[0]
    y, mass = np.unique(np.argwhere(turned > 0)[:, 1]), turned[:, 2]
    centre = [(mass * axis).sum() / mass.sum() - 4 for axis in np.mgrid[:9, :9]]
    assert y.tolist() == [2] and np.hypot(*centre) == pytest.approx(3, abs=0.2)
    assert abs(np.degrees(np.arctan2(*centre))) == pytest.approx(30, abs=4)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        ("000001@{}/none.mrcs", "does not exist"),
        ("000009@{}/good.mrcs", "volume 9"),
        ("000000@{}/good.mrcs", "volume 0"),
        ("x@{}/good.mrcs", "000001@stack"),
        ("000001@{}/text.mrcs", "not a complete MRC"),
        ("000001@{}/cut.mrcs", "not a complete MRC"),
    ],
)
def test_images_that_cannot_be_read_name_option_and_file(tmp_path, image, message):
    write_stack(tmp_path / "good.mrcs", np.zeros((2, 8, 8, 8)))
    (tmp_path / "text.mrcs").write_text("no volume")
    (tmp_path / "cut.mrcs").write_bytes((tmp_path / "good.mrcs").read_bytes()[:-100])
    with pytest.raises(InputError, match=message) as error:
        read_boxes([image.format(tmp_path)], CONFIG)
    assert str(error.value).startswith("input: ") and "\n" not in str(error.value)


def test_no_thread_tunes_batches_because_their_end_would_wait_for_it(rng):
    order = Schedule.of(np.arange(4), np.ones(4), 2, rng)
    boxes = np.zeros((4, 8, 8, 8), dtype=np.float16)
    data = batches(boxes, np.zeros(4), order, augment=False)
    assert data.options().autotune.enabled is False
    assert len(list(data)) == 2


def test_batches_hold_no_copy_of_all_boxes(rng):
    tf.config.experimental.enable_op_determinism()  # as a training does: data sets then copy their tensors
    boxes = rng.standard_normal((4000, 16, 16, 16)).astype(np.float16)
    order = Schedule.of(np.arange(4000), np.ones(4000), 32, rng)
    few = boxes[:64].copy()
    next(iter(batches(few, np.zeros(64), Schedule.of(np.arange(64), np.ones(64), 32, rng), augment=True)))
    before = memory_of_process()
    started = [iter(batches(boxes, np.zeros(4000), order, augment=True)) for _ in range(2)]
    assert all(np.isfinite(next(one)[0]).all() for one in started)
    assert memory_of_process() - before < boxes.nbytes / 2


def test_another_box_size_is_refused(tmp_path):
    images = write_stack(tmp_path / "s.mrcs", np.zeros((2, 8, 8, 8)))
    with pytest.raises(InputError, match=r"8 x 8 x 8.*box size is 10"):
        read_boxes(images, NetworkConfig(10, 10.0))


def test_schedule_passes_over_every_box_again_and_again_in_full_batches(rng):
    schedule = Schedule.shuffled(np.array([3, 5, 7, 8, 9]), np.arange(10.0), 4, 4, rng)
    assert schedule.index.shape == (4, 4)
    assert np.array_equal(schedule.weight, schedule.index)
    passes = schedule.index.ravel()[:15].reshape(3, 5)
    assert (np.sort(passes, axis=1) == [3, 5, 7, 8, 9]).all()
    assert not (passes == passes[0]).all()


def test_a_last_batch_that_is_not_full_is_filled_with_weight_0(rng):
    schedule = Schedule.of(np.array([3, 5, 7]), np.arange(1.0, 11.0), 2, rng)
    assert schedule.weight.tolist() == [[4, 6], [8, 0]]


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
    one, two = (
        np.concatenate([box for box, _, _ in batches(boxes, np.zeros(4), schedule, augment=True).as_numpy_iterator()])
        for _ in range(2)
    )
    assert np.array_equal(one, two)
    plain = boxes[schedule.index.ravel()][..., None]
    assert (np.abs(one - plain).max(axis=(1, 2, 3, 4)) > 0.01).all()


def test_flips_of_tensorflow_are_those_of_the_reference(rng):
    boxes = rng.standard_normal((8, 4, 4, 4)).astype(np.float32)
    flipped = flip_each(tf.constant(boxes), tf.range(8)).numpy()
    for box, moved, flips in zip(boxes, flipped, FLIPS, strict=True):
        assert np.array_equal(moved, flip(box, flips))


def test_variation_keeps_each_box_apart_from_a_turn_a_flip_a_shift_and_grey_values():
    box = np.zeros((16, 9, 9, 9), np.float32)
    box[:, 3:6, 2:5, 4:7] = 1  # around (0, -1, 1) from the centre
    varied = vary(tf.constant(box), tf.constant([1, 2])).numpy()
    varied -= varied[:, :1, :1, :1]  # the offset
    weights = np.clip(varied, 0, None)
    centres = np.stack([(weights * axis).sum((1, 2, 3)) / weights.sum((1, 2, 3)) - 4 for axis in np.mgrid[:9, :9, :9]], axis=1)
    assert (np.abs(centres) <= 2.3).all()  # moved by one at most along each axis, turned, flipped
    assert np.ptp(centres[:, 1]) > 1 and np.ptp(centres[:, 2]) > 1
