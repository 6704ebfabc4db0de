"""xmipp_evaluate_picking_tomo: from files to files, by both rules, and one line for whatever does not fit."""

import json
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
import pytest

from tomo_particles import __version__
from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.pick_files import read_every_tomogram
from tomo_particles.formats.xmd import read_table, write_picks
from xmipp_scripts.evaluate_picking_tomo import EvaluationConfig, compare_tomograms, evaluate, page_of, read

NAME = "evaluate_picking_tomo"
RATE = 10.0
SIZE = (60, 30, 20)
TRUTH = """tomo_id,particle,x,y,z,class,rot,tilt,psi,samplingRate
TS_1,1,10,15,10,a,0,10,20,10
TS_1,2,30,15,10,b,0,10,20,10
TS_1,3,50,15,10,bead,,,,10
TS_2,1,20,15,10,a,0,10,20,10
TS_2,2,40,15,10,b,0,10,20,10
"""
CLASSES = "id,class,molecular_weight,diameter,voxels,distractor\n1,a,50,60,30,0\n2,b,700,100,90,0\n3,bead,,80,40,1\n"
# Right; the same again; within b's radius of 5, beyond a's of 3; on the bead; outside; right, but called a; a place of its own
PICKS = """tomo_id,x,y,z,score,class
TS_1,10,15,10,0.9,a
TS_1,11,15,10,0.5,a
TS_1,34,15,10,0.8,b
TS_1,51,15,10,0.4,b
TS_1,60,15,10,0.1,a
TS_2,40,15,12,0.7,a
TS_2,5,5,5,0.2,b
"""


def write_occupancy(path, tomo_id: str, size=SIZE):
    """Particle 1 of TS_1 is a shell: its centre belongs to none."""
    volume = np.zeros(size[::-1], dtype=np.int16)
    rows = [line.split(",") for line in TRUTH.splitlines() if line.startswith(tomo_id)]
    for number, row in enumerate(rows, 1):
        x = int(row[2])
        volume[8:13, 13:18, x - 2 : x + 3] = number
    if tomo_id == "TS_1":
        volume[10, 15, 10] = 0
    with mrcfile.new(path / f"{tomo_id}_occupancy.mrc", volume, overwrite=True) as file:
        file.voxel_size = RATE
    return path / f"{tomo_id}_occupancy.mrc"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Truth, picks, classes, tomograms and occupancy volumes; tests write elsewhere."""
    folder = tmp_path_factory.mktemp("data")
    for name, text in (("truth.csv", TRUTH), ("picks.csv", PICKS), ("classes.csv", CLASSES)):
        (folder / name).write_text(text)
    for tomo_id in ("TS_1", "TS_2"):
        write_volume(folder / f"{tomo_id}.mrc", np.zeros(SIZE[::-1], dtype=np.float32), RATE)
        write_occupancy(folder, tomo_id)
    return folder


@pytest.fixture(scope="module")
def full(data, done, tmp_path_factory):
    """Everything given, by the real command line; the folder of the outputs, what was printed, and the page."""
    folder = tmp_path_factory.mktemp("out")
    text = done(
        NAME, "--picks", data / "picks.csv", "--truth", data / "truth.csv", "--classes", data / "classes.csv",
        "--occupancy", data / "TS_2_occupancy.mrc", data / "TS_1_occupancy.mrc", "--oroot", folder / "sub" / "base", "--seed", 7,
        "--tomograms", data / "TS_1.mrc", data / "TS_2.mrc",
    )  # fmt: skip
    return folder / "sub", text, json.loads((folder / "sub" / "base.json").read_text())


@pytest.fixture
def page(data):
    """Evaluate in this process with the test's own options, without writing; gives the page of the JSON file."""

    def run(**options) -> dict:
        given = {name: data / f"{name}.csv" for name in ("picks", "truth", "classes")} | {"oroot": "o"} | options
        config = EvaluationConfig(**{name: str(value) if isinstance(value, Path) else value for name, value in given.items()})
        inputs = read(config)
        return page_of(config, inputs, compare_tomograms(inputs, config.seed))

    return run


def counts(numbers: dict) -> list:
    return [numbers[name] for name in ("RR", "TP", "FP", "FN", "MH", "RO")]


