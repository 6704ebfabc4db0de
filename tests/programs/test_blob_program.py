"""xmipp_pick_blobs_tomo on real command lines: picks where particles are, CSV and XMD alike, bad input in one line."""

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.testing.agreement import agreement

NAME = "pick_blobs_tomo"
RATE = 10.0
DIAMETER = 80  # Å: the scene's particles have a radius of 4 voxels


def test_csv_and_xmd_hold_the_same_picks_of_all_tomograms(done, scene, tmp_path):
    picked = []
    for ending in ("csv", "xmd"):
        output = tmp_path / f"blobs.{ending}"
        printed = done(NAME, "--tomograms", *scene.tomograms, "-o", output, "--diameter", DIAMETER, "--number", 27)
        assert printed.splitlines()[-1] == f"54 picks in {output}"
        picked.append(read_pick_file(output, {"TS_1": RATE, "TS_10": RATE}))
    assert list(picked[0]) == list(picked[1]) == ["TS_1", "TS_10"]
    for tomo_id, simulation in scene.simulations.items():
        csv, xmd = (of_file[tomo_id] for of_file in picked)
        assert csv.positions == pytest.approx(xmd.positions, abs=1e-2) and csv.score == pytest.approx(xmd.score, abs=1e-3)
        everything = np.concatenate(list(simulation.positions.values()))
        assert agreement(csv.positions, everything, 4).f1 > 0.5


def test_a_threshold_and_another_filter(done, scene, tmp_path):
    counts = []
    for extra in (("--threshold", 3), ("--threshold", 6), ("--threshold", 3, "--method", "dog"), ()):
        done(NAME, "--tomograms", scene.tomograms[0], "-o", tmp_path / "p.csv", "--diameter", DIAMETER, *extra)
        table = pd.read_csv(tmp_path / "p.csv")
        assert list(table) == ["tomo_id", "x", "y", "z", "score", "samplingRate"]
        counts.append(len(table))
    assert counts[0] > counts[1] and counts[2] > 0 and counts[3] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tomograms", "{none}.mrc", "-o", "{out}.csv", "--diameter", 80), ("--tomograms", "does not exist")),
        (("--tomograms", "{tomo}", "-o", "{out}.txt", "--diameter", 80), ("-o", ".csv or .xmd")),
        (("--tomograms", "{tomo}", "-o", "{out}.csv", "--diameter", 0), ("--diameter", "positive")),
        (("--tomograms", "{tomo}", "-o", "{out}.csv", "--diameter", 9000), ("--diameter", "thick")),
        (("--tomograms", "{tomo}", "-o", "{out}.csv", "--diameter", 12), ("--diameter", "too few")),
        (("--tomograms", "{tomo}", "-o", "{out}.csv", "--diameter", 80, "--number", 3, "--threshold", 2), ("--threshold", "one")),
        (("--tomograms", "{tomo}", "-o", "{out}.csv", "--diameter", 80, "--number", 0), ("--number", "positive")),
        (("--tomograms", "{tomo}", "-o", "{out}.csv", "--diameter", 80, "--threads", 0), ("--threads", "positive")),
        (("--tomograms", "{tomo}", "{tomo}", "-o", "{out}.csv", "--diameter", 80), ("--tomograms", "rename one")),
        (("--tomograms", "{tomo}", "{bare}", "-o", "{out}.csv", "--diameter", 80), ("bare.mrc", "--tomogramSamplingrate")),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(refused, scene, tmp_path, arguments, words):
    write_volume(tmp_path / "bare.mrc", np.zeros((20, 20, 20)), 0.0)
    names = {"none": "nowhere", "tomo": scene.tomograms[0], "out": tmp_path / "out", "bare": tmp_path / "bare.mrc"}
    refused(NAME, *(str(a).format(**names) for a in arguments), words=words, folder=tmp_path)
