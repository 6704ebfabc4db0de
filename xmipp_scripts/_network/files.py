"""Training the network on XMD files of subtomograms, and scoring such files with it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tomo_particles.consensus.training_examples import read_examples
from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.files import written_aside

from .._shared.model_scores import LearnedScores, add_network_scores, check_names, learned_scores, scores_in
from .._shared.program import print_notes
from .._shared.progress import say_on_the_way, stage
from .._shared.training_options import TrainingSettings

if TYPE_CHECKING:
    import tensorflow as tf

    from tomo_particles.learning.configuration import NetworkConfig, TrainingConfig
    from tomo_particles.network import Ensemble


@dataclass(frozen=True)
class ScoringConfig:
    """Scoring of several XMD files into one; box_size (voxels) and sampling_rate (Å/voxel) are compared with the model's.

    model: empty if none could be trained; then the votes alone give the scores. noise: XMD files of noise picks, with which the
    picks are compared.  noise_output: XMD for the scored noise picks, if it is wanted.  derived: XMD files of what derived
    pickers alone found, scored into derived_output as the merged picks are, of which they change nothing.
    """

    input: tuple[str, ...]
    model: str
    output: str
    noise: tuple[str, ...] = ()
    noise_output: str | None = None
    box_size: int | None = None
    sampling_rate: float | None = None
    batch: int | None = None  # by the size of the boxes
    gpus: str = field(default="", repr=False)  # changes no result, so that `Steps` ignores it
    threads: int = field(default=2, repr=False)
    recipe: str = "consensus"
    derived: tuple[str, ...] = ()
    derived_output: str | None = None
    pickers: tuple[str, ...] = ()  # with names, final scores come from what the model file holds on pickers of these names

    def __post_init__(self) -> None:
        if self.batch is not None:
            from tomo_particles.learning.configuration import require_batch_size

            require_batch_size(self.batch)


@dataclass(frozen=True)
class Trained:
    """What a training leaves in memory for the scoring that follows it.  learned: None for what are no merged picks."""

    ensemble: Ensemble
    learned: LearnedScores | None


def check_training(
    settings: TrainingSettings, *, box_size: int, sampling_rate: float, seed: int, trains: bool = True
) -> tuple[NetworkConfig, TrainingConfig]:
    """The checked configurations of model and training; what is wrong is said before TensorFlow starts, which takes seconds.

    trains: whether the model that is given is trained further, so that it must have the network and the folds of the settings.
    """
    from tomo_particles.learning.configuration import NetworkConfig, TrainingConfig, check_start, gpu_numbers, read_config

    gpu_numbers(settings.gpus)
    network = NetworkConfig(
        box_size=box_size, sampling_rate=sampling_rate, architecture=settings.network, folds=settings.folds, seed=seed
    )
    training = TrainingConfig(
        epochs=settings.epochs,
        batch_size=settings.batch,
        learning_rate=settings.learning_rate,
        l2=settings.l2,
        validation=settings.validation,
        auto_stop=settings.auto_stop,
        augment=settings.augment,
    )
    if settings.input_model:
        start = read_config(settings.input_model, box_size=box_size, sampling_rate=sampling_rate, option=parameter("input_model"))
        if trains:
            check_start(network, start)
    return network, training


def prepare_training(
    settings: TrainingSettings, threads: int, several_machines: bool = False
) -> tuple[tf.distribute.Strategy, Ensemble | None]:
    """The devices, and the model to start from, if any. Raises InputError for what cannot be used."""
    from tomo_particles.network import load_model, select_devices

    strategy = select_devices(settings.gpus, threads, several_machines=several_machines)
    if not settings.input_model:
        return strategy, None
    return strategy, load_model(settings.input_model, strategy=strategy, option=parameter("input_model"))


def train_files(
    inputs: Mapping[str, Sequence[str]],
    settings: TrainingSettings,
    *,
    box_size: int,
    sampling_rate: float,
    model: str,
    log: str | None,
    note: str | None = None,
    seed: int,
    threads: int,
    several_machines: bool = False,
    pickers: Sequence[str] = (),
    progress: Callable[[str], None] = say_on_the_way,
) -> Trained | None:
    """Train on the subtomograms of XMD files (keys pos, doubt, neg) and write the model file.

    Returns what `score_files` need not compute again; None where another machine writes the model.

    log: CSV, a row an epoch.  note: text for what is unusual about the examples; empty where nothing is.
    pickers: their names, with which the model keeps how final scores come about; without them no run could ask for its pickers.
    several_machines: join those that the variable TF_CONFIG names; then only the first of them writes.
    """
    from tomo_particles.learning.examples import require_enough

    network, training = check_training(settings, box_size=box_size, sampling_rate=sampling_rate, seed=seed)
    examples, n_outliers = read_examples(inputs, settings.recipe, sampling_rate)
    require_enough(examples)
    check_names(inputs, pickers)
    # after reading: wrong input needs no TensorFlow
    from tomo_particles.network import load_model, save_model, train, works_alone_or_leads

    if several_machines and os.environ.get("TF_CONFIG"):
        progress("TF_CONFIG is set: waiting until all its machines have started")
    strategy, start = prepare_training(settings, threads, several_machines)
    unusual = f"{n_outliers} agreed picks stand out by their contrast (gold beads, ice): taken as negatives" if n_outliers else ""
    if unusual:
        progress(unusual)
    with stage("training", network.folds * training.epochs, "epochs") as at:
        ensemble = train(
            examples,
            network,
            training,
            strategy=strategy,
            start=start,
            log_path=log,
            progress=progress,
            note=lambda text: print_notes([text]),
            done=at.share,
        )
    if not works_alone_or_leads(strategy):
        return None
    if several_machines and os.environ.get("TF_CONFIG"):  # the others have ended: score without them
        save_model(model, ensemble)
        ensemble = load_model(model)
    learned = learned_scores(inputs, ensemble, settings.recipe) if pickers else None
    save_model(model, ensemble, scores=learned.final.fitted.named(pickers).to_json() if learned else "")
    if note:
        with written_aside(note) as aside:
            aside.write_text(unusual, encoding="utf-8")
    return Trained(ensemble, learned)


def score_files(
    config: ScoringConfig, progress: Callable[[str], None] = lambda line: None, trained: Trained | None = None
) -> int:
    """Score the subtomograms of XMD files into one XMD with the column zScoreDeepLearning1; returns how many.

    Merged picks receive the final score, CoordConsScore, too. The verdict on their scores goes to `progress`, and to a file
    beside the output.  trained: of the training that wrote this model just now.
    """
    from tomo_particles.consensus.run_verdict import final_scores
    from tomo_particles.formats.xmd import join_tables, write_table
    from tomo_particles.learning.model_files import folds_of

    from .._shared.scored_files import reliability_beside, verdict_beside, write_beside

    columns = _read(config.input, parameter("input"), config.sampling_rate)
    fitted = scores_in(config.model, config.pickers, columns) if config.pickers else None
    noise = _read(config.noise, parameter("negatives"), config.sampling_rate)
    if noise and (both := set(columns["image"]) & set(noise["image"])):
        raise InputError(
            f"{parameter('negatives')}: the subtomogram {min(both)} is also among those to score, so that it cannot be "
            "noise; give other noise"
        )
    if (
        fitted is not None
        and not fitted.informs
        and (without := set(columns.get("tiltSeriesId", [])) - set(noise.get("tiltSeriesId", [])))
    ):
        raise InputError(
            f"{parameter('negatives')}: the final scores of this model compare picks with the noise of their tomogram; "
            f"give that of '{min(without)}'"
        )
    derived = _read(config.derived, parameter("derived"), config.sampling_rate)
    if config.model:
        _add_network_scores({"input": columns, "negatives": noise} | ({"derived": derived} if derived else {}), config, trained)
    if fitted is not None:
        columns["CoordConsScore"] = fitted.scores(columns, noise).tolist()
        for path in (verdict_beside(config.output), reliability_beside(config.output)):
            path.unlink(missing_ok=True)  # of other scores
    elif {"comment", "enabled"} <= set(columns):
        out_of_fold = bool(config.model and columns["image"]) and folds_of(config.model) > 1
        learned = trained and trained.learned
        found = (
            learned.final
            if learned and learned.are_of(columns, noise)
            else final_scores(columns, noise, out_of_fold, config.recipe != "consensus")
        )
        columns["CoordConsScore"] = found.score.tolist()
        write_beside(config.output, found.verdict, found.pickers)
        fitted = found.fitted
        if columns["image"]:
            progress(f"verdict: {found.verdict.text}")
    if config.derived_output and config.model and derived and fitted is not None:
        every = join_tables([columns, derived])  # what is an outlier of contrast is measured on the merged picks
        derived["CoordConsScore"] = fitted.scores(every, noise)[len(columns["image"]) :].tolist()
        write_table(config.derived_output, derived)
    if config.noise_output and noise:
        write_table(config.noise_output, noise)
    write_table(config.output, columns)
    return len(columns["image"])


def _read(paths: Sequence[str], option: str, sampling_rate: float | None) -> dict[str, list]:
    """The joined tables of subtomograms, of this sampling rate (Å/voxel) where it is given; empty without files."""
    from tomo_particles.formats.xmd import join_tables, positions_of, read_table, require_one_rate

    tables = []
    for path in paths:
        columns = read_table(path, option)
        if "image" not in columns:
            raise InputError(f"{option}: '{path}' has no column image; give the XMD that xmipp_tomo_extract_subtomograms writes")
        if columns["image"]:
            positions_of(columns, path, option)
            require_one_rate(columns, path, option, sampling_rate)
        tables.append(columns)
    return join_tables(tables) if tables else {}


def _add_network_scores(tables: Mapping[str, dict[str, list]], config: ScoringConfig, trained: Trained | None) -> None:
    """Give each of the tables the column zScoreDeepLearning1. Their keys are the parameters that they come from."""
    from tomo_particles.consensus.merged_picks import NETWORK

    model = trained and trained.ensemble
    known = trained.learned.network if trained and trained.learned else {}
    for name, columns in tables.items():
        images = columns.get("image", [])
        new = [row for row, image in enumerate(images) if image not in known]
        fresh: dict[str, float] = {}
        if new:  # else TensorFlow is not needed
            model = model or _loaded(config)
            rest = {label: [values[row] for row in new] for label, values in columns.items()}
            add_network_scores(rest, model, parameter(name), config.batch)
            fresh = dict(zip(rest["image"], rest[NETWORK], strict=True))
        columns[NETWORK] = [fresh[image] if image in fresh else known[image] for image in images]


def _loaded(config: ScoringConfig) -> Ensemble:
    from tomo_particles.learning.configuration import read_config

    read_config(config.model, box_size=config.box_size, sampling_rate=config.sampling_rate)  # before TensorFlow starts
    from tomo_particles.network import load_model, select_devices

    return load_model(config.model, strategy=select_devices(config.gpus, config.threads))
