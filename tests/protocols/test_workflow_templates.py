"""The workflow templates: Scipion finds them, every protocol and parameter in them exists, and they run from end to end."""

import contextlib
import json
import re
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest
from averaged_scene import DIAMETER, RATE, make_scene

from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.registry import Context, TomogramInfo, read
from tomo_particles.learning.voxels.description import ATTRIBUTE, VoxelModel
from tomo_particles.learning.voxels.targets import ParticleClass

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pwem.objects import EMSet, SetOfVolumes, Volume
    from pyworkflow import Config
    from pyworkflow.object import Set
    from pyworkflow.project import Manager, Project
    from pyworkflow.protocol import Protocol
    from pyworkflow.template import LocalTemplate, TemplateList
    from pyworkflow.utils import cleanPath
    from tomo.objects import SetOfCoordinates3D, SetOfTomograms

    from xmipptomo.constants import BUILTIN_COMPLEXES, CHOICE_RULES, SPECIES_ATTRIBUTE
    from xmipptomo.convert import append_picks, tomogram_of
    from xmipptomo.objects import PickerModel
    from xmipptomo.protocols import (
        XmippProtAverageSubtomograms3D,
        XmippProtDeepConsensusPicking3D,
        XmippProtImportCoordinates3D,
        XmippProtWatchPicks3D,
    )

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

BATCH = ("deep_consensus_of_three_pickers", "deep_consensus_of_two_pickers", "deep_consensus_simulation")
LIVE = ("live_consensus_of_a_folder", "live_consensus_of_three_pickers", "live_consensus_with_a_first_model")
LEARNED = "trained_picker_simulation"
NAMES = (*BATCH, *LIVE, LEARNED)
OF_FILES = {"picker1": BATCH[:2], "picker2": BATCH[:2], "picker3": BATCH[:1]}  # templates that ask for each picker's files
READERS = {"XmippProtImportCoordinates3D", "XmippProtWatchPicks3D"}  # of files of pickers, with a box size on the form
ENTRIES = {"object.className", "object.id", "object.label", "object.comment"}


@pytest.fixture(scope="module")
def templates() -> dict[str, LocalTemplate]:
    """Our templates as Scipion's dialog and its command `template` find them."""
    every = TemplateList()
    every.addPluginTemplates()
    return {one.name: one for one in every.templates if one.source == "xmipptomo"}


def rendered(template: LocalTemplate, **values: str) -> list[dict]:
    """The workflow that Scipion makes of a template, with values for its fields."""
    fresh = LocalTemplate(template.source, template.templatePath)
    fresh.replaceEnvVariables()
    fresh.parseContent()
    for alias, value in values.items():
        assert fresh.setParamValue(alias, value) == 1
    path = Path(fresh.createTemplateFile())
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    finally:
        path.unlink()


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
    assert set(waits) <= {"ProtImportVolumes", "XmippProtDeepConsensusPicking3D"}  # of what is complete
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
                       (XmippProtWatchPicks3D, "boxSize"), (XmippProtDeepConsensusPicking3D, "diameter")):  # fmt: skip
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


@pytest.mark.slow
def test_one_command_runs_it_from_simulation_to_evaluation_and_average(templates, tmp_path):
    """Scheduled, as the command does it: each protocol is started while the ones before it have no output yet."""
    entries = rendered(templates["deep_consensus_simulation"])
    entries[0].update(sizeX=128, sizeY=128, sizeZ=64, counts="0 0 0 0 0 2 12", beads=1, vesicles=0)
    entries[4].update(doVoting=True)  # the network has tests of its own
    entries[3].update(angularStep=45.0)
    folder = run_scheduled(entries, "TestWorkflowTemplate", tmp_path)
    assert list(folder.glob("Runs/*EvaluatePicking3D/extra/evaluation/evaluation_4.json"))
    assert averaged(folder)["picks"] >= 20


