"""Command lines of the programs that simulate, pick and evaluate, and what the forms know of these programs."""

import re
import subprocess
import sys
from dataclasses import replace
from functools import cache

import pytest

pytestmark = pytest.mark.filterwarnings("ignore")

pytest.importorskip("xmipptomo.convert")
from xmipptomo import constants  # noqa: E402
from xmipptomo.protocols.learned import commands as learned  # noqa: E402
from xmipptomo.protocols.learned.thresholds import read_thresholds, thresholds_text  # noqa: E402
from xmipptomo.protocols.shared import commands  # noqa: E402
from xmipptomo.protocols.simulation.form import numbers  # noqa: E402

OPTICS = commands.Optics(3.0, 300.0, 2.7, 0.08)
SIMULATION = commands.SimulationOptions(
    folder="my folder",
    tomograms=2,
    size=(96, 80, 40),
    sampling_rate=10.0,
    maps=["a b.mrc"],
    counts=[3, 0],
    beads=1,
    vesicles=0,
    carbon=0.3,
    contaminants=4,
    tilts=(-60.0, 60.0, 3.0),
    snr=0.1,
    optics=OPTICS,
    envelope=0.4,
    ice_noise=0.01,
    structural_noise=0.04,
    multislice=True,
    density=True,
    prefix="tomo",
    threads=2,
    seed=1,
)
MATCHING = commands.MatchingOptions(
    templates=["a.mrc", "b.mrc"],
    mask="mask.mrc",
    diameters=[100.0, 200.0],
    tilts=(-50.0, 60.0),
    angular_step=15.0,
    low_pass=40.0,
    optics=OPTICS,
    select="filtered",
)


def blobs(**changes):
    values = {
        "rate": 10.0,
        "diameter": 120.0,
        "method": "dog",
        "selection": commands.Selection(number=5),
        "bright": True,
        "threads": 2,
    }
    return commands.blob_arguments("t.mrc", "p.xmd", **{**values, **changes})


def matching(options=MATCHING, **changes):
    values = {"rate": 10.0, "selection": commands.Selection(threshold=0.2), "bright": True, "threads": 2, "score_maps": "maps"}
    return commands.matching_arguments("t.mrc", "p.xmd", options, **{**values, **changes})


def evaluation(**changes):
    values = {
        "radius": 7.5,
        "classes": "c.csv",
        "targets": ["a", "b"],
        "tomograms": ["t.mrc"],
        "rate": 10.0,
        "seed": 3,
        "masks": "masks",
    }
    return commands.evaluation_arguments("p.xmd", "g.xmd", "root", **{**values, **changes})


FROM_PICKS = learned.LearnedFrom("p.xmd", ["a.mrc", "b.mrc"], 10.0, partial=True, classes="c.csv")
FROM_CONSENSUS = learned.LearnedFrom(consensus="run", soft=True, diameter=120.0)
TRAINING = learned.TrainingOptions("unet", "heatmap", "bce", 10.0, 5, 3, 0.5, 32, 4, 1e-3, 2.0, True, "start.h5", 7)
PICKING = learned.PickingOptions(
    "m.h5", commands.Selection(number=5), ["0.5", "a:0.7"], "meanshift", 60.0, True, ["a.mrc"], (-50.0, 60.0), 15.0, 40.0
)


def training(source=FROM_PICKS, options=TRAINING, **changes):
    return learned.training_arguments(
        "m.h5", "n.txt", source, options, **{"masks": "masks", "gpus": "0,1", "threads": 2, **changes}
    )


def deep_picking(options=PICKING, **changes):
    return [
        *learned.picking_arguments(
            "t.mrc", "p.xmd", "n.txt", options, **{"rate": 10.0, "score_maps": "maps", "threads": 2, **changes}
        ),
        "--gpus",
        "",
    ]


