"""The arrows between the packages (CONTRIBUTING.md), read from the imports without running anything."""

import ast
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = {
    "tomo_particles": REPOSITORY / "libraries" / "tomo_particles",
    "xmipp_scripts": REPOSITORY / "xmipp_scripts",
    "xmipptomo": REPOSITORY / "xmipptomo",
}
EXAMPLE = "demo"  # run by `make demo`, always whole: not one of the programs
PROGRAMS = sorted(path.stem for path in PACKAGES["xmipp_scripts"].glob("[!_]*.py") if path.stem != EXAMPLE)

SCIPION = {"pyworkflow", "pwem", "tomo"}
TENSORFLOW = {"tensorflow", "keras"}
# What a program may not load before it has read its arguments: each costs from half a second to many seconds
HEAVY = {*TENSORFLOW, "scipy", "pandas", "matplotlib"}
# What the plugin may know of the library: data and files and what a threshold promises, never the algorithms
LIBRARY_FOR_PLUGIN = {
    "core.coordinates", "core.seeds",
    "", "consensus", "consensus.expected_precision", "consensus.verdict", "core", "core.errors", "core.files",
    "core.picks", "formats", "formats.xmd", "learning", "learning.model_files",
}
# Viewers and wizards show a finished run, or the inputs: they may read and draw, too
LIBRARY_FOR_WINDOWS = LIBRARY_FOR_PLUGIN | {
    "consensus", "consensus.pick_spacing", "core", "core.tomograms", "reports", "reports.figures",
    "reports.run_figures", "runs", "runs.results",
}
WINDOWS = {"viewers", "wizards"}
MAX_LINES = 400


class Import(NamedTuple):
    """One imported module: its absolute dotted name, and whether importing the file alone is enough to load it."""

    name: str
    at_module_level: bool


def read_imports(source: str, package: str) -> list[Import]:
    """Imports of a module of `package` (dotted), relative ones made absolute; those for type checkers only are left out.

    `from a import b` counts as `a` and as `a.b`: b may be a module.
    """
    found: list[Import] = []

    def visit(node: ast.AST, at_module_level: bool) -> None:
        if isinstance(node, ast.Import):
            found.extend(Import(alias.name, at_module_level) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            found.append(Import(base, at_module_level))
            found.extend(Import(f"{base}.{alias.name}", at_module_level) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.orelse:
                visit(child, at_module_level)
        else:
            inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, at_module_level and not inside_function)

    visit(ast.parse(source), True)
    return found


def imports_of(package: str) -> dict[str, list[Import]]:
    """The imports of every file of a package, by the file's path in the repository."""
    root = PACKAGES[package]
    files = sorted(root.rglob("*.py"))
    return {
        str(path.relative_to(REPOSITORY)): read_imports(
            path.read_text(encoding="utf-8"), ".".join([package, *path.relative_to(root).parent.parts])
        )
        for path in files
    }


def top(name: str) -> str:
    return name.partition(".")[0]


def library_module(name: str) -> str | None:
    """`core.picks` for tomo_particles.core.picks and for a name in it, `core` for its folder; None for what is elsewhere."""
    first, *parts = name.split(".")
    if first != "tomo_particles":
        return None
    path = PACKAGES[first].joinpath(*parts)
    while parts and not (path.is_dir() or path.with_suffix(".py").is_file()):
        parts.pop()
        path = path.parent
    return ".".join(parts[:2])


def test_imports_are_read_as_python_would():
    source = (
        "import a.b\nfrom .. import sibling\nfrom .near import thing\n"
        "if TYPE_CHECKING:\n    import for_types\nelse:\n    import otherwise\n"
        "def later():\n    import heavy\nclass C:\n    import in_class\n"
    )
    assert set(read_imports(source, "pkg.sub")) == {
        Import("a.b", True), Import("pkg", True), Import("pkg.sibling", True), Import("pkg.sub.near", True),
        Import("pkg.sub.near.thing", True), Import("otherwise", True), Import("heavy", False), Import("in_class", True),
    }


def test_the_packages_are_found():
    assert all(imports_of(package) for package in PACKAGES)
    assert PROGRAMS


def test_the_library_knows_nothing_of_scipion_or_the_programs():
    forbidden = SCIPION | {"xmipptomo", "xmipp_scripts", "xmipp_script"}
    wrong = {
        file: i.name for file, imports in imports_of("tomo_particles").items() for i in imports if top(i.name) in forbidden
    }
    assert not wrong


def test_only_xmd_imports_xmipplib():
    wrong = [
        file for package in PACKAGES for file, imports in imports_of(package).items()
        if Path(file).parts[-2:] != ("formats", "xmd.py") and any(top(i.name) == "xmippLib" for i in imports)
    ]
    assert not wrong


def test_only_network_imports_tensorflow():
    wrong = [
        file for package in PACKAGES for file, imports in imports_of(package).items()
        if Path(file).parent.name != "network" and any(top(i.name) in TENSORFLOW for i in imports)
    ]
    assert not wrong


def test_the_library_does_not_depend_on_its_network():
    wrong = [
        file for file, imports in imports_of("tomo_particles").items()
        if Path(file).parent.name != "network" and any(top(library_module(i.name) or "") == "network" for i in imports)
    ]
    assert not wrong


def test_programs_know_nothing_of_scipion():
    forbidden = SCIPION | {"xmipptomo"}
    wrong = {file: i.name for file, imports in imports_of("xmipp_scripts").items() for i in imports if top(i.name) in forbidden}
    assert not wrong


def test_programs_import_the_network_only_inside_functions():
    wrong = {
        file: i.name for file, imports in imports_of("xmipp_scripts").items() for i in imports
        if i.at_module_level and top(library_module(i.name) or "") == "network"
    }
    assert not wrong


def test_the_plugin_reaches_the_algorithms_only_by_programs():
    wrong = {
        file: i.name for file, imports in imports_of("xmipptomo").items() for i in imports
        if "tests" not in Path(file).parts  # tests simulate data with the library
        and (top(i.name) == "xmipp_scripts"
             or library_module(i.name) not in {None, *(LIBRARY_FOR_WINDOWS if WINDOWS & set(Path(file).parts)
                                                       else LIBRARY_FOR_PLUGIN)})
    }
    assert not wrong


def test_no_python_file_is_longer_than_one_idea():
    files = [path for root in PACKAGES.values() for path in root.rglob("*.py")]
    lines = {str(path.relative_to(REPOSITORY)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {file: n for file, n in lines.items() if n > MAX_LINES} == {}


@pytest.mark.parametrize("program", PROGRAMS)
def test_importing_a_program_loads_nothing_heavy(program: str):
    code = f"import sys, xmipp_scripts.{program}; print(*sorted({HEAVY!r} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.split() == []
