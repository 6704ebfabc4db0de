"""Sets of coordinates to the tables of an evaluation, and its results to lines and a figure."""

import json
from contextlib import contextmanager

import mrcfile
import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import file_stem

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open

pytest.importorskip("xmipptomo.convert")
from xmipptomo.convert import read_pickings, species_of  # noqa: E402
from xmipptomo.files import EvaluationFiles  # noqa: E402
from xmipptomo.protocols.evaluation.inputs import write_reference  # noqa: E402
from xmipptomo.protocols.evaluation.results import COLUMNS, Evaluation, notes_of, numbers_table, summary_lines  # noqa: E402
from xmipptomo.protocols.shared.sets import write_picking  # noqa: E402


@pytest.fixture
def files(tmp_path):
    return EvaluationFiles(str(tmp_path / "extra"))


class Collected(dict):
    """Failures by name, in place of a protocol."""

    @contextmanager
    def __call__(self, name):
        try:
            yield
        except Exception as error:
            self[name] = str(error)


def set_headers(tomograms, rate):
    for tomogram in tomograms:
        with mrcfile.open(tomogram.getFileName(), mode="r+") as file:
            file.voxel_size = rate


def test_the_reference_is_written_with_its_distractors_and_links(sets, files):
    tomograms = sets.tomograms({"TS 1": (40, 30, 20), "TS_2": (40, 30, 20)}, 10.0)
    set_headers(tomograms, 10.0)
    reference = sets.coordinates(tomograms, {"TS 1": [(5, 5.25, 5)], "TS_2": [(6, 6, 6)]})
    distractors = sets.coordinates(tomograms, {"TS 1": [(20, 20, 10)]})
    failures = Collected()
    assert write_reference(files, reference, distractors, failures) == ["TS 1", "TS_2"]
    assert not failures
    truth = read_pickings(files.truth, 10.0)
    first = truth[file_stem("TS 1")]
    np.testing.assert_allclose(first.positions, [(5, 5.25, 5), (20, 20, 10)], atol=0.01)
    assert first.species.tolist() == ["", "bead"]
    assert sorted(path.stem for path in (files.root / "tomograms").iterdir()) == sorted([file_stem("TS 1"), "TS_2"])


def test_tomograms_whose_header_is_wrong_are_not_given_to_the_program(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20), "b": (40, 30, 20)}, 10.0)
    set_headers(tomograms, 10.0)
    with mrcfile.open(tomograms.getFirstItem().getFileName(), mode="r+") as file:
        file.voxel_size = 1.0
    reference = sets.coordinates(tomograms, {"a": [(5, 5, 5)], "b": [(6, 6, 6)]})
    assert write_reference(files, reference, None, Collected()) == ["a", "b"]
    assert not (files.root / "tomograms").exists()


def test_a_lost_tomogram_of_the_reference_is_collected(sets, files, tmp_path):
    tomograms = sets.tomograms({"a": (40, 30, 20), "b": (40, 30, 20)}, 10.0)
    reference = sets.coordinates(tomograms, {"a": [(5, 5, 5)], "b": [(6, 6, 6)]})
    (tmp_path / tomograms.getFirstItem().getFileName()).unlink()
    failures = Collected()
    assert write_reference(files, reference, None, failures) == ["b"]
    assert "does not exist" in failures["a"]


def test_a_picking_is_written_in_voxels_of_the_reference_without_other_tomograms(sets, files):
    binned = sets.tomograms({"a": (20, 15, 10), "other": (20, 15, 10)}, 20.0)
    picking = sets.coordinates(binned, {"a": [(10.0, 5.0, 3.0)], "other": [(1, 1, 1)]}, score=0.5)
    files.root.mkdir(parents=True)
    write_picking(files.picks(1), picking, ["a", "b"], 10.0)
    picks = read_pickings(files.picks(1), 1.0)
    assert list(picks) == ["a"]
    assert (picks["a"].sampling_rate, picks["a"].score.tolist()) == (10.0, [0.5])
    np.testing.assert_allclose(picks["a"].positions, [(20.5, 10.5, 6.5)], atol=0.01)


def test_a_picking_whose_tomogram_is_lost_is_refused(sets, files, tmp_path):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    picking = sets.coordinates(tomograms, {"a": [(5, 5, 5)]})
    (tmp_path / tomograms.getFirstItem().getFileName()).unlink()
    with pytest.raises(InputError, match="does not exist"):
        write_picking(files.picks(1), picking, ["a"], 10.0)


