"""xmipp_coordinates_consensus_tomo: options do what they say, nothing a picker gave is lost."""

import numpy as np
import pytest

from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import read_picks, read_table, write_picks

NAME = "coordinates_consensus_tomo"
# Three places 20 voxels apart: seen by pickers 1, 2 and 3; by 1 and 2; by 3 alone.
POSITIONS = [[10, 10, 10], [11, 10, 10], [10, 11, 10], [30, 10, 10], [31.5, 10, 10], [50, 10, 10.25]]
PICKERS = [1, 2, 3, 1, 2, 3]


@pytest.fixture
def consensus(done, tmp_path):
    """Run the consensus; gives the tables of the outputs by name."""

    def run(path, *options, radius: float = 0.4) -> dict[str, dict]:
        outputs = {name: tmp_path / "out" / f"{name}.xmd" for name in ("Pos", "Doubt", "All", "Neg")}
        done(
            NAME,
            "--input",
            path,
            *(word for name, file in outputs.items() for word in (f"--output{name}", file)),
            "--boxsize",
            12,
            "--samplingrate",
            10,
            "--radius",
            radius,
            *options,
        )
        return {name: read_table(file) for name, file in outputs.items()}

    return run


def places(table: dict) -> np.ndarray:
    return np.array([table["x"], table["y"], table["z"]], dtype=float).T.reshape(-1, 3)


@pytest.mark.parametrize(("number", "positives", "doubtful"), [(1, 3, 0), (2, 2, 1), (3, 1, 2), (4, 0, 3)])
def test_the_number_of_pickers_decides(consensus, picks_xmd, number, positives, doubtful):
    # STYLE flaw: threshold option read but never used (`> 2` hard-coded: with two pickers nothing was ever positive)
    tables = consensus(picks_xmd("in.xmd", POSITIONS, PICKERS), "--number", number)
    assert (len(tables["Pos"]["x"]), len(tables["Doubt"]["x"]), len(tables["All"]["x"])) == (positives, doubtful, 3)


def test_two_pickers_make_positives(consensus, picks_xmd):
    tables = consensus(picks_xmd("in.xmd", POSITIONS[3:5], PICKERS[3:5]))
    assert len(tables["Pos"]["x"]) == 1 and tables["Pos"]["count"] == [2] and tables["Pos"]["CoordConsScore"] == [1.0]


def test_picks_of_one_picker_are_never_negatives(consensus, picks_xmd):
    # STYLE flaw: single-picker picks used as negatives
    tables = consensus(picks_xmd("in.xmd", POSITIONS, PICKERS))
    assert tables["Neg"]["x"] == [] and -1 not in tables["All"]["enabled"]
    assert len(tables["Doubt"]["x"]) == 1 and tables["Doubt"]["comment"] == ["3"]


def test_support_and_pickers_are_written(consensus, picks_xmd):
    table = consensus(picks_xmd("in.xmd", POSITIONS, PICKERS))["All"]
    found = {
        comment: (count, score)
        for comment, count, score in zip(table["comment"], table["count"], table["CoordConsScore"], strict=True)
    }
    assert found == {"1+2+3": (3, 1.0), "1+2": (2, pytest.approx(2 / 3, abs=1e-5)), "3": (1, pytest.approx(1 / 3, abs=1e-5))}


@pytest.mark.parametrize(("constype", "expected"), [(0, [30, 10, 10]), (1, [31, 10, 10]), (2, [30.75, 10, 10])])
def test_the_position_is_the_one_asked_for(consensus, picks_xmd, constype, expected):
    # STYLE flaw: centroid computed and thrown away
    path = picks_xmd("in.xmd", [[30, 10, 10], [31.5, 10, 10], [31.5, 10, 10]], [1, 2, 2])
    np.testing.assert_allclose(places(consensus(path, "--constype", constype)["Pos"]), [expected], atol=0.01)


