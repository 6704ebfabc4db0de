"""What an installation promises: programs, plugin, version, files. It reads the installed distribution (`make` installs it)."""

import re
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PLUGIN = REPOSITORY / "xmipptomo"
LIBRARY = REPOSITORY / "libraries" / "tomo_particles"


@pytest.fixture(scope="module")
def installed() -> Distribution:
    return distribution("scipion-em-xmipptomo")


def text_of(name: str) -> str:
    return (REPOSITORY / name).read_text(encoding="utf-8")


def test_every_console_script_resolves_to_a_function(installed: Distribution):
    scripts = installed.entry_points.select(group="console_scripts")
    programs = {path.stem for path in (REPOSITORY / "xmipp_scripts").glob("[!_]*.py")} - {"demo"}
    assert {script.name for script in scripts} == {f"xmipp_{name}" for name in programs}
    for script in scripts:
        assert script.name.startswith("xmipp_")
        assert script.value == f"xmipp_scripts.{script.name.removeprefix('xmipp_')}:main"
        assert callable(script.load())


def test_scipion_finds_the_plugin(installed: Distribution):
    (entry,) = installed.entry_points.select(group="pyworkflow.plugin")
    assert entry.name == "xmipptomo"  # Scipion imports the package of this name
    assert entry.load().Plugin


def test_scipion_installs_the_plugin_in_development_mode(installed: Distribution):
    top_level = installed.read_text("top_level.txt")
    assert top_level is not None
    assert top_level.split()[0] == "xmipptomo"  # `scipion3 installp --devel` takes the first line for the plugin


def test_the_plugin_can_be_imported_before_its_library():
    # `scipion3 installp` imports the new plugin in the running process, which does not see the other new packages yet
    source = (PLUGIN / "__init__.py").read_text(encoding="utf-8")
    assert not re.search(r"^\s*(from|import) tomo_particles", source, re.MULTILINE)


def test_one_version_everywhere(installed: Distribution):
    written = re.search(r'^__version__ = "(.+)"$', (LIBRARY / "__init__.py").read_text(encoding="utf-8"), re.MULTILINE)
    newest = re.search(r"^## (\S+)", text_of("CHANGES.md"), re.MULTILINE)
    assert written and newest
    assert newest[1] == written[1]
    assert installed.version == written[1], "run make again: it installs the new version"


def test_the_makefile_accepts_the_pythons_that_setup_accepts(installed: Distribution):
    low, high = re.search(r"\((3, \d+)\) <= sys\.version_info\[:2\] < \((3, \d+)\)", text_of("Makefile")).groups()
    expected = {f">={low.replace(', ', '.')}", f"<{high.replace(', ', '.')}"}
    assert set(installed.metadata["Requires-Python"].replace(" ", "").split(",")) == expected


def test_the_files_beside_the_code_are_there():
    import xmipptomo

    assert (PLUGIN / "protocols.conf").is_file()
    assert (PLUGIN / xmipptomo._logo).is_file()
    assert list((PLUGIN / "templates").glob("*.json.template")) and '"templates/*.json.template"' in text_of("setup.py")
    assert "GNU GENERAL PUBLIC LICENSE" in text_of("LICENSE")
