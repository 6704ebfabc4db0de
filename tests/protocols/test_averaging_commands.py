"""Averages without Scipion's launcher: command lines, what the form knows of the programs, tables read back, viewers."""

import json
import re
import subprocess
import sys
import warnings
from html import unescape
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from markupsafe import escape

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import file_stem
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo import constants
    from xmipptomo.files import AveragingFiles
    from xmipptomo.protocols import XmippProtAverageSubtomograms3D
    from xmipptomo.protocols.averaging import commands, names, results
    from xmipptomo.protocols.shared.form_checks import averaged_box
    from xmipptomo.viewers import AverageSubtomograms3DViewer, CompareBranches3DViewer, browser, viewer_averages3d
    from xmipptomo.viewers.figure_window import FigureWindow

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

OPTIONS = commands.AveragingOptions(
    tomograms=["a b.mrc", "c.mrc"],
    rate=10.0,
    tilts=[(-50.0, 60.0), (-60.0, 60.0)],
    diameter=130.0,
    symmetry="c2",
    lowpass=40.0,
    bright=True,
    threads=3,
    seed=4,
)
COMMON = "--tomogramSamplingrate 10.0 --odir out --tilts -50.0 60.0 -60.0 60.0 --diameter 130.0 --symmetry c2 --lowpass 40.0"


def test_the_command_lines():
    average = commands.average_arguments("p.xmd", "out", OPTIONS, start="angles", weigh_by_score=True)
    assert average[:5] == ["--picks", "p.xmd", "--tomograms", "a b.mrc", "c.mrc"]
    end = f"{COMMON} --bright --threads 3 --seed 4 --start angles --weighByScore"
    assert " ".join(map(str, average[5:])) == end
    branches = commands.branches_arguments({"a b": "p.xmd", "2: c": "q.xmd"}, "out", OPTIONS, shared_poses=True)
    assert branches[:3] == ["--branches", "a b=p.xmd", "2: c=q.xmd"] and branches[-1] == "--sharedPoses"
    plain = commands.average_arguments("p.xmd", "out", OPTIONS, start="free", weigh_by_score=False)
    assert "--weighByScore" not in plain and plain[-2:] == ["--start", "free"]


def test_notes_and_page_have_the_ids_of_tilt_series_and_the_labels_of_runs(tmp_path):
    files = AveragingFiles(str(tmp_path))
    stem, label = file_stem("TS 1 'left'"), "Jo's picks"
    ids = names.names_of_tomograms(files, ["TS 1 'left'", "TS_2"])
    assert ids == {files.tomogram("TS 1 'left'"): "TS 1 'left'", stem: "TS 1 'left'", files.tomogram("TS_2"): "TS_2"}
    notes = [f"noise in '{stem}': crowded", f"'{files.picks(1)}' names no tomogram of these", "nothing of 'TS_2'"]
    settings = f"{label}={files.picks(1)}, b={files.picks(2)}; {files.tomogram('TS_2')}"
    Path(files.output).mkdir(parents=True)
    Path(files.summary).write_text(json.dumps({"order": [label], "notes": notes}))
    Path(files.report).write_text(str(escape("; ".join([*notes, settings]))), encoding="utf-8")
    of_sets = {f"{label}={files.picks(1)}": label, files.picks(1): label, f"b={files.picks(2)}": "b"}
    names.rename_results(files, {**ids, **of_sets})
    found = json.loads(Path(files.summary).read_text())
    told = ["noise in 'TS 1 'left'': crowded", f"'{label}' names no tomogram of these", "nothing of 'TS_2'"]
    assert found == {"order": [label], "notes": told}
    assert unescape(Path(files.report).read_text(encoding="utf-8")) == "; ".join([*told, f"{label}, b; TS_2"])


