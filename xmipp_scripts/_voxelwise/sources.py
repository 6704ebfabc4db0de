"""What a picker learns from: tomograms, and what experts, a simulation or a consensus know of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from tomo_particles.core.coordinates import check_inside, rescale_positions
from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import Tomogram, open_tomogram, tomogram_id
from tomo_particles.evaluation.particle_classes import DISTRACTORS, Species, read_species
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.geometry.orientations import rotation_of
from tomo_particles.learning.voxels.grey import SeenTomogram, seen_tomogram
from tomo_particles.learning.voxels.targets import VOLUME_DIAMETER, Labels, ParticleClass, Shape
from tomo_particles.runs.results import read_run

from .._shared.diameter import check_particle_size
from .._shared.mask_option import mask_of
from .._shared.masks import masks_by_tomogram
from .._shared.templates import read_density
from .train_config import SOURCES, TrainConfig

ONE_CLASS = "particle"
FEW = 5  # particles of a class: fewer are warned of
UNLABELLED = {"partial": 0.3, "consensus": 0.5}  # weight of the space without labels
ACCEPTED, REFUSED = 0.5, 0.2  # score of a merged pick that is taken for a particle, and below which it is taken for none
LEAST_ACCEPTED = 20
LIKELY_RADIUS = (0.15, 0.6)  # diameters: a radius beyond is of a volume in other voxels
LEAST_VOXELS = 4  # in a diameter: smaller particles are a wrong unit, or the network cannot tell them from noise
LEAST_CONTRAST = 0.1  # deviations: particles that differ less from their surroundings tell no contrast
CERTAIN = 2.0  # standard errors of that difference


@dataclass(frozen=True)
class LearnedFile:
    """A tomogram file: its path, its own sampling rate (Å/voxel) and its size x, y, z."""

    path: str
    sampling_rate: float
    size: tuple[int, int, int]


@dataclass(frozen=True)
class TrainingSet:
    """n tomograms as networks see them, their labels, the classes, their files, and, if needed, their noise-free densities and
    the shapes of the classes."""

    tomograms: list[SeenTomogram]
    labels: list[Labels]
    classes: tuple[ParticleClass, ...]
    files: list[LearnedFile]
    densities: list[SeenTomogram]
    shapes: tuple[Shape, ...] = ()


LabelsOf = Callable[[str, Tomogram], Labels]  # of a tomogram, given its path, in its own voxels


@dataclass(frozen=True)
class _Source:
    """What a source names. own_rate: sampling rates that differ from the headers'.  ids: that differ from the names of the files.

    diameters: Å, of each class, with the beginning of a message about it.
    """

    paths: list[str]
    labels_of: LabelsOf
    classes: tuple[ParticleClass, ...]
    diameters: Mapping[str, float]
    own_rate: Mapping[str, float | None] = field(default_factory=dict)
    ids: Mapping[str, str] = field(default_factory=dict)
    shapes: tuple[Shape, ...] = ()


def read_training_set(config: TrainConfig, open_files: ExitStack, notes: list[str]) -> TrainingSet:
    """Everything that decides the training, checked. The tomograms stay open as long as `open_files`.

    notes: receives what was met on the way, a line each. Raises InputError.
    """
    source = _consensus(config, notes) if config.consensus else _coordinates(config, notes)
    classes = source.classes
    ids = {path: source.ids.get(path, tomogram_id(path)) for path in source.paths}
    masks = masks_by_tomogram(config.mask, list(ids.values()), "--mask", every=False)
    if config.mask and (lacking := [tomo_id for tomo_id in ids.values() if tomo_id not in masks]):
        notes.append(f"no mask of {listed(lacking)}: all of it counts as good")
    tomograms: list[SeenTomogram] = []
    labels: list[Labels] = []
    files: list[LearnedFile] = []
    densities: list[SeenTomogram] = []
    for path in source.paths:
        opened = open_files.enter_context(
            open_tomogram(path, source.own_rate.get(path) or config.tomogram_sampling_rate, _option(config))
        )
        notes += opened.notes
        rate = tomograms[0].sampling_rate if tomograms else opened.sampling_rate
        mask = mask_of(masks, opened, ids[path])
        seen = seen_tomogram(ids[path], opened.data, opened.sampling_rate, rate=rate, mask=mask)
        if seen is None:
            notes.append(f"'{path}' is left out: all its voxels have one value, or none is a number")
            continue
        if seen.data is not opened.data:
            notes.append(f"'{path}' has {opened.sampling_rate:.5g} Å/voxel: rescaled to {rate:.5g}, that of the first tomogram")
        for option, diameter in source.diameters.items():
            check_particle_size(diameter, opened, option, LEAST_VOXELS)
        known = source.labels_of(path, opened)
        if mask is not None:
            known = _good_labels(known, mask.is_bad_at(known.positions, opened.sampling_rate), ids[path], notes)
        tomograms.append(seen)
        labels.append(replace(known, positions=rescale_positions(known.positions, opened.sampling_rate, seen.sampling_rate)))
        files.append(LearnedFile(str(path), opened.sampling_rate, opened.size))
        if config.how.denoises:
            densities.append(_density_of(path, seen, open_files))
    if not tomograms:
        raise InputError(f"{_option(config)}: no tomogram holds anything to see; reconstruct them again")
    _check_counts(labels, classes, config, notes)
    tomograms = _with_contrast(tomograms, labels, classes, notes, sure=bool(config.simulation))
    return TrainingSet(tomograms, labels, classes, files, densities, source.shapes)


def _density_of(path: str, seen: SeenTomogram, open_files: ExitStack) -> SeenTomogram:
    """The noise-free density of a simulated tomogram, in deviations of its own; most of it is empty."""
    density = Path(path).with_name(f"{seen.tomo_id}_density.mrc")
    if not density.is_file():
        raise InputError(f"--simulation: there is no '{density}', from which this recipe learns; simulate again, with densities")
    data = open_files.enter_context(open_tomogram(density, seen.sampling_rate, "--simulation")).data
    if data.shape != seen.data.shape or not np.isfinite(data).all() or np.ptp(data) == 0:
        raise InputError(f"--simulation: '{density}' is not the density of '{path}'; simulate again")
    return replace(seen, data=data, centre=0.0, deviation=float(np.std(data)), bright=True)


def _option(config: TrainConfig) -> str:
    return next((option for name, option in SOURCES.items() if getattr(config, name) and name != "coordinates"), "--tomograms")


def _coordinates(config: TrainConfig, notes: list[str]) -> _Source:
    """Picks of experts, or the places of a simulation."""
    if config.simulation:
        folder = Path(config.simulation)
        coordinates, classes = folder / "ground_truth.csv", Path(config.classes or folder / "classes.csv")
        names = _tomograms_named(coordinates)
        paths = [str(folder / f"{name}.mrc") for name in names]
    else:
        coordinates, classes, paths = Path(str(config.coordinates)), Path(config.classes or ""), list(config.tomograms)
    sizes, rates = {}, {}
    for path in paths:
        with open_tomogram(path, config.tomogram_sampling_rate, _option(config)) as opened:
            sizes[tomogram_id(path)], rates[tomogram_id(path)] = opened.size, opened.sampling_rate
    option = SOURCES["simulation" if config.simulation else "coordinates"]
    picks = read_pick_file(coordinates, rates, option=option, sizes=sizes, notes=notes)
    if missing := [tomo_id for tomo_id in rates if tomo_id not in picks]:
        notes.append(f"no coordinates for {listed(missing)}: left out, because nobody says that nothing is there")
        paths = [path for path in paths if tomogram_id(path) in picks]
    table = "--classes" if config.classes else "--simulation"
    known = read_species(classes, table) if config.diameter is None else None
    found = _classes(known, config, min(rates.values()), table)
    diameters = {f"{table}: class '{one.name}'": one.diameter for one in known.values() if not one.distractor} if known else {}
    rest = UNLABELLED["partial"] if config.partial else 1.0

    def labels_of(path: str, tomogram: Tomogram) -> Labels:
        labels = _known_labels(picks[tomogram_id(path)], tomogram, known, found, rest, (option, table))
        if config.target == "shape" and len(labels) and labels.turns is None:
            raise InputError(f"--target: shape needs the angles of all particles, and '{coordinates}' lacks some; choose sphere")
        return labels

    shapes = _shapes(config, found, notes) if config.target == "shape" else ()
    return _Source(paths, labels_of, found, diameters or {"--diameter": float(config.diameter or 0)}, shapes=shapes)


def _shapes(config: TrainConfig, classes: tuple[ParticleClass, ...], notes: list[str]) -> tuple[Shape, ...]:
    """Of each class, from its map in the simulation: its densest voxels, as many as its volume has."""
    found = []
    for one in classes:
        path = Path(str(config.simulation)) / "templates" / f"{one.name}.mrc"
        if not path.is_file():
            raise InputError(f"--target: shape needs '{path}', which does not exist; simulate again, or choose sphere")
        density, rate = read_density(str(path), None, "--target", notes)
        found.append(Shape.densest(density, rate, 4 / 3 * np.pi * one.radius**3))
    return tuple(found)


def _tomograms_named(coordinates: Path) -> list[str]:
    """The ids of the tomograms in the table of a simulation, in its order."""
    import pandas as pd

    from tomo_particles.core.files import require_file

    require_file(coordinates, "--simulation")
    try:
        return list(dict.fromkeys(pd.read_csv(coordinates, dtype=str, usecols=["tomo_id"])["tomo_id"]))
    except ValueError as error:
        raise InputError(f"--simulation: '{coordinates}' is no table of xmipp_simulate_tomo; simulate again") from error


def _classes(known: Mapping[str, Species] | None, config: TrainConfig, rate: float, table: str) -> tuple[ParticleClass, ...]:
    """The classes to learn, in the order of the table; rate: Å/voxel of the volumes in the table; table: its option."""
    if known is None:
        return (ParticleClass(ONE_CLASS, VOLUME_DIAMETER * float(config.diameter or 0)),)
    found = []
    for one in known.values():
        if one.distractor:
            continue
        radius = VOLUME_DIAMETER * one.diameter
        if np.isfinite(one.voxels):
            radius = rate * (3 * one.voxels / (4 * np.pi)) ** (1 / 3)
            if not LIKELY_RADIUS[0] * one.diameter <= radius <= LIKELY_RADIUS[1] * one.diameter:
                raise InputError(
                    f"{table}: class '{one.name}' has {one.voxels:g} voxels, a ball of {2 * radius:.0f} Å at {rate:g} Å/voxel, "
                    f"but a diameter of {one.diameter:g} Å; correct the column voxels, or leave it out"
                )
        found.append(ParticleClass(one.name, float(radius)))
    if not found:
        raise InputError(f"{table}: every class of the table is a distractor; there is nothing to learn")
    return tuple(found)


def _known_labels(
    picks: Picks,
    tomogram: Tomogram,
    known: Mapping[str, Species] | None,
    classes: tuple[ParticleClass, ...],
    rest: float,
    options: tuple[str, str],
) -> Labels:
    """Certain particles; what the table calls a distractor, or what always is one, is no particle.

    options: of the places, and of the table.
    """
    source, table = options
    where = f"{source}: tomogram '{picks.tomo_id}'"
    positions = picks.at_sampling_rate(tomogram.sampling_rate).positions
    check_inside(positions, tomogram.size, where, tomogram.sampling_rate)
    names = [one.name for one in classes]
    if known:
        species = [name or (names[0] if len(names) == 1 else "") for name in picks.species]
    else:  # one class, whatever the picks are called
        species = [name if name in DISTRACTORS else names[0] for name in picks.species]
    if known and "" in species:
        raise InputError(f"{where}: picks without a class, but {table} has {len(names)}; add the column class")
    if known and (strange := sorted({name for name in species if name not in known})):
        raise InputError(f"{where}: the class {listed(strange)} is not in the table of {table}; add it, or remove the picks")
    number = np.array([names.index(name) + 1 if name in names else 0 for name in species], dtype=int)
    turned = not np.isnan(picks.angles[number > 0]).any()
    turns = rotation_of(np.nan_to_num(picks.angles)).as_matrix() if turned and len(picks) else None
    return Labels(positions, number, (number > 0).astype(float), np.ones(len(number)), rest, turns)


def _consensus(config: TrainConfig, notes: list[str]) -> _Source:
    """A finished consensus as teacher: what it accepts is a particle as surely as it says, what it refuses is none."""
    run = read_run(str(config.consensus), option="--consensus")
    probability = run.probability
    accepted = int((probability >= ACCEPTED).sum())
    if accepted < LEAST_ACCEPTED:
        raise InputError(
            f"--consensus: '{config.consensus}' has {accepted} picks with a score of {ACCEPTED:g} or more, too few to learn from "
            f"({LEAST_ACCEPTED}); run the consensus on more tomograms or with more pickers"
        )
    if not run.scores_are_probabilities:
        notes.append("the scores of this consensus are no probabilities: they are taken as they are")
    paths = {str(one.path): one for one in run.tomograms}
    doubtful = (probability < ACCEPTED) & (probability >= REFUSED)
    value = np.where(probability >= ACCEPTED, probability, np.where(doubtful & config.soft, probability, 0.0))
    weight = np.where(doubtful, np.abs(2 * probability - 1) if config.soft else 0.0, 1.0)
    which = (probability >= REFUSED).astype(int)

    def labels_of(path: str, tomogram: Tomogram) -> Labels:
        own = run.of_tomogram(paths[path].tomo_id)  # in Scipion, the id is not the name of the file
        positions = run.positions(tomogram.sampling_rate)[own]
        return Labels(positions, which[own], value[own], weight[own], UNLABELLED["consensus"])

    diameter = float(config.diameter or 0)
    classes = (ParticleClass(ONE_CLASS, VOLUME_DIAMETER * diameter),)
    rates = {path: one.sampling_rate for path, one in paths.items()}
    ids = {path: one.tomo_id for path, one in paths.items()}
    return _Source(list(paths), labels_of, classes, {"--diameter": diameter}, rates, ids)


def _good_labels(labels: Labels, bad: np.ndarray, tomo_id: str, notes: list[str]) -> Labels:
    """Labels of which those in bad regions, (n,) bool, teach nothing: particles are ignored, wrong places are left out."""
    if lost := int((bad & (labels.value > 0)).sum()):
        notes.append(f"'{tomo_id}': {lost} of {int((labels.value > 0).sum())} particles lie in bad regions of its mask: ignored")
    kept = ~(bad & (labels.classes == 0))
    return Labels(
        labels.positions[kept],
        labels.classes[kept],
        labels.value[kept],
        np.where(bad, 0.0, labels.weight)[kept],
        labels.rest,
        None if labels.turns is None else labels.turns[kept],
    )


def _check_counts(labels: list[Labels], classes: tuple[ParticleClass, ...], config: TrainConfig, notes: list[str]) -> None:
    every = np.concatenate([one.classes[(one.value > 0) & (one.weight > 0)] for one in labels])
    counts = np.bincount(every, minlength=len(classes) + 1)[1:]
    if none := [one.name for one, count in zip(classes, counts, strict=True) if not count]:
        raise InputError(
            f"{'--classes' if config.classes else _option(config)}: no particle of the class {listed(none)}; add some, or remove "
            "the class from the table"
        )
    for one, count in zip(classes, counts, strict=True):
        if count < FEW:
            notes.append(f"class '{one.name}' has {count} particles: too few to learn it well")


def _with_contrast(
    tomograms: list[SeenTomogram], labels: list[Labels], classes: tuple[ParticleClass, ...], notes: list[str], sure: bool
) -> list[SeenTomogram]:
    """The tomograms, protein positive: the contrast of most of them holds for all.

    sure: the places are right, as in a simulation, however faint the particles are.
    """
    contrast = [_contrast(tomogram, known, classes) for tomogram, known in zip(tomograms, labels, strict=True)]
    bright = sum(value < 0 for value in contrast) > sum(value > 0 for value in contrast)
    if bright:
        notes.append("the labelled particles are brighter than their surroundings: the model is for tomograms of that contrast")
    alike = [tomogram.tomo_id for tomogram, value in zip(tomograms, contrast, strict=True) if value == 0]
    if alike and not sure:
        notes.append(
            f"the labelled places of {listed(alike)} look like their surroundings: check the sampling rate, the axis order and "
            "the ids of the coordinates, unless these particles are few or faint"
        )
    for tomogram, value in zip(tomograms, contrast, strict=True):
        if (value > 0 and bright) or (value < 0 and not bright):
            notes.append(
                f"tomogram '{tomogram.tomo_id}': its contrast is inverted, or its labels are elsewhere: the labelled places are "
                f"{'darker' if bright else 'brighter'} than their surroundings, unlike in the other tomograms"
            )
    return [replace(tomogram, bright=bright) for tomogram in tomograms]


def _contrast(tomogram: SeenTomogram, labels: Labels, classes: tuple[ParticleClass, ...]) -> float:
    """Mean grey value of labelled particles above that around them, in deviations; positive: dark protein.

    The whole particle counts, not its middle: many are hollow. 0 where it is too small to be seen, or what places at random
    may have; not a number where no particle is labelled.
    """
    values = []
    for row in np.flatnonzero((labels.value > 0) & (labels.weight > 0))[:100]:
        half = max(1, round(classes[labels.classes[row] - 1].radius / tomogram.sampling_rate))
        start = np.rint(labels.positions[row][::-1]).astype(int) - 2 * half
        grey, _ = tomogram.crop(start, (4 * half + 1,) * 3)
        inner = grey[half:-half, half:-half, half:-half]
        values.append((inner.sum() / inner.size) - (grey.sum() - inner.sum()) / (grey.size - inner.size))
    if not values:
        return np.nan
    mean, error = float(np.mean(values)), float(np.std(values)) / np.sqrt(len(values))
    return mean if abs(mean) > max(LEAST_CONTRAST, CERTAIN * error) else 0.0
