"""The whole deep consensus without Scipion: picks -> consensus -> noise -> boxes -> network -> scores -> output."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from tomo_particles import __version__
from tomo_particles.core.files import remove_leftovers
from tomo_particles.core.subtomograms import box_note
from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.runs.notes import program_notes

from .._network.files import check_training, prepare_training
from .._shared.output_folder import claimed
from .._shared.program import print_notes, say
from .._shared.progress import say_on_the_way, stage
from .config import PipelineConfig
from .learning import Learning
from .preparation import LABELS, Preparation
from .steps import Steps, alone_in
from .tomograms import TomogramInfo, read_tomograms
from .workers import HERE, Pool, Workers, prepare_elsewhere


class Pipeline:
    """Runs the steps of one output folder in order; files are the only thing that passes between them."""

    def __init__(self, config: PipelineConfig, progress: Callable[[str], None] = say_on_the_way, workers: Workers = HERE) -> None:
        """workers: that prepare the tomograms."""
        from tomo_particles.formats.pick_folders import source_names

        config.check_sources()
        self.config = config
        self.progress = progress
        self.workers = workers
        self.layout = ProgramLayout(config.odir)
        self.names = source_names(config.picks)
        self.tomogram_notes: list[str] = []
        self.tomograms = read_tomograms(config, self.tomogram_notes)
        self.rate = config.sampling_rate or self.tomograms[0].sampling_rate
        # what every file of picks holds, by what it is of (picks, derived, truth, lie), picker by picker
        roles = {kind: [source.content for source in sources] for kind, sources in config.sources.items()}
        self.roles = {kind: contents for kind, contents in roles.items() if contents or kind != "derived"}

    @property
    def model(self) -> str:
        """The model that scores: the one trained here, or the one that was given."""
        given = self.config.training.input_model
        return given if given and self.config.skip_training else str(self.layout.model)

    @cached_property
    def network(self) -> str:
        """The network that the boxes are prepared for: that of a given model, else the one to train."""
        from tomo_particles.learning.model_files import architecture_of

        given = self.config.training.input_model
        return architecture_of(given, "--inputModel") if given else self.config.training.network

    @property
    def _checked(self) -> tuple[str, object, list[str], list[str]]:
        """The step of checking the options of the training: its name, what it depends on, and no files that it writes."""
        config = self.config
        given = [path for path in [config.training.input_model] if path]
        settings = (config.training, config.box_size, self.rate, config.seed, config.skip_training, config.voting)
        return "options", settings, given, []

    def run(self) -> dict:
        """Do what is not done yet; returns the summary."""
        started = time.monotonic()
        config = self.config
        if not config.voting:
            trains = not config.skip_training
            check_training(config.training, box_size=config.box_size, sampling_rate=self.rate, seed=config.seed, trains=trains)
        notes = [*self.tomogram_notes, *self._notes_on_answers(), *self._notes_on_box()]
        picks = self._read_picks(notes)
        # its processes are copies of this one: they shall hold neither TensorFlow nor the lock of the folder
        with self.workers.pool(len(self._with_picks(picks)), config.threads) as pool:
            if not config.voting and not Steps(self.layout.root).is_done(*self._checked):
                # a GPU or a model that cannot be used must not wait for the boxes, nor cost the results of an earlier run
                prepare_training(config.training, config.threads)
            with alone_in(self.layout.root, "--odir"):
                return self._run(picks, notes, started, pool)

    def _with_picks(self, picks: dict[str, list]) -> list[TomogramInfo]:
        return [t for t in self.tomograms if any(t.tomo_id in of_picker for of_picker in picks["picks"])]

    def _notes_on_box(self) -> list[str]:
        """A note where the box is far from what the particle needs."""
        note = box_note(self.config.box_size, self.rate, self.config.diameter)
        return [f"--boxsize: {note}"] if note else []

    def _notes_on_answers(self) -> list[str]:
        """Refuses damaged answers before anything is computed."""
        from tomo_particles.runs.answers_file import read_answers

        answers = read_answers(self.layout.answers)
        return (
            [f"voting uses no answers; the {len(answers)} in {self.layout.answers} stay"]
            if answers and self.config.votes_only
            else []
        )

    def _run(self, picks: dict[str, list], notes: list[str], started: float, pool: Pool | None) -> dict:
        from .finished import FinishedRun
        from .outputs import forget_outputs, write_outputs

        config = self.config
        print_notes(claimed(self.layout.root))
        forget_outputs(self.layout)
        steps = self._begun()
        tomograms = self._prepared(picks, notes, steps, pool)
        notes += self._disagreement(tomograms)
        scored = (
            self._vote(tomograms, steps)
            if config.votes_only
            else Learning(config, self.layout, self.rate, self.model, tomograms, self.names, self.progress).run(steps)
        )
        if not config.votes_only:
            notes += program_notes(self.layout, [t.tomo_id for t in tomograms], LABELS)
        finished = FinishedRun(config, self.layout, self.names, tomograms, self.rate, self.model)
        with stage("writing the results", 1, "run"):
            return write_outputs(finished, scored, notes, started)

    def _begun(self) -> Steps:
        """The record of the steps of the output folder, in order for this run."""
        remove_leftovers(self.layout.root)
        steps = Steps(self.layout.root)
        if steps.other_version:
            say(
                f"note: version {steps.other_version} of this program worked in '{self.config.odir}', this is {__version__}: "
                "every step is done again"
            )
        steps.run(*self._checked, lambda: None)
        return steps

    def _prepared(self, picks: dict[str, list], notes: list[str], steps: Steps, pool: Pool | None) -> list[TomogramInfo]:
        """Prepare the tomograms that have picks; returns them. notes: receives what was left out."""
        tomograms = self._with_picks(picks)
        notes += [f"tomogram '{t.tomo_id}' has no picks and is left out" for t in self.tomograms if t not in tomograms]
        network = "" if self.config.votes_only else self.network
        preparation = Preparation(self.config, self.layout, self.rate, network, self.roles, self.progress)
        elsewhere: set[str] = set()
        with stage("preparing", len(tomograms), "tomograms") as at:
            if pool:
                elsewhere = prepare_elsewhere(pool, preparation, tomograms, picks, steps, at.done)
                remove_leftovers(self.layout.root)  # of processes that were killed
            for tomogram in tomograms:  # what was prepared elsewhere is done
                preparation.prepare(tomogram, picks, steps)
                if tomogram.tomo_id not in elsewhere:
                    at.done(f"prepared {tomogram.tomo_id}")
        return tomograms

    def _disagreement(self, tomograms: Sequence[TomogramInfo]) -> list[str]:
        """Why the pickers agree little; said at once where a network follows, because its training takes long."""
        from tomo_particles.consensus.disagreement import disagreement_notes
        from tomo_particles.core.coordinates import rescale_size
        from tomo_particles.formats.xmd import join_tables, read_table

        merged = join_tables([read_table(self.layout.consensus(tomogram.tomo_id)) for tomogram in tomograms])
        sizes = {t.tomo_id: rescale_size(t.size, t.sampling_rate, self.rate) for t in tomograms}
        found = disagreement_notes(merged, sizes, self.names, self.config.votes_only)
        for note in [] if self.config.votes_only else found:
            self.progress(f"note: {note}")
        return found

    def _read_picks(self, notes: list[str]) -> dict[str, list]:
        """Picks of every picker, and the references (truth, lie), by tomogram; notes receives what files were left out."""
        from tomo_particles.core.coordinates import check_inside, rescale_size
        from tomo_particles.formats.pick_files import read_pick_file
        from tomo_particles.formats.pick_folders import refuse_split_picker

        config = self.config
        refuse_split_picker(config.picks, [t.tomo_id for t in self.tomograms], "--picks")
        refuse_split_picker(config.derived, [t.tomo_id for t in self.tomograms], "--derived")
        rates = {t.tomo_id: t.sampling_rate for t in self.tomograms}
        sizes = {t.tomo_id: t.size for t in self.tomograms}  # for formats that count from the centre
        notes += [
            f"picker '{name}' has no picks" for name, path in zip(self.names, config.picks, strict=True) if path in config.silent
        ]
        own_rates = config.picks_sampling_rates or [None] * len(config.picks)
        sources = config.sources
        picks = {
            "picks": [
                read_pick_file(source, rates, picker=i + 1, sampling_rate=rate or None, sizes=sizes, notes=notes)
                if source.files
                else {}
                for i, (source, rate) in enumerate(zip(sources["picks"], own_rates, strict=True))
            ]
        }
        picks["derived"] = [
            read_pick_file(source, rates, picker=len(config.picks) + i + 1, sizes=sizes, notes=notes)
            for i, source in enumerate(sources["derived"])
        ]
        for kind in ("truth", "lie"):
            picks[kind] = [read_pick_file(source, rates, sizes=sizes, notes=notes) for source in sources[kind]]
        for kind in picks:
            for source, by_tomogram in zip(sources[kind], picks[kind], strict=True):
                source.forget()  # the text of millions of picks shall not be kept while a network trains
                for tomogram in self.tomograms:
                    if tomogram.tomo_id in by_tomogram:
                        own = by_tomogram[tomogram.tomo_id]
                        check_inside(
                            own.positions,
                            rescale_size(tomogram.size, tomogram.sampling_rate, own.sampling_rate),
                            f"--{kind}: '{source.path}', tomogram '{tomogram.tomo_id}'",
                            own.sampling_rate,
                        )
        return picks

    def _vote(self, tomograms: Sequence[TomogramInfo], steps: Steps) -> Path:
        """Voting instead of the network: the score is the share of the pickers that agree."""
        from tomo_particles.consensus.merged_picks import SCORE, MergedPicks
        from tomo_particles.formats.xmd import join_tables, read_table, write_table

        voted = self.layout.voted
        inputs = [self.layout.consensus(tomogram.tomo_id) for tomogram in tomograms]

        for path in self.layout.of_second_look:  # of an earlier run
            path.unlink(missing_ok=True)

        def vote() -> None:
            joined = join_tables([read_table(path) for path in inputs])
            joined[SCORE] = MergedPicks.from_columns(joined).vote_share(len(self.names)).tolist()
            write_table(voted, joined)

        steps.run("voting", len(self.names), inputs, [voted], vote)
        return voted
