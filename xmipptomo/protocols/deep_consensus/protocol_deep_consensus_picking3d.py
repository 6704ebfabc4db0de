"""Scipion protocol: deep consensus of the 3D picks of several pickers."""

from __future__ import annotations

import json
import logging
from functools import partial

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.object import Pointer
from pyworkflow.protocol.constants import STEPS_PARALLEL
from pyworkflow.utils import cleanPath
from tomo.objects import SetOfCoordinates3D, SetOfTomograms
from tomo.protocols import ProtTomoBase

from tomo_particles.consensus.verdict import Verdict

from ...constants import (
    MODEL_EXISTING,
    NETWORKS,
    REPORT_PROGRAM,
    SECOND_LOOK_PROGRAM,
)
from ...convert import name_of, names_of_pickers, tomogram_sources
from ...files import NOISE, RunFiles
from ..shared.program_steps import depends_on
from ..shared.progress import unfinished_lines
from . import commands
from .answers import ANSWERED, LearnsFromAnswers, learned
from .form import LOOK_PARAMS, NETWORK_PARAMS, OUTPUT_PARAMS, PREPROCESS_PARAMS, define_params
from .growing import ACCEPTED, SCORED, TOMOGRAMS, GrowingOutputs
from .inputs import CommonGrid, InputSets, count_rows, read_common_grid, write_common_grid, write_tomogram
from .interim import DOING, so_far, training_detail
from .learning import LearnsAndScores
from .methods import methods_text
from .notes import orientation_notes
from .outputs import derived_counts, disagreements, expected, merged_picks
from .preparation import PreparesTomograms
from .second_look import box_notes, diameter_of, is_asked, outcome, threshold_of, tilts_of_run, votes_only, why_none
from .summary import collect_summary, settings_of, summary_lines
from .training import settings_file, tuned_fields, tuned_note
from .validation import validation_errors, validation_warnings

logger = logging.getLogger(__name__)


