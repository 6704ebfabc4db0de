"""xmipp_simulate_tomo: tomograms of known content, after the recipe of SHREC 2020, with their ground truth."""

from __future__ import annotations

import glob
import json
import sys
import time
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import require_file

from ._shared.output_folder import Written, claimed
from ._shared.program import Program, print_notes, require_positive, run
from ._shared.progress import say_on_the_way, stage

if TYPE_CHECKING:
    from tomo_particles.simulation import Complex, Imaging

SMALLEST = 32  # voxels: no complex of the table has room to turn in less
LARGEST = 2048  # voxels along an edge: larger volumes do not fit into memory
MOST_CARBON = 0.8  # of the field: particles need some ice
CROWD = 2600 / (512e-9 * 512e-9 * 200e-9)  # particles a cubic metre in a tomogram of SHREC 2020


@dataclass(frozen=True)
class SimulationConfig:
    """Options of the program; size x, y, z in voxels, sampling rate and envelope in Å/voxel and 1/nm, tilts in degrees."""

    odir: str
    tomograms: int = 1
    size: tuple[int, int, int] = (512, 512, 200)
    sampling_rate: float = 10.0
    maps: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    beads: int = 10
    vesicles: int = 2
    carbon: float = 0.0
    contaminants: int = 0
    tilts: tuple[float, float, float] = (-60.0, 60.0, 3.0)
    snr: float = 0.1
    defocus: float = 3.0
    voltage: float = 300.0
    spherical_aberration: float = 2.7
    amplitude_contrast: float = 0.08
    envelope: float = 0.4
    ice_noise: float = 0.01
    structural_noise: float = 0.04
    multislice: bool = False
    density: bool = False
    prefix: str = "tomo"
    threads: int = 2
    seed: int = 1

    def __post_init__(self) -> None:
        require_positive(self.tomograms, "--tomograms")
        require_positive(self.sampling_rate, "--samplingrate", "Å/voxel")
        require_positive(self.threads, "--threads")
        require_positive(self.envelope, "--envelope", "1/nm")
        if not all(SMALLEST <= edge <= LARGEST for edge in self.size):
            raise InputError(
                f"--size: every edge must have {SMALLEST} to {LARGEST} voxels, received {' '.join(map(str, self.size))}"
            )
        for option, value in (
            ("--beads", self.beads),
            ("--vesicles", self.vesicles),
            ("--contaminants", self.contaminants),
            ("--seed", self.seed),
            ("--icenoise", self.ice_noise),
            *(("--counts", count) for count in self.counts),
        ):
            if not 0 <= value < float("inf"):
                raise InputError(f"{option}: must be 0 or more, received {value}")
        if not 0 <= self.carbon <= MOST_CARBON:
            raise InputError(f"--carbon: must lie between 0 and {MOST_CARBON}, received {self.carbon:g}")
        for path in self.maps:
            require_file(path, "--maps")
        if self.maps:
            self.counts_of(len(self.maps))
        if self.counts and not any(self.counts):
            raise InputError("--counts: there would be no particle; the noise is set by their signal, so give at least one")
        if not self.prefix or set(self.prefix) & set("/\\ \t'\""):
            raise InputError(f"--prefix: must be a part of a file name without blanks, received '{self.prefix}'")

    @property
    def names(self) -> list[str]:
        """Ids of the tomograms."""
        return [f"{self.prefix}_{number}" for number in range(1, self.tomograms + 1)]

    def counts_of(self, classes: int) -> list[int]:
        """Particles of each complex in a tomogram. Raises InputError if --counts is neither one number nor one for each."""
        if not self.counts:
            x, y, z = self.size
            total = CROWD * x * y * z * (self.sampling_rate * 1e-10) ** 3
            return [max(1, round(total / classes))] * classes
        if len(self.counts) not in (1, classes):
            raise InputError(
                f"--counts: give one number for all, or one for each of the {classes} complexes; received {len(self.counts)}"
            )
        return list(self.counts) * (classes if len(self.counts) == 1 else 1)


def simulate(config: SimulationConfig) -> None:
    """Write the tomograms with all that is known of them into `config.odir`, one after the other."""
    from tomo_particles.simulation import outputs

    folder = Path(config.odir)
    if taken := [name for name in outputs.TRUTH_TABLES if (folder / name).exists()]:
        raise InputError(f"--odir: '{config.odir}' already holds a {taken[0]}; give a new folder")
    start = time.perf_counter()
    imaging = _imaging(config)
    complexes = _complexes(config)
    counts = config.counts_of(len(complexes))
    of_each = ", ".join(f"{n} {c.name}" for n, c in zip(counts, complexes, strict=True))
    say_on_the_way(f"{sum(counts)} particles a tomogram: {of_each}")
    truths, reports = [], []
    with stage("simulating", len(config.names), "tomograms") as at:
        for name in config.names:
            truth, report = _simulate_one(config, name, complexes, counts, imaging)
            truths.append(truth)
            reports.append(report)
            at.done(f"{name}: " + "; ".join([f"{report['objects']} objects", *report["notes"], f"{report['seconds']:.1f} s"]))
    outputs.write_templates(folder, complexes)
    outputs.write_classes(folder, complexes)
    _write_parameters(config, reports, time.perf_counter() - start)
    outputs.write_truth(folder, truths, config.seed)


