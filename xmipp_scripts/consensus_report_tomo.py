"""xmipp_consensus_report_tomo: the HTML report of a finished deep consensus, made again, also at another threshold."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from tomo_particles.core.errors import InputError

from ._shared.program import Program, require_positive, run, say_result


@dataclass(frozen=True)
class ReportConfig:
    """Which run to report; threshold None: its own.  output None: into the folder of the run.

    truth: pick file.  hit_radius: fraction of the box.
    """

    run: str
    threshold: float | None = None
    output: str | None = None
    truth: str | None = None
    hit_radius: float = 0.35

    def __post_init__(self) -> None:
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise InputError(f"--threshold: must lie between 0 and 1, received {self.threshold:g}")
        require_positive(self.hit_radius, "--hitRadius", "fraction of the box size")
        if self.output is not None and not self.output.endswith(".html"):
            raise InputError(f"-o: the name of a report must end in .html, received '{self.output}'")

    @property
    def path(self) -> Path:
        """Where the report goes: what another threshold would give must not replace what the run gave."""
        name = "report.html" if self.threshold is None else f"report_threshold_{self.threshold:g}.html"
        return Path(self.output) if self.output else Path(self.run) / name


class ConsensusReportTomo(Program):
    """Command line of `html_report.write_report`."""

    name = "xmipp_consensus_report_tomo"
    outputs = {"-o": "file"}

    def defineParams(self) -> None:
        self.addUsageLine("Report of a deep consensus: one HTML file with its figures, tables, parameters and links.")
        self.addUsageLine(
            "Reads the output folder of xmipp_run_deep_consensus_tomo, or of the Scipion protocol, and changes nothing else in "
            "it. With --threshold the report shows what another threshold accepts. To get those picks as files, run the same "
            "command of xmipp_run_deep_consensus_tomo with that threshold: finished steps, such as training, are not repeated."
        )
        self.addParamsLine("  --run <folder> : folder of a finished run: --odir, or extra/consensus of the protocol")
        self.addParamsLine(" [--threshold <t>] : show the run with this threshold on the score, 0 to 1; default: that of the run")
        self.addParamsLine(
            " [-o <file>] : HTML file; default: report.html in the folder of the run, or report_threshold_T.html with --threshold"
        )
        self.addParamsLine(
            " [--truth <file>] : pick file with EVERY particle of one or more tomograms, for example picked by hand. The report "
            "then shows the precision, recall and calibration measured in these tomograms"
        )
        self.addParamsLine(
            " [--hitRadius <double=0.35>] : a pick is right if it is this near to a particle of --truth; fraction of the box size"
        )
        self.addExampleLine("xmipp_consensus_report_tomo --run consensus --threshold 0.7")

    def readParams(self) -> None:
        self.config = ReportConfig(
            run=self.getParam("--run"),
            threshold=self.number("--threshold") if self.checkParam("--threshold") else None,
            output=self.optional_path("-o"),
            truth=self.optional_path("--truth"),
            hit_radius=self.number("--hitRadius"),
        )

    def run(self) -> None:
        from tomo_particles.reports.html_report import write_report

        config = self.config
        say_result(f"report: {write_report(config.run, config.threshold, config.path, config.truth, config.hit_radius)}")


def main() -> int:
    """Console script."""
    return run(ConsensusReportTomo)


if __name__ == "__main__":
    sys.exit(main())
