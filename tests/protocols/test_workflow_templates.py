"""The workflow templates: Scipion finds them, every protocol and parameter in them exists, and they run from end to end."""

import json
import re
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.registry import Context, TomogramInfo, read

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow import Config
    from pyworkflow.project import Manager, Project
    from pyworkflow.template import LocalTemplate, TemplateList
    from pyworkflow.utils import cleanPath

    from xmipptomo.constants import BUILTIN_COMPLEXES, CHOICE_RULES

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates

OF_CONSENSUS = ("deep_consensus_of_three_pickers", "deep_consensus_of_two_pickers", "deep_consensus_simulation")
LEARNED = "trained_picker_simulation"
NAMES = (*OF_CONSENSUS, LEARNED)
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
    for entry in rendered(templates[name]):
        protocol = protocols[entry["object.className"]]()
        parameters = {parameter for parameter, _ in protocol.iterDefinitionAttributes()}
        assert set(entry) - ENTRIES <= parameters
        for value in entry.values():
            for pointer in value if isinstance(value, list) else [value]:
                if isinstance(pointer, str) and (found := re.fullmatch(r"(\d+)\.([A-Za-z]\w*)(\.\d+)?", pointer)):
                    assert found[2] in outputs[found[1]]  # of a run before
        possible = protocol._possibleOutputs
        outputs[entry["object.id"]] = set(possible) if isinstance(possible, dict) else {one.name for one in possible}


def test_the_simulation_matches_the_template_of_its_target(templates):
    simulation, _, _, matching, _, evaluation, average = rendered(templates["deep_consensus_simulation"])
    number = BUILTIN_COMPLEXES.index(simulation["targetComplex"]) + 1
    assert matching["inputTemplates"] == [f"1.templates.{number}"]
    assert evaluation["targetSpecies"] == simulation["targetComplex"]
    assert average["diameter"] == float(matching["diameters"])
    assert len(simulation["counts"].split()) == len(BUILTIN_COMPLEXES)


@pytest.mark.parametrize("name", OF_CONSENSUS)
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


def test_the_fields_reach_the_protocols(templates, tmp_path):
    folder = str(tmp_path)  # Scipion refuses a folder that does not exist
    given = {"tomograms": folder, "rate": "13.5", "box": "24", "picker2": folder}
    given["diameter"] = "180"
    tomograms, first, second, _, consensus, _, average = rendered(templates["deep_consensus_of_three_pickers"], **given)
    assert average["diameter"] == 180.0
    assert (tomograms["filesPath"], tomograms["samplingRate"], second["filesPath"]) == (folder, 13.5, folder)
    assert first["boxSize"] == 24
    assert CHOICE_RULES[consensus["boxSizeChoice"]] == "first"  # so that one field is enough


@pytest.mark.slow
def test_one_command_runs_it_from_simulation_to_evaluation(templates, tmp_path):
    """Scheduled, as the command does it: each protocol is started while the ones before it have no output yet."""
    entries = rendered(templates["deep_consensus_simulation"])
    entries[0].update(sizeX=96, sizeY=96, sizeZ=64, counts="0 0 0 0 0 2 8", beads=1, vesicles=0)
    entries[4].update(doVoting=True)  # the network has tests of its own
    entries.pop()  # too few picks for an average
    entries[3].update(angularStep=45.0)
    folder = run_scheduled(entries, "TestWorkflowTemplate", tmp_path)
    assert list(folder.glob("Runs/*EvaluatePicking3D/extra/evaluation/evaluation_4.json"))


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
def test_one_command_leads_from_the_files_of_three_pickers_to_a_star_file(templates, tmp_path):
    """Each picker wrote another format; the two particles that two of them saw are in the star file, at their places."""
    write_volume(tmp_path / "TS_1.mrc", np.random.default_rng(1).normal(size=(24, 32, 40)), 10.0)
    particles = [(10.0, 12.0, 8.0), (28.0, 20.0, 14.0)]
    rows = [" ".join(map(str, place)) for place in particles]
    objects = "".join('<object tomo_idx="0" class_label="1" x="{}" y="{}" z="{}"/>'.format(*place) for place in particles)
    files = {
        "TS_1.csv": "tomo_id,x,y,z\nTS_1,34,6,4\n",
        "TS_1.coords": "\n".join(rows),
        "TS_1_objl.xml": f"<objlist>{objects}</objlist>",
    }
    given = {"tomograms": str(tmp_path), "rate": "10.0", "box": "8"}
    for number, (file_name, text) in enumerate(files.items(), start=1):
        folder = tmp_path / f"picker{number}"
        folder.mkdir()
        (folder / file_name).write_text(text)
        given |= {f"picker{number}": str(folder)}
    entries = rendered(templates["deep_consensus_of_three_pickers"], **given)
    entries[4].update(doVoting=True)  # the network has tests of its own
    entries.pop()  # too few picks for an average
    project = run_scheduled(entries, "TestTemplateFromFiles", tmp_path)
    (star,) = project.glob("Runs/*ExportCoordinates3D/extra/export/files/*.star")
    tomogram = TomogramInfo("TS_1", 10.0, (40, 32, 24), str(tmp_path / "TS_1.mrc"))
    written = read(star, Context({"TS_1": tomogram}))["TS_1"]
    np.testing.assert_allclose(sorted(written.at_sampling_rate(10.0).positions.tolist()), particles, atol=0.01)


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