def test_neither_the_order_of_the_picks_nor_the_numbers_of_the_pickers_matter(consensus, picks_xmd):
    # STYLE flaw: clustering that depends on the order of the pickers
    rng = np.random.default_rng(1)
    positions, pickers = rng.random((60, 3)) * 30 + 6, rng.integers(1, 4, 60)
    order, renamed = rng.permutation(60), np.array([0, 7, 5, 6])
    one = consensus(picks_xmd("a.xmd", positions, pickers))["All"]
    two = consensus(picks_xmd("b.xmd", positions[order], renamed[pickers][order]))["All"]
    rows = [sorted(zip(np.round(places(t), 3).tolist(), t["count"], strict=True)) for t in (one, two)]
    assert rows[0] == rows[1]


def test_score_and_group_of_the_nearest_pick_and_the_mean_orientation_stay_with_the_particle(consensus, picks_xmd):
    # STYLE flaw: score, orientation and group id lost in the output
    path = picks_xmd(
        "in.xmd",
        [[10, 10, 10], [10.4, 10, 10], [11, 10, 10]],
        [1, 2, 3],
        score=[0.1, 0.2, 0.3],
        angles=[[30, 20, 10], [30, 25, 10], [30, 30, 10]],
        group=[11, 12, 13],
        species=["ribosome", "membrane", "ribosome"],
    )
    table = consensus(path)["Pos"]
    assert (table["fom"], table["ref2"], table["imageRef"]) == ([0.2], [11], ["ribosome"])  # 12 is not of that class
    assert (table["angleRot"][0], table["angleTilt"][0], table["anglePsi"][0]) == pytest.approx((30, 25, 10), abs=1e-3)
    assert table["angleDiff"] == [pytest.approx(10 / 3, abs=1e-3)]
    x = table["x"][0]
    assert table["shiftDiff"] == [pytest.approx(np.mean([abs(x - place) for place in (10, 10.4, 11)]), abs=1e-4)]
    assert table["tiltSeriesId"] == ["TS_1"] and table["tomogramVolume"] == ["TS_1.mrc"] and table["particleSize"] == [12]


def test_orientations_that_the_symmetry_makes_equal_are_averaged(consensus, picks_xmd):
    path = picks_xmd("in.xmd", [[10, 10, 10], [10.4, 10, 10]], [1, 2], angles=[[10, 40, 0], [194, 40, 0]])
    plain, cyclic = consensus(path)["Pos"], consensus(path, "--symmetry", "C2")["Pos"]
    assert plain["angleDiff"][0] > 60 and cyclic["angleDiff"] == [pytest.approx(2, abs=1e-3)]
    assert cyclic["angleRot"][0] % 180 == pytest.approx(12, abs=1e-3) and cyclic["angleTilt"] == [pytest.approx(40, abs=1e-3)]


def test_a_reference_keeps_what_the_user_says_and_else_what_the_pickers_say(consensus, picks_xmd):
    picks = picks_xmd("in.xmd", POSITIONS[:2], [1, 2], angles=[[10, 20, 30]] * 2, group=[4, 4], species=["a", "a"])
    truth = picks_xmd("truth.xmd", [[10, 10, 11]], species=["b"])
    table = consensus(picks, "--inputTruth", truth)["Pos"]
    assert (table["imageRef"], table["ref2"], table["comment"]) == (["b"], [4], ["0+1+2"])
    assert (table["angleRot"], table["anglePsi"]) == ([pytest.approx(10)], [pytest.approx(30)])


def test_coordinates_are_not_truncated(consensus, picks_xmd):
    # STYLE flaw: coordinates truncated with int()
    table = consensus(picks_xmd("in.xmd", [[10.75, 20.6, 30.55], [10.75, 20.6, 30.55]], [1, 2]))["Pos"]
    np.testing.assert_allclose(places(table), [[10.75, 20.6, 30.55]], atol=1e-4)
    assert (table["xcoor"], table["ycoor"], table["zcoor"]) == ([11], [21], [31])


def test_picks_of_another_sampling_rate_are_rescaled_and_the_result_stored(consensus, picks_xmd):
    # STYLE flaw: scaled coordinates never stored
    table = consensus(picks_xmd("in.xmd", [[20.5, 40.5, 60.5], [21.5, 40.5, 60.5]], [1, 2], rate=5.0))["Pos"]
    np.testing.assert_allclose(places(table), [[10.25, 20, 30]], atol=1e-3)
    assert table["samplingRate"] == [10.0]


