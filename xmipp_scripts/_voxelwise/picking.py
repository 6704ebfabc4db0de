"""Picks tomograms with the model of a voxel-wise picker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.files import file_stem
from tomo_particles.core.picks import Picks
from tomo_particles.core.seeds import seed_of
from tomo_particles.core.tomograms import Tomogram, each_tomogram, open_tomogram, tomogram_id, write_volume
from tomo_particles.learning.voxels.description import PickingRule, VoxelModel, read_voxel_model
from tomo_particles.learning.voxels.grey import SeenTomogram, seen_tomogram
from tomo_particles.pickers.template_search import SearchSettings, Template, identify

from .._shared.mask_option import bad_voxels_of, mask_of
from .._shared.masks import masks_by_tomogram
from .._shared.picker_output import write_pickings
from .._shared.program import print_notes
from .._shared.progress import say_on_the_way, stage
from .._shared.templates import check_template_sizes, read_templates
from .pick_config import DeepPickConfig
from .picks import as_picks, box_diameter, candidates_of

if TYPE_CHECKING:
    import keras

    from tomo_particles.network.voxels import ScoreMap
    from tomo_particles.regions.region_mask import RegionMask

SAME_SCALE = 1e-3  # relative: grey values of a tomogram that is the one that was trained on
FEW = 0.2  # of the expected number of picks: fewer may have a reason
SURE, MUCH_MORE = 0.8, 2.0  # probability from which on a voxel counts, and how many times as much tells an inverted contrast
LOOKED_AT = 80  # voxels to a side, to see whether the contrast is inverted


def pick_files(config: DeepPickConfig) -> list[Picks]:
    """Pick from files to a file; returns the picks of each tomogram. Everything is checked before the first is picked."""
    model = read_voxel_model(config.model, "--model")
    thresholds = _thresholds(config, model)
    notes: list[str] = []
    templates = read_templates(config.identify, (), None, notes, "--identify")
    masks = masks_by_tomogram(config.mask, [tomogram_id(path) for path in config.tomograms], "--mask")
    for tomogram in each_tomogram(config.tomograms, config.tomogram_sampling_rate, "--tomograms", notes):
        bad_voxels_of(mask_of(masks, tomogram), tomogram)
        check_template_sizes(tomogram, templates, "--identify")
    model, more = _with_rule(config, model)
    print_notes([*notes, *more])
    from tomo_particles.network.voxels import load_voxel_model, select_devices

    strategy = select_devices(config.gpus, config.threads)
    networks = load_voxel_model(config.model, strategy=strategy, option="--model")[1]
    pickings, paths = [], []
    with stage("picking", len(config.tomograms), "tomograms") as at:
        for path in config.tomograms:
            with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
                picks = _pick(config, tomogram, mask_of(masks, tomogram), model, networks, thresholds)
                if picks is not None and templates:
                    picks = _identified(config, tomogram, picks, templates, model.bright)
            if picks is not None:
                pickings.append(picks)
                paths.append(path)
            at.done(f"{path}: {'left out' if picks is None else f'{len(picks)} picks'}")
    if not pickings:
        raise InputError("--tomograms: no tomogram holds anything to see; reconstruct them again")
    write_pickings(config.output, pickings, paths, box_diameter(model))
    return pickings


def _thresholds(config: DeepPickConfig, model: VoxelModel) -> np.ndarray:
    """(C,) the lowest accepted score of each class."""
    names = [one.name for one in model.classes]
    given = dict(config.thresholds)
    if strange := sorted(set(given) - {"", *names}):
        raise InputError(f"--threshold: the model has no class {listed(strange)}; it has {listed(names)}")
    usual = model.rule.thresholds or (0.5,) * len(names)
    return np.array([given.get(name, given.get("", value)) for name, value in zip(names, usual, strict=True)])


def _with_rule(config: DeepPickConfig, model: VoxelModel) -> tuple[VoxelModel, list[str]]:
    """The model with the rule that the user wants, and what to say about it."""
    notes = []
    if not model.tested:
        notes.append(f"'{config.model}' is untested: no particle was left to validate it on")
    rule: PickingRule = model.rule
    chosen = replace(rule, cluster=config.cluster or rule.cluster, bandwidth=config.bandwidth or rule.bandwidth)
    if config.bandwidth and chosen.cluster != "meanshift":
        raise InputError(f"--bandwidth: has no meaning with the clustering {chosen.cluster}; give --cluster meanshift too")
    if not rule.scores:
        notes.append(f"'{config.model}' is uncalibrated: its scores are not probabilities")
    elif chosen != rule:
        notes.append(f"the scores were calibrated for the clustering {rule.cluster}, bandwidth {rule.bandwidth:.0f} A")
    return replace(model, rule=chosen), notes


def _pick(
    config: DeepPickConfig,
    tomogram: Tomogram,
    mask: RegionMask | None,
    model: VoxelModel,
    networks: Sequence[keras.Model],
    thresholds: np.ndarray,
) -> Picks | None:
    """The picks of a tomogram; None where it holds nothing to see."""
    from tomo_particles.network.voxels import predict, predict_out_of_fold

    tomo_id = tomogram_id(tomogram.path)
    seen = seen_tomogram(tomo_id, tomogram.data, tomogram.sampling_rate, rate=model.sampling_rate, bright=model.bright, mask=mask)
    if seen is None:
        print_notes([f"'{tomogram.path}' is left out: all its voxels have one value, or none is a number"])
        return None
    if seen.data is not tomogram.data:
        print_notes(
            [f"'{tomogram.path}' has {tomogram.sampling_rate:.5g} Å/voxel: rescaled to {model.sampling_rate:.5g}, the model's"]
        )
    if trained := _was_trained_on(tomogram, seen, model):
        found = predict_out_of_fold(replace(seen, tomo_id=trained), networks, model, turns=config.turns)
        print_notes([f"'{tomogram.path}' is of the training: each place is picked by the network that did not learn from it"])
    else:
        found = predict(seen, networks, model, turns=config.turns)
    if config.scoremaps:
        voxel = seen.sampling_rate * found.step
        write_volume(Path(config.scoremaps) / f"{tomo_id}_scores.mrc", found.particle, voxel)
    candidates = candidates_of(found, seen, model, model.rule)
    picks = as_picks(candidates, model, tomo_id, seen.sampling_rate, tomogram.sampling_rate, thresholds, config.number)
    if not trained:
        print_notes(_doubts(seen, found, networks, model, None if config.number else len(picks)))
    return picks


def _identified(config: DeepPickConfig, tomogram: Tomogram, picks: Picks, templates: Sequence[Template], bright: bool) -> Picks:
    """The picks with the name and the angles of the template that fits best."""
    settings = SearchSettings(
        tilts=config.tilts,
        angular_step=config.angular_step,
        lowpass=config.lowpass,
        bright=bright,
        threads=config.threads,
    )
    seed = seed_of(config.seed, picks.tomo_id)
    found = identify(tomogram, picks.positions, templates, settings, seed=seed, progress=say_on_the_way)
    return replace(picks, species=np.where(found.names == "", picks.species, found.names), angles=found.angles)


def _was_trained_on(tomogram: Tomogram, seen: SeenTomogram, model: VoxelModel) -> str | None:
    """The id under which the model was trained on this very tomogram, if it has folds; None for one of the same name only.

    Scipion's ids may have letters that the names of files do not have.
    """
    for one in model.tomograms if model.regions else ():
        if seen.tomo_id in (one.tomo_id, file_stem(one.tomo_id)):
            centre, deviation = seen.whole
            near = abs(one.centre - centre) + abs(one.deviation - deviation) <= SAME_SCALE * one.deviation
            if near and one.size == tomogram.size:
                return one.tomo_id
            print_notes([f"'{tomogram.path}' has the name of a training tomogram, but is another one: picked as new"])
    return None


def _doubts(
    seen: SeenTomogram, found: ScoreMap, networks: Sequence[keras.Model], model: VoxelModel, count: int | None
) -> list[str]:
    """What tells that a tomogram is not like those of the training: its contrast, or far fewer picks than there.

    count: of its picks; None where the user chose it.
    """
    from tomo_particles.network.voxels import predict

    good = 1.0 if seen.mask is None else 1 - float(seen.mask.is_bad().mean())
    notes, expected = [], model.density * seen.data.size * good
    middle = tuple(slice(max(0, (n - LOOKED_AT) // 2) // 2 * 2, (n + LOOKED_AT) // 2) for n in seen.data.shape)
    inverted = predict(replace(seen, data=seen.data[middle], bright=not seen.bright), networks, model).particle
    here = tuple(slice(s.start // found.step, s.start // found.step + n) for s, n in zip(middle, inverted.shape, strict=True))
    if _sure_of(inverted) > MUCH_MORE * _sure_of(found.particle[here]):
        notes.append(
            f"'{seen.tomo_id}': the networks are surer of particles in it with inverted contrast: its contrast is probably the "
            "opposite of that of the training tomograms"
        )
    if count is not None and count < FEW * expected:
        notes.append(f"'{seen.tomo_id}': {count} picks, where the training tomograms had {expected:.0f} in such a volume")
    return notes


def _sure_of(particle: np.ndarray) -> float:
    """How much of a map is sure to be a particle."""
    return float(np.maximum(particle - SURE, 0).mean())
