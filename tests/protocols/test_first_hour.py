"""The first hour of a new user: two files with odd headers by a template, and every field of every form wrong and empty."""

import json
import re
import warnings
import webbrowser
from pathlib import Path

import h5py
import numpy as np
import pytest
from averaged_scene import DIAMETER, make_scene

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.registry import Context, TomogramInfo, read
from tomo_particles.learning.voxels.description import ATTRIBUTE, VoxelModel
from tomo_particles.learning.voxels.targets import ParticleClass

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pwem.objects import Volume
    from pyworkflow import Config
    from pyworkflow.object import Pointer
    from pyworkflow.project import Project
    from pyworkflow.protocol import Protocol, params
    from pyworkflow.template import LocalTemplate

    import xmipptomo.protocols
    from xmipptomo.convert import name_of, names_of_pickers
    from xmipptomo.objects import PickerModel
    from xmipptomo.protocols import (
        XmippProtDeepConsensusPicking3D,
        XmippProtExportCoordinates3D,
        XmippProtImportCoordinates3D,
        XmippProtJoinPicks3D,
        XmippProtStreamingConsensus3D,
    )
    from xmipptomo.protocols.coordinates.copies import copy_files
    from xmipptomo.protocols.shared.checked_form import field_name
    from xmipptomo.viewers import browser
    from xmipptomo.viewers.table_columns import COLUMNS

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

TEMPLATES = Path(xmipptomo.protocols.__file__).parents[1] / "templates"
RATE, SIZE = 10.0, (64, 60, 56)
NO_EXCEPTION = re.compile(r"\w*(Error|Exception|Warning)\b|Traceback|NoneType|None\b|not finished|validation failed")
WORDS, EMPTY = "abc", ""


@pytest.fixture(scope="module", autouse=True)
def plugins():
    """Scipion's protocols know their plugin once these were listed, as its window does."""
    Config.getDomain().getProtocols()


