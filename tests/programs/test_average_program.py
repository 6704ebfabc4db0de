"""xmipp_average_subtomograms and xmipp_map_resolution_tomo on real command lines: maps, tables; bad input in one line."""

import json

import mrcfile
import numpy as np
import pandas as pd
import pytest
from averaged_scene import DIAMETER, RATE, SIZE, make_scene

from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.xmd import read_table
from tomo_particles.geometry.orientations import rotation_of
from xmipp_scripts._averaging.files import _near

NAME, RESOLUTION = "average_subtomograms", "map_resolution_tomo"
MAPS = {"average.mrc", "average_raw.mrc", "half1.mrc", "half2.mrc", "mask.mrc", "coverage.mrc"}
RESOLUTION_FILES = {"fsc.csv", "fso.csv", "directions.csv", "local_resolution.mrc", "summary.json", "report.html"}
TABLES = {"aligned.csv", "aligned.xmd", "fsc.csv", "summary.json"}


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """A folder with tomograms and picks with angles, and the scene."""
    folder = tmp_path_factory.mktemp("averages")
    scene = make_scene(count=25)
    scene.write(folder, jitter=0.7, angles=True)
    picks = pd.read_csv(folder / "picks.csv")
    picks.drop(columns=["rot", "tilt", "psi"]).to_csv(folder / "bare.csv", index=False)
    picks.iloc[:30].to_csv(folder / "few.csv", index=False)
    picks.iloc[:10].to_csv(folder / "ten.csv", index=False)
    picks.assign(**{axis: picks[axis] / 10 for axis in "xyz"}).to_csv(folder / "nm.csv", index=False)
    picks.assign(score=0.0).to_csv(folder / "zeros.csv", index=False)
    picks.assign(score=7.0).to_csv(folder / "scores.csv", index=False)
    picks.assign(x=picks["x"] + 500).to_csv(folder / "outside.csv", index=False)
    write_volume(folder / "TS_fine.mrc", np.zeros((50, 50, 50)), 5.0)
    (folder / "nan").mkdir()
    write_volume(folder / "nan" / "TS_1.mrc", np.zeros(SIZE[::-1]), RATE)
    with open(folder / "nan" / "TS_1.mrc", "r+b") as file:  # mrcfile does not write what is no number without a warning
        file.seek(1024)
        file.write(np.full(SIZE, np.nan, dtype="<f4").tobytes())
    write_volume(folder / "thin.mrc", np.zeros((12, 40, 40)), RATE)
    return folder, scene


@pytest.fixture(scope="module")
def averaged(known, done):
    """The folder of an average from the given angles, and what the program printed."""
    folder, _ = known
    printed = done(
        NAME,
        "--tomograms",
        "TS_1.mrc",
        "TS_2.mrc",
        "--picks",
        "picks.csv",
        "--odir",
        "out",
        "--diameter",
        DIAMETER,
        "--start",
        "angles",
        "--lowpass",
        40,
        cwd=folder,
    )
    return folder / "out", printed


def test_every_output_is_there_and_places_come_near_the_truth(known, averaged):
    folder, scene = known
    out, printed = averaged
    assert {path.name for path in out.glob("[!.]*")} == MAPS | TABLES
    assert any(line.startswith("supported: the halves agree") for line in printed.splitlines())
    assert "started from the given angles" in printed
    table = pd.read_csv(out / "aligned.csv")
    picks = pd.read_csv(folder / "picks.csv")
    assert list(table) == [
        "tomo_id",
        *"xyz",
        "rot",
        "tilt",
        "psi",
        "score",
        "half",
        "ccc",
        "shift",
        "x_picked",
        "y_picked",
        "z_picked",
        "samplingRate",
    ]
    assert table[["x_picked", "y_picked", "z_picked"]].to_numpy() == pytest.approx(picks[[*"xyz"]].to_numpy(), abs=1e-3)
    truth = np.concatenate([scene.places[name] for name in scene.tomograms])
    off = lambda names: np.linalg.norm(table[list(names)].to_numpy() - truth, axis=1).mean() * RATE  # noqa: E731
    assert off("xyz") < 6 < 9 < off(("x_picked", "y_picked", "z_picked"))
    moved = np.linalg.norm((table[[*"xyz"]].to_numpy() - table[["x_picked", "y_picked", "z_picked"]].to_numpy()) * RATE, axis=1)
    assert table["shift"].to_numpy() == pytest.approx(moved, abs=0.1) and table["shift"].max() <= 25.01  # Å
    assert set(table["half"]) == {1, 2} and table["ccc"].between(0.3, 1).all()