def test_every_number_by_hand(full):
    _, _, page = full
    found = page["all"]["distance"]
    numbers = found["localisation"]
    assert counts(numbers) == [7, 3, 3, 1, 1, 1] and numbers["particles"] == 4
    assert numbers["AD"] == pytest.approx((0 + 4 + 2) / 3) and numbers["AD_angstrom"] == pytest.approx(20)
    assert (numbers["recall"], numbers["precision"], numbers["miss_rate"]) == pytest.approx((3 / 4, 3 / 7, 1 / 4))
    assert (numbers["F1"], numbers["F4"]) == pytest.approx((6 / 11, 17 * 3 / (16 * 4 + 7)))
    # Ranked: hit, hit, hit, surplus, bead, nowhere, outside; three of four particles at precision 1
    assert numbers["average_precision"] == pytest.approx(0.75)
    assert numbers["brier"] == pytest.approx((0.1**2 + 0.2**2 + 0.3**2 + 0.5**2 + 0.4**2 + 0.2**2 + 0.1**2) / 7)
    assert numbers["ECE"] == pytest.approx((0.1 + 0.2 + 0.3 + 0.5 + 0.4 + 0.2 + 0.1) / 7)
    assert counts(found["classes"]["a"]) == [4, 1, 2, 1, 1, 1] and counts(found["classes"]["b"]) == [3, 1, 2, 1, 0, 0]
    assert found["size_groups"] == pytest.approx({"small": 2 / 6, "large": 2 / 5})
    assert found["false_picks_on"] == {"bead": 1}
    assert 0 <= found["random_baseline"]["F1"] < 0.3


def test_the_occupancy_rule_gives_its_own_answer(full):
    """The first pick lies in the hollow centre, its neighbour in the shell; 34 lies beyond the voxels of its particle."""
    _, _, page = full
    numbers = page["all"]["occupancy"]["localisation"]
    assert counts(numbers) == [7, 2, 5, 2, 0, 1] and numbers["AD"] == pytest.approx((1 + 2) / 2)
    assert numbers["F1"] == pytest.approx(4 / 11)


def test_every_tomogram_alone(full):
    _, _, page = full
    one, two = (page["tomograms"][name]["distance"]["localisation"] for name in ("TS_1", "TS_2"))
    assert counts(one) == [5, 2, 2, 0, 1, 1] and counts(two) == [2, 1, 1, 1, 0, 0]


def test_the_page_says_how_it_was_made(full, data):
    _, _, page = full
    assert (page["version"], page["seed"], page["program"]) == (__version__, 7, f"xmipp_{NAME}")
    assert page["parameters"]["picks"] == str(data / "picks.csv") and page["parameters"]["radius"] is None
    assert page["notes"] == []


def test_all_files_are_written(full):
    folder, _, page = full
    assert sorted(path.name for path in folder.iterdir()) == [
        "base.json",
        "base_confusion.csv",
        "base_confusion.png",
        "base_curves.png",
        "base_metrics.csv",
        "base_picks.xmd",
    ]
    table = pd.read_csv(folder / "base_metrics.csv")
    distance = table[table["rule"] == "distance"].set_index("name")
    assert list(distance.index) == ["all", "a", "b", "small", "large"]
    assert list(distance["kind"]) == ["all", "class", "class", "size group", "size group"]
    assert distance.loc["all", "F1"] == pytest.approx(page["all"]["distance"]["localisation"]["F1"], rel=1e-5)
    assert distance.loc["large", "F1"] == pytest.approx(0.4) and np.isnan(distance.loc["large", "recall"])
    confusion = pd.read_csv(folder / "base_confusion.csv", index_col=0)
    assert confusion.loc["a"].to_dict() == {"a": 1, "b": 0, "missed": 1}
    assert confusion.loc["b"].to_dict() == {"a": 1, "b": 1, "missed": 0}
    assert confusion.loc["false result"].to_dict() == {"a": 1, "b": 2, "missed": 0}


def test_what_is_printed(full):
    _, text, _ = full
    lines = text.splitlines()
    assert lines[0] == "distance rule"
    assert lines[1].split() == ["N", "RR", "TP", "FP", "FN", "MH", "RO", "AD", "recall", "precision", "F1", "F4", "AP"]
    assert lines[2].split()[:8] == ["all", "4", "7", "3", "3", "1", "1", "1"]
    assert "false picks on: bead 1" in lines and any(line.startswith("written: ") for line in lines)