@pytest.mark.slow
def test_one_command_trains_a_picker_and_measures_it(templates, tmp_path):
    """Networks of few steps: only whether each protocol finds what the one before it made."""
    entries = rendered(templates[LEARNED])
    for simulation in entries[:2]:
        simulation.update(sizeX=96, sizeY=96, sizeZ=64, counts="0 0 0 0 0 2 8", beads=1, vesicles=0, numberOfTomograms=2)
    entries[2].update(steps=2, folds=2, patch=16, width=0.25)
    entries[3].update(keep=1, number=8)
    entries[5].update(angularStep=45.0)
    entries[6].update(doVoting=True)  # the network has tests of its own
    folder = run_scheduled(entries, "TestTrainedPickerTemplate", tmp_path)
    assert list(folder.glob("Runs/*EvaluatePicking3D/extra/evaluation/evaluation_4.json"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deep_consensus_of_two_pickers", "deep_consensus_of_three_pickers"])
def test_one_command_leads_from_the_files_of_pickers_to_a_star_file_and_an_average(templates, name, tmp_path):
    """Each picker wrote another format, and a false pick of its own; the particles are in the star file, at their places."""
    scene, given = make_scene(count=25), {"rate": f"{RATE:g}", "box": "16", "diameter": f"{DIAMETER:g}"}
    given["tomograms"] = str(tmp_path / "tomograms")
    texts = {"picker1": {"all.csv": "tomo_id,x,y,z\n"}, "picker2": {}, "picker3": {}}
    for ts_id, places in scene.places.items():
        write_volume(tmp_path / "tomograms" / f"{ts_id}.mrc", scene.tomograms[ts_id], RATE)
        first, second, third = ([*places.tolist(), false] for false in ((5, 5, 5), (95, 5, 5), (5, 95, 5)))
        texts["picker1"]["all.csv"] += "".join(f"{ts_id},{x},{y},{z}\n" for x, y, z in first)
        texts["picker2"][f"{ts_id}.coords"] = "".join(f"{x:g} {y:g} {z:g}\n" for x, y, z in second)
        objects = "".join(f'<object tomo_idx="0" class_label="1" x="{x}" y="{y}" z="{z}"/>' for x, y, z in third)
        texts["picker3"][f"{ts_id}_objl.xml"] = f"<objlist>{objects}</objlist>"
    for picker, files in texts.items():
        if name in OF_FILES[picker]:
            given[picker] = str(tmp_path / picker)
            (tmp_path / picker).mkdir()
            for file_name, text in files.items():
                (tmp_path / picker / file_name).write_text(text)
    entries = rendered(templates[name], **given)
    entries[-3].update(doVoting=True)  # the network has tests of its own
    project = run_scheduled(entries, "TestTemplateFromFiles", tmp_path)
    (star,) = project.glob("Runs/*ExportCoordinates3D/extra/export/files/*.star")
    known = {
        ts_id: TomogramInfo(ts_id, RATE, volume.shape[::-1], str(tmp_path / "tomograms" / f"{ts_id}.mrc"))
        for ts_id, volume in scene.tomograms.items()
    }
    written = read(star, Context(known))
    for ts_id, places in scene.places.items():
        found = written[ts_id].at_sampling_rate(RATE).positions
        np.testing.assert_allclose(sorted(found.tolist()), sorted(places.tolist()), atol=0.01)
    assert (averaged(project)["picks"], averaged(project)["verdict"]) == (50, "supported")


def averaged(project: Path) -> dict:
    """What the average of a workflow says of itself."""
    (summary,) = project.glob("Runs/*AverageSubtomograms3D/extra/averaging/output/summary.json")
    return json.loads(summary.read_text(encoding="utf-8"))


def run_scheduled(entries: list[dict], name: str, tmp_path: Path) -> Path:
    """Run a workflow to its end as the command `template` does, and return the folder of its project."""
    path = tmp_path / "small.json.template"
    path.write_text("Small\n" + json.dumps(entries, indent=1).replace("%", "%%"), encoding="utf-8")
    cleanPath(Manager().getProjectPath(name))
    command = [sys.executable, "-m", "scipion", "template", str(path), f"project_name={name}", "--nogui"]
    with (tmp_path / "log.txt").open("w") as log:  # not a pipe: the scheduled runs keep it open
        subprocess.run(command, check=True, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd=tmp_path)
    folder, end = Path(Manager().getProjectPath(name)), time.time() + 1500
    while time.time() < end and len(statuses(folder)) < len(entries):
        time.sleep(10)
    assert statuses(folder) == ["FINISHED"] * len(entries)
    return folder


def statuses(folder: Path) -> list[str]:
    """How the runs of a project ended, of those that did."""
    logs = [path.read_text(encoding="utf-8", errors="replace") for path in folder.glob("Runs/*/logs/run.stdout")]
    return [found[1] for log in logs if (found := re.search(r"-- PROTOCOL (FINISHED|FAILED|ABORTED)", log))]


@pytest.mark.slow
def test_one_command_follows_a_folder_to_its_end(templates, tmp_path):
    """Tomograms appear while the runs work; each is picked twice, agreed on and published, and the page says so."""
    folder = tmp_path / "arriving"
    folder.mkdir()
    rng = np.random.default_rng(2)
    volume, density = simulated(rng), blob((24, 24, 24), [(12, 12, 12)])
    write_volume(tmp_path / "template.mrc", density, 10.0)
    given = {"tomograms": str(folder), "map": str(tmp_path / "template.mrc"), "diameter": "100.0", "count": "2"}
    entries = rendered(templates["live_consensus_of_a_folder"], **given)
    entries[0].update(settle=2.0)
    entries[3].update(angularStep=60.0)
    entries[4].update(doVoting=True, settle=2.0, writeReport=False)  # the network has tests of its own
    write_volume(folder / "TS_1.mrc", volume, 10.0)
    later = threading.Timer(60, write_volume, (folder / "TS_2.mrc", simulated(rng), 10.0))
    later.start()
    project = run_scheduled(entries, "TestLiveTemplate", tmp_path)
    later.join()
    (page,) = project.glob("Runs/*Monitor3D/extra/monitor.html")
    assert "2 of 2 tomograms" in page.read_text(encoding="utf-8")
    (live,) = project.glob("Runs/*StreamingConsensus3D/liveCoordinates.sqlite")
    with contextlib.closing(sqlite3.connect(live)) as database:
        column = database.execute("SELECT column_name FROM Classes WHERE label_property = '_tomoId'").fetchone()[0]
        counts = dict(database.execute(f"SELECT {column}, COUNT(*) FROM Objects GROUP BY 1"))
    assert set(counts) == {"TS_1", "TS_2"} and all(8 <= n <= 16 for n in counts.values())


@pytest.mark.slow
def test_one_command_trains_a_first_model_and_scores_with_it(templates, tmp_path):
    """Three pickers outside Scipion; the network learns from five tomograms through triggers and scores all six."""
    folder, rng = tmp_path / "arriving", np.random.default_rng(3)
    folder.mkdir()
    given = {"tomograms": str(folder), "count": "6", "box": "20"}
    for number in (1, 2, 3):
        given[f"picker{number}"] = str(tmp_path / f"picker{number}")
        Path(given[f"picker{number}"]).mkdir()
    for name in (f"TS_{number}" for number in range(1, 7)):
        write_volume(folder / f"{name}.mrc", simulated(rng), 10.0)
        for number in (1, 2, 3):
            places = np.array(PLACES) + rng.normal(0, 0.3, (len(PLACES), 3))
            false = rng.uniform(12, [108, 68, 52], (4, 3))
            rows = "".join(f"{x:.2f},{y:.2f},{z:.2f}\n" for x, y, z in [*places, *false])
            Path(given[f"picker{number}"], f"{name}.csv").write_text(f"x,y,z\n{rows}")
    entries = rendered(templates["live_consensus_with_a_first_model"], **given)
    for entry in entries:
        if entry["object.className"] in ("XmippProtDeepConsensusPicking3D", "XmippProtStreamingConsensus3D"):
            entry.update(epochs=1, folds=2, writeReport=False, secondLook=False, noiseRadius=0.5)
        if (
            "Watch" in entry["object.className"]
            or "Trigger" in entry["object.className"]
            or "Streaming" in entry["object.className"]
        ):
            entry.update(settle=2.0)
    project = run_scheduled(entries, "TestFirstModelTemplate", tmp_path)
    (live,) = project.glob("Runs/*StreamingConsensus3D/liveCoordinates.sqlite")
    with contextlib.closing(sqlite3.connect(live)) as database:
        names = dict(database.execute("SELECT label_property, column_name FROM Classes"))
        found = database.execute(f"SELECT {names['_tomoId']}, {names['_model']} FROM Objects").fetchall()
    assert {ts_id for ts_id, _ in found} == {f"TS_{number}" for number in range(1, 7)} and {model for _, model in found} == {1}


PLACES = [(x, y, z) for x in (20, 60, 100) for y in (20, 60) for z in (20, 44)]  # of the particles, voxels


def blob(shape: tuple[int, int, int], places: list[tuple[int, int, int]]) -> np.ndarray:
    """Bright balls of ten voxels in diameter."""
    z, y, x = np.indices(shape)
    return sum(np.exp(-((((x - px) ** 2 + (y - py) ** 2 + (z - pz) ** 2) / 18) ** 2)) for px, py, pz in places).astype(np.float32)


def simulated(rng: np.random.Generator) -> np.ndarray:
    """A tomogram in which the particles are dark."""
    shape = (64, 80, 120)
    return (rng.normal(0, 0.3, shape) - blob(shape, PLACES)).astype(np.float32)
