"""Command lines of the programs, and the habits that the protocol's own code must keep."""

import ast
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.geometry.symmetry import symmetry_group

pytestmark = pytest.mark.filterwarnings("ignore")

pytest.importorskip("xmipptomo.convert")
from tomo_particles.core.seeds import seed_of  # noqa: E402
from xmipptomo import constants, protocols  # noqa: E402
from xmipptomo.files import NOISE, POSITIVE, RunFiles  # noqa: E402
from xmipptomo.protocols.deep_consensus import commands  # noqa: E402
from xmipptomo.protocols.shared import program_steps as steps  # noqa: E402

FILES = RunFiles("extra")
TOMOGRAM = commands.RunTomogram(
    "TS_1", "my tomogram.mrc", 5.0, [96, 80, 40], 10.0, 24, 7, has_truth=False, has_lie=False, counts=[3, 4], left_out=0
)
OPTIONS = commands.NetworkOptions(
    start_model="",
    network="small",
    epochs=3,
    batch_size=8,
    learning_rate=0.01,
    l2=0.001,
    validation=0.2,
    folds=2,
    auto_stop=False,
    augment=False,
    seed=5,
)


def training(options=OPTIONS, **changes):
    values = {
        "recipe": "consensus",
        "positive": ["p1.xmd", "p2.xmd"],
        "doubtful": ["d.xmd"],
        "negative": ["n.xmd"],
        "pickers": ["crYOLO", "DeepFinder"],
        "grid": (10.0, 24),
        "gpus": "0,1",
    }
    return commands.training_arguments(FILES, options, **{**values, "threads": 2, **changes})


ALL = {
    constants.CONSENSUS_PROGRAM: commands.consensus_arguments(
        FILES,
        replace(TOMOGRAM, has_truth=True, has_lie=True, has_derived=True),
        radius=0.35,
        number=2,
        representative=2,
        symmetry="c1",
    ),
    constants.NOISE_PROGRAM: commands.noise_arguments(
        FILES, TOMOGRAM, radius=0.7, limit=1.0, most=1000, static=True, threads=4, seed=1, mask="m.mrc"
    ),
    constants.EXTRACTION_PROGRAM: commands.extraction_arguments(
        FILES, TOMOGRAM, [POSITIVE, NOISE], network="small", invert=True, threads=4
    ),
    constants.NETWORK_PROGRAM: training(replace(OPTIONS, start_model="m.h5"))
    + commands.scoring_arguments(
        "m.h5",
        ["a.xmd"],
        "out.xmd",
        noise=["noise.xmd"],
        recipe="paper",
        grid=(10.0, 24),
        gpus="",
        threads=1,
        noise_output="scored_noise.xmd",
        derived=["d.xmd"],
        derived_output="scored_derived.xmd",
    ),
    constants.SECOND_LOOK_PROGRAM: commands.look_arguments(
        FILES, "m.h5", diameter=130.0, tilts=(-57.0, 60.0), keep_centres=True, tomogram_rate=5.0, threads=2, seed=1
    ),
}


def value_of(arguments, option):
    return arguments[arguments.index(option) + 1]


@pytest.mark.parametrize("program", ALL)
def test_every_option_is_one_that_the_program_knows(program):
    command = [str(Path(sys.executable).parent / program), "--help"]
    coloured = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    text = re.sub(r"\x1b\[[0-9;]*m", "", coloured)
    known = set(re.findall(r"^\s*\[?(--?\w+)", text, re.MULTILINE))
    used = {a for a in ALL[program] if isinstance(a, str) and a.startswith("-")}
    assert used
    assert used - known == set()


def test_the_second_look_reads_the_first_scores_and_writes_the_final_ones():
    arguments = ALL[constants.SECOND_LOOK_PROGRAM]
    read = [str(value_of(arguments, option)) for option in ("--input", "--inputNeg", "--output", "--model")]
    assert read == [str(FILES.root / name) for name in ("scored_first.xmd", "scored_noise.xmd", "scored.xmd")] + ["m.h5"]
    start = arguments.index("--tilts")
    assert arguments[start + 1 : start + 3] == [-57.0, 60.0] and "--keepCentres" in arguments
    assert (value_of(arguments, "--diameter"), value_of(arguments, "--tomogramSamplingrate")) == (130.0, 5.0)


@pytest.mark.parametrize("program", ALL)
def test_no_argument_is_none_or_two_in_one(program):
    for argument in ALL[program]:
        assert argument is not None
        assert str(argument) != "None"
        assert not (str(argument).startswith("--") and " " in str(argument))


def test_names_reach_the_program_as_they_are(tmp_path):
    odd = ["my tomogram.mrc", "it's", 'say "x"', "$HOME", "`id`", "100%", "", "a;b"]
    command = f"printf '%s\\n' {steps.command_line(odd)}"
    printed = subprocess.run(command, shell=True, capture_output=True, text=True, check=True).stdout
    assert printed.split("\n")[:-1] == odd


def test_arguments_do_not_accumulate_from_tomogram_to_tomogram():
    def once():
        return commands.consensus_arguments(FILES, TOMOGRAM, radius=0.35, number=2, representative=2, symmetry="c1")

    first = once()
    first.append("changed by someone")
    assert len(once()) == len(first) - 1
    assert once() == once()


