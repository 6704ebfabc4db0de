"""xmipp_convert_coordinates_tomo on real command lines: from pickers' files to a package's, and every mistake in one line."""

import contextlib
import io
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_table, write_table
from xmipp_scripts.convert_coordinates_tomo import ConvertCoordinatesTomo

RATE, SIZE = 10.0, (40, 36, 30)
NAME = "convert_coordinates_tomo"
STAR = "data_particles\n\nloop_\n_rlnTomoName #1\n_rlnCoordinateX #2\n_rlnCoordinateY #3\n_rlnCoordinateZ #4\n"


@pytest.fixture(scope="module")
def tomograms(tmp_path_factory):
    """TS_1 and TS_10, empty, with sizes and sampling rates in their headers."""
    folder = tmp_path_factory.mktemp("tomograms")
    paths = [folder / f"{name}.mrc" for name in ("TS_1", "TS_10")]
    for path in paths:
        write_volume(path, np.zeros(SIZE[::-1], dtype=np.float32), RATE)
    return paths


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The program with its own parser in this process, which takes a hundredth of the time: exit code and what it said.

    A refusal is held to what the fixture `refused` demands: one line, and no file changed or written.
    """

    def files() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}

    def run(*arguments: object) -> tuple[int, str]:
        before, out = files(), io.StringIO()
        monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = ConvertCoordinatesTomo().tryRun()
        text = out.getvalue().strip()
        assert code == 0 or (code == 2 and len(text.splitlines()) == 1 and files() == before), text
        return code, text

    return run


def said_refusing(run, *arguments: object, words: list[str]) -> str:
    code, text = run(*arguments)
    assert code == 2 and all(word in text for word in words), text
    return text


def test_files_of_three_pickers_become_a_relion_star(done, tomograms, tmp_path):
    (tmp_path / "TS_1.coords").write_text("10 20 15\n1.5 2.5 3.5\n")
    (tmp_path / "b.csv").write_text("tomo_id,x,y,z,score,samplingRate\nTS_10,9.5,9.5,9.5,0.5,5\n")
    objects = '<objlist><object tomo_idx="0" class_label="1" x="5" y="6" z="7"/></objlist>'
    (tmp_path / "c.xml").write_text(objects)
    inputs = [tmp_path / name for name in ("TS_1.coords", "b.csv", "c.xml")]
    output = ("-o", tmp_path / "out.star", "--to", "relion5")
    text = done(NAME, "-i", *inputs, *output, "--names", "0=TS_1", "--tomograms", *tomograms)
    assert "crYOLO" in text and "relion5 does not keep: species" in text and "3 picks have no score" in text
    assert "4 picks ->" in text
    done(NAME, "-i", tmp_path / "out.star", "-o", tmp_path / "back.csv", "--tomograms", *tomograms)
    back = pd.read_csv(tmp_path / "back.csv")
    expected = [[10, 20, 15], [1.5, 2.5, 3.5], [5, 6, 7], [4.5, 4.5, 4.5]]  # the last: 5 Å to 10 Å, by the outer corner
    np.testing.assert_allclose(back[["x", "y", "z"]], expected, atol=0.01)
    assert back["tomo_id"].tolist() == ["TS_1"] * 3 + ["TS_10"] and set(back["samplingRate"]) == {RATE}


def test_what_a_format_fills_with_zeros_is_said(run, tomograms, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("tomo_id,x,y,z,score,rot,tilt,psi\nTS_1,1,2,3,0.5,10,20,30\nTS_1,4,5,6,,,,\n")
    for ending, angles, score in ((".tbl", True, True), (".json", True, False), (".xmd", False, False)):
        said = run("-i", path, "-o", tmp_path / f"o{ending}", "--tomograms", *tomograms)[1]
        assert ("1 picks have no angles: 0 in the file" in said) == angles, said
        assert ("1 picks have no score: 0 in the file" in said) == score, said


def test_a_file_a_tomogram_and_the_score_of_a_consensus(run, picks_xmd, tomograms, tmp_path):
    picks = picks_xmd("scored.xmd", [[1, 2, 3], [4, 5, 6]], score=[7, 8])
    write_table(picks, {**read_table(picks), "CoordConsScore": [0.25, 0.75], "tiltSeriesId": ["TS_1", "TS_10"]})
    run("-i", picks, "-o", tmp_path / "p_{tomo}.mod", "--tomograms", *tomograms)
    assert sorted(path.name for path in tmp_path.glob("*.mod")) == ["p_TS_1.mod", "p_TS_10.mod"]
    run("-i", picks, "-o", tmp_path / "p.csv")
    assert pd.read_csv(tmp_path / "p.csv")["score"].tolist() == [0.25, 0.75]  # not what the picker had said


def test_classes_and_picks_outside(run, tomograms, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("tomo_id,x,y,z,class\nTS_1,1,2,3,a\nTS_1,4,5,6,b\nTS_1,99,5,6,a\n")
    options = ("-i", path, "-o", tmp_path / "p.json", "--to", "copick", "--tomograms", *tomograms)
    said_refusing(
        run, *options, words=["p.csv", "1 picks lie outside", "pick 3", "the origin; leave them out with --dropOutside"]
    )
    said_refusing(run, *options, "--dropOutside", words=["'a', 'b'", "--class"])
    said_refusing(run, *options, "--dropOutside", "--class", "c", words=["no class 'c'", "'a', 'b'"])
    assert "1 picks outside the tomogram 'TS_1' left out" in run(*options, "--dropOutside", "--class", "a")[1]


@pytest.mark.parametrize(("name", "text", "said"), [
    ("TS_1.coords", "100 200 150\n15 25 35\n250 50 60\n", "they would fit as Å: divide them by 10"),
    ("TS_1.coords", "100 200 150\n15 25 35\n250 50 60\n", "--unit angstrom, or"),
    ("TS_1_info.json", '{"boxes_3d": [[100, 200, 150]]}', "the origin, as if multiplied by 10 (10 Å/voxel); leave them out"),
    ("TS_1.coords", "10 20 15\n-2 5 6\n1 2 3\n", "the origin; leave them out"),  # one beyond a face is no other unit
])  # fmt: skip
def test_angstrom_are_proposed_only_where_most_picks_lie_outside(run, tomograms, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    said_refusing(run, "-i", tmp_path / name, "-o", tmp_path / "o.csv", "--tomograms", tomograms[0], words=[said])


@pytest.mark.parametrize(
    ("text", "arguments", "words"),
    [
        (STAR + "TS_1 1 2 3\nTS_1 4 5\n", "", ["line 9", "3 values for 4 columns"]),
        (STAR + "TS_1 1 2 3\nTS_1 4 5 x\n", "", ["line 9", "rlnCoordinateZ is 'x'", "correct or remove"]),
        (STAR.replace("CoordinateY", "Else") + "TS_1 1 2 3\n", "", ["lacks the column rlnCoordinateY"]),
        (STAR + "TS_2 1 2 3\n", "", ["'TS_2', which is none", "'TS_1', 'TS_10'", "--names"]),
        (STAR + "TS_2 1 2 3\n", "--names TS_2=TS_3", ["--names: 'TS_3' is none"]),
        (STAR + "TS_1 1 2 3\n", "--names TS_1", ["--names: expected"]),
        (STAR.replace("X #2", "X #2\n_rlnOriginXAngst #3") + "TS_1 1 0 2 3\n", "", ["lacks the column rlnOriginYAngst"]),
        (STAR + "TS_1 1 2 3\n", "--from dynamo", ["has 1 columns; a Dynamo table"]),
        (STAR + "TS_1 1 2 3\n", "--from nothing", ["--from: 'nothing' is no format", "relion5"]),
        (STAR + "TS_1 1 2 3\n", "--to cbox", ["--to: cbox is only read"]),
        (STAR + "TS_1 1 2 3\n", "--size 9 9 9", ["--size: the size is already known from --tomograms"]),
        (STAR + "TS_1 1 2 3\n", "--samplingrate 0", ["--samplingrate: must be positive"]),
        ("tomo_id,x,y,z,samplingRate\nTS_1,1,2,3,5\nTS_1,1,2,3,6\n", "--from csv", ["mixes sampling rates", "'TS_1'"]),
        ("1 2 3\n", "", ["is by its name of tomogram 'TS'", "'TS_1', 'TS_10'"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(run, tomograms, tmp_path, text, arguments, words):
    path = tmp_path / ("TS.star" if text.startswith("data_") else "TS.txt")
    path.write_text(text)
    of_option = words[0].startswith("--")
    line = said_refusing(run, "-i", path, "-o", tmp_path / "o.csv", "--tomograms", *tomograms, *arguments.split(), words=words)
    assert of_option or path.name in line


def test_a_subset_says_what_is_left_out_of_a_file(run, tomograms, tmp_path):
    path = tmp_path / "p.star"
    path.write_text(STAR + "TS_1 1 2 3\nTS_01 4 5 6\n")
    code, text = run("-i", path, "-o", tmp_path / "o.csv", "--tomograms", *tomograms, "--subset")
    assert code == 0 and f"{path}: 1 picks of 'TS_01' are of no tomogram given and left out; nearest: 'TS_1'" in text


def test_the_last_lines_say_where_the_picks_lie_and_warn_of_a_wrong_unit(run, tomograms, tmp_path):
    places = np.random.default_rng(1).uniform(0, 1, (50, 3)) * (np.array(SIZE) - 1)
    path = tmp_path / "p.csv"

    def said(values, *options: object, rate: float = RATE) -> list[str]:
        rows = "".join(f"TS_1,{x},{y},{z},{rate}\n" for x, y, z in values)
        path.write_text("tomo_id,x,y,z,samplingRate\n" + rows + f"TS_10,1,2,3,{RATE}\nTS_10,39,30,20,{RATE}\n")
        code, text = run("-i", path, "-o", tmp_path / "o.csv", "--tomograms", *tomograms, "--overwrite", *options)
        assert code == 0
        return text.splitlines()

    right = said(places)
    assert right[-1].startswith("TS_10: 2 picks in x 1.0 to 39.0") and right[-2].startswith("TS_1: 50 picks")
    assert right[-1].endswith("tomogram 40 x 36 x 30 voxels (400 x 360 x 300 Å)")
    assert "as if divided by 10 (10 Å/voxel)" in said(places / RATE)[-2]
    assert "as if divided by 7.2 (10 / 1.3889 Å)" in said(places, rate=RATE / 7.2)[-2]  # a file that states a wrong voxel size
    assert "picks outside the tomogram 'TS_1' left out, as if multiplied by 10" in said(places * 10, "--dropOutside")[0]


def test_a_refusal_on_the_terminal(refused, tomograms, tmp_path):
    path = tmp_path / "TS.star"
    path.write_text(STAR + "TS_1 1 2 3\nTS_1 4 5\n")
    refused(NAME, "-i", path, "-o", tmp_path / "o.csv", "--tomograms", *tomograms, words=[path, "line 9"], folder=tmp_path)


def test_outputs_are_never_replaced_in_silence(run, tomograms, tmp_path):
    path = tmp_path / "TS_1.coords"
    path.write_text("1 2 3\n")
    for output, words in (
        ("p.star", ["may be relion5 or relion3", "--to"]),
        ("p.dat", ["names no format", "--to"]),
        ("other.coords", ["names no format"]),
        ("TS_1.coords", ["is also the file of -i, which would be lost"]),
    ):
        said_refusing(run, "-i", path, "-o", tmp_path / output, "--tomograms", *tomograms, words=["-o:", *words])
    said_refusing(run, "-i", path, path, "-o", tmp_path / "p.csv", words=["given twice"])
    (tmp_path / "folder.csv").mkdir()
    said_refusing(run, "-i", path, "-o", tmp_path / "folder.csv", "--overwrite", words=["folder.csv' is a folder"])
    options = ("-i", path, "-o", tmp_path / "p.tbl", "--tomograms", *tomograms)
    (tmp_path / "p.doc").write_text("mine")
    said_refusing(run, *options, words=["p.doc", "exists", "--overwrite"])  # the list beside the table counts, too
    run(*options, "--overwrite")
    assert str(tomograms[0]) in (tmp_path / "p.doc").read_text()
    said_refusing(run, *options, words=["p.tbl", "exists"])


def test_of_many_outputs_all_are_written_or_none(run, tomograms, tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("tomo_id,x,y,z,samplingRate\nTS_1,1,2,3,10\nb c,1,2,3,10\n")
    said_refusing(run, "-i", path, "-o", tmp_path / "p_{tomo}.star", "--to", "relion3", words=["-o: 'b c' cannot be"])
    (tmp_path / "p_b_c.mod").write_text("mine")
    said_refusing(run, "-i", path, "-o", tmp_path / "p_{tomo}.mod", words=["p_b_c.mod' exists"])


def test_tomograms_are_called_in_the_output_as_relion_calls_them(run, tmp_path):
    tomograms = [tmp_path / f"rec_{name}_10.00Apx.mrc" for name in ("TS_1", "TS_10")]
    for path in tomograms:
        write_volume(path, np.zeros(SIZE[::-1], dtype=np.float32), RATE)
    (tmp_path / "TS_1.coords").write_text("10 20 15\n")
    files = ("-i", tmp_path / "TS_1.coords", "-o", tmp_path / "p.star", "--tomograms", *tomograms)
    options = (*files, "--to", "relion5", "--overwrite")
    assert "RELION must call the tomogram 'rec_TS_1_10.00Apx', as the picks do; else give --rename" in run(*options)[1]
    assert "RELION must" not in run(*options, "--rename", "plain")[1]
    assert "\nTS_1 " in (tmp_path / "p.star").read_text() and "rec_" not in (tmp_path / "p.star").read_text()
    run(*options, "--rename", "rec_TS_1_10.00Apx=tomo_7")
    assert "\ntomo_7 " in (tmp_path / "p.star").read_text()
    said_refusing(run, *options, "--rename", "TS_5=a", words=["--rename: there are no picks of tomogram 'TS_5'"])
    said_refusing(run, *options, "--rename", "all", words=["--rename: expected TOMOGRAM=NAME_IN_OUTPUT, or plain alone"])
