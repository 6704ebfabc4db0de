"""Branches of one species compared by their averages: pickers, votes, the consensus, noise, and the truth."""

from __future__ import annotations

import argparse
import base64
import json
import re
import tempfile
from pathlib import Path

import pandas as pd
from _accuracy_data import SPECIES, pick, tomograms_of, truth_of
from _measure import run_program
from _report import RESULTS, as_markdown, finish
from averages import CASES, simulated

PICKERS = ("template", "learned_1", "log", "junk")  # three good ones and one that mostly errs


def compared(folder: Path, maps: Path, species: str, seed: int, options: list[str]) -> tuple[Path, float]:
    """Simulate, pick, find the consensus, compare; what is there is not made again. Returns the folder and the seconds."""
    data = simulated(CASES["B 1bxn, c1"], folder, maps, seed)
    files = pick(data, species, seed)
    diameter, box = SPECIES[species]
    common = ["--tomograms", *tomograms_of(data)]
    consensus = data / f"consensus_{species}"
    if not (consensus / "summary.json").exists():
        picks = [files[name] for name in PICKERS]
        run_program("run_deep_consensus_tomo", *common, "--picks", *picks, "--boxsize", box, "--odir", consensus, quiet=True)
    truth = data / f"truth_{species}.csv"
    truth_of(data, species).to_csv(truth, index=False)
    out = data / f"branches_{species}"
    inputs = ["--consensus", consensus, "--truth", truth, "--reference", data / "templates" / f"{species}.mrc"]
    cost = run_program("compare_branches_tomo", *common, *inputs, "--odir", out, "--diameter", diameter, *options)
    return out, cost.processor


def page_of(out: Path, picture: Path | None) -> str:
    """The tables of a comparison, and its maps at equal numbers as a picture."""
    summary = json.loads((out / "summary.json").read_text())
    tables = [summary["equalNumbers"], summary["ownNumbers"]]
    titles = ["At equal numbers of picks, mean and standard deviation of three draws:", "Each with all of its picks:"]
    text = [f"{title}\n\n{as_markdown(pd.DataFrame(t[1:], columns=t[0]))}" for title, t in zip(titles, tables, strict=True) if t]
    if picture:
        found = re.search(r"data:image/png;base64,([^\"]+)", (out / "report.html").read_text())
        if found:
            picture.write_bytes(base64.b64decode(found[1]))
            text.append(f"![Maps at equal numbers]({picture.name})")
    return "\n\n".join([*text, *(f"- {note}" for note in summary["notes"])])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--maps", type=Path, default=Path(__file__).parents[2] / "shared" / "data" / "maps_10A")
    parser.add_argument("--species", nargs="+", default=["1bxn"], help=f"of {', '.join(SPECIES)}")
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--starts", type=int, default=3, help="random starts of each average")
    parser.add_argument("--odir", type=Path, help="keep everything here")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    parts = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.odir or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        for species in options.species:
            out, seconds = compared(folder, options.maps, species, options.seed, ["--starts", str(options.starts)])
            picture = RESULTS / f"branches_{species}.png" if options.write else None
            parts.append(f"## {species}, {seconds:.0f} processor seconds for the comparison\n\n{page_of(out, picture)}")
    finish("branches", "\n\n".join(parts), options.write)


if __name__ == "__main__":
    main()
