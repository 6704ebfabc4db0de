"""The arrows between the packages (CONTRIBUTING.md), read from the imports without running anything."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
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
# The folders of the library, each with those that it may import. A new folder must be named here.
LIBRARY = {
    "core": set(),
    "geometry": {"core"},
    "fourier": {"core"},
    "regions": {"core", "fourier"},
    "learning": {"core", "regions"},
    "evaluation": {"core"},
    "formats": {"core", "geometry"},
    "pickers": {"core", "geometry", "fourier"},
    "averaging": {"core", "geometry", "fourier"},
    "classification": {"core", "geometry", "fourier", "averaging"},
    "network": {"core", "learning"},
    "simulation": {"core", "geometry", "fourier", "formats"},
    "consensus": {"core", "geometry", "formats", "learning"},
    "runs": {"core", "formats", "consensus", "evaluation"},
    "reports": {"core", "consensus", "evaluation", "runs"},
    "testing": {"core", "fourier", "evaluation"},
}
# The folders of the protocols, each with those that it may import
PROTOCOLS = {
    "shared": set(),
    "averaging": {"shared"},
    "classification": {"shared", "averaging"},
    "deep_consensus": {"shared"},
    "picking": {"shared", "streaming"},
    "learned": {"shared", "picking", "simulation", "deep_consensus"},
    "regions": {"shared"},
    "coordinates": {"shared"},
    "simulation": {"shared"},
    "evaluation": {"shared", "simulation"},
    "streaming": {"shared", "deep_consensus"},
}
# What the plugin may know of the library: data, files, what a threshold promises and what comes next, never the algorithms
LIBRARY_FOR_PLUGIN = {
    "consensus.answers",
    "consensus.disagreement",
    "consensus.expected_precision",
    "consensus.merged_picks",
    "consensus.model_verdict",
    "consensus.orientation_agreement",
    "consensus.verdict",
    "core",
    "core.coordinates",
    "core.seeds",
    "formats.growing_picks",
    "formats.xmd",
    "geometry.symmetry",
    "learning.model_files",
    "learning.training_time",
    "learning.tuned_settings",
    "learning.voxels.description",
    "learning.voxels.recipes",
    "learning.voxels.targets",
    "reports.monitor",
    "runs.answers_file",
    "runs.conditions",
    "runs.doubts",
    "runs.growing_tomograms",
    "runs.layout",
    "runs.ledger",
    "runs.mails",
    "runs.notes",
    "runs.queued_jobs",
    "runs.releases",
    "runs.results",
    "runs.session",
    "runs.sightings",
    "runs.triggers",
    "runs.watching",
}
# Viewers and wizards show a finished run, or the inputs: they may read and draw, too
LIBRARY_FOR_WINDOWS = LIBRARY_FOR_PLUGIN | {
    "runs",
    "reports",
    "evaluation.figures",
    "regions.classes",
    "regions.mask_files",
    "consensus.pick_spacing",
}
WINDOWS = {"viewers", "wizards"}
MAX_LINES = 400


class Import(NamedTuple):
    """One imported module: its absolute dotted name, and whether importing the file alone is enough to load it."""

    name: str
    at_module_level: bool


def read_imports(source: str, package: str, for_types: bool = False) -> list[Import]:
    """Imports of a module of `package` (dotted), relative ones made absolute; those for type checkers only if `for_types`.

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
            for child in [*(node.body if for_types else []), *node.orelse]:
                visit(child, at_module_level)
        else:
            inside_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            for child in ast.iter_child_nodes(node):
                visit(child, at_module_level and not inside_function)

    visit(ast.parse(source), True)
    return found


def imports_of(package: str, for_types: bool = False) -> dict[str, list[Import]]:
    """The imports of every file of a package, by the file's path in the repository."""
    root = PACKAGES[package]
    files = sorted(root.rglob("*.py"))
    return {
        str(path.relative_to(REPOSITORY)): read_imports(
            path.read_text(encoding="utf-8"), ".".join([package, *path.relative_to(root).parent.parts]), for_types
        )
        for path in files
    }


def top(name: str) -> str:
    return name.partition(".")[0]


def module_of(name: str, package: str) -> str | None:
    """`core.picks` for tomo_particles.core.picks and for a name in it, `core` for that folder; None for another package."""
    first, *parts = name.split(".")
    if first != package:
        return None
    path = PACKAGES[package].joinpath(*parts)
    while parts and not (path.is_dir() or path.with_suffix(".py").is_file()):
        parts.pop()
        path = path.parent
    return ".".join(parts)


def library_module(name: str) -> str | None:
    return module_of(name, "tomo_particles")


def permitted(name: str, modules: set[str]) -> bool:
    """Whether an import is of one of the library's `modules` or folders, or of nothing of it."""
    module = library_module(name)
    return not module or any(f"{module}.".startswith(f"{one}.") for one in modules)


def empty_folder(name: str) -> bool:
    """Whether a name is that of a folder whose __init__ holds only a docstring, so that all of it is in its modules."""
    source = PACKAGES["tomo_particles"].joinpath(*(library_module(name) or "?").split("."), "__init__.py")
    return source.is_file() and len(ast.parse(source.read_text(encoding="utf-8")).body) == 1


