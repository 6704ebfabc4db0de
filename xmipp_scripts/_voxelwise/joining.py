"""Picks of a network and of template matching in the same tomograms as one set, with one score."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import require_file, write_csv_table, written_aside
from tomo_particles.core.grey_values import robust_scale
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import Tomogram, open_tomogram, tomogram_id
from tomo_particles.evaluation.matching import counts_by_score, pairs_within
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.pickers.joined import BOTH, NETWORK, TEMPLATE, JointScore, near_value, paired
from tomo_particles.pickers.voxelwise.calibration import best_threshold

from .._shared.program import print_notes, say_result
from .._shared.progress import stage
from .join_config import JoinConfig

GROUPS = (BOTH, TEMPLATE, NETWORK)
SETS: dict[str, Sequence[str]] = {
    "tm": (BOTH, TEMPLATE),
    "dl": (BOTH, NETWORK),
    "both": (BOTH,),
    "tm alone": (TEMPLATE,),
    "dl alone": (NETWORK,),
    "union": GROUPS,
}


@dataclass(frozen=True)
class Fit:
    """A joint score and its lowest accepted value."""

    score: JointScore
    threshold: float

    @staticmethod
    def read(path: str) -> Fit:
        """Raises InputError for a file that is no fit of this program."""
        require_file(path, "--fit")
        try:
            values = json.loads(Path(path).read_text(encoding="utf-8"))
            parts = [tuple(float(value) for value in values["score"][name]) for name in ("mean", "spread", "weights")]
            threshold = float(values["threshold"])
            numbers = [value for part in parts for value in part]
            if [len(part) for part in parts] != [2, 2, 3] or not np.isfinite([*numbers, threshold]).all() or min(parts[1]) <= 0:
                raise ValueError("its numbers do not fit")
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"--fit: '{path}' is no fit of xmipp_join_picks_tomo; learn one with --truth") from error
        mean, spread, weights = parts
        return Fit(JointScore((mean[0], mean[1]), (spread[0], spread[1]), (weights[0], weights[1], weights[2])), threshold)


def join_picks(config: JoinConfig) -> pd.DataFrame:
    """Join from files to a file; returns the accepted picks with `found_by`: both, tm or dl. Raises InputError."""
    fit = None if config.truth else Fit.read(config.fit)
    notes: list[str] = []
    rates, sizes, tables = {}, {}, []
    for path in config.tomograms:
        with _opened(config, path) as opened:
            rates[tomogram_id(path)], sizes[tomogram_id(path)] = opened.sampling_rate, opened.size
    files = {"--network": config.network, "--template": config.template} | ({"--truth": config.truth} if config.truth else {})
    picks = {option: read_pick_file(path, rates, option=option, sizes=sizes, notes=notes) for option, path in files.items()}
    with stage("joining", len(config.tomograms), "tomograms") as at:
        for path in at.each(config.tomograms):
            tomo_id = tomogram_id(path)
            own = {option: of.get(tomo_id, Picks(tomo_id, np.zeros((0, 3)), rates[tomo_id])) for option, of in picks.items()}
            own = {option: one.at_sampling_rate(rates[tomo_id]) for option, one in own.items()}
            with _opened(config, path) as opened:
                tables.append(_union(config, opened, own["--network"], own["--template"]))
            if config.truth:
                tables[-1]["true"] = _hits(tables[-1], own["--truth"].positions, config.diameter / 2 / rates[tomo_id])
    print_notes(notes)
    table = pd.concat(tables, ignore_index=True)
    if config.truth:
        fit = _learned(config, table, sum(len(of) for of in picks["--truth"].values()))
    assert fit is not None
    if not config.truth:
        table["score"] = fit.score.of(table["network"].to_numpy(), table["template"].to_numpy())
    lowest = fit.threshold if config.threshold is None else config.threshold
    accepted = table[table["score"] >= lowest].sort_values(["tomo_id", "score"], ascending=[True, False], kind="stable")
    _write_groups(config, table, accepted, sum(len(of) for of in picks["--truth"].values()) if config.truth else None)
    named = ["class"] * bool((accepted["class"] != "").any()) + ["rot", "tilt", "psi"] * bool(accepted["rot"].notna().any())
    write_csv_table(config.output, accepted[["tomo_id", "x", "y", "z", "score", "found_by", *named, "samplingRate"]])
    for group in GROUPS:
        every, good = (int((one["found_by"] == group).sum()) for one in (table, accepted))
        say_result(f"found by {group}: {every} picks, {good} accepted")
    return accepted


def _opened(config: JoinConfig, path: str) -> AbstractContextManager[Tomogram]:
    return open_tomogram(path, config.tomogram_sampling_rate, "--tomograms")


def _union(config: JoinConfig, tomogram: Tomogram, network: Picks, template: Picks) -> pd.DataFrame:
    """One row a particle: those of the network, then those of template matching alone, with both maps read at its place."""
    pairs = paired(network.positions, template.positions, config.diameter / 2 / tomogram.sampling_rate)
    alone = np.setdiff1d(np.arange(len(template)), pairs[:, 1])
    positions = np.concatenate([network.positions, template.positions[alone]])
    found_by = np.array([NETWORK] * len(network) + [TEMPLATE] * len(alone), dtype=object)
    found_by[pairs[:, 0]] = BOTH
    names, angles = np.concatenate([network.species, template.species[alone]]), np.full((len(positions), 3), np.nan)
    angles[len(network) :] = template.angles[alone]
    angles[pairs[:, 0]] = template.angles[pairs[:, 1]]
    named = template.species[pairs[:, 1]] != ""
    names[pairs[named, 0]] = template.species[pairs[named, 1]]  # a density tells classes better than a network
    columns: dict[str, object] = {"tomo_id": network.tomo_id, **dict(zip("xyz", positions.T, strict=True))}
    columns |= {"found_by": found_by, "class": names, **dict(zip(("rot", "tilt", "psi"), angles.T, strict=True))}
    columns |= {"samplingRate": tomogram.sampling_rate, "network": _of_network(config, tomogram, network.tomo_id, positions)}
    return pd.DataFrame(columns | {"template": _of_templates(config, tomogram, network.tomo_id, positions)})


def _of_network(config: JoinConfig, tomogram: Tomogram, tomo_id: str, positions: np.ndarray) -> np.ndarray:
    """(n,) the network's probability around each position; map and tomogram share their outer corner."""
    path = Path(config.network_maps) / f"{tomo_id}_scores.mrc"
    require_file(path, "--networkMaps")
    with open_tomogram(path, None, "--networkMaps") as found:
        places = (positions + 0.5) * tomogram.sampling_rate / found.sampling_rate - 0.5
        return np.nan_to_num(near_value(found.data, places, largest=False))


