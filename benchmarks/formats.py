"""Seconds and memory of conversions of pick files: a RELION star with all of its columns to CSV, every format to and from CSV."""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
from _measure import Cost, run_program
from _report import as_markdown, finish

from tomo_particles.formats.registry import FORMATS

RATE, TOMOGRAMS, SIZE = 10.0, 50, (1000, 1000, 1000)
NUMBERS = (
    "rlnCoordinateX",
    "rlnCoordinateY",
    "rlnCoordinateZ",
    "rlnAngleRot",
    "rlnAngleTilt",
    "rlnAnglePsi",
    "rlnOriginXAngst",
    "rlnOriginYAngst",
    "rlnOriginZAngst",
    "rlnAutopickFigureOfMerit",
    "rlnLogLikeliContribution",
    "rlnMaxValueProbDistribution",
    "rlnNormCorrection",
)
CONSTANTS = {"rlnTomoTiltSeriesPixelSize": RATE, "rlnOpticsGroup": 1, "rlnClassNumber": 1, "rlnGroupNumber": 1}


def write_relion(path: Path, n: int) -> None:
    """A star file as RELION leaves it after a refinement."""
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.uniform(20, 170, (n, len(NUMBERS))).round(6), columns=NUMBERS)
    names = {
        "rlnTomoName": [f"TS_{i % TOMOGRAMS:03d}" for i in range(n)],
        "rlnImageName": [f"Extract/job01/TS_{i % TOMOGRAMS:03d}/{i}_data.mrcs" for i in range(n)],
    }
    table = pd.concat([pd.DataFrame(names), numbers], axis=1).assign(**CONSTANTS)
    labels = "".join(f"_{label} #{i}\n" for i, label in enumerate(table.columns, start=1))
    path.write_text(f"data_particles\n\nloop_\n{labels}{table.to_csv(sep=' ', index=False, header=False)}")


def converted(source: str, output: str, *options: object) -> Cost:
    """The cost of xmipp_convert_coordinates_tomo."""
    return run_program(
        "convert_coordinates_tomo", "-i", source, "-o", output, "--overwrite", "--samplingrate", RATE, *options, quiet=True
    )


def row(what: str, n: int, cost: Cost) -> dict:
    """A row of the table."""
    return {"conversion": what, "picks": n, "seconds": cost.seconds, "processor s": cost.processor, "MB": cost.memory * 1024}


def main() -> None:
    """Measure and print; --write keeps the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--picks", type=int, default=300_000)
    parser.add_argument("--write", action="store_true", help="keep the table in results/formats.md")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for n in sorted({options.picks // 10, options.picks}):
            with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:  # our own peak would count
                pool.submit(write_relion, folder / "in.star", n).result()
            rows.append(row("RELION star to CSV", n, converted(f"{folder}/in.star", f"{folder}/in.csv")))
        size = ("--size", *SIZE)
        for one in FORMATS[1:]:
            if one.write is None:
                continue
            files = f"{folder}/{one.name}/{'{tomo}' if one.single else 'picks'}{one.extensions[0]}"
            rows.append(row(f"CSV to {one.name}", n, converted(f"{folder}/in.csv", files, "--to", one.name, *size)))
            pattern = files.replace("{tomo}", "*")
            rows.append(row(f"{one.name} to CSV", n, converted(pattern, f"{folder}/out.csv", "--from", one.name, *size)))
    finish("formats", as_markdown(pd.DataFrame(rows)), options.write)


if __name__ == "__main__":
    main()
