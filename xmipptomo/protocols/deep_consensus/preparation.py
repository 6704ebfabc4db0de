"""Part of the deep consensus protocol: what is done with each tomogram alone, before networks learn and score."""

from __future__ import annotations

from pyworkflow.utils import cleanPath

from tomo_particles.consensus.verdict import MOST_NOISE
from tomo_particles.core.seeds import seed_of

from ...constants import CONSENSUS_PROGRAM, EXTRACTION_PROGRAM, NOISE_PROGRAM, RECIPES
from ...files import DERIVED, MERGED, NOISE, RAW
from ..shared.program_steps import Command, ProgramSteps, tomogram_step
from ..shared.sets import mask_file
from . import commands
from .inputs import count_rows
from .second_look import votes_only


class PreparesTomograms(ProgramSteps):
    """Merging, noise and boxes. The protocol defines `_files`, `_tomogram`, `_network`, `_maskPointers` and `_publishVoted`."""

    @tomogram_step
    def consensusStep(self, tomogram: commands.RunTomogram):
        """Merge the picks of one tomogram and label them."""
        self._runPrograms([self._merging(tomogram)], f"consensus_{tomogram.ts_id}")
        if votes_only(self):
            self._publishVoted()

    @tomogram_step
    def noiseStep(self, tomogram: commands.RunTomogram):
        """Pick noise in one tomogram."""
        self._runPrograms([self._noise(tomogram)], f"noise_{tomogram.ts_id}")

    @tomogram_step
    def extractionStep(self, tomogram: commands.RunTomogram):
        """Extract the subtomograms that training and scoring need from one tomogram."""
        if labels := [own for own in self._extractedLabels() if count_rows(self._files().labelled(tomogram.ts_id, own))]:
            self._runPrograms([self._extraction(tomogram, labels)], f"extraction_{tomogram.ts_id}")

    def prepareInQueueStep(self, ts_id: str, values: str):
        """These three steps as one job of a queue; of voting alone, the first."""
        self._forgetFailure(ts_id, "prepareInQueueStep")
        if not self._failed(ts_id):
            with self._collectingFailure(ts_id, "prepareInQueueStep"):
                self._runPreparation(self._tomogram(ts_id), values, votes_only(self))
                if votes_only(self):
                    self._publishVoted()

    def _runPreparation(self, tomogram: commands.RunTomogram, about: str, only_merge: bool) -> None:
        """The programs of a tomogram, one after the other, in a queue as one job.

        about: the same for the same picks, tomogram and parameters.
        """
        files, ts_id = self._files(), tomogram.ts_id
        if not self.useQueueForSteps():
            own = PreparesTomograms
            for step in [own.consensusStep] if only_merge else [own.consensusStep, own.noiseStep, own.extractionStep]:
                step.__wrapped__(self, tomogram)
            return
        labels = [] if only_merge else [own for own in self._extractedLabels() if own != DERIVED or tomogram.has_derived]
        noise = [] if only_merge else [self._noise(tomogram)]
        programs = [self._merging(tomogram), *noise, *([self._extraction(tomogram, labels)] if labels else [])]
        results = [files.consensus(ts_id), *(files.subtomograms(ts_id, label) for label in labels)]
        self._runPrograms(programs, f"preparation_{ts_id}", about, list(map(str, results)))
        for label in labels:  # nobody can know before what there is to extract
            if not count_rows(files.labelled(ts_id, label)):
                cleanPath(str(files.subtomograms(ts_id, label)))

    def _extractedLabels(self) -> list[str]:
        return [*MERGED, NOISE, DERIVED, *([RAW] if self.scoreRawPicks and not self.doVoting else [])]

    def _merging(self, tomogram: commands.RunTomogram) -> Command:
        number = self.votingAgreement.get() if self.doVoting else self.minPickers.get()
        return Command(CONSENSUS_PROGRAM, commands.consensus_arguments(
            self._files(), tomogram, radius=self.consensusRadius.get(), number=number, representative=self.representative.get(),
            symmetry=self.symmetry.get()), f"consensus_{tomogram.ts_id}")

    def _noise(self, tomogram: commands.RunTomogram) -> Command:
        return Command(NOISE_PROGRAM, commands.noise_arguments(
            self._files(), tomogram, radius=self.noiseRadius.get(), limit=self.noiseAmount.get(),
            most=MOST_NOISE if RECIPES[self.recipe.get()] == RECIPES[0] else None, static=self.noiseStatic.get(),
            threads=self.binThreads.get(), seed=seed_of(self.randomSeed.get(), tomogram.ts_id),
            mask=next((mask_file(pointer.get(), tomogram.ts_id) for pointer in self._maskPointers()), "")),
            f"noise_{tomogram.ts_id}")

    def _extraction(self, tomogram: commands.RunTomogram, labels: list[str]) -> Command:
        return Command(EXTRACTION_PROGRAM, commands.extraction_arguments(
            self._files(), tomogram, labels, network=self._network(), invert=self.invertContrast.get(),
            threads=self.binThreads.get()), f"extraction_{tomogram.ts_id}")
