"""Part of the deep consensus protocol: the network learns from the merged picks, and scores them."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from pyworkflow.utils import cleanPath

from tomo_particles.consensus.verdict import can_learn

from ...constants import RECIPES
from ...files import DERIVED, DOUBTFUL, MERGED, NEGATIVE, NOISE, POSITIVE, RAW
from ..shared.gpus import NetworkOnGpus
from . import commands
from .inputs import count_rows
from .second_look import is_asked
from .training import network_options

logger = logging.getLogger(__name__)


class LearnsAndScores(NetworkOnGpus):
    """Training and scoring. The protocol defines `_files`, `_grid`, `_tomogramsInUse`, `_whyNoLook` and `_skipsTraining`."""

    def _usesGpus(self) -> bool:
        return bool(self.useGpu) and not self.doVoting

    def trainStep(self, _: str):
        """Train the network on the merged picks, noise and references, as the recipe has it."""
        grid = self._grid()
        own = str(self._files().model)
        if os.path.realpath(own) != os.path.realpath(self._modelFile()):
            # of an earlier run with other parameters
            cleanPath(own, self._files().tuned, str(self._files().training_log), str(self._files().training_note))
        positive, negative = self._subtomograms(POSITIVE), self._subtomograms(NEGATIVE, NOISE)
        learns_from_noise = self._trains() and RECIPES[self.recipe.get()] == RECIPES[0]
        if not positive and not learns_from_noise:
            raise RuntimeError(
                f"No positives to train with: no particle was picked by {self.minPickers} pickers. Lower *Pickers that must "
                f"agree*, raise *Same-element relative radius*, or give *Positive references*. {self._failures()}")
        if not negative:
            raise RuntimeError("No negatives to train with: no noise fits between the picks. Lower *Noise picking evasion "
                               f"radius*, or give *Negative references*. {self._failures()}")
        if not self._trains():
            logger.warning("Too few agreed picks to train a network: the votes score alone")
            return
        options = network_options(self, sum(map(count_rows, positive)), self._modelFile(), self._files())
        self._runNetwork(lambda gpus: commands.training_arguments(
            self._files(), options, recipe=RECIPES[self.recipe.get()], positive=positive,
            doubtful=self._subtomograms(DOUBTFUL), negative=negative, pickers=grid.names,
            grid=(grid.sampling_rate, grid.box_size), gpus=gpus, threads=self.binThreads.get()), job="training")

    def scoreStep(self, _: str):
        """Score the merged picks of all tomograms with the network, and the picks of each picker if asked."""
        grid, files = self._grid(), self._files()
        results = (files.scored, files.scored_raw, files.scored_derived, files.verdict, files.reliability, *files.of_second_look)
        cleanPath(*map(str, (*files.of_answers, *results)))
        merged, raw = self._subtomograms(*MERGED), self._subtomograms(RAW)
        if not merged:
            raise RuntimeError(f"No subtomogram could be extracted. {self._failures()}")
        model, noise, looks_twice = self._model(), self._subtomograms(NOISE), is_asked(self) and not self._whyNoLook()

        def score(inputs: list[str], output: Path, **compared) -> None:
            self._runNetwork(lambda gpus: commands.scoring_arguments(
                model, inputs, str(output), recipe=RECIPES[self.recipe.get()], grid=(grid.sampling_rate, grid.box_size),
                gpus=gpus, threads=self.binThreads.get(), **compared), job=f"scoring_{output.stem}")

        derived = self._subtomograms(DERIVED) if model else []
        own = {"derived": derived, "derived_output": str(files.scored_derived)} if derived else {}
        if looks_twice:
            score(merged, files.scored_first, noise=noise, noise_output=str(files.scored_noise), **own)
        else:
            score(merged, files.scored, noise=noise, **own)
        if raw and model:
            score(raw, files.scored_raw, noise=[])

    def _trains(self) -> bool:
        """Whether a network can learn from the picks."""
        agreed, doubtful = (sum(map(count_rows, self._subtomograms(kind))) for kind in (POSITIVE, DOUBTFUL))
        return not self.doVoting and (can_learn(agreed, agreed + doubtful) or RECIPES[self.recipe.get()] != RECIPES[0])

    def _model(self) -> str:
        """The model that scores: the given one, or the run's own; '' where none was trained, and with voting."""
        return self._modelFile() if self._skipsTraining() else str(self._files().model) if self._trains() else ""

    def _subtomograms(self, *labels: str) -> list[str]:
        """The XMDs of extracted subtomograms that exist, of all tomograms that did not fail."""
        paths = (str(self._files().subtomograms(own.ts_id, label)) for own in self._tomogramsInUse() for label in labels)
        return list(filter(os.path.exists, paths))
