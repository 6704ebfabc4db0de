"""The projects of make_screenshots.py, as scripts that Scipion's Python runs: of the consensus, of simulation, pickers and
evaluation, and of averages. Each gets a folder for its files, and the name of the project."""

MAKE_PROJECT = """
import os, sys
import numpy as np
from pyworkflow.object import Pointer
from pyworkflow.project import Manager
from xmipptomo.tests.simulated_project import RATE, add_coordinates, add_tomograms, simulate
from xmipptomo.protocols import XmippProtDeepConsensusPicking3D
folder, name = sys.argv[1:]
project = Manager().createProject(name)
os.chdir(project.path)
rng = np.random.default_rng(1)
simulated = [simulate(folder, ts_id, seed, (160, 144, 72), noise=0.25) for seed, ts_id in enumerate(("TS_01", "TS_02", "TS_03"))]
fine = add_tomograms(project, "tomograms 10 A", {t.ts_id: t.path for t in simulated}, RATE)
binned = add_tomograms(project, "tomograms 20 A", {t.ts_id: t.binned_path for t in simulated}, 2 * RATE)
def picks(recall, false, beads):
    found = {}
    for t in simulated:
        seen = t.truth[rng.random(len(t.truth)) < recall]
        wrong = rng.uniform(t.truth.min(axis=0), t.truth.max(axis=0), (false, 3))
        found[t.ts_id] = np.concatenate([seen + rng.normal(0, 0.4, seen.shape), wrong, t.beads[:beads]])
    return found
pickers = [add_coordinates(project, "crYOLO", fine, picks(0.9, 6, 1), 20),
           add_coordinates(project, "DeepFinder", fine, picks(0.8, 3, 2), 24),
           add_coordinates(project, "template matching", binned, picks(0.95, 9, 0), 12)]
manual = add_coordinates(project, "by hand", fine, {t.ts_id: t.truth[:5] for t in simulated}, 20)
beads = add_coordinates(project, "gold beads", fine, {t.ts_id: t.beads for t in simulated}, 20)
with open(os.path.join(folder, "by_hand.csv"), "w") as file:
    rows = [("tomo_id,x,y,z",), *((t.ts_id, *place) for t in simulated[:2] for place in t.truth)]
    file.write("".join(",".join(map(str, row)) + chr(10) for row in rows))
changed = dict(samplingRateChoice=2, epochs=8, batchSize=16)
for label, values in (("deep consensus", {}), ("finished consensus", changed)):
    inputs = dict(inputSets=pickers, positiveReferences=[manual], negativeReferences=[beads])
    copies = {name: [Pointer(p.getObjValue(), extended=p.getExtended()) for p in pointers] for name, pointers in inputs.items()}
    protocol = project.newProtocol(XmippProtDeepConsensusPicking3D, **copies, **values)
    protocol.setObjLabel(label)
    project.saveProtocol(protocol)
project.launchProtocol(protocol, wait=True)
project.mapper.commit()
"""

MAKE_BENCH = """
import os, sys
from pyworkflow.object import Pointer
from pyworkflow.project import Manager
from xmipptomo.protocols import *
folder, name = sys.argv[1:]
project = Manager().createProject(name)
os.chdir(project.path)
def run(protocol_class, label, **values):
    pointers = {name: value for name, value in values.items() if isinstance(value, Pointer)}
    protocol = project.newProtocol(protocol_class, **{name: value for name, value in values.items() if name not in pointers})
    for name, pointer in pointers.items():
        getattr(protocol, name).set(pointer.getObjValue())
        getattr(protocol, name).setExtended(pointer.getExtended())
    protocol.setObjLabel(label)
    project.launchProtocol(protocol, wait=True)
    return lambda output: Pointer(protocol, extended=output)
simulated = run(XmippProtSimulateTomograms, "simulated tomograms", numberOfTomograms=2, sizeX=144, sizeY=144, sizeZ=80, snr=0.03,
                counts="0 0 0 12 12 0 0", beads=2, vesicles=1, targetComplex="shell")
blobs = run(XmippProtPickBlobs3D, "blobs 150 Å", inputTomograms=simulated("tomograms"))
matched = run(XmippProtTemplateMatching3D, "template matching", inputTomograms=simulated("tomograms"), lowPass=40.0, keep=1,
              inputTemplates=[simulated("templates.4"), simulated("templates.5")], angularStep=25.0, number=14, select=2)
run(XmippProtEvaluatePicking3D, "evaluation", reference=simulated("particles"), distractors=simulated("distractors"),
    inputPickings=[blobs("coordinates"), matched("coordinates")])
project.mapper.commit()
"""

MAKE_AVERAGES = """
import os, sys
from pyworkflow.object import Pointer
from pyworkflow.project import Manager
from xmipptomo.protocols import *
folder, name = sys.argv[1:]
project = Manager().createProject(name)
os.chdir(project.path)
def new(protocol_class, label, **values):
    protocol = project.newProtocol(protocol_class, **values)
    protocol.setObjLabel(label)
    return protocol
def run(protocol):
    project.launchProtocol(protocol, wait=True)
    return protocol
simulated = run(new(XmippProtSimulateTomograms, "simulated tomograms", numberOfTomograms=2, sizeX=192, sizeY=192, sizeZ=64,
                    snr=0.1, counts="0 0 40 12 0 0 0", beads=2, vesicles=0, targetComplex="crescent"))
blobs = new(XmippProtPickBlobs3D, "blobs 220 Å", diameter=220.0)
blobs.inputTomograms.set(simulated)
blobs.inputTomograms.setExtended("tomograms")
run(blobs)
average = new(XmippProtAverageSubtomograms3D, "average of the particles", diameter=220.0, numberOfThreads=2)
average.inputCoordinates.set(simulated)
average.inputCoordinates.setExtended("particles")
run(average)
branches = new(XmippProtCompareBranches3D, "particles or blobs", diameter=220.0)
branches.inputBranches.append(Pointer(simulated, extended="particles"))
branches.inputBranches.append(Pointer(blobs, extended="coordinates"))
project.saveProtocol(branches)
project.mapper.commit()
"""

