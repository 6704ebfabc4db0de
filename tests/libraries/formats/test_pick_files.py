"""Pick files: CSV and XMD to the same picks, ids matched whole, every wrong row named."""

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import tomogram_id
from tomo_particles.formats.pick_files import read_every_tomogram, read_pick_file
from tomo_particles.formats.xmd import write_picks, write_table

RATES = {"TS_1": 10.0, "TS_10": 5.0, "my tomo": 8.68}


def csv(tmp_path, *lines: str, header: str = "tomo_id,x,y,z"):
    path = tmp_path / "picker one.csv"
    path.write_text("\n".join((header, *lines)) + "\n")
    return path


def refusal(path, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_pick_file(path, RATES, **options)
    message = str(caught.value)
    assert options.get("option", "picks") in message and path.name in message and "\n" not in message
    return message


def test_ids_are_matched_whole(tmp_path):
    # STYLE flaw: tilt-series ids matched by substring
    picks = read_pick_file(csv(tmp_path, "TS_1,1,2,3", "TS_10,4,5,6", "TS_1,7,8,9", "TS_100,1,1,1"), RATES, picker=3)
    assert set(picks) == {"TS_1", "TS_10"}
    assert picks["TS_1"].positions.tolist() == [[1, 2, 3], [7, 8, 9]] and picks["TS_10"].positions.tolist() == [[4, 5, 6]]
    assert picks["TS_1"].sampling_rate == 10.0 and picks["TS_10"].sampling_rate == 5.0
    assert picks["TS_1"].picker.tolist() == [3, 3]


def test_a_tomogram_may_be_another_version_of_the_one_that_was_picked(tmp_path):
    notes: list[str] = []
    rates = {"TS_1_denoised": 10.0, "rec_TS_10": 5.0}
    picks = read_pick_file(csv(tmp_path, "TS_1,1,2,3", "TS_10,4,5,6"), rates, notes=notes)
    assert {tomo_id: own.positions.tolist() for tomo_id, own in picks.items()} == {
        "TS_1_denoised": [[1, 2, 3]],
        "rec_TS_10": [[4, 5, 6]],
    }
    assert any("picks of 'TS_1' are taken for those of 'TS_1_denoised'" in note for note in notes)
    both = read_pick_file(csv(tmp_path, "TS_1,1,2,3", "TS_1_denoised,4,5,6"), {"TS_1_denoised": 10.0})
    assert both["TS_1_denoised"].positions.tolist() == [[4, 5, 6]]  # the very name wins; the other is left out


def test_another_binning_by_the_name_needs_a_sampling_rate(tmp_path):
    path = csv(tmp_path, "TS_1,10,20,30")
    with pytest.raises(InputError, match="by the names another binning than 'TS_1_bin2'"):
        read_pick_file(path, {"TS_1_bin2": 20.0})
    assert read_pick_file(path, {"TS_1_bin2": 20.0}, sampling_rate=10.0)["TS_1_bin2"].sampling_rate == 10.0


def test_ids_that_look_like_numbers_and_ids_with_blanks(tmp_path):
    picks = read_pick_file(csv(tmp_path, "007,1,2,3", "my tomo, 4, 5, 6"), {"007": 1.0, "7": 2.0, "my tomo": 3.0})
    assert set(picks) == {"007", "my tomo"} and picks["my tomo"].positions.tolist() == [[4, 5, 6]]


def test_everything_a_csv_can_say(tmp_path):
    path = csv(
        tmp_path,
        "5.25,TS_1,6,7,0.5,2.5,10,20,30,4",
        "1,TS_1,2,3,,2.5,,,,0",
        header="x,tomo_id,y,z,score,samplingRate,rot,tilt,psi,group",
    )
    picks = read_pick_file(path, RATES)["TS_1"]
    assert picks.positions.tolist() == [[5.25, 6, 7], [1, 2, 3]] and picks.sampling_rate == 2.5
    np.testing.assert_array_equal(picks.score, [0.5, np.nan])
    np.testing.assert_array_equal(picks.angles, [[10, 20, 30], [np.nan] * 3])
    assert picks.group.tolist() == [4, 0]


def test_whose_sampling_rate_counts(tmp_path):
    plain = csv(tmp_path, "TS_1,1,2,3")
    assert read_pick_file(plain, RATES)["TS_1"].sampling_rate == 10.0
    assert read_pick_file(plain, RATES, sampling_rate=20.0)["TS_1"].sampling_rate == 20.0
    own = csv(tmp_path, "TS_1,1,2,3,40", header="tomo_id,x,y,z,samplingRate")
    assert read_pick_file(own, RATES, sampling_rate=20.0)["TS_1"].sampling_rate == 40.0


def test_xmd_and_csv_give_the_same_picks(tmp_path):
    picks = Picks(
        "TS_1", [[1.25, 2.5, 3.75], [4, 5, 6]], 20.0, score=[0.25, np.nan], angles=[[1, 2, 3], [np.nan] * 3], group=[3, 0]
    )
    write_picks(tmp_path / "p.xmd", picks, 32, "t.mrc")
    from_xmd = read_pick_file(tmp_path / "p.xmd", RATES, picker=2)["TS_1"]
    from_csv = read_pick_file(
        csv(
            tmp_path,
            "TS_1,1.25,2.5,3.75,0.25,20,1,2,3,3",
            "TS_1,4,5,6,,20,,,,0",
            header="tomo_id,x,y,z,score,samplingRate,rot,tilt,psi,group",
        ),
        RATES,
        picker=2,
    )["TS_1"]
    for name in ("positions", "score", "angles", "group", "picker"):
        np.testing.assert_array_equal(getattr(from_xmd, name), getattr(from_csv, name))
    assert from_xmd.sampling_rate == from_csv.sampling_rate == 20.0


def test_an_xmd_may_name_the_tomogram_by_its_file(tmp_path):
    write_table(tmp_path / "p.xmd", {"xcoor": [1], "ycoor": [2], "zcoor": [3], "tomogramVolume": ["far/away/TS_1.mrc"]})
    assert read_pick_file(tmp_path / "p.xmd", RATES)["TS_1"].positions.tolist() == [[1, 2, 3]]


def test_a_csv_from_excel_with_a_byte_order_mark(tmp_path):
    path = tmp_path / "excel.csv"
    path.write_bytes("tomo_id,x,y,z\r\nTS_1,1,2,3\r\n".encode("utf-8-sig"))
    assert len(read_pick_file(path, RATES)["TS_1"]) == 1


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("TS_1,nan,2,3", "line 3: x"),
        ("TS_1,1,,3", "line 3: y"),
        ("TS_1,1,2,far", "line 3: z is 'far'"),
        ("TS_1,1,inf,3", "line 3: y"),
        (",1,2,3", "line 3: tomo_id"),
    ],
)
def test_a_bad_row_is_named(tmp_path, row, said):
    assert said in refusal(csv(tmp_path, "TS_1,1,2,3", row))


