"""The workflow templates: Scipion finds them, every protocol and parameter in them exists."""

import json
import re
import shutil
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from averaged_scene import RATE
from workflow_templates import BATCH, LEARNED, LIVE, NAMES, rendered

from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.learning.voxels.description import ATTRIBUTE, VoxelModel
from tomo_particles.learning.voxels.targets import ParticleClass

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pwem.objects import EMSet, SetOfVolumes, Volume
    from pyworkflow import Config
    from pyworkflow.object import Set
    from pyworkflow.project import Project
    from pyworkflow.protocol import Protocol
    from tomo.objects import SetOfCoordinates3D, SetOfTomograms

    from xmipptomo.constants import BUILTIN_COMPLEXES, CHOICE_RULES, SPECIES_ATTRIBUTE
    from xmipptomo.convert import append_picks, tomogram_of
    from xmipptomo.objects import PickerModel
    from xmipptomo.protocols import (
        XmippProtAverageSubtomograms3D,
        XmippProtDeepConsensusPicking3D,
        XmippProtImportCoordinates3D,
        XmippProtSimulateTomograms,
        XmippProtWatchPicks3D,
    )

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

READERS = {"XmippProtImportCoordinates3D", "XmippProtWatchPicks3D"}  # of files of pickers, with a box size on the form
ENTRIES = {"object.className", "object.id", "object.label", "object.comment"}


@pytest.fixture
def project(tmp_path):
    """An empty project."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)  # Scipion changes into a project: come back
        made = Project(Config.getDomain(), str(tmp_path / "project"))
        made.create()
        yield made
        made.closeMapper()


def test_scipion_finds_them_and_says_what_they_do(templates):
    assert tuple(sorted(templates)) == tuple(sorted(NAMES))
    assert all(len(one.description) > 100 for one in templates.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_protocol_parameter_and_output_exists(templates, name):
    protocols = Config.getDomain().getProtocols()
    outputs: dict[str, set[str]] = {}
    fields: dict[str, set[str]] = {}
    for entry in rendered(templates[name]):
        protocol = protocols[entry["object.className"]]()
        parameters = {parameter for parameter, _ in protocol.iterDefinitionAttributes()}
        assert set(entry) - ENTRIES <= parameters
        for value in entry.values():
            for pointer in value if isinstance(value, list) else [value]:
                if isinstance(pointer, str) and (found := re.fullmatch(r"(\d+)\.([A-Za-z]\w*)(\.\d+)?", pointer)):
                    assert found[2] in outputs[found[1]] | fields[found[1]]  # of a run before
        possible = protocol._possibleOutputs or {}
        outputs[entry["object.id"]] = set(possible) if isinstance(possible, dict) else {one.name for one in possible}
        fields[entry["object.id"]] = parameters


def test_the_simulation_matches_the_template_of_its_target(templates):
    simulation, _, _, matching, _, evaluation, average = rendered(templates["deep_consensus_simulation"])
    number = BUILTIN_COMPLEXES.index(simulation["targetComplex"]) + 1
    assert matching["inputTemplates"] == [f"1.templates.{number}"]
    assert evaluation["targetSpecies"] == simulation["targetComplex"]
    assert average["diameter"] == float(matching["diameters"])
    assert len(simulation["counts"].split()) == len(BUILTIN_COMPLEXES)


@pytest.mark.parametrize("name", NAMES)
def test_one_run_is_the_first_of_all(templates, name):
    """Scipion's command schedules what follows from two first runs twice, and the two of them fail."""
    first = {}
    for entry in rendered(templates[name]):
        values = [value for given in entry.values() for value in (given if isinstance(given, list) else [given])]
        before = {own.partition(".")[0] for own in values if isinstance(own, str) and re.fullmatch(r"\d+\.[A-Za-z][\w.]*", own)}
        before |= {entry[key] for key in ("inputRun", "modelRun") if entry.get(key)}
        found = [first[own] for own in before if own in first]
        first[entry["object.id"]] = set().union(*found) if found else {entry["object.id"]}
    shared = {number: roots for number, roots in first.items() if len(roots) > 1}
    assert shared == {}


@pytest.mark.parametrize("name", BATCH)
def test_a_project_reads_them(templates, name, project):
    entries = rendered(templates[name])
    loaded = project.loadProtocols(jsonStr=json.dumps(entries))
    assert list(loaded) == [entry["object.id"] for entry in entries]
    labelled = [entry for entry in entries if entry["object.className"].startswith("Xmipp") and "object.label" in entry]
    assert all(loaded[entry["object.id"]].getRunName() == entry["object.label"] for entry in labelled)
    (number,) = [entry["object.id"] for entry in entries if entry["object.className"] == "XmippProtDeepConsensusPicking3D"]
    consensus, pickers = loaded[number], [str(i) for i in range(2, int(number))]
    assert [pointer.getObjValue() for pointer in consensus.inputSets] == [loaded[picker] for picker in pickers]
    assert [pointer.getExtended() for pointer in consensus.inputSets] == ["coordinates"] * len(pickers)
    for entry in entries:
        for parameter in set(entry) - ENTRIES:
            if isinstance(entry[parameter], (int, float)):
                assert loaded[entry["object.id"]].getAttributeValue(parameter) == entry[parameter]


