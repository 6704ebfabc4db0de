"""xmipp_compare_branches_tomo: several sets of picks of the same tomograms, compared by their averages."""

from __future__ import annotations

import sys

from ._averaging.branch_config import BranchesConfig, named_files
from ._averaging.config import AverageConfig
from ._averaging.options import DATA_OPTIONS, PARTICLE_OPTIONS, SEARCH_OPTIONS, read_averaging_options
from ._shared.output_folder import Written
from ._shared.program import Program, run, say_result


class CompareBranchesTomo(Program):
    """Command line of `_averaging.branch_files.write_comparison`."""

    name = "xmipp_compare_branches_tomo"
    goes_on = True
    outputs = {"--odir": "folder"}
    written = Written(("branches.csv", "report.html", "summary.json", "maps/*"), ("summary.json", "equalNumbers"))

    def defineParams(self) -> None:
        self.addUsageLine("Compare sets of picks by their averages: pickers, votes, the consensus, and noise.")
        self.addUsageLine(
            "Each set (branch) is aligned by itself, from a free start and in two independent halves, as by "
            "xmipp_average_subtomograms: once with all of its picks, and three times with as many picks as the smallest branch "
            "of 40 or more has, the same share of each tomogram. The table gives the resolution by FSC, by direction (FSO) and "
            "local. It is ordered by the FSC at equal numbers of picks: more picks give a finer resolution, better or not. "
            "Random places away from all picks are a branch as well: they show what picks of nothing give. A branch of fewer "
            "than 20 picks is left out, and a line says so; one of fewer than 40 has no halves and no resolution."
        )
        self.addUsageLine(
            "Writes branches.csv (A; empty: none), summary.json, report.html with the maps side by side at one grey scale, and "
            "the maps of each branch in the folder maps, all in one frame: that of --reference, else of the consensus, else of "
            "the branch whose halves agree best. The FSC alone is no verdict: look at the maps."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC, all of one sampling rate")
        self.addParamsLine(
            "  --odir <folder> : output folder; an earlier comparison in it is replaced. After an "
            "interruption the same command goes on: finished alignments are kept in it until the end"
        )
        for line in PARTICLE_OPTIONS:
            self.addParamsLine(line)
        self.addParamsLine(
            " [--branches <...>] : sets of picks as name=picks, such as hand=hand.csv; any format of docs/formats.md"
        )
        self.addParamsLine(
            " [--consensus <folder>] : a finished run of xmipp_run_deep_consensus_tomo: each of its pickers, each number of "
            "votes and its accepted picks are branches"
        )
        self.addParamsLine(
            " [--truth <file>] : pick file with every particle of the tomograms: a branch, and it measures hits and centres"
        )
        self.addParamsLine(
            " [--reference <map>] : density of the particle, MRC, bright: the averages are laid on it and compared with it"
        )
        self.addParamsLine(
            " [--sharedPoses] : align the picks of all branches once, together. Quick, but false picks take the shape of the "
            "shared reference, so that every resolution is too good; the result is marked"
        )
        for line in (*SEARCH_OPTIONS, *DATA_OPTIONS):
            self.addParamsLine(line)
        self.addExampleLine(
            "xmipp_compare_branches_tomo --tomograms TS_01.mrc TS_02.mrc --consensus out --branches hand=hand.csv --diameter 260 "
            "--odir branches"
        )

    def readParams(self) -> None:
        self.config = BranchesConfig(
            average=AverageConfig(picks="", **read_averaging_options(self)),
            branches=named_files(self.optional_list("--branches")),
            consensus=self.optional_path("--consensus"),
            truth=self.optional_path("--truth"),
            reference=self.optional_path("--reference"),
            shared_poses=self.checkParam("--sharedPoses"),
        )

    def run(self) -> None:
        from ._averaging.branch_files import write_comparison

        say_result(*write_comparison(self.config).split("\n"))


def main() -> int:
    """Console script."""
    return run(CompareBranchesTomo)


if __name__ == "__main__":
    sys.exit(main())