ALL = {
    constants.TRAIN_PROGRAM: training()
    + training(FROM_CONSENSUS, replace(TRAINING, steps=0))
    + training(learned.LearnedFrom(simulation="s", classes="c.csv")),
    constants.DEEP_PICK_PROGRAM: deep_picking(),
    constants.JOIN_PROGRAM: learned.joining_arguments(
        ["t.mrc"], 10.0, ("n.xmd", "maps"), ("t.xmd", "maps"), "o.csv", diameter=100.0, fit="f.json", truth="k.xmd", threshold=0.5
    ),
    constants.SIMULATION_PROGRAM: commands.simulation_arguments(SIMULATION),
    constants.MASK_PROGRAM: commands.mask_arguments(
        "t.mrc", "masks", rate=10.0, bead=50.0, membrane_bad=True, bright=True, user="u.mrc", threads=2
    ),
    constants.BLOB_PROGRAM: blobs() + blobs(selection=commands.Selection(threshold=6.0)),
    constants.TEMPLATE_PROGRAM: matching() + matching(selection=commands.Selection(number=5)),
    constants.EVALUATION_PROGRAM: evaluation(),
}


@cache
def help_of(program: str) -> str:
    module = f"xmipp_scripts.{program.removeprefix('xmipp_')}"
    shown = subprocess.run([sys.executable, "-m", module, "--help"], capture_output=True, text=True, check=False).stdout
    return re.sub(r"\x1b\[[0-9;]*m", "", shown)


def value_of(arguments, option):
    return arguments[arguments.index(option) + 1]


@pytest.mark.parametrize("program", ALL)
def test_every_option_is_one_that_the_program_knows(program):
    known = set(re.findall(r"^\s*\[?(--?\w+)", help_of(program), re.MULTILINE))
    used = {a for a in ALL[program] if isinstance(a, str) and a.startswith("-")}
    assert used
    assert used - known == set()


@pytest.mark.parametrize("program", ALL)
def test_no_argument_is_none_or_two_in_one(program):
    for argument in ALL[program]:
        assert argument is not None
        assert str(argument) != "None"
        assert not (str(argument).startswith("--") and " " in str(argument))


def test_choices_of_the_forms_are_those_of_the_programs():
    assert all(method in help_of(constants.BLOB_PROGRAM) for method in constants.BLOB_METHODS)
    assert all(selection in help_of(constants.TEMPLATE_PROGRAM) for selection in constants.SELECTIONS)


def test_the_form_knows_the_complexes_and_distractors_of_the_simulation():
    from tomo_particles.simulation import DISTRACTORS, builtin_complexes

    assert tuple(which.name for which in builtin_complexes(20.0)) == constants.BUILTIN_COMPLEXES
    assert set(DISTRACTORS) == set(constants.DISTRACTORS)


def test_the_simulation_gets_everything_that_the_form_says():
    arguments = commands.simulation_arguments(SIMULATION)
    assert arguments[arguments.index("--size") + 1 : arguments.index("--size") + 4] == [96, 80, 40]
    assert arguments[arguments.index("--tilts") + 1 : arguments.index("--tilts") + 4] == [-60.0, 60.0, 3.0]
    assert arguments[arguments.index("--counts") + 1 : arguments.index("--counts") + 3] == [3, 0]
    expected = {
        "--maps": "a b.mrc",
        "--beads": 1,
        "--vesicles": 0,
        "--snr": 0.1,
        "--defocus": 3.0,
        "--voltage": 300.0,
        "--cs": 2.7,
        "--amplitudecontrast": 0.08,
        "--envelope": 0.4,
        "--icenoise": 0.01,
        "--structuralnoise": 0.04,
        "--seed": 1,
    }
    assert {option: value_of(arguments, option) for option in expected} == expected
    assert {"--multislice", "--density"} <= {a for a in arguments if isinstance(a, str)}
    plain = commands.simulation_arguments(replace(SIMULATION, maps=[], counts=[], multislice=False, density=False))
    assert not {"--maps", "--counts", "--multislice", "--density"} & {a for a in plain if isinstance(a, str)}


