"""xmipp_average_subtomograms: the average of the picks of some tomograms, with two independent halves."""

from __future__ import annotations

import sys

from tomo_particles.core.errors import InputError

from ._averaging.config import AverageConfig
from ._shared.program import Program, run, say


class AverageSubtomograms(Program):
    """Command line of `_averaging.files.write_average`."""

    name = "xmipp_average_subtomograms"
    outputs = {"--odir": "folder"}

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
        self.addParamsLine("  --diameter <double> : diameter of the particle in A; the box has 1.6 diameters")
        self.addParamsLine(
            " [--tilts <...>] : first and last tilt angle about y, in degrees, once for all tomograms or once for each in their "
            "order; they define the missing wedge. Default: -60 60"
        )
        self.addParamsLine(
            " [--symmetry <name=c1>] : symmetry of the particle: c1, c2, ..., d2, ..., t, o, i1, i2. A wrong symmetry lowers the "
            "resolution but is not detected: average with c1 too, and compare"
        )
        self.addParamsLine(" [--start <start=free>] : where the alignment starts")
        self.addParamsLine("      where <start>")
        self.addParamsLine("        free : random angles; all rotations are searched")
        self.addParamsLine("        angles : the angles of the picks; only small rotations are searched")
        self.addParamsLine(" [--lowpass <double=60>] : resolution of the first rounds, A")
        self.addParamsLine(
            " [--finest <double>] : finest resolution at which picks are compared, A; default: that of the sampling. It is "
            "reached only if the halves agree there"
        )
        self.addParamsLine(" [--iter <int=12>] : most rounds of a free start")
        self.addParamsLine(" [--starts <int=3>] : random starts of each half; after half of the rounds only the best goes on")
        self.addParamsLine(" [--noHalves] : average all picks together; nothing says the resolution then")
        self.addParamsLine(
            " [--weighByScore] : weigh each pick with its score, which must lie between 0 and 1 (as that of the consensus); "
            "default: all picks count alike"
        )
        self.addParamsLine(" [--bright] : particles are bright in the tomograms; default: dark")
        self.addParamsLine(
            " [--samplingrate <double>] : A/voxel of the picks, if their file does not say it; default: that of the tomograms"
        )
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addParamsLine(" [--threads <int=2>] : CPU threads; the result does not depend on them")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice")
        self.addExampleLine(
            "xmipp_average_subtomograms --tomograms TS_01.mrc TS_02.mrc --picks out/accepted.csv --odir average --diameter 260"
        )

    def readParams(self) -> None:
        optional = lambda option: self.number(option) if self.checkParam(option) else None  # noqa: E731
        self.config = AverageConfig(
            tomograms=tuple(self.optional_list("--tomograms")),
            picks=self.getParam("--picks"),
            odir=self.getParam("--odir"),
            diameter=self.number("--diameter"),
            tilts=self._tilts(),
            symmetry=self.getParam("--symmetry"),
            start=self.getParam("--start"),
            lowpass=self.number("--lowpass"),
            finest=optional("--finest"),
            rounds=self.integer("--iter"),
            starts=self.integer("--starts"),
            halves=not self.checkParam("--noHalves"),
            weigh_by_score=self.checkParam("--weighByScore"),
            bright=self.checkParam("--bright"),
            sampling_rate=optional("--samplingrate"),
            tomogram_sampling_rate=optional("--tomogramSamplingrate"),
            threads=self.integer("--threads"),
            seed=self.integer("--seed"),
        )

    def _tilts(self) -> tuple[float, ...]:
        texts = self.optional_list("--tilts") or ["-60", "60"]
        try:
            return tuple(float(text) for text in texts)
        except ValueError as error:
            raise InputError(f"--tilts: expected numbers, received '{' '.join(texts)}'") from error

    def run(self) -> None:
        from ._averaging.files import summary_text, write_average

        say(*summary_text(write_average(self.config), self.config.odir).split("\n"))


def main() -> int:
    """Console script."""
    return run(AverageSubtomograms)


if __name__ == "__main__":
    sys.exit(main())
