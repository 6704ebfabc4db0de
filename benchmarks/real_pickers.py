"""The classical pickers on the real tomograms: counts, pictures, and F1 against the picks that came with one of them."""

from __future__ import annotations

import argparse
from pathlib import Path

import mrcfile
import numpy as np
import pandas as pd
from _measure import run_program
from _report import RESULTS, as_markdown, finish

from tomo_particles.core.tomograms import write_volume
from tomo_particles.reports.pictures import draw_picks
from tomo_particles.testing.agreement import agreement

RATE, HIT = 10.0, 6.0  # Å/voxel of the apoferritin tomogram; voxels, half its diameter
APOFERRITIN, LYSOSOME = 120.0, 300.0  # Å: the shell; dense granules inside the lysosome
LYSOSOME_RATE = 24.6  # Å/voxel
STEP = 90  # degrees: a hollow ball looks the same from everywhere


def write_shell(path: Path) -> None:
    """A hollow ball of 12 nm with a wall of 2 nm."""
    z, y, x = np.indices((24, 24, 24)) - 12
    radius = np.sqrt(z**2 + y**2 + x**2) * RATE
    write_volume(path, np.exp(-((radius - 50) ** 2) / (2 * 10**2)), RATE)


def picture(name: str, title: str, tomogram: Path, picks: pd.DataFrame, box_size: int, folder: Path) -> None:
    """Slices with picks."""
    with mrcfile.mmap(tomogram, mode="r") as file:
        draw_picks(folder / f"{name}.png", title, file.data, picks[["x", "y", "z"]].to_numpy(), np.zeros((0, 3)), box_size)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--odir", type=Path, default=Path("demo_output/real_pickers"))
    parser.add_argument("--write", action="store_true", help="keep table and pictures in results/")
    options = parser.parse_args()
    options.odir.mkdir(parents=True, exist_ok=True)
    real = options.shared / "data" / "real"
    apoferritin = next((real / "apoferritin_empiar10491").glob("*.mrc"))
    lysosome = next((real / "lysosome").glob("*.mrc"))
    write_shell(shell := options.odir / "shell.mrc")
    matching = ("--templates", shell, "--diameter", APOFERRITIN, "--angularstep", STEP)
    runs = [
        (apoferritin, RATE, "LoG", "pick_blobs_tomo", ("--diameter", APOFERRITIN)),
        (apoferritin, RATE, "DoG", "pick_blobs_tomo", ("--diameter", APOFERRITIN, "--method", "dog")),
        (apoferritin, RATE, "template", "template_matching_tomo", matching),
        (apoferritin, RATE, "template, not whitened", "template_matching_tomo", (*matching, "--noWhitening")),
        (lysosome, LYSOSOME_RATE, "LoG", "pick_blobs_tomo", ("--diameter", LYSOSOME)),
    ]
    given = {}
    for name in ("easymode", "tm"):
        table = next((real / "apoferritin_empiar10491").glob(f"{name}_picks_*.csv"))
        given[name] = pd.read_csv(table).set_axis(["x", "y", "z", "score"], axis=1)[["x", "y", "z"]].to_numpy()
    rows = []
    for tomogram, rate, name, program, arguments in runs:
        sample = "apoferritin" if tomogram == apoferritin else "lysosome"
        base = f"real_{sample}_{name.replace(', ', '_').replace(' ', '_')}"
        picks_file = options.odir / f"{base}.csv"
        cost = run_program(program, "--tomograms", tomogram, "--tomogramSamplingrate", rate, *arguments, "-o", picks_file)
        picks = pd.read_csv(picks_file)
        row = {"tomogram": sample, "picker": name, "picks": len(picks), "seconds": cost.seconds, "GB": cost.memory}
        for other, positions in given.items():
            found = agreement(picks[["x", "y", "z"]].to_numpy(), positions, HIT)
            row[f"F1 with the given {other} picks"] = found.f1 if tomogram == apoferritin else np.nan
        rows.append(row)
        box = round(2 * (APOFERRITIN if tomogram == apoferritin else LYSOSOME) / rate)
        folder = RESULTS if options.write and name in ("LoG", "template") else options.odir
        picture(base, f"{sample}, {name}: {len(picks)} picks", tomogram, picks, box, folder)
    shown = ("real_apoferritin_LoG", "real_apoferritin_template", "real_lysosome_LoG")
    pictures = "".join(f"\n\n![{name}]({name}.png)" for name in shown)
    sources = ", ".join(f"{name} {len(positions)}" for name, positions in given.items())
    text = (
        f"Automatic thresholds. The given picks ({sources}) are other programs', no expert's: F1 says how far two pickings "
        f"agree, within {HIT:g} voxels.\n\n" + as_markdown(pd.DataFrame(rows)) + pictures
    )
    finish("real_pickers", text, options.write)


if __name__ == "__main__":
    main()