def _imaging(config: SimulationConfig) -> Imaging:
    from tomo_particles.fourier.ctf import CTF
    from tomo_particles.simulation import Imaging

    ctf = CTF(config.defocus, config.voltage, config.spherical_aberration, config.amplitude_contrast, config.envelope)
    return Imaging(config.tilts, config.snr, config.structural_noise, ctf, config.multislice)


def _complexes(config: SimulationConfig) -> list[Complex]:
    from tomo_particles.simulation import DISTRACTORS, builtin_complexes, read_map

    if not config.maps:
        try:
            return builtin_complexes(config.sampling_rate)
        except ValueError as error:
            raise InputError(
                f"--samplingrate: too coarse for the built-in complexes ({error}); "
                "give a smaller one, or maps of bigger particles"
            ) from error
    complexes = [read_map(path, config.sampling_rate) for path in config.maps]
    names = [which.name for which in complexes]
    for name in names:
        if names.count(name) > 1 or name in DISTRACTORS:
            raise InputError(f"--maps: the class '{name}' would have two meanings; rename that file")
        if any(character.isspace() for character in name):
            raise InputError(f"--maps: the class '{name}' would be two words in a table; rename that file")
    return complexes


def _simulate_one(config: SimulationConfig, name: str, complexes: list, counts: list[int], imaging: Imaging) -> tuple:
    """Simulate and write one tomogram; returns its truth and its entry in the report."""
    import numpy as np

    from tomo_particles.simulation import add_ice_noise, back_projected, build_sample, outputs, record
    from tomo_particles.simulation.pictures import draw_simulation

    start = time.perf_counter()
    # From the name and not the order: a tomogram stays the same however many are made.
    rng = np.random.default_rng([config.seed, zlib.crc32(name.encode())])
    sample = build_sample(
        name,
        config.size,
        complexes,
        counts,
        beads=config.beads,
        vesicles=config.vesicles,
        carbon=config.carbon,
        contaminants=config.contaminants,
        rng=rng,
    )
    print_notes(claimed(config.odir))  # before the first file, and not where the first tomogram fits no particle
    if config.density:
        outputs.write_density(config.odir, sample)
    add_ice_noise(sample, config.ice_noise, rng=rng)
    series = record(sample, imaging, rng=rng, threads=config.threads)
    tomogram = back_projected(series.images, series.angles, config.size[2], config.threads)
    np.negative(tomogram, out=tomogram)  # as usual: dense is dark
    ids = outputs.species_ids(complexes)
    outputs.write_tomogram(config.odir, sample, series, tomogram, ids)
    draw_simulation(Path(config.odir) / f"{name}.png", sample, series, tomogram, ids)
    return sample.truth, {
        "tomogram": name,
        "objects": len(sample.truth),
        "notes": sample.notes,
        "detector_noise": series.noise,
        "seconds": time.perf_counter() - start,
    }


def _write_parameters(config: SimulationConfig, reports: list[dict], seconds: float) -> None:
    from tomo_particles import __version__
    from tomo_particles.core.files import written_aside

    parameters = {"version": __version__, "parameters": asdict(config), "tomograms": reports, "seconds": seconds}
    with written_aside(Path(config.odir) / "simulation.json") as aside:
        aside.write_text(json.dumps(parameters, indent=1) + "\n", encoding="utf-8")


