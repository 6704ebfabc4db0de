"""Training and scoring through real command lines: reproducible, resumable, and refusing what does not fit."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tomo_particles.formats.xmd import read_table, write_table

RUN = "run_deep_consensus_tomo"
NETWORK = "deep_picking_consensus_tomo"
BOX = 12
QUICK = ("--epochs", 2, "--folds", 2, "--batch", 32)


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"tomo_id": str})


@pytest.fixture(scope="module")
def learn(done, scene):
    """Run the whole pipeline with a network."""

    def run(odir: Path, *options, threads: int = 1) -> str:
        return done(
            RUN,
            "--tomograms",
            *scene.tomograms,
            "--picks",
            *scene.csv("one", "two"),
            "--boxsize",
            BOX,
            "--odir",
            odir,
            *QUICK,
            "--threads",
            threads,
            *options,
        )

    return run


@pytest.fixture(scope="module")
def learned(learn, tmp_path_factory) -> tuple[Path, str]:
    """Output folder of one run, and what it printed."""
    folder = tmp_path_factory.mktemp("learned") / "out"
    return folder, learn(folder)


def state(folder: Path) -> dict[str, int]:
    """Intermediate files and when they were written."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*/*") if path.is_file()}


def test_every_file_of_a_run(learned):
    out, text = learned
    scored, accepted, raw = (table(out / f"{name}.csv") for name in ("scored", "accepted", "scored_raw"))
    assert scored["score"].between(0, 1).all() and scored["score"].nunique() > 10
    assert len(accepted) == (scored["score"] >= 0.5).sum()
    assert len(raw) == len(read_table(out / "scored" / "raw.xmd")["x"]) and set(raw["picker"]) == {"one", "two"}
    with open(out / "network" / "training_log.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["fold"], row["epoch"]) for row in rows] == [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]
    assert "network 2/2 epoch  2/2" in text
    summary = json.loads((out / "summary.json").read_text())
    assert summary["merged"] == len(scored) and summary["method"] == "network" and (out / "picks.png").is_file()
    assert summary["expected"]["precision"] == pytest.approx(accepted["score"].mean(), abs=1e-3)
    assert summary["expected"]["recall"] == pytest.approx(accepted["score"].sum() / scored["score"].sum(), abs=1e-3)
    assert "expected of the accepted picks: precision" in text
    assert (out / "network" / "model.h5").read_bytes()[:4] == b"\x89HDF"


def test_single_picker_picks_are_no_negatives(learned):
    # STYLE flaw: single-picker picks used as negatives
    out, _ = learned
    assert read_table(out / "boxes" / "neg" / "TS_1.xmd")["x"] == []
    noise, doubt = (read_table(out / "boxes" / name / "TS_1.xmd") for name in ("noise", "doubt"))
    points = [np.array([t["x"], t["y"], t["z"]]).T for t in (noise, doubt)]
    assert np.linalg.norm(points[0][:, None] - points[1][None], axis=2).min() > 0.35 * BOX


def test_started_again_it_does_nothing_again_and_a_changed_threshold_does_not_train(learn, learned):
    out, _ = learned
    before, scored = state(out), (out / "scored.csv").read_bytes()
    text = learn(out, "--threshold", 0.4)
    assert state(out) == before and "epoch" not in text and (out / "scored.csv").read_bytes() == scored
    assert len(table(out / "accepted.csv")) == (table(out / "scored.csv")["score"] >= 0.4).sum()
    learn(out, threads=2)
    assert state(out) == before


def test_a_trained_model_scores_the_picks_of_one_picker(done, scene, learned, tmp_path):
    model = learned[0] / "network" / "model.h5"
    options = ("--boxsize", BOX, "--inputModel", model, "--skipTraining", "--odir", tmp_path / "one", "--noReport")
    text = done("run_deep_consensus_tomo", "--tomograms", *scene.tomograms, "--picks", *scene.csv("one"), *options)
    scored = table(tmp_path / "one" / "scored.csv")
    assert set(scored["pickers"]) == {"one"} and scored["score"].nunique() > 10
    assert "epoch" not in text


def test_the_same_seed_gives_the_same_files(own_process, learn, learned, tmp_path):
    out, _ = learned
    learn(tmp_path / "again", "--noReport")
    for name in ("scored.csv", "accepted.csv", "scored_raw.csv", "accepted.xmd", "scored.xmd"):
        assert (tmp_path / "again" / name).read_bytes() == (out / name).read_bytes(), name
    logs = [table(folder / "network" / "training_log.csv").drop(columns="seconds") for folder in (out, tmp_path / "again")]
    assert logs[0].equals(logs[1])


def test_a_trained_model_scores_another_run_without_training(learn, learned, tmp_path):
    out, _ = learned
    text = learn(tmp_path / "other", "--noReport", "--skipTraining", "--inputModel", out / "network" / "model.h5")
    assert "epoch" not in text and not (tmp_path / "other" / "network").exists()
    assert (tmp_path / "other" / "scored.csv").read_bytes() == (out / "scored.csv").read_bytes()


def test_the_training_program_writes_a_model_that_the_scoring_program_reads(done, learned, tmp_path):
    # STYLE flaw: arguments glued without spaces; an empty set reaching the scorer as file 'None'
    boxes = learned[0] / "boxes"
    sets = {name: sorted((boxes / name).glob("*.xmd")) for name in ("pos", "noise", "neg")}
    model = tmp_path / "my model.keras"
    done(
        NETWORK,
        "--mode",
        "training",
        "--inputPos",
        *sets["pos"],
        "--inputNeg",
        *sets["noise"],
        *sets["neg"],
        "--model",
        model,
        "--boxsize",
        BOX,
        "--samplingrate",
        10,
        "--epochs",
        2,
        "--folds",
        1,
        "--log",
        tmp_path / "log.csv",
    )
    assert model.is_file() and len((tmp_path / "log.csv").read_text().splitlines()) == 3
    done(
        NETWORK, "--mode", "scoring", "--input", *sets["pos"], *sets["neg"], "--model", model, "--output", tmp_path / "scored.xmd"
    )
    scored = read_table(tmp_path / "scored.xmd")
    assert len(scored["zScoreDeepLearning1"]) == sum(len(read_table(path)["x"]) for path in sets["pos"]) > 10
    assert all(0 <= score <= 1 for score in scored["zScoreDeepLearning1"])


def test_one_tomogram_alone_gets_the_scores_of_the_whole_run(done, refused, learned, tmp_path):
    out, _ = learned
    whole = read_table(out / "scored" / "merged.xmd")
    model = ("--mode", "scoring", "--model", out / "network" / "model.h5", "--output", tmp_path / "one.xmd")
    boxes = [out / "boxes" / name / "TS_10.xmd" for name in ("pos", "doubt", "neg")]
    options = (*model, "--input", *boxes, "--inputNeg", out / "boxes" / "noise" / "TS_10.xmd")
    done(NETWORK, *options, "--pickers", "one", "two")
    alone = read_table(tmp_path / "one.xmd")
    own = [row for row, name in enumerate(whole["tiltSeriesId"]) if name == "TS_10"]
    assert alone["particleId"] == [whole["particleId"][row] for row in own] and len(own) > 10
    np.testing.assert_allclose(alone["CoordConsScore"], [whole["CoordConsScore"][row] for row in own], atol=1e-6)
    assert not (tmp_path / "one_verdict.json").exists()
    (tmp_path / "one.xmd").unlink()
    for names, words in (
        (("one", "eman"), ["--model: ", "does not know the picker 'eman' (known: 'one', 'two')"]),
        (("one",), ["--pickers: there are 2 pickers, received 1 names"]),
        (("one", "one"), ["--pickers: 'one' is given twice"]),
    ):
        refused(NETWORK, *options, "--pickers", *names, words=words, folder=tmp_path)


def test_nothing_to_score_gives_an_empty_table_without_tensorflow(done, learned, tmp_path):
    # STYLE flaw: an empty set reaching the scorer as file 'None'
    text = done(
        NETWORK,
        "--mode",
        "scoring",
        "--input",
        learned[0] / "boxes" / "neg" / "TS_1.xmd",
        "--model",
        tmp_path / "none.h5",
        "--output",
        tmp_path / "scored.xmd",
        "--quiet",  # for every mode
    )
    assert text.startswith("0 subtomograms scored")
    assert read_table(tmp_path / "scored.xmd")["zScoreDeepLearning1"] == []


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--boxsize": 16}, ["--boxsize", "12"]),
        ({"--model": "text.h5"}, ["--model", "text.h5"]),
        ({"--gpus": "7"}, ["--gpus: TensorFlow does not find GPU 7"]),
        ({"--model": "cut.h5"}, ["--model: 'cut.h5' is not a model that this program wrote"]),
        ({"--epochs": 3}, ["--epochs: has no meaning with --mode scoring; leave it out"]),
        ({"--batch": 99999999999}, ["--batch: expected 1 to 4096, received 99999999999"]),
        ({"--inputPos": "plain.xmd"}, ["--inputPos: has no meaning with --mode scoring"]),
        ({"--output": "plain.xmd/scored.xmd"}, ["--output: 'plain.xmd' is no folder"]),
        ({"--inputNeg": "again.xmd"}, ["--inputNeg: the subtomogram", "also among those to score"]),
        ({"--input": "plain.xmd"}, ["--input: 'plain.xmd' has no column image"]),
        ({"--inputNeg": "far.xmd"}, ["--inputNeg: 'far.xmd': pick 2 has a coordinate"]),
        ({"--input": "far.xmd"}, ["--input: 'far.xmd': pick 2 has a coordinate"]),
        ({"--inputNeg": "other.xmd"}, ["--inputNeg: 'other.xmd' has a sampling rate of 5 A/voxel, --samplingrate is 10"]),
        ({"--input": "none.xmd"}, ["--input: 'none.xmd' has rows without a sampling rate"]),
        ({"--input": "rates.xmd"}, ["--input: 'rates.xmd' holds several sampling rates (10 and 1e+06)"]),
    ],
)
def test_a_model_or_input_that_does_not_fit_is_refused(loading, learned, tmp_path, changed, words):
    (tmp_path / "text.h5").write_text("not a model")
    write_table(tmp_path / "plain.xmd", {"x": [1.0], "y": [1.0], "z": [1.0]})
    shutil.copy(learned[0] / "boxes" / "pos" / "TS_1.xmd", tmp_path / "again.xmd")
    for name, column, value in (("far.xmd", "x", 1e12), ("rates.xmd", "samplingRate", 1e6)):
        columns = read_table(learned[0] / "boxes" / "noise" / "TS_1.xmd")
        columns[column][1] = value
        write_table(tmp_path / name, columns)
    for name, rate in (("other.xmd", 5.0), ("none.xmd", 0.0)):
        write_table(tmp_path / name, columns | {"samplingRate": [rate] * len(columns["x"])})
    whole = (learned[0] / "network" / "model.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(whole[: len(whole) // 2])
    options = {
        "--mode": "scoring",
        "--input": learned[0] / "boxes" / "pos" / "TS_1.xmd",
        "--model": learned[0] / "network" / "model.h5",
        "--output": "scored.xmd",
        "--boxsize": BOX,
        "--samplingrate": 10,
    } | changed
    finished, modules = loading(NETWORK, *(word for pair in options.items() for word in pair), cwd=tmp_path)
    assert ("tensorflow" in modules) == ("TensorFlow" in words[0])
    assert finished.returncode == 2 and "Traceback" not in finished.stderr, finished.stderr
    message = finished.stderr.strip().splitlines()[-1]
    assert message.startswith(f"xmipp_{NETWORK}: error: ") and all(word in message for word in words), message
    assert not (tmp_path / "scored.xmd").exists()


def test_the_mode_devices_tells_whether_gpus_can_be_used_and_needs_nothing_else(done, refused, tmp_path):
    assert done(NETWORK, "--mode", "devices") == "the CPU is used\n"
    words = ["--gpus: TensorFlow does not find GPU 0", "unset this variable"]
    refused(NETWORK, "--mode", "devices", "--gpus", "0", words=words, folder=tmp_path, cwd=tmp_path)


@pytest.mark.parametrize("n", [0, 3])
def test_too_few_positives_are_refused_and_a_failed_training_is_seen(program, learned, tmp_path, n):
    # STYLE flaw: exit code lost, so that a failed training looked finished
    boxes = learned[0] / "boxes"
    few = read_table(boxes / "pos" / "TS_1.xmd")
    write_table(tmp_path / "few.xmd", {name: values[:n] for name, values in few.items()})
    finished = program(
        NETWORK,
        "--mode",
        "training",
        "--inputPos",
        "few.xmd",
        "--inputNeg",
        boxes / "noise" / "TS_1.xmd",
        "--model",
        "model.h5",
        "--boxsize",
        BOX,
        "--samplingrate",
        10,
        "--epochs",
        1,
        cwd=tmp_path,
    )
    message = finished.stderr.strip().splitlines()[-1]
    assert finished.returncode == 2 and f"--inputPos: {n} positives" in message and "number of agreeing pickers" in message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["few.xmd"]


def test_a_subtomogram_is_learned_from_once(refused, learned, tmp_path):
    boxes = learned[0] / "boxes"
    options = ("--mode", "training", "--model", "model.h5", "--boxsize", BOX, "--samplingrate", 10)
    one, noise = boxes / "pos" / "TS_1.xmd", boxes / "noise" / "TS_1.xmd"
    shutil.copy(one, tmp_path / "copy.xmd")
    for option, arguments in (
        ("--inputNeg", ("--inputPos", one, "--inputNeg", noise, "copy.xmd")),
        ("--inputDoubt", ("--inputPos", one, "--inputDoubt", "copy.xmd", "--inputNeg", noise)),
        ("--inputPos", ("--inputPos", one, "copy.xmd", "--inputNeg", noise)),
    ):
        words = [f"{option}: 'copy.xmd' holds the subtomogram", f"of '{one}'; a subtomogram is positive or negative"]
        refused(NETWORK, *options, *arguments, words=words, folder=tmp_path, cwd=tmp_path)
    words = ["--model: ", "copy.xmd' is no folder"]
    refused(
        NETWORK,
        *options[:2],
        *options[4:],
        "--model",
        "copy.xmd/m.h5",
        "--inputPos",
        one,
        "--inputNeg",
        noise,
        words=words,
        folder=tmp_path,
        cwd=tmp_path,
    )
