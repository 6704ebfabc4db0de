"""Pickers that wrote one file per tomogram: the folder, or a pattern in quotes, is one picker for the run and a conversion."""

import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import write_volume
from xmipp_scripts.convert_coordinates_tomo import ConvertCoordinatesTomo
from xmipp_scripts.run_deep_consensus_tomo import RunDeepConsensusTomo

IDS = ("TS_1", "TS_10")


@pytest.fixture
def start(monkeypatch, tmp_path):
    """A program in this process, in a folder with two empty tomograms and a picker of two files; exit code and what it said."""
    monkeypatch.chdir(tmp_path)
    for tomo_id in IDS:
        write_volume(Path(f"{tomo_id}.mrc"), np.zeros((30, 36, 40), dtype=np.float32), 10.0)
    picker = Path("crYOLO runs/CBOX é")
    picker.mkdir(parents=True)
    (picker / "TS_1.coords").write_text("10 10 10\n30 30 20\n")
    (picker / "TS_10.coords").write_text("20 20 20\n")
    (picker / "TS_7.coords").write_text("1 1 1\n")
    Path("b.csv").write_text("tomo_id,x,y,z\nTS_1,10,11,10\nTS_10,20,20,21\n")

    def start(program: type, *arguments: object) -> tuple[int, str]:
        out = io.StringIO()
        monkeypatch.setattr(sys, "argv", ["program", *map(str, arguments)])
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = program().tryRun()
        return code, out.getvalue()

    return start


def test_a_folder_votes_as_one_picker_and_a_changed_file_in_it_is_noticed(start):
    options = ("--tomograms", "TS_1.mrc", "TS_10.mrc", "--boxsize", 10, "--odir", "out", "--voting", "--noReport")
    code, said = start(RunDeepConsensusTomo, "--picks", "crYOLO runs/CBOX é", "b.csv", *options)
    assert code == 0 and "3 files are of no tomogram given and left out: TS_7.coords" in said, said
    accepted = pd.read_csv("out/accepted.csv")
    assert accepted["tomo_id"].tolist() == list(IDS) and set(accepted["pickers"]) == {"CBOX é+b"}
    Path("crYOLO runs/CBOX é/TS_10.coords").write_text("5 5 5\n")
    code, said = start(RunDeepConsensusTomo, "--picks", "crYOLO runs/*/*.coords", "b.csv", *options)
    assert code == 0 and "TS_10: 2 picks, 2 merged, 0 accepted" in said, said


def test_picks_of_tomograms_not_given_are_said_once_a_file(start):
    options = ("--tomograms", "TS_1.mrc", "--boxsize", 10, "--odir", "out", "--voting", "--noReport")
    Path("a.csv").write_text("tomo_id,x,y,z\nTS_1,10,10,10\nTS_01,20,20,20\nTS_10,20,20,20\n")
    code, said = start(RunDeepConsensusTomo, "--picks", "a.csv", "b.csv", *options)
    notes = json.loads(Path("out/summary.json").read_text())["notes"]
    assert code == 0 and notes == [
        "a.csv: 2 picks of 'TS_01', 'TS_10' are of no tomogram given and left out; nearest: 'TS_1'",
        "b.csv: 1 picks of 'TS_10' are of no tomogram given and left out",
    ]
    assert all(f"note: {note}\n" in said for note in notes)


def test_a_pattern_that_the_shell_opened_is_not_taken_for_many_pickers(start):
    files = sorted(Path("crYOLO runs/CBOX é").glob("*.coords"))
    code, said = start(
        RunDeepConsensusTomo, "--tomograms", "TS_1.mrc", "TS_10.mrc", "--boxsize", 10, "--odir", "out", "--picks", *files
    )
    assert code == 2 and len(said.splitlines()) == 1 and not Path("out").exists()
    assert "one picker's files of two tomograms; give their folder" in said


def test_a_folder_is_converted(start):
    options = ("-i", "crYOLO runs", "-o", "o.csv", "--tomograms", "TS_1.mrc")
    code, said = start(ConvertCoordinatesTomo, *options)
    assert code == 2 and "TS_10.coords' is by its name of tomogram 'TS_10', which is none of those given" in said
    code, said = start(ConvertCoordinatesTomo, *options, "--subset")  # the only tomogram takes no file but its own
    assert code == 0 and "2 of 3 files are of no tomogram given and left out: TS_10.coords, TS_7.coords" in said
    assert pd.read_csv("o.csv")["x"].tolist() == [10, 30]
    code, said = start(ConvertCoordinatesTomo, "-i", "crYOLO runs", "crYOLO runs/CBOX é/TS_1.coords", *options[2:], "--overwrite")
    assert code == 2 and "TS_1.coords' is given twice" in said


def test_the_last_line_says_what_was_passed_over(start):
    Path("stars").mkdir()
    Path("stars/TS_1.star").write_text("data_\n\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n10 10 10\n")
    Path("stars/TS_10.star").write_text("data_\n\nloop_\n_rlnNothing\n10\n")
    options = ("--tomograms", "TS_1.mrc", "TS_10.mrc", "--boxsize", 10, "--odir", "out", "--voting", "--noReport")
    code, said = start(RunDeepConsensusTomo, "--picks", "stars", "b.csv", *options)
    assert code == 0 and said.splitlines()[-1].endswith("; stars: passed over, no picks: TS_10.star"), said
    Path("stars/TS_1.star").unlink()
    code, said = start(RunDeepConsensusTomo, "--picks", "stars", "b.csv", *options)
    assert code == 2 and "folder 'stars' has no file of picks" in said


def test_unusual_tomograms_are_said_in_the_summary(start):
    write_volume(Path("TS_10.mrc"), np.zeros((30, 36, 40), dtype=np.float32), 12.0)
    content = bytearray(Path("TS_1.mrc").read_bytes())
    content[212:216] = bytes(4)  # as Warp
    Path("TS_1.mrc").write_bytes(content)
    options = ("--tomograms", "TS_1.mrc", "TS_10.mrc", "--boxsize", 10, "--odir", "out", "--voting", "--noReport")
    code, said = start(RunDeepConsensusTomo, "--picks", "crYOLO runs/CBOX é", "b.csv", *options)
    notes = json.loads(Path("out/summary.json").read_text())["notes"]
    assert code == 0 and "machine stamp 00 00 00 00" in notes[0] and "different sampling rates in their headers" in notes[1], said
    code, said = start(ConvertCoordinatesTomo, "--tomograms", "TS_1.mrc", "TS_10.mrc", "-i", "b.csv", "-o", "c.csv")
    assert code == 0 and "machine stamp 00 00 00 00" in said and "different sampling rates in their headers" in said
