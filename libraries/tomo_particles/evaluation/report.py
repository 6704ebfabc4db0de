"""All numbers of a picking against ground truth, by both rules for a hit, over one tomogram or several."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.coordinates import inside_volume
from ..core.picks import Picks
from .calibration import (
    PrecisionRecall,
    brier_score,
    expected_calibration_error,
    precision_recall,
    reliability_bins,
    why_not_probabilities,
)
from .matching import CandidatePairs, Matches, best_matching, counts_by_score, matches_of, pairs_in_volume, pairs_within
from .metrics import metrics_of
from .particle_classes import Species, mean_f1_by_group

RULES = ("distance", "occupancy")
DRAWS = 20  # random pickings of the baseline
FALSE, MISSED, UNCLASSIFIED = "false result", "missed", "no class"


@dataclass(frozen=True)
class Comparison:
    """The picks of one tomogram beside its truth, both at the truth's sampling rate.

    target: (m,) whether a row of the truth is a particle to be found; the others are distractors and other species.
    outside: (n,) picks outside the volume, None where its size is unknown.  candidates: by rule, the pairs with every row of the
    truth.  random_found: by rule, (DRAWS,) number of particles that equally many random positions find.
    """

    picks: Picks
    truth: Picks
    target: np.ndarray
    outside: np.ndarray | None
    candidates: Mapping[str, CandidatePairs]
    random_found: Mapping[str, np.ndarray]


def compare(
    picks: Picks,
    truth: Picks,
    target: np.ndarray,
    radii: np.ndarray,
    *,
    rng: np.random.Generator,
    size: Sequence[float] | None = None,
    volume: np.ndarray | None = None,
) -> Comparison:
    """Pair every pick with the particles that it hits: by distance and, given the occupancy `volume` (z, y, x), by its voxel.

    radii: (m,) voxels.  size: x, y, z of the tomogram, voxels; without it random positions fill the bounding box of the truth.
    Raises ValueError for an occupancy number that the truth has no row for.
    """
    outside = None if size is None else ~inside_volume(picks.positions, size)
    inside = np.ones(len(picks), dtype=bool) if outside is None else ~outside
    low, high = (truth.positions.min(axis=0), truth.positions.max(axis=0)) if size is None else (-0.5, np.asarray(size) - 0.5)
    everywhere = np.ones(len(truth), dtype=bool)
    rules: dict[str, Callable[[np.ndarray], CandidatePairs]] = {"distance": lambda at: pairs_within(at, truth.positions, radii)}
    if volume is not None:
        rules["occupancy"] = lambda at: pairs_in_volume(at, truth.positions, volume)
    draws = [rng.uniform(low, high, (len(picks), 3)) for _ in range(DRAWS)]
    all_drawn = np.ones(len(picks), dtype=bool)
    return Comparison(
        picks,
        truth,
        target,
        outside,
        {name: pairs_of(picks.positions).between(inside, everywhere) for name, pairs_of in rules.items()},
        {
            name: np.array([len(best_matching(pairs_of(at).between(all_drawn, target))) for at in draws])
            for name, pairs_of in rules.items()
        },
    )


@dataclass(frozen=True)
class Joined:
    """Several comparisons joined: the arrays one after the other, rows numbered in one sequence."""

    picked_species: np.ndarray
    score: np.ndarray
    voxel_size: np.ndarray
    true_species: np.ndarray
    target: np.ndarray
    outside: np.ndarray | None
    candidates: Mapping[str, CandidatePairs]
    random_found: Mapping[str, np.ndarray]

    @staticmethod
    def of(parts: Sequence[Comparison]) -> Joined:
        """Join comparisons; the rules are those that every one of them has, outside is None if one has none."""
        rules = [rule for rule in RULES if all(rule in part.candidates for part in parts)]
        known = [part.outside for part in parts if part.outside is not None]
        return Joined(
            picked_species=np.concatenate([part.picks.species for part in parts]),
            score=np.concatenate([part.picks.score for part in parts]),
            voxel_size=np.concatenate([np.full(len(part.picks), part.truth.sampling_rate) for part in parts]),
            true_species=np.concatenate([part.truth.species for part in parts]),
            target=np.concatenate([part.target for part in parts]),
            outside=np.concatenate(known) if len(known) == len(parts) else None,
            candidates={rule: CandidatePairs.joined([part.candidates[rule] for part in parts]) for rule in rules},
            random_found={rule: np.sum([part.random_found[rule] for part in parts], axis=0) for rule in rules},
        )


def localisation_matches(joined: Joined, rule: str) -> Matches:
    """What became of every pick, whatever its species."""
    everything = np.ones(len(joined.picked_species), dtype=bool)
    return matches_of(joined.candidates[rule].between(everything, joined.target))


def outside_bad(one: Comparison, bad_picks: np.ndarray, bad_particles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which picks (n,) and which particles (m,) are left without bad regions; both (bool) as given: whether they lie in one.

    A pick that hits a particle goes with it, so that a pair at the border of a region is not torn. Other picks go by their place.
    """
    particle = localisation_matches(Joined.of([one]), "distance").particle
    hit = particle >= 0
    left = ~bad_picks
    left[hit] = ~bad_particles[particle[hit]]
    return left, one.target & ~bad_particles


def report(joined: Joined, targets: Sequence[str], known: Mapping[str, Species]) -> dict[str, Any]:
    """By rule: localisation, each species of `targets`, size groups, false picks by what they hit, random baseline.

    targets: the species of the truth that are to be found; empty if the truth or the picks name no species.
    """
    return {rule: _report_of_rule(joined, rule, targets, known) for rule in joined.candidates}


