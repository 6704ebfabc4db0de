"""Arguments of the programs that the deep consensus protocol runs; nothing of Scipion here.

Each function gives a list of separate arguments, made anew for every call; `program_steps.command_line` is the one
place that joins them for the shell that Scipion runs programs in.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from ...files import DERIVED, DOUBTFUL, NEGATIVE, NOISE, POSITIVE, RunFiles
from ..shared.program_steps import Arguments


@dataclass(frozen=True)
class RunTomogram:
    """The values of one tomogram that the steps of a run use; lengths are in voxels of the common sampling rate.

    tomogram_rate: of the file, Å/voxel.  size: x, y, z at the common rate.  starting_id: first particle id, so that
    ids are unique in the run.  has_truth, has_lie: whether it has references; has_derived: picks of
    derived pickers.  counts: picks of each picker.  left_out: picks
    outside the tomogram.  tilts: first and last, degrees; None where the tomogram does not say.  notes: what is unusual about the
    file of the tomogram.
    """

    ts_id: str
    file_name: str
    tomogram_rate: float
    size: list[int]
    sampling_rate: float
    box_size: int
    starting_id: int
    has_truth: bool
    has_lie: bool
    counts: list[int]
    left_out: int
    tilts: list[float] | None = None
    has_derived: bool = False
    notes: list[str] = field(default_factory=list)


def _common(tomogram: RunTomogram) -> Arguments:
    return ["--boxsize", tomogram.box_size, "--samplingrate", tomogram.sampling_rate]


def consensus_arguments(files: RunFiles, tomogram: RunTomogram, *, radius: float, number: int, representative: int,
                        symmetry: str) -> Arguments:
    """Merge the picks of one tomogram; radius in fractions of the box, number of pickers that make a positive."""
    ts_id = tomogram.ts_id
    arguments = ["--input", files.picks(ts_id), "--outputPos", files.labelled(ts_id, POSITIVE),
                 "--outputDoubt", files.labelled(ts_id, DOUBTFUL), "--outputNeg", files.labelled(ts_id, NEGATIVE),
                 "--outputAll", files.consensus(ts_id), *_common(tomogram), "--radius", radius, "--number", number,
                 "--constype", representative, "--symmetry", symmetry, "--startingId", tomogram.starting_id]
    arguments += ["--inputTruth", files.positive_references(ts_id)] if tomogram.has_truth else []
    arguments += ["--inputLie", files.negative_references(ts_id)] if tomogram.has_lie else []
    if tomogram.has_derived:
        arguments += ["--inputDerived", files.derived_picks(ts_id), "--outputDerived", files.labelled(ts_id, DERIVED)]
    return arguments


def noise_arguments(files: RunFiles, tomogram: RunTomogram, *, radius: float, limit: float, most: int | None, static: bool,
                    threads: int, seed: int, mask: str = "") -> Arguments:
    """Noise picks of one tomogram; radius in fractions of the box, limit in fractions of all its picks, `most` of them at most;
    mask: '' for none."""
    return ["--input", files.every_pick(tomogram.ts_id), "--output", files.labelled(tomogram.ts_id, NOISE), *_common(tomogram),
            *(["--static"] if static else []), *(["--mask", mask] if mask else []), "--note", files.noise_note(tomogram.ts_id),
            "--radius", radius, "--size", *tomogram.size, "--limit", limit, *(["--most", most] if most else []),
            "--threads", threads, "--seed", seed]


def extraction_arguments(files: RunFiles, tomogram: RunTomogram, labels: Sequence[str], *, network: str, invert: bool,
                         threads: int) -> Arguments:
    """Extract the input of a network (its name, or a model file) for the picks of all labels, at the common sampling rate."""
    return ["--tomogram", tomogram.file_name, "--tomogramSamplingrate", tomogram.tomogram_rate,
            "--coordinates", *(files.labelled(tomogram.ts_id, label) for label in labels), *_common(tomogram),
            "-o", *(files.subtomograms(tomogram.ts_id, label).parent for label in labels),
            "--border", *("drop" if label == NOISE else "pad" for label in labels),
            "--normalize", *(["--invert"] if invert else []), "--network", network,
            "--note", *(files.boxes_note(tomogram.ts_id, label) for label in labels), "--threads", threads]


@dataclass(frozen=True)
class NetworkOptions:
    """How to train. start_model: a model to train further, or '' for a new one; the rest as on the form."""

    start_model: str
    network: str
    epochs: int
    batch_size: int
    learning_rate: float
    l2: float
    validation: float
    folds: int
    auto_stop: bool
    augment: bool
    seed: int


def _device(gpus: str, threads: int) -> Arguments:
    return ["--gpus", gpus, "--threads", threads]


def training_arguments(files: RunFiles, options: NetworkOptions, *, recipe: str, positive: Sequence[str],
                       doubtful: Sequence[str], negative: Sequence[str], pickers: Sequence[str], grid: tuple[float, int],
                       gpus: str, threads: int) -> Arguments:
    """Train on subtomogram XMDs. pickers: their names, in order.  grid: sampling rate (Å/voxel), box size.  gpus: '0,1', '' for
    the CPU."""
    rate, box_size = grid
    arguments = ["--mode", "training", "--recipe", recipe, "--inputNeg", *negative]
    arguments += ["--inputPos", *positive] if positive else []
    arguments += ["--inputDoubt", *doubtful] if doubtful else []
    arguments += ["--inputModel", options.start_model] if options.start_model else []
    arguments += ["--pickers", *pickers, "--network", options.network, "--model", files.model, "--log", files.training_log,
                  "--note", files.training_note, "--boxsize", box_size, "--samplingrate", rate, "--epochs", options.epochs,
                  "--batch", options.batch_size,
                  "--learningRate", options.learning_rate, "--l2", options.l2,
                  "--validation", options.validation, "--folds", options.folds, "--seed", options.seed]
    arguments += ([] if options.auto_stop else ["--noAutoStop"]) + ([] if options.augment else ["--noAugment"])
    return arguments + _device(gpus, threads)


def scoring_arguments(model: str, inputs: Sequence[str], output: str, *, noise: Sequence[str], recipe: str,
                      grid: tuple[float, int], gpus: str, threads: int, noise_output: str = "",
                      derived: Sequence[str] = (), derived_output: str = "") -> Arguments:
    """Score subtomogram XMDs of all tomograms with a model into one XMD. model: '' for votes alone.  noise: to compare with.

    noise_output: XMD for the scored noise; '' for none.  derived: what derived pickers alone found, scored into derived_output.
    """
    rate, box_size = grid
    compared = [*(["--model", model] if model else []), *(["--inputNeg", *noise] if noise else []),
                *(["--outputNeg", noise_output] if noise_output else []),
                *(["--inputDerived", *derived, "--outputDerived", derived_output] if derived else [])]
    return ["--mode", "scoring", "--input", *inputs, *compared, "--output", output, "--recipe", recipe,
            "--boxsize", box_size, "--samplingrate", rate, *_device(gpus, threads)]


def look_arguments(files: RunFiles, model: str, *, diameter: float, tilts: tuple[float, float], keep_centres: bool,
                   tomogram_rate: float, threads: int, seed: int) -> Arguments:
    """Compare the scored picks with averages of the accepted ones. model: '' for votes alone.

    diameter: Å.  tilts: degrees.  tomogram_rate: Å/voxel.
    """
    return ["--input", files.scored_first, "--inputNeg", files.scored_noise, "--output", files.scored,
            *(["--model", model] if model else []), "--diameter", diameter, "--tilts", *tilts,
            *(["--keepCentres"] if keep_centres else []), "--tomogramSamplingrate", tomogram_rate,
            "--threads", threads, "--seed", seed]


def answers_arguments(files: RunFiles, *, radius: float, tomogram_rate: float | None) -> Arguments:
    """Learn from the answers of persons. radius: within which an answer is about a pick, fraction of the box.

    tomogram_rate: Å/voxel; None where the tomograms have different ones.
    """
    return ["--input", files.scored, "--answers", files.answers, "--output", files.answered, "--radius", radius,
            *(["--tomogramSamplingrate", tomogram_rate] if tomogram_rate else [])]