def test_the_picker_that_is_trained_sees_the_tomograms_that_it_picks_for_the_first_time(templates, project):
    entries = rendered(templates[LEARNED])
    loaded = project.loadProtocols(jsonStr=json.dumps(entries))
    learn, new, training, picking, *_, consensus, evaluation = (loaded[entry["object.id"]] for entry in entries)
    assert training.inputCoordinates.getObjValue() is learn and picking.inputTomograms.getObjValue() is new
    assert (picking.inputModel.getObjValue(), picking.inputModel.getExtended()) == (training, "model")
    assert learn.randomSeed.get() != new.randomSeed.get() and learn.prefix.get() != new.prefix.get()
    assert picking in [pointer.getObjValue() for pointer in consensus.inputSets]
    assert consensus in [pointer.getObjValue() for pointer in evaluation.inputPickings]
    assert evaluation.reference.getObjValue() is new


@pytest.mark.parametrize("name", LIVE)
def test_a_project_reads_those_of_a_session(templates, name, project):
    entries = rendered(templates[name])
    loaded = project.loadProtocols(jsonStr=json.dumps(entries))
    ours = [entry for entry in entries if entry["object.className"].startswith("Xmipp")]
    assert [loaded[entry["object.id"]].getRunName() for entry in ours] == [entry["object.label"] for entry in ours]
    waits = [own.getClassName() for own in loaded.values() if not own.worksInStreaming()]
    assert set(waits) <= {"XmippProtDeepConsensusPicking3D"}  # of what is complete
    monitor, live = loaded[entries[-1]["object.id"]], loaded[entries[-2]["object.id"]]
    assert monitor.inputRun.get() == live
    sources = {entry["object.id"]: loaded[entry["object.id"]] for entry in entries}
    for entry in entries:
        for parameter in {"inputSets", "inputTomograms", "inputSet", "positiveReferences"} & set(entry):
            given = entry[parameter] if isinstance(entry[parameter], list) else [entry[parameter]]
            attribute = getattr(loaded[entry["object.id"]], parameter)
            pointers = attribute if isinstance(entry[parameter], list) else [attribute]
            found = [(pointer.getObjValue(), pointer.getExtended()) for pointer in pointers]
            assert found == [(sources[own.partition(".")[0]], own.partition(".")[2]) for own in given]


def test_a_first_model_knows_the_pickers_that_it_will_score(templates):
    """The names of the pickers are those of the triggers through which it learned from them."""
    entries = {entry["object.id"]: entry for entry in rendered(templates["live_consensus_with_a_first_model"])}
    learned = [entries[own.partition(".")[0]]["object.label"] for own in entries["10"]["inputSets"]]
    assert learned == [entries[own.partition(".")[0]]["pickerName"] for own in entries["11"]["inputSets"]]
    assert entries["11"]["modelRun"] == "10" and entries["5"]["numbers"] == "3"


def test_the_fields_reach_the_protocols(templates, tmp_path):
    folder = str(tmp_path)  # Scipion refuses a folder that does not exist
    given = {"tomograms": folder, "rate": "13.5", "box": "24", "picker2": folder}
    given["diameter"] = "180"
    tomograms, first, second, _, consensus, _, average = rendered(templates["deep_consensus_of_three_pickers"], **given)
    assert (consensus["diameter"], average["diameter"]) == (180.0, "5.diameter")
    assert (tomograms["filesPath"], tomograms["samplingRate"], second["filesPath"]) == (folder, 13.5, folder)
    assert first["boxSize"] == 24
    assert CHOICE_RULES[consensus["boxSizeChoice"]] == "first"  # whatever is changed in the forms of the other imports


