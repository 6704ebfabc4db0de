"""The demonstration of `make demo`: the whole road, simulated tomograms, three pickers, the consensus, its evaluation.

Every step is a command line of one of the programs, shown before it runs, so that it can be repeated by hand.
"""

from __future__ import annotations

import argparse
import json
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

from tomo_particles.core.processor import processor

SIZE = (256, 256, 80)  # voxels of 10 Å
TARGET = "twosubunits"  # of the built-in complexes the one that looks like a ribosome, 2.1 MDa
# Of each built-in complex in a tomogram, from globule to twosubunits: the particle is not alone.
COUNTS = {"globule": 15, "clamp": 15, "crescent": 15, "shell": 25, "rings": 25, "rod": 30, TARGET: 80}
BEADS, VESICLES, SNR = 8, 2, 0.1
DIAMETER = 200  # Å, of the particle
MATCH_RADIUS = 10  # voxels: half the particle
BOX_SIZE = 32
PICKERS = ("log", "dog", "template")


def run(program: str, *arguments: object, quiet: bool = False) -> None:
    """Show and run xmipp_<program>; ends the demonstration if it fails."""
    words = [str(argument) for argument in arguments]
    print(f"\n$ xmipp_{program} {shlex.join(words)}", flush=True)
    command = [sys.executable, "-m", f"xmipp_scripts.{program}", *words]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL if quiet else None) as started:
        try:
            code = started.wait()
        except KeyboardInterrupt:  # the program says so itself
            started.terminate()
            sys.exit(128 + signal.SIGINT)
    if code:
        sys.exit(code)


def simulate(data: Path, n_tomograms: int, seed: int) -> list[Path]:
    """Write simulated tomograms with their ground truth, unless an earlier run did; returns the tomograms."""
    if (data / "ground_truth.csv").exists():
        print(f"{data} is there from an earlier run: simulated already")
    else:
        run(
            "simulate_tomo",
            "--odir",
            data,
            "--tomograms",
            n_tomograms,
            "--size",
            *SIZE,
            "--counts",
            *COUNTS.values(),
            "--beads",
            BEADS,
            "--vesicles",
            VESICLES,
            "--snr",
            SNR,
            "--seed",
            seed,
        )
    return [data / f"tomo_{i + 1}.mrc" for i in range(n_tomograms)]


def pick(tomograms: list[Path], data: Path, odir: Path) -> dict[str, Path]:
    """The pick files of two blob detectors and of template matching, by the picker's name."""
    files = {name: odir / f"{name}.csv" for name in PICKERS}
    for method in ("log", "dog"):
        run("pick_blobs_tomo", "--tomograms", *tomograms, "--diameter", DIAMETER, "--method", method, "-o", files[method])
    run(
        "template_matching_tomo",
        "--tomograms",
        *tomograms,
        "--templates",
        data / "templates" / f"{TARGET}.mrc",
        "--diameter",
        DIAMETER,
        "--defocus",
        3,
        "--lowpass",
        45,
        "--angularstep",
        25,
        "-o",
        files["template"],
    )
    return files


def evaluate(name: str, picks: Path, data: Path, tomograms: list[Path], odir: Path) -> dict:
    """Precision, recall, F1 and more of one picking."""
    base = odir / "evaluation" / name
    base.parent.mkdir(parents=True, exist_ok=True)
    run(
        "evaluate_picking_tomo",
        "--picks",
        picks,
        "--truth",
        data / "ground_truth.csv",
        "--target",
        TARGET,
        "--radius",
        MATCH_RADIUS,
        "--tomograms",
        *tomograms,
        "--oroot",
        base,
        quiet=True,
    )
    page = json.loads(Path(f"{base}.json").read_text(encoding="utf-8"))["all"]["distance"]
    return page["localisation"] | {"beads": page["false_picks_on"].get("bead", 0)}


def write_votes(scored: Path, odir: Path) -> dict[str, Path]:
    """What plain voting would return: the merged picks that at least 1, 2, 3 pickers saw."""
    import pandas as pd

    from tomo_particles.core.files import write_csv_table

    table = pd.read_csv(scored, dtype={"tomo_id": str})
    files = {f"votes_{n}": odir / f"votes_{n}.csv" for n in range(1, len(PICKERS) + 1)}
    for n, path in enumerate(files.values(), start=1):
        write_csv_table(path, table.loc[table["support"] >= n, ["tomo_id", "x", "y", "z"]])
    return files


def main(arguments: list[str] | None = None) -> int:
    """Run the demonstration."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--odir", type=Path, default=Path("demo_output"))
    parser.add_argument("--tomograms", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    start = time.time()
    data = options.odir / f"simulated_{options.tomograms}_seed_{options.seed}"
    tomograms = simulate(data, options.tomograms, options.seed)
    files = pick(tomograms, data, options.odir)
    consensus = options.odir / "consensus"
    run(
        "run_deep_consensus_tomo",
        "--tomograms",
        *tomograms,
        "--picks",
        *files.values(),
        "--diameter",
        DIAMETER,
        "--boxsize",
        BOX_SIZE,
        "--odir",
        consensus,
        "--seed",
        options.seed,
    )
    files |= write_votes(consensus / "scored.csv", options.odir)
    files["consensus"] = consensus / "accepted.csv"
    table = {name: evaluate(name, path, data, tomograms, options.odir) for name, path in files.items()}
    print(f"\n{'':14}{'picks':>8}{'precision':>11}{'recall':>9}{'F1':>8}{'beads':>8}")
    for name, row in table.items():
        print(f"{name:14}{row['RR']:8d}{row['precision']:11.3f}{row['recall']:9.3f}{row['F1']:8.3f}{row['beads']:8d}")
    print(f"\nresults: {consensus}   picture: {consensus}/picks.png")
    print(f"{time.time() - start:.0f} s on {processor()}")
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # no program of it stays
    sys.exit(main())
