"""xmipp_deep_pick_tomo: pick tomograms with a trained voxel-wise picker."""

from __future__ import annotations

import sys

from tomo_particles.core.errors import InputError

from ._shared.averaging_options import read_tilts
from ._shared.mask_option import MASK_HELP, nothing_picked
from ._shared.program import Program, notes_in_file, print_notes, run, say_result
from ._voxelwise.pick_config import DeepPickConfig, read_thresholds


class DeepPickTomo(Program):
    """Command line of `_voxelwise.picking.pick_files`."""

    name = "xmipp_deep_pick_tomo"
    outputs = {"-o": "file", "--scoremaps": "folder", "--note": "file"}

    def defineParams(self) -> None:
        self.addUsageLine("Pick tomograms with a model of xmipp_train_picker_tomo: positions, classes and scores.")
        self.addUsageLine(
            "The score is the probability that a pick is a particle, as measured on the training tomograms. Tomograms of "
            "another sampling rate are rescaled to that of the model, and the picks are scaled back. A tomogram of the "
            "training is picked by the networks that did not learn from it; all others by the mean of all networks."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC")
        self.addParamsLine("  --model <file> : model, .h5")
        self.addParamsLine("  -o <file> : picks, .csv or .xmd; voxels of each tomogram")
        self.addParamsLine(" [--cluster <how>] : peaks, components or meanshift. Default: what was best in the training")
        self.addParamsLine(" [--bandwidth <double>] : of the mean shift, A. Default: what was best in the training")
        self.addParamsLine(
            " [--threshold <...>] : lowest accepted score, for all classes (0.5), for single ones (4cr2:0.7), or both. Default: "
            "those of the best F score in the training"
        )
        self.addParamsLine(" [--number <int>] : the best n picks of each tomogram; not with --threshold")
        self.addParamsLine(" [--tta] : mean over the four half turns of the tomogram; four times as long")
        self.addParamsLine(" [--scoremaps <folder>] : write the probability of any particle as <tomogram>_scores.mrc")
        self.addParamsLine(f"{MASK_HELP}. Nothing is picked in bad regions")
        self.addParamsLine("== Names and angles by templates ==")
        self.addParamsLine(
            " [--identify <...>] : templates, MRC, particle bright; each is compared within two voxels of the picks alone. A "
            "pick gets the name (of the file) and the angles of the one that fits best, in place of its class; the score stays"
        )
        self.addParamsLine(" [--tilts <...>] : first and last tilt angle about y, in degrees, for --identify; default: -60 60")
        self.addParamsLine(
            " [--angularstep <double>] : of the turns of the templates, degrees. Default: from size and resolution"
        )
        self.addParamsLine(" [--lowpass <double>] : finest resolution to compare, A. Default: that of the sampling")
        self.addParamsLine(" [--seed <int=1>] : of the random places with which --identify compares")
        self.addParamsLine("== Files and machine ==")
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addParamsLine(" [--note <file>] : text file for the notes that are printed")
        self.addParamsLine(' [--gpus <list="">] : numbers of the GPUs to use, such as 0 or 0,1. Empty: CPU')
        self.addParamsLine(" [--threads <int=2>] : CPU threads")
        self.addExampleLine("xmipp_deep_pick_tomo --tomograms TS_04.mrc --model model.h5 -o picks.csv")

    def readParams(self) -> None:
        if self.checkParam("--tilts") and not self.checkParam("--identify"):
            raise InputError("--tilts: has a meaning with --identify only; leave it out")
        self.config = DeepPickConfig(
            tomograms=tuple(self.optional_list("--tomograms")),
            model=self.getParam("--model"),
            output=self.getParam("-o"),
            cluster=self.optional_path("--cluster"),
            bandwidth=self.number("--bandwidth") if self.checkParam("--bandwidth") else None,
            thresholds=read_thresholds(self.optional_list("--threshold")),
            number=self.integer("--number") if self.checkParam("--number") else None,
            turns=self.checkParam("--tta"),
            scoremaps=self.optional_path("--scoremaps"),
            mask=tuple(self.optional_list("--mask")),
            identify=tuple(self.optional_list("--identify")),
            tilts=read_tilts(self),
            angular_step=self.number("--angularstep") if self.checkParam("--angularstep") else None,
            lowpass=self.number("--lowpass") if self.checkParam("--lowpass") else None,
            seed=self.integer("--seed"),
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
            gpus=self.getParam("--gpus"),
            threads=self.integer("--threads"),
        )

    def run(self) -> None:
        from ._voxelwise.picking import pick_files

        with notes_in_file(self.optional_path("--note")):
            pickings = pick_files(self.config)
            say_result(f"{sum(map(len, pickings))} picks in {self.config.output}")
            if not any(map(len, pickings)):
                remedies = "lower --threshold, or see with --scoremaps what the networks saw"
                print_notes([nothing_picked(remedies, bool(self.config.mask))])


def main() -> int:
    """Console script."""
    return run(DeepPickTomo)


if __name__ == "__main__":
    sys.exit(main())