def test_what_became_of_every_pick(full):
    folder, _, _ = full
    table = read_table(folder / "base_picks.xmd")
    assert table["comment"] == ["hit", "surplus", "hit", "other", "outside", "hit", "false"]
    assert table["enabled"] == [1, -1, 1, -1, -1, 1, -1]
    assert table["itemId"] == [1, 1, 2, 3, 0, 2, 0]
    np.testing.assert_allclose(table["cost"], [0, 1, 4, 1, 0, 2, 0], atol=1e-6)  # an absent value reads as almost 0
    again = read_every_tomogram(folder / "base_picks.xmd")
    assert again["TS_1"].score.tolist() == [0.9, 0.5, 0.8, 0.4, 0.1] and again["TS_2"].species.tolist() == ["a", "b"]


def test_the_seed_decides_the_baseline(page):
    one, same, other = (page(seed=seed)["all"]["distance"]["random_baseline"] for seed in (1, 1, 2))
    assert one == same != other


def test_one_radius_for_all(page):
    numbers = page(radius=3.5)["all"]["distance"]["localisation"]
    assert counts(numbers)[:5] == [7, 2, 4, 2, 1]  # 34 is 4 away
    found = page(radius=4.0, classes=None)
    assert counts(found["all"]["distance"]["localisation"])[:5] == [7, 3, 3, 1, 1]
    assert found["all"]["distance"]["size_groups"] == {}


def test_without_tomograms_or_volumes_outside_is_unknown(page):
    found = page()
    assert found["all"]["distance"]["localisation"]["RO"] is None and list(found["all"]) == ["distance"]
    assert any("bounding box" in note for note in found["notes"])


def test_only_a_target(page):
    found = page(target=("b",))["all"]["distance"]
    assert counts(found["localisation"])[:5] == [7, 2, 5, 0, 0]
    assert found["false_picks_on"] == {"a": 2, "bead": 1} and list(found["classes"]) == ["b"]


def test_only_the_tomograms_given(page, data):
    found = page(tomograms=(str(data / "TS_2.mrc"),))
    assert list(found["tomograms"]) == ["TS_2"] and counts(found["all"]["distance"]["localisation"]) == [2, 1, 1, 1, 0, 0]
    assert [Path(note.partition(":")[0]).name for note in found["notes"]] == ["truth.csv", "picks.csv"]


def write_rescaled(path, source, rate: float):
    """The same picks in voxels of another rate, with the column samplingRate."""
    table = pd.read_csv(source)
    table[["x", "y", "z"]] = rescale_positions(table[["x", "y", "z"]].to_numpy(), RATE, rate)
    table.assign(samplingRate=rate).to_csv(path, index=False)
    return path


def test_the_sampling_rate_of_the_picks_and_their_order_change_nothing(page, data, tmp_path):
    first = page()
    coarse = page(picks=write_rescaled(tmp_path / "coarse.csv", data / "picks.csv", 27.3))
    assert coarse["all"]["distance"]["localisation"] == pytest.approx(first["all"]["distance"]["localisation"])
    pd.read_csv(data / "picks.csv")[::-1].to_csv(tmp_path / "reversed.csv", index=False)
    turned = page(picks=tmp_path / "reversed.csv")
    for name in ("localisation", "random_baseline", "size_groups"):
        assert turned["all"]["distance"][name] == pytest.approx(first["all"]["distance"][name]), name


def test_scaling_the_truth_too_changes_only_what_is_in_voxels(page, data, tmp_path):
    fine = write_rescaled(tmp_path / "fine.csv", data / "truth.csv", 5.0)
    first, again = (found["all"]["distance"]["localisation"] for found in (page(), page(truth=fine, sampling_rate=RATE)))
    assert again.pop("AD") == pytest.approx(2 * first.pop("AD")) and again == pytest.approx(first)


