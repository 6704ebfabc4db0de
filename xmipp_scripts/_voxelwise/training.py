"""Trains the networks of a voxel-wise picker, picks every training tomogram out of fold, and chooses from that how to pick."""

from __future__ import annotations

import csv
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomo_particles import __version__
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.evaluation.matching import counts_by_score, pairs_within
from tomo_particles.learning.folds import Region, fold_of, make_folds
from tomo_particles.learning.voxels.description import LearnedTomogram, PickingRule, VoxelModel, read_voxel_model
from tomo_particles.learning.voxels.patches import PatchSource
from tomo_particles.learning.voxels.recipes import CLUSTERINGS
from tomo_particles.learning.voxels.targets import Labels
from tomo_particles.pickers.voxelwise.candidates import Candidates
from tomo_particles.pickers.voxelwise.choice import Clustering, Known, calibrate, clusterings, f_of_classes, judge, quality

from .._shared.picker_output import write_pickings
from .._shared.program import print_notes
from .._shared.progress import say_on_the_way, stage
from .picks import as_picks, box_diameter, candidates_of, sizes_of
from .records import OutOfFold, write_patches, write_summary
from .sources import TrainingSet, read_training_set
from .train_config import TrainConfig

if TYPE_CHECKING:
    import keras

    from tomo_particles.network.voxels import Checkpoint, ScoreMap

VALIDATED = 0.15  # of the particles of a network's tomograms, where no whole tomogram can be spared to choose the best weights
SPARED = 4  # tomograms that a network has, from which on one of them is spared for that
POOR = 0.3  # F score out of fold: a lower one has a reason
CHOSEN_ON = 3  # tomograms to choose the way from map to picks on; more take time and do not improve the choice


def train_picker(config: TrainConfig) -> VoxelModel:
    """Train, and write the model, its out-of-fold picks, its curves and a summary. Raises InputError."""
    started = time.perf_counter()
    notes: list[str] = []
    with ExitStack() as open_files:
        data = read_training_set(config, open_files, notes)
        model = _description(config, data, notes)
        print_notes(notes)
        networks, model, checkpoint = _train(config, data, model)
        say_on_the_way("picking the training tomograms out of fold")
        model, known, found = _choose(config, data, model, networks)
        from tomo_particles.network.voxels import save_voxel_model

        pickings = _pickings(data, model, known)
        write_pickings(str(config.beside("_picks.csv")), pickings, [file.path for file in data.files], box_diameter(model))
        write_summary(config, data, model, pickings, found, time.perf_counter() - started)
        save_voxel_model(config.output, model, networks)
    checkpoint.remove()
    return model


def _description(config: TrainConfig, data: TrainingSet, notes: list[str]) -> VoxelModel:
    """The model before its training, with its folds."""
    particles = [one.classes > 0 for one in data.labels]
    names = np.concatenate([np.full(own.sum(), t.tomo_id) for own, t in zip(particles, data.tomograms, strict=True)])
    positions = np.concatenate([one.positions[own] for own, one in zip(particles, data.labels, strict=True)])
    regions = make_folds(names, positions, config.folds)
    if any(np.isfinite(region.start) or np.isfinite(region.stop) for region in regions):
        notes.append(
            f"{len(data.tomograms)} tomograms for {config.folds} folds: each tomogram is cut into slabs, half a patch apart"
        )
    with_particles = set(names)
    for number, one in enumerate(t for t in data.tomograms if regions and t.tomo_id not in with_particles):
        # What holds no particle is learned from too: it also needs a network that never saw it
        regions += (Region(one.tomo_id, 0, -np.inf, np.inf, number % config.folds),)
    how = config.how
    return VoxelModel(
        recipe=config.recipe,
        target=config.target or how.target,
        loss=config.loss or how.loss,
        patch=config.patch or how.patch,
        sampling_rate=data.tomograms[0].sampling_rate,
        classes=data.classes,
        folds=config.folds,
        seed=config.seed,
        width=config.width,
        bright=data.tomograms[0].bright,
        regions=regions,
        tomograms=tuple(
            LearnedTomogram(t.tomo_id, file.size, *t.whole) for t, file in zip(data.tomograms, data.files, strict=True)
        ),
        density=float(len(positions) / sum(np.prod(t.data.shape, dtype=float) for t in data.tomograms)),
    )


