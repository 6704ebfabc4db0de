"""xmipp_train_picker_tomo: train a picker that looks at every voxel, from coordinates, a simulation or a consensus."""

from __future__ import annotations

import sys

from ._shared.mask_option import MASK_HELP
from ._shared.program import Program, notes_in_file, run, say_result
from ._voxelwise.train_config import TrainConfig


class TrainPickerTomo(Program):
    """Command line of `_voxelwise.training.train_picker`."""

    name = "xmipp_train_picker_tomo"
    goes_on = True
    outputs = {"-o": "file", "--note": "file"}
    parameters = {"output": "-o", "patch": "--patch"}

    def defineParams(self) -> None:
        self.addUsageLine(
            "Train a picker: networks that give each voxel of a tomogram a probability of each class. They learn from the "
            "coordinates of experts, from a simulation, or from a finished deep consensus."
        )
        self.addUsageLine(
            "Each network is trained without one part of the tomograms (a fold), and picks it. From these out-of-fold picks "
            "come the way from map to picks, the probabilities and the thresholds of the classes. Written: the model; beside it "
            "<model>_picks.csv (out-of-fold picks), <model>_training.csv (curves), <model>_thresholds.csv (precision and recall "
            "of thresholds, out of fold), <model>_patches.png (what is learned where) and <model>_summary.json. A training that "
            "was stopped goes on with the same command; until it ends, <model>.training.h5 is saved every 5 minutes."
        )
        self.addParamsLine("  -o <file> : model, .h5")
        self.addParamsLine(" [--tomograms <...>] : tomograms, MRC; with --coordinates")
        self.addParamsLine("== Source (one of three) ==")
        self.addParamsLine(
            " [--coordinates <file>] : picks of experts, in any format that the other programs read, with their classes if there "
            "are several"
        )
        self.addParamsLine(" [--labels <which=all>] : how much of the particles --coordinates has")
        self.addParamsLine("      where <which>")
        self.addParamsLine("        all : all of them; where there is none, there is no particle")
        self.addParamsLine("        partial : a part; the space without labels counts less")
        self.addParamsLine(
            " [--consensus <folder>] : a finished run of xmipp_run_deep_consensus_tomo or of its protocol, with its tomograms. "
            "Picks with a score of 0.5 or more are particles, as surely as the score says; those below 0.2 are none"
        )
        self.addParamsLine(" [--doubtful <how=ignore>] : picks of --consensus with a score between 0.2 and 0.5")
        self.addParamsLine("      where <how>")
        self.addParamsLine("        ignore : nothing is learned there")
        self.addParamsLine("        soft : the score is learned, with a small weight")
        self.addParamsLine(" [--simulation <folder>] : a folder of xmipp_simulate_tomo, with its tomograms and its classes")
        self.addParamsLine("== Classes ==")
        self.addParamsLine(
            " [--classes <file>] : CSV with the columns class,diameter[,voxels][,distractor]: diameter in A, volume in voxels of "
            "the tomograms (the finest of them). Distractors are learned as background"
        )
        self.addParamsLine(
            " [--diameter <double>] : particle diameter in A, in place of --classes: all particles are one class; picks of the "
            "class bead, vesicle, carbon or contaminant stay background. Not with --simulation, whose classes.csv has the sizes"
        )
        self.addParamsLine("== Training ==")
        self.addParamsLine(
            " [--recipe <name=unet>] : network, target and loss, as published or scaled down for processors. "
            "A minute on a GPU gave good picks with all but dn3dunet and umc, which took four"
        )
        self.addParamsLine("      where <name>")
        self.addParamsLine("        unet : a small U-Net; minutes on two processor cores")
        self.addParamsLine("        deepfinder : the U-Net of DeepFinder; without a GPU give --width 0.25")
        self.addParamsLine("        msd : mixed-scale dense network, 24 layers")
        self.addParamsLine("        resnet : classifies patches of 34 voxels with a residual network of 20 layers")
        self.addParamsLine("        yopo : classifies patches of 26 voxels with a network that pools once")
        self.addParamsLine("        dn3dunet : removes noise in slices, then a U-Net; with --simulation only")
        self.addParamsLine("        umc : U-Net with two decoders, of density and of classes; with --simulation only, for GPUs")
        self.addParamsLine(
            " [--target <name>] : sphere, heatmap, centre, or shape (the densest part of each map, with --simulation); default: "
            "that of the recipe"
        )
        self.addParamsLine(" [--loss <name>] : ce, dice, tversky or bce (with --target heatmap); default: that of the recipe")
        self.addParamsLine(" [--width <double=1>] : of every layer of the network, relative to that of the recipe")
        self.addParamsLine(" [--patch <int>] : edge of a patch, voxels; default: that of the recipe (unet: 48)")
        self.addParamsLine(" [--batch <int>] : patches per step, over all GPUs; default: that of the recipe (unet: 2)")
        self.addParamsLine(
            " [--learningRate <double>] : at the start; it decays to zero. Default: that of the recipe (unet: 0.002)"
        )
        self.addParamsLine(" [--minutes <double=10>] : training time of each network, without the picking afterwards")
        self.addParamsLine(
            " [--steps <int>] : steps of each network, in place of --minutes; then the same seed gives the same model"
        )
        self.addParamsLine(" [--folds <int=3>] : networks to train, each without one part of the tomograms")
        self.addParamsLine(
            " [--beta <double=1>] : weight of recall against precision in the F score that chooses the "
            "thresholds; it counts places, whatever the class"
        )
        self.addParamsLine(" [--mirror] : learn mirror images too, which changes the hand of the particles")
        self.addParamsLine(
            " [--inputModel <file>] : begin with the networks of this model, of the same recipe and number of classes"
        )
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addParamsLine(f"{MASK_HELP}. Nothing is learned in bad regions, and labels there are ignored")
        self.addParamsLine(" [--note <file>] : text file for the notes that are printed")
        self.addParamsLine(' [--gpus <list="">] : numbers of the GPUs to use, such as 0 or 0,1. Empty: CPU')
        self.addParamsLine(" [--threads <int=2>] : CPU threads")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice; recorded in the model")
        self.addExampleLine(
            "xmipp_train_picker_tomo --tomograms TS_01.mrc TS_02.mrc TS_03.mrc --coordinates picks.csv --diameter 250 -o model.h5"
        )
        self.addExampleLine("xmipp_train_picker_tomo --simulation simulated -o model.h5 --minutes 20", False)

    def readParams(self) -> None:
        integer = lambda option: self.integer(option) if self.checkParam(option) else None  # noqa: E731
        number = lambda option: self.number(option) if self.checkParam(option) else None  # noqa: E731
        self.config = TrainConfig(
            output=self.getParam("-o"),
            tomograms=tuple(self.optional_list("--tomograms")),
            coordinates=self.optional_path("--coordinates"),
            partial=self.getParam("--labels") == "partial",
            consensus=self.optional_path("--consensus"),
            soft=self.getParam("--doubtful") == "soft",
            simulation=self.optional_path("--simulation"),
            classes=self.optional_path("--classes"),
            diameter=number("--diameter"),
            recipe=self.getParam("--recipe"),
            target=self.optional_path("--target"),
            loss=self.optional_path("--loss"),
            width=self.number("--width"),
            patch=integer("--patch"),
            batch=integer("--batch"),
            learning_rate=number("--learningRate"),
            minutes=self.number("--minutes"),
            steps=integer("--steps"),
            folds=self.integer("--folds"),
            beta=self.number("--beta"),
            mirror=self.checkParam("--mirror"),
            input_model=self.optional_path("--inputModel"),
            tomogram_sampling_rate=number("--tomogramSamplingrate"),
            mask=tuple(self.optional_list("--mask")),
            seed=self.integer("--seed"),
            gpus=self.getParam("--gpus"),
            threads=self.integer("--threads"),
        )

    def run(self) -> None:
        from ._voxelwise.training import train_picker

        with notes_in_file(self.optional_path("--note")):
            train_picker(self.config)
        say_result(f"model written to {self.config.output}")


def main() -> int:
    """Console script."""
    return run(TrainPickerTomo)


if __name__ == "__main__":
    sys.exit(main())
