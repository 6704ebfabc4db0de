"""Arguments of the programs that simulate, pick and evaluate; nothing of Scipion here. See deep_consensus_commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .program_steps import Arguments


@dataclass(frozen=True)
class Optics:
    """The microscope: defocus µm, voltage kV, spherical aberration mm, amplitude contrast as a fraction."""

    defocus: float
    voltage: float
    spherical_aberration: float
    amplitude_contrast: float

    def arguments(self) -> Arguments:
        return ["--defocus", self.defocus, "--voltage", self.voltage, "--cs", self.spherical_aberration,
                "--amplitudecontrast", self.amplitude_contrast]


@dataclass(frozen=True)
class SimulationOptions:
    """What to simulate; size x, y, z voxels, maps and counts empty for the defaults, tilts first, last, step degrees."""

    folder: str
    tomograms: int
    size: tuple[int, int, int]
    sampling_rate: float
    maps: Sequence[str]
    counts: Sequence[int]
    beads: int
    vesicles: int
    carbon: float
    contaminants: int
    tilts: tuple[float, float, float]
    snr: float
    optics: Optics
    envelope: float
    ice_noise: float
    structural_noise: float
    multislice: bool
    density: bool
    prefix: str
    threads: int
    seed: int


def simulation_arguments(options: SimulationOptions) -> Arguments:
    """Simulate tomograms into a folder."""
    arguments: Arguments = ["--odir", options.folder, "--tomograms", options.tomograms, "--size", *options.size,
                            "--samplingrate", options.sampling_rate]
    arguments += ["--maps", *options.maps] if options.maps else []
    arguments += ["--counts", *options.counts] if options.counts else []
    arguments += ["--beads", options.beads, "--vesicles", options.vesicles, "--carbon", options.carbon, "--contaminants",
                  options.contaminants, "--tilts", *options.tilts, "--snr", options.snr,
                  *options.optics.arguments(), "--envelope", options.envelope, "--icenoise", options.ice_noise,
                  "--structuralnoise", options.structural_noise]
    arguments += ["--multislice"] if options.multislice else []
    arguments += ["--density"] if options.density else []
    return [*arguments, "--prefix", options.prefix, "--threads", options.threads, "--seed", options.seed]


def mask_arguments(tomogram: str, folder: str, *, rate: float, bead: float, membrane_bad: bool, bright: bool, user: str,
                   threads: int) -> Arguments:
    """Mask one tomogram of `rate` (Å/voxel); bead: diameter, Å; user: a volume of the user, '' for none."""
    arguments: Arguments = ["--tomograms", tomogram, "--odir", folder, "--tomogramSamplingrate", rate, "--bead", bead]
    arguments += ["--bad", "membrane"] if membrane_bad else []
    arguments += ["--bright"] if bright else []
    arguments += ["--user", user] if user else []
    return [*arguments, "--threads", threads]


@dataclass(frozen=True)
class Selection:
    """Which peaks become picks: the best `number` of each tomogram, or those above `threshold`; None: the program's own."""

    number: int | None = None
    threshold: float | None = None

    def arguments(self) -> Arguments:
        if self.number is not None:
            return ["--number", self.number]
        return [] if self.threshold is None else ["--threshold", self.threshold]


def _picker_arguments(tomogram: str, output: str, rate: float, selection: Selection, bright: bool, threads: int) -> Arguments:
    return ["--tomograms", tomogram, "-o", output, "--tomogramSamplingrate", rate, *selection.arguments(),
            *(["--bright"] if bright else []), "--threads", threads]


def blob_arguments(tomogram: str, output: str, *, rate: float, diameter: float, method: str, selection: Selection, bright: bool,
                   threads: int) -> Arguments:
    """Pick blobs of a diameter (Å) in one tomogram of `rate` (Å/voxel)."""
    return [*_picker_arguments(tomogram, output, rate, selection, bright, threads), "--diameter", diameter, "--method", method]


