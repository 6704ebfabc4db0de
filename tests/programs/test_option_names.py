"""A message names no option that the program at hand does not have, whoever found the mistake."""

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.tomograms import write_volume

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = REPOSITORY / "xmipp_scripts"
SOURCES = {
    path: ast.parse(path.read_text(encoding="utf-8"))
    for root in (SCRIPTS, REPOSITORY / "libraries" / "tomo_particles")
    for path in sorted(root.rglob("*.py"))
}
PROGRAMS = sorted(path.stem for path in SCRIPTS.glob("[!_]*_tomo.py"))
OF_PARSER = {"--help", "-h", "--more", "--xmipp_write_definition", "--xmipp_write_wiki", "--xmipp_write_autocomplete"}
OF_PYTHON = {"-m"}  # of the interpreter, which runs a program as a process of its own
OF_MODEL = ("--boxsize", 8, "--samplingrate", 10)
OPTION = re.compile(r"(?<![\w-])--?[A-Za-z]\w*")


def texts_in(tree: ast.AST) -> list[str]:
    """Every string of a tree, those of f-strings too, without the documentation of what it defines."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation
    ]


def is_command_line(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and any(isinstance(base, ast.Name) and base.id == "Program" for base in node.bases)


def command_line_steps(program: ast.ClassDef) -> list[ast.stmt]:
    """What a program does; its help, which may speak of other programs, is left out."""
    return [node for node in program.body if not (isinstance(node, ast.FunctionDef) and node.name == "defineParams")]


def read_by(path: Path, seen: set[Path]) -> set[Path]:
    """A module of the programs, and those that it imports, however far."""
    if path in seen or path not in SOURCES:
        return seen
    seen.add(path)
    for node in ast.walk(SOURCES[path]):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for found in (folder.with_suffix(".py"), *(folder / f"{alias.name}.py" for alias in node.names)):
                read_by(found, seen)
    return seen


def parameters_named() -> set[str]:
    """Every word that may be the name of a parameter."""
    return {text for tree in SOURCES.values() for text in texts_in(tree) if re.fullmatch("[a-z0-9_]+", text)}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_parameter_is_called_as_an_option_of_the_program_or_in_words(defined, name):
    program = defined(name)
    words = parameters_named()
    assert {"positives", "box_size", "names", "picks_sampling_rate"} <= words
    assert {program.option_of(word) for word in words} <= {*program._values, None}
    assert set(program.parameters) <= words  # none that no message names
    assert set(program.parameters.values()) <= set(program._values)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_programs_share_names_only_options_of_them_all(defined, name):
    for path in read_by(SCRIPTS / f"{name}.py", set()):
        steps = [
            node
            for top in SOURCES[path].body
            for node in (command_line_steps(top) if is_command_line(top) else [top])
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and (path.stem == name or not is_command_line(top))
        ]
        found = {option for node in steps for text in texts_in(node) for option in OPTION.findall(text)}
        assert found <= {*defined(name)._values, *OF_PARSER, *OF_PYTHON}, path.name


def test_the_program_names_its_option_and_leaves_out_what_it_cannot_do(defined):
    error = InputError(
        f"{parameter('box_size')}: 7 is odd", f"give {parameter('names')}", f"lower {parameter('box_size')}", "start again"
    )
    assert str(error) == "box size: 7 is odd; give names, or lower box size, or start again"
    assert error.said(defined("tomo_extract_subtomograms").option_of) == "--boxsize: 7 is odd; lower --boxsize, or start again"
    assert error.said(lambda name: None) == "box size: 7 is odd; start again"
    assert InputError("no", f"give {parameter('names')}").said(lambda name: None) == "no"


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        (
            "evaluate_picking_tomo",
            ["--picks", "any.xml", "--truth", "good.csv", "--radius", 3, "--oroot", "out"],
            "any.xml' may be deepfinder or membranorama [the tomograms of --truth count]; convert the file first with "
            "xmipp_convert_coordinates_tomo",
        ),
        (
            "evaluate_picking_tomo",
            ["--picks", "good.csv", "--truth", "good.csv", "--radius", 3, "--oroot", "out", "--tomograms", "t.mrc"],
            "--tomograms: 't.mrc' has no sampling rate in its header; write it into the header",
        ),
        (
            "pick_blobs_tomo",
            ["--tomograms", "t.mrc", "--diameter", 90, "-o", "o.csv"],
            "header; give it in Å/voxel with --tomogramSamplingrate, or write it into the header",
        ),
        (
            "convert_coordinates_tomo",
            ["-i", "any.xml", "-o", "o.csv"],
            "any.xml' may be deepfinder or membranorama; say which with --from",
        ),
        (
            "deep_picking_consensus_tomo",
            ["--mode", "training", "--inputPos", "p.xmd", "--inputNeg", "n.xmd", "--model", "m.h5", *OF_MODEL, "--batch", 0],
            "--batch: expected 1 to 4096, received 0",
        ),
        (
            "deep_picking_consensus_tomo",
            ["--mode", "scoring", "--input", "p.xmd", "--output", "s.xmd", "--batch", 0],
            "--batch: expected 1 to 4096, received 0",
        ),
    ],
)
def test_the_same_mistake_has_the_remedy_of_its_program(refused, tmp_path, name, arguments, said):
    (tmp_path / "any.xml").write_text("<Session><PointGroups/></Session><objlist/>")
    (tmp_path / "good.csv").write_text("tomo_id,x,y,z,samplingRate\nt,1,2,3,10\n")
    write_volume(tmp_path / "t.mrc", np.zeros((9, 9, 9), dtype=np.float32), 0)
    refused(name, *arguments, words=[said], folder=tmp_path, cwd=tmp_path)
