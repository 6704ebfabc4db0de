"""Tuning through real command lines: resumable, with a settings file that the run program takes, and refusing what cannot be."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tomo_particles.learning.trials import trial_settings
from tomo_particles.learning.tuned_settings import write_settings
from xmipp_scripts._network import tuning
from xmipp_scripts._shared.training_options import TrainingSettings

RUN = "run_deep_consensus_tomo"
NETWORK = "deep_picking_consensus_tomo"
BOX = 12
FIXED = ("--epochs", 1, "--folds", 2)


@pytest.fixture(scope="module")
def learned(done, scene, tmp_path_factory) -> Path:
    """Output folder of a run of the defaults."""
    folder = tmp_path_factory.mktemp("tuning") / "out"
    done(RUN, *run_options(scene, folder), *FIXED, "--noReport")
    return folder


def run_options(scene, folder):
    return (
        "--tomograms", *scene.tomograms, "--picks", *scene.csv("one", "two"), "--boxsize", BOX, "--odir", folder, "--threads", 1,
    )  # fmt: skip


def boxes_of(folder: Path) -> dict[str, list[str]]:
    labels = {"pos": ("pos",), "doubt": ("doubt",), "neg": ("noise", "neg")}
    boxes = folder / "boxes"
    return {kind: [str(p) for name in names for p in sorted((boxes / name).glob("*.xmd"))] for kind, names in labels.items()}


def tune_options(folder: Path, output: Path):
    inputs = boxes_of(folder)
    sets = ("--inputPos", *inputs["pos"], "--inputDoubt", *inputs["doubt"], "--inputNeg", *inputs["neg"])
    return ("--mode", "tuning", *sets, "--boxsize", BOX, "--samplingrate", 10, "--output", output, "--threads", 1)


def config(folder: Path, output: Path, trials: int) -> tuning.TuningConfig:
    """As the program has it for `tune_options` with FIXED."""
    settings = TrainingSettings(epochs=1, folds=2)
    places = {"box_size": BOX, "sampling_rate": 10.0, "output": str(output)}
    return tuning.TuningConfig(boxes_of(folder), settings, ("epochs",), **places, trials=trials, seed=1, threads=1)


def trials_of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path).drop(columns="seconds")


def test_a_tuning_that_was_killed_goes_on_with_the_same_trials(done, learned, tmp_path):
    output, whole = tmp_path / "tuned.json", tmp_path / "whole.json"
    done(NETWORK, *tune_options(learned, whole), *FIXED, "--trials", 2)
    lines = whole.with_suffix(".csv").read_text().splitlines(keepends=True)
    output.with_suffix(".csv").write_text("".join(lines[:2]))  # as a kill in the second trial leaves it
    text = done(NETWORK, *tune_options(learned, output), *FIXED, "--trials", 2)
    assert "trial 2 of 2: " in text and "trial 1 of 2: " not in text
    table = trials_of(output.with_suffix(".csv"))
    pd.testing.assert_frame_equal(table, trials_of(whole.with_suffix(".csv")), rtol=1e-4)
    found, search = json.loads(output.read_text()), table[table["stage"] == "search"]
    assert found == json.loads(whole.read_text())
    for row in search.to_dict("records"):
        expected = trial_settings(row["trial"], 1, {"epochs": 1})
        assert {name: row[name] for name in expected} == expected and -1 < row["log_likelihood"] < 0
    chosen = search[search["trial"] == found["trial"]].iloc[0]
    assert found["training"] == {name: chosen[name] for name in found["training"]}


def test_a_settings_file_changes_the_training_of_a_run_and_an_option_wins(done, scene, learned, tmp_path):
    settings = tmp_path / "tuned.json"
    write_settings(settings, {"learning_rate": 0.004, "epochs": 3, "augment": False}, {})
    text = done(RUN, *run_options(scene, learned), *FIXED, "--noReport", "--settings", settings)
    assert f"settings of '{settings}': learning_rate 0.004, augment False; --epochs of the command line counts" in text
    summary = json.loads((learned / "summary.json").read_text())
    assert summary["settings"]["--settings"] == str(settings) and summary["settings"]["--learningRate"] == "0.004"
    assert (summary["settings"]["--epochs"], summary["settings"]["--noAugment"]) == ("1", "yes")
    log = pd.read_csv(learned / "network" / "training_log.csv")
    assert len(log) == 2 and "network 1/2 epoch  1/1" in text  # trained again
    again = done(
        RUN, *run_options(scene, learned), "--noReport", "--folds", 2, "--epochs", 1, "--learningRate", 0.004, "--noAugment"
    )
    assert "network 1/2" not in again  # the same settings, from the file or not


def test_the_best_is_kept_only_if_it_is_better_with_another_seed_too(learned, tmp_path, monkeypatch):
    seeds, known = [], {}

    def measures(self, settings, seed):
        seeds.append(seed)
        return {"log_likelihood": known[settings.learning_rate, seed], "from_noise": 0.7, "from_others": float("nan")}

    monkeypatch.setattr(tuning._Training, "measures", measures)
    rate = {number: trial_settings(number, 1, {})["learning_rate"] for number in (1, 2, 3)}
    known.update({(rate[1], 1): -0.50, (rate[2], 1): -float("inf"), (rate[3], 1): -0.40, (rate[1], 2): -0.45})
    for again, chosen, text in ((-0.42, 3, "trial 3 of 3 is better"), (-0.48, 1, "better with one seed only")):
        known[rate[3], 2] = again
        output = tmp_path / f"{chosen}.json"
        said = tuning.tune_files(config(learned, output, 3), lambda line: None)
        assert text in said and json.loads(output.read_text())["trial"] == chosen
        assert len(trials_of(output.with_suffix(".csv"))) == 5
        seeds.clear()
        assert tuning.tune_files(config(learned, output, 3), lambda line: None) == said and not seeds  # from the table
    assert json.loads((tmp_path / "1.json").read_text())["training"]["learning_rate"] == 0.001


def test_a_table_of_anything_else_stays(learned, tmp_path, refused):
    options = tune_options(learned, tmp_path / "tuned.json")
    (tmp_path / "tuned.csv").write_text("tomo_id,x,y,z\nTS_1,1,2,3\n")
    refused(NETWORK, *options, words=["--output: ", "tuned.csv' is no table of trials"], folder=tmp_path)
    row = tuning.Trial(1, "search", 1e-3, 1e-4, 12, True, -0.5, 0.7, 0.6, 3.0, "another")
    pd.DataFrame([vars(row)]).to_csv(tmp_path / "tuned.csv", index=False)
    refused(NETWORK, *options, words=["--output: ", "holds trials of other subtomograms, options"], folder=tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--folds", 1), ["--folds: ", "give 2 or more"]),
        (("--recipe", "paper"), ["--recipe: "]),
        (("--trials", 0), ["--trials: must be positive"]),
        (("--model", "m.h5"), ["--model: has no meaning with --mode tuning"]),
        (("--settings", "m.json"), ["--settings: has no meaning with --mode tuning"]),
        (("--learningRate", 0.01, "--l2", 0, "--epochs", 2, "--noAugment"), ["every setting that a tuning can choose is given"]),
        (("--l2", -1), ["--l2: expected 0 to 10"]),
    ],
)
def test_what_cannot_be_tuned_is_refused(refused, learned, tmp_path, options, words):
    refused(NETWORK, *tune_options(learned, tmp_path / "tuned.json"), *options, words=words, folder=tmp_path)


def test_one_picker_cannot_be_tuned_by_its_agreement(refused, learned, tmp_path):
    inputs = boxes_of(learned)
    options = ("--mode", "tuning", "--inputPos", *inputs["pos"], "--inputNeg", *inputs["neg"], "--boxsize", BOX)
    words = ["--inputPos: the pickers of these picks agree on all"]
    refused(NETWORK, *options, "--samplingrate", 10, "--output", tmp_path / "t.json", words=words, folder=tmp_path)


def test_a_bad_settings_file_stops_a_run_before_it_begins(refused, scene, tmp_path):
    (tmp_path / "bad.json").write_text('{"training": {"epochs": -3}}')
    words = ["--settings: ", "bad.json': epochs: expected 1 or more, received -3", "leave --settings out"]
    refused(RUN, *run_options(scene, tmp_path / "out"), "--settings", tmp_path / "bad.json", words=words, folder=tmp_path)