MAKE_LEARNED = """
import os, sys
from pyworkflow.object import Pointer
from pyworkflow.project import Manager
from xmipptomo.protocols import *
folder, name = sys.argv[1:]
project = Manager().createProject(name)
os.chdir(project.path)
def run(protocol_class, label, pointers={}, **values):
    protocol = project.newProtocol(protocol_class, **values)
    for field, (made, output) in pointers.items():
        getattr(protocol, field).set(made)
        getattr(protocol, field).setExtended(output)
    protocol.setObjLabel(label)
    project.launchProtocol(protocol, wait=True)
    return protocol
simulated = run(XmippProtSimulateTomograms, "simulated tomograms", numberOfTomograms=2, sizeX=128, sizeY=128, sizeZ=64, snr=0.2,
                counts="0 0 0 14 0 0 0", beads=2, vesicles=0, targetComplex="shell")
trained = run(XmippProtTrainPicker3D, "trained picker", {"inputCoordinates": (simulated, "target")}, diameter=150.0, steps=120,
              folds=2, patch=32, width=0.5, batch=4, useGpu=False)
run(XmippProtDeepPick3D, "picks of the trained picker",
    {"inputTomograms": (simulated, "tomograms"), "inputModel": (trained, "model")},
    keep=2, threshold="0.4", scoreMaps=True, useGpu=False)
project.mapper.commit()
"""

# A set of subtomograms of two structures, and its split
MAKE_CLASSES = """
import os, sys
import numpy as np
from pwem.objects import Transform
from pyworkflow.project import Manager
from tomo.objects import SubTomogram, TomoAcquisition
from tomo.protocols import ProtImportSubTomograms
from tomo_particles.formats.xmd import read_table
from tomo_particles.geometry.orientations import rotation_of
from xmipp_scripts.simulate_particles_tomo import ParticlesConfig, simulate
from xmipptomo.protocols import *
folder, name = sys.argv[1:]
project = Manager().createProject(name)
os.chdir(project.path)
particles = project.getTmpPath("particles")
simulate(ParticlesConfig(particles, count=160, box_size=20, sampling_rate=20.0, step=6.0, separation=8.0, max_resolution=80.0))
table = read_table(os.path.join(particles, "subtomograms.xmd"))
protocol = project.newProtocol(ProtImportSubTomograms)
protocol.setObjLabel("subtomograms")
project.saveProtocol(protocol)
protocol.makePathsAndClean()
subtomograms = protocol._createSetOfSubTomograms()
subtomograms.setSamplingRate(20.0)
acquisition = TomoAcquisition()
acquisition.setAngleMin(-60.0)
acquisition.setAngleMax(60.0)
subtomograms.setAcquisition(acquisition)
for row, angles in enumerate(zip(*(table[key] for key in ("angleRot", "angleTilt", "anglePsi")))):
    item = SubTomogram()
    item.setLocation(row + 1, os.path.join(particles, "subtomograms.mrcs"))
    item.setSamplingRate(20.0)
    item.setAcquisition(acquisition)
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_of(np.array([angles]))[0].inv().as_matrix()
    matrix[:3, 3] = matrix[:3, :3] @ [table[key][row] for key in ("shiftX", "shiftY", "shiftZ")]
    item.setTransform(Transform(matrix))
    subtomograms.append(item)
subtomograms.write()
protocol._defineOutputs(outputSubTomograms=subtomograms)
protocol.setFinished()
protocol._store()
project.mapper.commit()
split = project.newProtocol(XmippProtSplitSubtomograms3D, diameter=300.0, maxResolution=80.0, numberOfThreads=2)
split.setObjLabel("one structure or two")
split.inputSubtomograms.set(protocol)
split.inputSubtomograms.setExtended("outputSubTomograms")
project.launchProtocol(split, wait=True)
"""

MAKE_PROJECTIONS = """
import os, sys
from pyworkflow.project import Manager
from xmipptomo.protocols import *
folder, name = sys.argv[1:]
project = Manager().createProject(name)
os.chdir(project.path)
simulated = project.newProtocol(XmippProtSimulateParticles, count=240, boxSize=16, samplingRate=25.0, separation=10.0,
                                maxResolution=80.0, leastDefocus=1.0, mostDefocus=2.0)
simulated.setObjLabel("projections of two structures")
project.launchProtocol(simulated, wait=True)
split = project.newProtocol(XmippProtSplitVolume, diameter=300.0, maxResolution=80.0, angularDistance=40.0, numberOfThreads=2)
split.setObjLabel("two in one set")
split.inputParticles.set(simulated)
split.inputParticles.setExtended("particles")
project.launchProtocol(split, wait=True)
assert split.isFinished(), split.getErrorMessage()
"""