def _of_templates(config: JoinConfig, tomogram: Tomogram, tomo_id: str, positions: np.ndarray) -> np.ndarray:
    """(n,) the best score of any template near each position, in robust deviations of its map; map and tomogram share voxel 0."""
    # What begins with a longer id is of that tomogram: TS_1_b_ribosome_scores.mrc is of TS_1_b, not of TS_1
    longer = tuple(f"{other}_" for path in config.tomograms if (other := tomogram_id(path)).startswith(f"{tomo_id}_"))
    paths = sorted(
        path
        for path in Path(config.template_maps).glob("*_scores.mrc")
        if path.name.startswith(f"{tomo_id}_") and not path.name.startswith(longer)
    )
    if not paths:
        raise InputError(
            f"--templateMaps: '{config.template_maps}' has no '{tomo_id}_<template>_scores.mrc'; give the folder of score "
            "maps of xmipp_template_matching_tomo"
        )
    every = []
    for path in paths:
        with open_tomogram(path, None, "--templateMaps") as found:
            values = np.asarray(found.data, dtype=np.float32)
            scored = values[values != 0]  # 0: not scored
            centre, deviation = robust_scale(scored) if len(scored) else (0.0, 0.0)
            near = near_value(values, positions * tomogram.sampling_rate / found.sampling_rate, largest=True)
            every.append((near - centre) / deviation if deviation > 0 else np.full(len(positions), np.nan))
    stacked = np.where(np.isfinite(every), every, -np.inf).max(axis=0)
    return np.where(np.isfinite(stacked), stacked, np.nan)


def _hits(table: pd.DataFrame, truth: np.ndarray, radius: float) -> np.ndarray:
    """(n,) bool: whether each pick is the one that counts for a particle, the most probable first."""
    return counts_by_score(pairs_within(table[["x", "y", "z"]].to_numpy(), truth, radius), table["network"].to_numpy())


def _learned(config: JoinConfig, table: pd.DataFrame, particles: int) -> Fit:
    """The joint score of all tomograms, written to --fit. In the table, each tomogram is scored by the others."""
    network, template, true = (table[name].to_numpy() for name in ("network", "template", "true"))
    names = table["tomo_id"].to_numpy()
    score = np.zeros(len(table))
    try:
        for name in np.unique(names):
            own = names == name
            score[own] = JointScore.fitted(network[~own], template[~own], true[~own]).of(network[own], template[own])
        joint = JointScore.fitted(network, template, true)
    except ValueError as error:
        raise InputError(
            f"--truth: nothing can be learned from '{config.truth}': {error}; check its sampling rate, axes and ids, or give "
            "more picks, also wrong ones"
        ) from error
    table["score"] = score
    threshold, best = best_threshold(score, true, particles)
    fit = Fit(joint, threshold)
    with written_aside(config.fit) as aside:
        aside.write_text(json.dumps({"score": asdict(joint), "threshold": threshold}, indent=1) + "\n", encoding="utf-8")
    _say_groups(table, particles, best)
    return fit


def _write_groups(config: JoinConfig, table: pd.DataFrame, accepted: pd.DataFrame, particles: int | None) -> None:
    """A row a group, beside the picks; particles: in the truth, None where it is unknown."""
    own = {name: table[table["found_by"].isin(groups)] for name, groups in SETS.items()} | {"joined": accepted}
    rows = []
    for name, of in own.items():
        row = {"group": name, "picks": len(of), "accepted": int(of.index.isin(accepted.index).sum())}
        if particles is not None:
            right = int(of["true"].sum())
            row |= {"precision": right / max(len(of), 1), "recall": right / max(particles, 1)}
            row |= {"F1": 2 * right / max(len(of) + particles, 1)}
        rows.append(row)
    write_csv_table(Path(config.output).with_name(f"{Path(config.output).stem}_groups.csv"), pd.DataFrame(rows))


def _say_groups(table: pd.DataFrame, particles: int, best: float) -> None:
    """Precision and F score of the groups, of both pickers, of their union, and of the joint score (out of fold)."""
    for name in ("tm", "dl", "both", "union"):
        own = table[table["found_by"].isin(SETS[name])]
        right = int(own["true"].sum())
        f_score = 2 * right / max(len(own) + particles, 1)
        precision, recall = right / max(len(own), 1), right / max(particles, 1)
        say_result(f"{name}: {len(own)} picks, precision {precision:.3f}, recall {recall:.3f}, F {f_score:.3f}")
    for group in (TEMPLATE, NETWORK):
        own = table[table["found_by"] == group]
        say_result(f"{group} alone: {len(own)} picks, precision {own['true'].sum() / max(len(own), 1):.3f}")
    say_result(f"joined, each tomogram scored by the others: F {best:.3f}")
