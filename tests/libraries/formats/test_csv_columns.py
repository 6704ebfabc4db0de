"""CSV files of others: a score under another name, columns that are not read, # inside names, positions in Å."""

import json

import numpy as np
import pytest
from format_samples import KNOWN, XYZ, context, refusal, star

from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.evaluation.particle_classes import read_species
from tomo_particles.formats.eman import EMAN2
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.registry import format_named, read, recognise, write


def table(tmp_path, text: str):
    """A CSV, its picks, and what was said of it, both as a conversion and as a run read it."""
    (tmp_path / "p.csv").write_text(text)
    known, notes = context(), []
    picks = read(tmp_path / "p.csv", known)["TS_1"]
    of_run = read_pick_file(tmp_path / "p.csv", {"TS_1": 7.5}, notes=notes)["TS_1"]
    common = [note for note in known.notes if "have no score" not in note]  # absent scores are said by conversions only
    assert notes == common and np.array_equal(picks.positions, of_run.positions)
    assert np.array_equal(picks.score, of_run.score, equal_nan=True) and picks.species.tolist() == of_run.species.tolist()
    return picks, [note.removeprefix(f"{tmp_path / 'p.csv'}: ") for note in notes]


@pytest.mark.parametrize("name", ["pixel_size", "apix", "Voxel_Spacing", "sampling_rate"])
def test_a_column_that_may_be_the_unit_is_said_and_not_believed(tmp_path, name):
    picks, notes = table(tmp_path, f"tomo_id,x,y,z,{name}\nTS_1,120,80,60,5\n")
    assert picks.positions.tolist() == [[120, 80, 60]] and picks.sampling_rate == 7.5
    assert f"column {name} is not read; if the coordinates are in voxels of this size, call it samplingRate" in notes
    assert not any("voxels" in note for note in table(tmp_path, f"tomo_id,x,y,z,samplingRate,{name}\nTS_1,9,8,6,7.5,1\n")[1])


@pytest.mark.parametrize("name", ["confidence", "Probability", "LCCmax", "cc", "fom"])
def test_a_score_under_another_usual_name_is_taken_and_said(tmp_path, name):
    picks, notes = table(tmp_path, f"tomo_id,x,y,z,{name}\nTS_1,120,80,60,0.5\n")
    assert picks.score.tolist() == [0.5] and notes == [f"column {name} is read as the score"]


def test_columns_that_are_not_read_are_said(tmp_path):
    picks, notes = table(tmp_path, "tomo_id,x,y,z,score,confidence,filter\nTS_1,120,80,60,0.5,0.25,a\n")
    assert picks.score.tolist() == [0.5] and notes == ["columns not read: confidence, filter"]
    picks, notes = table(tmp_path, "tomo_id,x,y,z,confidence,cc\nTS_1,120,80,60,0.5,0.25\n")  # which is it?
    assert np.isnan(picks.score).all() and notes == ["columns not read: confidence, cc"]
    assert table(tmp_path, "tomo_id,x,y,z\nTS_1,120,80,60\n")[1] == []


