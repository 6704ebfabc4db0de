"""xmipp_split_subtomograms_tomo: two structures in a set of aligned subtomograms, if there are two."""

from __future__ import annotations

import sys

from ._classification.config import SplitConfig
from ._shared.averaging_options import read_each_tilts
from ._shared.output_folder import Written
from ._shared.program import Program, run, say_result


class SplitSubtomograms(Program):
    """Command line of `_classification.files.write_split`."""

    name = "xmipp_split_subtomograms_tomo"
    outputs = {"--odir": "folder"}
    written = Written(
        ("class_[1-8]*.mrc", "difference.mrc", "mask.mrc", "classes.xmd", "fsc.csv", "summary.json", "report.html"),
        ("summary.json", '"tomograms"'),
    )
    parameters = {"input": "-i"}

    def defineParams(self) -> None:
        self.addUsageLine("Split aligned subtomograms into two classes, and say whether there are two structures at all.")
        self.addUsageLine(
            "The particles are divided into two halves that never meet. In each half, what the average does not explain is "
            "split by its principal component, with the missing wedge taken into account; small errors of the poses and the "
            "contrast are fitted first. The verdict is 'supported' only if the differences of the two halves agree better than "
            "those of 20 simulated sets of one structure. Writes classes.xmd (ref3d: class 1 is the larger one; logLikelihood: "
            "log odds of class 1; weight: probability of its class), class_1.mrc, class_2.mrc and their half maps, "
            "difference.mrc, mask.mrc, fsc.csv, summary.json and report.html. The poses stay as they are. There is no CTF "
            "correction, and particles with a symmetry are treated as if they had none."
        )
        self.addParamsLine(
            "  -i <file> : picks with angles in any format of docs/formats.md, with --tomograms (as aligned.xmd of "
            "xmipp_average_subtomograms); or an XMD of subtomograms: image, angleRot, angleTilt, anglePsi, shiftX, shiftY, shiftZ"
        )
        self.addParamsLine("  --odir <folder> : output folder; an earlier split in it is replaced")
        self.addParamsLine(" [--tomograms <...>] : tomograms of the picks, MRC, all of one sampling rate")
        self.addParamsLine(
            " [--diameter <double>] : diameter of the particle in A; needed with --tomograms. Default: the largest ball in a box"
        )
        self.addParamsLine(
            " [--tilts <...>] : first and last tilt angle about y, in degrees, once for all tomograms or once for each in their "
            "order; needed with --tomograms. Default: what the XMD of subtomograms says (missingRegionThetaY0, "
            "missingRegionThetaYF)"
        )
        self.addParamsLine(
            " [--mask <file>] : volume, framed as the average, 1 where structures may differ; default: a ball of that diameter"
        )
        self.addParamsLine(
            " [--maxResolution <double>] : finest resolution at which particles are compared, A; default: a fifth of the diameter"
        )
        self.addParamsLine(" [--samplingrate <double>] : A/voxel of picks or subtomograms, if their files do not say it")
        self.addParamsLine(" [--classes <int=2>] : at most; classes are split again as long as that is supported")
        self.addParamsLine(" [--threads <int=2>] : CPU threads; the result does not depend on them")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice")
        self.addExampleLine(
            "xmipp_split_subtomograms_tomo --odir split -i average/aligned.xmd --tomograms TS_01.mrc TS_02.mrc --tilts -60 60 "
            "--diameter 260"
        )

    def readParams(self) -> None:
        optional = lambda option: self.number(option) if self.checkParam(option) else None  # noqa: E731
        self.config = SplitConfig(
            input=self.getParam("-i"),
            odir=self.getParam("--odir"),
            tomograms=tuple(self.optional_list("--tomograms")),
            diameter=optional("--diameter"),
            tilts=read_each_tilts(self),
            mask=self.optional_path("--mask"),
            max_resolution=optional("--maxResolution"),
            sampling_rate=optional("--samplingrate"),
            classes=self.integer("--classes"),
            threads=self.integer("--threads"),
            seed=self.integer("--seed"),
        )

    def run(self) -> None:
        from ._classification.files import summary_text, write_split

        say_result(*summary_text(write_split(self.config), self.config.odir).split("\n"))


def main() -> int:
    """Console script."""
    return run(SplitSubtomograms)


if __name__ == "__main__":
    sys.exit(main())
