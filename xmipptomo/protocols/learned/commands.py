"""Arguments of the programs that train a picker and pick with it; nothing of Scipion here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..shared.commands import Selection
from ..shared.program_steps import Arguments


@dataclass(frozen=True)
class LearnedFrom:
    """What is learned from: coordinates (XMD) in tomograms of `rate` Å/voxel, or the folder of a consensus or of a simulation.

    partial: whether the coordinates are a part of the particles.  soft: whether doubtful picks of the consensus teach softly.
    diameter: Å, or None with a table of classes.
    """

    coordinates: str = ""
    tomograms: Sequence[str] = ()
    rate: float = 0.0
    partial: bool = False
    consensus: str = ""
    soft: bool = False
    diameter: float | None = None
    classes: str = ""
    simulation: str = ""

    def arguments(self) -> Arguments:
        if self.consensus:
            found: Arguments = ["--consensus", self.consensus, "--doubtful", "soft" if self.soft else "ignore"]
        elif self.simulation:
            found = ["--simulation", self.simulation]
        else:
            found = ["--coordinates", self.coordinates, "--labels", "partial" if self.partial else "all", "--tomograms",
                     *self.tomograms, "--tomogramSamplingrate", self.rate]
        return found + (["--diameter", self.diameter] if self.diameter is not None else ["--classes", self.classes])


@dataclass(frozen=True)
class TrainingOptions:
    """How to train; 0 and '' for what the recipe or the program has."""

    recipe: str
    target: str
    loss: str
    minutes: float
    steps: int
    folds: int
    width: float
    patch: int
    batch: int
    learning_rate: float
    beta: float
    mirror: bool
    input_model: str
    seed: int


def training_arguments(model: str, notes: str, source: LearnedFrom, options: TrainingOptions, *, masks: str, gpus: str,
                       threads: int) -> Arguments:
    """Train a model. notes: file for what is said.  masks: folder of masks of regions, '' for none.  gpus: '' for the CPU."""
    arguments: Arguments = [*source.arguments(), "-o", model, "--note", notes, "--recipe", options.recipe, "--folds",
                            options.folds, "--width", options.width, "--beta", options.beta]
    arguments += ["--steps", options.steps] if options.steps else ["--minutes", options.minutes]
    for option, value in (("--target", options.target), ("--loss", options.loss), ("--patch", options.patch),
                          ("--batch", options.batch), ("--learningRate", options.learning_rate),
                          ("--inputModel", options.input_model), ("--mask", masks)):
        arguments += [option, value] if value else []
    arguments += ["--mirror"] if options.mirror else []
    return [*arguments, "--gpus", gpus, "--threads", threads, "--seed", options.seed]


@dataclass(frozen=True)
class PickingOptions:
    """How to pick. selection: of the form, by number alone; thresholds: as --threshold takes them, () for the model's.

    cluster '' and bandwidth (Å) None: as in the training.  templates: files that name the picks and turn them, with tilts, step
    (degrees) and low-pass (Å); 0: automatic.
    """

    model: str
    selection: Selection
    thresholds: Sequence[str]
    cluster: str
    bandwidth: float | None
    turns: bool
    templates: Sequence[str] = ()
    tilts: tuple[float, float] = (0.0, 0.0)
    angular_step: float = 0.0
    low_pass: float = 0.0

    def of_templates(self) -> Arguments:
        """What names and turns the picks."""
        if not self.templates:
            return []
        more = [("--angularstep", self.angular_step), ("--lowpass", self.low_pass)]
        return ["--identify", *self.templates, "--tilts", *self.tilts, *(word for pair in more if pair[1] for word in pair)]


def picking_arguments(tomogram: str, output: str, note: str, options: PickingOptions, *, rate: float, score_maps: str,
                      threads: int) -> Arguments:
    """Pick one tomogram of `rate` (Å/voxel) with a model, but for the GPUs. score_maps: folder, '' for none."""
    arguments: Arguments = ["--tomograms", tomogram, "-o", output, "--tomogramSamplingrate", rate, "--model", options.model,
                            "--note", note, *options.selection.arguments()]
    arguments += ["--threshold", *options.thresholds] if options.thresholds else []
    arguments += ["--cluster", options.cluster] if options.cluster else []
    arguments += ["--bandwidth", options.bandwidth] if options.bandwidth is not None else []
    arguments += ["--tta"] if options.turns else []
    arguments += ["--scoremaps", score_maps] if score_maps else []
    return [*arguments, *options.of_templates(), "--threads", threads]


def joining_arguments(tomograms: Sequence[str], rate: float, network: tuple[str, str], template: tuple[str, str], output: str, *,
                      diameter: float, fit: str, truth: str, threshold: float | None) -> Arguments:
    """Join two pickers in tomograms of `rate` Å/voxel. network, template: picks and folder of score maps.  truth: '' where `fit`
    is read."""
    arguments: Arguments = ["--tomograms", *tomograms, "--tomogramSamplingrate", rate, "--network", network[0], "--networkMaps",
                            network[1], "--template", template[0], "--templateMaps", template[1], "--diameter", diameter,
                            "--fit", fit, "-o", output]
    arguments += ["--truth", truth] if truth else []
    return arguments + (["--threshold", threshold] if threshold is not None else [])