@pytest.fixture
def project(tmp_path):
    """An empty project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # Scipion changes into a project: come back
        made = Project(Config.getDomain(), str(tmp_path / "project"))
        made.create()
        yield made
        made.closeMapper()


def odd_files(name: str, particles: list[tuple[float, float, float]]) -> dict[str, str]:
    """What a picker that nobody here has seen may write of the particles of a tomogram: text, by the name of the file."""
    rows = ["{:g} {:g} {:g}".format(*place) for place in particles]
    csv = [f"{number};{row.replace(' ', ';')};{name}.mrc;0.9" for number, row in enumerate(rows)]
    tsv = [row.replace(" ", "\t") + "\t1" for row in rows]
    return {
        "my picks.csv": "\n".join(["idx;X_px;Y_px;Z_px;Tomogram;conf", *csv]),
        f"{name}.txt": "\n".join(["# picked by hand", *rows, "50 90 10"]),
        f"{name}_third.tsv": "\n".join(["x (voxels)\ty (voxels)\tz (voxels)\tfom", *tsv]),
    }


@pytest.mark.slow  # six and seven launches of Scipion
@pytest.mark.parametrize("pickers", [2, 3])
def test_a_template_leads_from_files_with_odd_headers_to_a_star_file_and_an_average(tmp_path, project, pickers):
    """Of 25 particles: an average of so few has no halves, and says so."""
    scene = make_scene(count=25, tomograms=1)
    ((name, volume),) = scene.tomograms.items()
    particles = sorted(map(tuple, scene.places[name].tolist()))
    files = dict(list(odd_files(name, particles).items())[:pickers])
    write_volume(tmp_path / "tomograms" / f"{name}.mrc", volume, RATE)
    given = {"tomograms": str(tmp_path / "tomograms"), "rate": "10", "box": "16", "diameter": f"{DIAMETER:g}"}
    for number, (file_name, text) in enumerate(files.items(), start=1):
        (tmp_path / file_name).write_text(text)
        given[f"picker{number}"] = str(tmp_path / file_name)
    entries = rendered({2: "deep_consensus_of_two_pickers", 3: "deep_consensus_of_three_pickers"}[pickers], given)
    entries[-3]["doVoting"] = True  # the network has tests of its own
    runs = list(project.loadProtocols(jsonStr=json.dumps(entries)).values())
    for run in runs:
        project.launchProtocol(run, wait=True)
        assert run.isFinished(), run.getErrorMessage()
    *imports, consensus, export, average = runs[1:]
    names = [Path(file_name).stem for file_name in files]
    assert [run.getRunName() for run in imports] == names  # and not all the same
    assert f"*25 coordinates* in 1 tomogram, from the file {tmp_path / 'my picks.csv'}" in imports[0].summary()
    assert any(f"Picker 1 ({names[0]})" in line for line in consensus.summary())
    assert {item._pickers.get() for item in consensus.coordinates.iterItems()} == {"+".join(names)}
    (star,) = (tmp_path / "project").glob(f"{export._getExtraPath()}/**/*.star")
    tomogram = TomogramInfo(name, RATE, volume.shape[::-1], str(tmp_path / "tomograms" / f"{name}.mrc"))
    written = read(star, Context({name: tomogram}))[name].at_sampling_rate(RATE)
    np.testing.assert_allclose(sorted(written.positions.tolist()), particles, atol=0.01)
    assert average.coordinates.getSize() == average.subtomograms.getSize() == 25
    assert average.summary()[0].startswith("*No halves*") and average.average.getDim() == (22, 22, 22)


@pytest.mark.slow  # a launch of Scipion
def test_a_run_whose_form_nobody_checked_fails_with_the_line_of_the_form(project):
    run = project.newProtocol(XmippProtDeepConsensusPicking3D, gpuList="abc")
    project.launchProtocol(run, wait=True)
    assert run.isFailed()  # and does not stay launched for ever
    assert "*GPU IDs* must be numbers of GPUs" in run.getErrorMessage() and "*Input coordinates*" in run.getErrorMessage()


def rendered(name: str, values: dict[str, str]) -> list[dict]:
    """The workflow of a template with values for its fields, as Scipion's dialog makes it."""
    template = LocalTemplate("xmipptomo", str(TEMPLATES / f"{name}.json.template"))
    template.replaceEnvVariables()
    template.parseContent()
    for alias, value in values.items():
        assert template.setParamValue(alias, value) == 1
    return json.loads(Path(template.createTemplateFile()).read_text(encoding="utf-8"))


# ---- forms
@pytest.fixture
def filled(sets, tmp_path):
    """Make a form of a protocol whose inputs are there."""
    rng = np.random.default_rng(0)
    tomograms = sets.tomograms({"TS_1": SIZE}, RATE)
    places = {"TS_1": rng.uniform(4, 50, size=(45, 3)).tolist()}
    first, second = (sets.coordinates(tomograms, places, 20) for _ in range(2))
    two = sets.tomograms({"TS_1": SIZE, "TS_2": SIZE}, RATE)
    network, template = (sets.coordinates(two, places | {"TS_2": places["TS_1"]}, 20) for _ in range(2))
    write_volume(tmp_path / "map.mrc", rng.normal(size=(16, 16, 16)), RATE)
    volume = Volume(location=str(tmp_path / "map.mrc"))
    volume.setSamplingRate(RATE)
    (tmp_path / "picks.csv").write_text("tomo_id,x,y,z\nTS_1,10,20,30\n")
    subtomograms = sets.subtomograms(100, RATE)
    model = VoxelModel("unet", "sphere", "ce", 48, RATE, (ParticleClass("particle", 43.0),), 1, 1)
    with h5py.File(tmp_path / "model.h5", "w") as file:
        file.attrs[ATTRIBUTE] = model.to_json()
    inputs = {
        "inputModel": PickerModel(str(tmp_path / "model.h5")), "inputRun": XmippProtStreamingConsensus3D(),
        "inputTomograms": tomograms, "inputCoordinates": first, "inputSets": [first, second], "inputPickings": [first],
        "inputBranches": [first, second], "reference": second, "inputSet": first, "folder": str(tmp_path),
        "inputTemplates": [volume], "inputSubtomograms": subtomograms, "inputParticles": sets.particles(100, RATE),
        "inputClasses": sets.classes(100, RATE), "inputNetwork": network, "inputTemplate": template, "known": network,
        "filesPath": str(tmp_path / "picks.csv"), "diameter": 100.0, "lowPass": 40.0,
    }  # fmt: skip

    def form(protocol_class, **values) -> Protocol:
        protocol = protocol_class()
        for name, value in (inputs | values).items():
            if not protocol.hasAttribute(name):
                continue
            if isinstance(value, list):
                for item in value:
                    getattr(protocol, name).append(Pointer(value=item))
            else:
                getattr(protocol, name).set(value)
        return protocol

    return form


