"""What a tuning of the training buys: the consensus with the default settings and with those tuned on the very data.

The tuning sees no truth. It ran for the first time on these seeds when everything was fixed. A case that was measured stays in
the folder, and a tuning that was interrupted goes on.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import _accuracy_data as data
import pandas as pd
from _report import as_markdown, finish
from second_look import compare

from tomo_particles.consensus.merged_picks import MergedPicks
from tomo_particles.formats.xmd import read_table

CASES = (("1bxn", 3, 12), ("1bxn", 2, 11), ("4v4r", 3, 11))  # species, good pickers, seed
SNR = 0.05
LABELS = {"pos": ("pos",), "doubt": ("doubt",), "neg": ("noise", "neg")}


def measure(options: argparse.Namespace, species: str, good: int, seed: int) -> list[dict]:
    """A row for the defaults and one for the tuned settings."""
    from xmipp_scripts._consensus_run.config import PipelineConfig
    from xmipp_scripts._consensus_run.pipeline import Pipeline
    from xmipp_scripts._network.tuning import TuningConfig, tune_files
    from xmipp_scripts._shared.training_options import TrainingSettings

    simulated = data.simulate(options.folder / "tilt_series", options.maps, SNR, seed, species)
    files = data.pick(simulated, species, seed)
    truth = {str(name): rows[["x", "y", "z"]].to_numpy() for name, rows in data.truth_of(simulated, species).groupby("tomo_id")}
    diameter, box_size = data.SPECIES[species]
    odir = options.folder / f"{species}_{good}_seed_{seed}"

    def run(training: TrainingSettings) -> dict:
        config = PipelineConfig(
            tomograms=tuple(map(str, data.tomograms_of(simulated))),
            picks=tuple(str(files[name]) for name in data.GOOD[good]),
            box_size=box_size,
            odir=str(odir),
            seed=seed,
            report=False,
            diameter=float(diameter),
            training=training,
        )
        pipeline = Pipeline(config, lambda line: None)
        pipeline.run()
        paths = {"before the look": pipeline.layout.scored_first, "after": pipeline.layout.scored}
        found = {}
        for name, path in paths.items():
            compared = compare(MergedPicks.from_columns(read_table(path)), truth, diameter / 2, good, 0.5)
            found |= {f"{measured} {name}": compared[measured] for measured in ("F1", "ECE")}
        return found | {"best vote": compared["best vote"]}

    begin = time.process_time()
    defaults = run(TrainingSettings())
    trained = time.process_time()
    boxes = {
        kind: [str(path) for label in LABELS[kind] for path in sorted((odir / "boxes" / label).glob("*.xmd"))] for kind in LABELS
    }
    tuning = TuningConfig(
        boxes,
        TrainingSettings(),
        (),
        box_size=box_size,
        sampling_rate=10.0,
        output=str(odir / "tuned.json"),
        trials=options.trials,
        seed=seed,
        threads=2,
    )
    text = tune_files(tuning, lambda line: print(line, flush=True))
    tuned = time.process_time()
    best = json.loads(Path(tuning.output).read_text())
    case = {"species": species, "pickers": good, "seed": seed}
    table = pd.read_csv(tuning.table)
    chosen = table[(table["trial"] == best["trial"]) & (table["stage"] == "search")].iloc[0]
    rows = [case | {"settings": "defaults", "log-likelihood": float(table["log_likelihood"][0])} | defaults]
    rows[0] |= {"processor s": round(trained - begin), "what came of it": ""}
    used = run(TrainingSettings(**best["training"]))
    shown = ", ".join(f"{name} {value}" for name, value in best["training"].items())
    rows.append(case | {"settings": shown, "log-likelihood": float(chosen["log_likelihood"])} | used)
    rows[1] |= {"processor s": round(tuned - trained), "what came of it": text}
    return rows


def measured(options: argparse.Namespace, species: str, good: int, seed: int) -> list[dict]:
    """The rows of a case, from an earlier run of the bench or now."""
    kept = options.folder / f"{species}_{good}_seed_{seed}.json"
    if not kept.exists():
        kept.write_text(json.dumps(measure(options, species, good, seed), indent=1), encoding="utf-8")
    return list(json.loads(kept.read_text(encoding="utf-8")))


def page(table: pd.DataFrame, trials: int) -> str:
    """The result as text."""
    text = (
        f"Signal to noise {SNR}, {trials} trials a tuning. Each case has three tomograms of 224 x 224 x 80 voxels of 10 Å with "
        "40 particles of each of three species and 76 other objects (benchmarks/_accuracy_data.py). The log-likelihood is that "
        "of the agreement of the pickers, which the tuning maximises without a truth. F1 and ECE are against the truth, before "
        "and after the second look. Best vote is chosen in hindsight. Processor seconds: of the run with the defaults, and of "
        "the tuning."
    )
    return "\n\n".join(
        [
            text,
            as_markdown(table.drop(columns="what came of it")),
            "What the tuning said:",
            *(
                f"- {row['species']}, {row['pickers']} pickers, seed {row['seed']}: {row['what came of it']}"
                for row in table.to_dict("records")
                if row["what came of it"]
            ),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path("../shared/data/maps_10A"), help="folder of the densities")
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--cases", type=int, default=len(CASES), help="how many of the cases")
    parser.add_argument("--folder", type=Path, default=Path("benchmark_output/tuning"), help="what is there stays")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    rows = [row for case in CASES[: options.cases] for row in measured(options, *case)]
    finish("tuning", page(pd.DataFrame(rows), options.trials), options.write)


if __name__ == "__main__":
    main()
