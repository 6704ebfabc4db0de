"""xmipp_run_split_volume: two structures in a set of aligned projections, if there are two."""

from __future__ import annotations

import sys

from ._shared.output_folder import Written
from ._shared.program import Program, run, say_result
from ._shared.progress import say_on_the_way


class RunSplitVolume(Program):
    """Command line of `_classification.volume_files.write_volume_split`."""

    name = "xmipp_run_split_volume"
    outputs = {"--odir": "folder"}
    written = Written(
        ("class_[1-8]*.mrc", "difference.mrc", "mask.mrc", "classes.xmd", "fsc.csv", "directions.xmd", "means.mrcs",
         "eigenimages.mrcs", "graph.npz", "summary.json", "report.html"),
        ("summary.json", "frustration"),
    )  # fmt: skip
    parameters = {"input": "-i"}

    def defineParams(self) -> None:
        self.addUsageLine("Split aligned projections into two classes, and say whether there are two structures at all.")
        self.addUsageLine(
            "What the average does not explain of each image is split in each direction of view by its principal component. "
            "Directions that share particles form a graph; its maximum cut gives their signs. Each half of the particles is "
            "split by itself and judged by the classes of the other half. The verdict is 'supported' only if the differences of "
            "two halves that never met agree better than those of 20 simulated sets of one structure. Writes classes.xmd (ref3d: "
            "class 1 is the largest; logLikelihood: log odds of class 1; weight: probability of its class), class_1.mrc, "
            "class_2.mrc and their half maps, difference.mrc, mask.mrc, fsc.csv, directions.xmd, means.mrcs, eigenimages.mrcs, "
            "graph.npz (as xmipp_aligned_2d_classification writes it), summary.json and report.html. The poses stay as they "
            "are. What breaks the symmetry needs particles expanded by it, and c1."
        )
        self.addParamsLine(
            "  -i <file> : XMD of aligned particles: itemId, image, angleRot, angleTilt, anglePsi, shiftX, shiftY; for the CTF "
            "ctfDefocusU, ctfDefocusV, ctfDefocusAngle, ctfVoltage, ctfSphericalAberration, ctfQ0"
        )
        self.addParamsLine("  --odir <folder> : output folder; an earlier split in it is replaced")
        self.addParamsLine(" [--mask <file>] : volume, framed as the average, 1 where structures may differ; default: a ball")
        self.addParamsLine(" [--diameter <double>] : diameter of that ball in A; default: the largest in a box")
        self.addParamsLine(" [--symmetry <name=c1>] : symmetry of the particle: c1, c2, ..., d2, ..., t, o, i1, i2")
        self.addParamsLine(
            " [--angularSampling <double>] : degrees between two directions of view; default: as their cones, at most 22.5"
        )
        self.addParamsLine(
            " [--angularDistance <double>] : degrees of a view from its direction, at most; default: as --angularSampling, else "
            "where the components of two halves agree best"
        )
        self.addParamsLine(
            " [--maxResolution <double>] : finest resolution at which particles are compared, A; default: where the components "
            "of two halves agree best"
        )
        self.addParamsLine(" [--resize <pixels>] : edge to which the images are scaled down before, even")
        self.addParamsLine(" [--samplingrate <double>] : A/pixel, if table and images do not say it")
        self.addParamsLine(" [--phaseFlipped] : the phases of the images were corrected for the CTF before")
        self.addParamsLine(" [--classes <int=2>] : at most; classes are split again as long as that is supported")
        self.addParamsLine(" [--recipe <recipe=crossfit>] : how the images are split")
        self.addParamsLine("      where <recipe>")
        self.addParamsLine("        crossfit : residuals, resolution and cones by data, judged by others, refined, with verdict")
        self.addParamsLine("        thesis : as published: whole images, 7.5 degrees, one graph, no refinement, no verdict")
        self.addParamsLine(" [--iter <int=2>] : rounds of refinement: each fifth is judged by the classes of the other four")
        self.addParamsLine(" [--threads <int=2>] : CPU threads; the result does not depend on them")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice")
        self.addExampleLine("xmipp_run_split_volume --odir split -i particles.xmd --diameter 260")

    def readParams(self) -> None:
        from ._classification.volume_config import VolumeConfig

        optional = lambda option: self.number(option) if self.checkParam(option) else None  # noqa: E731
        self.config = VolumeConfig(
            input=self.getParam("-i"),
            odir=self.getParam("--odir"),
            mask=self.optional_path("--mask"),
            diameter=optional("--diameter"),
            symmetry=self.getParam("--symmetry"),
            step=optional("--angularSampling"),
            distance=optional("--angularDistance"),
            max_resolution=optional("--maxResolution"),
            resize=self.integer("--resize") if self.checkParam("--resize") else None,
            sampling_rate=optional("--samplingrate"),
            flipped=self.checkParam("--phaseFlipped"),
            classes=self.integer("--classes"),
            recipe=self.getParam("--recipe"),
            rounds=self.integer("--iter"),
            threads=self.integer("--threads"),
            seed=self.integer("--seed"),
        )

    def run(self) -> None:
        from ._classification.volume_files import volume_text, write_volume_split

        say_result(*volume_text(write_volume_split(self.config, say_on_the_way), self.config.odir).split("\n"))


def main() -> int:
    """Console script."""
    return run(RunSplitVolume)


if __name__ == "__main__":
    sys.exit(main())
