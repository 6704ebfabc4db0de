"""xmipp_compare_branches_tomo on real command lines: good picks before bad ones, noise as the null, one frame, bad input."""

import json

import mrcfile
import numpy as np
import pandas as pd
import pytest
from averaged_scene import DIAMETER, RATE, SIZE, density, make_scene

from tomo_particles.core.tomograms import write_volume

NAME = "compare_branches_tomo"
COMMON = (
    "--tomograms",
    "TS_1.mrc",
    "TS_2.mrc",
    "--diameter",
    DIAMETER,
    "--lowpass",
    50,
    "--finest",
    50,
    "--iter",
    2,
    "--starts",
    1,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Tomograms, the truth, and pickers: one nearly right, one of which two thirds are false."""
    path = tmp_path_factory.mktemp("branches")
    scene = make_scene(count=25)
    scene.write(path, jitter=0.3)
    picks = pd.read_csv(path / "picks.csv")
    truth = [pd.DataFrame(places, columns=[*"xyz"]).assign(tomo_id=name) for name, places in scene.places.items()]
    pd.concat(truth).to_csv(path / "truth.csv", index=False)
    rng = np.random.default_rng(1)
    bad = picks.copy()
    false = rng.permutation(len(bad))[: 2 * len(bad) // 3]
    bad.loc[bad.index[false], [*"xyz"]] = 8 + rng.random((len(false), 3)) * (np.array(SIZE) - 16)
    bad.to_csv(path / "bad.csv", index=False)
    picks.iloc[:10].to_csv(path / "few.csv", index=False)
    picks.iloc[:25].to_csv(path / "some.csv", index=False)
    picks.assign(x=picks["x"] + 500).to_csv(path / "outside.csv", index=False)
    write_volume(path / "map.mrc", density(), RATE)
    write_volume(path / "flat.mrc", np.ones((16,) * 3), RATE)
    return path


@pytest.fixture(scope="module")
def compared(folder, done):
    """What a comparison with everything that was asked for printed, and its table by branch."""
    branches = ("--branches", "good=picks.csv", "bad=bad.csv", "few=few.csv", "some=some.csv")
    printed = done(NAME, *COMMON, *branches, "--truth", "truth.csv", "--reference", "map.mrc", "--odir", "out", cwd=folder)
    return printed, pd.read_csv(folder / "out" / "branches.csv").set_index("branch")


def test_good_picks_come_before_bad_ones_and_noise_is_last(compared):
    printed, table = compared
    order = [name for name in table.index if name != "some"]
    assert set(order) == {"good", "bad", "truth", "noise"} and order[-1] == "noise" and order.index("bad") == 2
    assert table.loc["good", "equal_FSC_0.5"] < table.loc["bad", "equal_FSC_0.5"]
    assert (
        table.loc["noise", "verdict"] == "noise"
        and table.loc["noise", "mean_FSC"] < table["mean_FSC"].drop("noise").min()
        and table.loc["good", "verdict"] == "supported"
    )
    assert printed.index("at equal numbers of picks:") < printed.index("each with all of its picks:")
    assert {*table["equal_picks"].dropna()} == {table["picks"].drop("some").min()}


def test_hits_centres_and_the_map_are_measured(compared):
    _, table = compared
    assert table.loc["good", "hits"] == table.loc["good", "picks"] and table.loc["noise", "hits"] == 0
    assert table.loc["bad", "hits"] < 0.6 * table.loc["bad", "picks"]
    assert table.loc["truth", "centre_picked"] == 0 and table.loc["truth", "centre_aligned"] < 8
    assert table.loc["good", "centre_picked"] == pytest.approx(0.3 * RATE * np.sqrt(8 / np.pi), rel=0.3)  # mean of 3 normals
    to_map = table["to_reference_FSC_0.5"]
    assert to_map["good"] < 45 and not to_map["noise"] < to_map["bad"]


def test_few_picks_are_named(compared):
    printed, table = compared
    assert "branch 'few' is left out: 10 picks, and an average needs 20" in printed and "few" not in table.index
    assert "'some': 25 picks, fewer than 40: no halves" in printed
    assert table.loc["some", "verdict"] == "no halves" and table.loc["some", ["FSC_0.5", "equal_FSC_0.5"]].isna().all()


def test_maps_lie_in_the_frame_of_the_reference(compared, folder):
    maps = folder / "out" / "maps"
    names = {f"{name}_{what}" for name in ("good", "bad", "truth", "noise") for what in ("average.mrc", "half1.mrc", "half2.mrc")}
    tables = {f"{name}_fsc.csv" for name in ("good", "bad", "truth", "noise")}
    assert {path.name for path in maps.iterdir()} == names | tables | {"mask.mrc", "some_average.mrc"}
    with mrcfile.open(maps / "truth_average.mrc") as opened:
        average, rate = np.array(opened.data), float(opened.voxel_size.x)
    assert rate == pytest.approx(RATE)
    true = np.pad(density(), 5)  # centre voxel on centre voxel
    start = true.shape[0] // 2 - average.shape[0] // 2
    true = true[tuple([slice(start, start + average.shape[0])] * 3)]
    assert np.corrcoef(average.ravel(), true.ravel())[0, 1] > 0.8
    html = (folder / "out" / "report.html").read_text()
    assert html.count("data:image/png") == 2 and "The FSC alone is no verdict" in html and "few" in html
    assert '>--diameter</td><td class="text">130</td>' in html and "good=picks.csv, bad=bad.csv" in html
    summary = json.loads((folder / "out" / "summary.json").read_text())
    assert summary["order"] == list(compared[1].index) and summary["sharedPoses"] is False


def test_a_consensus_gives_its_pickers_votes_and_accepted_picks(folder, done):
    run = ("--tomograms", "TS_1.mrc", "TS_2.mrc", "--picks", "picks.csv", "bad.csv", "truth.csv", "--boxsize", 20, "--voting")
    done("run_deep_consensus_tomo", *run, "--odir", "consensus", cwd=folder)
    (folder / "shared" / "maps").mkdir(parents=True)
    (folder / "shared" / "maps" / "old_average.mrc").write_text("of an earlier comparison")
    (folder / "shared" / f".xmipp_{NAME}.json").write_text("{}")  # the record of that comparison
    options = ("--consensus", "consensus", "--branches", "hand=truth.csv", "--sharedPoses", "--odir", "shared")
    printed = done(NAME, *COMMON, *options, cwd=folder)
    table = pd.read_csv(folder / "shared" / "branches.csv").set_index("branch")
    kinds = {"hand": "picks", "picks": "picker", "picker truth": "picker", "noise": "noise", "consensus": "consensus"}
    assert kinds.items() <= table["kind"].to_dict().items()
    picks = len(pd.read_csv(folder / "picks.csv"))
    assert table.loc["picks", "picks"] == picks and table.loc["hand", "picks"] == picks
    assert not (folder / "shared" / "maps" / "old_average.mrc").exists()
    assert "one alignment of all" in printed and table.loc["votes >= 2", "kind"] == "vote"
    assert "too good" in (folder / "shared" / "report.html").read_text()
    assert table.loc["picks", "mean_FSC"] > table.loc["noise", "mean_FSC"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), ("--branches", "--consensus")),
        (("--branches", "picks.csv"), ("--branches", "name=picks", "picks.csv")),
        (("--branches", "a=picks.csv", "a=bad.csv"), ("--branches", "'a'", "twice")),
        (("--branches", "noise=picks.csv"), ("--branches", "noise", "choose another")),
        (("--branches", "a=nowhere.csv"), ("--branches", "does not exist")),
        (("--branches", "a=outside.csv"), ("--branches", "outside.csv", "outside")),
        (("--branches", "a=few.csv"), ("fewer than 20",)),
        (("--branches", "a=picks.csv", "--truth", "nowhere.csv"), ("--truth", "does not exist")),
        (("--branches", "a=picks.csv", "--reference", "nowhere.mrc"), ("--reference", "does not exist")),
        (("--branches", "a=picks.csv", "--reference", "flat.mrc"), ("--reference", "one grey value")),
        (("--consensus", "nowhere"), ("--consensus", "nowhere")),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(refused, folder, options, words):
    refused(NAME, *COMMON, *options, "--odir", "no", words=words, folder=folder, cwd=folder)
