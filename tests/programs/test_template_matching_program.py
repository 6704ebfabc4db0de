"""xmipp_template_matching_tomo on real command lines: place, class and angle of known particles; bad input in one line."""

import warnings

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import open_tomogram, write_volume
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.geometry.orientations import rotation_of, turned
from tomo_particles.testing.synthetic import through_missing_wedge

NAME = "template_matching_tomo"
RATE = 10.0
STEP = 28
TRUTH = {  # class: place x, y, z; angles rot, tilt, psi
    "ell": ((16, 20, 16), (30, 60, -40)),
    "rod": ((38, 30, 18), (100, 80, 15)),
}


def densities():
    z, y, x = np.indices((20, 20, 20)) - 10
    blob = lambda a, b, c: np.exp(-((x - a) ** 2 + (y - b) ** 2 + (z - c) ** 2) / 4.0)  # noqa: E731
    rod = sum(blob(0, 0, c) for c in (-5, -2, 1, 4))
    return {"ell": blob(-3, 0, -3) + blob(0, 0, -3) + blob(3, 0, -3) + blob(3, 0, 1) + blob(3, 3, 3), "rod": rod}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """A folder with a tomogram of one particle of each class in weak noise, dark, and their templates."""
    folder = tmp_path_factory.mktemp("matching")
    volume = np.zeros((36, 48, 56), dtype=np.float32)
    for name, density in densities().items():
        write_volume(folder / f"{name}.mrc", density, RATE)
        (x, y, z), angles = TRUTH[name]
        volume[z - 10 : z + 10, y - 10 : y + 10, x - 10 : x + 10] += turned(density, rotation_of(angles)[0], 3)
    volume += 0.1 * np.random.default_rng(0).standard_normal(volume.shape)
    write_volume(folder / "T1.mrc", -through_missing_wedge(volume), RATE)
    write_volume(folder / "flat.mrc", np.ones((20, 20, 20)), RATE)
    write_volume(folder / "huge.mrc", densities()["ell"], 100.0)
    write_volume(folder / "bare.mrc", densities()["ell"], 0.0)
    z, y, x = np.indices((20, 20, 20)) - 10
    write_volume(folder / "ball.mrc", z**2 + y**2 + x**2 <= 64, RATE)
    write_volume(folder / "slab.mrc", np.abs(z) < 4, RATE)
    write_volume(folder / "small.mrc", np.ones((12, 12, 12)), RATE)
    return folder


def test_places_classes_and_angles_are_found(done, sample, tmp_path):
    arguments = (
        "--tomograms",
        sample / "T1.mrc",
        "--templates",
        sample / "ell.mrc",
        sample / "rod.mrc",
        "--angularstep",
        STEP,
        "--number",
        1,
        "--select",
        "filtered",
        "--lowpass",
        30,
    )
    printed = done(NAME, *arguments, "-o", tmp_path / "p.csv", "--scoremaps", tmp_path / "maps", cwd=tmp_path)
    assert "rotations of 28.0 degrees" in printed and "MB" in printed and printed.splitlines()[-1].startswith("2 picks in")
    table = pd.read_csv(tmp_path / "p.csv")
    assert list(table) == ["tomo_id", "x", "y", "z", "score", "class", "rot", "tilt", "psi", "samplingRate"]
    for _, row in table.iterrows():
        place, angles = TRUTH[row["class"]]
        assert row[["x", "y", "z"]].to_numpy(float) == pytest.approx(place, abs=1.5)
        if row["class"] == "ell":  # the rod is its own image
            given = rotation_of(row[["rot", "tilt", "psi"]].to_numpy(float))
            assert np.degrees((given * rotation_of(angles).inv()).magnitude())[0] < STEP
    with open_tomogram(tmp_path / "maps" / "T1_ell_scores.mrc") as scores:
        assert 0.5 < scores.data.max() <= 1.0 and scores.data.min() >= -1.0
        best = np.unravel_index(int(np.argmax(scores.data)), scores.data.shape)
    rotations = pd.read_csv(tmp_path / "maps" / "T1_ell_rotations.csv")
    with open_tomogram(tmp_path / "maps" / "T1_ell_rotations.mrc") as indices:
        own = table[table["class"] == "ell"].iloc[0]
        row = rotations.iloc[int(indices.data[best])]
        assert row[["rot", "tilt", "psi"]].tolist() == pytest.approx(own[["rot", "tilt", "psi"]].tolist(), abs=1e-3)
    done(NAME, *arguments, "-o", tmp_path / "p.xmd", "--threads", 1)
    again = read_pick_file(tmp_path / "p.xmd", {"T1": RATE})["T1"]
    assert again.positions == pytest.approx(table[["x", "y", "z"]].to_numpy(), abs=1e-2)
    assert again.species.tolist() == table["class"].tolist() and again.angles == pytest.approx(
        table[["rot", "tilt", "psi"]].to_numpy(), abs=1e-2
    )


