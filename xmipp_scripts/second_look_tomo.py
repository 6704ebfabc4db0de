"""xmipp_second_look_tomo: compare scored merged picks with averages of the accepted ones, and score and centre them again."""

from __future__ import annotations

import sys

from ._shared.program import Program, run, say_result
from ._shared.progress import say_on_the_way


class SecondLookTomo(Program):
    """Command line of `_averaging.second_look.write_second_look`."""

    name = "xmipp_second_look_tomo"
    outputs = {"--output": "file"}
    parameters = {"input": "--input", "noise": "--inputNeg", "diameter": "--diameter", "tilts": "--tilts"}

    def defineParams(self) -> None:
        self.addUsageLine("Second look at merged picks: compare each with the average of the accepted ones, and score it again.")
        self.addUsageLine(
            "The accepted picks are divided into two halves. Of each half those that most pickers found (a third, but 40 to 400) "
            "are aligned and averaged by themselves. Every pick is compared with the average of the half that it is not in. The "
            "comparison and the network score are joined into the final score, and each pick moves half of the way to the "
            "centre of the average. If the two averages do not agree, nothing is changed, and the output says so. "
            "xmipp_run_deep_consensus_tomo does this if --diameter is given. "
            "Writes beside the output the verdict, the reliability of the pickers, the looks (CSV, with the places as picked), "
            "the two averages, and a JSON record."
        )
        self.addParamsLine("  --input <file> : XMD of scored merged picks (xmipp_deep_picking_consensus_tomo --mode scoring)")
        self.addParamsLine("  --inputNeg <file> : XMD of scored noise (its --outputNeg)")
        self.addParamsLine("  --output <file> : XMD for the picks with their new scores")
        self.addParamsLine("  --diameter <double> : diameter of the particle in A")
        self.addParamsLine(
            " [--model <file>] : model that scored the picks; without it they count as scored by a network that may know them"
        )
        self.addParamsLine(" [--tilts <...>] : first and last tilt angle about y, in degrees; default: -60 60")
        self.addParamsLine(" [--keepCentres] : leave the picks where they are")
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addParamsLine(" [--threads <int=2>] : CPU threads; the result does not depend on them")
        self.addParamsLine(" [--seed <int=1>] : seed of the random first angles")
        self.addExampleLine(
            "xmipp_second_look_tomo --input scored.xmd --inputNeg scored_noise.xmd --model model.h5 --diameter 130 "
            "--output looked.xmd"
        )

    def readParams(self) -> None:
        from ._averaging.second_look import LookConfig
        from ._shared.averaging_options import read_tilts

        self.config = LookConfig(
            input=self.getParam("--input"),
            noise=self.getParam("--inputNeg"),
            output=self.getParam("--output"),
            diameter=self.number("--diameter"),
            model=self.optional_path("--model") or "",
            tilts=read_tilts(self),
            move=not self.checkParam("--keepCentres"),
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
            threads=self.integer("--threads"),
            seed=self.integer("--seed"),
        )

    def run(self) -> None:
        from ._averaging.second_look import write_second_look

        say_result(f"second look: {write_second_look(self.config, say_on_the_way)['reason']}")


def main() -> int:
    """Console script."""
    return run(SecondLookTomo)


if __name__ == "__main__":
    sys.exit(main())
