"""Folders and patterns of pick files, as pickers write them: one file per tomogram, named after it or after its folder."""

import json
from pathlib import Path

import pytest
from format_samples import KNOWN

from tomo_particles.core.errors import InputError, NoPicksError
from tomo_particles.formats.dynamo import read_list
from tomo_particles.formats.pick_files import read_every_tomogram, read_pick_file
from tomo_particles.formats.pick_folders import files_of, refuse_split_picker, source_names

RATES = {"TS_1": 10.0, "TS_10": 10.0}
SIZES = dict.fromkeys(RATES, (40, 36, 30))


def folder(tmp_path: Path, **files: str) -> Path:
    """Files with __ for / and the last _ for the dot in their names."""
    for name, text in files.items():
        stem, _, ending = name.replace("__", "/").rpartition("_")
        path = tmp_path / "picker" / f"{stem}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "picker"


def places(picks) -> dict:
    return {tomo_id: own.positions.tolist() for tomo_id, own in picks.items()}


def refusal(path, rates=RATES, **options) -> str:
    with pytest.raises(InputError) as caught:
        read_pick_file(path, rates, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_a_picker_and_a_file_is_of_the_tomogram_whose_name_it_bears(tmp_path):
    picker = folder(
        tmp_path,
        TS_1_coords="1 2 3\n",
        TS_10_coords="4 5 6\n7 8 9\n",
        TS_7_coords="1 1 1\n",
        TS_8_coords="\n",
        notes_txt="a log\n",
        run_tloc="x",
    )
    notes: list[str] = []
    picks = read_pick_file(picker, RATES, picker=4, notes=notes)
    assert places(picks) == {"TS_1": [[1, 2, 3]], "TS_10": [[4, 5, 6], [7, 8, 9]]} and set(picks["TS_10"].picker) == {4}
    assert len(notes) == 3 and "passed over, no picks: notes.txt" in notes[0]
    assert "1 of 4 files are of no tomogram given and left out: TS_7.coords" in notes[1] and "no picks in TS_8.coords" in notes[2]
    assert places(read_pick_file(f"{picker}/TS_1*.coords", RATES)) == places(picks)
    assert list(read_every_tomogram(picker, sampling_rate=5.0)) == ["TS_1", "TS_10", "TS_7"]


def test_picks_that_are_in_two_files_and_files_that_are_compressed_are_said(tmp_path):
    picker = folder(tmp_path, TS_1_coords="1 2 3\n7 8 9\n", TS_1_picks_coords="1 2 3\n4 4 4\n", TS_10_coords="1 2 3\n1 2 3\n")
    notes: list[str] = []
    assert len(read_pick_file(picker, RATES, notes=notes)["TS_1"]) == 4
    assert notes == [f"{picker}: 1 picks lie exactly on another of their tomogram, in 'TS_1'; are the same picks in two files?"]
    (picker / "TS_10.coords").rename(picker / "TS_10.coords.gz")
    (picker / "TS_10.mrc.gz").write_text("a tomogram")
    assert list(read_pick_file(f"{picker}", RATES, notes=(notes := []))) == ["TS_1"]
    assert f"{picker}: passed over, compressed: TS_10.coords.gz; decompress them to have their picks" in notes
    for path in picker.glob("*.coords"):
        path.unlink()
    assert "has no file of picks (1 files looked at, 0 of them empty)" in refusal(picker)
    assert "decompress TS_10.coords.gz" in refusal(picker)


def test_one_of_many_files_is_not_taken_for_the_only_tomogram(tmp_path):
    picker = folder(tmp_path, TS_1_coords="1 2 3\n", TS_7_coords="1 1 1\n")
    assert places(read_pick_file(picker, {"TS_1": 10.0})) == {"TS_1": [[1, 2, 3]]}
    assert "none of the 2 files" in refusal(picker, {"TS_4": 10.0}) and "nearest are 'TS_4'" in refusal(picker, {"TS_4": 10.0})


def test_tomotwin_names_files_by_the_particle_in_folders_of_tomograms(tmp_path):
    picker = folder(
        tmp_path, TS_1__ribosome_coords="1 2 3\n", TS_10__ribosome_coords="4 5 6\n", TS_10__ribosome_cbox=KNOWN["TS_1.cbox"]
    )
    assert "2 coords (ribosome.coords), 1 cbox (ribosome.cbox); they may be the same picks twice" in refusal(picker)
    picks = read_pick_file(f"{picker}/**/*.coords", RATES)
    assert places(picks) == {"TS_1": [[1, 2, 3]], "TS_10": [[4, 5, 6]]}


def test_files_that_only_number_their_tomogram_are_named_by_their_name(tmp_path):
    text = KNOWN["objects.xml"]
    picker = folder(tmp_path, TS_1_objlist_xml=text, objlist_TS_10_xml=text)
    assert places(read_pick_file(picker, RATES)) == {"TS_1": [[10, 20, 30]], "TS_10": [[10, 20, 30]]}


def test_eman2_keeps_an_info_file_of_every_tilt_series(tmp_path):
    none_yet = json.dumps({"apix_unbin": 2.5, "tlt_file": "tiltseries/TS_10.hdf"})
    picker = folder(tmp_path, TS_1_info_json=KNOWN["old_info.json"], TS_10_info_json=none_yet, project_json='{"global.apix": 2}')
    assert places(read_pick_file(picker, RATES)) == {"TS_1": [[10, 20, 30]]}


def test_csv_files_without_names_of_tomograms(tmp_path):
    picker = folder(tmp_path, TS_1_csv="x,y,z,score\n1,2,3,0.5\n", TS_10_csv="x,y,z\n4,5,6\n")
    assert places(read_pick_file(picker, RATES)) == {"TS_1": [[1, 2, 3]], "TS_10": [[4, 5, 6]]}


def test_several_files_of_a_tomogram_are_joined_at_one_sampling_rate(tmp_path):
    header = "tomo_id,x,y,z,samplingRate\n"
    picker = folder(tmp_path, a_csv=header + "TS_1,1,2,3,10\n", b_csv=header + "TS_1,1.5,1.5,1.5,5\n")
    assert places(read_pick_file(picker, RATES)) == {"TS_1": [[1, 2, 3], [0.5, 0.5, 0.5]]}


def test_what_is_wrong_with_a_folder(tmp_path):
    empty = folder(tmp_path, log_txt="a log\n")
    assert "has no file of picks (1 files looked at" in refusal(empty)
    assert "no file is called like" in refusal(f"{empty}/*.cbox")
    picker = folder(tmp_path, TS_1_coords="1 2 3\n", TS_10_coords="100 200 100\n")
    assert "TS_10.coords', tomogram 'TS_10': 1 picks lie outside" in refusal(picker, sizes=SIZES)
    (picker / "TS_10.coords").write_text("1 2\n")
    assert "TS_10.coords', line 1" in refusal(picker)
    (picker / "TS_10.cbox").write_bytes(b"\0\1\2")
    assert "cannot be read as crYOLO" in refusal(f"{picker}/*.cbox")
    for path in picker.glob("*.co*"):
        path.write_text("# x y z\n")
    with pytest.raises(NoPicksError):
        read_pick_file(f"{picker}/*.coords", RATES)


def test_names_of_pickers_and_a_pattern_that_the_shell_has_opened(tmp_path):
    picker = folder(tmp_path, TS_1_coords="1 2 3\n", TS_10_coords="1 2 3\n")
    for rest in ("", "/", "/*.coords", "/**/T*.coords"):
        assert source_names([f"{picker}{rest}"]) == ["picker"]
    assert source_names([picker / "TS_1.coords"]) == ["TS_1"]
    opened = files_of(picker, "--picks")
    with pytest.raises(InputError, match=r"one picker's files of two tomograms; give their folder, or .*, '.*/\*.coords'"):
        refuse_split_picker([*opened, "b.csv"], list(RATES), "--picks")
    refuse_split_picker([opened[0], picker], list(RATES), "--picks")


def test_files_of_one_name_are_not_joined_where_nothing_tells_them_apart(tmp_path):
    picker = folder(tmp_path, TS_1__ribosome_coords="1 2 3\n", TS_10__ribosome_coords="4 5 6\n")
    with pytest.raises(InputError, match=r"several files called .*; give tomograms"):
        read_every_tomogram(picker, sampling_rate=5.0)


def test_pickers_have_different_names():
    assert source_names(["a/cbox/*.coords", "b/cbox/*.coords", "c.csv"]) == ["a/cbox", "b/cbox", "c"]
    assert source_names(["tt/*/ribo.coords", "tm/*/ribo.coords"]) == ["tt", "tm"]
    assert source_names(["x/*.cbox", "x/*.star", "y.csv"])[2] == "y"
    assert len(set(source_names(["x/*.cbox", "x/*.star"]))) == 2


def test_a_folder_of_one_tomogram_and_a_folder_with_other_files_on_top(tmp_path):
    one = folder(tmp_path, TS_1__ribosome_coords="1 2 3\n", TS_1__fas_coords="4 5 6\n", config_json="{}")
    assert places(read_pick_file(one, {"TS_1": 10.0})) == {"TS_1": [[4, 5, 6], [1, 2, 3]]}


def test_dynamo_lists_of_tomograms_lie_beside_the_table(tmp_path):
    table, path = KNOWN["t.tbl"], tmp_path / "crop.tbl"
    path.write_text(table + table.replace(" 1 0 0 0 10", " 7 0 0 0 10"))
    path.with_suffix(".vll").write_text("# good ones\n/d/TS_10.rec\n* apix = 10\n> own.tbl\n\n/d/TS_1.rec\n* index = 7\n")
    assert read_list(path.with_suffix(".vll"), "-i") == {1: "/d/TS_10.rec", 7: "/d/TS_1.rec"}
    assert list(read_pick_file(path, RATES)) == ["TS_10", "TS_1"]
    path.with_suffix(".vll").unlink()
    (tmp_path / "indices_column20.doc").write_text("1 /d/TS_1.rec\n7 /d/TS_10.rec\n")
    assert list(read_pick_file(path, RATES)) == ["TS_1", "TS_10"]
