"""A comparison that was stopped goes on: finished alignments are taken from the disk, and give the same, bit by bit."""

from dataclasses import fields, replace

import numpy as np
import pytest
from averaged_scene import DIAMETER, make_scene

from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.average_set import SetAverage
from tomo_particles.averaging.picked_boxes import PickedBoxes
from xmipp_scripts._averaging.config import AverageConfig
from xmipp_scripts._averaging.kept_poses import KeptPoses
from xmipp_scripts._averaging.pace import ADVICE, Pace


def test_kept_poses_give_the_same_average_and_no_other_takes_them(tmp_path, monkeypatch):
    scene = make_scene(count=21)
    scene.write(tmp_path)
    paths = tuple(str(tmp_path / f"{name}.mrc") for name in scene.tomograms)
    config = AverageConfig(paths, "", str(tmp_path / "out"), DIAMETER, lowpass=40, finest=40, rounds=2, starts=1)
    boxes = PickedBoxes(scene.sources(jitter=0.3), DIAMETER)

    def average(seed=1):
        return SetAverage(boxes, Settings(DIAMETER, 2, 1), 40, 40, seed, halves=True, say=lambda line: None)

    first = KeptPoses(config).run(average(), boxes)
    assert (average(), boxes) in KeptPoses(replace(config, threads=1))
    assert (average(2), boxes) not in KeptPoses(config) and (average(), boxes) not in KeptPoses(replace(config, lowpass=41))
    monkeypatch.setattr(SetAverage, "run", lambda self: pytest.fail("aligned again"))
    again = KeptPoses(config).run(average(), boxes)
    for field in fields(first):
        one, other = getattr(first, field.name), getattr(again, field.name)
        if field.name == "poses":
            one, other = (np.hstack([poses.quaternions, poses.shifts]) for poses in (one, other))
        if field.name == "fsc":
            one, other = one.corrected, other.corrected
        np.testing.assert_array_equal(one, other, err_msg=field.name)
    KeptPoses(config).forget()
    assert not list((tmp_path / "out").iterdir())


def test_the_time_that_is_left_is_told(monkeypatch):
    said, now = [], [0.0]
    monkeypatch.setattr("xmipp_scripts._averaging.pace.time.monotonic", lambda: now[0])
    pace = Pace(said.append)
    pace.begin([100, 50, 50])
    assert said == ["3 averages; how long they take is known after the first"]
    with pace.average(100):
        now[0] = 1000.0
    assert pace.left() == f"; 2 averages left, about 17 min ({ADVICE})"
    with pace.average(50, kept=True):
        now[0] = 1001.0
    assert pace.left() == "; 1 averages left, about 8 min"