@pytest.mark.parametrize("program", [constants.AVERAGE_PROGRAM, constants.BRANCHES_PROGRAM, constants.RESOLUTION_PROGRAM])
def test_every_option_is_one_that_the_program_knows(program):
    module = f"xmipp_scripts.{program.removeprefix('xmipp_')}"
    shown = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=False).stdout
    known = set(re.findall(r"^\s*\[?(--?\w+)", re.sub(r"\x1b\[[0-9;]*m", "", shown), re.MULTILINE))
    used = {
        constants.AVERAGE_PROGRAM: commands.average_arguments("p", "out", OPTIONS, start="free", weigh_by_score=True),
        constants.BRANCHES_PROGRAM: commands.branches_arguments({"a": "p"}, "out", OPTIONS, shared_poses=True),
        constants.RESOLUTION_PROGRAM: commands.resolution_arguments(["1", "2"], "mask", "coverage", "out", seed=1),
    }[program]
    assert {a for a in used if isinstance(a, str) and a.startswith("--")} - known == set()


def test_what_the_halves_cannot_show_is_told_by_program_and_protocol():
    command = [sys.executable, "-m", "xmipp_scripts.average_subtomograms", "--help"]
    shown = " ".join(subprocess.run(command, capture_output=True, text=True, check=False).stdout.split())
    assert "The handedness and a wrong sign of the tilt angles cannot be detected" in shown
    told = " ".join((XmippProtAverageSubtomograms3D.__doc__ or "").split())
    assert "does not show a wrong hand, a wrong sign of the tilt angles or a wrong symmetry" in told


def test_the_form_knows_what_the_programs_ask_for():
    from tomo_particles.averaging.average_set import LEAST_FOR_HALVES, LEAST_PICKS
    from tomo_particles.averaging.picked_boxes import BOX, box_of
    from xmipp_scripts._averaging.branch_config import NOISE, TRUTH
    from xmipp_scripts._averaging.config import LEAST_DETAILS, STARTS
    from xmipp_scripts._shared.averaging_options import LEAST_DETAILS as LEAST_VOXELS
    from xmipp_scripts._shared.averaging_options import TILTS

    assert (constants.LEAST_PICKS, constants.LEAST_FOR_HALVES) == (LEAST_PICKS, LEAST_FOR_HALVES)
    assert (constants.STARTS, constants.TILTS, constants.LEAST_DETAILS) == (STARTS, TILTS, LEAST_DETAILS)
    assert (constants.AVERAGED_BOX, constants.RESERVED_BRANCHES, constants.LEAST_VOXELS) == (BOX, (NOISE, TRUTH), LEAST_VOXELS)
    for diameter, rate in ((130.0, 10.0), (260.0, 13.48), (20.0, 10.0)):
        assert averaged_box(diameter, rate) == box_of(diameter, rate)


def test_aligned_picks_are_those_of_the_input_whichever_are_left_out(tmp_path):
    before = Picks("TS 1", np.array([[1, 2, 3], [5, 5, 5], [5, 5, 5], [9.123456, 8, 7]]), 10.0)
    rows = {"tomo_id": ["other", "TS_1_x", "TS_1_x"], "x": [0, 6, 9], "y": [0, 5, 8.5], "z": [0, 5, 7]}
    rows |= {"rot": [0, 10, 20], "tilt": [0, 30, 40], "psi": [0, 50, 60], "half": [1, 2, 1], "ccc": [0.1, 0.5, 0.6]}
    rows |= {"shift": [0, 10.0, 5.1], "x_picked": [1, 5, 9.123], "y_picked": [2, 5, 8], "z_picked": [3, 5, 7]}
    pd.DataFrame(rows).to_csv(tmp_path / "aligned.csv")
    found = results.read_aligned(str(tmp_path / "aligned.csv"), "TS_1_x", before)
    assert found.rows == [1, 3] and found.picks.tomo_id == "TS 1"
    assert found.picks.positions.tolist() == [[6, 5, 5], [9, 8.5, 7]]
    assert found.picks.angles.tolist() == [[10, 30, 50], [20, 40, 60]]
    assert found.attributes == {"_half": [2, 1], "_ccc": [0.5, 0.6], "_shift": [10.0, 5.1]}
    assert results.rows_of(np.array([[5, 5, 5], [5, 5, 5]]), before.positions, "t.csv") == [1, 2]  # two at one place
    with pytest.raises(InputError, match=r"t\.csv: no coordinate of the input lies at"):
        results.rows_of(np.array([[5, 5, 6]]), before.positions, "t.csv")


