"""The networks: size, range of the output, independence of a box from its batch."""

import numpy as np
import pytest

from tomo_particles.network import NetworkConfig
from tomo_particles.network.architecture import build_network


def test_reference_network_has_the_parameters_of_the_paper():
    network = build_network(NetworkConfig(50, 8.68, "reference"))
    assert network.count_params() == 1_307_392
    assert network.get_layer("noise_and_particle").use_bias is False


@pytest.mark.parametrize(("box", "architecture"), [(8, "small"), (14, "small"), (32, "small"), (64, "small"), (22, "reference")])
def test_scores_are_probabilities_that_do_not_depend_on_the_batch(box, architecture):
    config = NetworkConfig(box, 10.0, architecture)
    network = build_network(config)
    boxes = np.random.default_rng(0).standard_normal((3, *(config.input_size,) * 3, 1)).astype(np.float32)
    scores = network(boxes).numpy()
    assert scores.shape == (3, 1)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert np.allclose(scores[1:2], network(boxes[1:2]).numpy(), atol=1e-5)


def test_l2_penalises_weights():
    config = NetworkConfig(8, 10.0)
    assert build_network(config).losses == []
    assert float(sum(build_network(config, l2=0.1).losses)) > 0
