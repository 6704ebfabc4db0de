"""The workflow templates run from end to end."""

import contextlib
import json
import re
import sqlite3
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import numpy as np
import pytest
from averaged_scene import DIAMETER, RATE, make_scene
from workflow_templates import LEARNED, OF_FILES, rendered

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.registry import Context, TomogramInfo, read

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.project import Manager
    from pyworkflow.utils import cleanPath


pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates


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
    entries[-3].update(doVoting=True, keepCentres=True)  # the network and the second look's centres have tests of their own
    project = run_scheduled(entries, "TestTemplateFromFiles", tmp_path)
    (star,) = project.glob("Runs/*ExportCoordinates3D/extra/export/files/*.star")
    known = {
        ts_id: TomogramInfo(ts_id, RATE, volume.shape[::-1], str(tmp_path / "tomograms" / f"{ts_id}.mrc"))
        for ts_id, volume in scene.tomograms.items()
    }
    written = read(star, Context(known))
    for ts_id, places in scene.places.items():
        found = written[ts_id].at_sampling_rate(RATE).positions
        assert len(found) >= len(places) - 1  # the second look may reject one
        assert all(np.abs(places - place).max(axis=1).min() < 0.01 for place in found)
    (summary,) = project.glob("Runs/*DeepConsensusPicking3D/extra/consensus/summary.json")
    assert json.loads(summary.read_text(encoding="utf-8"))["secondLook"]["diameter"] == DIAMETER  # as the average
    assert averaged(project)["picks"] >= 48 and averaged(project)["verdict"] == "supported"


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
    entries[2].update(angularStep=60.0)
    entries[3].update(doVoting=True, settle=2.0, writeReport=False)  # the network has tests of its own
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
@pytest.mark.parametrize("name", ["live_consensus_of_three_pickers", "live_consensus_with_a_first_model"])
def test_one_command_follows_three_pickers_and_scores_with_one_network(templates, name, tmp_path):
    """Three pickers outside Scipion; the network learns from all six tomograms, or from five of them through triggers."""
    folder, rng = tmp_path / "arriving", np.random.default_rng(3)
    folder.mkdir()
    given = {"tomograms": str(folder), "count": "6", "box": "20"}
    for number in (1, 2, 3):
        given[f"picker{number}"] = str(tmp_path / f"picker{number}")
        Path(given[f"picker{number}"]).mkdir()
    for ts_id in (f"TS_{number}" for number in range(1, 7)):
        write_volume(folder / f"{ts_id}.mrc", simulated(rng), 10.0)
        for number in (1, 2, 3):
            places = np.array(PLACES) + rng.normal(0, 0.3, (len(PLACES), 3))
            false = rng.uniform(12, [108, 68, 52], (4, 3))
            rows = "".join(f"{x:.2f},{y:.2f},{z:.2f}\n" for x, y, z in [*places, *false])
            Path(given[f"picker{number}"], f"{ts_id}.csv").write_text(f"x,y,z\n{rows}")
    entries = rendered(templates[name], **given)
    for entry in entries:
        if entry["object.className"] in ("XmippProtDeepConsensusPicking3D", "XmippProtStreamingConsensus3D"):
            entry.update(epochs=1, folds=2, writeReport=False, secondLook=False, noiseRadius=0.5)
        if (
            "Watch" in entry["object.className"]
            or "Trigger" in entry["object.className"]
            or "Streaming" in entry["object.className"]
        ):
            entry.update(settle=2.0)
    project = run_scheduled(entries, f"Test_{name}", tmp_path)
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