SUMMARY = {
    "verdict": "not supported",
    "meanFSCFromDiameterToLowpass": 0.31,
    "resolution": {"unmasked": {"0.5": "50.0 A", "0.143": "40.0 A"}},
    "leftOut": {"border": 2, "flat": 0},
    "picks": 48,
    "medianShift": 9.5,
    "box": 22,
    "samplingRate": 10.0,
}


def test_the_verdict_is_the_first_line():
    lines = results.average_lines(SUMMARY)
    assert lines[0].startswith("*Not supported*: the halves do not agree (mean FSC 0.31")
    assert lines[1] == "Resolution at FSC 0.143 and 0.5: unmasked 40.0 A, 50.0 A"
    assert lines[2] == "48 picks averaged, 2 left out; median shift 9.5 Å; box of 22 voxels, 10 Å/voxel"
    none = results.average_lines(SUMMARY | {"verdict": "no halves", "meanFSCFromDiameterToLowpass": None, "resolution": {}})
    assert none[0] == "*No halves*: nothing says whether the average and the new places are right." and len(none) == 2


def test_branches_are_told_at_equal_numbers_first():
    own = [["branch", "picks", "halves"], ["hand", "50", "supported"], ["noise", "50", "noise"]]
    lines = results.branch_lines({"equalNumbers": [["branch", "picks"], ["hand", "40"]], "ownNumbers": own})
    assert lines[0].startswith("*At equal numbers") and lines[1] == "- *hand*: picks 40"
    assert lines[2].startswith("*Each with all") and lines[3:] == [
        "- *hand*: picks 50; halves supported",
        "- *noise*: picks 50; halves noise",
    ]
    assert len(results.branch_lines({"equalNumbers": [], "ownNumbers": own})) == 3


class Quiet:
    """A viewer of a run in a folder, whose messages are what they say."""

    def __init__(self, folder, summary=None):
        files = AveragingFiles(str(folder))
        self.protocol = SimpleNamespace(_files=lambda: files, _summaryContent=lambda: summary)

    def getTkRoot(self):
        return None

    def infoMessage(self, text, title=""):
        return text


class AverageViewer(Quiet, AverageSubtomograms3DViewer):
    pass


class BranchesViewer(Quiet, CompareBranches3DViewer):
    pass


def press(viewer, name):
    return viewer._getVisualizeDict()[name](name)


def test_the_viewer_of_an_average_shows_what_is_there(tmp_path):
    viewer, output = AverageViewer(tmp_path), tmp_path / "averaging" / "output"
    assert press(viewer, "showMaps") == [viewer_averages3d.NOT_READY] and press(viewer, "showFsc") == ["There are no halves."]
    output.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name in ("average", "half1", "half2"):
        write_volume(output / f"{name}.mrc", rng.random((8, 8, 8)), 10.0)
    pd.DataFrame({"frequency": [0.01, 0.02], "unmasked": [0.9, 0.2], "corrected": [0.95, 0.3]}).to_csv(output / "fsc.csv")
    (maps,), (fsc,) = press(viewer, "showMaps"), press(viewer, "showFsc")
    assert isinstance(maps, FigureWindow) and isinstance(fsc, FigureWindow)
    titles = [axes.get_title() for axes in maps.figure.axes if axes.get_title()]
    assert titles == ["average", "half 1", "half 2"]
    assert fsc.figure.axes[0].lines[1].get_ydata().tolist() == [0.95, 0.3]


