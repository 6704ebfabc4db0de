"""xmipp_join_picks_tomo: picks of a trained network and of template matching as one set, with one score."""

from __future__ import annotations

import sys

from ._shared.program import Program, run, say_result
from ._voxelwise.join_config import JoinConfig


class JoinPicksTomo(Program):
    """Command line of `_voxelwise.joining.join_picks`."""

    name = "xmipp_join_picks_tomo"
    outputs = {"-o": "file"}

    def defineParams(self) -> None:
        self.addUsageLine("Join the picks of a trained network and of template matching in the same tomograms.")
        self.addUsageLine(
            "Picks within half a diameter are of one particle. Column found_by: both, tm (template matching alone), dl (the "
            "network alone). Both maps are read at every pick: the network's probability at the picks of the templates, the "
            "templates' best score at the picks of the network. A logistic regression joins the two. It is learned where the "
            "particles are known (--truth), each tomogram is scored by the others, and precision and F score of each group are "
            "printed, and written beside the picks (<picks>_groups.csv). Elsewhere it is read (--fit)."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC")
        self.addParamsLine("  --network <file> : picks of xmipp_deep_pick_tomo; with a low --threshold, so that few are missing")
        self.addParamsLine("  --networkMaps <folder> : what its --scoremaps wrote")
        self.addParamsLine("  --template <file> : picks of xmipp_template_matching_tomo")
        self.addParamsLine("  --templateMaps <folder> : what its --scoremaps wrote")
        self.addParamsLine("  --diameter <double> : of the particles, A")
        self.addParamsLine("  -o <file> : accepted picks, .csv")
        self.addParamsLine("  --fit <file> : how both are joined, .json; written with --truth, read without")
        self.addParamsLine(" [--truth <file>] : every particle of these tomograms, to learn from; two tomograms or more")
        self.addParamsLine(" [--threshold <double>] : lowest accepted score. Default: that of the best F score in the learning")
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addExampleLine(
            "xmipp_join_picks_tomo --tomograms TS_1.mrc TS_2.mrc --network dl.csv --networkMaps dl --template tm.csv "
            "--templateMaps tm --diameter 250 --truth known.csv --fit joint.json -o joined.csv"
        )

    def readParams(self) -> None:
        self.config = JoinConfig(
            tomograms=tuple(self.optional_list("--tomograms")),
            network=self.getParam("--network"),
            network_maps=self.getParam("--networkMaps"),
            template=self.getParam("--template"),
            template_maps=self.getParam("--templateMaps"),
            diameter=self.number("--diameter"),
            output=self.getParam("-o"),
            fit=self.getParam("--fit"),
            truth=self.optional_path("--truth"),
            threshold=self.number("--threshold") if self.checkParam("--threshold") else None,
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
        )

    def run(self) -> None:
        from ._voxelwise.joining import join_picks

        say_result(f"{len(join_picks(self.config))} picks in {self.config.output}")


def main() -> int:
    """Console script."""
    return run(JoinPicksTomo)


if __name__ == "__main__":
    sys.exit(main())
