"""xmipp_second_look_tomo from files to files: scored merged picks compared with averages, and scored again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.averaging.alignment import Settings, most_rounds
from tomo_particles.averaging.picked_boxes import PickedBoxes, Source
from tomo_particles.averaging.poses import split_halves
from tomo_particles.averaging.second_look import LEAST_OF_HALF, LOCAL_ROUNDS, Looks, best_references, memory_of, second_look
from tomo_particles.consensus.chance_agreement import agreement_informs
from tomo_particles.consensus.labels import agreement_of
from tomo_particles.consensus.looks import AGREEMENT, joined_scores, moved_midway, worth_of
from tomo_particles.consensus.merged_picks import NETWORK, SCORE, MergedPicks, references_of
from tomo_particles.consensus.run_verdict import FinalScores, final_scores
from tomo_particles.consensus.second_kind import second_kind
from tomo_particles.consensus.verdict import VOTES_ALONE
from tomo_particles.core.coordinates import rescale_positions, rescale_size, same_sampling_rate
from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.core.memory import lacking
from tomo_particles.core.tomograms import Tomogram, open_tomogram, write_volume
from tomo_particles.formats.xmd import read_table, require_one_rate, write_table
from tomo_particles.learning.model_files import folds_of

from .._shared.averaging_options import TILTS, check_diameter, check_tilts
from .._shared.program import require_positive
from .._shared.progress import stage
from .._shared.scored_files import write_beside

ACCEPTED = 0.5  # score of the picks that are averaged
Columns = dict[str, list]


@dataclass(frozen=True)
class LookConfig:
    """input, noise: XMD of scored merged picks and of scored noise; without network scores the votes count.  model: that scored
    them; empty if none.  diameter: Å.

    tilts: first and last angle, degrees.  move: whether picks are moved towards the centres of the average.
    """

    input: str
    noise: str
    output: str
    diameter: float
    model: str = ""
    tilts: tuple[float, float] = TILTS
    move: bool = True
    tomogram_sampling_rate: float | None = None
    threads: int = field(default=2, repr=False)
    seed: int = 1

    def __post_init__(self) -> None:
        require_positive(self.diameter, parameter("diameter"), "Å")
        require_positive(self.threads, parameter("threads"))
        check_tilts(self.tilts, parameter("tilts"))

    @property
    def record(self) -> Path:
        """JSON beside the output: what came of the look."""
        return self._beside("_look.json")

    @property
    def looks(self) -> Path:
        """CSV beside the output: a row per merged pick that was compared."""
        return self._beside("_looks.csv")

    @property
    def averages(self) -> list[Path]:
        """MRC beside the output: the averages of both halves."""
        return [self._beside(f"_half{number}.mrc") for number in (1, 2)]

    def _beside(self, ending: str) -> Path:
        return Path(self.output).with_name(f"{Path(self.output).stem}{ending}")


@dataclass(frozen=True)
class Compared:
    """The second look of merged picks (m) and noise picks (k), in the order of their tables; 0 where a box could not be used.

    features: (m + k, 3).  ccc: (m,).  shifts: (m, 3) x, y, z, voxels of the tables.  references: number in each half.
    second_kind: share of the accepted picks that look unlike the rest; 0 if they are of one kind.
    """

    looks: Looks
    features: np.ndarray
    ccc: np.ndarray
    shifts: np.ndarray
    references: tuple[int, int]
    second_kind: float

    @property
    def worth(self) -> float:
        return worth_of(self.looks.agreement)


@dataclass(frozen=True)
class Looked:
    """compared: all picks, or why there is no look.  joined: scores of picks and of noise with the look, None if it changes none.

    scores: the final ones.
    """

    compared: Compared | str
    joined: tuple[list[float], list[float]] | None
    scores: FinalScores

    @property
    def worth(self) -> float:
        return 0.0 if isinstance(self.compared, str) else self.compared.worth


def write_second_look(config: LookConfig, progress: Callable[[str], None] = lambda line: None) -> dict:
    """Score merged picks once more; returns what the record says: used, reason, agreement, worth, references, lowpass.

    Where the look is worth nothing, the scores are those of the input, and the reason says why. It also says whether the accepted
    picks seem to be of two kinds (secondKind: share of the smaller one).
    """
    columns, noise = _read(config.input, parameter("input"), "comment", "enabled"), _read(config.noise, parameter("noise"))
    _require_scores(columns, noise, config)
    voted = NETWORK not in columns
    # Without a network every score is of the look, which compares no pick with an average that holds it.
    out_of_fold = voted or (bool(config.model) and folds_of(config.model) > 1)  # a wrong model is said before the search
    with ExitStack() as stack:
        tomograms = _opened(columns, noise, config, stack)
        for path in (config.looks, *config.averages):
            path.unlink(missing_ok=True)  # of an earlier look
        looked = _look(columns, noise, tomograms, config, out_of_fold, progress)
        if voted and looked.joined and looked.scores.verdict.kind != VOTES_ALONE:
            # Votes accept more false picks than a network does: the picks that the look accepts make a better average.
            again = _look(columns | {SCORE: looked.scores.score.tolist()}, noise, tomograms, config, out_of_fold, progress)
            looked = again if again.joined and again.worth >= looked.worth else looked
        sizes = {name: (tomogram.size, tomogram.sampling_rate) for name, tomogram in tomograms.items()}
    compared, joined, scores = looked.compared, looked.joined, looked.scores
    if isinstance(compared, str):
        found = {"used": False, "reason": compared}
    else:
        found = _record(compared, config.diameter)
        if found["used"] and joined is None:
            found["reason"] = f"{found['reason']}; the votes do not distinguish the picks, so that their scores stay as they were"
        _write_looks(config, columns, compared, joined[0] if joined else columns.get(NETWORK, np.nan))
        _move(columns, compared, sizes, config)
    if found["used"]:
        verdict = scores.verdict.judged_by("the second look") if voted and joined else scores.verdict
        scores = replace(scores, verdict=replace(verdict, reason=f"{verdict.reason}; {found['reason']}"))
    if joined or SCORE not in columns:  # the scores of the input may come from other picks than these
        columns[SCORE] = scores.score.tolist()
    with written_aside(config.record) as aside:
        aside.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    write_beside(config.output, scores.verdict, scores.pickers)
    write_table(config.output, columns)
    return found


def _look(
    columns: Columns,
    noise: Columns,
    tomograms: Mapping[str, Tomogram],
    config: LookConfig,
    out_of_fold: bool,
    progress: Callable[[str], None],
) -> Looked:
    """Average the picks that the table accepts, compare all, and score them again."""
    compared = _compared(columns, noise, tomograms, config, progress)
    joined = _joined(columns, noise, compared) if isinstance(compared, Compared) and compared.worth else None
    scored = (columns | {NETWORK: joined[0]}, noise | {NETWORK: joined[1]}) if joined else (columns, noise)
    return Looked(compared, joined, final_scores(*scored, out_of_fold, network_alone=False, looked_twice=bool(joined)))


def _read(path: str, option: str, *more: str) -> Columns:
    columns = read_table(path, option)
    needed = [*"xyz", "tiltSeriesId", "tomogramVolume", "samplingRate", *more, "particleId", "image"]
    if columns.get("x", [1]) and (missing := [name for name in needed if name not in columns]):
        raise InputError(f"{option}: '{path}' lacks the column {missing[0]}; give what the scoring writes")
    require_one_rate(columns, path, option)
    return {name: [] for name in needed} | columns


def _require_scores(columns: Columns, noise: Columns, config: LookConfig) -> None:
    """Refuse picks without any score, and network scores of picks alone or of noise alone: nothing could be compared."""
    option, path = (parameter("noise"), config.noise) if NETWORK in columns else (parameter("input"), config.input)
    alone = columns["x"] and noise["x"] and (NETWORK in columns) != (NETWORK in noise)
    if alone or (columns["x"] and not {NETWORK, SCORE} & set(columns)):
        raise InputError(f"{option}: '{path}' lacks the column {NETWORK}; give what the scoring writes, both of one run")
    if config.model and columns["x"] and NETWORK not in columns:
        model = parameter("model")
        raise InputError(f"{model}: no model scored the picks of '{config.input}', which have votes alone; leave {model} out")


def _opened(columns: Columns, noise: Columns, config: LookConfig, stack: ExitStack) -> dict[str, Tomogram]:
    """The tomograms of the picks and of the noise, which may lie where no pick is left."""
    paths = {
        name: path for one in (noise, columns) for name, path in zip(one["tiltSeriesId"], one["tomogramVolume"], strict=True)
    }
    for average in filter(Path.exists, config.averages):  # is removed, as of an earlier look
        if any(Path(path).exists() and average.samefile(path) for path in paths.values()):
            raise InputError(f"{parameter('output')}: '{average}' is a tomogram and would be lost; choose another name")
    opened = {}
    for name, path in sorted(paths.items()):
        opened[name] = one = stack.enter_context(open_tomogram(path, config.tomogram_sampling_rate, parameter("input")))
        check_diameter(config.diameter, one.size, one.sampling_rate, path, parameter("diameter"))
    return opened


def _compared(
    columns: Columns, noise: Columns, tomograms: Mapping[str, Tomogram], config: LookConfig, progress: Callable[[str], None]
) -> Compared | str:
    """The look, or why there is none."""
    rates = [tomogram.sampling_rate for tomogram in tomograms.values()]
    if not rates:
        return "none, because there are no picks"
    if not all(same_sampling_rate(rate, rates[0]) for rate in rates):
        return "none, because the tomograms have different sampling rates"
    names = np.array([*columns["tiltSeriesId"], *noise["tiltSeriesId"]], dtype=str)
    places = np.concatenate([_places(columns, tomograms), _places(noise, tomograms)])
    of_tomogram = {name: np.flatnonzero(names == name) for name in tomograms}
    sources = [
        Source(name, tomograms[name].data, rates[0], places[rows], np.ones(len(rows)), config.tilts)
        for name, rows in of_tomogram.items()
    ]
    boxes = PickedBoxes(sources, config.diameter, config.threads)
    rows = np.array([of_tomogram[boxes.sources[number].name][row] for number, row in boxes.places], dtype=int)
    merged = MergedPicks.from_columns(columns)
    m = len(merged)
    accepted, support = np.full(len(names), np.nan), np.zeros(len(names))
    accepted[:m] = np.where(merged.accepted(ACCEPTED), merged.probability, np.nan)
    support[:m] = np.where(references_of(columns["comment"]), np.inf, merged.support)  # the user's own are certain
    half = split_halves(boxes.names, boxes.positions * rates[0], config.diameter / 2)
    references = best_references(accepted[rows], support[rows], half)
    count = tuple(int((references & (half == number)).sum()) for number in (0, 1))
    if min(count) < LEAST_OF_HALF:
        return (
            f"none, because the halves have {count[0]} and {count[1]} accepted picks whose boxes can be used; "
            f"{LEAST_OF_HALF} in each are needed"
        )
    if lacks := lacking(memory_of(boxes, config.diameter)):
        return f"none, because to compare {len(boxes)} picks of {config.diameter:g} Å {lacks}"
    progress(f"second look: averages of {count[0]} and {count[1]} picks")
    settings = Settings(config.diameter, threads=config.threads)
    with stage("second look", 2 * most_rounds(settings, LOCAL_ROUNDS), "rounds") as at:
        looks = second_look(boxes, half, references, rows < m, settings, config.seed, lambda line: at.done())
    features, ccc, shifts = np.zeros((len(names), 3)), np.full(len(names), np.nan), np.zeros((len(names), 3))
    features[rows], ccc[rows], shifts[rows] = looks.features, looks.ccc, looks.shifts
    shifts = shifts[:m] / np.array(columns["samplingRate"])[:, None]
    kinds = second_kind(looks.features[np.isfinite(accepted[rows])][:, :2])
    return Compared(looks, features, ccc[:m], shifts, (count[0], count[1]), kinds)


def _places(columns: Columns, tomograms: Mapping[str, Tomogram]) -> np.ndarray:
    """(n, 3) x, y, z, voxels of each pick's own tomogram."""
    places = np.array([columns[axis] for axis in "xyz"], dtype=float).T.reshape(-1, 3)
    names, rates = np.array(columns["tiltSeriesId"], dtype=str), np.array(columns["samplingRate"], dtype=float)
    for name, tomogram in tomograms.items():
        for rate in np.unique(rates[names == name]):
            own = (names == name) & (rates == rate)
            places[own] = rescale_positions(places[own], float(rate), tomogram.sampling_rate)
    return places