def test_truth_is_positive_and_lies_are_negative_whatever_the_votes(consensus, picks_xmd):
    truth, lie = picks_xmd("truth.xmd", [[51, 10, 10], [90, 90, 90]]), picks_xmd("lie.xmd", [[10, 10, 12]])
    tables = consensus(picks_xmd("in.xmd", POSITIONS, PICKERS), "--inputTruth", truth, "--inputLie", lie)
    np.testing.assert_allclose(places(tables["Neg"]), [[10, 10, 12]])
    positive = {
        tuple(np.round(place).astype(int)): comment
        for place, comment in zip(places(tables["Pos"]), tables["Pos"]["comment"], strict=True)
    }
    assert positive == {(31, 10, 10): "1+2", (51, 10, 10): "0+3", (90, 90, 90): "0"}
    assert len(tables["Doubt"]["x"]) == 0 and len(tables["All"]["x"]) == 4
    assert tables["Neg"]["enabled"] == [-1] and tables["Pos"]["enabled"] == [1, 1, 1]


def test_ids_of_particles_start_where_asked(consensus, picks_xmd):
    tables = consensus(picks_xmd("in.xmd", POSITIONS, PICKERS), "--startingId", 501)
    assert tables["All"]["particleId"] == [501, 502, 503]
    assert sorted(tables["Pos"]["particleId"] + tables["Doubt"]["particleId"]) == [501, 502, 503]


def test_no_picks_give_empty_tables(consensus, picks_xmd):
    # STYLE flaw: an empty set reaching the scorer as file 'None'
    tables = consensus(picks_xmd("in.xmd", []))
    assert all(table["x"] == [] for table in tables.values())


def test_ten_pickers(consensus, picks_xmd):
    positions = np.repeat([[10, 10, 10], [40, 10, 10]], 10, axis=0) + np.random.default_rng(0).normal(0, 0.3, (20, 3))
    table = consensus(picks_xmd("in.xmd", positions, list(range(1, 11)) * 2), "--number", 10)["Pos"]
    assert table["count"] == [10, 10] and table["comment"][0] == "1+2+3+4+5+6+7+8+9+10"


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--boxsize", 0, "--boxsize"),
        ("--boxsize", 13, "even number"),
        ("--radius", -0.4, "--radius: must be positive"),
        ("--radius", "nan", "--radius"),
        ("--samplingrate", 0, "--samplingrate"),
        ("--startingId", -1, "--startingId"),
        ("--input", "no.xmd", "does not exist"),
        ("--symmetry", "c0", "--symmetry: must be c1, a cyclic"),
        ("--inputTruth", "no.xmd", "--inputTruth: file 'no.xmd' does not exist"),
        ("--inputLie", "empty.xmd", "--inputLie: file 'empty.xmd' is empty"),
    ],
)
def test_wrong_values_are_refused(refused, picks_xmd, tmp_path, option, value, said):
    (tmp_path / "empty.xmd").touch()
    options = {
        "--input": picks_xmd("in.xmd", POSITIONS, PICKERS),
        "--outputPos": "p.xmd",
        "--outputDoubt": "d.xmd",
        "--outputAll": "a.xmd",
        "--boxsize": 12,
        "--samplingrate": 10,
        "--radius": 0.4,
    } | {option: value}
    refused(NAME, *(word for pair in options.items() for word in pair), words=[said], folder=tmp_path, cwd=tmp_path)


def test_picks_must_say_whose_they_are(refused, tmp_path):
    """Without an id of the picker nobody agrees with anybody; id 0 stands for the user's references."""
    write_picks(tmp_path / "in.xmd", Picks("TS_1", POSITIONS, 10.0), 12, "t")
    refused(
        NAME,
        "--input",
        "in.xmd",
        "--outputPos",
        "p.xmd",
        "--outputDoubt",
        "d.xmd",
        "--outputAll",
        "a.xmd",
        "--boxsize",
        12,
        "--samplingrate",
        10,
        "--radius",
        0.4,
        words=["--input", "in.xmd", "ref"],
        folder=tmp_path,
        cwd=tmp_path,
    )
    assert len(read_picks(tmp_path / "in.xmd")) == 6