class SimulateTomo(Program):
    """Command line of `simulate`."""

    name = "xmipp_simulate_tomo"
    outputs = {"--odir": "folder"}

    def defineParams(self) -> None:
        self.addUsageLine(
            "Simulate tomograms with ground truth, by the recipe of SHREC 2020. The sample holds complexes at "
            "random positions and orientations (they may touch but not overlap), gold beads, vesicles and ice; on request also "
            "carbon and contaminants. Its tilt series has structural noise, CTF and detector noise, and is reconstructed by "
            "weighted back-projection with a missing wedge."
        )
        self.addUsageLine(
            "Writes for each tomogram <id>.mrc (proteins dark), <id>_classes.mrc, <id>_occupancy.mrc, <id>.png and "
            "its tilt series. For all together it writes ground_truth.csv, ground_truth.xmd, classes.csv, "
            "templates/ and simulation.json."
        )
        self.addParamsLine("  --odir <folder> : folder for the results; it must not hold a ground truth yet")
        self.addParamsLine(" [--tomograms <n=1>] : number of tomograms")
        self.addParamsLine(" [--size <x=512> <y=512> <z=200>] : size of a tomogram, voxels")
        self.addParamsLine(" [--samplingrate <srate=10>] : sampling rate in A/voxel; maps are resampled to it")
        self.addParamsLine(
            " [--maps <...>] : MRC density maps, particles bright; the file names become the classes. "
            "Default: the built-in complexes"
        )
        self.addParamsLine(
            " [--counts <...>] : particles of each complex in a tomogram: one number for all, or one for each. "
            "Default: as dense as SHREC 2020, which has 2600 in 512 x 512 x 200 voxels at 10 A"
        )
        self.addParamsLine(" [--beads <n=10>] : gold beads of 10 nm per tomogram")
        self.addParamsLine(" [--vesicles <n=2>] : vesicles per tomogram; radius 20 to 40 nm, or less in a small tomogram")
        self.addParamsLine(
            " [--carbon <share=0>] : share of the field that a carbon film of 20 nm covers, at the edge of a hole; 0 to 0.8"
        )
        self.addParamsLine(" [--contaminants <n=0>] : lumps of crystalline ice or dirt per tomogram, 30 to 90 nm wide")
        self.addParamsLine(
            " [--tilts <first=-60> <last=60> <step=3>] : first and last tilt angle about y, and the step, in degrees"
        )
        self.addParamsLine(
            " [--snr <ratio=0.1>] : signal to noise ratio: variance of the projected complexes divided by the "
            "variance of the detector noise. SHREC measured its 0.004 in another way; here, 0.004 hides all but "
            "the biggest complexes"
        )
        self.addParamsLine(" [--defocus <um=3>] : underfocus, micrometres")
        self.addParamsLine(" [--voltage <kV=300>] : acceleration voltage")
        self.addParamsLine(" [--cs <mm=2.7>] : spherical aberration")
        self.addParamsLine(" [--amplitudecontrast <fraction=0.08>] : amplitude contrast")
        self.addParamsLine(" [--envelope <k=0.4>] : standard deviation of the CTF's Gaussian envelope, 1/nm")
        self.addParamsLine(" [--icenoise <sigma=0.01>] : noise of the ice per voxel; a complex has a mean contrast of 0.09")
        self.addParamsLine(" [--structuralnoise <sigma=0.04>] : noise per voxel, different in every tilt image")
        self.addParamsLine(" [--multislice] : propagate the electron wave through slices of 5 nm; default: projection, faster")
        self.addParamsLine(
            " [--density] : also write <id>_density.mrc: the sample without any noise, grey values over the ice, dense is bright"
        )
        self.addParamsLine(" [--prefix <name=tomo>] : tomograms are called name_1, name_2, ...")
        self.addParamsLine(" [--threads <int=2>] : CPU threads")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice; recorded in the outputs")
        self.addExampleLine("xmipp_simulate_tomo --odir simulated --tomograms 2 --size 256 256 128 --snr 0.02")
        self.addExampleLine("xmipp_simulate_tomo --odir shrec --maps maps_10A/1bxn.mrc maps_10A/4cr2.mrc --counts 200 100", False)

    def readParams(self) -> None:
        self.config = SimulationConfig(
            odir=self.getParam("--odir"),
            tomograms=self.integer("--tomograms"),
            size=(self.integer("--size", 0), self.integer("--size", 1), self.integer("--size", 2)),
            sampling_rate=self.number("--samplingrate"),
            maps=tuple(self.optional_list("--maps")),
            counts=tuple(self._counts()),
            beads=self.integer("--beads"),
            vesicles=self.integer("--vesicles"),
            carbon=self.number("--carbon"),
            contaminants=self.integer("--contaminants"),
            tilts=(self.number("--tilts"), self.number("--tilts", index=1), self.number("--tilts", index=2)),
            snr=self.number("--snr"),
            defocus=self.number("--defocus"),
            voltage=self.number("--voltage"),
            spherical_aberration=self.number("--cs"),
            amplitude_contrast=self.number("--amplitudecontrast"),
            envelope=self.number("--envelope"),
            ice_noise=self.number("--icenoise"),
            structural_noise=self.number("--structuralnoise"),
            multislice=self.checkParam("--multislice"),
            density=self.checkParam("--density"),
            prefix=self.getParam("--prefix"),
            threads=self.integer("--threads"),
            seed=self.integer("--seed"),
        )
        tomograms = [f"{glob.escape(name)}.mrc" for name in self.config.names]
        self.written = Written((*tomograms, "classes.csv", "simulation.json"), ("simulation.json", "tomograms"))

    def _counts(self) -> list[int]:
        try:
            return [int(text) for text in self.optional_list("--counts")]
        except ValueError as error:
            raise InputError(
                f"--counts: expected whole numbers, received '{' '.join(self.optional_list('--counts'))}'"
            ) from error

    def run(self) -> None:
        simulate(self.config)


def main() -> int:
    """Console script."""
    return run(SimulateTomo)


if __name__ == "__main__":
    sys.exit(main())