def test_a_bad_score_is_named_and_an_absent_one_is_not(tmp_path):
    assert "score is 'good'" in refusal(csv(tmp_path, "TS_1,1,2,3,good", header="tomo_id,x,y,z,score"))


def test_files_that_are_no_pick_files(tmp_path):
    assert "does not exist" in refusal(tmp_path / "none.csv", option="--truth")
    (tmp_path / "empty.csv").touch()
    assert "is empty" in refusal(tmp_path / "empty.csv")
    assert "has no picks" in refusal(csv(tmp_path))
    assert "lacks the column z" in refusal(csv(tmp_path, "TS_1,1,2", header="tomo_id,x,y"))
    assert "is by its name of tomogram" in refusal(csv(tmp_path, "1,2,3", header="x,y,z"))  # then the file must bear it
    (tmp_path / "binary.csv").write_bytes(bytes(range(256)) * 4)
    refusal(tmp_path / "binary.csv")
    (tmp_path / "ragged.csv").write_text("tomo_id,x,y,z\nTS_1,1,2,3\nTS_1,1,2,3,4,5,6\n")
    refusal(tmp_path / "ragged.csv")


def test_an_xmd_without_picks(tmp_path):
    write_picks(tmp_path / "none.xmd", Picks("TS_1", np.zeros((0, 3)), 10.0), 32, "t")
    assert "has no picks" in refusal(tmp_path / "none.xmd")


