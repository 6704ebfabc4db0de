"""Averages of simulated picks: turns, centres and resolution beside the truth, seconds and memory."""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
from dataclasses import dataclass
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
from _measure import run_program
from _report import RESULTS, as_markdown, finish
from scipy.spatial.transform import Rotation

from tomo_particles.averaging.alignment import Settings
from tomo_particles.averaging.band import Band
from tomo_particles.averaging.halves import rigid_motion
from tomo_particles.averaging.picked_boxes import box_of
from tomo_particles.averaging.search import mask_of
from tomo_particles.fourier.shell_correlation import correlate_halves, resolution_text
from tomo_particles.geometry.orientation_means import angles_between
from tomo_particles.geometry.orientations import rotation_of, turned
from tomo_particles.geometry.symmetry import symmetry_group

RATE = 10.0
NEAR = 30.0  # degrees: a turn within it counts as found
TURN = ("rot", "tilt", "psi")


@dataclass(frozen=True)
class Case:
    """species: of the picks; diameter: Å; simulate: options; jitter: of the picks, voxels an axis (None: noise picks).

    copies: picks of each particle, each with an error of its own: for seconds and memory, without more tomograms.
    """

    name: str
    species: str
    diameter: float
    symmetry: str
    simulate: tuple
    maps: tuple[str, ...]
    jitter: float | None = 1.0
    options: tuple = ()
    copies: int = 1


LARGE = ("--size", 320, 320, 128, "--snr", 0.05, "--beads", 3, "--vesicles", 0, "--counts", 150)
MIXED = ("--size", 224, 224, 80, "--tomograms", 3, "--snr", 0.1, "--beads", 5, "--vesicles", 0, "--counts", 40)
SPECIES = ("4v4r", "4cr2", "1bxn")
CASES = {
    case.name: case
    for case in (
        Case("A ribosome", "4v4r", 260, "c1", LARGE, ("4v4r",)),
        Case("B ribosome", "4v4r", 240, "c1", MIXED, SPECIES),
        Case("B proteasome", "4cr2", 220, "c1", MIXED, SPECIES),
        Case("B 1bxn, c1", "1bxn", 130, "c1", MIXED, SPECIES),
        Case("B 1bxn, d4", "1bxn", 130, "c1", MIXED, SPECIES, options=("--symmetry", "d4")),
        Case("A given angles", "4v4r", 260, "c1", LARGE, ("4v4r",), options=("--start", "angles")),
        Case("B noise picks", "4v4r", 240, "c1", MIXED, SPECIES, jitter=None),
        Case("1000 to 60 A", "4v4r", 260, "c1", (*LARGE, "--tomograms", 7), ("4v4r",), options=("--finest", 60)),
        Case("10000 to 60 A", "4v4r", 260, "c1", (*LARGE, "--tomograms", 7), ("4v4r",), options=("--finest", 60), copies=10),
        Case("1000 to the end", "4v4r", 260, "c1", (*LARGE, "--tomograms", 7), ("4v4r",)),
    )
}
SYMMETRIC = {"1bxn"}  # d4, about axes of its map that nobody states: turns cannot be compared


def simulated(case: Case, folder: Path, maps: Path, seed: int) -> Path:
    """The tomograms of a case; cases with the same ones share them."""
    out = folder / "_".join(map(str, (*case.simulate, seed))).replace("--", "")
    if not out.exists():
        run_program(
            "simulate_tomo",
            "--odir",
            out,
            "--maps",
            *(maps / f"{name}.mrc" for name in case.maps),
            *case.simulate,
            "--seed",
            seed,
            quiet=True,
        )
    return out


def picks_of(case: Case, data: Path, seed: int) -> pd.DataFrame:
    """The picks, with the place of the particle that each was made from."""
    truth = pd.read_csv(data / "ground_truth.csv", dtype={"tomo_id": str})
    rng = np.random.default_rng(seed)
    own = truth[truth["class"] == case.species]
    own = pd.concat([own] * case.copies, ignore_index=True)
    own[["tx", "ty", "tz"]] = own[[*"xyz"]]
    if case.jitter is None:
        size = np.array(case.simulate[1:4])
        own[[*"xyz"]] = 20 + rng.random((len(own), 3)) * (size - 40)
    else:
        own[[*"xyz"]] = np.maximum(own[[*"xyz"]] + rng.normal(0, case.jitter, (len(own), 3)), 0)
    return own


