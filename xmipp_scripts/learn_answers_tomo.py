"""xmipp_learn_answers_tomo: score merged picks again with what a person said of some of them."""

from __future__ import annotations

import sys

from ._shared.program import Program, run, say_result


class LearnAnswersTomo(Program):
    """Command line of `_curation.learn.write_learned`."""

    name = "xmipp_learn_answers_tomo"
    outputs = {"--output": "file"}
    parameters = {"input": "--input", "answers": "--answers", "radius": "--radius"}

    def defineParams(self) -> None:
        self.addUsageLine("Learn from the answers of a person: score merged picks again.")
        self.addUsageLine(
            "Reads scored merged picks and the answers that xmipp_curate_picks_tomo saved. An answered pick becomes a positive "
            "or negative reference. From ten answers on, the scores of all other picks are fitted to the answers, too. Nothing "
            "is extracted or trained again, and it takes seconds. xmipp_run_deep_consensus_tomo does this if its output folder "
            "holds answers.csv. Writes beside the output the verdict, the reliability of the pickers, and a JSON record."
        )
        self.addParamsLine(
            "  --input <file> : XMD of scored merged picks (xmipp_deep_picking_consensus_tomo, or of the second look)"
        )
        self.addParamsLine(
            "  --answers <file> : CSV of answers with the columns tomo_id, x, y, z, samplingRate, answer (yes or no), and, if "
            "known, who, when, why and score. x, y, z are voxels of samplingRate (A/voxel)"
        )
        self.addParamsLine("  --output <file> : XMD for the picks with their new scores")
        self.addParamsLine(" [--radius <double=0.35>] : an answer is about the nearest pick within this fraction of the box size")
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addExampleLine("xmipp_learn_answers_tomo --input merged.xmd --answers answers.csv --output merged_answered.xmd")

    def readParams(self) -> None:
        from ._curation.learn import LearnConfig

        self.config = LearnConfig(
            input=self.getParam("--input"),
            answers=self.getParam("--answers"),
            output=self.getParam("--output"),
            radius=self.number("--radius"),
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
        )

    def run(self) -> None:
        from ._curation.learn import write_learned

        say_result(f"answers: {write_learned(self.config)['text']}")


def main() -> int:
    """Console script."""
    return run(LearnAnswersTomo)


if __name__ == "__main__":
    sys.exit(main())
