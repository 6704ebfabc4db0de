"""xmipp_simulate_particles_tomo: subtomograms or projections of known class at known poses."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError, listed

from ._shared.averaging_options import TILTS, check_tilts
from ._shared.program import Program, require_box_size, require_positive, run, say_result
from ._shared.progress import stage

if TYPE_CHECKING:
    import numpy as np

    from tomo_particles.formats.xmd import Columns
    from tomo_particles.simulation.labelled_projections import LabelledProjections
    from tomo_particles.simulation.labelled_subtomograms import Labelled, Series

STEEPEST = 80.0  # degrees: beyond it rays through a slab become very long
BUILTIN = "twosubunits"
IMAGES = {False: "subtomograms", True: "particles"}  # by whether they are projections
TRUTH, SAID = "truth.xmd", "simulation.json"


@dataclass(frozen=True)
class ParticlesConfig:
    """Lengths in Å, angles in degrees, rate in Å/voxel. absent: share of the mass that the second structure lacks.

    defocus (least and most, µm) and contrast (deviation over the mean) are of projections.
    """

    odir: str
    maps: tuple[str, ...] = ()
    absent: float = 0.066
    shares: tuple[float, ...] = ()
    count: int = 400
    box_size: int = 38
    sampling_rate: float = 10.0
    tilts: tuple[float, float] = TILTS
    step: float = 3.0
    separation: float = 4.0
    max_resolution: float = 53.0
    angle_error: float = 0.0
    projections: bool = False
    defocus: tuple[float, float] | tuple[()] = ()
    contrast: float = 0.0
    seed: int = 1

    def __post_init__(self) -> None:
        require_box_size(self.box_size)
        check_tilts(self.tilts, "--tilts")
        for value, option, unit in (
            (self.count, "--count", ""),
            (self.sampling_rate, "--samplingrate", "Å/voxel"),
            (self.step, "--step", "degrees"),
            (self.separation, "--separation", ""),
            (self.max_resolution, "--maxResolution", "Å"),
        ):
            require_positive(value, option, unit)
        if max(map(abs, self.tilts)) > STEEPEST:
            raise InputError(f"--tilts: must lie within -{STEEPEST:g} and {STEEPEST:g} degrees, received {self.tilts[0]:g} to "
                             f"{self.tilts[1]:g}")  # fmt: skip
        if self.step > self.tilts[1] - self.tilts[0]:
            raise InputError(
                f"--step: is larger than the range of the tilts, {self.tilts[1] - self.tilts[0]:g} degrees; lower it"
            )
        if not 0 <= self.absent < 0.9:
            raise InputError(f"--absent: must lie between 0 and 0.9, received {self.absent:g}")
        if not self.projections and (self.defocus or self.contrast):
            raise InputError(f"{'--defocus' if self.defocus else '--contrast'}: only of projections; add --projections")
        if self.defocus and not 0 < self.defocus[0] <= self.defocus[1] <= 10:
            raise InputError(
                f"--defocus: must be the least and the most in µm, up to 10, received {listed(map(str, self.defocus))}"
            )
        if not 0 <= self.contrast <= 0.5:
            raise InputError(f"--contrast: must lie between 0 and 0.5, received {self.contrast:g}")
        if self.angle_error < 0 or self.seed < 0:
            raise InputError(f"{'--angleError' if self.angle_error < 0 else '--seed'}: must be 0 or more")


def simulate(config: ParticlesConfig) -> None:
    """Write the particles and their truth into `config.odir`."""
    import numpy as np

    from tomo_particles import __version__
    from tomo_particles.core.files import written_aside
    from tomo_particles.core.tomograms import image_name, write_volume
    from tomo_particles.formats.xmd import write_table
    from tomo_particles.geometry.orientations import angles_of
    from tomo_particles.simulation.labelled_subtomograms import Series

    folder, kind = Path(config.odir), IMAGES[config.projections]
    names = (f"{kind}.mrcs", f"{kind}.xmd", TRUTH, SAID)
    if taken := [name for name in names if (folder / name).exists()]:
        raise InputError(f"--odir: '{config.odir}' already holds a {taken[0]}; give a new folder")
    series = Series(config.box_size, config.sampling_rate, np.arange(config.tilts[0], config.tilts[1] + 1e-6, config.step))
    structures = _structures(config, series)
    shares = config.shares or (1.0,) * len(structures)
    if len(shares) != len(structures) or min(shares) <= 0:
        raise InputError(f"--shares: give a positive number for each of the {len(structures)} structures")
    n, ids, stack = config.count, list(range(1, config.count + 1)), folder / names[0]
    columns: Columns = {
        "itemId": ids,
        "image": [image_name(row, stack) for row in ids],
        "samplingRate": [config.sampling_rate] * n,
    }
    make = _projections if config.projections else _subtomograms
    drawn, further = make(config, structures, shares, series, stack)
    for number, structure in enumerate(structures, start=1):
        write_volume(folder / f"structure_{number}.mrc", structure, config.sampling_rate)
    columns |= dict(zip(("angleRot", "angleTilt", "anglePsi"), angles_of(drawn.given).T.tolist(), strict=True))
    columns |= dict(zip(("shiftX", "shiftY", "shiftZ"), (-drawn.shifts).T.tolist(), strict=False))
    write_table(folder / names[1], columns | further)
    write_table(folder / TRUTH, {"itemId": ids, "ref3d": (drawn.labels + 1).tolist()})
    counts = np.bincount(drawn.labels, minlength=len(structures)).tolist()
    said = {"version": __version__, "particlesOfStructure": counts, "noise": drawn.noise, "parameters": asdict(config)}
    with written_aside(folder / SAID) as aside:
        aside.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
    what = "projections" if config.projections else "subtomograms"
    say_result(f"{n} {what} of {len(structures)} structures ({' + '.join(map(str, counts))}) in '{config.odir}'")


def _subtomograms(
    config: ParticlesConfig, structures: list[np.ndarray], shares: tuple[float, ...], series: Series, stack: Path
) -> tuple[Labelled, Columns]:
    """Draw and write the boxes; also what the table says of their wedge."""
    from tomo_particles.core.tomograms import new_stack
    from tomo_particles.simulation.labelled_subtomograms import draw_labelled, labelled_box

    drawn = draw_labelled(
        series, structures, shares, config.count, config.separation, config.max_resolution, config.angle_error, config.seed
    )
    with (
        new_stack(stack, config.count, config.box_size, config.sampling_rate) as made,
        stage("simulating", config.count, "boxes") as at,
    ):
        for row in at.each(range(config.count)):
            made.write(row, labelled_box(series, structures, drawn, row, config.seed))
    tilts = [[float(series.angles[end])] * config.count for end in (0, -1)]
    return drawn, {"missingRegionThetaY0": tilts[0], "missingRegionThetaYF": tilts[1]}


def _projections(
    config: ParticlesConfig, structures: list[np.ndarray], shares: tuple[float, ...], series: Series, stack: Path
) -> tuple[LabelledProjections, Columns]:
    """Draw and write the images; also what the table says of their CTF."""
    import mrcfile
    import numpy as np

    from tomo_particles.core.files import written_aside
    from tomo_particles.core.tomograms import without_date
    from tomo_particles.simulation.labelled_projections import Microscope, ctf_columns, draw_projections, projections

    n, rate = config.count, config.sampling_rate
    microscope = Microscope(config.defocus, config.contrast)
    drawn = draw_projections(
        structures, shares, n, rate, config.separation, config.max_resolution, config.angle_error, microscope, config.seed
    )
    with stage("simulating", n, "images") as at:
        images = np.stack(list(at.each(projections(structures, drawn, rate, config.seed))))
    with written_aside(stack, images.nbytes) as aside, mrcfile.new(aside, images, overwrite=True) as file:
        file.set_image_stack()
        file.voxel_size = rate
        without_date(file)
    return drawn, ctf_columns(drawn)


def _structures(config: ParticlesConfig, series: Series) -> list[np.ndarray]:
    """The structures in the box of the subtomograms, in one frame."""
    import numpy as np

    from tomo_particles.averaging.branches import in_box
    from tomo_particles.core.density_files import open_density
    from tomo_particles.simulation.builtin import builtin_complexes
    from tomo_particles.simulation.labelled_subtomograms import without_part

    found = []
    for path in config.maps:
        with open_density(path, "--maps") as density:
            data, rate = np.array(density.data, dtype=np.float32), float(density.voxel[0])
        if data.ndim != 3 or not np.isfinite(data).all() or data.max() <= 0:
            raise InputError(f"--maps: '{path}' is no volume with densities above 0; give a map with the particle bright")
        if rate <= 0:
            raise InputError(f"--maps: '{path}' has no voxel size in its header; set it in Å, for instance with mrcfile")
        found.append(in_box(np.maximum(data, 0) / data.max(), rate, series))
    if not found:
        built = next(one for one in builtin_complexes(config.sampling_rate) if one.name == BUILTIN)
        found.append(in_box(built.density / built.density.max(), config.sampling_rate, series))
    if any(one.max() <= 0.05 for one in found):
        raise InputError("--maps: nothing of a map is left in the box; check the sampling rates")
    if len(found) == 1 and config.absent > 0:
        found.append(without_part(found[0], config.absent))
    return found


class SimulateParticles(Program):
    """Command line of `simulate`."""

    name = "xmipp_simulate_particles_tomo"
    outputs = {"--odir": "folder"}

    def defineParams(self) -> None:
        self.addUsageLine(
            "Simulate subtomograms or projections of one or several structures at known poses, to try a classification."
        )
        self.addUsageLine(
            "Each particle gets a tilt series of its own with white noise, which is back-projected into its box; there is no CTF "
            "and there are no neighbours. Writes subtomograms.mrcs (bright), subtomograms.xmd (poses and tilts, for "
            "xmipp_split_subtomograms_tomo), truth.xmd (ref3d: the structure of each), structure_1.mrc and so on, and "
            "simulation.json. With --projections each particle is one image: particles.mrcs and particles.xmd, for "
            "xmipp_run_split_volume."
        )
        self.addParamsLine("  --odir <folder> : folder for the results; it must not hold a simulation yet")
        self.addParamsLine(
            " [--maps <...>] : MRC maps of the structures in one frame, particles bright. Default: a built-in complex"
        )
        self.addParamsLine(
            " [--absent <share=0.066>] : with one map: the second structure lacks a compact part of this share of the mass; "
            "0: there is one structure"
        )
        self.addParamsLine(" [--shares <...>] : share of the particles of each structure; default: equal")
        self.addParamsLine(" [--count <n=400>] : number of particles")
        self.addParamsLine(" [--boxsize <voxels=38>] : edge of a subtomogram, even")
        self.addParamsLine(" [--samplingrate <rate=10>] : A/voxel; maps are resampled to it")
        self.addParamsLine(" [--tilts <first=-60> <last=60>] : first and last tilt angle about y, degrees")
        self.addParamsLine(" [--step <degrees=3>] : between two tilts")
        self.addParamsLine(
            " [--separation <d=4>] : sets the noise: norm of the difference of the first two structures in all images of a "
            "particle, over the deviation of the noise of a pixel. With 3, who knows both structures is right in 93 of 100 cases"
        )
        self.addParamsLine(" [--maxResolution <A=53>] : resolution up to which this norm is taken, A")
        self.addParamsLine(" [--angleError <degrees=0>] : deviation of the given orientation from the true one, about each axis")
        self.addParamsLine(" [--projections] : one image of each particle instead of a tilt series")
        self.addParamsLine(" [--defocus <...>] : of projections: the least and the most, um; default: no CTF")
        self.addParamsLine(" [--contrast <share=0>] : of projections: deviation of that of the particles, over their mean")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice")
        self.addExampleLine("xmipp_simulate_particles_tomo --odir particles --separation 5")

    def readParams(self) -> None:
        defocus = self._numbers("--defocus")
        if len(defocus) not in (0, 2):
            raise InputError(f"--defocus: expected the least and the most in µm, received {len(defocus)} numbers")
        self.config = ParticlesConfig(
            odir=self.getParam("--odir"),
            maps=tuple(self.optional_list("--maps")),
            absent=self.number("--absent"),
            shares=self._numbers("--shares"),
            count=self.integer("--count"),
            box_size=self.integer("--boxsize"),
            sampling_rate=self.number("--samplingrate"),
            tilts=(self.number("--tilts"), self.number("--tilts", index=1)),
            step=self.number("--step"),
            separation=self.number("--separation"),
            max_resolution=self.number("--maxResolution"),
            angle_error=self.number("--angleError"),
            projections=self.checkParam("--projections"),
            defocus=(defocus[0], defocus[1]) if defocus else (),
            contrast=self.number("--contrast"),
            seed=self.integer("--seed"),
        )

    def _numbers(self, option: str) -> tuple[float, ...]:
        try:
            return tuple(float(text) for text in self.optional_list(option))
        except ValueError as error:
            raise InputError(f"{option}: expected numbers, received '{' '.join(self.optional_list(option))}'") from error

    def run(self) -> None:
        simulate(self.config)


def main() -> int:
    """Console script."""
    return run(SimulateParticles)


if __name__ == "__main__":
    sys.exit(main())
