"""Whether pickers agree more often than by chance, on drawn places."""

import numpy as np
import pytest

from tomo_particles.consensus.chance_agreement import agreement_informs, pairs_by_chance

BOX, SIZE = 20, np.array([200.0, 200.0, 60.0])


def table(places: list[np.ndarray], radius: float = 0.35 * BOX, box: int = BOX) -> dict[str, list]:
    """Merged picks of pickers whose picks lie at `places`, as the consensus writes them."""
    positions, votes = np.concatenate(places), np.repeat(np.arange(len(places)) + 1, [len(p) for p in places])
    merged: list[tuple[np.ndarray, set[int], list[float]]] = []
    for place, picker in zip(positions, votes, strict=True):
        near = next((own for own in merged if picker not in own[1] and np.linalg.norm(own[0] - place) < radius), None)
        if near:
            near[1].add(int(picker))
            near[2].append(float(np.linalg.norm(near[0] - place)))
        else:
            merged.append((place, {int(picker)}, [0.0]))
    xyz = np.array([place for place, _, _ in merged])
    return {
        "x": xyz[:, 0].tolist(),
        "y": xyz[:, 1].tolist(),
        "z": xyz[:, 2].tolist(),
        "comment": ["+".join(map(str, sorted(own))) for _, own, _ in merged],
        "enabled": [int(len(own) > 1) for _, own, _ in merged],
        "shiftDiff": [float(np.mean(far)) for _, _, far in merged],
        "tiltSeriesId": ["a"] * len(merged),
        "particleSize": [box] * len(merged),
    }


def anywhere(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.random((n, 3)) * SIZE


@pytest.mark.parametrize("n_pickers", [2, 3, 5])
def test_random_pickers_agree_by_chance(n_pickers: int):
    found = [
        agreement_informs(table([anywhere(np.random.default_rng([seed, k]), 80) for k in range(n_pickers)])) for seed in range(8)
    ]
    assert sum(found) == 0


@pytest.mark.parametrize("radius", [0.5, 0.7, 1.0])
def test_a_large_radius_does_not_make_random_pickers_agree(radius: float):
    places = [[anywhere(np.random.default_rng([seed, k]), 80) for k in range(2)] for seed in range(8)]
    assert not any(agreement_informs(table(of_scene, radius * BOX)) for of_scene in places)


@pytest.mark.parametrize("shared", [30, 60])
def test_pickers_of_the_same_particles_agree_more_often(shared: int):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        particles = anywhere(rng, shared)
        places = [np.concatenate([particles + rng.normal(0, 1, particles.shape), anywhere(rng, 60)]) for _ in range(2)]
        assert agreement_informs(table(places))


def test_the_expected_pairs_are_those_of_random_places():
    rng = np.random.default_rng(1)
    positions = anywhere(rng, 4000)
    seen = np.zeros((4000, 2), dtype=bool)
    seen[:2000, 0] = seen[2000:, 1] = True
    radius = 5.0
    volume = np.prod(SIZE)
    expected = 2000 * 2000 * 4 / 3 * np.pi * radius**3 / volume  # a little less: spheres at the upper and lower border are cut
    assert 0.85 * expected < pairs_by_chance(positions, np.array(["a"] * 4000), seen, radius)[0, 1] < 1.02 * expected


def test_two_pickers_that_see_the_particles_are_enough():
    """Five random pickers beside them bring the pairs of all down to chance."""
    rng = np.random.default_rng(4)
    particles, random = anywhere(rng, 30), [anywhere(rng, 150) for _ in range(5)]
    of_two = [np.r_[particles + rng.normal(0, 1, particles.shape), anywhere(rng, 20)] for _ in range(2)]
    assert agreement_informs(table([*of_two, *random])) and not agreement_informs(table(random))


def test_in_a_crowded_tomogram_the_pairs_within_half_the_radius_tell():
    """The spheres of the whole radius cover most of the tomogram: random pickers have nearly as many pairs."""
    rng = np.random.default_rng(6)
    particles = anywhere(rng, 60)
    places = [np.r_[particles + rng.normal(0, 1, particles.shape), anywhere(rng, n)] for n in (200, 30)]
    columns = table(places, radius=0.35 * 40, box=40)
    assert agreement_informs(columns)
    assert not agreement_informs({name: values for name, values in columns.items() if name != "shiftDiff"})
    for seed in range(6):
        random = [anywhere(np.random.default_rng([seed, n]), n) for n in (260, 90)]
        assert not agreement_informs(table(random, radius=0.35 * 40, box=40))


def test_a_few_agreed_among_many_say_nothing_but_a_few_of_a_few_do():
    rng = np.random.default_rng(2)
    shared = anywhere(rng, 4)
    assert not agreement_informs(table([shared, np.concatenate([shared, anywhere(rng, 200)])], radius=1.0, box=3))
    assert agreement_informs(table([shared, np.concatenate([shared, anywhere(rng, 6)])], radius=1.0, box=3))


def test_where_it_cannot_be_known_the_agreement_counts():
    columns = table([anywhere(np.random.default_rng(3), 50)])
    assert agreement_informs(columns)  # one picker
    columns = table([anywhere(np.random.default_rng([4, k]), 120) for k in range(2)])
    assert not agreement_informs(columns)
    assert agreement_informs({name: values for name, values in columns.items() if name != "particleSize"})


def test_a_picker_given_twice_does_not_agree_with_itself():
    rng = np.random.default_rng(5)
    twin, other = anywhere(rng, 100), anywhere(rng, 100)
    assert not agreement_informs(table([twin, twin + rng.normal(0, 0.1, twin.shape), other]))
    assert agreement_informs(table([twin, twin + rng.normal(0, 0.1, twin.shape)]))  # one witness: nothing can be known