def test_our_programs_and_xmipp_read_the_new_places(averaged):
    out, _ = averaged
    table = pd.read_csv(out / "aligned.csv")
    for name in ("aligned.csv", "aligned.xmd"):
        found = read_pick_file(out / name, {"TS_1": RATE, "TS_2": RATE})
        positions = np.concatenate([found["TS_1"].positions, found["TS_2"].positions])
        assert positions == pytest.approx(table[[*"xyz"]].to_numpy(), abs=1e-2)
        angles = np.concatenate([found["TS_1"].angles, found["TS_2"].angles])
        same = rotation_of(angles).inv() * rotation_of(table[["rot", "tilt", "psi"]].to_numpy())
        assert np.degrees(same.magnitude()).max() < 0.1
    columns = read_table(out / "aligned.xmd")
    assert columns["maxCC"] == pytest.approx(table["ccc"].tolist(), abs=1e-4)
    assert set(columns["shiftX"]) == {0.0} and set(columns["samplingRate"]) == {RATE}


def test_maps_have_the_sampling_rate_and_the_particle_bright_in_the_middle(averaged):
    out, _ = averaged
    for name in MAPS:
        with mrcfile.open(out / name) as opened:
            assert float(opened.voxel_size.x) == pytest.approx(RATE) and opened.data.shape == (22, 22, 22)
            assert np.isfinite(opened.data).all()
    average, mask = mrcfile.read(out / "average.mrc"), mrcfile.read(out / "mask.mrc")
    assert average[mask > 0.9].mean() > average[mask < 0.1].mean() + 0.1
    halves = (mrcfile.read(out / "half1.mrc") + mrcfile.read(out / "half2.mrc")) / 2
    assert np.corrcoef(halves.ravel(), mrcfile.read(out / "average_raw.mrc").ravel())[0, 1] > 0.95
    summary = json.loads((out / "summary.json").read_text())
    assert summary["picks"] == 50 and sum(summary["picksOfHalf"]) == 50 and summary["verdict"] == "supported"


def test_the_resolution_program_says_what_the_average_says(averaged, done, tmp_path):
    out, _ = averaged
    halves = ("--half1", out / "half1.mrc", "--half2", out / "half2.mrc", "--mask", out / "mask.mrc")
    printed = done(RESOLUTION, *halves, "--coverage", out / "coverage.mrc", "--odir", tmp_path)
    assert {path.name for path in tmp_path.glob("[!.]*")} == RESOLUTION_FILES
    page = json.loads((tmp_path / "summary.json").read_text())
    summary = json.loads((out / "summary.json").read_text())
    own, given = page["fsc"]["corrected"]["resolution"], float(summary["resolution"]["corrected"]["0.143"].split()[0])
    assert own == pytest.approx(given, rel=0.1) and f"{own:.1f} A" in printed
    assert f"FSO 0.5 at {page['fso']['0.5']}" in printed and float(page["fso"]["0.5"].split()[0]) == pytest.approx(
        given, rel=0.15
    )
    occupancy, directions = pd.read_csv(tmp_path / "fso.csv"), pd.read_csv(tmp_path / "directions.csv")
    assert occupancy["fso"].iloc[1:3].min() > 0.9 and len(directions) == 321
    assert directions["resolution"].median() == pytest.approx(given, rel=0.2)
    with mrcfile.open(tmp_path / "local_resolution.mrc") as opened:
        assert float(opened.voxel_size.x) == pytest.approx(RATE)
        local, mask = opened.data, mrcfile.read(out / "mask.mrc")
        assert local[mask <= 0.5].max() == 0 and np.median(local[mask > 0.5]) == pytest.approx(page["local"]["median"], abs=0.1)
    html = (tmp_path / "report.html").read_text()
    assert html.count("<img src=") == 4 and page["fso"]["0.5"].replace(" A", "\u00a0Å") in html
    assert "http" not in html.replace("http-equiv", "")
    assert '>--cone</td><td class="text">17</td>' in html and "--samplingrate" not in html  # not given
    table, expected = pd.read_csv(tmp_path / "fsc.csv"), pd.read_csv(out / "fsc.csv")
    assert table["unmasked"].iloc[:5].tolist() == pytest.approx(expected["unmasked"].iloc[:5].tolist(), abs=0.02)
    assert "hard edge" not in printed
    write_volume(tmp_path / "hard.mrc", np.rint(mask), RATE)
    hard = done(RESOLUTION, *halves[:4], "--mask", tmp_path / "hard.mrc", "--odir", tmp_path / "hard")
    assert "the mask has a hard edge" in hard
    coarse = done(RESOLUTION, "--half1", out / "half1.mrc", "--half2", out / "half2.mrc", "--odir", tmp_path, "--threshold", 0.5)
    assert "no mask" in coarse and list(pd.read_csv(tmp_path / "fsc.csv")) == ["shell", "frequency", "resolution", "unmasked"]