def _validation_regions(data: TrainingSet, model: VoxelModel, fold: int) -> tuple[Region, ...]:
    """Where network `fold` is validated: a whole tomogram, or the end of each that it learns from."""
    left = [
        (tomogram.tomo_id, one.positions[(one.classes > 0) & ~_in_fold(model, fold, tomogram.tomo_id, one.positions)])
        for tomogram, one in zip(data.tomograms, data.labels, strict=True)
    ]
    left = [(name, positions) for name, positions in left if len(positions)]
    if len(left) >= SPARED:
        typical = sorted(left, key=lambda one: len(one[1]))[len(left) // 2]
        return (Region(typical[0], 0, -np.inf, np.inf, 0),)
    regions = []
    for name, positions in left:
        axis = int(np.argmax(np.ptp(positions, axis=0)))
        regions.append(Region(name, axis, float(np.quantile(positions[:, axis], 1 - VALIDATED)), np.inf, 0))
    return tuple(regions)


def _in_fold(model: VoxelModel, fold: int, tomo_id: str, positions: np.ndarray) -> np.ndarray:
    return fold_of(model.regions, np.full(len(positions), tomo_id), positions) == fold


def _train(config: TrainConfig, data: TrainingSet, model: VoxelModel) -> tuple[list[keras.Model], VoxelModel, Checkpoint]:
    """The networks, one per fold, going on where an interrupted training stopped."""
    start_model = _start_model(config, model)
    sources = [_patch_sources(config, data, model, fold) for fold in range(config.folds)]
    write_patches(config, sources[0][0], model)
    from tomo_particles.network.voxels import Budget, Checkpoint, load_voxel_model, select_devices, train_network
    from tomo_particles.network.voxels.architectures import build_voxel_network
    from tomo_particles.network.voxels.training import LOG_COLUMNS

    strategy = select_devices(config.gpus, config.threads)
    start = load_voxel_model(start_model)[1] if start_model else None
    how = config.how
    budget = Budget(
        config.batch or how.batch,
        config.learning_rate or how.learning_rate,
        steps=config.steps,
        seconds=None if config.steps else 60 * config.minutes,
    )
    checkpoint = Checkpoint(
        config.beside(".training.h5"), f"{__version__} {config} {model.to_json()} {_digest(data, start_model)}"
    )
    finished = checkpoint.read(model, "-o")
    length = f"{config.steps} steps" if config.steps else f"{config.minutes:g} minutes"
    say_on_the_way(f"training {config.folds} network(s) '{config.recipe}', {length} each, on {len(data.tomograms)} tomogram(s)")
    if blind := [fold + 1 for fold, (_, validate) in enumerate(sources) if validate is None]:
        print_notes(
            [
                f"no particle is left to validate network {', '.join(map(str, blind))} on: its last weights are kept, and the "
                "model is marked untested; give more particles or tomograms, or lower --patch"
            ]
        )
    networks, steps = [], []
    Path(config.output).parent.mkdir(parents=True, exist_ok=True)
    kept = finished or checkpoint.current
    with (
        open(config.beside("_training.csv"), "a" if kept else "w", newline="", encoding="utf-8") as log,
        stage("training", config.folds, "networks") as at,
    ):
        curve = csv.DictWriter(log, LOG_COLUMNS)
        if log.tell() == 0:
            curve.writeheader()

        def report(row: dict[str, float]) -> None:
            curve.writerow({name: f"{value:.6g}" for name, value in row.items()})
            log.flush()
            line = "network {network:g}/{folds} step {step:g}: loss {loss:.4f}, validation {val_loss:.4f}; {seconds:.0f} s"
            say_on_the_way(line.format(folds=config.folds, **row))

        for fold, (learn, validate) in at.each(enumerate(sources)):
            if fold < finished:
                trained = checkpoint.finished(fold, build_voxel_network(model, f"network_{fold}"))
                say_on_the_way(f"network {fold + 1}/{config.folds} is there from before")
            else:
                trained = train_network(
                    model,
                    fold,
                    learn,
                    validate,
                    budget,
                    strategy=strategy,
                    start=start[fold % len(start)].get_weights() if start else None,
                    progress=checkpoint.current if fold == finished else None,
                    save=checkpoint.save,
                    report=report,
                    done=at.within,
                    makers=config.threads if config.gpus else 1,
                )
                checkpoint.add(trained)
            networks.append(trained.network)
            steps.append(trained.steps)
            model = replace(model, tested=trained.validated and (model.tested or fold == 0))
    return networks, replace(model, steps=tuple(steps)), checkpoint


def _digest(data: TrainingSet, start_model: str | None) -> str:
    """What decides the training and is in no option: the labels, the masks, and the contents of the model to begin with."""
    digest = hashlib.sha256(Path(start_model).read_bytes() if start_model else b"")
    for one in data.labels:
        for values in (one.positions, one.classes, one.value, one.weight):
            digest.update(np.ascontiguousarray(values).tobytes())
        if data.shapes and one.turns is not None:
            digest.update(np.ascontiguousarray(one.turns).tobytes())
    for mask in (tomogram.mask for tomogram in data.tomograms if tomogram.mask):
        digest.update(mask.is_bad().tobytes())
    return digest.hexdigest()


def _start_model(config: TrainConfig, model: VoxelModel) -> str | None:
    if not config.input_model:
        return None
    start = read_voxel_model(config.input_model, "--inputModel")
    for what, wanted, found in (
        ("the recipe", model.recipe, start.recipe),
        ("the width", model.width, start.width),
        ("the number of classes", len(model.classes), len(start.classes)),
    ):
        if wanted != found:
            raise InputError(
                f"--inputModel: {what} of '{config.input_model}' is {found}, that of this training {wanted}; use the same"
            )
    return config.input_model


def _patch_sources(
    config: TrainConfig, data: TrainingSet, model: VoxelModel, fold: int
) -> tuple[PatchSource, PatchSource | None]:
    """Patches to learn from and to validate on. Raises InputError where nothing is left to learn from."""
    spared = _validation_regions(data, model, fold)
    held = [region for region in model.regions if region.fold == fold]

    def source(closed: Sequence[Region], only: Sequence[Region], seed: int, varied: bool) -> PatchSource:
        return PatchSource(
            data.tomograms,
            data.labels,
            model.classes,
            model.how,
            densities=data.densities,
            shapes=data.shapes,
            patch=model.patch,
            closed=closed,
            only=only,
            seed=seed,
            varied=varied,
            mirror=config.mirror,
        )

    number = 2 * (config.seed * config.folds + fold)
    try:
        learn = source([*held, *spared], (), number, True)
    except ValueError as error:
        raise InputError(
            f"--folds: no particle is left to network {fold + 1}: its fold and its validation take all; lower --folds, lower "
            "--patch, or give more tomograms"
        ) from error
    try:
        return learn, source(held, spared, number + 1, False)
    except ValueError:
        return learn, None


def _choose(
    config: TrainConfig, data: TrainingSet, model: VoxelModel, networks: Sequence[keras.Model]
) -> tuple[VoxelModel, list[Known | None], OutOfFold]:
    """The model with its picking rule, the out-of-fold candidates of each tomogram, and what they are worth."""
    from tomo_particles.network.voxels import predict_out_of_fold

    sizes = sizes_of(model)
    held = model.regions or _validation_regions(data, model, 0)
    places = [k for k, t in enumerate(data.tomograms) if any(region.tomo_id == t.tomo_id for region in held)]

    def known(k: int, found: ScoreMap, how: Clustering) -> Known:
        candidates = candidates_of(found, data.tomograms[k], model, how)
        return _known(data.tomograms[k].tomo_id, data.labels[k], candidates, found, held)

    def map_of(k: int) -> ScoreMap:
        return predict_out_of_fold(data.tomograms[k], networks, model)

    chosen_on = places[:: max(1, len(places) // CHOSEN_ON)][:CHOSEN_ON]
    with stage("choosing how to pick", len(chosen_on), "tomograms") as at:
        looked = {k: map_of(k) for k in at.each(chosen_on)}
    tried = list(clusterings([name for name in CLUSTERINGS if name in model.how.clusterings], min(sizes.radii)))
    scored = [quality(judge([known(k, found, how) for k, found in looked.items()], sizes, _hits), config.beta) for how in tried]
    best = tried[int(np.argmax(scored))]
    for how, value in zip(tried, scored, strict=True):
        chosen = " (chosen)" if how is best else ""
        say_on_the_way(f"{how.cluster}, tau {how.tau:g}, bandwidth {how.bandwidth:.0f} A: F {value:.3f}{chosen}")
    every: list[Known | None] = [None] * len(data.tomograms)
    with stage("picking out of fold", len(places), "tomograms") as at:
        for k in at.each(places):
            every[k] = known(k, looked.pop(k) if k in looked else map_of(k), best)
    picked = [one for one in every if one]
    judged = judge(picked, sizes, _hits)
    found = calibrate(judged, len(model.classes), config.beta)
    of_classes = f_of_classes(picked, sizes, _hits, found, config.beta)
    rule = PickingRule(
        best.cluster,
        best.tau,
        best.bandwidth,
        tuple(map(float, found.scores)),
        tuple(map(float, found.probabilities)),
        tuple(map(float, found.thresholds)),
    )
    if not len(found.scores):
        print_notes(["too few different scores to calibrate them: the scores are not probabilities (uncalibrated)"])
    if found.f_score < POOR:
        unlabelled = "; with --labels partial, picks that nobody labelled count as wrong" if config.partial else ""
        print_notes(
            [
                f"the out-of-fold F score is {found.f_score:.2f}: the networks did not learn to find them{unlabelled}; "
                "train longer, or check sampling rate, axis order and ids of the coordinates, and the diameter"
            ]
        )
    return replace(model, rule=rule), every, OutOfFold(picked, judged, found.f_score, tuple(map(float, of_classes)))


def _known(tomo_id: str, labels: Labels, candidates: Candidates, found: ScoreMap, held: Sequence[Region]) -> Known:
    """Candidates and labels in map voxels, of the places that were held back."""
    to_map: Callable[[np.ndarray], np.ndarray] = lambda positions: (positions - found.offset) / found.step  # noqa: E731
    inside = lambda positions: fold_of(held, np.full(len(positions), tomo_id), positions) >= 0  # noqa: E731
    sure = (labels.value >= 0.5) & (labels.weight > 0) & inside(labels.positions)
    doubtful = (labels.classes > 0) & ~((labels.value >= 0.5) & (labels.weight > 0))
    own = inside(candidates.positions * found.step + found.offset)
    return Known(candidates[own], to_map(labels.positions[sure]), labels.classes[sure] - 1, to_map(labels.positions[doubtful]))


def _hits(picks: np.ndarray, particles: np.ndarray, radii: np.ndarray, scores: np.ndarray) -> np.ndarray:
    return counts_by_score(pairs_within(picks, particles, radii), scores)


def _pickings(data: TrainingSet, model: VoxelModel, known: Sequence[Known | None]) -> list[Picks]:
    """The accepted out-of-fold picks of each tomogram, in its own voxels."""
    pickings = []
    for tomogram, file, one in zip(data.tomograms, data.files, known, strict=True):
        candidates = one.candidates if one else Candidates(np.zeros((0, 3)), np.zeros(0, dtype=int), np.zeros(0))
        pickings.append(as_picks(candidates, model, tomogram.tomo_id, tomogram.sampling_rate, file.sampling_rate))
    return pickings