def _report_of_rule(joined: Joined, rule: str, targets: Sequence[str], known: Mapping[str, Species]) -> dict[str, Any]:
    everything = np.ones(len(joined.picked_species), dtype=bool)
    by_species = {
        name: _numbers(joined, rule, joined.picked_species == name, joined.target & (joined.true_species == name))
        for name in targets
    }
    f1 = {name: numbers["F1"] for name, numbers in by_species.items()}
    n, particles = len(joined.picked_species), int(joined.target.sum())
    random_f1 = 2 * joined.random_found[rule] / max(1, n + particles)
    return {
        "localisation": _numbers(joined, rule, everything, joined.target),
        "classes": by_species,
        "mean_class_F1": float(np.mean(list(f1.values()))) if f1 else None,
        "size_groups": mean_f1_by_group(f1, known),
        "false_picks_on": false_picks_on(joined, rule),
        "random_baseline": {"F1": float(random_f1.mean()), "F1_standard_deviation": float(random_f1.std(ddof=1)), "draws": DRAWS},
    }


def _numbers(joined: Joined, rule: str, picks: np.ndarray, particles: np.ndarray) -> dict[str, Any]:
    candidates = joined.candidates[rule].between(picks, particles)
    metrics = metrics_of(matches_of(candidates), picks, int(particles.sum()), joined.outside, joined.voxel_size)
    of_scores = _score_numbers(candidates, joined.score, picks, metrics.particles)
    return {"particles": metrics.particles, **metrics.as_dict(), **of_scores}


def _score_numbers(candidates: CandidatePairs, score: np.ndarray, picks: np.ndarray, particles: int) -> dict[str, float | None]:
    """Average precision, Brier score, ECE; None where the scores do not allow them."""
    own = score[picks]
    if not np.isfinite(own).any():
        return {"average_precision": None, "brier": None, "ECE": None}
    true = counts_by_score(candidates, score)[picks]
    calibrated = not why_not_probabilities(own)
    return {
        "average_precision": precision_recall(own, true, particles).average_precision,
        "brier": brier_score(own, true) if calibrated else None,
        "ECE": expected_calibration_error(own, true) if calibrated else None,
    }


def matches_on_others(joined: Joined, rule: str) -> Matches:
    """The objects other than targets (distractors, other species) that the false picks hit; of several the nearest."""
    false = localisation_matches(joined, rule).particle < 0
    return matches_of(joined.candidates[rule].between(false, ~joined.target))


def false_picks_on(joined: Joined, rule: str) -> dict[str, int]:
    """How many of the false picks hit each species that is no target."""
    on = matches_on_others(joined, rule).particle
    names = sorted({str(name) for name in joined.true_species[~joined.target]})
    return {name: int((joined.true_species[on[on >= 0]] == name).sum()) for name in names}


def confusion(joined: Joined, rule: str, targets: Sequence[str]) -> tuple[list[str], list[str], np.ndarray]:
    """True species x species of the pick, for the picks that count. The last row holds false picks, the last column misses.

    Returns the names of the rows, of the columns, and the counts. The row of a species sums to its particles. Surplus picks of a
    found particle are not counted.
    """
    matches = localisation_matches(joined, rule)
    picked = np.where(joined.picked_species == "", UNCLASSIFIED, joined.picked_species)
    extra = sorted({str(name) for name in picked} - {*targets, UNCLASSIFIED})
    columns = [*targets, *extra, *([UNCLASSIFIED] if UNCLASSIFIED in picked else []), MISSED]
    rows = [*targets, FALSE]
    counts = np.zeros((len(rows), len(columns)), dtype=int)
    true = np.where(matches.particle >= 0, joined.true_species[matches.particle], FALSE)
    for pick in np.flatnonzero(matches.counts | (matches.particle < 0)):
        counts[rows.index(true[pick]), columns.index(picked[pick])] += 1
    for row, name in enumerate(targets):
        counts[row, -1] = int((joined.target & (joined.true_species == name)).sum()) - counts[row, :-1].sum()
    return rows, columns, counts


@dataclass(frozen=True)
class ScoreCurves:
    """For plots: the precision-recall curve, and the scores of the picks that count and of the others."""

    curve: PrecisionRecall
    score: np.ndarray
    true: np.ndarray


def score_curves(joined: Joined, rule: str) -> ScoreCurves | None:
    """Curves of the localisation; None where no pick has a score."""
    if not np.isfinite(joined.score).any():
        return None
    everything = np.ones(len(joined.picked_species), dtype=bool)
    true = counts_by_score(joined.candidates[rule].between(everything, joined.target), joined.score)
    return ScoreCurves(precision_recall(joined.score, true, int(joined.target.sum())), joined.score, true)


def curve_numbers(curves: ScoreCurves, points: int = 200) -> dict[str, Any]:
    """The curves as lists for JSON: at most `points` steps of precision-recall, and the reliability bins of probabilities."""
    step = np.unique(np.linspace(0, len(curves.curve.recall) - 1, points).astype(int))
    lists: dict[str, Any] = {name: getattr(curves.curve, name)[step].tolist() for name in ("threshold", "precision", "recall")}
    if not why_not_probabilities(curves.score):
        bins = reliability_bins(curves.score, curves.true)
        lists["reliability"] = {name: getattr(bins, name).tolist() for name in ("count", "score", "share")}
    return lists