def test_picks_that_are_the_truth_are_perfect(page, data, tmp_path):
    truth = pd.read_csv(data / "truth.csv")
    truth[truth["class"] != "bead"].to_csv(tmp_path / "perfect.csv", index=False)
    found = page(picks=tmp_path / "perfect.csv")
    numbers = found["all"]["distance"]
    for one in (numbers["localisation"], *numbers["classes"].values()):
        assert [one[name] for name in ("recall", "precision", "F1", "F4", "AD")] == [1, 1, 1, 1, 0]
    assert numbers["localisation"]["average_precision"] is None and any("no scores" in note for note in found["notes"])


def _write(path, text: str):
    path.write_text(text)
    return path


def test_picks_without_classes_are_localised_only(data, tmp_path):
    path = _write(tmp_path / "p.csv", "tomo_id,x,y,z\nTS_1,10,15,10\nTS_9,1,1,1\n")
    _write(tmp_path / "o_confusion.csv", "of an earlier evaluation under this name")
    evaluate(EvaluationConfig(str(path), str(data / "truth.csv"), str(tmp_path / "o"), radius=3.0))
    found = json.loads((tmp_path / "o.json").read_text())
    assert found["all"]["distance"]["classes"] == {} and counts(found["all"]["distance"]["localisation"])[:4] == [1, 1, 0, 3]
    assert not (tmp_path / "o_confusion.csv").exists() and (tmp_path / "o_curves.png").exists()
    for words in ("'TS_9' are of no tomogram given and left out", "no picks in 'TS_2'", "no classes", "no scores"):
        assert any(words in note for note in found["notes"]), words


def test_a_truth_without_classes(page, tmp_path):
    path = _write(tmp_path / "t.csv", "tomo_id,x,y,z,samplingRate\nTS_1,10,15,10,10\n")
    found = page(truth=path, classes=None, radius=3.0)
    assert counts(found["all"]["distance"]["localisation"])[:5] == [5, 1, 3, 0, 1]
    assert any("truth names no classes" in note for note in found["notes"])


def test_xmd_truth_and_picks(page, tmp_path):
    truth = read_every_tomogram(_write(tmp_path / "t.csv", TRUTH))["TS_1"]
    write_picks(tmp_path / "truth.xmd", truth, 8, "TS_1.mrc")
    write_picks(tmp_path / "picks.xmd", Picks("TS_1", truth.positions[:2], RATE, score=[3.0, 2.0]), 8, "TS_1.mrc")
    found = page(truth=tmp_path / "truth.xmd", picks=tmp_path / "picks.xmd")
    numbers = found["all"]["distance"]["localisation"]
    assert counts(numbers)[:4] == [2, 2, 0, 0] and numbers["average_precision"] == 1.0 and numbers["brier"] is None
    assert any("outside [0, 1]" in note for note in found["notes"])