def test_a_set_without_species_has_none(sets):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    assert species_of(sets.coordinates(tomograms, {"a": [(5, 5, 5)]})) == []
    assert species_of(sets.empty_coordinates(tomograms)) == []


# ---- results
def evaluation_of(name, f1, *, scores=True, probabilities=False, classes=()):
    numbers = {
        "particles": 20,
        "RR": 30,
        "TP": 10,
        "FP": 18,
        "FN": 10,
        "MH": 2,
        "recall": 0.5,
        "precision": 0.33,
        "F1": f1,
        "average_precision": 0.4 if scores else None,
        "brier": None,
        "ECE": 0.1 if probabilities else None,
    }
    curve = {"threshold": [2.0, 1.0], "precision": [1.0, 0.33], "recall": [0.1, 0.5]}
    if probabilities:
        curve["reliability"] = {"count": [15, 15], "score": [0.2, 0.8], "share": [0.1, 0.9]}
    rule = {
        "localisation": numbers,
        "classes": dict.fromkeys(classes, numbers),
        "random_baseline": {"F1": 0.05},
        "false_picks_on": {"bead": 3, "vesicle": 0},
        "size_groups": {"small": 0.25},
    }
    report = {"all": {"distance": rule}, "curves": {"distance": curve} if scores else {}, "notes": ["a note"]}
    return Evaluation(name, json.loads(json.dumps(report)), [])


def test_the_summary_has_the_best_first_and_says_what_is_not_known():
    lines = summary_lines([evaluation_of("blobs", 0.4, scores=False), evaluation_of("matching", 0.8, classes=["rod"])])
    text = "\n".join(lines)
    assert text.index("matching") < text.index("blobs")
    assert "20 particles" in lines[0]
    assert "F1 0.400, precision 0.330, recall 0.500, AP - (30 picks" in text
    assert "F1 of rod 0.80" in text
    assert "bead 3" in text
    assert "vesicle" not in text
    assert "blobs: a note" in text


def test_the_table_has_a_row_for_each_species_and_size_group():
    table = numbers_table(evaluation_of("matching", 0.8, classes=["rod", "two subunits"]))
    assert [row[0] for row in table[:3]] == ["all", "rod", "two subunits"]
    assert len(table) == 4
    assert {len(row) for row in table} == {1 + len(COLUMNS)}
    assert table[0][1:4] == ["20", "30", "10"]
    assert "0.250" in table[-1]
    assert "-" in table[-1]
    assert notes_of(evaluation_of("matching", 0.8))[0].startswith("as many random positions: F1")


@pytest.mark.parametrize(
    ("kinds", "panels"),
    [
        ([{}], ["Precision", "How much"]),
        ([{"scores": False}], ["Precision", "How much"]),
        ([{"probabilities": True}, {}], ["Precision", "How much", "Calibration"]),
        ([{"classes": ["rod", "shell"]}], ["Precision", "How much", "F1 of each"]),
        ([{"probabilities": True, "classes": ["rod"]}] * 9, ["Precision", "How much", "F1 of each", "Calibration"]),
    ],
)
def test_the_figure_has_a_panel_for_what_is_known(kinds, panels, tmp_path):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from xmipptomo.viewers.evaluation_figure import draw_evaluations

    figure = Figure()
    FigureCanvasAgg(figure)
    draw_evaluations(figure, [evaluation_of(f"picking {n}", 0.5, **kind) for n, kind in enumerate(kinds)])
    figure.savefig(tmp_path / "figure.png")
    titles = [axes.get_title() for axes in figure.axes if axes.get_title()]
    assert len(titles) == len(panels)
    assert all(title.startswith(panel) for title, panel in zip(titles, panels, strict=True))
    curves = [line for line in figure.axes[0].lines if len(line.get_xdata()) == 3]
    assert len(curves) == sum(kind.get("scores", True) for kind in kinds)


def test_the_viewer_is_for_the_evaluation():
    from xmipptomo.protocols import XmippProtEvaluatePicking3D
    from xmipptomo.viewers import EvaluatePicking3DViewer

    assert EvaluatePicking3DViewer._targets == [XmippProtEvaluatePicking3D]
