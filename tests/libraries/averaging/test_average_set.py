"""A whole set: turns, centres, halves; noise; order and threads change nothing."""

import numpy as np
import pytest
from averaged_scene import DIAMETER, RATE, SIZE, make_scene
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.average_set import SetAverage
from tomo_particles.averaging.picked_boxes import PickedBoxes, Source
from tomo_particles.averaging.poses import Poses
from tomo_particles.core import memory
from tomo_particles.core.errors import InputError


def made(boxes, threads=2, start=None, halves=True, rounds=4, starts=1, lowpass=40.0):
    settings = Settings(DIAMETER, rounds, starts, threads=threads)
    return SetAverage(boxes, settings, lowpass, 25.0, 1, halves=halves, start=start, say=lambda line: None).run()


def truth_of(scene, boxes):
    rows = [(boxes.sources[number].name, row) for number, row in boxes.places]
    return np.array([scene.places[n][row] for n, row in rows]), Rotation.concatenate([scene.rotations[n][row] for n, row in rows])


@pytest.fixture(scope="module")
def scene():
    return make_scene(count=30)


@pytest.fixture(scope="module")
def free(scene):
    boxes = PickedBoxes(scene.sources(jitter=0.7), DIAMETER, 2)
    return boxes, made(boxes, rounds=8)


def off(poses, true):
    """Degrees of each pick from the true turn, in one frame for all."""
    relative = true.inv() * poses.rotations
    cosines = np.abs(relative.as_quat() @ relative.as_quat().T)
    apart = np.degrees(2 * np.arccos(np.minimum(1, cosines)))
    frame = relative[apart[np.minimum(apart, 60).sum(axis=1).argmin()] < 30].mean()
    return np.degrees((relative * frame.inv()).magnitude())


def test_a_free_start_finds_turns_and_centres(scene, free):
    boxes, result = free
    places, true = truth_of(scene, boxes)
    away = off(result.poses, true)
    assert (away < 30).mean() > 0.6 and np.median(away) < 12  # by chance 0.004; the rest lies in a turn that looks alike
    before = np.linalg.norm((boxes.positions - places) * RATE, axis=1).mean()
    after = np.linalg.norm((boxes.positions - places) * RATE + result.poses.shifts, axis=1).mean()
    assert after < 0.6 * before  # 11 A


def test_the_halves_are_independent_and_agree(free):
    boxes, result = free
    assert abs(np.bincount(result.half)[0] - len(boxes) / 2) <= 1
    assert result.fsc.corrected[2:5].min() > 0.8 and 25 <= result.resolution <= 40
    assert result.average.shape == (boxes.edge,) * 3 and result.coverage.max() <= boxes.weights.sum() + 1e-3
    centre = boxes.edge // 2
    inner = result.filtered[(slice(centre - 3, centre + 4),) * 3]
    assert inner.mean() > np.median(result.filtered) + result.filtered.std()  # bright, in the middle


def test_order_and_threads_change_nothing(scene):
    boxes = PickedBoxes(scene.sources(jitter=0.7), DIAMETER, 2)
    result = made(boxes, rounds=2)
    sources = scene.sources(jitter=0.7)
    order = np.random.default_rng(0).permutation
    mixed = [
        Source(s.name, s.data, s.rate, s.positions[o], s.weights, s.tilts)
        for s in reversed(sources)
        for o in [order(len(s.positions))]
    ]
    other = PickedBoxes(mixed, DIAMETER, 1)
    assert other.positions == pytest.approx(boxes.positions)
    again = made(other, rounds=2, threads=1)
    assert np.array_equal(again.average, result.average) and np.array_equal(again.poses.shifts, result.poses.shifts)


def test_given_angles_are_made_finer(scene):
    boxes = PickedBoxes(scene.sources(jitter=0.7), DIAMETER, 2)
    places, true = truth_of(scene, boxes)
    rng = np.random.default_rng(0)
    start = Poses.of(true * Rotation.from_rotvec(rng.normal(0, 6, (len(true), 3)), degrees=True))
    result = made(boxes, start=start)
    away = np.degrees((true.inv() * result.poses.rotations).magnitude())
    assert np.median(off(result.poses, true)) < 7 and np.median(away) < 20  # the frame may turn a little
    assert np.linalg.norm((boxes.positions - places) * RATE + result.poses.shifts, axis=1).mean() < 6


def test_noise_gives_halves_that_do_not_agree(scene):
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(SIZE[::-1]).astype(np.float32)
    boxes = PickedBoxes(
        [Source("n", noise, RATE, 12 + rng.random((60, 3)) * (np.array(SIZE) - 24), np.ones(60), (-60.0, 60.0))], DIAMETER, 2
    )
    result = made(boxes, rounds=2)
    assert np.nanmean(result.fsc.unmasked[3:]) < 0.3 and result.resolution == pytest.approx(40)


def test_few_picks_are_refused_and_boxes_without_data_left_out(scene):
    source = scene.sources()[0]
    data = np.array(source.data)
    data[:, :, :24] = 3.0
    data[20, 50, 80] = np.nan
    positions = np.array([[8.0, 50, 20], [80, 50, 20], [0, 0, 0], *source.positions[:5]])
    positions[3:, 0] = 50
    boxes = PickedBoxes([Source("t", data, RATE, positions, np.ones(8), (-60.0, 60.0))], DIAMETER)
    assert boxes.left_out == {"border": 1, "not numbers": 1, "flat": 1} and len(boxes) == 5
    with pytest.raises(InputError, match="at least 20 picks inside the tomograms, found 5"):
        SetAverage(boxes, Settings(DIAMETER), 45, 30, 1, halves=True)


def test_a_pick_at_the_border_counts_as_much_as_there_is_of_its_box():
    places, given = np.array([[5.0, 50, 20], [50, 50, 20], [50, 94, 20]]), np.array([0.5, 0.5, 1.0])
    data = np.random.default_rng(0).standard_normal((40, 100, 100)).astype(np.float32)
    boxes = PickedBoxes([Source("t", data, RATE, places, given, (-60.0, 60.0))], DIAMETER)
    assert boxes.weights == pytest.approx([0.5 * 16 / 22, 0.5, 17 / 22])  # boxes of 22 voxels


def test_what_does_not_fit_into_memory_is_refused_or_ends_at_the_resolution_that_does(monkeypatch):
    scene = make_scene(count=25, noise=0.1)
    boxes = PickedBoxes(scene.sources(), DIAMETER, 2)
    rotations = Rotation.concatenate([scene.rotations[boxes.sources[n].name][row] for n, row in boxes.places])
    free = made(boxes, start=Poses.of(rotations), lowpass=60.0)
    assert free.stopped == "" and free.resolution < 50
    of_one = 4 * 8 * max(np.bincount(free.half)) / memory.SHARE  # bytes a frequency
    first, second = (of_one * len(boxes.band(resolution).integers) for resolution in (60.0, 50.0))
    monkeypatch.setattr(memory, "free_memory", lambda: (first + second) / 2)
    coarse = made(boxes, start=Poses.of(rotations), lowpass=60.0)
    assert coarse.resolution == 60.0 and coarse.stopped.startswith("the picks were compared up to 60.0 A: at ")
    assert coarse.fsc is not None and np.isfinite(coarse.average).all()
    monkeypatch.setattr(memory, "free_memory", lambda: first / 2)
    with pytest.raises(InputError, match=r"to compare \d+ picks of 130 Å at 60 Å needs about .* GB of memory.*give fewer picks"):
        made(boxes, start=Poses.of(rotations), lowpass=60.0)
