"""The whole deep consensus without Scipion: picks -> consensus -> noise -> boxes -> network -> scores -> output."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import cached_property
from pathlib import Path

from tomo_particles import __version__
from tomo_particles.core.files import remove_leftovers
from tomo_particles.core.seeds import seed_of
from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.runs.notes import program_notes

from .._shared.program import say
from ..coordinates_consensus_tomo import ConsensusConfig, write_consensus
from ..deep_picking_consensus_tomo import check_training, prepare_training
from ..pick_noise_tomo import NoiseConfig, write_noise
from ..tomo_extract_subtomograms import ExtractionConfig, write_subtomograms
from .config import PipelineConfig
from .learning import MERGED_SETS, Learning
from .steps import Steps, alone_in
from .tomograms import TomogramInfo, read_masks, read_tomograms

LABELS = {"pos": "positive", "doubt": "doubtful", "neg": "negative", "noise": "noise"}
SETS = (*LABELS, "raw")


class Pipeline:
    """Runs the steps of one output folder in order; files are the only thing that passes between them."""

    def __init__(self, config: PipelineConfig, progress: Callable[[str], None] = say) -> None:
        from tomo_particles.formats.pick_folders import source_names

        self.config = config
        self.progress = progress
        self.layout = ProgramLayout(config.odir)
        self.names = source_names(config.picks)
        self.tomogram_notes: list[str] = []
        self.tomograms = read_tomograms(config, self.tomogram_notes)
        self.rate = config.sampling_rate or self.tomograms[0].sampling_rate
        self.masks = read_masks(config, self.tomograms)
        # what every file of picks holds, by what it is of (picks, truth, lie), picker by picker
        self.roles = {kind: [source.content for source in sources] for kind, sources in config.sources.items()}

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
        notes = list(self.tomogram_notes)
        picks = self._read_picks(notes)
        if not config.voting and not Steps(self.layout.root).is_done(*self._checked):
            # a GPU or a model that cannot be used must not wait for the boxes, nor cost the results of an earlier run
            prepare_training(config.training, config.threads)
        with alone_in(self.layout.root, "--odir"):
            return self._run(picks, notes, started)

    def _run(self, picks: dict[str, list], notes: list[str], started: float) -> dict:
        from .finished import FinishedRun
        from .outputs import forget_outputs, write_outputs

        config = self.config
        forget_outputs(self.layout)
        remove_leftovers(self.layout.root)
        steps = Steps(self.layout.root)
        if steps.other_version:
            self.progress(
                f"note: version {steps.other_version} of this program worked in '{config.odir}', this is {__version__}: "
                "every step is done again"
            )
        steps.run(*self._checked, lambda: None)
        tomograms = [t for t in self.tomograms if any(t.tomo_id in of_picker for of_picker in picks["picks"])]
        notes += [f"tomogram '{t.tomo_id}' has no picks and is left out" for t in self.tomograms if t not in tomograms]
        for tomogram in tomograms:
            self._prepare(tomogram, picks, steps)
        scored = (
            self._vote(tomograms, steps)
            if config.voting
            else Learning(config, self.layout, self.rate, self.model, tomograms, self.progress).run(steps)
        )
        if not config.voting:
            notes += program_notes(self.layout, [t.tomo_id for t in tomograms], LABELS)
        finished = FinishedRun(config, self.layout, self.names, tomograms, self.rate, self.model)
        return write_outputs(finished, scored, notes, started)

    def _read_picks(self, notes: list[str]) -> dict[str, list]:
        """Picks of every picker, and the references (truth, lie), by tomogram; notes receives what files were left out."""
        from tomo_particles.core.coordinates import check_inside, rescale_size
        from tomo_particles.formats.pick_files import read_pick_file
        from tomo_particles.formats.pick_folders import refuse_split_picker

        config = self.config
        refuse_split_picker(config.picks, [t.tomo_id for t in self.tomograms], "--picks")
        rates = {t.tomo_id: t.sampling_rate for t in self.tomograms}
        sizes = {t.tomo_id: t.size for t in self.tomograms}  # for formats that count from the centre
        own_rates = config.picks_sampling_rates or [None] * len(config.picks)
        sources = config.sources
        picks = {
            "picks": [
                read_pick_file(source, rates, picker=i + 1, sampling_rate=rate or None, sizes=sizes, notes=notes)
                for i, (source, rate) in enumerate(zip(sources["picks"], own_rates, strict=True))
            ]
        }
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

    def _prepare(self, tomogram: TomogramInfo, picks: dict[str, list], steps: Steps) -> None:
        """Consensus, noise and boxes of one tomogram."""
        collected = self._collect(tomogram, picks, steps)
        self._merge(tomogram, collected, steps)
        if self.config.voting:
            return
        self._pick_noise(tomogram, collected["avoid"], steps)
        for name in SETS:
            coordinates = collected["picks"] if name == "raw" else self.layout.labelled(tomogram.tomo_id, name)
            self._extract(tomogram, name, coordinates, steps)

    def _collect(self, tomogram: TomogramInfo, picks: dict[str, list], steps: Steps) -> dict[str, Path]:
        """XMD files at the common sampling rate: every raw pick, references, and all of them, for the noise to avoid."""
        from tomo_particles.core.picks import Picks
        from tomo_particles.formats.xmd import write_picks

        config, layout, tomo_id = self.config, self.layout, tomogram.tomo_id
        sets = {kind: [p[tomo_id].at_sampling_rate(self.rate) for p in files if tomo_id in p] for kind, files in picks.items()}
        sets["avoid"] = [part for parts in sets.values() for part in parts]
        path_of = {
            "picks": layout.picks,
            "truth": layout.positive_references,
            "lie": layout.negative_references,
            "avoid": layout.every_pick,
        }
        collected = {kind: path_of[kind](tomo_id) for kind, parts in sets.items() if parts}

        def collect() -> None:
            for kind, path in collected.items():
                write_picks(path, Picks.concatenate(sets[kind]), config.box_size, tomogram.path)

        settings = (self.roles, self.rate, tomogram.sampling_rate, config.picks_sampling_rates, config.box_size)
        steps.run(f"collect {tomo_id}", settings, [tomogram.path], list(collected.values()), collect)
        return collected

    def _merge(self, tomogram: TomogramInfo, collected: dict[str, Path], steps: Steps) -> None:
        config, every = self.config, self.layout.consensus(tomogram.tomo_id)
        merged = {name: self.layout.labelled(tomogram.tomo_id, name) for name in MERGED_SETS}
        consensus = ConsensusConfig(
            input=str(collected["picks"]),
            output_pos=str(merged["pos"]),
            output_doubt=str(merged["doubt"]),
            output_neg=str(merged["neg"]),
            output_all=str(every),
            box_size=config.box_size,
            sampling_rate=self.rate,
            radius=config.radius,
            number=config.number,
            representative=config.representative,
            symmetry=config.symmetry,
            truth=_text(collected.get("truth")),
            lie=_text(collected.get("lie")),
        )

        def merge() -> None:
            self.progress(f"consensus {tomogram.tomo_id}: {_counts(write_consensus(consensus))}")

        steps.run(f"consensus {tomogram.tomo_id}", consensus, list(collected.values()), [*merged.values(), every], merge)

    def _pick_noise(self, tomogram: TomogramInfo, avoid: Path, steps: Steps) -> None:
        from tomo_particles.core.coordinates import rescale_size

        config = self.config
        x, y, z = rescale_size(tomogram.size, tomogram.sampling_rate, self.rate)
        note_file = self.layout.noise_note(tomogram.tomo_id)
        noise = NoiseConfig(
            input=str(avoid),
            output=str(self.layout.labelled(tomogram.tomo_id, "noise")),
            radius=config.noise_radius,
            box_size=config.box_size,
            sampling_rate=self.rate,
            size=(int(x), int(y), int(z)),
            limit=config.noise_amount,
            static=config.noise_static,
            threads=config.threads,
            seed=seed_of(config.seed, tomogram.tomo_id),
            note=str(note_file),
            mask=self.masks.get(tomogram.tomo_id),
        )

        def pick() -> None:
            count, note = write_noise(noise)
            self.progress(f"noise {tomogram.tomo_id}: {count}" + (f" ({note})" if note else ""))

        inputs: list[str | Path] = [avoid, *([noise.mask] if noise.mask else [])]
        steps.run(f"noise {tomogram.tomo_id}", noise, inputs, [noise.output, note_file], pick)

    def _extract(self, tomogram: TomogramInfo, name: str, coordinates: Path, steps: Steps) -> None:
        config = self.config
        note = str(self.layout.boxes_note(tomogram.tomo_id, name))
        extraction = ExtractionConfig(
            tomogram=tomogram.path,
            coordinates=str(coordinates),
            box_size=config.box_size,
            output_dir=str(self.layout.subtomograms(tomogram.tomo_id, name).parent),
            sampling_rate=self.rate,
            tomogram_sampling_rate=config.tomogram_sampling_rate,
            normalise=True,
            invert=config.invert,
            border="drop" if name == "noise" else config.border,
            threads=config.threads,
            network=self.network,
            note=note,
        )
        steps.run(
            f"extract {name} {tomogram.tomo_id}",
            extraction,
            [coordinates, tomogram.path],
            [f"{extraction.base}.xmd", f"{extraction.base}.mrcs", note],
            lambda: self.progress(f"extract {name} {tomogram.tomo_id}: {write_subtomograms(extraction, tomogram.grey_scale)}"),
        )

    def _vote(self, tomograms: Sequence[TomogramInfo], steps: Steps) -> Path:
        """Voting instead of the network: the score is the share of the pickers that agree."""
        from tomo_particles.consensus.merged_picks import SCORE, MergedPicks
        from tomo_particles.formats.xmd import join_tables, read_table, write_table

        voted = self.layout.voted
        inputs = [self.layout.consensus(tomogram.tomo_id) for tomogram in tomograms]

        def vote() -> None:
            joined = join_tables([read_table(path) for path in inputs])
            joined[SCORE] = MergedPicks.from_columns(joined).vote_share(len(self.names)).tolist()
            write_table(voted, joined)

        steps.run("voting", len(self.names), inputs, [voted], vote)
        return voted


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