def test_references_are_passed_only_where_there_are_any():
    plain = commands.consensus_arguments(FILES, TOMOGRAM, radius=0.35, number=3, representative=0, symmetry="D7")
    assert "--inputTruth" not in plain
    assert "--inputLie" not in plain
    assert value_of(plain, "--number") == 3  # not a number of its own
    assert value_of(plain, "--constype") == 0
    assert value_of(plain, "--symmetry") == "D7"
    assert value_of(plain, "--startingId") == 7


def test_all_training_options_are_passed():
    arguments = training()
    expected = {
        "--epochs": 3,
        "--batch": 8,
        "--learningRate": 0.01,
        "--l2": 0.001,
        "--validation": 0.2,
        "--folds": 2,
        "--seed": 5,
        "--threads": 2,
        "--gpus": "0,1",
        "--network": "small",
        "--boxsize": 24,
        "--samplingrate": 10.0,
    }
    assert {option: value_of(arguments, option) for option in expected} == expected
    assert "--noAutoStop" in arguments
    assert "--noAugment" in arguments
    assert "--inputModel" not in arguments
    assert "--noAutoStop" not in training(replace(OPTIONS, auto_stop=True))


def test_tomograms_differ_in_size_and_seed():
    size = commands.noise_arguments(FILES, TOMOGRAM, radius=0.7, limit=1.0, most=None, static=False, threads=4, seed=1)
    assert size[size.index("--size") + 1 : size.index("--size") + 4] == [96, 80, 40]
    assert seed_of(1, "TS_1") != seed_of(1, "TS_2")
    assert seed_of(1, "TS_1") == seed_of(1, "TS_1") != seed_of(2, "TS_1")


def test_only_noise_is_dropped_at_the_border():
    labels = [POSITIVE, NOISE]
    arguments = list(map(str, commands.extraction_arguments(FILES, TOMOGRAM, labels, network="small", invert=False, threads=1)))

    def values(option):
        return arguments[(first := arguments.index(option) + 1) : first + 2]

    assert values("--border") == ["pad", "drop"]
    for option, path in (("--coordinates", FILES.labelled), ("--note", FILES.boxes_note)):
        assert values(option) == [str(path(TOMOGRAM.ts_id, label)) for label in labels]
    assert values("-o") == [str(FILES.subtomograms(TOMOGRAM.ts_id, label).parent) for label in labels]


def test_the_reason_of_a_failure_is_the_error_line(tmp_path):
    messages = tmp_path / "messages.txt"
    assert steps.reason_of(str(messages)) == ""
    messages.write_text("TensorFlow says hello\nxmipp_x: error: --input: file 'a' does not exist\nbye\n")
    assert steps.reason_of(str(messages)) == "xmipp_x: error: --input: file 'a' does not exist"
    messages.write_text("Traceback\nKeyError: 'x'\n\n")
    assert steps.reason_of(str(messages)) == "KeyError: 'x'"


def test_the_reason_names_fields_of_the_form_not_options():
    labels = {"-i": "*Files*", "--names": "*Names of tomograms*", "--no": "*Never*"}
    reason = "xmipp_x: error: -i: 'a-i.star' has picks of '1'; say which it is with --names 1=NAME; --not this"
    told = "*Files*: 'a-i.star' has picks of '1'; say which it is with *Names of tomograms* 1=NAME; --not this"
    assert steps.in_terms_of_the_form(reason, labels) == told
    assert steps.in_terms_of_the_form("xmipp_x: error: --other: no", labels) == "xmipp_x: error: --other: no"


def test_the_fields_of_options_are_on_the_form():
    classes = [value for value in vars(protocols).values() if isinstance(value, type) and issubclass(value, steps.ProgramSteps)]
    assert len(classes) >= 11
    for protocol_class in classes:
        protocol = protocol_class()
        for option, label in protocol._labelsOfOptions().items():
            assert re.fullmatch(r"\*[^*]+\*( \(expert level advanced\))?", label), f"{protocol_class.__name__}: {option}"
    imported = protocols.XmippProtImportCoordinates3D()
    assert imported._labelsOfOptions()["--names"] == "*Names of tomograms* (expert level advanced)"


# ---- the protocol's own code
PROTOCOLS = Path(protocols.__file__).parent


def test_the_protocol_keeps_nothing_on_itself_between_steps():
    tree = ast.parse((PROTOCOLS / "deep_consensus" / "protocol_deep_consensus_picking3d.py").read_text(encoding="utf-8"))
    targets = [
        t
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign)
        for t in (node.targets if isinstance(node, ast.Assign) else [node.target])
    ]
    assert [ast.unparse(t) for t in targets if ast.unparse(t).startswith("self.")] == []


def test_the_protocol_stays_thin():
    assert all(len(path.read_text(encoding="utf-8").splitlines()) < 400 for path in PROTOCOLS.rglob("*.py"))


def test_programs_are_those_that_are_installed():
    programs = [value for name, value in vars(constants).items() if name.endswith("_PROGRAM")]
    assert len(programs) >= 16
    assert all((Path(sys.executable).parent / program).exists() for program in programs)


@pytest.mark.parametrize("name", ["c1", "C12", "d2", "T", "o", "i", "i1", "I2", "", "c0", "c100", "i3", "x", "c", "c1 ", "t2"])
def test_the_form_takes_the_symmetries_that_the_program_takes(name):
    try:
        symmetry_group(name)
        known = True
    except InputError:
        known = False
    assert bool(re.fullmatch(constants.SYMMETRY_NAMES, name, re.IGNORECASE)) == known
