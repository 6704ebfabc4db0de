"""The second look on real command lines: a run with --diameter, the same again, with centres kept, without a look; bad input."""

import json
import re
from shutil import copy
from types import SimpleNamespace

import mrcfile
import numpy as np
import pandas as pd
import pytest
from averaged_scene import DIAMETER, RATE, SIZE, make_scene

from tomo_particles.consensus.merged_picks import NETWORK, SCORE
from tomo_particles.formats.xmd import read_table, write_table
from xmipp_scripts._averaging.second_look import LookConfig, _move

RUN, NAME = "run_deep_consensus_tomo", "second_look_tomo"
PICKED = ["x_picked", "y_picked", "z_picked"]
XYZ = ["x", "y", "z"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two tomograms, and the picks of two pickers: every particle, each off by its own error, and places of nothing."""
    folder = tmp_path_factory.mktemp("second_look")
    scene = make_scene(count=25)
    for number, name in enumerate(("one", "two"), start=1):
        scene.write(folder, jitter=0.8, seed=number)
        table = pd.read_csv(folder / "picks.csv")
        rng = np.random.default_rng(number)
        places = [8, 8, 6] + rng.random((24, 3)) * (np.array(SIZE) - [16, 16, 12])
        false = pd.DataFrame(places, columns=XYZ).assign(tomo_id=["TS_1", "TS_2"] * 12, score=0.4)
        pd.concat([table, false]).to_csv(folder / f"{name}.csv", index=False)
    truth = [pd.DataFrame(own, columns=XYZ).assign(tomo_id=name) for name, own in scene.places.items()]
    pd.concat(truth).to_csv(folder / "truth.csv", index=False)
    return folder


def command(*more):
    """The run of `folder`; more: options."""
    pickers = ("--tomograms", "TS_1.mrc", "TS_2.mrc", "--picks", "one.csv", "two.csv", "--boxsize", 20, "--odir", "out")
    return (*pickers, "--radius", 0.3, "--noiseRadius", 0.5, "--epochs", 2, "--folds", 2, "--seed", 1, *more)


@pytest.fixture(scope="module")
def looked(folder, done):
    """The output folder of a run with a second look, and what the run printed."""
    return folder / "out", done(RUN, *command("--diameter", DIAMETER), cwd=folder)


def off(places: pd.DataFrame, columns, folder) -> float:
    """Mean distance (Å) from each particle to the place next to it."""
    truth, distances = pd.read_csv(folder / "truth.csv"), []
    for name, own in places.groupby("tomo_id"):
        particles = truth.loc[truth["tomo_id"] == name, XYZ].to_numpy()
        distances += [np.linalg.norm(own[columns].to_numpy() - particle, axis=1).min() for particle in particles]
    return float(np.mean(distances)) * RATE


def state(out):
    return {path: path.stat().st_mtime_ns for name in ("scored", "network", "boxes") for path in (out / name).rglob("*")}


def test_the_run_says_what_came_of_it_and_moves_the_picks_towards_the_particles(looked, folder):
    out, printed = looked
    summary = json.loads((out / "summary.json").read_text())
    look = json.loads((out / "scored" / "merged_look.json").read_text())
    assert summary["secondLook"] == look and look["used"] and look["agreement"] > 0.72, look
    assert min(look["references"]) >= 20 and look["lowpass"] == pytest.approx(DIAMETER / 3, abs=0.01)
    assert "agree with a correlation of" in look["reason"] and look["reason"] in summary["verdict"]["reason"]
    assert printed.count(look["reason"]) == 1  # the verdict says it
    looks, first = pd.read_csv(out / "scored" / "merged_looks.csv"), read_table(out / "scored" / "merged_first.xmd")
    assert looks[PICKED].to_numpy() == pytest.approx(np.array([first[axis] for axis in XYZ]).T, abs=1e-3)
    assert looks["particleId"].tolist() == first["particleId"] and looks["ccc"].dropna().between(-1, 1).all()
    assert looks["network"].tolist() == pytest.approx(first["zScoreDeepLearning1"], abs=1e-5)
    scored = pd.read_csv(out / "scored.csv")
    assert off(scored, XYZ, folder) < 0.85 * off(looks, PICKED, folder) < 12
    moved = read_table(out / "scored" / "merged.xmd")
    steps = np.array([moved[axis] for axis in XYZ]).T - looks[PICKED].to_numpy()
    shifts = looks[["shift_x", "shift_y", "shift_z"]].to_numpy() * look["worth"] / 2
    stayed = np.abs(steps).max(axis=1) < 1e-3
    assert stayed.mean() < 0.5 and steps[~stayed] == pytest.approx(shifts[~stayed], abs=1e-2)
    assert moved["xcoor"] == np.rint(moved["x"]).astype(int).tolist()  # what Xmipp reads
    for number in (1, 2):
        with mrcfile.open(out / "scored" / f"merged_half{number}.mrc") as half:
            assert float(half.voxel_size.x) >= RATE and half.data.ndim == 3 and np.isfinite(half.data).all()


def test_the_report_shows_it(looked):
    out, _ = looked
    page = (out / "report.html").read_text()
    section = page[page.index('id="second-look"') : page.index('id="training"')]
    assert "The averages of two halves (" in section and 'alt="Averages of the second look"' in section
    assert 'href="scored/merged_looks.csv"' in page and 'href="scored/merged_half2.mrc"' in page


def test_a_look_that_cannot_be_made_changes_nothing_and_says_why(looked, folder, done, tmp_path):
    scored = looked[0] / "scored"
    before = read_table(scored / "merged_first.xmd")
    write_table(tmp_path / "low.xmd", before | {"CoordConsScore": [0.1] * len(before["x"])})
    given = ("--input", tmp_path / "low.xmd", "--inputNeg", scored / "merged_noise.xmd", "--output", tmp_path / "o.xmd")
    (tmp_path / "o_half1.mrc").write_text("of an earlier look")
    printed = done(NAME, *given, "--diameter", DIAMETER, "--model", looked[0] / "network" / "model.h5", cwd=folder)
    assert "second look: none, because the halves have 0 and 0 accepted picks" in printed
    after = read_table(tmp_path / "o.xmd")
    assert all(after[name] == before[name] for name in (*XYZ, "zScoreDeepLearning1"))
    assert after["CoordConsScore"] == pytest.approx([0.1] * len(before["x"]))
    assert not json.loads((tmp_path / "o_look.json").read_text())["used"] and not (tmp_path / "o_half1.mrc").exists()


def test_again_it_does_nothing_and_other_options_train_nothing(looked, folder, done):
    """The last of the tests of this output folder, which it changes."""
    out, _ = looked
    before = state(out)
    printed = done(RUN, *command("--diameter", DIAMETER), cwd=folder)
    assert state(out) == before and "second look: averages of" not in printed
    picked = pd.read_csv(out / "scored" / "merged_looks.csv")
    kept = done(RUN, *command("--diameter", DIAMETER, "--keepCentres", "--noReport"), cwd=folder)
    assert kept.count("the averages of two halves") == 1
    after = state(out)
    changed = {path.name for path in before if after.get(path) != before[path]}
    assert changed and all(name.startswith("merged") and name not in ("merged_first.xmd", "merged_noise.xmd") for name in changed)
    table = read_table(out / "scored" / "merged.xmd")
    places = np.array([table[axis] for axis in XYZ]).T
    assert places == pytest.approx(picked[PICKED].to_numpy(), abs=1e-3)
    once = done(RUN, *command("--noReport"), cwd=folder)
    assert "second look" not in once and json.loads((out / "summary.json").read_text())["secondLook"] is None
    assert {path.name for path in (out / "scored").iterdir()} == {
        "merged.xmd",
        "merged_reliability.csv",
        "merged_verdict.json",
        "raw.xmd",
    }
    model = out / "network" / "model.h5"
    assert state(out)[model] == before[model]


@pytest.mark.slow
def test_votes_gain_it_too_without_a_network(folder, done):
    out, votes = folder / "votes", [option if option != "out" else "votes" for option in command("--voting")]
    printed = done(RUN, *votes, "--diameter", DIAMETER, cwd=folder)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["method"], summary["model"]) == ("votes and second look", None) and summary["secondLook"]["used"]
    assert "verdict: supported: the second look tells the agreed picks from noise" in printed
    assert "network" not in summary["verdict"]["reason"] and summary["expected"]["precision"] > 0.85
    first, scored = read_table(out / "scored" / "merged_first.xmd"), pd.read_csv(out / "scored.csv")
    assert set(np.array(first[SCORE]) >= 0.5) == {True, False} and NETWORK not in first
    truth = pd.read_csv(folder / "truth.csv")
    true = np.array(
        [
            np.linalg.norm(truth.loc[truth["tomo_id"] == row["tomo_id"], XYZ] - row[XYZ].to_numpy(float), axis=1).min() * RATE
            < 65
            for _, row in scored.iterrows()
        ]
    )
    assert (scored["score"] >= 0.5).to_numpy()[true].mean() > 0.9 and (scored["score"] >= 0.5).to_numpy()[~true].mean() < 0.1
    assert not (out / "network").exists() and not (out / "scored_raw.csv").exists()
    assert 'alt="Averages of the second look"' in (out / "report.html").read_text()
    before = state(out)
    done(RUN, *votes, "--diameter", DIAMETER, "--threshold", 0.9, cwd=folder)
    assert state(out) == before  # nothing is done again
    plain = done(RUN, *votes, cwd=folder)
    assert "2 pickers agree" in plain and not (out / "scored" / "merged_half1.mrc").exists()


def test_references_of_the_user_stay_where_they_are():
    columns = {"tiltSeriesId": ["TS_1"] * 2, "samplingRate": [10.0] * 2, "x": [20.0, 60.0], "y": [20.0] * 2, "z": [20.0] * 2}
    columns["comment"] = ["0+1", "1"]
    compared = SimpleNamespace(worth=1.0, shifts=np.array([[2.0, 0, 0], [2.0, 0, 0]]))
    _move(columns, compared, {"TS_1": ((100, 100, 40), 10.0)}, LookConfig(input="", noise="", output="", diameter=130.0))
    assert columns["x"] == [20.0, 61.0]


@pytest.mark.parametrize(("rate", "far"), [(20.0, 45.0), (5.0, 180.0)])
def test_picks_at_another_sampling_rate_than_the_tomogram_move_within_it(rate, far):
    """The tomogram is 1000 x 1000 x 400 Å, of 10 Å/voxel."""
    top = 400 / rate - 2
    columns = {"tiltSeriesId": ["TS_1"] * 3, "samplingRate": [rate] * 3, "x": [far, 10.0, 25.0]}
    columns |= {"y": [far, 10.0, 10.0], "z": [10.0, 10.0, top], "comment": ["1+2", "1", "2"]}
    compared = SimpleNamespace(worth=1.0, shifts=np.array([[2.0, 0, 0], [0, 0, 2.0], [0, 0, 4.0]]))
    config = LookConfig(input="", noise="", output="", diameter=30.0)
    sizes = dict.fromkeys(("TS_1", "TS_of_noise_only"), ((100, 100, 40), 10.0))
    _move(columns, compared, sizes, config)
    assert columns["x"] == [far + 1, 10.0, 25.0] and columns["z"] == [10.0, 11.0, top]  # the last one would leave it


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--diameter", DIAMETER, "--tilts", 60, -60), ("--tilts", "rising", "received 60 -60")),
        (("--diameter", DIAMETER, "--tilts", -60), ("--tilts", "first and the last tilt")),
        (("--diameter", DIAMETER, "--tilts", -120, 60), ("--tilts", "between -90 and 90")),
        (("--diameter", 0), ("--diameter", "positive")),
        (("--diameter", "wide"), ("--diameter", "wide")),
        (("--diameter", 5000), ("--diameter", "does not fit in 'TS_1.mrc'")),
        (("--diameter", 30), ("--diameter", "less than 4 voxels")),
        (("--diameter", DIAMETER, "--recipe", "paper"), ("--diameter", "recipe consensus")),
    ],
)
def test_wrong_options_of_a_run_are_one_line(refused, folder, options, words):
    refused(RUN, *command(*options), words=words, folder=folder, cwd=folder)


@pytest.fixture(scope="module")
def tables(folder, tmp_path_factory):
    """Tables as the scoring writes them, and with a fault each; their folder."""
    made = tmp_path_factory.mktemp("tables")
    truth = pd.read_csv(folder / "truth.csv")
    n = len(truth)
    good = {
        "image": [f"{row}@boxes.mrcs" for row in range(1, n + 1)],
        "particleId": list(range(1, n + 1)),
        "tiltSeriesId": truth["tomo_id"].tolist(),
        "tomogramVolume": [str(folder / f"{name}.mrc") for name in truth["tomo_id"]],
        "samplingRate": [RATE] * n,
        **{axis: truth[axis].tolist() for axis in XYZ},
        "count": [2] * n,
        "comment": ["1+2"] * n,
        "enabled": [1] * n,
        "zScoreDeepLearning1": [0.9] * n,
    }
    write_table(made / "good.xmd", good)
    lacks = {"zScoreDeepLearning1": "unscored", "tomogramVolume": "homeless", "comment": "voteless", "image": "boxless"}
    for lost, name in (lacks | {"particleId": "unnumbered", "z": "flat"}).items():
        write_table(made / f"{name}.xmd", {column: values for column, values in good.items() if column != lost})
    copy(folder / "TS_1.mrc", made / "map_half1.mrc")
    write_table(made / "half.xmd", good | {"tomogramVolume": [str(made / "map_half1.mrc")] * n})
    write_table(
        made / "one.xmd",
        {column: [v for v, t in zip(values, truth["tomo_id"], strict=True) if t == "TS_1"] for column, values in good.items()},
    )
    write_table(made / "none.xmd", {axis: [] for axis in XYZ})
    write_table(made / "gone.xmd", good | {"tomogramVolume": [str(folder / "gone.mrc")] * n})
    votes = {column: values for column, values in good.items() if column != NETWORK} | {SCORE: good[NETWORK]}
    write_table(made / "votes.xmd", votes)
    write_table(made / "rates.xmd", good | {"samplingRate": [RATE] * (n - 1) + [1e6]})
    (made / "model.h5").write_text("no model")
    return made


def test_the_picks_of_one_picker_move_and_keep_their_scores(done, folder, tables, tmp_path):
    """Votes of one picker say nothing: a fit to them gave every pick the score 0."""
    table = read_table(tables / "good.xmd")
    n = len(table["x"])
    scores = [0.9 - 0.3 * (row % 10 == 0) for row in range(n)]
    write_table(tmp_path / "one.xmd", table | {"count": [1] * n, "comment": ["1"] * n, "enabled": [0] * n, NETWORK: scores})
    output, options = tmp_path / "o.xmd", ("--diameter", DIAMETER, "--inputNeg", tables / "none.xmd")
    printed = done(NAME, "--input", tmp_path / "one.xmd", "--output", output, *options, cwd=tables)
    looked = read_table(output)
    assert "agree with a correlation of" in printed and "the votes do not distinguish the picks" in printed
    assert looked[SCORE] == pytest.approx(scores) and looked["x"] != table["x"]


@pytest.mark.parametrize("noise", ["good.xmd", "none.xmd"])
def test_noise_where_no_pick_is_left_and_no_noise_at_all_are_no_fault(done, tables, tmp_path, noise):
    output = tmp_path / "o.xmd"
    printed = done(NAME, "--input", "one.xmd", "--inputNeg", noise, "--diameter", DIAMETER, "--output", output, cwd=tables)
    count = len(read_table(tables / "one.xmd")["x"])
    found = re.search(r"the halves have (\d+) and (\d+) accepted picks whose boxes can be used; 20 in each are needed", printed)
    assert found and 0 < sum(map(int, found.groups())) <= count and len(read_table(output)["x"]) == count


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--input": "nowhere.xmd"}, ("--input", "nowhere.xmd", "does not exist")),
        ({"--input": "unscored.xmd"}, ("--input", "unscored.xmd", "zScoreDeepLearning1", "what the scoring writes")),
        ({"--input": "voteless.xmd"}, ("--input", "voteless.xmd", "the column comment")),
        ({"--input": "homeless.xmd"}, ("--input", "homeless.xmd", "tomogramVolume")),
        ({"--input": "boxless.xmd"}, ("--input", "boxless.xmd", "the column image")),
        ({"--input": "unnumbered.xmd"}, ("--input", "unnumbered.xmd", "the column particleId")),
        ({"--input": "flat.xmd"}, ("--input", "flat.xmd", "the column z")),
        ({"--inputNeg": "boxless.xmd"}, ("--inputNeg", "boxless.xmd", "the column image")),
        ({"--input": "half.xmd", "--output": "map.xmd"}, ("--output", "map_half1.mrc", "is a tomogram and would be lost")),
        ({"--input": "gone.xmd"}, ("--input", "gone.mrc", "does not exist")),
        ({"--input": "rates.xmd"}, ("--input", "rates.xmd", "several sampling rates")),
        ({"--inputNeg": "rates.xmd"}, ("--inputNeg", "rates.xmd", "several sampling rates")),
        ({"--inputNeg": "unscored.xmd"}, ("--inputNeg", "unscored.xmd", "zScoreDeepLearning1")),
        ({"--inputNeg": "nowhere.xmd"}, ("--inputNeg", "nowhere.xmd", "does not exist")),
        ({"--model": "nowhere.h5"}, ("--model", "nowhere.h5", "does not exist")),
        ({"--model": "model.h5"}, ("--model", "model.h5", "is not a model")),
        (
            {"--input": "votes.xmd", "--inputNeg": "votes.xmd", "--model": "nowhere.h5"},
            ("--model", "votes.xmd", "votes alone", "leave --model out"),
        ),
        ({"--diameter": 0}, ("--diameter", "positive")),
        ({"--tilts": (60, -60)}, ("--tilts", "rising")),
        ({"--tilts": ("-60", "wide")}, ("--tilts", "first and the last tilt")),
        ({"--threads": 0}, ("--threads", "positive")),
        ({"--tomogramSamplingrate": "ten"}, ("--tomogramSamplingrate", "ten")),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(refused, tables, changed, words):
    options = {"--input": "good.xmd", "--inputNeg": "good.xmd", "--diameter": DIAMETER, "--output": "no.xmd"} | changed
    arguments = [a for name, value in options.items() for a in (name, *(value if isinstance(value, tuple) else (value,)))]
    refused(NAME, *arguments, words=words, folder=tables, cwd=tables)
