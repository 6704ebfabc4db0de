"""A derived picker in the consensus: its picks are scored, and nothing of the others changes."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest

from tomo_particles.formats.xmd import read_table
from tomo_particles.runs.results import read_run

NAME, BOX = "run_deep_consensus_tomo", 12
QUICK = ("--epochs", 1, "--folds", 2, "--batch", 16, "--noReport", "--seed", 3)
SAME = ("all", "pos", "doubt", "neg", "noise", "avoid", "boxes/noise", "scored", "network")


class Both(NamedTuple):
    """The folders of the two runs, of the same name, because tables hold the paths of boxes."""

    without: Path
    with_: Path


@pytest.fixture(scope="module")
def runs(done, scene, tmp_path_factory):
    """A run, and the same with a derived picker: two picks of it are merged picks of others, the others nobody found."""
    folder = tmp_path_factory.mktemp("derived")
    base = ("--tomograms", *scene.tomograms, "--picks", *scene.csv("one", "two"), "--boxsize", BOX, *QUICK)
    for name in ("without", "with"):
        (folder / name).mkdir()
    done(NAME, *base, "--odir", "out", cwd=folder / "without")
    scored = pd.read_csv(folder / "without" / "out" / "scored.csv")
    rng, rows = np.random.default_rng(4), []
    for name, own in scored.groupby("tomo_id"):
        places = own[["x", "y", "z"]].to_numpy()
        rows += [(name, *place, 0.9) for place in places[:2] + 0.3]
        for place in rng.uniform(8, 40, size=(200, 3)):
            if np.linalg.norm(places - place, axis=1).min() > BOX and sum(row[0] == name for row in rows) < 6:
                rows.append((name, *place, 0.8))
                places = np.vstack([places, place])
    pupil = pd.DataFrame(rows, columns=["tomo_id", "x", "y", "z", "score"])
    pupil.to_csv(folder / "pupil.csv", index=False)
    printed = done(NAME, *base, "--derived", folder / "pupil.csv", "--odir", "out", "--threshold", 0, cwd=folder / "with")
    return Both(folder / "without" / "out", folder / "with" / "out"), pupil, printed


def test_a_derived_picker_changes_no_byte_of_the_others(runs):
    folder, _, _ = runs
    compared = 0
    for part in SAME:
        for path in sorted((folder.without / part).glob("*")):
            if path.is_file() and path.name != "training_log.csv":  # holds seconds
                assert (folder.with_ / part / path.name).read_bytes() == path.read_bytes(), path
                compared += 1
    assert compared > 12
    for name in ("scored/merged.xmd", "scored/merged_reliability.csv", "scored/merged_verdict.json"):
        assert (folder.without / name).is_file()
    without, with_ = (json.loads((own / "summary.json").read_text()) for own in folder)
    assert all(with_[number] == without[number] for number in ("reliability", "verdict", "merged", "picks"))


def test_what_it_alone_found_gets_scores_but_no_votes(runs):
    folder, pupil, printed = runs
    derived = read_table(folder.with_ / "scored" / "merged_derived.xmd")
    alone = pupil[pupil["score"] == 0.8]
    assert len(derived["x"]) == len(alone) > 4  # not those that others found
    assert set(derived["count"]) == {0} and set(derived["comment"]) == {"-3"} and set(derived["enabled"]) == {0}
    network = np.array(derived["zScoreDeepLearning1"])
    assert ((network > 0) & (network < 1)).all() and len(set(network)) > 1
    scored = pd.read_csv(folder.with_ / "scored.csv")
    own = scored[scored["pickers"] == "pupil (derived)"]
    assert len(own) == len(alone) and (own["support"] == 0).all() and own["score"].between(0, 1).all()
    others = scored[scored["pickers"] != "pupil (derived)"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, pd.read_csv(folder.without / "scored.csv"))
    for name, places in own.groupby("tomo_id"):
        wanted = alone[alone["tomo_id"] == name]
        np.testing.assert_allclose(
            np.sort(places[["x", "y", "z"]].to_numpy(), axis=0), np.sort(wanted[["x", "y", "z"]].to_numpy(), axis=0), atol=0.01
        )
    assert f"found by derived pickers alone: pupil (derived) {len(alone)} ({len(alone)} accepted)" in printed
    assert len(pd.read_csv(folder.with_ / "accepted.csv")) == len(scored[scored["score"] >= 0])


def test_a_pupil_does_not_teach_the_next_one(runs):
    folder, _, _ = runs
    assert len(read_run(folder.with_).probability) == len(read_run(folder.without).probability)


def test_without_it_the_same_folder_has_nothing_of_it(runs, done, scene):
    folder, _, _ = runs
    base = ("--tomograms", *scene.tomograms, "--picks", *scene.csv("one", "two"), "--boxsize", BOX, *QUICK)
    done(NAME, *base, "--odir", "out", cwd=folder.with_.parent)
    assert not (folder.with_ / "scored" / "merged_derived.xmd").exists()
    assert (folder.with_ / "scored.csv").read_bytes() == (folder.without / "scored.csv").read_bytes()


def test_what_makes_no_sense_is_refused(program, scene, tmp_path):
    one, two = scene.csv("one", "two")
    base = (NAME, "--tomograms", *scene.tomograms, "--picks", one, two, "--boxsize", BOX, "--odir", tmp_path / "out")
    for options, word in (
        (("--derived", one), "hold the same picks; a picker counts once"),
        (("--derived", tmp_path / "none.csv"), "none.csv"),
        (("--derived", one, "--voting"), "--derived: the picks of derived pickers are scored by a network"),
        (("--derived", one, "--watch"), "--derived: a derived picker learns from a finished run"),
    ):
        finished = program(*base, *options)
        assert finished.returncode == 2 and word in finished.stderr and len(finished.stderr.splitlines()) == 1, finished.stderr