def enter(protocol: Protocol, name: str, text: str | None) -> None:
    """What Scipion's window does with what is typed: words in a field for a number become nothing."""
    try:
        getattr(protocol, name).set(text)
    except ValueError:
        getattr(protocol, name).set(None)


def fields_of(protocol: Protocol) -> list[tuple[str, params.Param]]:
    scalars = (params.IntParam, params.FloatParam, params.StringParam)
    return [(name, param) for name, param in protocol.getDefinition().iterParams() if isinstance(param, scalars)]


EVERY = [getattr(xmipptomo.protocols, name) for name in xmipptomo.protocols.__all__]


@pytest.mark.parametrize("protocol_class", EVERY, ids=lambda one: one.__name__)
def test_an_empty_form_says_what_is_missing_and_nothing_else(protocol_class):
    protocol = protocol_class()
    for name, param in fields_of(protocol):
        if not isinstance(param, params.EnumParam):
            enter(protocol, name, EMPTY)
    errors = protocol.validate()
    assert errors and not NO_EXCEPTION.search("\n".join(errors)), errors
    assert all(error.startswith("*") for error in errors) and len(set(errors)) == len(errors)


@pytest.mark.parametrize("protocol_class", EVERY, ids=lambda one: one.__name__)
def test_every_wrong_field_gives_one_line_that_names_it(protocol_class, filled, monkeypatch, tmp_path):
    monkeypatch.setattr(XmippProtImportCoordinates3D, "_refusalOf", lambda *_: [])  # the program has a test of its own
    monkeypatch.setattr(XmippProtJoinPicks3D, "_maps", lambda *_: str(tmp_path))  # as of runs that kept their score maps
    assert filled(protocol_class).validate() == []
    for name, param in fields_of(filled(protocol_class)):
        number = isinstance(param, params.IntParam | params.FloatParam) and not isinstance(param, params.EnumParam)
        for text in ("99",) if isinstance(param, params.EnumParam) else (WORDS, EMPTY, None):
            protocol = filled(protocol_class)
            if not protocol.evalParamCondition(name) and name != "gpuList":
                continue
            enter(protocol, name, text)
            errors = protocol.validate()
            said = "\n".join(errors)
            assert not NO_EXCEPTION.search(said), (name, text, errors)
            if number and text == WORDS:
                assert len(errors) == 1 and field_name(param) in said, (name, errors)
            if not errors:
                protocol.warnings()


def test_gpus_that_are_words_are_refused(filled):
    protocol = filled(XmippProtDeepConsensusPicking3D)
    protocol.gpuList.set("abc")
    assert protocol.validate() == ["*GPU IDs* must be numbers of GPUs, such as 0 or 0,1 or 0-3, received 'abc'."]


