"""What a network sees of a box: its inner part around the centre, smoothed, without units."""

import numpy as np
import pytest

from tomo_particles.learning.network_input import input_edge, input_sampling_rate, network_input, sampling_weights


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_the_small_network_sees_the_smoothed_inner_box_and_no_units(rng):
    boxes = rng.standard_normal((2, 48, 48, 48)).astype(np.float32)
    seen = network_input(boxes, "small")
    assert seen.shape == (2, 16, 16, 16)
    assert np.allclose(network_input(7 * boxes - 40, "small"), seen, atol=1e-3)
    outside = boxes.copy()
    outside[:, 0] += 3  # a bright border is a neighbour's
    assert np.allclose(network_input(outside, "small"), seen, atol=0.05)
    weights = sampling_weights(48, 16)
    one = np.einsum("z,y,x,zyx", weights[3], weights[5], weights[7], boxes[0], optimize=True)
    every = np.einsum("az,by,cx,zyx->abc", weights, weights, weights, boxes[0], optimize=True)
    assert seen[0, 3, 5, 7] == pytest.approx((one - every.mean()) / every.std(), abs=1e-4)


@pytest.mark.parametrize("box", [8, 24, 32, 50])
def test_the_centre_of_the_box_is_the_centre_of_what_the_network_sees(box):
    z, y, x = np.mgrid[:box, :box, :box] - box // 2
    seen = network_input(np.exp(-(z**2 + y**2 + x**2) / (2 * (box / 12) ** 2))[None], "small")[0]
    for axis in range(3):
        assert np.allclose(seen, np.flip(seen, axis), atol=1e-4)


def test_the_reference_network_sees_the_whole_box(rng):
    boxes = rng.standard_normal((2, 22, 22, 22)).astype(np.float32)
    seen = network_input(boxes, "reference")
    assert np.allclose(seen[0], (boxes[0] - boxes[0].mean()) / boxes[0].std(), atol=1e-4)


def test_flat_and_broken_boxes_become_grey():
    boxes = np.stack([np.full((8, 8, 8), 3.0), np.full((8, 8, 8), np.nan)])
    assert not network_input(boxes, "small").any()


@pytest.mark.parametrize(("box", "edge"), [(8, 6), (16, 12), (22, 16), (50, 16)])
def test_the_size_of_what_the_small_network_sees(box, edge):
    assert input_edge("small", box) == edge and input_edge("reference", box) == box
    assert input_sampling_rate("small", box, 10) * edge == pytest.approx(8 * box)
    assert input_sampling_rate("reference", box, 10) == 10


@pytest.mark.parametrize("box", [12, 28, 50])
def test_a_box_gives_the_same_bytes_whatever_is_computed_with_it(rng, box):
    """Threads, and steps that are done again, put other boxes beside it."""
    boxes = rng.normal(100, 3, size=(5, box, box, box)).astype(np.float32)
    alone = np.concatenate([network_input(one[None], "small") for one in boxes])
    assert np.array_equal(network_input(boxes, "small"), alone)


@pytest.mark.parametrize("architecture", ["small", "reference"])
def test_no_unit_of_grey_values_makes_a_box_flat(rng, architecture):
    boxes = rng.standard_normal((2, 24, 24, 24)).astype(np.float32)
    expected = network_input(boxes, architecture)
    for unit in (2.0**-40, 2.0**40):  # powers of two: not one bit is rounded otherwise
        assert np.array_equal(network_input(unit * boxes, architecture), expected)
    for value in (1e-9, 0.3, 1000.7, 1e9):  # the mean of equal numbers is rounded
        assert not network_input(np.full((1, 50, 50, 50), value, np.float32), architecture).any()
    level = network_input((boxes + 1e6).astype(np.float32), architecture)  # to the nearest 0.06
    assert np.corrcoef(level.ravel(), expected.ravel())[0, 1] > 0.99
    assert not network_input(boxes, architecture, flat=2).any()
