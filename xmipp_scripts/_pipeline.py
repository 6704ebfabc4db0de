"""The whole deep consensus without Scipion: picks -> consensus -> noise -> boxes -> network -> scores -> output."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deep_consensus_tomo.errors import InputError
from deep_consensus_tomo.files import require_file

from ._program import require_box_size, require_positive
from ._steps import Steps
from .coordinates_consensus_tomo import ConsensusConfig, write_consensus
from .deep_picking_consensus_tomo import ScoringConfig, TrainingSettings, score_files, train_files
from .pick_noise_tomo import NoiseConfig, write_noise
from .tomo_extract_subtomograms import BORDERS, ExtractionConfig, write_subtomograms

SETS = ("pos", "doubt", "neg", "noise", "raw")
MERGED_SETS = ("pos", "doubt", "neg")


@dataclass(frozen=True)
class PipelineConfig:
    """Every choice of a run. Radii are fractions of the box, sampling rates Å/voxel (None: the first tomogram's)."""

    tomograms: tuple[str, ...]
    picks: tuple[str, ...]
    box_size: int
    odir: str
    number: int = 2
    threshold: float = 0.5
    truth: str | None = None
    lie: str | None = None
    sampling_rate: float | None = None
    tomogram_sampling_rate: float | None = None
    picks_sampling_rates: tuple[float, ...] = ()
    radius: float = 0.35
    representative: int = 2
    noise_amount: float = 1.0
    noise_radius: float = 0.7
    invert: bool = False
    border: str = "pad"
    voting: bool = False
    skip_training: bool = False
    threads: int = 2
    seed: int = 1
    training: TrainingSettings = field(default_factory=TrainingSettings)

    def __post_init__(self) -> None:
        require_box_size(self.box_size)
        for value, option in ((self.radius, "--radius"), (self.noise_radius, "--noiseRadius"), (self.noise_amount, "--noise"),
                              (self.number, "--number"), (self.threads, "--threads")):
            require_positive(value, option)
        for value, option in ((self.sampling_rate, "--samplingrate"), (self.tomogram_sampling_rate, "--tomogramSamplingrate")):
            if value is not None:
                require_positive(value, option, "Å/voxel")
        if self.representative not in (0, 1, 2):
            raise InputError(f"--constype: must be 0 (first), 1 (centroid) or 2 (robust), received {self.representative}")
        if self.border not in BORDERS:
            raise InputError(f"--border: must be one of {', '.join(BORDERS)}, received '{self.border}'")
        if self.training.input_model:
            require_file(self.training.input_model, "--inputModel")
        if not 0 <= self.threshold <= 1:
            raise InputError(f"--threshold: must lie between 0 and 1, received {self.threshold}")
        if self.picks_sampling_rates and len(self.picks_sampling_rates) != len(self.picks):
            raise InputError(f"--picksSamplingrates: give one value a pick file ({len(self.picks)}), received {len(self.picks_sampling_rates)}")
        if len(self.picks) < 2:
            raise InputError("--picks: a consensus needs the picks of at least two pickers, received one file; add another picker's")
        if self.number > len(self.picks):
            raise InputError(f"--number: {self.number} pickers cannot agree where there are {len(self.picks)}; lower it")
        if self.skip_training and not self.training.input_model:
            raise InputError("--skipTraining: needs a trained model; give it with --inputModel")
        _refuse_same_files(self.picks)


def _refuse_same_files(paths: Sequence[str]) -> None:
    seen: dict[str, str] = {}
    for path in paths:
        if not os.path.isfile(path):
            raise InputError(f"--picks: file '{path}' does not exist; check the name")
        digest = hashlib.sha256(Path(path).read_bytes()).hexdigest()
        if digest in seen:
            raise InputError(f"--picks: '{path}' and '{seen[digest]}' hold the same picks; a picker counts once, give another picker's file")
        seen[digest] = path


def picker_names(paths: Sequence[str]) -> list[str]:
    """A short name for every pick file: its name without extension, with its folder where two are alike."""
    stems = [Path(path).stem for path in paths]
    return [stem if stems.count(stem) == 1 else f"{Path(path).resolve().parent.name}/{stem}" for path, stem in zip(paths, stems, strict=True)]


@dataclass(frozen=True)
class Frame:
    """One tomogram of the run: id, file, own sampling rate (Å/voxel) and size x, y, z in voxels of its own."""

    tomo_id: str
    path: str
    sampling_rate: float
    size: tuple[int, int, int]


class Pipeline:
    """Runs the steps of one output folder in order; files are the only thing that passes between them."""

    def __init__(self, config: PipelineConfig, progress=print) -> None:
        self.config = config
        self.progress = progress
        self.odir = Path(config.odir)
        self.names = picker_names(config.picks)
        self.frames = _frames(config)
        self.rate = config.sampling_rate or self.frames[0].sampling_rate

    def file(self, kind: str, tomo_id: str = "", ending: str = ".xmd") -> Path:
        """Path of an intermediate file: a folder a kind, a file a tomogram."""
        return self.odir / kind / f"{tomo_id}{ending}"

    @property
    def model(self) -> str:
        """The model that scores: the one trained here, or the one that was given."""
        given = self.config.training.input_model
        return given if given and self.config.skip_training else str(self.odir / "network" / "model.h5")

    def run(self) -> dict:
        """Do what is not done yet; returns the summary."""
        from ._run_outputs import write_outputs

        picks = self._read_picks()
        self.odir.mkdir(parents=True, exist_ok=True)
        steps = Steps(self.odir)
        frames = [frame for frame in self.frames if any(frame.tomo_id in of_picker for of_picker in picks["picks"])]
        notes = [f"tomogram '{f.tomo_id}' has no picks and is left out" for f in self.frames if f not in frames]
        for frame in frames:
            notes += self._prepare(frame, picks, steps)
        scored = self._vote(frames, steps) if self.config.voting else self._learn(frames, steps)
        return write_outputs(self, frames, scored, notes)

    def _read_picks(self) -> dict[str, list]:
        from deep_consensus_tomo.pick_files import read_pick_file
        from deep_consensus_tomo.picks import check_inside, rescale_size

        config = self.config
        rates = {frame.tomo_id: frame.sampling_rate for frame in self.frames}
        own_rates = config.picks_sampling_rates or [None] * len(config.picks)
        picks = {"picks": [read_pick_file(path, rates, picker=i + 1, sampling_rate=rate or None)
                           for i, (path, rate) in enumerate(zip(config.picks, own_rates, strict=True))]}
        for kind, path in (("truth", config.truth), ("lie", config.lie)):
            picks[kind] = [read_pick_file(path, rates, option=f"--{kind}")] if path else []
        for kind, paths in (("picks", config.picks), ("truth", [config.truth]), ("lie", [config.lie])):
            for path, by_tomogram in zip(paths, picks[kind], strict=False):
                for frame in self.frames:
                    if frame.tomo_id in by_tomogram:
                        own = by_tomogram[frame.tomo_id]
                        check_inside(own.positions, rescale_size(frame.size, frame.sampling_rate, own.sampling_rate),
                                     f"--{kind}: '{path}', tomogram '{frame.tomo_id}'")
        return picks

    def _prepare(self, frame: Frame, picks: dict[str, list], steps: Steps) -> list[str]:
        """Consensus, noise and boxes of one tomogram; returns notes for the summary."""
        from deep_consensus_tomo.metadata_io import write_picks
        from deep_consensus_tomo.picks import Picks, rescale_size

        config, tomo_id = self.config, frame.tomo_id
        sets = {kind: [p[tomo_id].at_sampling_rate(self.rate) for p in files if tomo_id in p] for kind, files in picks.items()}
        sets["avoid"] = sum(sets.values(), [])
        sources = [path for path in (*config.picks, config.truth, config.lie, frame.path) if path]
        files = {kind: self.file(kind, tomo_id) for kind, parts in sets.items() if parts}

        def collect() -> None:
            for kind, path in files.items():
                write_picks(path, Picks.concatenate(sets[kind]), config.box_size, frame.path)

        steps.run(f"collect {tomo_id}", (self.rate, frame.sampling_rate, config.picks_sampling_rates, config.box_size), sources,
                  list(files.values()), collect)
        merged = {name: self.file(name, tomo_id) for name in (*MERGED_SETS, "all")}
        consensus = ConsensusConfig(
            input=str(files["picks"]), output_pos=str(merged["pos"]), output_doubt=str(merged["doubt"]), output_neg=str(merged["neg"]),
            output_all=str(merged["all"]), box_size=config.box_size, sampling_rate=self.rate, radius=config.radius, number=config.number,
            representative=config.representative, truth=_text(files.get("truth")), lie=_text(files.get("lie")))
        notes: list[str] = []
        done = steps.run(f"consensus {tomo_id}", consensus, list(files.values()), list(merged.values()),
                         lambda: self.progress(f"consensus {tomo_id}: {_counts(write_consensus(consensus))}"))
        if config.voting:
            return notes
        noise_file = self.file("noise", tomo_id)
        noise = NoiseConfig(
            input=str(files["avoid"]), output=str(noise_file), radius=config.noise_radius, box_size=config.box_size,
            sampling_rate=self.rate, size=tuple(int(edge) for edge in rescale_size(frame.size, frame.sampling_rate, self.rate)),
            limit=config.noise_amount, threads=config.threads, seed=_seed_of(config.seed, tomo_id))

        def pick_noise() -> None:
            count, note = write_noise(noise)
            self.progress(f"noise {tomo_id}: {count}" + (f" ({note})" if note else ""))
            notes.extend([f"noise of {tomo_id}: {note}"] if note else [])

        steps.run(f"noise {tomo_id}", noise, [files["avoid"]], [noise_file], pick_noise)
        for name in SETS:
            self._extract(frame, name, files["picks"] if name == "raw" else self.file(name, tomo_id), steps)
        return notes

    def _extract(self, frame: Frame, name: str, coordinates: Path, steps: Steps) -> None:
        config = self.config
        extraction = ExtractionConfig(
            tomogram=frame.path, coordinates=str(coordinates), box_size=config.box_size, output_dir=str(self.odir / "boxes" / name),
            sampling_rate=self.rate, tomogram_sampling_rate=config.tomogram_sampling_rate, normalise=True, invert=config.invert,
            border="drop" if name == "noise" else config.border, threads=config.threads)
        steps.run(f"extract {name} {frame.tomo_id}", extraction, [coordinates, frame.path], [f"{extraction.base}.xmd"],
                  lambda: self.progress("extract {} {}: {} boxes, {} dropped".format(name, frame.tomo_id, *write_subtomograms(extraction))))

    def boxes(self, name: str, frames: Sequence[Frame]) -> tuple[str, ...]:
        """The XMD files of one set of subtomograms, one a tomogram."""
        return tuple(str(self.odir / "boxes" / name / f"{frame.tomo_id}.xmd") for frame in frames)

    def _learn(self, frames: Sequence[Frame], steps: Steps) -> Path:
        config = self.config
        if not config.skip_training:
            inputs = {"pos": self.boxes("pos", frames), "neg": self.boxes("noise", frames) + self.boxes("neg", frames)}
            log = str(self.odir / "network" / "training_log.csv")
            sources = [path for paths in inputs.values() for path in paths] + [p for p in [config.training.input_model] if p]
            steps.run("training", (config.training, config.box_size, self.rate, config.seed, config.threads), sources, [self.model, log],
                      lambda: train_files(inputs, config.training, box_size=config.box_size, sampling_rate=self.rate, model=self.model,
                                          log=log, seed=config.seed, threads=config.threads, progress=self.progress))
        scored = self.file("scored", "merged")
        for name, sets in (("merged", MERGED_SETS), ("raw", ("raw",))):
            inputs_of = tuple(path for s in sets for path in self.boxes(s, frames))
            scoring = self._scoring(name, inputs_of)
            steps.run(f"scoring {name}", scoring, [*inputs_of, self.model], [scoring.output],
                      lambda scoring=scoring, name=name: self.progress(f"scored {score_files(scoring)} {name} picks"))
        return scored

    def _scoring(self, name: str, inputs: tuple[str, ...] = ()) -> ScoringConfig:
        config = self.config
        return ScoringConfig(input=inputs, model=self.model, output=str(self.file("scored", name)), box_size=config.box_size,
                             sampling_rate=self.rate, gpus=config.training.gpus, threads=config.threads, recipe=config.training.recipe)

    @property
    def reliability(self) -> Path:
        """CSV with the estimated reliability of the pickers."""
        return self._scoring("merged").reliability

    def _vote(self, frames: Sequence[Frame], steps: Steps) -> Path:
        """Voting instead of the network: the score is the share of the pickers that agree."""
        from deep_consensus_tomo.metadata_io import join_tables, read_table, write_table

        voted = self.file("voted", "merged")
        inputs = [self.file("all", frame.tomo_id) for frame in frames]

        def vote() -> None:
            joined = join_tables([read_table(path) for path in inputs])
            joined["CoordConsScore"] = [count / len(self.names) for count in joined["count"]]
            write_table(voted, joined)

        steps.run("voting", len(self.names), inputs, [voted], vote)
        return voted


def _frames(config: PipelineConfig) -> list[Frame]:
    from deep_consensus_tomo.pick_files import tomogram_id
    from deep_consensus_tomo.picks import rescale_size
    from deep_consensus_tomo.stacks import open_tomogram

    frames: list[Frame] = []
    for path in config.tomograms:
        with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
            frame = Frame(tomogram_id(path), path, tomogram.sampling_rate, tomogram.size)
        if any(frame.tomo_id == other.tomo_id for other in frames):
            raise InputError(f"--tomograms: two tomograms are named '{frame.tomo_id}'; their file names must differ")
        size = rescale_size(frame.size, frame.sampling_rate, config.sampling_rate or frame.sampling_rate)
        if min(size) < config.box_size:
            raise InputError(f"--boxsize: a box of {config.box_size} voxels does not fit in '{path}' "
                             f"({' x '.join(f'{s:.0f}' for s in size)} voxels); lower it")
        frames.append(frame)
    return frames


def _seed_of(seed: int, tomo_id: str) -> int:
    """A seed of its own for every tomogram, independent of which others are in the run."""
    return int.from_bytes(hashlib.sha256(f"{seed} {tomo_id}".encode()).digest()[:4], "big") % 2**31


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
