"""The whole deep consensus without Scipion: picks -> consensus -> noise -> boxes -> network -> scores -> output."""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import listed
from tomo_particles.core.seeds import seed_of

from ..coordinates_consensus_tomo import ConsensusConfig, write_consensus
from ..deep_picking_consensus_tomo import ScoringConfig, prepare_training, score_files, train_files
from ..pick_noise_tomo import NoiseConfig, write_noise
from ..tomo_extract_subtomograms import ExtractionConfig, write_subtomograms
from .config import Frame, PipelineConfig, read_frames
from .steps import Steps

if TYPE_CHECKING:
    from tomo_particles.consensus.verdict import Verdict

SETS = ("pos", "doubt", "neg", "noise", "raw")
MERGED_SETS = ("pos", "doubt", "neg")


class Pipeline:
    """Runs the steps of one output folder in order; files are the only thing that passes between them."""

    def __init__(self, config: PipelineConfig, progress=print) -> None:
        from tomo_particles.formats.pick_folders import source_names

        self.config = config
        self.progress = progress
        self.odir = Path(config.odir)
        self.names = source_names(config.picks)
        self.tomogram_notes: list[str] = []
        self.frames = read_frames(config, self.tomogram_notes)
        self.rate = config.sampling_rate or self.frames[0].sampling_rate

    def file(self, kind: str, tomo_id: str = "", ending: str = ".xmd") -> Path:
        """Path of an intermediate file: a folder a kind, a file a tomogram."""
        return self.odir / kind / f"{tomo_id}{ending}"

    @property
    def model(self) -> str:
        """The model that scores: the one trained here, or the one that was given."""
        given = self.config.training.input_model
        return given if given and self.config.skip_training else str(self.odir / "network" / "model.h5")

    @cached_property
    def network(self) -> str:
        """The network that the boxes are prepared for: that of a given model, else the one to train."""
        from tomo_particles.learning.model_files import architecture_of

        given = self.config.training.input_model
        return architecture_of(given, "--inputModel") if given else self.config.training.network

    @cached_property
    def pick_files(self) -> Sequence[Path]:
        """Every file that picks are read from."""
        return [file for sources in self.config.sources.values() for source in sources for file in source.files]

    def run(self) -> dict:
        """Do what is not done yet; returns the summary."""
        from .outputs import write_outputs

        started = time.monotonic()
        config = self.config
        notes = list(self.tomogram_notes)
        picks = self._read_picks(notes)
        if not config.voting and not self.file("scored", "merged").exists():  # a wrong option must not wait for the boxes
            prepare_training(
                config.training,
                box_size=config.box_size,
                sampling_rate=self.rate,
                seed=config.seed,
                threads=config.threads,
                trains=not config.skip_training,
            )
        self.odir.mkdir(parents=True, exist_ok=True)
        steps = Steps(self.odir)
        frames = [frame for frame in self.frames if any(frame.tomo_id in of_picker for of_picker in picks["picks"])]
        notes += [f"tomogram '{f.tomo_id}' has no picks and is left out" for f in self.frames if f not in frames]
        of_noise: dict[str, list[str]] = {}
        for frame in frames:
            of_noise.setdefault(self._prepare(frame, picks, steps), []).append(frame.tomo_id)
        notes += [f"noise of {listed(tomo_ids)}: {note}" for note, tomo_ids in of_noise.items() if note]
        scored = self._vote(frames, steps) if config.voting else self._learn(frames, steps)
        return write_outputs(self, frames, scored, notes, started)

    def _read_picks(self, notes: list[str]) -> dict[str, list]:
        """Picks of every picker, truth and lie, by tomogram; notes receives what files were left out."""
        from tomo_particles.core.coordinates import check_inside, rescale_size
        from tomo_particles.formats.pick_files import read_pick_file
        from tomo_particles.formats.pick_folders import refuse_split_picker

        config = self.config
        refuse_split_picker(config.picks, [frame.tomo_id for frame in self.frames], "--picks")
        rates = {frame.tomo_id: frame.sampling_rate for frame in self.frames}
        sizes = {frame.tomo_id: frame.size for frame in self.frames}  # for formats that count from the centre
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
                for frame in self.frames:
                    if frame.tomo_id in by_tomogram:
                        own = by_tomogram[frame.tomo_id]
                        check_inside(
                            own.positions,
                            rescale_size(frame.size, frame.sampling_rate, own.sampling_rate),
                            f"--{kind}: '{source.path}', tomogram '{frame.tomo_id}'",
                            own.sampling_rate,
                        )
        return picks

    def _prepare(self, frame: Frame, picks: dict[str, list], steps: Steps) -> str:
        """Consensus, noise and boxes of one tomogram; returns a note on its noise for the summary, if there is one."""
        collected = self._collect(frame, picks, steps)
        self._merge(frame, collected, steps)
        if self.config.voting:
            return ""
        note = self._pick_noise(frame, collected["avoid"], steps)
        for name in SETS:
            self._extract(frame, name, collected["picks"] if name == "raw" else self.file(name, frame.tomo_id), steps)
        return note

    def _collect(self, frame: Frame, picks: dict[str, list], steps: Steps) -> dict[str, Path]:
        """XMD files at the common sampling rate: every raw pick, truths, lies, and all of them, for the noise to avoid."""
        from tomo_particles.core.picks import Picks
        from tomo_particles.formats.xmd import write_picks

        config, tomo_id = self.config, frame.tomo_id
        sets = {kind: [p[tomo_id].at_sampling_rate(self.rate) for p in files if tomo_id in p] for kind, files in picks.items()}
        sets["avoid"] = [part for parts in sets.values() for part in parts]
        collected = {kind: self.file(kind, tomo_id) for kind, parts in sets.items() if parts}

        def collect() -> None:
            for kind, path in collected.items():
                write_picks(path, Picks.concatenate(sets[kind]), config.box_size, frame.path)

        settings = (self.rate, frame.sampling_rate, config.picks_sampling_rates, config.box_size)
        sources = [frame.path, *self.pick_files]
        steps.run(f"collect {tomo_id}", settings, sources, list(collected.values()), collect)
        return collected

    def _merge(self, frame: Frame, collected: dict[str, Path], steps: Steps) -> None:
        config = self.config
        merged = {name: self.file(name, frame.tomo_id) for name in (*MERGED_SETS, "all")}
        consensus = ConsensusConfig(
            input=str(collected["picks"]),
            output_pos=str(merged["pos"]),
            output_doubt=str(merged["doubt"]),
            output_neg=str(merged["neg"]),
            output_all=str(merged["all"]),
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
            self.progress(f"consensus {frame.tomo_id}: {_counts(write_consensus(consensus))}")

        steps.run(f"consensus {frame.tomo_id}", consensus, list(collected.values()), list(merged.values()), merge)

    def _pick_noise(self, frame: Frame, avoid: Path, steps: Steps) -> str:
        """Returns the note on a tomogram too crowded for all noise; it is kept in a file for a resumed run."""
        from tomo_particles.core.coordinates import rescale_size

        config = self.config
        noise = NoiseConfig(
            input=str(avoid),
            output=str(self.file("noise", frame.tomo_id)),
            radius=config.noise_radius,
            box_size=config.box_size,
            sampling_rate=self.rate,
            size=tuple(int(edge) for edge in rescale_size(frame.size, frame.sampling_rate, self.rate)),
            limit=config.noise_amount,
            static=config.noise_static,
            threads=config.threads,
            seed=seed_of(config.seed, frame.tomo_id),
            note=str(self.file("noise", frame.tomo_id, ".txt")),
        )

        def pick() -> None:
            count, note = write_noise(noise)
            self.progress(f"noise {frame.tomo_id}: {count}" + (f" ({note})" if note else ""))

        steps.run(f"noise {frame.tomo_id}", noise, [avoid], [noise.output, noise.note], pick)
        return Path(noise.note).read_text(encoding="utf-8")

    def _extract(self, frame: Frame, name: str, coordinates: Path, steps: Steps) -> None:
        config = self.config
        extraction = ExtractionConfig(
            tomogram=frame.path,
            coordinates=str(coordinates),
            box_size=config.box_size,
            output_dir=str(self.odir / "boxes" / name),
            sampling_rate=self.rate,
            tomogram_sampling_rate=config.tomogram_sampling_rate,
            normalise=True,
            invert=config.invert,
            border="drop" if name == "noise" else config.border,
            threads=config.threads,
            network=self.network,
        )
        steps.run(
            f"extract {name} {frame.tomo_id}",
            extraction,
            [coordinates, frame.path],
            [f"{extraction.base}.xmd"],
            lambda: self.progress(f"extract {name} {frame.tomo_id}: {write_subtomograms(extraction, frame.grey_scale)}"),
        )

    def boxes(self, name: str, frames: Sequence[Frame]) -> tuple[str, ...]:
        """The XMD files of one set of subtomograms, one a tomogram."""
        return tuple(str(self.odir / "boxes" / name / f"{frame.tomo_id}.xmd") for frame in frames)

    def _learn(self, frames: Sequence[Frame], steps: Steps) -> Path:
        config = self.config
        model = self.model
        if not config.skip_training:
            model = model if self._enough_agreed(frames) else ""
            if model:
                self._train(frames, steps)
            else:
                self._forget_training()
        noise = self.boxes("noise", frames)
        for name, sets in (("merged", MERGED_SETS), ("raw", ("raw",))):
            inputs = tuple(path for s in sets for path in self.boxes(s, frames))
            scoring = self._scoring(name, inputs, noise if name == "merged" else (), model)
            if name == "merged":
                _forget_damaged(scoring.verdict)
            merged_only = [scoring.verdict, scoring.reliability] if name == "merged" else []
            steps.run(
                f"scoring {name}",
                scoring,
                [*inputs, *scoring.noise, *([model] if model else [])],
                [scoring.output, *merged_only],
                lambda scoring=scoring, name=name: self.progress(f"scored {score_files(scoring)} {name} picks"),
            )
        return self.file("scored", "merged")

    def _forget_training(self) -> None:
        """Remove what an earlier run with other picks trained here, so that it does not pass for this one's; never a model that
        the user gives."""
        given = self.config.training.input_model
        for path in (Path(self.model), self.training_log):
            if path.exists() and not (given and path.samefile(given)):
                path.unlink()

    @property
    def training_log(self) -> Path:
        """CSV with one row per epoch of each network trained here."""
        return self.odir / "network" / "training_log.csv"

    def _enough_agreed(self, frames: Sequence[Frame]) -> bool:
        """Whether a network can learn from the picks. Where none is agreed on, the training says what to change."""
        from tomo_particles.consensus.verdict import can_learn
        from tomo_particles.formats.xmd import read_table

        agreed, doubtful = (sum(len(read_table(path)["image"]) for path in self.boxes(name, frames)) for name in ("pos", "doubt"))
        return not agreed or can_learn(agreed, agreed + doubtful) or self.config.training.recipe != "consensus"

    def _train(self, frames: Sequence[Frame], steps: Steps) -> None:
        config = self.config
        inputs = {name: self.boxes(name, frames) for name in ("pos", "doubt")}
        inputs["neg"] = self.boxes("noise", frames) + self.boxes("neg", frames)
        log = str(self.training_log)
        sources = [path for paths in inputs.values() for path in paths] + [p for p in [config.training.input_model] if p]
        steps.run(
            "training",
            (config.training, config.box_size, self.rate, config.seed),
            sources,
            [self.model, log],
            lambda: train_files(
                inputs,
                config.training,
                box_size=config.box_size,
                sampling_rate=self.rate,
                model=self.model,
                log=log,
                seed=config.seed,
                threads=config.threads,
                progress=self.progress,
            ),
        )

    def _scoring(
        self, name: str, inputs: tuple[str, ...] = (), noise: tuple[str, ...] = (), model: str | None = None
    ) -> ScoringConfig:
        config = self.config
        return ScoringConfig(
            input=inputs,
            model=self.model if model is None else model,
            output=str(self.file("scored", name)),
            noise=noise,
            box_size=config.box_size,
            sampling_rate=self.rate,
            gpus=config.training.gpus,
            threads=config.threads,
            recipe=config.training.recipe,
        )

    def verdict(self) -> Verdict:
        """The verdict on the scores of this run."""
        from tomo_particles.consensus.verdict import Verdict

        return Verdict.from_json(self._scoring("merged").verdict.read_text(encoding="utf-8"))

    @property
    def reliability(self) -> Path:
        """CSV with the estimated reliability of the pickers."""
        return self._scoring("merged").reliability

    def _vote(self, frames: Sequence[Frame], steps: Steps) -> Path:
        """Voting instead of the network: the score is the share of the pickers that agree."""
        from tomo_particles.consensus.merged_picks import SCORE, MergedPicks
        from tomo_particles.formats.xmd import join_tables, read_table, write_table

        voted = self.file("voted", "merged")
        inputs = [self.file("all", frame.tomo_id) for frame in frames]

        def vote() -> None:
            joined = join_tables([read_table(path) for path in inputs])
            joined[SCORE] = MergedPicks.from_columns(joined).vote_share(len(self.names)).tolist()
            write_table(voted, joined)

        steps.run("voting", len(self.names), inputs, [voted], vote)
        return voted


def _forget_damaged(verdict: Path) -> None:
    """Remove a verdict that cannot be read: its step is then done again."""
    from tomo_particles.consensus.verdict import Verdict

    try:
        Verdict.from_json(verdict.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return
    except ValueError:
        verdict.unlink()


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