class XmippProtDeepConsensusPicking3D(LearnsAndScores, LearnsFromAnswers, GrowingOutputs, PreparesTomograms, EMProtocol,
                                      ProtTomoBase):
    """Merges the coordinates that several 3D pickers found in the same tomograms into one scored set.

    *Overview*

    No picker is perfect: each misses particles, and each takes gold beads, membranes or ice for particles. This
    protocol merges the picks of all pickers. It trains a neural network on the merged picks, with labels from the number
    of pickers that agree, and on noise from the same tomograms. Every merged pick gets a score from 0 to 1. The output
    holds the picks whose score reaches the threshold. They are ready for subtomogram averaging. Nothing has to be
    labelled by hand.

    1. All coordinates are brought to one sampling rate and box size.
    2. Picks of the same particle are merged. A merged pick of enough different pickers is _positive_, the others are
    _doubtful_.
    3. Noise is picked far away from every pick. These are negative examples. They also show whether the network
    separates picks from noise.
    4. Subtomograms are extracted and normalised.
    5. The network trains on the merged picks, with labels from the votes, and on noise. Then it scores them. Each pick is
    scored by a network that was not trained on it.
    6. Network score, votes and picker scores give one final score. Picks that reach the threshold are the output.
    7. Second look: of the accepted picks those that most pickers found are averaged in two halves. Every pick is compared
    with the average of the half that it is not in. The comparison counts in the score, and the picks move towards the centre
    of the average.

    *Inputs*

    - Two or more sets of 3D coordinates, one from each picker. They may cover different tomograms and have different
    box sizes and sampling rates. Tomograms are matched by their whole tilt-series id.
    - Optionally, coordinates known to be particles (positive references) or known not to be (negative references).
    - Optionally, coordinates of derived pickers, which learned from a consensus: scored, but no votes (expert level advanced).
    - Optionally, a model of an earlier run: to score with it as it is, or to train it further.

    *Outputs*

    - coordinates: a SetOfCoordinates3D with the accepted picks, in voxels of its tomograms. Every coordinate has its
    score, the mean orientation of its pickers that gave one, a group id, the number of pickers that found it (_support),
    which ones (_pickers, such as cryolo+blobs; those of the user are called reference), the scores these gave
    (_pickerScores, such as 0.8+nan), the score of the one that picked nearest (_pickerScore), the network score
    (_networkScore), how far the orientations of its pickers are from their mean (_orientationDisagreement, degrees; -1
    where fewer than two gave one), its label (_label: 1 positive, 0 doubtful, -1 negative) and, where the inputs have it,
    the class of most of its pickers (_species). Positive references are always accepted, negative ones never.
    - scoredCoordinates: the same for all merged picks, accepted or not. Use it to select picks by other rules.
    - answeredCoordinates: the places that persons judged (_Curate_): who said what (_answer: 1 or -1, _who, _when, _why).
    - If no input set of tomograms holds all tomograms: a SetOfTomograms with all of them. If their sampling rates differ,
    there is one pair of sets for each sampling rate.
    - In the folder extra/consensus: the model (model.h5), the training log, scored.xmd with the scores of all merged picks
    (also the rejected ones), scored_raw.xmd with the score of every pick of every picker, scored_looks.csv with the places
    as picked and what the second look saw, and report.html, which shows the run on one page.

    *Practical recommendations*

    - Choose pickers that err in different ways. The agreement of independent pickers is the strongest evidence.
    - The box: 1.5 to 2 particle diameters. The same-element radius: 0.35 of a box of 1.5 diameters, 0.25 of one of 2.
    With a larger radius, neighbouring particles are merged. The wizard beside these fields proposes both from the picks.
    - A hundred positives are few, a thousand are plenty. If the run says that there are none, lower the number of pickers
    that must agree, raise the radius, or check that the sampling rates of the sets are right.
    - Gold beads have high contrast, and every picker may pick them. Give some of them as negative references.
    - Begin with a threshold of 0.5 and look at the scores (right click, analyse results). If you change only the
    threshold and choose Continue, nothing is trained again.
    - A tomogram that fails (missing file, no volume) is left out, and the summary names it. The others are processed.
    - Thirty answers in _Curate_ (analyse results) help small particles most. Continue learns from them in seconds.
    - Voting needs no network. It shows within a minute on which picks the pickers agree. Its output sets grow tomogram by
    tomogram. With a diameter, the second look scores these picks without a network, in some minutes. With the second look or
    a network, also an existing one, the sets come at the end: the score is fitted to the picks of all tomograms.
    - Pickers often ran on denoised tomograms. _Tomograms to extract from_ (expert level advanced) gives the network another
    version of them.
    """

    _label = "deep consensus picking 3D"
    _devStatus = BETA
    _possibleOutputs = {ACCEPTED: SetOfCoordinates3D, SCORED: SetOfCoordinates3D, ANSWERED: SetOfCoordinates3D,
                        TOMOGRAMS: SetOfTomograms}
    stepsExecutionMode = STEPS_PARALLEL
    _optionFields = {"--model": "modelFile", "--inputModel": "modelFile", "--network": "network", "--folds": "folds",
                     "--boxsize": "boxSizeChoice", "--samplingrate": "samplingRateChoice", "--radius": "consensusRadius",
                     "--symmetry": "symmetry", "--inputPos": "inputSets", "--inputNeg": "noiseAmount", "--epochs": "epochs",
                     "--batch": "batchSize", "--learningRate": "learningRate", "--l2": "l2", "--validation": "validationFraction",
                     "--diameter": "diameter", "--tilts": "firstTilt"}

    # --------------------------------------------------------------------------------------------- form and inputs
    def _defineParams(self, form):
        define_params(form)

    def _files(self) -> RunFiles:
        return RunFiles(self._getExtraPath())

    def _inputSets(self) -> InputSets:
        sets = ([pointer.get() for pointer in pointers if pointer.get() is not None]
                for pointers in (self.inputSets, self.positiveReferences, self.negativeReferences))
        derived = [pointer.get() for pointer in self._derivedPointers()]
        return InputSets(*sets, extract_from=next((pointer.get() for pointer in self._imagePointers()), None), derived=derived)

    def _derivedPointers(self) -> list[Pointer]:
        """Coordinates of derived pickers; voting scores none."""
        return [] if self.doVoting else [pointer for pointer in self.derivedSets if pointer.get() is not None]

    def _maskPointers(self) -> list[Pointer]:
        """The masks of regions; they are for noise alone."""
        return [self.regionMasks] if self.regionMasks.get() is not None and not votes_only(self) else []

    def _imagePointers(self) -> list[Pointer]:
        """The set of tomograms that boxes are cut from, where it is not that of the picks; voting cuts none."""
        return [self.extractFrom] if self.extractFrom.get() is not None and not votes_only(self) else []

    def _grid(self) -> CommonGrid:
        return read_common_grid(self._files().common_grid)

    def _tomogram(self, ts_id: str) -> commands.RunTomogram:
        return self._grid().tomograms[ts_id]

    def _values(self, *names: str) -> str:
        """Parameters and inputs that a step depends on, as one of its arguments: if they change, resuming does it again."""
        roles = {"pickers": self.inputSets, "positive": self.positiveReferences, "negative": self.negativeReferences,
                 "images": self._imagePointers(), "derived": self._derivedPointers(), "masks": self._maskPointers()}
        named = [self._modelFile() if "modelFile" in names else "", settings_file(self) if "settingsFile" in names else ""]
        return depends_on(roles, {name: self.getAttributeValue(name) for name in names}, list(filter(None, named)))

    def _skipsTraining(self) -> bool:
        return not self.doVoting and self.modelType.get() == MODEL_EXISTING and self.skipTraining.get()

    def _network(self) -> str:
        """The network that subtomograms are prepared for: that of the given model file, or the name of the one to train."""
        return self._modelFile() or NETWORKS[self.network.get()]

    def _modelFile(self) -> str:
        """The existing model; '' for a new one."""
        return self._text("modelFile") if self.modelType.get() == MODEL_EXISTING else ""

    # ------------------------------------------------------------------------------------------------------- steps
    def _insertAllSteps(self):
        prepared = self._values(*PREPROCESS_PARAMS, "modelType", "skipTraining", "recipe", "scoreRawPicks")
        extracted = self._values(*PREPROCESS_PARAMS, "modelType", "modelFile", "skipTraining", "network", "recipe",
                                 "scoreRawPicks")
        trained = self._values(*PREPROCESS_PARAMS, *NETWORK_PARAMS)
        scored = self._values(*PREPROCESS_PARAMS, *NETWORK_PARAMS, "secondLook")
        looked = self._values(*PREPROCESS_PARAMS, *NETWORK_PARAMS, *LOOK_PARAMS)
        final = self._values(*PREPROCESS_PARAMS, *NETWORK_PARAMS, *LOOK_PARAMS, *OUTPUT_PARAMS)
        ts_ids = self._inputSets().ts_ids()
        convert = self._insertFunctionStep(self.convertInputStep, prepared, prerequisites=[], needsGPU=False)
        gpu = self._usesGpus()
        if gpu:
            self._insertFunctionStep(self.gpuStep, self.gpuList.get(), prerequisites=[convert], needsGPU=True)
        in_queue = self.useQueueForSteps()
        first, values = (self.prepareInQueueStep, extracted) if in_queue else (self.consensusStep, prepared)
        last = [self._insertFunctionStep(first, ts_id, values, prerequisites=[convert], needsGPU=False) for ts_id in ts_ids]
        if not (in_queue or votes_only(self)):
            last = [self._insertFunctionStep(self.noiseStep, ts_id, prepared, prerequisites=[step], needsGPU=False)
                    for ts_id, step in zip(ts_ids, last, strict=True)]
            last = [self._insertFunctionStep(self.extractionStep, ts_id, extracted, prerequisites=[step], needsGPU=False)
                    for ts_id, step in zip(ts_ids, last, strict=True)]
        if not votes_only(self):
            if not (self.doVoting or self._skipsTraining()):
                last = [self._insertFunctionStep(self.trainStep, trained, prerequisites=last, needsGPU=gpu)]
            last = [self._insertFunctionStep(self.scoreStep, scored, prerequisites=last, needsGPU=gpu)]
            if is_asked(self):
                last = [self._insertFunctionStep(self.secondLookStep, looked, prerequisites=last, needsGPU=False)]
            last = [self._insertFunctionStep(self.answersStep, looked + self._answersGiven(), prerequisites=last, needsGPU=False)]
        self._insertFunctionStep(self.createOutputStep, final + self._answersGiven(), prerequisites=last, needsGPU=False)

    def convertInputStep(self, _: str):
        """Write the common grid and one table of picks per tomogram, all at the common sampling rate."""
        files, inputs = self._files(), self._inputSets()
        cleanPath(str(files.root))  # of an earlier run with other parameters
        grid = inputs.common_grid(self.samplingRateChoice.get(), self.boxSizeChoice.get())
        logger.info("Common sampling rate and box: %g Å/voxel, boxes of %d voxels", *grid)
        sources = tomogram_sources(inputs.image_sets(), inputs.ts_ids())
        tomograms, next_id = [], 1
        for ts_id in sources:
            with self._collectingFailure(ts_id):
                tomograms.append(write_tomogram(files, inputs, ts_id, sources[ts_id], grid, next_id))
                next_id += count_rows(files.every_pick(ts_id))
                logger.info("%s: picks of each picker: %s", ts_id, tomograms[-1].counts)
        write_common_grid(files.common_grid, *grid, names_of_pickers(self.inputSets), tomograms,
                          names_of_pickers(self._derivedPointers()))
        if not tomograms:
            raise RuntimeError(f"No tomogram could be read: {self._failures()}")

    def secondLookStep(self, _: str):
        """Compare the picks with averages of the accepted ones, score them again, and centre them."""
        files, grid, tomograms = self._files(), self._grid(), self._tomogramsInUse()
        if reason := self._whyNoLook():
            logger.info("Second look: %s", reason)
            return
        cleanPath(*map(str, (*files.of_answers, files.scored, files.verdict, files.reliability, files.look)))  # of earlier
        self._runProgram(SECOND_LOOK_PROGRAM, commands.look_arguments(
            files, self._model(), diameter=diameter_of(self, grid), tilts=tilts_of_run(self, tomograms),
            keep_centres=self.keepCentres.get(), tomogram_rate=tomograms[0].tomogram_rate, threads=self.binThreads.get(),
            seed=self.randomSeed.get()), job="second_look")

    def createOutputStep(self, _: str):
        """Register what is accepted, with the tomograms it was picked in, and write the numbers of the summary."""
        files, grid = self._files(), self._grid()
        cleanPath(str(files.summary), str(files.report))
        ts_ids = [ts_id for ts_id in grid.tomograms if not self._failed(ts_id)]
        merged = merged_picks(files, ts_ids, self._threshold(), len(grid.names))
        accepted = {ts_id: own.only_accepted() for ts_id, own in merged.items()}
        if not any(len(own) for own in accepted.values()):
            field = "Required agreement (pickers)" if self.doVoting else "Tolerance threshold"
            raise RuntimeError(f"No pick was accepted: lower *{field}*; the scores are in {files.root}. {self._failures()}")
        self._publish({ts_id: own for ts_id, own in merged.items() if ts_id not in self._published()},
                      list(grid.tomograms) if votes_only(self) else ts_ids)
        self._registerAnswers(merged, ts_ids)
        self._closeOutputs()
        verdict = self._verdict(grid.names)
        settings = settings_of(self, self._threshold(), (*PREPROCESS_PARAMS, *NETWORK_PARAMS, *LOOK_PARAMS, *OUTPUT_PARAMS))
        derived = derived_counts(merged.values(), grid)
        settings["settings"] |= (tuned := tuned_fields(self, files))
        collect_summary(files, grid, ts_ids, {ts_id: len(own) for ts_id, own in accepted.items()}, self._failureTexts(),
                        box_notes(self, grid.sampling_rate, grid.box_size) + tuned_note(tuned)
                        + orientation_notes(files, merged, grid.names, self.consensusRadius.get() * grid.box_size,
                                            self.symmetry.get()),
                        settings | {"extractedFrom": next(map(name_of, self._imagePointers()), None),
                                    "orientations": disagreements(merged.values()),
                                    "verdict": verdict and json.loads(verdict.to_json()),
                                    "secondLook": outcome(self, files, grid, self._tomogramsInUse(), self._whyNoLook()),
                                    "answers": learned(files),
                                    "derived": derived,
                                    "expected": expected(merged.values(), self._threshold(), verdict)})
        if self.writeReport:
            self._writeReport()

    def _writeReport(self) -> None:
        """The picks are registered already: an error here does not fail the run."""
        try:
            self._runProgram(REPORT_PROGRAM, ["--run", self._files().root], job="report")
        except Exception as error:
            logger.warning("The report could not be written: %s", error)

    def _tomogramsInUse(self) -> list[commands.RunTomogram]:
        return [tomogram for ts_id, tomogram in self._grid().tomograms.items() if not self._failed(ts_id)]

    def _whyNoLook(self) -> str:
        return why_none(bool(self.doVoting or self._model()), self._subtomograms(NOISE), self._tomogramsInUse())

    def _verdict(self, names: list[str]) -> Verdict | None:
        """What the scoring wrote of its scores; None for voting and for scores of a version that gave no verdict."""
        path = self._files().verdict
        if votes_only(self) or not path.exists():
            return None
        return Verdict.from_json(path.read_text(encoding="utf-8")).with_names(dict(enumerate(names, start=1)))

    def _threshold(self) -> float | None:
        return threshold_of(self)

    def _sourcePointers(self) -> list[Pointer]:
        return [*self.inputSets, *self.positiveReferences, *self.negativeReferences, *self._imagePointers(),
                *self._derivedPointers(), *self._maskPointers()]

    # -------------------------------------------------------------------------------------------------- information
    def _validate(self):
        return validation_errors(self, self._inputSets())

    def _warnings(self):
        return validation_warnings(self, self._inputSets())

    def _summary(self):
        files = self._files()
        if files.summary.exists() and not (self.isActive() or self.isFailed() or self.isAborted()):
            lines = summary_lines(files)
        else:
            found = so_far(files, self._failureTexts(), partial(box_notes, self))
            lines = unfinished_lines(self, DOING, so_far=found, details={
                "trainStep": training_detail(files, self.folds.get(), self.epochs.get())})
        return [*lines, *self._gpuLines()]

    def _methods(self):
        return methods_text(self._files())

    def _citations(self):
        return ["IcetaTena2023", "SanchezGarcia2018"]