@dataclass(frozen=True)
class MatchingOptions:
    """How to match: templates and mask as files, diameters Å ([] unknown), tilts and step degrees, low-pass Å; 0: automatic.

    optics None: no CTF.  select: all, thresholded or filtered.  coarse_first: a coarser search says where to compare.
    """

    templates: Sequence[str]
    mask: str
    diameters: Sequence[float]
    tilts: tuple[float, float]
    angular_step: float
    low_pass: float
    optics: Optics | None
    select: str
    coarse_first: bool = False


def matching_arguments(tomogram: str, output: str, options: MatchingOptions, *, rate: float, selection: Selection, bright: bool,
                       threads: int, score_maps: str = "") -> Arguments:
    """Match templates in one tomogram of `rate` (Å/voxel)."""
    arguments = _picker_arguments(tomogram, output, rate, selection, bright, threads)
    arguments += ["--templates", *options.templates]
    arguments += ["--templateMask", options.mask] if options.mask else []
    arguments += ["--diameter", *options.diameters] if options.diameters else []
    arguments += ["--tilts", *options.tilts]
    arguments += ["--angularstep", options.angular_step] if options.angular_step else []
    arguments += ["--lowpass", options.low_pass] if options.low_pass else []
    arguments += options.optics.arguments() if options.optics else ["--defocus", 0]
    arguments += ["--coarseFirst"] if options.coarse_first else []
    arguments += ["--scoremaps", score_maps] if score_maps else []
    return [*arguments, "--select", options.select]


@dataclass(frozen=True)
class ImportOptions:
    """How to read files of coordinates: format '' to recognise it, rate Å/voxel or None, names as IN_FILE=TOMOGRAM.

    species: only these, () for all.  angstrom: whether plain numbers are Å.
    """

    format: str = ""
    rate: float | None = None
    names: Sequence[str] = ()
    subset: bool = False
    drop_outside: bool = False
    species: Sequence[str] = ()
    angstrom: bool = False


def import_arguments(paths: Sequence[str], output: str, notes: str, tomograms: Sequence[str], rate: float,
                     options: ImportOptions) -> Arguments:
    """Convert files of coordinates to XMD, in voxels of the tomograms at `rate` (Å/voxel); notes: file for what is said."""
    arguments: Arguments = ["-i", *paths, "-o", output, "--note", notes, "--tomograms", *tomograms, "--tomogramSamplingrate",
                            rate, "--overwrite"]
    arguments += ["--from", options.format] if options.format else []
    arguments += ["--samplingrate", options.rate] if options.rate else []
    arguments += ["--unit", "angstrom"] if options.angstrom else []
    arguments += ["--names", *options.names] if options.names else []
    arguments += ["--class", *options.species] if options.species else []
    arguments += ["--subset"] if options.subset else []
    return arguments + (["--dropOutside"] if options.drop_outside else [])


def export_arguments(picks: str, output: str, tomograms: Sequence[str], rate: float, *, format_name: str,
                     species: Sequence[str], rename: Sequence[str] = ()) -> Arguments:
    """Convert an XMD in voxels of the tomograms at `rate` (Å/voxel) to a format of --to.

    species: only these, [] for all.  rename: what --rename takes.
    """
    arguments: Arguments = ["-i", picks, "-o", output, "--to", format_name, "--tomograms", *tomograms, "--tomogramSamplingrate",
                            rate]
    arguments += ["--rename", *rename] if rename else []
    return arguments + (["--class", *species] if species else [])


def evaluation_arguments(picks: str, truth: str, root: str, *, radius: float | None, classes: str, targets: Sequence[str],
                         tomograms: Sequence[str], rate: float, seed: int, masks: str = "") -> Arguments:
    """Compare picks with a truth; radius in voxels of the truth at `rate`, None: half the diameter of each class of `classes`.

    masks: folder of masks of regions of the tomograms, '' for none.
    """
    arguments: Arguments = ["--picks", picks, "--truth", truth, "--oroot", root]
    arguments += [] if radius is None else ["--radius", radius]
    arguments += ["--classes", classes] if classes else []
    arguments += ["--target", *targets] if targets else []
    arguments += ["--tomograms", *tomograms] if tomograms else []
    arguments += ["--mask", masks] if masks else []
    return [*arguments, "--samplingrate", rate, "--seed", seed]
