"""Output folders: what a program did not write stays, and other options than before are told."""

import pytest
from averaged_scene import DIAMETER, RATE, make_scene

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from xmipp_scripts._shared.output_folder import OutputFolder, Written, claimed, expect

WRITTEN = Written(("accepted.csv", "maps/*"), ("summary.json", "mine"))


def of(folder, program="xmipp_a", **options):
    return OutputFolder(folder, program, WRITTEN, {f"--{name}": values for name, values in options.items()})


def test_files_of_others_are_refused_and_own_ones_replaced(tmp_path):
    of(tmp_path / "new").refuse_foreign("--odir")
    (tmp_path / "notes.txt").write_text("beside")
    of(tmp_path).refuse_foreign("--odir")
    (tmp_path / "accepted.csv").write_text("by hand")
    with pytest.raises(InputError, match=r"that this program did not write: 'accepted\.csv'; choose another folder"):
        of(tmp_path).refuse_foreign("--odir")
    (tmp_path / "summary.json").write_text('{"mine": 1}')  # as a version without records left it
    of(tmp_path).refuse_foreign("--odir")
    (tmp_path / "summary.json").unlink()
    of(tmp_path, "xmipp_b").claim()
    with pytest.raises(InputError, match="holds files of xmipp_b"):
        of(tmp_path).refuse_foreign("--odir")
    of(tmp_path).claim()
    of(tmp_path).refuse_foreign("--odir")


def test_other_options_than_before_are_told_once(tmp_path):
    assert of(tmp_path, boxsize=["40"], diameter=["260"], threads=["2"], tomograms=list("abcd")).claim() == ""
    assert of(tmp_path, boxsize=["40"], diameter=["260"], threads=["4"], tomograms=list("abcd")).claim() == ""
    expect(of(tmp_path, boxsize=["32"], tomograms=["a"], voting=[]))
    (note,) = claimed(tmp_path)
    assert (
        "--boxsize 40, now 32; --diameter 260, now not given; --tomograms 4 values, now a; --voting not given, now given" in note
    )
    assert claimed(tmp_path) == []


def test_programs_keep_what_they_did_not_write(refused, tmp_path):
    make_scene(count=12).write(tmp_path)
    write_volume(tmp_path / "one.mrc", [[[1.0] * 8] * 8] * 8, RATE)
    for name in ("accepted.csv", "aligned.csv", "branches.csv", "fsc.csv", "agreed_2.csv", "TS_1_mask.mrc", "classes.csv"):
        (tmp_path / "mine").mkdir(exist_ok=True)
        (tmp_path / "mine" / name).write_text("by hand")
    tomograms, where = ("--tomograms", "TS_1.mrc"), ("--odir", "mine")
    picks = ("--picks", "picks.csv", "picks.csv", "--boxsize", 16)
    for name, arguments, lost in (
        ("run_deep_consensus_tomo", (*tomograms, *picks), "accepted.csv"),
        ("picking_consensus_tomo", (*tomograms, *picks), "agreed_2.csv"),
        ("average_subtomograms", (*tomograms, "--picks", "picks.csv", "--diameter", DIAMETER), "aligned.csv"),
        ("compare_branches_tomo", (*tomograms, "--branches", "a=picks.csv", "--diameter", DIAMETER), "branches.csv"),
        ("map_resolution_tomo", ("--half1", "one.mrc", "--half2", "one.mrc"), "fsc.csv"),
        ("mask_tomo", tomograms, "TS_1_mask.mrc"),
        ("simulate_tomo", (), "classes.csv"),
    ):
        refused(
            name, *arguments, *where, words=["--odir", "did not write", lost, "choose another"], folder=tmp_path, cwd=tmp_path
        )
