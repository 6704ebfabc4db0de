"""The form of the simulation: every parameter with its help, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from ...constants import BUILTIN_COMPLEXES, DISTRACTORS
from ..shared.form_checks import limit_errors

BUILTIN, VOLUMES, FILES = 0, 1, 2
SMALLEST, LARGEST = 32, 2048  # voxels, of an edge
LIMITS = {
    "numberOfTomograms": (1, None, True), "sizeX": (SMALLEST, LARGEST, True), "sizeY": (SMALLEST, LARGEST, True),
    "sizeZ": (SMALLEST, LARGEST, True), "samplingRate": (0, None, False), "beads": (0, None, True), "vesicles": (0, None, True),
    "carbon": (0, 0.8, True), "contaminants": (0, None, True),
    "tiltFirst": (-90, 90, True), "tiltLast": (-90, 90, True), "tiltStep": (0, None, False), "snr": (0, None, False),
    "defocus": (0, None, False), "voltage": (0, None, False), "sphericalAberration": (0, None, True),
    "amplitudeContrast": (0, 1, True), "envelope": (0, None, False), "iceNoise": (0, None, True),
    "structuralNoise": (0, None, True), "randomSeed": (0, None, True), "numberOfThreads": (1, None, True),
}
PARAMS = ("source", "mapFiles", "counts", "prefix", "multislice", "density",
          *(name for name in LIMITS if name != "numberOfThreads"))  # what the tomograms depend on


def define_params(form: params.Form) -> None:
    """Add all parameters to the form, section by section."""
    _define_content(form)
    _define_microscope(form)
    form.addParallelSection(threads=2, mpi=0)


def _define_content(form: params.Form) -> None:
    form.addSection(label="Content")
    form.addParam("source", params.EnumParam, choices=["Built-in complexes", "Volumes", "Map files"], default=BUILTIN,
                  display=params.EnumParam.DISPLAY_HLIST, label="Complexes",
                  help=f"_Built-in_: {len(BUILTIN_COMPLEXES)} shapes of different size: "
                       f"{', '.join(BUILTIN_COMPLEXES)}.\n_Volumes_: densities of this project.\n_Map files_: MRC files on "
                       "disk, such as maps of the EMDB.")
    form.addParam("inputVolumes", params.MultiPointerParam, pointerClass="Volume, SetOfVolumes", condition=f"source == {VOLUMES}",
                  allowsNull=True, label="Volumes",
                  help="Densities, bright on a background of 0, each completely inside its box. Their labels (without a label, "
                       "the file names) become the names of the classes. They are resampled to the sampling rate below.")
    form.addParam("mapFiles", params.PathParam, condition=f"source == {FILES}", label="Map files",
                  help="One file, or a pattern for several files: /data/maps/*.mrc. The densities are bright on a background of "
                       "0, with the sampling rate in the header. The file names become the names of the classes.")
    form.addParam("counts", params.StringParam, default="", label="Particles of each complex (optional)",
                  help="Number of particles per tomogram: one number for all complexes, or one number for each complex, in "
                       "their order: 20 20 5. Empty: as dense as in the SHREC 2020 benchmark (2600 particles in 512 x 512 x 200 "
                       "voxels of 10 Å).")
    form.addParam("beads", params.IntParam, default=5, label="Gold beads",
                  help="Number per tomogram; each is 10 nm wide. A picker should not pick them.")
    form.addParam("vesicles", params.IntParam, default=1, label="Vesicles",
                  help="Number per tomogram; each is 40 to 80 nm wide, or less if the tomogram is small. A picker should not "
                       "pick their membranes.")
    form.addParam("carbon", params.FloatParam, default=0.0, label="Carbon film (share of the field)",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Share of the field that a carbon film of 20 nm covers, at the edge of a hole: 0 to 0.8. Nothing should "
                       "be picked there.")
    form.addParam("contaminants", params.IntParam, default=0, label="Contaminants", expertLevel=params.LEVEL_ADVANCED,
                  help="Number of lumps of crystalline ice or dirt per tomogram, 30 to 90 nm wide.")
    form.addParam("targetComplex", params.StringParam, default="", label="Target (optional)",
                  help="The name of one complex. Its particles become an additional output set, with a box of its "
                       "size. Use that set for a consensus, which works on one species.")
    form.addSection(label="Tomograms")
    form.addParam("numberOfTomograms", params.IntParam, default=3, label="Number of tomograms",
                  help="Each tomogram has different particles at different places.")
    line = form.addLine("Size (voxels)", help="SHREC 2020 has 512 x 512 x 200. Time and memory grow with it.")
    line.addParam("sizeX", params.IntParam, default=256, label="x")
    line.addParam("sizeY", params.IntParam, default=256, label="y")
    line.addParam("sizeZ", params.IntParam, default=100, label="z")
    form.addParam("samplingRate", params.FloatParam, default=10.0, label="Sampling rate (Å/voxel)", allowsPointers=True,
                  help="Sampling rate of the tomograms. Maps are resampled to it.")
    form.addParam("density", params.BooleanParam, default=False, label="Keep the densities without noise?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: a volume of each tomogram without noise is written beside it, NAME_density.mrc. The networks "
                       "dn3dunet and umc of _train a picker 3D_ learn from it.")
    form.addParam("prefix", params.StringParam, default="tomo", label="Name", expertLevel=params.LEVEL_ADVANCED,
                  help="Tomograms are called name_1, name_2, ...")
    form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                  help="Seed of every random choice. The same seed gives the same tomograms.")


def _define_microscope(form: params.Form) -> None:
    form.addSection(label="Microscope")
    line = form.addLine("Tilt series (degrees)", help="First and last angle, and the step between two images. The tilt axis is "
                                                      "y.")
    line.addParam("tiltFirst", params.FloatParam, default=-60.0, label="First")
    line.addParam("tiltLast", params.FloatParam, default=60.0, label="Last")
    line.addParam("tiltStep", params.FloatParam, default=3.0, label="Step")
    form.addParam("snr", params.FloatParam, default=0.1, label="Signal to noise ratio",
                  help="Variance of the signal of the complexes divided by the variance of the detector noise, in the images of "
                       "the tilt series. Gold beads do not count. At 0.02 only large complexes can be found.")
    form.addParam("defocus", params.FloatParam, default=3.0, label="Defocus (µm)", help="Underfocus, as a positive number.")
    form.addParam("voltage", params.FloatParam, default=300.0, label="Voltage (kV)", help="Acceleration voltage.")
    form.addParam("sphericalAberration", params.FloatParam, default=2.7, label="Spherical aberration (mm)",
                  help="Spherical aberration of the microscope.", expertLevel=params.LEVEL_ADVANCED)
    form.addParam("amplitudeContrast", params.FloatParam, default=0.08, label="Amplitude contrast",
                  help="A fraction: 0.07 to 0.1 for ice.", expertLevel=params.LEVEL_ADVANCED)
    form.addParam("envelope", params.FloatParam, default=0.4, label="Envelope (1/nm)", expertLevel=params.LEVEL_ADVANCED,
                  help="Width of the Gaussian envelope of the contrast transfer function.")
    form.addParam("iceNoise", params.FloatParam, default=0.01, label="Noise of the ice", expertLevel=params.LEVEL_ADVANCED,
                  help="Standard deviation per voxel, the same in all images. For comparison: the mean contrast of a complex is "
                       "0.09.")
    form.addParam("structuralNoise", params.FloatParam, default=0.04, label="Structural noise", expertLevel=params.LEVEL_ADVANCED,
                  help="Standard deviation per voxel; the noise is different in every image of the tilt series.")
    form.addParam("multislice", params.BooleanParam, default=False, label="Multislice?", expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: the electron wave is propagated through slices of 5 nm, so the defocus changes with height. No: "
                       "projection, several times faster.")


def numbers(text: str | None) -> list[int]:
    """Whole numbers of a text field. Raises ValueError if there is anything else."""
    return [int(word) for word in (text or "").replace(",", " ").split()]


def validation_errors(protocol: EMProtocol, names: Sequence[str]) -> list[str]:
    """What is wrong with the form; names: of the complexes, empty if none could be found."""
    errors = limit_errors(protocol, LIMITS)
    first, last = protocol.tiltFirst.get(), protocol.tiltLast.get()
    if None not in (first, last) and not first < last:
        errors.append(f"*Tilt series (degrees)*: the first angle must be smaller than the last, received {first:g} and {last:g}.")
    prefix = protocol.prefix.get() or ""
    if not prefix or set(prefix) & set("/\\ \t'\""):
        errors.append(f"*Name* must be a part of a file name without blanks, received '{prefix}'.")
    errors += _count_errors(protocol, len(names))
    return errors + (_name_errors(protocol, names) if names else _missing(protocol))


def _missing(protocol: EMProtocol) -> list[str]:
    if protocol.source.get() == VOLUMES:
        return ["*Volumes* cannot be EMPTY: choose at least one, or the built-in complexes."]
    return [f"*Map files*: no file matches '{protocol.mapFiles.get() or ''}'."]


def _count_errors(protocol: EMProtocol, complexes: int) -> list[str]:
    label, text = "*Particles of each complex*", protocol.counts.get()
    try:
        counts = numbers(text)
    except ValueError:
        return [f"{label} must be whole numbers, received '{text}'."]
    if counts and (min(counts) < 0 or not any(counts)):
        return [f"{label} must be 0 or more, and at least one must be 1 or more, received '{text}'."]
    if complexes and len(counts) not in (0, 1, complexes):
        return [f"{label}: give one number for all, or one for each of the {complexes} complexes, received {len(counts)}."]
    return []


def _name_errors(protocol: EMProtocol, names: Sequence[str]) -> list[str]:
    errors = [f"*Complexes*: '{name}' is the name of a distractor; rename the volume."
              for name in names if name in DISTRACTORS]
    target = (protocol.targetComplex.get() or "").strip()
    if target and target not in names:
        errors.append(f"*Target*: there is no complex '{target}'; choose one of {', '.join(names)}.")
    return errors