def test_words_in_an_optional_number_are_no_empty_field(filled):
    protocol = filled(XmippProtDeepConsensusPicking3D)
    enter(protocol, "diameter", WORDS)
    assert protocol.validate() == ["*Diameter (Å)* must be a number, or empty."]
    assert protocol.diameter.getClassName() == "Float"  # what the project stores


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("TS_1.csv", "a,b,c\n1,2,3\n", "lacks the columns x, y, z"),
        ("TS_1.csv", "x [A],y [A],z [A]\n100,200,300\n", "*Coordinates in Å?* (expert level advanced)"),
        ("all.csv", "tomo_id,x,y,z\nTS_7,1,2,3\n", "has picks of tomogram 'TS_7', which is none of those given"),
    ],
)
def test_an_import_looks_at_its_file_before_it_runs(filled, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    (error,) = filled(XmippProtImportCoordinates3D, filesPath=str(tmp_path / name)).validate()
    assert said in error and "error:" not in error


# ---- names and copies
def test_imports_are_called_as_their_pickers(tmp_path):
    labels = {"": "cryolo", f"{XmippProtImportCoordinates3D.getClassLabel()} (3)": "cryolo", "mine": "mine"}
    for label, name in labels.items():
        run = XmippProtImportCoordinates3D(objLabel=label, filesPath="/data/cryolo.cbox")
        assert (run.getRunName(), name_of(Pointer(run, extended="coordinates"))) == (name, name)
    told = XmippProtImportCoordinates3D(objLabel="mine", filesPath="/data/cryolo.cbox", pickerName="crYOLO 1.9")
    assert name_of(Pointer(told, extended="coordinates")) == "crYOLO 1.9"
    assert names_of_pickers([Pointer(run), Pointer(told), Pointer(run)]) == ["1: mine", "crYOLO 1.9", "3: mine"]
    assert XmippProtImportCoordinates3D().getObjLabel() == ""


def test_names_for_the_package_are_checked(filled):
    for text, said in (("TS_9=a", "no coordinates of 'TS_9', only of 'TS_1'"), ("TS_1", "received 'TS_1'"), ("plain", "")):
        errors = filled(XmippProtExportCoordinates3D, rename=text).validate()
        assert len(errors) == bool(said) and said in "".join(errors)
    assert filled(XmippProtExportCoordinates3D, rename="TS_1=a")._renamed() == ["TS_1=a"]
    (error,) = filled(XmippProtExportCoordinates3D, destination="/no/such/folder").validate()
    assert error.startswith("*Destination folder*: /no/such/folder is no folder")


def test_copies_replace_only_what_the_run_wrote(tmp_path):
    source, folder = tmp_path / "files", tmp_path / "mine"
    source.mkdir()
    folder.mkdir()
    (source / "a.star").write_text("1")
    copied = copy_files(str(source), str(folder), {})
    (source / "a.star").write_text("2")
    copied = copy_files(str(source), str(folder), copied)
    assert (folder / "a.star").read_text() == "2"
    (folder / "a.star").write_text("edited")
    with pytest.raises(ValueError, match="exists, and is not what this run wrote"):
        copy_files(str(source), str(folder), copied)
    assert (folder / "a.star").read_text() == "edited"


# ---- windows
@pytest.mark.parametrize(("code", "answers"), [(0, True), (3, False)])
@pytest.mark.parametrize(("name", "kind"), [("xdg-open", webbrowser.BackgroundBrowser), ("chromium", webbrowser.Chrome)])
def test_a_page_that_no_browser_opens_is_noticed(tmp_path, monkeypatch, name, kind, code, answers):
    (tmp_path / name).write_text(f"#!/bin/sh\nexit {code}\n")
    (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(webbrowser, "get", lambda: kind(name))
    assert browser._opens("file:///report.html") is answers
    monkeypatch.setattr(webbrowser, "get", lambda: webbrowser.GenericBrowser("w3m"))  # for a terminal
    assert not browser._opens("file:///report.html")


def test_the_table_of_scipion_shows_what_a_consensus_adds():
    from pwem.viewers import VISIBLE
    from pwem.viewers.viewers_data import RegistryViewerConfig
    from tomo.objects import SetOfCoordinates3D

    shown = RegistryViewerConfig.getConfig(SetOfCoordinates3D)[VISIBLE].split()
    assert {"_tomoId", "_x", "_score", *COLUMNS} <= set(shown) and len(shown) == len(set(shown))
    assert {"_support", "_pickers", "_networkScore"} <= set(COLUMNS)