def test_a_number_sign_and_na_are_parts_of_names(tmp_path):
    picks, _ = table(
        tmp_path, "# a comment\ntomo_id,x,y,z,class,score\nTS_1,9,9,9,80S#rotated,1\n#TS_1,1,1,1,no,1\nTS_1,8,8,8,NA,NA\n"
    )
    assert picks.species.tolist() == ["80S#rotated", "NA"]
    np.testing.assert_array_equal(picks.score, [1, np.nan])
    for name in ("csv", "xmd", "imod", "copick"):
        one = format_named(name, "--to")
        path = tmp_path / f"back{one.extensions[0]}"
        for own in ([0], [1]):
            write(path, {"TS_1": picks[own]}, context(), one, overwrite=True)
            assert read(path, context())["TS_1"].species.tolist() == picks.species[own].tolist()
    own = Picks("#1", [[1.0, 2, 3]], 7.5)
    write(tmp_path / "own.csv", {"#1": own, "TS_1": picks}, context(), format_named("csv", "--to"))
    assert [len(one) for one in read(tmp_path / "own.csv", context("#1", "TS_1")).values()] == [1, 2]
    (tmp_path / "classes.csv").write_text("# kDa, Å\nclass,diameter\n80S#rotated,250\nNA,100\n")
    assert list(read_species(tmp_path / "classes.csv")) == ["80S#rotated", "NA"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("p.csv", "tomo_id,x,y,z\nTS_1,75,150,225\n"),
        ("TS_1.coords", "75 150 225\n"),
        ("p.csv", "tomo_id,x,y,z,samplingRate\nTS_1,75,150,225,1\n"),
        ("p.star", star("", f"MicrographName {XYZ}", "TS_1 75 150 225")),
    ],
)
def test_plain_numbers_may_be_angstroms(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    picks = read(tmp_path / name, context(angstrom=True))["TS_1"]
    np.testing.assert_allclose(picks.positions, [[10, 20, 30]])  # without the shift of half a voxel between binnings
    assert picks.sampling_rate == 7.5


def test_a_unit_that_contradicts_the_file_is_refused(tmp_path):
    for name in ("t.tbl", "r5.star", "picks.json", "TS_1.cbox"):
        (tmp_path / name).write_text(KNOWN[name])
        assert "which says its own unit; leave it out" in refusal(tmp_path / name, context(angstrom=True))
    (tmp_path / "pytom.star").write_text(KNOWN["pytom.star"])
    assert "in voxels of 7.5 Å, and unit says Å" in refusal(tmp_path / "pytom.star", context(angstrom=True))


def test_json_on_one_line_is_recognised_at_once(tmp_path):
    # The time grew with the third power of the number of its commas: names of columns were counted once per label
    path = tmp_path / "TS_1_info.json"
    path.write_text(json.dumps({"boxes_3d": [[i, 20, 30, "manual", 0.0, 0] for i in range(20_000)]}))
    assert recognise(path) is EMAN2


@pytest.mark.parametrize(
    ("header", "row", "note"),
    [
        ("x_px,y_px,z_px,score", "1,2,3,0.5", "columns x_px, y_px, z_px are read as x, y, z"),
        ("X (voxels),Y (voxels),Z (voxels)", "1,2,3", "columns X (voxels), Y (voxels), Z (voxels) are read as x, y, z"),
        ("coord_x,coord_y,coord_z,prob", "1,2,3,9", "columns coord_x, coord_y, coord_z are read as x, y, z"),
        ("tomogram,x,y,z", "TS_1,1,2,3", "column tomogram is read as tomo_id"),
        ("Tomo ID,x,y,z", "TS_1,1,2,3", ""),
        ("Index,X,Y,Z,kind", "7,1,2,3,ribosome", "columns not read: Index, kind"),
    ],
)
def test_usual_headers_are_taken(tmp_path, header, row, note):
    path, notes = tmp_path / "TS_1.csv", []
    path.write_text(f"{header}\n{row}\n")
    picks = read_pick_file(path, {"TS_1": 10.0, "TS_2": 10.0}, notes=notes)
    assert list(picks) == ["TS_1"] and picks["TS_1"].positions.tolist() == [[1, 2, 3]]
    assert not note or any(note in line for line in notes)


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        ("a,b,z", "1,2,3", "lacks the columns x, y; expected [tomo_id,]x,y,z[,score][,samplingRate], found a,b,z"),
        ("x [A],y [A],z [A]", "10,20,30", "x [A], y [A], z [A] are in Å: call them x, y, z and give unit angstrom"),
        ("x_nm,y_nm,z_nm", "1,2,3", "lacks the columns x, y, z"),
        ("x_px,x_pos,y_px,z_px", "1,1,2,3", "lacks the column x"),
        ("x,y,z,file", "1,2,3,TS_1\n1,2,3,TS_2", "has no column tomo_id, and the column file holds 2 names ('TS_1', 'TS_2')"),
        ("id,particle_type,x,y,z", "0,ribosome,75,150,225", "whose positions are in Å"),
        ("tomo,tomogram,x,y,z", "TS_1,TS_2,1,2,3", "has several columns that may name the tomogram, such as tomo"),
    ],
)
def test_headers_that_leave_something_open_are_refused(tmp_path, header, rows, said):
    path = tmp_path / "TS_1.csv"
    path.write_text(f"{header}\n{rows}\n")
    with pytest.raises(InputError) as refused:
        read_pick_file(path, {"TS_1": 10.0, "TS_2": 10.0})
    assert said in str(refused.value)
