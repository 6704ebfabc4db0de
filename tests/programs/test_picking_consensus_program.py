"""xmipp_picking_consensus_tomo: OR, k and AND of one clustering, the same as the votes of the whole run."""

import json
from pathlib import Path

import pandas as pd
import pytest

from tomo_particles.formats.xmd import read_table

NAME = "picking_consensus_tomo"


@pytest.fixture
def inputs(scene):
    return ["--tomograms", *scene.tomograms, "--picks", *scene.csv("one", "two", "three"), "--boxsize", 12]


def table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype={"tomo_id": str})


def test_several_numbers_of_one_clustering_are_those_of_voting(done, inputs, tmp_path):
    out = tmp_path / "out"
    said = done(NAME, *inputs, "--number", 3, 1, 2, "--odir", out)
    any_picker, two, every, merged = (table(out / f"{name}.csv") for name in ("agreed_1", "agreed_2", "agreed_3", "merged"))
    assert len(every) < len(two) < len(any_picker) and any_picker.equals(merged)
    assert (every["support"] == 3).all() and two["support"].min() == 2
    for number in (2, 3):
        voted = tmp_path / f"voted{number}"
        done("run_deep_consensus_tomo", *inputs, "--voting", "--noReport", "--number", number, "--odir", voted)
        assert (voted / "accepted.csv").read_bytes() == (out / f"agreed_{number}.csv").read_bytes()
        assert read_table(voted / "accepted.xmd")["x"] == read_table(out / f"agreed_{number}.xmd")["x"]
    summary = json.loads((out / "summary.json").read_text())
    assert summary["accepted"] == {"1": len(merged), "2": len(two), "3": len(every)}
    both = merged["pickers"].isin(["one+two", "one+two+three"]).sum()
    either = (merged["pickers"] != "three").sum()
    assert summary["shared"][0][1] == pytest.approx(both / either, abs=1e-4) and f"share {both / either:.0%}" in said


def test_a_tomogram_that_a_picker_missed(done, scene, inputs, tmp_path):
    blind = scene.text({"TS_1": scene.picks["three"]["TS_1"]})
    (tmp_path / "three.csv").write_text(blind)
    inputs[inputs.index(scene.folder / "three.csv")] = tmp_path / "three.csv"
    done(NAME, *inputs, "--number", 3, "--odir", tmp_path / "strict")
    assert set(table(tmp_path / "strict" / "agreed_3.csv")["tomo_id"]) == {"TS_1"}
    done(NAME, *inputs, "--number", 3, "--ofThoseWithPicks", "--odir", tmp_path / "those")
    kept = table(tmp_path / "those" / "agreed_3.csv")
    assert kept.groupby("tomo_id")["support"].unique().map(list).to_dict() == {"TS_1": [3], "TS_10": [2]}


def test_two_pickers_and_what_their_votes_cannot_tell(done, scene, tmp_path):
    blind = tmp_path / "blind.csv"
    blind.write_text(scene.text({"TS_1": scene.picks["three"]["TS_1"]}))
    options = ("--tomograms", *scene.tomograms, "--picks", *scene.csv("one"), blind, "--boxsize", 12)
    said = done(NAME, *options, "--odir", tmp_path / "out")
    merged = table(tmp_path / "out" / "merged.csv")
    single = f"only one of them found {(merged['support'] == 1).sum()} of the {len(merged)} merged picks"
    assert "only one picker has picks in tomogram TS_10 ('one'): nothing there is agreed on" in said and single in said
    voted = done("run_deep_consensus_tomo", *options, "--voting", "--noReport", "--odir", tmp_path / "voted")
    assert single in voted and "nothing there is agreed on" in voted


@pytest.mark.parametrize(("number", "words"), [(0, ["--number: must be 1 to 3"]), (4, ["--number: must be 1 to 3"])])
def test_a_number_that_cannot_be_is_refused(refused, inputs, tmp_path, number, words):
    refused(NAME, *inputs, "--number", number, "--odir", tmp_path / "out", words=words, folder=tmp_path)
