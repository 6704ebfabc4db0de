"""xmipp_pick_noise_tomo: random positions far from every pick of a tomogram, as negatives for training."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from tomo_particles.core.errors import InputError, parameter

from ._shared.program import Program, require_box_size, require_positive, run, say_result


@dataclass(frozen=True)
class NoiseConfig:
    """Noise of one tomogram; size x, y, z in voxels, radius a fraction of the box, limit a fraction of the input picks.

    note: file for the text why there are fewer noise picks, or nearer ones, than asked; empty where there are not.
    """

    input: str
    output: str
    radius: float
    box_size: int
    sampling_rate: float
    size: tuple[int, int, int]
    limit: float = 0.7
    most: int | None = None
    threads: int = field(default=4, repr=False)  # changes no result, so that `Steps` ignores it
    static: bool = False
    seed: int = 1
    note: str | None = None
    mask: str | None = None

    def __post_init__(self) -> None:
        require_box_size(self.box_size)
        require_positive(self.sampling_rate, parameter("sampling_rate"), "Å/voxel")
        require_positive(self.radius, parameter("noise_radius"), "fraction of the box size")
        require_positive(self.limit, parameter("noise_amount"), "fraction of the number of input picks")
        require_positive(self.threads, parameter("threads"))
        if min(self.size) < self.box_size:
            raise InputError(
                f"{parameter('box_size')}: a box of {self.box_size} voxels does not fit in a tomogram of "
                f"{' x '.join(map(str, self.size))} voxels; lower it"
            )
        if self.seed < 0:
            raise InputError(f"{parameter('seed')}: must be 0 or more, received {self.seed}")


def write_noise(config: NoiseConfig) -> tuple[int, str]:
    """Pick noise from file to file; returns how many there are and a note where fewer than asked fit, or nearer to picks."""
    import numpy as np

    from tomo_particles.consensus.noise_picks import Places
    from tomo_particles.consensus.noise_regions import NoiseRegions, pick_noise_by_region
    from tomo_particles.core.files import written_aside
    from tomo_particles.core.picks import Picks
    from tomo_particles.formats.xmd import picks_of, read_table, write_picks
    from tomo_particles.regions.mask_files import read_mask

    regions = None
    if config.mask:
        mask = read_mask(config.mask, config.size, config.sampling_rate)
        voxel = mask.voxel / config.sampling_rate
        regions = NoiseRegions(Places(~mask.is_bad() & ~mask.is_object(), voxel), Places(mask.is_object(), voxel))
    table = read_table(config.input)
    picks = picks_of(table, config.input, sampling_rate=config.sampling_rate).at_sampling_rate(config.sampling_rate)
    wanted = int(np.ceil(config.limit * len(picks)))
    noise = pick_noise_by_region(
        picks.positions,
        config.size,
        config.box_size,
        config.radius * config.box_size,
        wanted if config.most is None else min(wanted, config.most),
        regions,
        rng=np.random.default_rng(config.seed),
        shrink=not config.static,
        threads=config.threads,
    )
    tomogram = table["tomogramVolume"][0] if table.get("tomogramVolume") else ""
    found = Picks(picks.tomo_id, noise.positions, config.sampling_rate)
    write_picks(config.output, found, config.box_size, tomogram, {"randomSeed": [config.seed] * len(found)})
    if config.note:
        with written_aside(config.note) as aside:
            aside.write_text(noise.note, encoding="utf-8")
    return len(found), noise.note


class PickNoiseTomo(Program):
    """Command line of `write_noise`."""

    name = "xmipp_pick_noise_tomo"
    outputs = {"--output": "file", "--note": "file"}
    parameters = {"noise_amount": "--limit", "noise_radius": "--radius"}

    def defineParams(self) -> None:
        self.addUsageLine("Noise picking: random positions of one tomogram, far from every pick, as negatives for training.")
        self.addUsageLine(
            "Positions are drawn uniformly from the space that is free of picks. Their boxes lie inside the tomogram, and the "
            "positions are at least the radius apart. If fewer positions fit, the program ends and says how many and why."
        )
        self.addParamsLine(
            "  --input <inputFile> : XMD with EVERY pick of the tomogram, references included. Noise avoids all of them"
        )
        self.addParamsLine("  --output <outputFile> : XMD for the noise picks")
        self.addParamsLine("  --radius <radius> : evasion radius, as a fraction of the box size")
        self.addParamsLine("  --boxsize <boxsize> : box size, voxels of --samplingrate; even")
        self.addParamsLine("  --samplingrate <srate> : sampling rate in A/voxel; inputs at another sampling rate are rescaled")
        self.addParamsLine("  --size <x> <y> <z> : size of the tomogram, voxels of --samplingrate")
        self.addParamsLine(" [--limit <limit=0.7>] : number of noise picks, as a fraction of the number of input picks")
        self.addParamsLine(" [--most <int>] : at most so many noise picks, however many input picks there are")
        self.addParamsLine(" [--threads <int=4>] : threads of the neighbour search")
        self.addParamsLine(
            " [--static] : never lower the radius; without this option it is lowered in a crowded tomogram, down to half of it"
        )
        self.addParamsLine(" [--note <file>] : text file for the reason if noise picks are fewer, or nearer to picks, than asked")
        self.addParamsLine(
            " [--mask <file>] : mask of good and bad regions, of xmipp_mask_tomo. Noise is picked in good regions, and a fifth "
            "of it on gold, membranes, carbon, ice and dirt, so that a network learns them"
        )
        self.addParamsLine(" [--seed <int=1>] : seed of the random positions; recorded in the output")
        self.addExampleLine(
            "xmipp_pick_noise_tomo --input TS_01_picks.xmd --output noise.xmd --radius 0.7 --boxsize 32 "
            "--samplingrate 10 --size 960 928 300"
        )

    def readParams(self) -> None:
        self.config = NoiseConfig(
            input=self.getParam("--input"),
            output=self.getParam("--output"),
            radius=self.number("--radius"),
            box_size=self.integer("--boxsize"),
            sampling_rate=self.number("--samplingrate"),
            size=(self.integer("--size", 0), self.integer("--size", 1), self.integer("--size", 2)),
            limit=self.number("--limit"),
            most=int(require_positive(self.integer("--most"), "--most")) if self.checkParam("--most") else None,
            threads=self.integer("--threads"),
            static=self.checkParam("--static"),
            note=self.optional_path("--note"),
            mask=self.optional_path("--mask"),
            seed=self.integer("--seed"),
        )

    def run(self) -> None:
        count, note = write_noise(self.config)
        say_result(f"{count} noise picks" + (f" ({note})" if note else ""))


def main() -> int:
    """Console script."""
    return run(PickNoiseTomo)


if __name__ == "__main__":
    sys.exit(main())
