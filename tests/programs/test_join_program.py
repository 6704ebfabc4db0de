"""xmipp_join_picks_tomo on maps that are made for it: what either picker misses the other finds."""

import json

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import write_volume

NAME, RATE, SHAPE = "join_picks_tomo", 10.0, (32, 40, 48)
NAMES = ("TS_1", "TS_2", "TS_3")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Particles that either picker sees, both see, or none; wrong places that one of them takes for particles."""
    made, rng = tmp_path_factory.mktemp("joined"), np.random.default_rng(3)
    rows = {"truth": [], "dl": [], "tm": []}
    for name in NAMES:
        grid = np.array([(x, y, z) for x in range(6, 44, 8) for y in range(6, 36, 8) for z in range(6, 28, 10)], dtype=float)
        places = grid[rng.permutation(len(grid))][:24]
        write_volume(made / f"{name}.mrc", rng.normal(size=SHAPE).astype(np.float32), RATE)
        network = np.zeros(tuple(edge // 2 for edge in SHAPE), dtype=np.float32)
        template = rng.normal(0, 0.02, SHAPE).astype(np.float32)
        for number, place in enumerate(places):
            real, seen_dl, seen_tm = number < 12, number % 4 != 0, number % 3 != 0
            low, high = (0.45, 0.25) if not real else (0.9, 0.4)
            x, y, z = place.astype(int)
            network[z // 2 - 1 : z // 2 + 2, y // 2 - 1 : y // 2 + 2, x // 2 - 1 : x // 2 + 2] = low if seen_dl or real else 0.1
            template[z, y, x] = high if seen_tm or real else 0.1
            rows["truth"] += [(name, *place)] * real
            rows["dl"] += [(name, *(place + 0.4), low, "particle")] * seen_dl
            rows["tm"] += [(name, *(place - 0.4), high, "ribosome", 10.0, 20.0, 30.0)] * seen_tm
        for kind, volume, rate in (("dl", network, 2 * RATE), ("tm", template, RATE)):
            ending = "_scores.mrc" if kind == "dl" else "_ribosome_scores.mrc"
            write_volume(made / f"{kind}_maps" / f"{name}{ending}", volume, rate)
    columns = ["tomo_id", "x", "y", "z", "score", "class", "rot", "tilt", "psi"]
    for kind, own in rows.items():
        pd.DataFrame(own, columns=columns[: len(own[0])]).to_csv(made / f"{kind}.csv", index=False)
    return made


def options(folder, *names, output="joined.csv"):
    return (
        *("--tomograms", *(folder / f"{name}.mrc" for name in names), "--diameter", 60),
        *("--network", folder / "dl.csv", "--networkMaps", folder / "dl_maps"),
        *("--template", folder / "tm.csv", "--templateMaps", folder / "tm_maps"),
        *("--fit", folder / "fit.json", "-o", folder / output),
    )


def test_the_joint_score_is_learned_out_of_fold_and_beats_either(folder, done):
    printed = done(NAME, *options(folder, "TS_1", "TS_2"), "--truth", folder / "truth.csv")
    scores = dict(line.split(":", 1) for line in printed.splitlines() if "F 0." in line or "F 1." in line)
    f_scores = {name: float(text.rsplit("F ", 1)[1]) for name, text in scores.items()}
    joined = f_scores.pop("joined, each tomogram scored by the others")
    assert set(f_scores) == {"tm", "dl", "both", "union"} and joined > max(f_scores.values()) and joined > 0.95
    assert "tm alone: " in printed and "found by both: " in printed
    table = pd.read_csv(folder / "joined.csv")
    assert set(table["found_by"]) == {"both", "tm", "dl"} and set(table["tomo_id"]) == {"TS_1", "TS_2"}
    groups = pd.read_csv(folder / "joined_groups.csv", index_col="group")
    assert groups.loc["union", "picks"] == groups.loc[["both", "tm alone", "dl alone"], "picks"].sum()
    assert groups.loc["joined", "accepted"] == len(table) and groups.loc["joined", "F1"] == pytest.approx(joined, abs=5e-4)
    both = table[table["found_by"] == "both"]
    assert (both["class"] == "ribosome").all() and both[["rot", "tilt", "psi"]].notna().all().all()
    assert set(table.loc[table["found_by"] == "dl", "class"]) == {"particle"}


def test_another_tomogram_is_joined_by_what_was_learned(folder, done):
    done(NAME, *options(folder, "TS_1", "TS_2"), "--truth", folder / "truth.csv")
    before = (folder / "fit.json").read_bytes()
    done(NAME, *options(folder, "TS_3", output="new.csv"))
    assert (folder / "fit.json").read_bytes() == before
    table, truth = pd.read_csv(folder / "new.csv"), pd.read_csv(folder / "truth.csv")
    truth = truth[truth["tomo_id"] == "TS_3"]
    # one particle of the twelve is seen by neither: number 0
    away = np.linalg.norm(table[["x", "y", "z"]].to_numpy()[:, None] - truth[["x", "y", "z"]].to_numpy(), axis=2)
    assert len(table) == 11 and (away.min(axis=1) < 1).all()
    assert table["score"].is_monotonic_decreasing and table["score"].between(0, 1).all()


def test_maps_of_a_tomogram_whose_name_begins_alike_are_not_read(folder, done, tmp_path):
    for kind in ("dl", "tm"):
        ending = "_scores.mrc" if kind == "dl" else "_ribosome_scores.mrc"
        for name, of in (("TS", "TS_1"), ("TS_1", "TS_2")):
            target = tmp_path / f"{kind}_maps" / f"{name}{ending}"
            target.parent.mkdir(exist_ok=True)
            target.write_bytes((folder / f"{kind}_maps" / f"{of}{ending}").read_bytes())
            (tmp_path / f"{name}.mrc").write_bytes((folder / f"{of}.mrc").read_bytes())
        table = pd.read_csv(folder / f"{kind}.csv")
        table = table[table["tomo_id"].isin(["TS_1", "TS_2"])]
        table["tomo_id"] = table["tomo_id"].map({"TS_1": "TS", "TS_2": "TS_1"})
        table.to_csv(tmp_path / f"{kind}.csv", index=False)
    done(NAME, *options(folder, "TS_1", "TS_2"), "--truth", folder / "truth.csv")
    (tmp_path / "fit.json").write_bytes((folder / "fit.json").read_bytes())
    done(NAME, *options(folder, "TS_1", output="alone.csv"))
    done(NAME, *options(tmp_path, "TS", "TS_1"))
    alone, both = pd.read_csv(folder / "alone.csv"), pd.read_csv(tmp_path / "joined.csv")
    both = both[both["tomo_id"] == "TS"].drop(columns="tomo_id").reset_index(drop=True)
    pd.testing.assert_frame_equal(both, alone.drop(columns="tomo_id"))


def test_what_cannot_be_joined_is_refused_in_one_line(folder, program, tmp_path):
    base = options(folder, "TS_1", "TS_2")
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps({"score": {"mean": [0, 0], "spread": [1, 0], "weights": [0, 0, 0]}, "threshold": 0.5}))

    def changed(**values):
        given = list(base)
        for name, value in values.items():
            given[given.index(f"--{name}") + 1] = value
        return given

    for arguments, word in (
        (changed(fit=broken), "is no fit of xmipp_join_picks_tomo"),
        (changed(fit=tmp_path / "none.json"), "none.json"),
        (changed(networkMaps=tmp_path), "--networkMaps"),
        (changed(templateMaps=tmp_path), "has no 'TS_1_<template>_scores.mrc'"),
        (changed(diameter=0), "--diameter: must be positive"),
        ([*options(folder, "TS_1"), "--truth", folder / "truth.csv"], "takes two tomograms or more"),
    ):
        finished = program(NAME, *arguments)
        assert finished.returncode == 2 and word in finished.stderr, (arguments, finished.stderr)
        assert len(finished.stderr.splitlines()) == 1