def test_a_spherical_mask_and_white_noise(done, sample, tmp_path):
    printed = done(
        NAME,
        "--tomograms",
        sample / "T1.mrc",
        "--templates",
        sample / "ell.mrc",
        "-o",
        tmp_path / "p.csv",
        "--angularstep",
        30,
        "--templateMask",
        sample / "ball.mrc",
        "--lowpass",
        40,
        "--noWhitening",
        "--number",
        1,
    )
    assert "1 picks" in printed
    assert pd.read_csv(tmp_path / "p.csv")[["x", "y", "z"]].to_numpy()[0] == pytest.approx(TRUTH["ell"][0], abs=2.5)


def test_the_former_name_of_an_option_leads_to_the_new_one(refused, sample):
    refused(
        NAME,
        "--tomograms",
        "T1.mrc",
        "--templates",
        "ell.mrc",
        "-o",
        "picks.csv",
        "--coloured",
        words=("option --coloured is now called --noWhitening",),
        folder=sample,
        cwd=sample,
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--tomograms": "nowhere.mrc"}, ("--tomograms", "does not exist")),
        ({"--templates": "nowhere.mrc"}, ("--templates", "does not exist")),
        ({"--templates": "bare.mrc"}, ("bare.mrc", "--templateSamplingrate")),
        ({"--templates": "huge.mrc"}, ("--templates", "is bigger than")),
        ({"--templates": "flat.mrc"}, ("--templates", "one grey value")),
        ({"-o": "picks.txt"}, ("-o", ".csv or .xmd")),
        ({"--diameter": 0}, ("--diameter", "positive")),
        ({"--diameter": 5000}, ("bigger than", "thick")),
        ({"--diameter": "wide"}, ("--diameter", "numbers")),
        ({"--diameter": (80, 90)}, ("--diameter", "2 values for 1 templates")),
        ({"--number": 5, "--threshold": 0.3}, ("--threshold", "one of the two")),
        ({"--threshold": 3}, ("--threshold", "correlation")),
        ({"--templateMask": "small.mrc"}, ("--templateMask", "12 x 12 x 12")),
        ({"--templateMask": "slab.mrc"}, ("--templateMask", "not a ball", "--diameter")),
        ({"--tilts": (60, -60)}, ("--tilts", "rising")),
        ({"--angularstep": 0}, ("--angularstep", "between 1 and 90")),
        ({"--lowpass": -3}, ("--lowpass", "positive")),
        ({"--defocus": 3000, "--angularstep": 60}, ("defocus",)),
        ({"--coarseFirst": (), "--scoremaps": "maps"}, ("--coarseFirst", "leave out")),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(refused, sample, changed, words):
    options = {"--tomograms": "T1.mrc", "--templates": "ell.mrc", "-o": "picks.csv"} | changed
    arguments = [a for name, value in options.items() for a in (name, *(value if isinstance(value, tuple) else (value,)))]
    refused(NAME, *arguments, words=words, folder=sample, cwd=sample)


def test_voxels_that_are_no_numbers_are_said_and_change_nothing(done, refused, sample, tmp_path):
    with open_tomogram(sample / "T1.mrc") as opened:
        volume = np.array(opened.data)
    tables, options = [], ("--templates", sample / "ell.mrc", "--angularstep", 60, "--number", 1, "--lowpass", 30)
    for name, values in (("T1", ()), ("gaps", (np.nan, np.inf)), ("nothing", ())):
        volume[0, 0, : len(values)] = values
        path = tmp_path / f"{name}.mrc"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of mrcfile, over NaN
            write_volume(path, volume if name != "nothing" else np.full_like(volume, np.nan), RATE)
        arguments = (NAME, "--tomograms", path, *options, "-o", tmp_path / "p.csv")
        if name == "nothing":
            refused(*arguments, words=["--tomograms", "nothing.mrc' holds no numbers"], folder=tmp_path)
            continue
        printed = done(*arguments)
        assert (f"2 of {volume.size} voxels are not numbers" in printed) == (name == "gaps")
        tables.append(pd.read_csv(tmp_path / "p.csv"))
    np.testing.assert_allclose(tables[0][["x", "y", "z", "score"]], tables[1][["x", "y", "z", "score"]], atol=0.02)