def test_few_picks_give_an_average_without_halves_and_no_file_of_before_stays(known, done):
    folder, _ = known
    (folder / "again").mkdir()
    for name in ("half1.mrc", "fsc.csv"):
        (folder / "again" / name).write_text("of an earlier average")
    (folder / "again" / f".xmipp_{NAME}.json").write_text("{}")  # the record of that average
    printed = done(
        NAME,
        "--tomograms",
        "TS_1.mrc",
        "TS_2.mrc",
        "--picks",
        "few.csv",
        "--odir",
        "again",
        "--diameter",
        DIAMETER,
        "--start",
        "angles",
        "--lowpass",
        40,
        "--threads",
        1,
        "--symmetry",
        "c2",
        cwd=folder,
    )
    assert "no halves: nothing says whether the average is right" in printed and "fewer than 40 picks" in printed
    assert {path.name for path in (folder / "again").glob("[!.]*")} == (MAPS | TABLES) - {"fsc.csv", "half1.mrc", "half2.mrc"}
    average = mrcfile.read(folder / "again" / "average_raw.mrc")[1:, 1:, 1:]  # about the centre voxel
    assert np.corrcoef(average.ravel(), average[:, ::-1, ::-1].ravel())[0, 1] > 0.95  # two-fold about z


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--tomograms": "nowhere.mrc"}, ("--tomograms", "does not exist")),
        ({"--tomograms": ("TS_1.mrc", "TS_fine.mrc")}, ("TS_fine.mrc", "5 Å", "10 Å")),
        ({"--tomograms": ("TS_1.mrc", "thin.mrc")}, ("--diameter", "thin.mrc", "does not fit")),
        ({"--picks": "nowhere.csv"}, ("--picks", "does not exist")),
        ({"--picks": "outside.csv"}, ("--picks", "outside")),
        ({"--picks": "ten.csv"}, ("--picks", "at least 20 picks", "found 10")),
        (
            {"--picks": "nm.csv"},
            ("--picks", "as if divided by 10", "picks left out: more than half of their box"),
        ),
        ({"--tomograms": ("nan/TS_1.mrc", "TS_2.mrc")}, ("--tomograms", "'nan/TS_1.mrc' holds no numbers")),
        ({"--picks": "bare.csv", "--start": "angles"}, ("--start", "have no angles", "TS_1")),
        ({"--picks": "scores.csv", "--weighByScore": ()}, ("--weighByScore", "score from 0 to 1")),
        ({"--picks": "zeros.csv", "--weighByScore": ()}, ("--weighByScore", "the score 0")),
        ({"--start": "nowhere"}, ("--start", "free, angles")),
        ({"--diameter": 0}, ("--diameter", "positive")),
        ({"--diameter": 5000}, ("--diameter", "does not fit")),
        ({"--lowpass": 120}, ("--lowpass", "a ball")),
        ({"--lowpass": 12}, ("--lowpass", "30 Å or more")),
        ({"--finest": 50}, ("--finest", "coarser than --lowpass")),
        ({"--finest": 5}, ("--finest", "nothing finer than 20 Å")),
        ({"--tilts": (60, -60)}, ("--tilts", "rising")),
        ({"--tilts": (-60, 60, 50)}, ("--tilts", "3 numbers")),
        ({"--tilts": ("-60", "wide")}, ("--tilts", "numbers")),
        ({"--symmetry": "q4"}, ("--symmetry", "q4")),
        ({"--iter": 1}, ("--iter", "2 rounds")),
        ({"--starts": 0}, ("--starts", "positive")),
        ({"--threads": 0}, ("--threads", "positive")),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(refused, known, changed, words):
    folder, _ = known
    options = {
        "--tomograms": ("TS_1.mrc", "TS_2.mrc"),
        "--picks": "picks.csv",
        "--odir": "no",
        "--diameter": DIAMETER,
        "--lowpass": 40,
    } | changed
    arguments = [a for name, value in options.items() for a in (name, *(value if isinstance(value, tuple) else (value,)))]
    refused(NAME, *arguments, words=words, folder=folder, cwd=folder)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--half2": "nowhere.mrc"}, ("--half2", "does not exist")),
        ({"--half2": "one.mrc"}, ("--half2", "the same map")),
        ({"--half2": "small.mrc"}, ("small.mrc", "10 x 10 x 10", "12 x 12 x 12")),
        ({"--half2": "fine.mrc"}, ("fine.mrc", "5 Å", "--samplingrate")),
        ({"--half2": "slab.mrc"}, ("slab.mrc", "a cube")),
        ({"--half1": "flat.mrc"}, ("flat.mrc", "one grey value")),
        ({"--half1": "hole.mrc"}, ("hole.mrc", "not numbers")),
        ({"--mask": "small.mrc"}, ("--mask", "10 x 10 x 10")),
        ({"--mask": "two.mrc"}, ("--mask", "from 0 to 1")),
        ({"--mask": "faint.mrc"}, ("--mask", "no voxel above 0.5")),
        ({"--coverage": "small.mrc"}, ("--coverage", "10 x 10 x 10", "12 x 12 x 12")),
        ({"--coverage": "two.mrc"}, ("--coverage", "below 0")),
        ({"--cone": 3}, ("--cone", "between 10 and 45")),
        ({"--threshold": 2}, ("--threshold", "between 0 and 1")),
        ({"--half1": "bare.mrc", "--half2": "two.mrc"}, ("bare.mrc", "--samplingrate")),
    ],
)
def test_wrong_halves_are_one_line(refused, tmp_path, changed, words):
    rng = np.random.default_rng(0)
    for name in ("one", "two"):
        write_volume(tmp_path / f"{name}.mrc", rng.standard_normal((12,) * 3), RATE)
    write_volume(tmp_path / "small.mrc", rng.random((10,) * 3), RATE)
    write_volume(tmp_path / "faint.mrc", 0.4 * rng.random((12,) * 3), RATE)
    write_volume(tmp_path / "fine.mrc", rng.random((12,) * 3), 5.0)
    write_volume(tmp_path / "bare.mrc", rng.random((12,) * 3), 0.0)
    write_volume(tmp_path / "slab.mrc", rng.random((6, 12, 12)), RATE)
    write_volume(tmp_path / "flat.mrc", np.ones((12,) * 3), RATE)
    hole = rng.random((12,) * 3).astype(np.float32)
    write_volume(tmp_path / "hole.mrc", hole, RATE)
    with mrcfile.mmap(tmp_path / "hole.mrc", mode="r+") as opened:  # the header stays, or mrcfile warns
        opened.data[3, 3, 3] = np.nan
    options = {"--half1": "one.mrc", "--half2": "two.mrc", "--odir": "no"} | changed
    refused(RESOLUTION, *(a for pair in options.items() for a in pair), words=words, folder=tmp_path, cwd=tmp_path)


def test_two_places_of_one_particle_are_said():
    """60 Å apart and 80 Å apart, for a particle of 130 Å; in another tomogram the same place is another particle."""
    one, other = (Picks(name, np.array([[20.0, 20, 20], [26, 20, 20], [20, 28, 20]]), RATE) for name in ("TS_1", "TS_2"))
    assert _near([(one, None), (other[np.array([0])], None)], DIAMETER / 2)[0].endswith("one particle: 1")
    assert _near([(one[np.array([0, 2])], None)], DIAMETER / 2) == []