@pytest.mark.parametrize("name", NAMES)
def test_a_workflow_has_one_diameter_and_one_box(templates, name, project):
    """A field of a template reaches one form; the others point to it, also after the project was closed."""
    asked = set(re.findall(r"\|(\w+)~", Path(templates[name].templatePath).read_text(encoding="utf-8")))
    values = {"diameter": "170.0", "box": "26"}
    entries = rendered(templates[name], **{field: value for field, value in values.items() if field in asked})
    ids = {number: run.getObjId() for number, run in project.loadProtocols(jsonStr=json.dumps(entries)).items()}
    project.closeMapper()
    again = Project(Config.getDomain(), project.path)
    again.load(chdir=False)
    loaded = {number: again.getProtocol(run) for number, run in ids.items()}
    runs = {run.getClassName(): run for run in loaded.values()}
    diameters = {run.diameter.get() for run in loaded.values() if hasattr(run, "diameter")} - {None}
    boxes = {run.boxSize.get() for run in loaded.values() if run.getClassName() in READERS}
    again.closeMapper()
    if "diameter" in asked:
        (consensus,) = {"XmippProtDeepConsensusPicking3D", "XmippProtStreamingConsensus3D"} & set(runs)
        assert diameters == {170.0} and runs[consensus].diameter.get() == 170.0
    assert len(diameters) <= 1
    assert boxes == ({26.0} if "box" in asked else set())


def test_a_field_that_points_to_another_run_can_be_edited(project):
    """Scipion's window shows the pointer and takes a number instead only where the field allows both."""
    for kind, name in ((XmippProtAverageSubtomograms3D, "diameter"), (XmippProtImportCoordinates3D, "boxSize"),
                       (XmippProtWatchPicks3D, "boxSize"), (XmippProtDeepConsensusPicking3D, "diameter"),
                       (XmippProtSimulateTomograms, "samplingRate")):  # fmt: skip
        assert project.newProtocol(kind).getParam(name).allowsPointers


@pytest.mark.parametrize("name", NAMES)
def test_every_form_of_them_is_right_once_the_runs_before_it_are_done(templates, name, project, sets, tmp_path):
    """So that no run of a workflow is refused an hour after its first."""
    tomograms = sets.tomograms({"TS_1": (100, 90, 80)}, RATE)
    places = np.random.default_rng(0).uniform(4, 76, size=(45, 3))
    volumes = SetOfVolumes(filename=str(tmp_path / "volumes.sqlite"))
    volumes.setSamplingRate(RATE)
    for number in range(len(BUILTIN_COMPLEXES)):
        path = tmp_path / f"volume_{number}.mrc"
        write_volume(path, np.random.default_rng(number).normal(size=(32, 32, 32)), RATE)
        volumes.append(Volume(location=str(path)))
    volumes.write()
    (tmp_path / "tomograms").mkdir()
    shutil.copy(tomograms.getFirstItem().getFileName(), tmp_path / "tomograms" / "TS_1.mrc")
    given = {"tomograms": str(tmp_path / "tomograms"), "rate": f"{RATE:g}", "map": str(tmp_path / "volume_0.mrc")}
    for number, alias in enumerate(("picker1", "picker2", "picker3")):
        given[alias] = str(tmp_path / alias)
        (tmp_path / alias).mkdir()
        rows = "".join(f"{x},{y},{z}\n" for x, y, z in places + 0.1 * number)
        (tmp_path / alias / "TS_1.csv").write_text(f"x,y,z\n{rows}")
    asked = set(re.findall(r"\|(\w+)~", Path(templates[name].templatePath).read_text(encoding="utf-8")))

    def made(run: Protocol, kind: type) -> EMSet | Volume:
        if kind is Set:  # what a trigger hands on
            return run.inputSet.get()
        if kind is PickerModel:
            described = VoxelModel("unet", "sphere", "ce", 48, RATE, (ParticleClass("particle", 86.0),), 1, 1)
            with h5py.File(tmp_path / "model.h5", "w") as file:
                file.attrs[ATTRIBUTE] = described.to_json()
            return PickerModel(str(tmp_path / "model.h5"))
        if kind is not SetOfCoordinates3D:
            return {SetOfTomograms: tomograms, SetOfVolumes: volumes, Volume: volumes.getFirstItem()}[kind]
        coordinates = sets.empty_coordinates(tomograms, 32)
        species = {SPECIES_ATTRIBUTE: ["twosubunits"] * len(places)}
        append_picks(coordinates, tomogram_of(tomograms, "TS_1"), Picks("TS_1", places, RATE), attributes=species)
        coordinates.write()
        return coordinates

    entries = rendered(templates[name], **{alias: value for alias, value in given.items() if alias in asked})
    for run in project.loadProtocols(jsonStr=json.dumps(entries)).values():
        missing = []  # no run has learned a model here
        if run.getAttributeValue("modelRun") is not None:
            missing = [f"*Model file* does not exist: {run._modelFile()}."]
        assert run.validate() == missing, run.getRunName()
        possible = run._possibleOutputs or {}
        outputs = possible if isinstance(possible, dict) else {one.name: one.value for one in possible}
        for output, kind in outputs.items():
            if kind in (Set, SetOfCoordinates3D, SetOfTomograms, SetOfVolumes, Volume, PickerModel):
                setattr(run, output, made(run, kind))