def _record(compared: Compared, diameter: float) -> dict:
    looks, first, second = compared.looks, *compared.references
    shown = f"the averages of two halves ({first} and {second} accepted picks) agree with a correlation of {looks.agreement:.2f}"
    needed = f"{AGREEMENT[0]:g} is needed: many accepted picks are false, or too faint, or there are two kinds of particle"
    needed += f", or the particle is not {diameter:g} A in diameter"
    reason = shown if compared.worth else f"none, because {shown} only; {needed}"
    if compared.second_kind:
        unlike = f"about {compared.second_kind:.0%} of the accepted picks look unlike the rest"
        reason += f"; {unlike}: a second kind of particle, or false picks"
    return {
        "used": compared.worth > 0,
        "reason": reason,
        "agreement": round(looks.agreement, 4),
        "worth": round(compared.worth, 4),
        "references": list(compared.references),
        "secondKind": round(compared.second_kind, 3),
        "lowpass": round(looks.lowpass, 2),
    }


def _joined(columns: Columns, noise: Columns, compared: Compared) -> tuple[list[float], list[float]] | None:
    """The scores of picks and of noise by network, if there is one, and second look; None if the votes tell nothing apart."""
    m = len(columns["x"])
    unscored = [0.5] * len(compared.features)  # without a network every pick is as likely as not
    informs = agreement_informs(columns)
    agreement = agreement_of(columns["comment"], np.array(columns["enabled"])) if informs else None
    network = columns.get(NETWORK, unscored[:m])
    of_picks, of_noise = joined_scores(
        np.array(network),
        compared.features[:m],
        agreement,
        compared.worth,
        np.array(noise.get(NETWORK, unscored[m:])),
        compared.features[m:],
    )
    return None if of_picks.tolist() == network else (of_picks.tolist(), of_noise.tolist())


