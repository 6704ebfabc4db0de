"""xmipp_pick_blobs_tomo on real command lines: picks where particles are, CSV and XMD alike, bad input in one line."""

import mrcfile
import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import open_tomogram, write_volume
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
        (("--tomograms", "{tomo}", "-o", "{bare}/p.csv", "--diameter", 80), ("-o", "bare.mrc' is no folder")),
        (("--tomograms", "{tomo}", "-o", "{folder}", "--diameter", 80), ("-o", "is a folder; give the name of a file")),
        (("--tomograms", "{tomo}", "-o", "{tomo}", "--diameter", 80), ("-o", "is also the file of --tomograms")),
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
    names["folder"] = tmp_path
    refused(NAME, *(str(a).format(**names) for a in arguments), words=words, folder=tmp_path)


def test_unusual_tomograms_are_read_as_they_are_meant_and_said(done, scene, tmp_path):
    with open_tomogram(scene.tomograms[0]) as opened:
        grey = np.array(opened.data)
    grey = np.clip(np.rint(128 + 20 * (grey - grey.mean()) / grey.std()), 0, 255)
    tables = {}
    for name, data in (("right", grey.astype(np.int16)), ("bytes", grey.astype(np.uint8).view(np.int8))):
        with mrcfile.new(tmp_path / f"{name}.mrc", data) as file:
            file.voxel_size = RATE
        if name == "bytes":
            content = bytearray((tmp_path / "bytes.mrc").read_bytes())
            content[152:160], content[212:216] = np.array([1146047817, 0], "<i4").tobytes(), b"D   "  # IMOD, years ago
            (tmp_path / "bytes.mrc").write_bytes(content)
        options = ("--diameter", DIAMETER, "--number", 20)
        printed = done(NAME, "--tomograms", tmp_path / f"{name}.mrc", "-o", tmp_path / "p.csv", *options)
        tables[name] = pd.read_csv(tmp_path / "p.csv").drop(columns="tomo_id")
    assert "that are unsigned, 0 to 255" in printed and "machine stamp 44 20 20 20" in printed
    np.testing.assert_allclose(tables["bytes"], tables["right"], rtol=1e-5)


def test_tomograms_of_different_sampling_rates_are_said(done, scene, tmp_path):
    with open_tomogram(scene.tomograms[0]) as opened:
        write_volume(tmp_path / "coarse.mrc", opened.data, 2 * RATE)
    tomograms = (scene.tomograms[0], tmp_path / "coarse.mrc")
    printed = done(NAME, "--tomograms", *tomograms, "-o", tmp_path / "p.csv", "--diameter", DIAMETER, "--number", 2)
    assert "note: the tomograms have different sampling rates in their headers: 10 Å/voxel" in printed


def test_nothing_picked_has_a_remedy_and_a_file_that_was_there_is_named(done, scene, tmp_path):
    write_volume(tmp_path / "flat.mrc", np.full((20, 20, 20), 7.0), RATE)
    options = ("-o", tmp_path / "p.csv", "--diameter", DIAMETER)
    said = done(NAME, "--tomograms", tmp_path / "flat.mrc", *options).splitlines()
    assert said[0].startswith(f"note: '{tmp_path / 'flat.mrc'}': almost all voxels have the same value")
    assert said[-2] == f"0 picks in {tmp_path / 'p.csv'}" and said[-1].startswith("note: nothing was picked: lower --threshold")
    said = done(NAME, "--tomograms", scene.tomograms[0], *options, "--threshold", 100)
    assert "note: nothing was picked: lower --threshold" in said and "same value" not in said
    assert said.splitlines()[-1] == f"note: '{tmp_path / 'p.csv'}' was there before and is replaced"
