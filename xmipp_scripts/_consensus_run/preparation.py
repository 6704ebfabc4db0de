"""The steps of one tomogram: consensus, noise and boxes, from its own picks alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from tomo_particles.core.seeds import seed_of
from tomo_particles.runs.layout import ProgramLayout

from ..coordinates_consensus_tomo import ConsensusConfig, write_consensus
from ..pick_noise_tomo import NoiseConfig, write_noise
from ..tomo_extract_subtomograms import Extracted, ExtractionConfig, write_sets
from .config import PipelineConfig
from .learning import MERGED_SETS
from .steps import Step, Steps
from .tomograms import TomogramInfo

LABELS = {"pos": "positive", "doubt": "doubtful", "neg": "negative", "noise": "noise"}
SETS = (*LABELS, "raw", "derived")


class Preparation:
    """rate: common sampling rate, Å/voxel.  network: that the boxes are for; empty with votes alone.  roles: what the files of
    picks hold, by what they are of (picks, truth, lie), for the record of steps."""

    def __init__(
        self,
        config: PipelineConfig,
        layout: ProgramLayout,
        rate: float,
        network: str,
        roles: Mapping[str, object],
        progress: Callable[[str], None],
    ) -> None:
        self.config, self.layout, self.rate, self.network = config, layout, rate, network
        self.roles, self.progress = roles, progress

    def saying(self, progress: Callable[[str], None]) -> Preparation:
        """The same, with another place for what is said."""
        config = replace(self.config)  # without the contents of files that it keeps
        return Preparation(config, self.layout, self.rate, self.network, self.roles, progress)

    def to_send(self, threads: int) -> Preparation:
        """The same for another process, with so many threads."""
        config = replace(self.config, threads=threads)
        return Preparation(config, self.layout, self.rate, self.network, self.roles, _nothing)

    def prepare(self, tomogram: TomogramInfo, picks: dict[str, list], steps: Steps) -> None:
        """Consensus, noise and boxes of one tomogram."""
        collected = self._collect(tomogram, picks, steps)
        if "derived" not in collected:
            self._forget_derived(tomogram.tomo_id)
        self._merge(tomogram, collected, steps)
        if self.config.votes_only:
            return
        self._pick_noise(tomogram, collected["avoid"], steps)
        sets = LABELS if self.config.voting else SETS if "derived" in collected else SETS[:-1]
        coordinates = {name: self.layout.labelled(tomogram.tomo_id, name) for name in sets} | {"raw": collected["picks"]}
        if cut := self._extract(tomogram, {name: coordinates[name] for name in sets}, steps):
            self.progress(f"extract {tomogram.tomo_id}: {extracted_text(cut)}")

    def _collect(self, tomogram: TomogramInfo, picks: dict[str, list], steps: Steps) -> dict[str, Path]:
        """XMD files at the common sampling rate: every raw pick, references, and all of them, for the noise to avoid."""
        from tomo_particles.core.picks import Picks
        from tomo_particles.formats.xmd import write_picks

        config, layout, tomo_id = self.config, self.layout, tomogram.tomo_id
        sets = {kind: [p[tomo_id].at_sampling_rate(self.rate) for p in files if tomo_id in p] for kind, files in picks.items()}
        # Noise keeps away from what any picker found; derived pickers change nothing of the others
        sets["avoid"] = [part for kind, parts in sets.items() if kind != "derived" for part in parts]
        path_of = {
            "picks": layout.picks,
            "truth": layout.positive_references,
            "lie": layout.negative_references,
            "avoid": layout.every_pick,
            "derived": layout.derived_picks,
        }
        collected = {kind: path_of[kind](tomo_id) for kind, parts in sets.items() if parts}

        def collect() -> None:
            for kind, path in collected.items():
                write_picks(path, Picks.concatenate(sets[kind]), config.box_size, tomogram.path)

        settings = (self.roles, self.rate, tomogram.sampling_rate, config.picks_sampling_rates, config.box_size)
        steps.run(f"collect {tomo_id}", settings, [tomogram.path], list(collected.values()), collect)
        return collected

    def _forget_derived(self, tomo_id: str) -> None:
        """Remove what derived pickers of an earlier run found: what is there is scored."""
        layout = self.layout
        for path in (layout.derived_picks(tomo_id), layout.labelled(tomo_id, "derived"), layout.subtomograms(tomo_id, "derived")):
            path.unlink(missing_ok=True)

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
            derived=_text(collected.get("derived")),
            output_derived=str(self.layout.labelled(tomogram.tomo_id, "derived")) if "derived" in collected else None,
        )
        outputs: list[str | Path] = [*merged.values(), every]
        outputs += [consensus.output_derived] if consensus.output_derived else []

        def merge() -> None:
            self.progress(f"consensus {tomogram.tomo_id}: {_counts(write_consensus(consensus))}")

        steps.run(f"consensus {tomogram.tomo_id}", consensus, list(collected.values()), outputs, merge)

    def _pick_noise(self, tomogram: TomogramInfo, avoid: Path, steps: Steps) -> None:
        from tomo_particles.consensus.verdict import MOST_NOISE
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
            most=MOST_NOISE if config.training.recipe == "consensus" else None,
            static=config.noise_static,
            threads=config.threads,
            seed=seed_of(config.seed, tomogram.tomo_id),
            note=str(note_file),
            mask=tomogram.mask,
        )

        def pick() -> None:
            count, _ = write_noise(noise)  # the note is told at the end, once for all tomograms that have it
            self.progress(f"noise {tomogram.tomo_id}: {count}")

        inputs: list[str | Path] = [avoid, *([noise.mask] if noise.mask else [])]
        steps.run(f"noise {tomogram.tomo_id}", noise, inputs, [noise.output, note_file], pick)

    def _extract(self, tomogram: TomogramInfo, coordinates: dict[str, Path], steps: Steps) -> dict[str, Extracted]:
        """Cut the boxes of all sets in one pass over the tomogram; returns what came of those that were cut now."""
        sets = {name: self._extraction(tomogram, name, path) for name, path in coordinates.items()}
        found: list[Extracted] = []
        done = steps.run_together(
            [
                Step(
                    f"extract {name} {tomogram.tomo_id}",
                    one,
                    [one.coordinates, tomogram.path],
                    [f"{one.base}.xmd", f"{one.base}.mrcs", one.note or ""],
                )
                for name, one in sets.items()
            ],
            lambda left: found.extend(write_sets([sets[_of(step)] for step in left], tomogram.grey_scale)),
        )
        return {_of(step): one for step, one in zip(done, found, strict=True)}

    def _extraction(self, tomogram: TomogramInfo, name: str, coordinates: Path) -> ExtractionConfig:
        config = self.config
        return ExtractionConfig(
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
            note=str(self.layout.boxes_note(tomogram.tomo_id, name)),
        )


def extracted_text(cut: dict[str, Extracted]) -> str:
    """How many boxes each set has, and what is unusual about them."""
    written = ", ".join(f"{of_set.written} {name}" for name, of_set in cut.items())
    dropped = "".join(f"; {name}: {of_set.dropped} dropped at the border" for name, of_set in cut.items() if of_set.dropped)
    remarks = "".join(f"; {name}: {', '.join(of_set.remarks)}" for name, of_set in cut.items() if of_set.remarks)
    return f"boxes of {written} picks{dropped}{remarks}"


def _of(step: Step) -> str:
    """The set of an extraction."""
    return step.name.split()[1]


def _nothing(_: str) -> None:
    """Say nothing."""


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