def test_a_picker_is_told_one_way_to_choose_picks():
    assert value_of(blobs(), "--number") == 5
    assert "--threshold" not in blobs()
    above = blobs(selection=commands.Selection(threshold=0.0))  # zero is a threshold, not none
    assert value_of(above, "--threshold") == 0.0
    assert "--number" not in above
    assert not {"--number", "--threshold"} & set(blobs(selection=commands.Selection()))


def test_matching_leaves_out_what_is_automatic():
    automatic = matching(
        replace(MATCHING, mask="", diameters=[], angular_step=0.0, low_pass=0.0, optics=None), score_maps="", bright=False
    )
    assert not {"--templateMask", "--diameter", "--angularstep", "--lowpass", "--scoremaps", "--bright", "--voltage"} & set(
        automatic
    )
    assert "--coarseFirst" not in automatic
    assert "--coarseFirst" in matching(replace(MATCHING, coarse_first=True), score_maps="")
    assert value_of(automatic, "--defocus") == 0
    assert value_of(matching(), "--defocus") == 3.0
    assert matching()[matching().index("--diameter") + 1 : matching().index("--diameter") + 3] == [100.0, 200.0]


def test_a_training_learns_from_one_source_for_steps_or_minutes():
    picks, consensus = (
        training(),
        training(FROM_CONSENSUS, replace(TRAINING, steps=0, patch=0, input_model="", target="", loss=""), masks=""),
    )
    assert (value_of(picks, "--target"), value_of(picks, "--loss")) == ("heatmap", "bce")
    assert training(learned.LearnedFrom(simulation="s", classes="c.csv"))[:4] == ["--simulation", "s", "--classes", "c.csv"]
    assert value_of(picks, "--labels") == "partial" and value_of(picks, "--classes") == "c.csv"
    assert value_of(picks, "--steps") == 5 and "--minutes" not in picks and "--diameter" not in picks
    assert value_of(consensus, "--doubtful") == "soft" and value_of(consensus, "--minutes") == 10.0
    left_out = {"--coordinates", "--tomograms", "--steps", "--patch", "--inputModel", "--mask", "--classes", "--target", "--loss"}
    assert not left_out & {a for a in consensus if isinstance(a, str)}


def test_a_trained_picker_leaves_out_what_is_as_in_the_training():
    plain = deep_picking(learned.PickingOptions("m.h5", commands.Selection(), [], "", None, False), score_maps="")
    assert not {"--threshold", "--number", "--cluster", "--bandwidth", "--tta", "--scoremaps", "--identify", "--tilts"} & set(
        plain
    )
    turned = deep_picking()
    assert turned[turned.index("--tilts") + 1 :][:2] == [-50.0, 60.0] and value_of(turned, "--identify") == "a.mrc"
    assert deep_picking()[deep_picking().index("--threshold") + 1 :][:2] == ["0.5", "a:0.7"]


@pytest.mark.parametrize(
    ("text", "wrong"),
    [("0.5 a:0.7", ""), ("b:0", ""), ("", "EMPTY"), ("c:0.5", "names the class 'c'"), ("0.5 1.2", "'1.2'"), ("a:x", "'a:x'")],
)
def test_thresholds_of_classes_are_read_and_written(text, wrong):
    if wrong:
        with pytest.raises(ValueError, match=wrong):
            read_thresholds(text, ["a", "b"])
    else:
        found = read_thresholds(text, ["a", "b"])
        assert read_thresholds(thresholds_text(found), ["a", "b"]) == found


def test_an_evaluation_by_classes_has_no_radius():
    assert value_of(evaluation(), "--radius") == 7.5
    short = evaluation(radius=None, targets=[], tomograms=[], masks="")
    assert not {"--radius", "--target", "--tomograms", "--mask"} & set(short)
    assert value_of(short, "--classes") == "c.csv"
    assert "--classes" not in evaluation(classes="")


@pytest.mark.parametrize(("text", "values"), [("", []), (None, []), ("3", [3]), ("3 0, 4", [3, 0, 4])])
def test_counts_are_read_as_people_write_them(text, values):
    assert numbers(text) == values


def test_counts_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="many"):
        numbers("3 many")