def measure(case: Case, folder: Path, maps: Path, seed: int, picture: bool) -> dict:
    """Run a case and compare it with the truth."""
    data = simulated(case, folder, maps, seed)
    picks = picks_of(case, data, seed)
    path, out = folder / "picks.csv", folder / f"average {case.name} {seed}"
    columns = ["tomo_id", *"xyz", *(TURN if "angles" in case.options else ())]
    picks[columns].to_csv(path, index=False)
    tomograms = [data / f"{name}.mrc" for name in picks["tomo_id"].unique()]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    cost = run_program(
        "average_subtomograms",
        "--tomograms",
        *tomograms,
        "--picks",
        path,
        "--odir",
        out,
        "--diameter",
        case.diameter,
        *case.options,
        quiet=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    row = compare(case, picks, out, data / "templates" / f"{case.species}.mrc", seed, picture)
    processor = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return row | {"seconds": round(cost.seconds, 1), "processor seconds": round(processor, 1), "GB": round(cost.memory, 2)}


def compare(case: Case, picks: pd.DataFrame, out: Path, template: Path, seed: int, picture: bool) -> dict:
    summary = json.loads((out / "summary.json").read_text())
    aligned = pd.read_csv(out / "aligned.csv", dtype={"tomo_id": str})
    keys = ["tomo_id", "px", "py", "pz"]
    rounded = lambda table, names: table.assign(**dict(zip(keys[1:], (table[n].round(1) for n in names), strict=True)))  # noqa: E731
    both = rounded(aligned, ("x_picked", "y_picked", "z_picked")).merge(rounded(picks, "xyz"), on=keys, suffixes=("", "_true"))
    fsc = summary["resolution"].get("corrected", {})
    row = {
        "case": case.name,
        "seed": seed,
        "picks": summary["picks"],
        "verdict": summary["verdict"],
        "mean FSC": summary["meanFSCFromDiameterToLowpass"],
        "FSC 0.143": fsc.get("0.143", "-"),
        "FSC 0.5": fsc.get("0.5", "-"),
    }
    if case.jitter is not None:
        turn, shift, row["to truth, FSC 0.5"] = against_truth(case, out, template, f"averages_{case.name}" if picture else "")
        given, true = rotation_of(both[list(TURN)].to_numpy()), rotation_of(both[[f"{name}_true" for name in TURN]].to_numpy())
        off = angles_between(given * turn, true, symmetry_group(case.symmetry))
        places, truth = (both[list(names)].to_numpy() for names in ("xyz", ("tx", "ty", "tz")))
        body = given.apply(shift)  # where the template's own centre is in the average
        distance = lambda where: float(np.linalg.norm((where - truth) * RATE, axis=1).mean())  # noqa: E731
        row |= {
            "turns within 30": float((off < NEAR).mean()),
            "median turn": float(np.median(off)),
            "picked off": distance(both[["x_picked", "y_picked", "z_picked"]].to_numpy()),
            "centre off": distance(places),
            "centre off, one frame": distance(places + body / RATE),
        }
        if case.species in SYMMETRIC:
            row |= dict.fromkeys(("turns within 30", "median turn", "centre off, one frame"), np.nan)
    return row


def against_truth(case: Case, out: Path, template: Path, picture: str) -> tuple[Rotation, np.ndarray, str]:
    """The motion that takes the true map onto the average, and where their correlation falls below 0.5."""
    average, raw, true = (mrcfile.read(path) for path in (out / "average.mrc", out / "average_raw.mrc", template))
    edge = box_of(case.diameter, RATE)
    true = np.pad(true, max(0, edge - true.shape[0] + 1))
    start = true.shape[0] // 2 - edge // 2
    true = true[tuple([slice(start, start + edge)] * 3)]
    settings = Settings(case.diameter)
    band = Band(edge, RATE, 35.0)
    turn, shift, _ = rigid_motion(band.pack(true), band.pack(raw), band, settings)
    full = Band(edge, RATE, 2 * RATE)
    fitted = full.volume(full.shifted(full.pack(turned(true, turn, 3)), shift), edge)
    fsc = correlate_halves(raw, fitted, mask_of(full, case.diameter, edge))
    if picture:
        draw(RESULTS / f"{picture.replace(' ', '_').replace(',', '')}.png", case.name, average, fitted)
    return turn, shift, resolution_text(fsc.masked, 0.5, edge * RATE)


def draw(path: Path, title: str, average: np.ndarray, fitted: np.ndarray) -> None:
    """Central slices of the average (above) and of the true map in its place (below)."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 3, figsize=(7.2, 5.0))
    for row, (name, volume) in enumerate((("average", average), ("true map", fitted))):
        centre = volume.shape[0] // 2
        for column, axis in enumerate("zyx"):
            axes[row, column].imshow(np.take(volume, centre, axis=column), cmap="gray", vmin=volume.min(), vmax=volume.max())
            axes[row, column].set(xticks=[], yticks=[], title=f"{name}, {axis}")
    figure.suptitle(title)
    figure.tight_layout()
    RESULTS.mkdir(exist_ok=True)
    figure.savefig(path, dpi=80)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "maps_10A")
    parser.add_argument("--seeds", type=int, nargs="+", default=[21])
    parser.add_argument("--cases", nargs="+", default=list(CASES), help=f"of {', '.join(CASES)}")
    parser.add_argument("--odir", type=Path, help="keep the tomograms and averages here")
    parser.add_argument("--beside", default="", help="what else ran on the machine, for the page")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    load, rows = os.getloadavg()[2], []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.odir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for seed in options.seeds:
            for name in options.cases:
                rows.append(measure(CASES[name], folder, options.maps, seed, options.write and seed == options.seeds[0]))
                print(rows[-1], flush=True)
    beside = f" Beside it ran {options.beside}." if options.beside else ""
    text = (
        f"Load of the machine (15 minutes) before the run: {load:.1f} on {os.cpu_count()} cores.{beside} "
        "Turns in degrees, lengths in Å; *one frame*: after one shift, the same for all picks, that lays the average on the "
        "true map: the stated centre of a map is up to half a voxel an axis off its centre of mass.\n\n"
        + as_markdown(pd.DataFrame(rows))
    )
    finish("averages", text, options.write)


if __name__ == "__main__":
    main()
