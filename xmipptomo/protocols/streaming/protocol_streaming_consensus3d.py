"""Scipion protocol: deep consensus of the 3D picks of several pickers, while tomograms and picks still arrive."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from pyworkflow.protocol import Step, params
from tomo.objects import Coordinate3D, SetOfCoordinates3D, SetOfTomograms, Tomogram

from tomo_particles.consensus.model_verdict import why_unfit
from tomo_particles.consensus.verdict import can_learn
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import written_aside
from tomo_particles.runs.ledger import VOTES, LedgerFiles, Milestone
from tomo_particles.runs.sightings import Look
from tomo_particles.runs.watching import GIVEN, LEARN, TRAINING, VOTE, Action, End, FinalPass, Prepare, Publish, Rules, Train

from ...constants import MODEL_ATTRIBUTE, NETWORK_PROGRAM, RECIPES
from ...convert import append_picks, even_box_size, has_species, names_of_pickers, tomogram_of, tomogram_sources
from ...files import DOUBTFUL, MERGED, NEGATIVE, NOISE, POSITIVE, RunFiles
from ..deep_consensus import commands
from ..deep_consensus.form import NETWORK_PARAMS, PREPROCESS_PARAMS
from ..deep_consensus.inputs import count_rows, write_common_grid, write_tomogram
from ..deep_consensus.outputs import TomogramPicks, merged_picks
from ..deep_consensus.protocol_deep_consensus_picking3d import XmippProtDeepConsensusPicking3D
from ..deep_consensus.training import network_options
from ..deep_consensus.validation import validation_errors, validation_warnings
from ..shared.form_checks import limit_errors
from .collected import Collected
from .following import Following
from .following_pickers import FollowsPickers, is_passing
from .growing_output import GrowingOutput
from .live_files import LiveFiles
from .streaming_form import LIMITS, define_streaming

LIVE = "liveCoordinates"  # the output that grows
FOLLOWING = ("followStep", "prepareStep", "trainLiveStep")  # the steps before the final pass
AT_ONCE = 100  # tomograms that are scored by one process


class XmippProtStreamingConsensus3D(FollowsPickers, XmippProtDeepConsensusPicking3D):
    """Deep consensus of several pickers while tomograms and coordinates still arrive.

    *Overview*

    Each tomogram is prepared as soon as the pickers have it. A network is trained when there are enough tomograms, and again
    whenever their number has doubled. Every tomogram is scored once, by the newest network, and its accepted coordinates are
    added to an output that grows. At the end the whole deep consensus is done once more with all tomograms. That result is the
    same as that of _deep consensus picking 3D_ with the complete inputs.

    *Inputs*

    - As for _deep consensus picking 3D_. The sets of the pickers may still grow. The tomograms are those of the first set.

    *Outputs*

    - liveCoordinates: the accepted coordinates, with the attributes of the deep consensus and the number of the network that
    scored them (_model; 0: the votes). A tomogram is added once, with all its coordinates, and never changes.
    - coordinates, scoredCoordinates: of the final pass, from all tomograms.

    *Practical recommendations*

    - A tomogram waits for all pickers. If a picker is slow, set _Pickers that are enough_: the others are then
    waited for only for some hours.
    - With an existing model and _Skip training_, tomograms are scored from the first one on. The model must know these pickers.
    - Before the first network nothing is added, unless you choose to publish by votes.
    - A file called _finish_ in the folder of the run ends all waiting.
    - After an interruption use Continue. Nothing is added twice. If the final pass had begun, it goes on.
    """

    _label = "streaming deep consensus 3D"
    _possibleOutputs = {LIVE: SetOfCoordinates3D, **XmippProtDeepConsensusPicking3D._possibleOutputs}
    _liveFiles: LiveFiles | None = None  # while it follows its inputs; not in the final pass
    _onlyFinal = False  # whether this process does nothing but the final pass

    def _defineParams(self, form: params.Form) -> None:
        super()._defineParams(form)
        define_streaming(form)

    def _files(self) -> RunFiles:
        return self._liveFiles or super()._files()

    def _modelFile(self) -> str:
        """The existing model, that of a run if one is given; '' for a new one."""
        run = self.modelRun.get() if self.evalParamCondition("modelRun") else None
        return super()._modelFile() if run is None else str(RunFiles(run._getExtraPath()).model)

    # ---- decisions
    def _rules(self) -> Rules:
        scores = VOTE if self.doVoting else GIVEN if self._skipsTraining() else LEARN
        return Rules(tuple(self._grid().names), scores, self.enough.get() or None, 3600 * self.patience.get(), self.settle.get(),
                     3600 * self.grace.get(), self.firstTomograms.get(), self.firstAgreed.get(), not self.publishVotes.get(),
                     self.finalPass.get())

    def liveOutput(self) -> str:
        """The name of the output that grows."""
        return LIVE

    def _tomogramSet(self) -> SetOfTomograms:
        return next((pointer.get() for pointer in self._imagePointers()), None) or super()._tomogramSet()

    def _insertAllSteps(self) -> None:
        """Where all was followed to its end before, Continue goes on with the final pass, step by step as the batch run."""
        self._onlyFinal = self._isFollowed()
        if self._onlyFinal:
            self._refuseOthers()
            super(Following, self)._insertAllSteps()
        else:
            super()._insertAllSteps()

    def loadSteps(self) -> list[Step]:
        """Those that the steps of this process may repeat."""
        steps = super().loadSteps()
        return [step for step in steps if step.funcName.get() not in FOLLOWING] if self._onlyFinal else steps

    def _isFollowed(self) -> bool:
        """Whether the final pass was begun with the inputs as they are now."""
        path = LiveFiles(self._getExtraPath()).followed
        return path.exists() and path.read_text(encoding="utf-8") == _text_of(self._look())

    def _refuseOthers(self) -> None:
        given = [self.modelRun] if self.modelRun.get() is not None else []
        self._refuseOtherValues((*PREPROCESS_PARAMS, *NETWORK_PARAMS), [*self._sourcePointers(), *given])

    def _begin(self) -> None:
        files = self._liveFiles = LiveFiles(self._getExtraPath())
        self._refuseOthers()
        if not files.common_grid.exists():
            grid = self._inputSets().common_grid(self.samplingRateChoice.get(), self.boxSizeChoice.get())
            write_common_grid(files.common_grid, *grid, names_of_pickers(self.inputSets), [],
                              names_of_pickers(self._derivedPointers()))
        milestones = tuple(Milestone(own.number, tuple(own.learned_from())) for own in files.trainings())
        self._ledger = replace(self._ledger, milestones=milestones)
        self._preparing: dict[str, Prepare] = {}
        self._live = GrowingOutput(self, LIVE, SetOfCoordinates3D, self._prepareLive)
        self._live.adopt()
        for ts_id, entry in self._ledger.entries.items():
            if entry.rows is not None and not entry.published and (ts_id in self._live.ts_ids or not entry.rows):
                self._note(ts_id, published=True)

    def _do(self, action: Action) -> bool:
        match action:
            case Prepare():
                self._busy.add(action.tomo_id)
                self._preparing[action.tomo_id] = action
                self._insertFunctionStep(self.prepareStep, action.tomo_id, str(action.revision), prerequisites=[], needsGPU=False)
            case Train():
                training = self._liveFiles.training(action.number)
                with written_aside(training.tomograms) as aside:
                    aside.write_text(json.dumps(action.tomo_ids), encoding="utf-8")
                self._busy.add(TRAINING)
                self._insertFunctionStep(self.trainLiveStep, str(action.number), prerequisites=[], needsGPU=bool(self.useGpu))
            case Publish():
                for start in range(0, len(action.tomo_ids), AT_ONCE):
                    self._publishLive(action.tomo_ids[start : start + AT_ONCE], action.model)
            case FinalPass() | End():
                self._live.close()
                self._hasFinished()
                if isinstance(action, FinalPass):
                    with written_aside(self._liveFiles.followed) as aside:
                        aside.write_text(_text_of(self._lastLook), encoding="utf-8")
                    self._liveFiles = None
                    super(Following, self)._insertAllSteps()  # those of the batch run
                elif action.failed:
                    raise RuntimeError(f"There is no result: {action.failed}.")
                return True
        return False

    # ---- steps: one of each tomogram, and one of each training
    def prepareStep(self, ts_id: str, revision: str) -> None:
        """Consensus, noise and boxes of one tomogram."""
        action = self._preparing[ts_id]
        done = {"tomogram": action.tomogram, "digests": action.digests, "revision": int(revision), "left_out": ""}
        try:
            agreed = self._prepare(action)
            self._note(ts_id, **done, agreed=agreed)
        except Exception as error:
            if is_passing(error):
                self._hold(ts_id, error)
            else:
                self.error(f"{ts_id} is left out: {error}")
                done |= {"revision": int(revision) - 1, "left_out": str(error)}
                self._note(ts_id, **done)
        finally:
            self._busy.discard(ts_id)

    def _prepare(self, action: Prepare) -> int:
        """Write the files of a tomogram; returns on how many picks enough pickers agree."""
        files, grid, ts_id = self._files(), self._grid(), action.tomo_id
        with self._lock:  # one thread at a time reads the sets
            inputs = self._inputSets()
            self._requireOnce(ts_id)
            sources = tomogram_sources(inputs.image_sets(), [ts_id])[ts_id]
            tomogram = write_tomogram(files, inputs, ts_id, sources, (grid.sampling_rate, grid.box_size), 1,
                                       sorted(action.digests))
        about = json.dumps([action.tomogram, sorted(action.digests.items())])
        self._runPreparation(tomogram, about, bool(self.doVoting))
        agreed = count_rows(files.labelled(ts_id, POSITIVE))
        self.info(f"{ts_id} is prepared: picks of each picker: {tomogram.counts}, agreed {agreed}")
        return agreed

    def _requireOnce(self, ts_id: str) -> None:
        """Raise InputError for a tomogram that the set of the pickers does not have, or has twice."""
        tomograms = super()._tomogramSet()
        tomogram_of(tomograms, ts_id)
        look = self._looksAt(tomograms.getFileName()).look()
        if look and look.counts.get(ts_id, 0) > 1:
            raise InputError(f"the set of tomograms has '{ts_id}' {look.counts[ts_id]} times; ids must differ")

    def _extractedLabels(self) -> list[str]:
        return [*MERGED, NOISE] if self._liveFiles else super()._extractedLabels()

    def _publishVoted(self) -> None:
        if not self._liveFiles:
            super()._publishVoted()

    def trainLiveStep(self, number: str) -> None:
        """Train a network on the tomograms so far."""
        training, failed = self._liveFiles.training(int(number)), ""
        ts_ids = training.learned_from()
        try:
            self._trainLive(training, ts_ids)
            self.info(f"Network {number} is trained on {len(ts_ids)} tomograms")
        except Exception as error:
            failed = str(error)
        finally:
            self._ledger = replace(
                self._ledger, milestones=(*self._ledger.milestones, Milestone(int(number), tuple(ts_ids), failed)))
            self._busy.discard(TRAINING)

    def _trainLive(self, training: RunFiles, ts_ids: Sequence[str]) -> None:
        grid = self._grid()
        agreed, doubtful = (sum(map(count_rows, self._boxesOf(ts_ids, label))) for label in (POSITIVE, DOUBTFUL))
        if RECIPES[self.recipe.get()] == RECIPES[0] and not can_learn(agreed, agreed + doubtful):
            raise RuntimeError("too few agreed picks")
        options = network_options(self, agreed, self._modelFile(), training)
        self._runNetwork(lambda gpus: commands.training_arguments(
            training, options, recipe=RECIPES[self.recipe.get()], positive=self._boxesOf(ts_ids, POSITIVE),
            doubtful=self._boxesOf(ts_ids, DOUBTFUL), negative=self._boxesOf(ts_ids, NEGATIVE, NOISE), pickers=grid.names,
            grid=(grid.sampling_rate, grid.box_size), gpus=gpus, threads=self.binThreads.get()), training.root.name,
            json.dumps([[ts_id, self._ledger.entry(ts_id).revision] for ts_id in ts_ids]), [str(training.model)])

    def _boxesOf(self, ts_ids: Sequence[str], *labels: str) -> list[str]:
        paths = [self._files().subtomograms(ts_id, label) for ts_id in ts_ids for label in labels]
        return [str(path) for path in paths if path.exists()]

    # ---- the output that grows
    def _publishLive(self, ts_ids: Sequence[str], model: int) -> None:
        scored = self._scored(ts_ids, model)
        for ts_id in ts_ids:
            accepted = scored[ts_id].only_accepted()
            self._note(ts_id, rows=len(accepted), model=model)
            if ts_id not in self._live.ts_ids:
                with self._lock:
                    self._live.append(ts_id, self._liveItems(ts_id, accepted, model))
            self._note(ts_id, published=True)
            self.info(f"{ts_id} is published: {len(accepted)} coordinates by {f'network {model}' if model else 'votes'}")

    def _scored(self, ts_ids: Sequence[str], model: int) -> dict[str, TomogramPicks]:
        files, grid = self._files(), self._grid()
        if model == VOTES:
            return merged_picks(files, ts_ids, None, len(grid.names))
        given = self._modelFile() if self._skipsTraining() else str(self._liveFiles.training(model).model)

        def arguments(gpus: str) -> list:
            return [*commands.scoring_arguments(
                given, self._boxesOf(ts_ids, *MERGED), str(files.scored), noise=self._boxesOf(ts_ids, NOISE),
                recipe=RECIPES[self.recipe.get()], grid=(grid.sampling_rate, grid.box_size), gpus=gpus,
                threads=self.binThreads.get()), "--pickers", *grid.names]

        if TRAINING in self._busy:  # the GPUs are its own
            self._runProgram(NETWORK_PROGRAM, arguments(""), job="scoring")
        else:
            self._runNetwork(arguments, job="scoring")
        return merged_picks(files, ts_ids, self._threshold(), len(grid.names))

    def _liveItems(self, ts_id: str, of: TomogramPicks, model: int) -> Iterator[Coordinate3D]:
        tomograms = super()._tomogramSet()
        collected = Collected(tomograms.getSamplingRate())
        with_species = any(map(has_species, self._inputSets().all))
        attributes = of.attributes(self._grid().every_name, with_species) | {MODEL_ATTRIBUTE: [model] * len(of)}
        tomogram: Tomogram = tomogram_of(tomograms, ts_id)
        append_picks(collected, tomogram, of.picks, of.merged.score, attributes)
        return iter(collected)

    def _prepareLive(self, output: SetOfCoordinates3D) -> None:
        first, grid = self._sets()[0], self._grid()
        output.copyInfo(first)
        output.setPrecedents(first._precedentsPointer)  # the pointer: a set alone is lost in workflows
        output.setBoxSize(even_box_size(grid.box_size * grid.sampling_rate, first.getSamplingRate()))

    # ---- information
    def _validate(self) -> list[str]:
        errors = limit_errors(self, LIMITS) + validation_errors(self, self._inputSets(), growing=True)
        n = len(self.inputSets)
        if not errors and self._skipsTraining() and (why := why_unfit(self._modelFile(), names_of_pickers(self.inputSets))):
            errors.append(f"*Model file*: {why}; call the pickers as in the run that trained it, or train a new one.")
        if self.enough.get() and not (1 if self._skipsTraining() else 2) <= self.enough.get() <= n:
            errors.append(f"*Pickers that are enough*: must be 0, or 2 to {n}.")
        others = [*self.positiveReferences, *self.negativeReferences, *self._derivedPointers(), *self._maskPointers()]
        if any(pointer.get() is not None and pointer.get().isStreamOpen() for pointer in others):
            errors.append("References, derived pickers and masks must be complete: wait until their sets are closed.")
        return errors

    def _warnings(self) -> list[str]:
        return [*FollowsPickers._warnings(self), *validation_warnings(self, self._inputSets(), growing=True)]

    def _summary(self) -> list[str]:
        entries = LedgerFiles(self._getExtraPath("ledger")).read().values()
        published = [own for own in entries if own.published]
        lines = [f"*Live*: {len(entries)} tomograms seen by enough pickers, {len(published)} published with "
                 f"{sum(own.rows or 0 for own in published)} coordinates"]
        if trainings := LiveFiles(self._getExtraPath()).trainings():
            lines.append(f"*Networks*: {len(trainings)}, the last one in {trainings[-1].model}")
        final = super()._summary() if Path(super()._files().root).exists() else []
        return [*lines, *self._keptLines(), *final]


def _text_of(look: Look) -> str:
    """The same for the same inputs in the same state."""
    return json.dumps([None if own is None else [dict(sorted(own.items.items())), own.state]
                       for own in (look.tomograms, *look.pickers)])