def test_files_that_count_from_the_centre_of_the_tomogram(page, data, tmp_path):
    """Of RELION 5: their place depends on the size of the tomogram, 60 x 30 x 20 voxels of 10 Å."""
    columns = ["rlnTomoName", *(f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ")]
    star = "\ndata_particles\n\nloop_\n" + "".join(f"_{name}\n" for name in columns) + "TS_1 -200 0 0\nTS_1 0 0 0\n"
    plain = _write(tmp_path / "plain.csv", "tomo_id,x,y,z,samplingRate\nTS_1,10,15,10,10\nTS_1,30,15,10,10\n")
    centred = _write(tmp_path / "centred.star", star)
    for truth, picks in ((plain, centred), (centred, plain)):
        found = page(truth=truth, picks=picks, classes=None, radius=0.001, tomograms=(str(data / "TS_1.mrc"),))
        assert counts(found["all"]["distance"]["localisation"])[:4] == [2, 2, 0, 0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"--picks": "no.csv"}, ["--picks: file 'no.csv' does not exist"]),
        ({"--classes": None}, ["--radius", "--classes"]),
        ({"--radius": -2}, ["--radius: must be positive", "-2"]),
        ({"--picks": "elsewhere.csv"}, ["names the tomograms 'TS_7'", "'TS_1', 'TS_2'", "of --truth"]),
        ({"--classes": "few.csv", "--radius": 5}, ["--classes", "no row for 'b', 'bead' of the truth"]),
        ({"--target": "proteasome"}, ["--target", "no class 'proteasome'", "'a', 'b', 'bead'"]),
        (
            {"--occupancy": ("small/TS_1_occupancy.mrc", "TS_2_occupancy.mrc"), "--tomograms": ("TS_1.mrc", "TS_2.mrc")},
            ["59 x 30 x 20 voxels", "60 x 30 x 20"],
        ),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(refused, bad, change, said):
    options = {"--picks": "picks.csv", "--truth": "truth.csv", "--classes": "classes.csv", "--oroot": "out/base"} | change
    words = [
        word
        for name, value in options.items()
        if value is not None
        for word in (name, *(value if isinstance(value, tuple) else (value,)))
    ]
    refused(NAME, *words, words=said, folder=bad, cwd=bad)
    assert not (bad / "out").exists()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"truth": "no.csv"}, "--truth: file 'no.csv' does not exist"),
        ({"truth": "beads.csv", "occupancy": ("no_occupancy.mrc",)}, "--occupancy: file 'no_occupancy.mrc'"),  # small ones first
        ({"truth": "beads.csv", "picks": "no.csv"}, "--picks: file 'no.csv' does not exist"),
        ({"classes": "no.csv"}, "classes: file 'no.csv' does not exist"),
        ({"tomograms": ("no.mrc",)}, "--tomograms: file 'no.mrc' does not exist"),
        ({"occupancy": ("no_occupancy.mrc",)}, "--occupancy: file 'no_occupancy.mrc' does not exist"),
        ({"sampling_rate": 0.0}, "--samplingrate: must be positive"),
        ({"radius": float("nan")}, "--radius: must be positive"),
        ({"seed": -1}, "--seed: must be 0 or more"),
        ({"classes": "few.csv"}, "--classes: 'few.csv' has no row for 'b', 'bead'"),
        ({"truth": "nameless.csv"}, "--classes: 'classes.csv' cannot be used"),
        ({"target": ("a", "x", "y")}, "--target: 'truth.csv' has no class 'x', 'y'; its classes are 'a', 'b', 'bead'"),
        ({"occupancy": ("small/TS_1_occupancy.mrc",)}, "--occupancy: no volume for 'TS_2' of the truth"),
        ({"occupancy": ("TS_1.mrc", "TS_2.mrc")}, "--occupancy: 'TS_1.mrc' must be named <tomogram>_occupancy.mrc"),
        ({"occupancy": ("TS_1_occupancy.mrc", "small/TS_2_occupancy.mrc")}, "particle 2 of tomogram 'TS_2' lies at (40.0, "),
        ({"occupancy": ("zero/TS_1_occupancy.mrc", "TS_2_occupancy.mrc")}, "does not number the 3 particles of tomogram 'TS_1'"),
        ({"truth": "unsized.csv"}, "--truth: 'unsized.csv' has no column samplingRate"),
        ({"truth": "beads.csv"}, "--truth: 'beads.csv' holds no particle, only bead"),
    ],
)
def test_what_does_not_fit_is_refused(bad, monkeypatch, change, said):
    monkeypatch.chdir(bad)
    options = {"picks": "picks.csv", "truth": "truth.csv", "oroot": "out/base", "classes": "classes.csv"} | change
    with pytest.raises(InputError) as caught:
        evaluate(EvaluationConfig(**options))
    assert said in str(caught.value) and "\n" not in str(caught.value)
    assert not (bad / "out").exists()


@pytest.fixture(scope="module")
def bad(data):
    """The good files, and beside them files that do not fit."""
    for name, text in (
        ("elsewhere.csv", "tomo_id,x,y,z\nTS_7,1,2,3\n"),
        ("few.csv", "class,diameter\na,60\n"),
        ("nameless.csv", "tomo_id,x,y,z,samplingRate\nTS_1,10,15,10,10\n"),
        ("unsized.csv", "tomo_id,x,y,z,class\nTS_1,10,15,10,a\n"),
        ("beads.csv", "tomo_id,x,y,z,class,samplingRate\nTS_1,10,15,10,bead,10\n"),
    ):
        (data / name).write_text(text)
    for folder in ("small", "zero"):
        (data / folder).mkdir()
    write_occupancy(data / "small", "TS_1", (59, 30, 20))
    write_occupancy(data / "small", "TS_2", (40, 30, 20))
    write_volume(data / "zero" / "TS_1_occupancy.mrc", np.zeros(SIZE[::-1]), RATE)
    return data
