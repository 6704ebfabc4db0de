"""xmipp_picking_consensus_tomo: the picks on which k of n pickers agree, without a network; k = 1 is OR, k = n is AND."""

from __future__ import annotations

import sys
from itertools import combinations

from ._picking_consensus.k_of_n import KOfNConfig, write_k_of_n
from ._shared.output_folder import Written
from ._shared.program import Program, run, say_result
from .coordinates_consensus_tomo import SYMMETRY_HELP


class PickingConsensusTomo(Program):
    """Command line of `write_k_of_n`."""

    name = "xmipp_picking_consensus_tomo"
    outputs = {"--odir": "folder"}
    written = Written(("merged.csv", "agreed_*.csv", "agreed_*.xmd", "summary.json"), ("summary.json", "ofThoseWithPicks"))
    parameters = {
        "representative": "--constype",
        "number_of_agreeing_pickers": "--number",
        "tomogram": "--tomograms",
        "picks_sampling_rate": "--picksSamplingrates",
    }

    def defineParams(self) -> None:
        self.addUsageLine("Picking consensus of tomograms: the merged picks on which at least a number of pickers agree.")
        self.addUsageLine(
            "Pick files are as in xmipp_run_deep_consensus_tomo. The program writes into the output folder: agreed_K.csv and "
            "agreed_K.xmd for each number K of --number, merged.csv with all merged picks, their support and pickers, and "
            "summary.json with the fraction of picks that each two pickers share (Jaccard index)."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC")
        self.addParamsLine(
            "  --picks <...> : pick files, one per picker, at least two; a folder of files also counts as one picker"
        )
        self.addParamsLine("  --boxsize <int> : box size in voxels of --samplingrate, even; about twice the particle's diameter")
        self.addParamsLine("  --odir <folder> : output folder")
        self.addParamsLine(
            " [--number <...>] : numbers of pickers that must agree: 1 accepts every pick (OR), the number of all pickers only "
            "those of all (AND). Several numbers give several outputs of one clustering; default: 2"
        )
        self.addParamsLine(
            " [--ofThoseWithPicks] : in a tomogram in which fewer pickers have picks, all of these are enough; without it a "
            "tomogram that a picker missed has no pick on which all agree"
        )
        self.addParamsLine(
            " [--samplingrate <double>] : sampling rate of the consensus in A/voxel; default: that of the first tomogram"
        )
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel of all tomograms, if their headers have none or a wrong one"
        )
        self.addParamsLine(" [--picksSamplingrates <...>] : A/voxel of each pick file; 0: that of the tomogram")
        self.addParamsLine(" [--radius <double=0.35>] : picks nearer than this fraction of the box size are the same particle")
        self.addParamsLine(
            " [--constype <type=2>] : position of a merged pick: 0 first pick, 1 centroid, 2 robust (geometric median)"
        )
        self.addParamsLine(f" [--symmetry <name=c1>] : {SYMMETRY_HELP}")
        self.addExampleLine(
            "xmipp_picking_consensus_tomo --tomograms TS_01.mrc TS_02.mrc --picks cryolo/ deepfinder.csv tm.star --boxsize 32 "
            "--number 1 2 3 --odir consensus"
        )

    def readParams(self) -> None:
        def optional(option: str) -> float | None:
            return self.number(option) if self.checkParam(option) else None

        rates = [self.number("--picksSamplingrates", index=i) for i in range(len(self.optional_list("--picksSamplingrates")))]
        numbers = [self.integer("--number", i) for i in range(len(self.optional_list("--number")))]
        self.config = KOfNConfig(
            tomograms=tuple(self.getListParam("--tomograms")),
            picks=tuple(self.getListParam("--picks")),
            box_size=self.integer("--boxsize"),
            odir=self.getParam("--odir"),
            sampling_rate=optional("--samplingrate"),
            tomogram_sampling_rate=optional("--tomogramSamplingrate"),
            picks_sampling_rates=tuple(rates),
            radius=self.number("--radius"),
            representative=self.integer("--constype"),
            symmetry=self.getParam("--symmetry"),
            numbers=tuple(numbers) or (2,),
            of_those=self.checkParam("--ofThoseWithPicks"),
        )

    def run(self) -> None:
        summary = write_k_of_n(self.config)
        for (i, one), (j, other) in combinations(enumerate(summary["pickers"]), 2):
            shared = summary["shared"][i][j]
            say_result(f"{one} and {other} share {0 if shared is None else shared:.0%} of their picks")
        for note in summary["notes"]:
            say_result(f"note: {note}")
        for number, count in summary["accepted"].items():
            agreed = f"{count} of {summary['merged']} merged picks: {number} pickers agree"
            say_result(f"{agreed}: {self.config.odir}/agreed_{number}.csv")


def main() -> int:
    """Console script."""
    return run(PickingConsensusTomo)


if __name__ == "__main__":
    sys.exit(main())
