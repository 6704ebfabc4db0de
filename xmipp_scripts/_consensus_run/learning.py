"""The steps of a run that score picks: training, scoring, and the second look."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from tomo_particles.runs.layout import ProgramLayout

from .._network.files import ScoringConfig, Trained, score_files, train_files
from .._shared.scored_files import reliability_beside, verdict_beside
from .config import PipelineConfig
from .steps import Steps
from .tomograms import TomogramInfo

MERGED_SETS = ("pos", "doubt", "neg")


class Learning:
    """rate: common sampling rate, Å/voxel.  model: file that the run trains, or that is given; not used with votes and a second
    look alone.  tomograms: those with picks.  names: of the pickers.
    """

    def __init__(
        self,
        config: PipelineConfig,
        layout: ProgramLayout,
        rate: float,
        model: str,
        tomograms: Sequence[TomogramInfo],
        names: Sequence[str],
        progress: Callable[[str], None],
    ) -> None:
        self.config, self.layout, self.rate, self.model = config, layout, rate, model
        self.tomograms, self.names, self.progress = tomograms, names, progress
        self._trained: Trained | None = None

    def _boxes(self, name: str) -> tuple[str, ...]:
        """The XMD files of one set of subtomograms, one per tomogram."""
        return tuple(str(self.layout.subtomograms(tomogram.tomo_id, name)) for tomogram in self.tomograms)

    @property
    def _derived(self) -> tuple[str, ...]:
        """The XMD files of what derived pickers alone found; the preparation removes those of an earlier run."""
        return tuple(path for path in self._boxes("derived") if Path(path).is_file())

    def run(self, steps: Steps) -> Path:
        """Do what is not done yet; returns the XMD of the scored merged picks."""
        config = self.config
        model = self.model
        if config.voting:
            model = ""
            self._forget(self.layout.model, self.layout.training_log, self.layout.training_note, self.layout.scored_raw)
        elif config.skip_training:
            self._forget(self.layout.training_log, self.layout.training_note)
        else:
            model = model if self._enough_agreed() else ""
            if model:
                self._train(steps)
            else:
                self._forget(Path(self.model), self.layout.training_log, self.layout.training_note)
        noise = self._boxes("noise")
        if not (model and self._derived):
            self.layout.scored_derived.unlink(missing_ok=True)  # of an earlier run
        for name, sets in (("merged", MERGED_SETS), ("raw", ("raw",)))[: 1 if config.voting else 2]:
            inputs = tuple(path for s in sets for path in self._boxes(s))
            scoring = self._scoring(name, inputs, noise if name == "merged" else (), model)
            beside = [verdict_beside(scoring.output), reliability_beside(scoring.output)] if name == "merged" else []
            if beside:
                _forget_damaged(beside[0])
            more = [path for path in (scoring.noise_output, scoring.derived_output) if path]
            steps.run(
                f"scoring {name}",
                scoring,
                [*inputs, *scoring.noise, *scoring.derived, *([model] if model else [])],
                [scoring.output, *beside, *more],
                partial(self._score, scoring, name),
            )
        if self._looks_twice(model):
            self._look_again(model, steps)
        else:
            for path in self.layout.of_second_look:  # of an earlier run
                path.unlink(missing_ok=True)
        self._learn_answers(steps)
        return self.layout.final

    def _learn_answers(self, steps: Steps) -> None:
        """Score the picks again with what persons said of them. The answers themselves stay, whatever the run does."""
        from tomo_particles.runs.answers_file import read_answers

        from .._curation.learn import LearnConfig, write_learned

        layout = self.layout
        if not read_answers(layout.answers):
            for path in layout.of_answers:  # of an earlier run
                path.unlink(missing_ok=True)
            return
        config = self.config
        learning = LearnConfig(
            str(layout.scored), str(layout.answers), str(layout.answered), config.radius, config.tomogram_sampling_rate
        )
        _forget_damaged(verdict_beside(learning.output))
        inputs: list[str | Path] = [learning.input, learning.answers, verdict_beside(learning.input)]
        steps.run("answers", learning, inputs, list(layout.of_answers), lambda: write_learned(learning))

    def _looks_twice(self, model: str) -> bool:
        """Whether there is a second look: the diameter is known, and a network scored the picks, or votes shall do."""
        return self.config.diameter is not None and (bool(model) or self.config.voting)

    def _look_again(self, model: str, steps: Steps) -> None:
        from .._averaging.second_look import LookConfig, write_second_look

        config, layout = self.config, self.layout
        look = LookConfig(
            input=str(layout.scored_first),
            noise=str(layout.scored_noise),
            output=str(layout.scored),
            diameter=config.diameter or 0.0,
            model=model,
            tilts=config.tilts,
            move=config.move,
            tomogram_sampling_rate=config.tomogram_sampling_rate,
            threads=config.threads,
            seed=config.seed,
        )
        _forget_damaged(verdict_beside(look.output))
        beside: list[str | Path] = [verdict_beside(look.output), reliability_beside(look.output)]
        outputs = [look.output, *beside, look.record, look.looks, *look.averages]
        inputs = [look.input, look.noise, *([model] if model else []), *[tomogram.path for tomogram in self.tomograms]]
        steps.run("second look", look, inputs, outputs, lambda: write_second_look(look, self.progress))

    def _score(self, scoring: ScoringConfig, name: str) -> None:
        self.progress(f"scored {score_files(scoring, trained=self._trained)} {name} picks")

    def _forget(self, *trained: Path) -> None:
        """Remove what an earlier run with other options trained here, so that it does not pass for this one's; never what belongs
        to a model that the user gives."""
        given, own = self.config.training.input_model, self.layout.model
        if not (given and own.exists() and own.samefile(given)):
            for path in trained:
                path.unlink(missing_ok=True)

    def _enough_agreed(self) -> bool:
        """Whether a network can learn from the picks. If there are no agreed picks, the error of the training names the
        remedy."""
        from tomo_particles.consensus.verdict import can_learn
        from tomo_particles.formats.xmd import read_table

        agreed, doubtful = (sum(len(read_table(p)["image"]) for p in self._boxes(name)) for name in ("pos", "doubt"))
        return not agreed or can_learn(agreed, agreed + doubtful) or self.config.training.recipe != "consensus"

    def _train(self, steps: Steps) -> None:
        config = self.config
        inputs = {name: self._boxes(name) for name in ("pos", "doubt")}
        inputs["neg"] = self._boxes("noise") + self._boxes("neg")
        log, note = str(self.layout.training_log), str(self.layout.training_note)
        sources = [path for paths in inputs.values() for path in paths] + [p for p in [config.training.input_model] if p]

        def train() -> None:
            self._trained = train_files(
                inputs,
                config.training,
                box_size=config.box_size,
                sampling_rate=self.rate,
                model=self.model,
                log=log,
                note=note,
                seed=config.seed,
                threads=config.threads,
                pickers=self.names,
                progress=self.progress,
            )

        settings = (config.training, config.box_size, self.rate, config.seed, self.names)
        steps.run("training", settings, sources, [self.model, log, note], train)

    def _scoring(self, name: str, inputs: tuple[str, ...], noise: tuple[str, ...], model: str) -> ScoringConfig:
        config, layout = self.config, self.layout
        looks_twice = name == "merged" and self._looks_twice(model)
        derived = self._derived if name == "merged" and model else ()
        output = layout.scored_raw if name == "raw" else layout.scored_first if looks_twice else layout.scored
        return ScoringConfig(
            input=inputs,
            model=model,
            output=str(output),
            noise=noise,
            noise_output=str(self.layout.scored_noise) if looks_twice else None,
            box_size=config.box_size,
            sampling_rate=self.rate,
            gpus=config.training.gpus,
            threads=config.threads,
            recipe=config.training.recipe,
            derived=derived,
            derived_output=str(layout.scored_derived) if derived else None,
        )


def _forget_damaged(verdict: Path) -> None:
    """Remove a verdict that cannot be read: its step is then done again."""
    from tomo_particles.consensus.verdict import Verdict

    try:
        Verdict.from_json(verdict.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        verdict.unlink()