def test_the_viewer_of_an_average_shows_directions_and_local_resolution(tmp_path):
    viewer, files = AverageViewer(tmp_path), AveragingFiles(str(tmp_path))
    names = ("showFso", "showDirections", "showLocal")
    assert [press(viewer, name) for name in names] == [["There are no halves."]] * 3
    (tmp_path / "averaging" / "output").mkdir(parents=True)
    (tmp_path / "averaging" / "resolution").mkdir()
    (tmp_path / "averaging" / "output" / "fsc.csv").write_text("frequency,unmasked\n")
    assert [press(viewer, name) for name in names] == [["It was made by an older version: run it again."]] * 3
    occupancy = {"frequency": [0.01, 0.02], "fso": [0.9, 0.3], "noise": [0.2, 0.1], "isotropic": [0.5, 0.001]}
    pd.DataFrame(occupancy).to_csv(files.of_resolution("fso.csv"))
    sphere = {"x": [0.0, 0.6, 1.0], "y": [0.0, 0.0, 0.0], "z": [1.0, 0.8, 0.0], "resolution": [np.nan, 30.0, 20.0]}
    pd.DataFrame(sphere).to_csv(files.of_resolution("directions.csv"))
    local = np.zeros((8, 8, 8), dtype=np.float32)
    local[2:6, 2:6, 2:6] = np.linspace(20, 40, 64).reshape(4, 4, 4)
    write_volume(files.map("average"), np.random.default_rng(0).random((8, 8, 8)), 10.0)
    write_volume(files.of_resolution("local_resolution.mrc"), local, 10.0)
    (fso,), (directions,), (shown,) = (press(viewer, name) for name in names)
    assert [window.title for window in (fso, directions, shown)] == [
        "FSO of the halves",
        "Resolution by direction",
        "Local resolution",
    ]
    assert fso.figure.axes[0].lines[0].get_ydata().tolist() == [0.9, 0.3]
    assert directions.figure.axes[0].collections[0].get_array().tolist() == [1 / 30, 1 / 20]
    image = shown.figure.axes[3].images[0]
    frequency = image.get_array().filled(0)  # 1/Å
    assert frequency == pytest.approx(np.divide(1, local[4], out=np.zeros((8, 8)), where=local[4] > 0))
    assert shown.figure.axes[-1].get_yticklabels()[0].get_text() == f"{1 / image.norm.vmin:.3g}"


def test_the_resolution_is_in_the_summary_where_it_was_measured(tmp_path):
    path = tmp_path / "summary.json"
    assert results.resolution_lines(str(path)) == []
    fso, local = {"0.5": "31.4 A", "band": ["40.0 A", "none"]}, {"median": 28.5}
    notes = ["from 40 A on the directions in which the halves agree are not spread evenly", "no mask: the noise"]
    path.write_text(json.dumps({"fso": fso, "local": local, "notes": notes}))
    assert results.resolution_lines(str(path)) == [
        "By direction (FSO): half of the directions agree to 31.4 A, 90 % to 40.0 A, 10 % to none. "
        "Local resolution: median 28.5 Å",
        f"*Note*: {notes[0]}",
    ]


def test_the_viewer_of_branches_shows_maps_and_report(tmp_path, monkeypatch):
    opened = []
    monkeypatch.setattr(browser, "_opens", lambda uri: opened.append(uri) or len(opened) == 1)
    assert press(BranchesViewer(tmp_path), "showMaps") == [viewer_averages3d.NOT_READY]
    assert press(BranchesViewer(tmp_path), "showReport") == [viewer_averages3d.NOT_READY]
    viewer = BranchesViewer(tmp_path, {"order": ["2: a b", "noise"]})
    files = viewer.protocol._files()
    (tmp_path / "averaging" / "output" / "maps").mkdir(parents=True)
    for name in ("2: a b", "noise"):
        write_volume(files.branch(name, "average.mrc"), np.random.default_rng(0).random((8, 8, 8)), 10.0)
    (window,) = press(viewer, "showMaps")
    assert [axes.get_title() for axes in window.figure.axes if axes.get_title()] == ["2: a b", "noise"]
    (tmp_path / "averaging" / "output" / "report.html").write_text("")
    assert press(viewer, "showReport") == [] and opened[0].endswith("/averaging/output/report.html")
    (told,) = press(viewer, "showReport")  # no browser answers any more
    assert told.startswith("No browser answers") and told.endswith(f"{tmp_path}/averaging/output/report.html")
