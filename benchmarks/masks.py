"""Masks of regions on simulated tomograms with beads, vesicles, carbon and contaminants: what they find, and what they spare.

What a mask calls by its class, what it makes bad, and how many particles; then two pickers without and with it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
from _measure import run_program
from _report import as_markdown, finish
from scipy.ndimage import binary_dilation

from tomo_particles.regions.binning import block_means
from tomo_particles.regions.classes import CARBON, GOLD, ICE, MEMBRANE
from tomo_particles.regions.mask_files import read_mask
from tomo_particles.simulation import DISTRACTORS

SIZE, RATE = (256, 256, 100), 10.0  # voxels, Å/voxel
CONTENT = ("--carbon", 0.2, "--contaminants", 2, "--beads", 8, "--vesicles", 2)
CLASS_OF = {"bead": GOLD, "vesicle": MEMBRANE, "carbon": CARBON, "contaminant": ICE}
WEDGE = 30.0  # degrees: normals of a membrane nearer to z, seen along y, are not in the tilts of +-60
TEMPLATE = "twosubunits"
TARGETS = ("rings", "rod", TEMPLATE)


def simulated(seed: int, folder: Path) -> Path:
    """The folder of one simulation; kept if it is there."""
    if not (folder / "ground_truth.csv").exists():
        run_program("simulate_tomo", "--odir", folder, "--size", *SIZE, *CONTENT, "--seed", seed, quiet=True)
    return folder


def regions(folder: Path) -> dict[str, float]:
    """Shares of the true places of each kind that have their class, that are bad, and those of the particles."""
    mask = read_mask(folder / "masks" / "tomo_1_mask.mrc", SIZE, RATE)
    classes = mrcfile.read(folder / "tomo_1_classes.mrc")
    ids = pd.read_csv(folder / "classes.csv").set_index("class")["id"]
    truth = pd.read_csv(folder / "ground_truth.csv")
    step = round(mask.voxel / RATE)
    padded = np.pad(classes, [(0, -edge % step) for edge in classes.shape])
    place = {name: block_means((padded == ids[name]).astype(np.float32), step) >= 0.5 for name in DISTRACTORS}
    seen = place["vesicle"] & ~_in_wedge(truth[truth["class"] == "vesicle"], mask.labels.shape, step)
    bad = mask.is_bad()
    row: dict[str, float] = {}
    for name, number in CLASS_OF.items():
        row[f"{name}: class"] = float((mask.labels == number)[place[name]].mean())
        row[f"{name}: bad or class"] = float(((mask.labels == number) | bad)[place[name]].mean())
    row["vesicle seen by the tilts: class"] = float((mask.labels == MEMBRANE)[seen].mean())
    near = binary_dilation(place["vesicle"], iterations=2)
    row["membrane within 40 Å of one"] = float(near[mask.labels == MEMBRANE].mean())
    particles = truth.loc[~truth["class"].isin(DISTRACTORS), ["x", "y", "z"]].to_numpy()
    row["particles bad"] = float(mask.is_bad_at(particles, RATE).mean())
    row["particles in membrane"] = float((mask.classes_at(particles, RATE) == MEMBRANE).mean())
    row["volume bad"] = float(bad.mean())
    return row


def _in_wedge(vesicles: pd.DataFrame, shape: tuple[int, ...], step: int) -> np.ndarray:
    """(z, y, x) voxels of a mask whose direction from the nearest vesicle's centre is in the missing wedge."""
    grid = np.indices(shape) * step + (step - 1) / 2
    off = [grid - np.array([v.z, v.y, v.x])[:, None, None, None] for v in vesicles.itertuples()]
    nearest = np.argmin([np.linalg.norm(o, axis=0) for o in off], axis=0)
    z, x = (np.take_along_axis(np.array([o[axis] for o in off]), nearest[None], 0)[0] for axis in (0, 2))
    return np.abs(x) <= np.tan(np.radians(WEDGE)) * np.abs(z)


def picking(folder: Path, name: str, mask: bool, *arguments: object) -> dict[str, object]:
    """Pick and evaluate; F1 of the targets, and what the false picks lie on."""
    picks = folder / f"{name}{'_masked' if mask else ''}.csv"
    program = "pick_blobs_tomo" if name == "LoG" else "template_matching_tomo"
    of_mask = ("--mask", folder / "masks") if mask else ()
    run_program(program, "--tomograms", folder / "tomo_1.mrc", "-o", picks, *arguments, *of_mask, quiet=True)
    page = folder / "evaluation" / picks.stem
    run_program("evaluate_picking_tomo", "--picks", picks, "--truth", folder / "ground_truth.csv", "--classes",
                folder / "classes.csv", "--oroot", page, "--occupancy", folder / "tomo_1_occupancy.mrc", "--tomograms",
                folder / "tomo_1.mrc", "--mask", folder / "masks", "--target",
                *(TARGETS if name == "LoG" else (TEMPLATE,)), quiet=True)  # fmt: skip
    report = json.loads(Path(f"{page}.json").read_text(encoding="utf-8"))
    all_of, good = (report[key]["occupancy"] for key in ("all", "good_regions"))
    row = {"picker": name, "mask": "yes" if mask else "no", "picks": all_of["localisation"]["RR"]}
    row |= {"F1": all_of["localisation"]["F1"], "F1, good regions only": good["localisation"]["F1"]}
    return row | {f"picks on {one}": all_of["false_picks_on"].get(one, 0) for one in DISTRACTORS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    parser.add_argument("--odir", type=Path, help="keep the simulations here, or read those that are there")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    found, picked = [], []
    with tempfile.TemporaryDirectory() as scratch:
        for seed in options.seeds:
            folder = simulated(seed, (options.odir or Path(scratch)) / f"seed_{seed}")
            cost = run_program("mask_tomo", "--tomograms", folder / "tomo_1.mrc", "--odir", folder / "masks")
            found.append({"seed": seed, **regions(folder), "processor s": cost.processor, "GB": cost.memory})
            for mask in (False, True):
                picked.append({"seed": seed, **picking(folder, "LoG", mask, "--diameter", 160, "--number", 140)})
                template = ("--templates", folder / "templates" / f"{TEMPLATE}.mrc", "--number", 46, "--lowpass", 50,
                            "--angularstep", 25)  # fmt: skip
                picked.append({"seed": seed, **picking(folder, "template matching", mask, *template)})
    table = pd.DataFrame(found).set_index("seed")
    table.loc["mean"] = table.mean()
    table.loc["worst"] = [column.max() if name.startswith(("part", "vol", "proc", "GB")) else column.min()
                          for name, column in table.iloc[:-1].items()]  # fmt: skip
    shown = table.T.reset_index(names="share")
    shown.columns = [str(name) for name in shown.columns]
    means = pd.DataFrame(picked).drop(columns="seed").groupby(["picker", "mask"]).mean().reset_index()
    text = (
        f"One tomogram per seed, {' x '.join(map(str, SIZE))} voxels of {RATE:g} Å, 46 of each of seven complexes, 8 gold beads, "
        "2 vesicles, a carbon film over a fifth of the field, 2 contaminants, SNR 0.1. The limits of the finders were chosen on "
        "the seeds 1 to 3.\n\n"
        + as_markdown(shown)
        + "\n\nPickers with and without the mask, means over the seeds. LoG: the best 140 of 160 Å; targets are the three "
        "biggest complexes. Template matching: the best 46 of one complex.\n\n" + as_markdown(means)
    )
    finish("masks", text, options.write)


if __name__ == "__main__":
    main()