def test_two_sampling_rates_in_one_tomogram_are_refused(tmp_path):
    assert "mixes sampling rates" in refusal(csv(tmp_path, "TS_1,1,2,3,10", "TS_1,1,2,3,20", header="tomo_id,x,y,z,samplingRate"))


def test_picks_of_other_tomograms_only_are_refused_with_both_lists(tmp_path):
    message = refusal(csv(tmp_path, "TS_2,1,2,3"))
    assert "'TS_2'" in message and "'TS_10'" in message


def test_picks_of_tomograms_not_given_are_left_out_in_a_line(tmp_path):
    notes: list[str] = []
    path = csv(tmp_path, "TS_1,1,2,3", "TS_01,4,5,6", *["TS_7,1,1,1"] * 3, *[f"x{i},0,0,0" for i in range(30, 40)])
    assert list(read_pick_file(path, RATES, notes=notes)) == ["TS_1"]
    names = "'TS_01', 'TS_7', 'x30', 'x31' and 8 more"
    assert notes == [f"{path}: 14 picks of {names} are of no tomogram given and left out; nearest: 'TS_1'"]
    refusal(csv(tmp_path, "TS_01,1,2,3"), notes=notes)
    assert len(notes) == 1
    read_pick_file(csv(tmp_path, "TS_1,1,2,3", "TS_2,4,5,6"), RATES, notes=notes)  # nothing that was meant otherwise
    assert notes[1] == f"{path}: 1 picks of 'TS_2' are of no tomogram given and left out"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "Tomo_ID,X,Y,Z,SCORE\nTS_1,1,2,3,4\n"),
        ("b.csv", "tomo_id;x;y;z;score\nTS_1;1;2;3;4\n"),
        ("c.tsv", "# of a picker\ntomo_id\tX\tY\tZ\tScore\nTS_1\t1\t2\t3\t4\n"),
        ("TS_1.tsv", "x\ty\tz\tscore\n1\t2\t3\t4\n"),
        ("d.csv", "X,tomo_id,x,y,z,score\n9,TS_1,1,2,3,4\n"),
    ],
)
def test_other_capitals_and_separators(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    picks = read_pick_file(tmp_path / name, RATES)
    assert list(picks) == ["TS_1"] and picks["TS_1"].positions.tolist() == [[1, 2, 3]] and picks["TS_1"].score.tolist() == [4]


def test_names_that_mean_two_columns_and_decimal_commas_are_refused(tmp_path):
    said = refusal(csv(tmp_path, "TS_1,TS_1,1,2,3", header="Tomo_id,TOMO_ID,x,y,z"))
    assert "has several columns that may name the tomogram, such as Tomo_id" in said
    said = refusal(csv(tmp_path, "TS_1;1,5;2;3", header="tomo_id;x;y;z"))
    assert "line 2: x is '1,5', not a number with a decimal point" in said


def test_ids_and_tables(tmp_path):
    assert tomogram_id("a/b.c/TS_01.rec.mrc") == "TS_01.rec"
    write_csv_table(tmp_path / "t.csv", pd.DataFrame({"tomo_id": ["a b"], "x": [1234.56789], "n": [3]}))
    assert (tmp_path / "t.csv").read_text() == "tomo_id,x,n\na b,1234.57,3\n"


def test_a_file_is_read_though_its_tomograms_are_not_known(tmp_path):
    path = csv(tmp_path, "TS_1,1,2,3,4", "elsewhere,4,5,6,8", "TS_1,7,8,9,4", header="tomo_id,x,y,z,samplingRate")
    picks = read_every_tomogram(path)
    assert {name: (len(own), own.sampling_rate) for name, own in picks.items()} == {"TS_1": (2, 4.0), "elsewhere": (1, 8.0)}


def test_whose_sampling_rate_counts_if_the_tomograms_are_not_known(tmp_path):
    path = csv(tmp_path, "TS_1,1,2,3", "elsewhere,4,5,6")
    with pytest.raises(InputError, match="'TS_1' is unknown; add the column, or give picks sampling rate"):
        read_every_tomogram(path)
    assert read_every_tomogram(path, sampling_rate=7.0)["TS_1"].sampling_rate == 7.0
