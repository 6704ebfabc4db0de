"""xmipp_average_subtomograms from files to files: picks and tomograms read and checked, maps and tables written."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from tomo_particles import __version__
from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.average_set import LEAST_FOR_HALVES, LEAST_PICKS, Averages, SetAverage
from tomo_particles.averaging.picked_boxes import PickedBoxes, Source
from tomo_particles.averaging.poses import Poses
from tomo_particles.core.coordinates import check_inside
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import Tomogram, open_tomogram, tomogram_id, write_volume
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.xmd import join_tables, picks_columns, write_table
from tomo_particles.fourier.shell_correlation import fsc_table, resolution_text
from tomo_particles.geometry.orientations import angles_of, rotation_of
from tomo_particles.geometry.symmetry import symmetry_group

from .._shared.output_folder import claimed
from .._shared.program import print_notes
from .._shared.progress import stage
from .agreement import mean_agreement, verdict_of
from .config import AverageConfig
from .headers import FAULTS, Header, read_headers

THRESHOLDS = (0.5, 0.143)
MAPS = ("average", "average_raw", "half1", "half2", "mask", "coverage")
TABLES = ("aligned.csv", "aligned.xmd", "fsc.csv", "summary.json")


def write_average(config: AverageConfig) -> dict:
    """Average from files to files; returns what summary.json says. All input is checked before the alignment."""
    begin = time.perf_counter()
    notes: list[str] = []
    headers = read_headers(config)
    picked = _read_picks(config, headers, notes)
    rate = next(iter(headers.values()))[1]
    with ExitStack() as stack:
        sources = []
        for path, tilts in zip(config.tomograms, config.pairs, strict=True):
            if (picks := picked.get(tomogram_id(path))) is not None:
                tomogram = stack.enter_context(open_tomogram(path, config.tomogram_sampling_rate, "--tomograms"))
                sources.append(_source(config, tomogram, picks, tilts))
        boxes = PickedBoxes(sources, config.diameter, config.threads)
        notes += [f"{count} picks left out: {FAULTS[fault]}" for fault, count in boxes.left_out.items() if count]
        if len(boxes) < LEAST_PICKS:
            raise InputError(
                f"--picks: an average needs at least {LEAST_PICKS} picks inside the tomograms, found {len(boxes)}"
                + "".join(f"; {note}" for note in notes)
                + ("" if notes else "; give more")
            )
        halves = config.halves and len(boxes) >= LEAST_FOR_HALVES
        if config.halves and not halves:
            notes.append(f"fewer than {LEAST_FOR_HALVES} picks: no halves, so nothing says the resolution")
        settings = Settings(config.diameter, config.rounds, config.starts, symmetry_group(config.symmetry), config.threads)
        start = _given_poses(boxes, picked) if config.start == "angles" else None
        if start is not None:
            notes.append(
                "both halves started from the given angles: beyond the resolution of whatever gave them (a template) "
                "their correlation counts, below it does not"
            )
        average = SetAverage(boxes, settings, config.lowpass, config.finest or 2 * rate, config.seed, halves=halves, start=start)
        with stage("averaging", average.most_lines, "rounds") as at:
            average.say = at.step
            made = average.run()
    notes += [made.stopped] if made.stopped else []
    aligned = _aligned(boxes, made, picked)
    notes += _outside(aligned, headers) + _near(aligned, config.diameter / 2)
    if halves and made.fsc is None:
        notes.append("nearly all picks are within half a diameter of each other: no halves, so nothing says the resolution")
    summary = _summary(config, boxes, made, notes) | {"seconds": round(time.perf_counter() - begin, 1)}
    _write(config, boxes, made, aligned, summary)
    return summary


def _read_picks(config: AverageConfig, headers: dict[str, Header], notes: list[str]) -> dict[str, Picks]:
    rates = {tomo_id: rate for tomo_id, (_, rate) in headers.items()}
    sizes = {tomo_id: size for tomo_id, (size, _) in headers.items()}
    found = read_pick_file(config.picks, rates, sampling_rate=config.sampling_rate, option="--picks", sizes=sizes, notes=notes)
    picked = {}
    for tomo_id, picks in found.items():
        own = picks.at_sampling_rate(rates[tomo_id])
        check_inside(own.positions, sizes[tomo_id], f"--picks: '{config.picks}', tomogram '{tomo_id}'", own.sampling_rate)
        if config.start == "angles" and not np.isfinite(own.angles).all():
            missing = int((~np.isfinite(own.angles).all(axis=1)).sum())
            raise InputError(
                f"--start: {missing} of {len(own)} picks of '{tomo_id}' in '{config.picks}' have no angles; choose free"
            )
        if config.weigh_by_score and not ((own.score >= 0) & (own.score <= 1)).all():
            raise InputError(
                f"--weighByScore: '{config.picks}' has picks of '{tomo_id}' without a score from 0 to 1; leave the option out"
            )
        if len(own):
            picked[tomo_id] = own
    if config.weigh_by_score and not any((own.score > 0).any() for own in picked.values()):
        raise InputError(f"--weighByScore: every pick of '{config.picks}' has the score 0; leave the option out")
    if missed := [tomo_id for tomo_id in headers if tomo_id not in picked]:
        notes.append(f"no picks in {len(missed)} of {len(headers)} tomograms, the first '{missed[0]}'")
    return picked


def _source(config: AverageConfig, tomogram: Tomogram, picks: Picks, tilts: tuple[float, float]) -> Source:
    weights = picks.score if config.weigh_by_score else np.ones(len(picks))
    return Source(picks.tomo_id, tomogram.data, tomogram.sampling_rate, picks.positions, weights, tilts, config.bright)


def _given_poses(boxes: PickedBoxes, picked: dict[str, Picks]) -> Poses:
    angles = [picked[boxes.sources[number].name].angles[row] for number, row in boxes.places]
    return Poses.of(rotation_of(np.array(angles)))


def _aligned(boxes: PickedBoxes, made: Averages, picked: dict[str, Picks]) -> list[tuple[Picks, pd.DataFrame]]:
    """Of each tomogram its picks at their new places, and what else there is to say of them, in the order of the file."""
    angles, shifts = angles_of(made.poses.rotations), made.poses.shifts
    found = []
    for number, source in enumerate(boxes.sources):
        own = np.flatnonzero(boxes.places[:, 0] == number)
        own = own[np.argsort(boxes.places[own, 1])]
        if not len(own):
            continue
        before = picked[source.name][boxes.places[own, 1]]
        after = replace(before, positions=before.positions + shifts[own] / boxes.rate, angles=angles[own])
        more = {"half": made.half[own] + 1, "ccc": made.ccc[own], "shift": np.linalg.norm(shifts[own], axis=1)}
        more |= {f"{axis}_picked": values for axis, values in zip("xyz", before.positions.T, strict=True)}
        found.append((after, pd.DataFrame(more)))
    return found


def _outside(aligned: Sequence[tuple[Picks, pd.DataFrame]], headers: dict[str, Header]) -> list[str]:
    count = 0
    for picks, _ in aligned:
        edge = np.array(headers[picks.tomo_id][0]) - 0.5
        count += int(((picks.positions < -0.5) | (picks.positions > edge)).any(axis=1).sum())
    return [f"{count} aligned places lie outside their tomogram"] if count else []


def _near(aligned: Sequence[tuple[Picks, pd.DataFrame]], distance: float) -> list[str]:
    """A note on places nearer to each other than a distance in Å: they are one particle, as a rule."""
    pairs = sum(len(cKDTree(picks.positions).query_pairs(distance / picks.sampling_rate)) for picks, _ in aligned)
    text = f"pairs of picks that are now nearer than half a diameter to each other, each perhaps one particle: {pairs}"
    return [text] if pairs else []


def _summary(config: AverageConfig, boxes: PickedBoxes, made: Averages, notes: list[str]) -> dict:
    extent = boxes.edge * boxes.rate
    resolution, agreement = {}, None
    if made.fsc is not None:
        for name in ("unmasked", "corrected"):
            resolution[name] = {f"{t:g}": resolution_text(getattr(made.fsc, name), t, extent) for t in THRESHOLDS}
        agreement = mean_agreement(made.fsc, extent, config)
    verdict = verdict_of(agreement)
    return {
        "version": __version__,
        "verdict": verdict,
        "picks": len(boxes),
        "leftOut": boxes.left_out,
        "picksOfHalf": np.bincount(made.half).tolist(),
        "box": boxes.edge,
        "samplingRate": boxes.rate,
        "resolution": resolution,
        "meanFSCFromDiameterToLowpass": agreement,
        "comparedUpTo": round(made.resolution, 2),
        "meanCCC": round(float(made.ccc.mean()), 4),
        "medianShift": round(float(np.median(np.linalg.norm(made.poses.shifts, axis=1))), 2),
        "notes": notes,
        "parameters": asdict(config),
    }


def _write(
    config: AverageConfig, boxes: PickedBoxes, made: Averages, aligned: Sequence[tuple[Picks, pd.DataFrame]], summary: dict
) -> None:
    folder = Path(config.odir)
    print_notes(claimed(folder))
    for name in (*(f"{name}.mrc" for name in MAPS), *TABLES):
        (folder / name).unlink(missing_ok=True)  # of an earlier average: it would pass for this one's
    maps = [made.filtered, made.average, *(made.halves if made.fsc is not None else (None, None)), made.mask, made.coverage]
    for name, volume in zip(MAPS, maps, strict=True):
        if volume is not None:
            write_volume(folder / f"{name}.mrc", volume, boxes.rate)
    if made.fsc is not None:
        write_csv_table(folder / "fsc.csv", fsc_table(made.fsc, boxes.edge * boxes.rate))
    tables, frames = [], []
    paths = {tomogram_id(path): path for path in config.tomograms}
    for picks, more in aligned:
        n = len(picks)
        columns = picks_columns(picks, boxes.edge, paths[picks.tomo_id])
        tables.append(columns | {"maxCC": more["ccc"].tolist()} | {f"shift{axis}": [0.0] * n for axis in "XYZ"})
        places = dict(zip((*"xyz", "rot", "tilt", "psi"), np.hstack([picks.positions, picks.angles]).T, strict=True))
        species = {"class": picks.species} if any(picks.species) else {}
        frames.append(
            pd.DataFrame({"tomo_id": picks.tomo_id, **places, "score": picks.score, **species})
            .join(more)
            .assign(samplingRate=picks.sampling_rate)
        )
    joined = join_tables(tables)
    joined["particleId"] = list(range(1, len(joined["x"]) + 1))
    write_table(folder / "aligned.xmd", joined)
    write_csv_table(folder / "aligned.csv", pd.concat(frames))
    with written_aside(folder / "summary.json") as aside:
        aside.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def summary_text(summary: dict, odir: str) -> str:
    """The main results for the terminal, the verdict first."""
    agreement = summary["meanFSCFromDiameterToLowpass"]
    lines = {
        "supported": f"supported: the halves agree (mean FSC {agreement} from the diameter to the first low-pass)",
        "not supported": f"not supported: the halves do not agree (mean FSC {agreement} from the diameter to the first "
        "low-pass); use neither the average nor the new places",
        "no halves": "no halves: nothing says whether the average is right",
    }
    text = [lines[summary["verdict"]]]
    if resolution := summary["resolution"]:
        text.append(
            "resolution (FSC 0.143, 0.5): "
            + "; ".join(f"{name} {values['0.143']}, {values['0.5']}" for name, values in resolution.items())
        )
    text.append(
        f"{summary['picks']} picks averaged in '{odir}', median shift {summary['medianShift']:g} A, {summary['seconds']:g} s"
    )
    return "\n".join([*text, *(f"note: {note}" for note in summary["notes"])])
