"""xmipp_average_subtomograms: the average of the picks of some tomograms, with two independent halves."""

from __future__ import annotations

import sys

from ._averaging.config import AverageConfig
from ._averaging.options import DATA_OPTIONS, PARTICLE_OPTIONS, SEARCH_OPTIONS, read_averaging_options
from ._shared.output_folder import Written
from ._shared.program import Program, run, say_result


class AverageSubtomograms(Program):
    """Command line of `_averaging.files.write_average`."""

    name = "xmipp_average_subtomograms"
    outputs = {"--odir": "folder"}
    written = Written(
        (
            *(f"{name}.mrc" for name in ("average", "average_raw", "half1", "half2", "mask", "coverage")),
            "aligned.csv",
            "aligned.xmd",
            "fsc.csv",
            "summary.json",
        ),
        ("summary.json", "picksOfHalf"),
    )

    def defineParams(self) -> None:
        self.addUsageLine("Average subtomograms: align the picks of some tomograms and average them, without any reference.")
        self.addUsageLine(
            "The picks are divided into two halves. Each half is aligned by itself. The Fourier shell correlation (FSC) of the "
            "two averages gives the resolution. Each frequency is divided by how often the tilt series saw it. Writes "
            "average.mrc (filtered by the FSC), average_raw.mrc, half1.mrc, half2.mrc, mask.mrc, coverage.mrc (bright; all in "
            "one frame), aligned.csv and aligned.xmd (new places and angles; the CSV keeps the places as picked beside), fsc.csv "
            "and summary.json. There is no CTF correction. "
            "The averages are centred on the body of the particle. The first line of the output says whether the halves agree. "
            "The handedness and a wrong sign of the tilt angles cannot be detected."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC, all of one sampling rate")
        self.addParamsLine(
            "  --picks <file> : picks in any format of docs/formats.md; a folder, or a pattern in quotes, is one set"
        )
        self.addParamsLine("  --odir <folder> : output folder; an earlier average in it is replaced")
        for line in PARTICLE_OPTIONS:
            self.addParamsLine(line)
        self.addParamsLine(" [--start <start=free>] : where the alignment starts")
        self.addParamsLine("      where <start>")
        self.addParamsLine("        free : random angles; all rotations are searched")
        self.addParamsLine("        angles : the angles of the picks; only small rotations are searched")
        for line in SEARCH_OPTIONS:
            self.addParamsLine(line)
        self.addParamsLine(" [--noHalves] : average all picks together; nothing says the resolution then")
        self.addParamsLine(
            " [--weighByScore] : weigh each pick with its score, which must lie between 0 and 1 (as that of the consensus); "
            "default: all picks count alike"
        )
        for line in DATA_OPTIONS:
            self.addParamsLine(line)
        self.addExampleLine(
            "xmipp_average_subtomograms --tomograms TS_01.mrc TS_02.mrc --picks out/accepted.csv --odir average --diameter 260"
        )

    def readParams(self) -> None:
        self.config = AverageConfig(
            picks=self.getParam("--picks"),
            start=self.getParam("--start"),
            halves=not self.checkParam("--noHalves"),
            weigh_by_score=self.checkParam("--weighByScore"),
            **read_averaging_options(self),
        )

    def run(self) -> None:
        from ._averaging.files import summary_text, write_average

        say_result(*summary_text(write_average(self.config), self.config.odir).split("\n"))


def main() -> int:
    """Console script."""
    return run(AverageSubtomograms)


if __name__ == "__main__":
    sys.exit(main())