def _move(
    columns: Columns, compared: Compared, sizes: Mapping[str, tuple[tuple[int, int, int], float]], config: LookConfig
) -> None:
    """Give the picks their new centres. sizes: x, y, z of each tomogram, in voxels of its sampling rate (Å/voxel)."""
    if not config.move or not compared.worth:
        return
    names, rate = np.array(columns["tiltSeriesId"], dtype=str), np.array(columns["samplingRate"], dtype=float)
    shifts = np.where(references_of(columns["comment"])[:, None], 0.0, compared.shifts)  # the user's own places stay
    positions = np.array([columns[axis] for axis in "xyz"], dtype=float).T
    for name, (size, own_rate) in sizes.items():
        own = names == name
        if not own.any():
            continue
        limits = rescale_size(size, own_rate, rate[own][0])
        positions[own] = moved_midway(positions[own], shifts[own], compared.worth, config.diameter / 2 / rate[own][0], limits)
    for axis, values in zip("xyz", positions.T, strict=True):
        columns[axis] = values.tolist()
        columns[f"{axis}coor"] = np.rint(values).astype(int).tolist()


def _write_looks(config: LookConfig, columns: Columns, compared: Compared, joined: list[float] | float) -> None:
    m = len(columns["x"])
    table: dict[str, object] = {"particleId": columns["particleId"], "tomo_id": columns["tiltSeriesId"]}
    table |= {f"{axis}_picked": columns[axis] for axis in "xyz"}
    table |= {"network": columns.get(NETWORK, np.nan), "ccc": compared.ccc}
    table |= dict(zip(("like_average", "like_ball", "by_shape"), compared.features[:m].T, strict=True))
    table |= {"joined": joined, **{f"shift_{axis}": v for axis, v in zip("xyz", compared.shifts.T, strict=True)}}
    write_csv_table(config.looks, pd.DataFrame(table))
    for path, average in zip(config.averages, compared.looks.averages, strict=True):
        write_volume(path, average, compared.looks.voxel)
