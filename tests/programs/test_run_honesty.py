"""A run with nothing to see, trained for real: it says so first, promises nothing, and ends well."""

import json
import re
import shutil

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import write_volume
from tomo_particles.testing.synthetic import simulate_tomogram

BOX, SIZE, RATE = 12, (80, 80, 40), 10.0


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A tomogram of noise, and two pickers at random places, half of them shared; and the same with hardly any shared."""
    folder = tmp_path_factory.mktemp("noise")
    rng = np.random.default_rng(5)
    write_volume(folder / "TS_1.mrc", simulate_tomogram(SIZE, {"target": 0}, rng=rng).volume, RATE)
    shared = rng.random((40, 3)) * (np.array(SIZE) - 1)
    for name, own, n_shared in (("a", 30, 40), ("b", 30, 40), ("c", 40, 4), ("d", 40, 4)):
        places = np.concatenate([shared[:n_shared], rng.random((own, 3)) * (np.array(SIZE) - 1)])
        table = pd.DataFrame(places, columns=["x", "y", "z"]).assign(tomo_id="TS_1", score=rng.random(len(places)))
        table.to_csv(folder / f"{name}.csv", index=False)
    return folder


def summary_of(folder) -> dict:
    return json.loads((folder / "summary.json").read_text())


def run_of(noise, odir, *picks):
    places = ("--tomograms", noise / "TS_1.mrc", "--boxsize", BOX, "--odir", odir, "--epochs", 2, "--folds", 2, "--seed", 1)
    return ("run_deep_consensus_tomo", *places, "--picks", *(noise / f"{name}.csv" for name in picks))


@pytest.fixture(scope="module")
def trained(done, noise, tmp_path_factory):
    """The folder of a run with a network, a copy of it, and what the run printed."""
    folder = tmp_path_factory.mktemp("trained")
    printed = done(*run_of(noise, folder / "run", "a", "b"))
    shutil.copytree(folder / "run", folder / "copy")
    return folder / "run", folder / "copy", printed


def test_a_network_that_sees_nothing_leaves_the_votes_alone_and_promises_nothing(trained):
    _, out, text = trained
    summary = summary_of(out)
    assert next(iter(summary)) == "verdict" and summary["verdict"]["kind"] == "votes alone", summary["verdict"]
    assert summary["expected"]["precision"] is None and summary["expected"]["precision_low"] == 0
    assert summary["reliability"] == {}
    scored = pd.read_csv(out / "scored.csv")
    assert (scored["score"] >= 0.5).equals(scored["support"] == 2)  # nothing but the votes decides
    assert 0 < summary["accepted"] == len(pd.read_csv(out / "accepted.csv")) < summary["merged"]
    results = text[text.index("verdict: ") :].splitlines()
    assert results[0].startswith("verdict: votes alone: the network tells these picks from noise no better than chance")
    assert any(line.startswith("expected of the accepted picks: precision unknown") for line in results)
    page = (out / "report.html").read_text()
    assert page.index("no better than chance") < page.index("accepted picks</div>") and "unknown" in page
    assert "<td>unknown</td>" in page[page.index('id="tomograms"') :]  # no number of particles is promised of a tomogram either


def test_a_damaged_verdict_is_made_again_and_nothing_of_a_trained_run_stays_where_none_is_trained(done, noise, trained):
    """The last of the tests of this output folder, which it changes."""
    out, _, _ = trained
    first = summary_of(out)
    verdict = out / "scored" / "merged_verdict.json"
    before = verdict.read_text()
    verdict.write_text("{")
    done(*run_of(noise, out, "a", "b"), "--noReport")
    assert verdict.read_text() == before
    assert summary_of(out)["verdict"] == first["verdict"] and list((out / "network").iterdir())
    done(*run_of(noise, out, "c", "d"), "--noReport", "--radius", 0.1)
    assert summary_of(out)["model"] is None and not list((out / "network").iterdir())


def test_a_model_that_the_user_gives_and_other_files_are_never_removed(done, noise, trained, tmp_path):
    out = tmp_path / "run"
    shutil.copytree(trained[1], out)
    model = out / "network" / "model.h5"
    (out / "network" / "mine.txt").write_text("notes")
    options = ("--noReport", "--radius", 0.1, "--inputModel", model)
    done(*run_of(noise, out, "c", "d"), *options)  # too few agreed to train it further
    assert model.is_file() and (out / "network" / "mine.txt").is_file()


def test_too_few_agreed_picks_are_scored_by_their_votes_with_a_verdict(done, noise, tmp_path):
    text = done(
        "run_deep_consensus_tomo",
        "--tomograms",
        noise / "TS_1.mrc",
        "--picks",
        noise / "c.csv",
        noise / "d.csv",
        "--boxsize",
        BOX,
        "--odir",
        tmp_path,
        "--radius",
        0.1,
    )
    summary = summary_of(tmp_path)
    assert summary["verdict"]["kind"] == "votes alone" and "agree on only 4 picks" in summary["verdict"]["reason"]
    assert summary["model"] is None and not (tmp_path / "network").exists()
    assert "verdict: votes alone" in text and summary["merged"] == 84
    scored = pd.read_csv(tmp_path / "scored.csv")
    assert ((scored["score"] >= 0.5) == (scored["support"] == 2)).all()
    assert scored.groupby("support")["score"].mean().is_monotonic_increasing and scored["score"].notna().all()
    boxes = [tmp_path / "boxes" / name / "TS_1.xmd" for name in ("pos", "doubt")]
    text = done("deep_picking_consensus_tomo", "--mode", "scoring", "--input", *boxes, "--output", tmp_path / "by_hand.xmd")
    assert text.startswith("verdict: votes alone: the pickers agree on only 4 picks")


def test_a_refusal_of_a_step_names_the_options_of_the_run(refused, noise, tmp_path):
    picks = pd.read_csv(noise / "a.csv")
    for name, part in (("low", picks[picks["z"] < 18]), ("high", picks[picks["z"] > 22])):  # they agree nowhere
        part.to_csv(tmp_path / f"{name}.csv", index=False)
    line = refused(
        "run_deep_consensus_tomo",
        "--tomograms",
        noise / "TS_1.mrc",
        "--picks",
        tmp_path / "low.csv",
        tmp_path / "high.csv",
        "--boxsize",
        BOX,
        "--odir",
        tmp_path / "out",
        "--radius",
        0.2,
        words=["--picks: 0 positives"],
        folder=noise,
        late=True,
    )
    assert "--inputPos" not in line and "lower --number" in line


def test_pickers_that_agree_nowhere_are_compared_with_noise_each_and_the_cause_is_named(done, tmp_path):
    rng = np.random.default_rng(7)
    write_volume(tmp_path / "TS_1.mrc", simulate_tomogram((96, 96, 48), {"target": 0}, rng=rng).volume, RATE)
    for name, lowest in (("low", 0), ("high", 30)):
        places = rng.random((60, 3)) * [95, 95, 17] + [0, 0, lowest]
        pd.DataFrame(places, columns=["x", "y", "z"]).assign(tomo_id="TS_1").to_csv(tmp_path / f"{name}.csv", index=False)
    done(
        "run_deep_consensus_tomo",
        "--tomograms",
        tmp_path / "TS_1.mrc",
        "--picks",
        tmp_path / "low.csv",
        tmp_path / "high.csv",
        "--boxsize",
        BOX,
        "--odir",
        tmp_path / "out",
        "--epochs",
        1,
        "--folds",
        2,
        "--noReport",
    )
    summary = summary_of(tmp_path / "out")
    assert summary["verdict"]["kind"] in ("votes alone", "weak") and summary["expected"].get("precision") is None
    assert "agree on no pick; one file may have another origin, unit or binning" in summary["verdict"]["reason"]


def test_a_vote_of_pickers_that_agree_by_chance_says_so(done, noise, tmp_path):
    random = ("--voting", "--tomograms", noise / "TS_1.mrc", "--boxsize", BOX, "--noReport")
    rng = np.random.default_rng(3)
    for name in "ef":
        places = pd.DataFrame(rng.random((80, 3)) * (np.array(SIZE) - 1), columns=["x", "y", "z"])
        places.assign(tomo_id="TS_1").to_csv(tmp_path / f"{name}.csv", index=False)
    text = done("run_deep_consensus_tomo", *random, "--picks", tmp_path / "e.csv", tmp_path / "f.csv", "--odir", tmp_path / "x")
    assert "agree no more often than by chance" in text
    text = done("run_deep_consensus_tomo", *random, "--picks", noise / "a.csv", noise / "b.csv", "--odir", tmp_path / "y")
    assert "by chance" not in text


def test_a_file_with_exchanged_axes_is_named_and_nothing_is_changed(done, noise, tmp_path):
    rng = np.random.default_rng(4)
    places = pd.DataFrame(rng.random((60, 3)) * (np.array(SIZE) - 1), columns=["x", "y", "z"]).assign(tomo_id="TS_1")
    exchanged = places.rename(columns={"x": "y", "y": "x"})
    for name, table in (("log", places), ("tm", exchanged)):
        table.to_csv(tmp_path / f"{name}.csv", index=False)
    two = ("--tomograms", noise / "TS_1.mrc", "--boxsize", BOX, "--picks", tmp_path / "log.csv")
    text = done("run_deep_consensus_tomo", "--voting", *two, tmp_path / "tm.csv", "--odir", tmp_path / "x")
    (found,) = (line for line in summary_of(tmp_path / "x")["notes"] if "agree with those" in line)
    agreed, picks, before = map(int, re.findall(r"\b\d+\b", found)[:3])
    assert before < 20 < 55 < agreed == picks <= 60  # picks that lie near each other were merged
    assert "'log' agree with those of 'tm' if taken with the axes in the order y, x, z, and" in found and "by chance" not in text
    assert f"note: {found}" in text and "in the order y, x, z" in (tmp_path / "x" / "report.html").read_text()
    given = pd.read_csv(tmp_path / "x" / "scored.csv")
    of_tm = given[given["pickers"] == "tm"]
    assert np.isclose(of_tm[["x", "y"]].to_numpy()[:, None], exchanged[["x", "y"]].to_numpy()).all(axis=2).any(axis=1).all()
    text = done("picking_consensus_tomo", *two, tmp_path / "tm.csv", "--odir", tmp_path / "k")
    assert f"note: {found}" in text