def wrong_arrows(package: str, below: str, allowed: dict[str, set[str]]) -> dict[str, str]:
    """Imports between the folders of a package (below: dotted, of a folder in it) that are not allowed, by file."""
    prefix, root = f"{package}.{below}".strip("."), PACKAGES[package].joinpath(*below.split("."))
    wrong = {}
    for file, imports in imports_of(package, for_types=True).items():
        if not (REPOSITORY / file).is_relative_to(root) or (REPOSITORY / file).parent == root:
            continue
        folder = (REPOSITORY / file).relative_to(root).parts[0]
        for i in imports:
            other = i.name.removeprefix(f"{prefix}.").split(".")[0] if i.name.startswith(f"{prefix}.") else folder
            if other in allowed and other not in allowed[folder] | {folder}:
                wrong[file] = i.name
    return wrong


def folders_of(path: Path) -> set[str]:
    return {one.name for one in path.iterdir() if one.is_dir() and one.name != "__pycache__"}


def test_imports_are_read_as_python_would():
    source = (
        "import a.b\nfrom .. import sibling\nfrom .near import thing\n"
        "if TYPE_CHECKING:\n    import for_types\nelse:\n    import otherwise\n"
        "def later():\n    import heavy\nclass C:\n    import in_class\n"
    )
    assert set(read_imports(source, "pkg.sub")) == {
        Import("a.b", True),
        Import("pkg", True),
        Import("pkg.sibling", True),
        Import("pkg.sub.near", True),
        Import("pkg.sub.near.thing", True),
        Import("otherwise", True),
        Import("heavy", False),
        Import("in_class", True),
    }


def test_the_packages_are_found():
    assert all(imports_of(package) for package in PACKAGES)
    assert PROGRAMS


def test_the_library_knows_nothing_of_scipion_or_the_programs():
    forbidden = SCIPION | {"xmipptomo", "xmipp_scripts", "xmipp_script"}
    wrong = {file: i.name for file, imports in imports_of("tomo_particles").items() for i in imports if top(i.name) in forbidden}
    assert not wrong


def test_every_module_of_the_library_is_in_a_folder_of_the_table():
    assert folders_of(PACKAGES["tomo_particles"]) == set(LIBRARY)
    assert [path.name for path in PACKAGES["tomo_particles"].glob("*.py")] == ["__init__.py"]


def test_every_module_of_the_protocols_is_in_a_folder_of_the_table():
    protocols = PACKAGES["xmipptomo"] / "protocols"
    assert folders_of(protocols) == set(PROTOCOLS)
    assert [path.name for path in protocols.glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("table", [LIBRARY, PROTOCOLS])
def test_the_tables_have_no_circle(table: dict[str, set[str]]):
    list(TopologicalSorter(table).static_order())  # raises CycleError


def test_folders_of_the_library_import_only_those_of_the_table():
    assert not wrong_arrows("tomo_particles", "", LIBRARY)


def test_folders_of_protocols_import_only_those_of_the_table():
    assert not wrong_arrows("xmipptomo", "protocols", PROTOCOLS)


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_imports_itself_by_others(package: str):
    arrows: dict[str, set[str]] = {}
    for file, imports in imports_of(package, for_types=True).items():
        path = (REPOSITORY / file).relative_to(PACKAGES[package])
        own = ".".join(path.parent.parts if path.name == "__init__.py" else path.with_suffix("").parts)
        modules = {module_of(i.name, package) or "" for i in imports}
        arrows[own] = {module for module in modules if module and not f"{own}.".startswith(f"{module}.")}  # not its own folders
    list(TopologicalSorter(arrows).static_order())


def test_only_tables_and_command_lines_import_xmipplib():
    allowed = {("formats", "xmd.py"), ("_shared", "parser.py")}
    wrong = [
        file
        for package in PACKAGES
        for file, imports in imports_of(package).items()
        if Path(file).parts[-2:] not in allowed and any(top(i.name) == "xmippLib" for i in imports)
    ]
    assert not wrong


def test_only_network_imports_tensorflow():
    wrong = [
        file
        for package in PACKAGES
        for file, imports in imports_of(package).items()
        if "network" not in Path(file).parent.parts and any(top(i.name) in TENSORFLOW for i in imports)
    ]
    assert not wrong


def test_programs_know_nothing_of_scipion():
    forbidden = SCIPION | {"xmipptomo"}
    wrong = {file: i.name for file, imports in imports_of("xmipp_scripts").items() for i in imports if top(i.name) in forbidden}
    assert not wrong


def test_programs_import_the_network_only_inside_functions():
    wrong = {
        file: i.name
        for file, imports in imports_of("xmipp_scripts").items()
        for i in imports
        if i.at_module_level and top(library_module(i.name) or "") == "network"
    }
    assert not wrong


def test_the_plugin_reaches_the_algorithms_only_by_programs():
    def allowed(file: str) -> set[str]:
        return LIBRARY_FOR_WINDOWS if WINDOWS & set(Path(file).parts) else LIBRARY_FOR_PLUGIN

    wrong = {
        file: i.name
        for file, imports in imports_of("xmipptomo").items()
        for i in imports
        if "tests" not in Path(file).parts  # tests simulate data with the library
        and (top(i.name) == "xmipp_scripts" or not (permitted(i.name, allowed(file)) or empty_folder(i.name)))
    }
    assert not wrong


def test_the_library_names_no_option_of_a_program():
    found = {
        (str(path.relative_to(REPOSITORY)), node.value)
        for path in PACKAGES["tomo_particles"].rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and re.search(r"(^|[\s(/])--[A-Za-z]", node.value)
    }
    assert not found


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
