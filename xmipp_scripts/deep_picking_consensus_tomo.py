"""xmipp_deep_picking_consensus_tomo: train the network on subtomograms, tune the training, score with it, or try the GPUs."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from tomo_particles.core.errors import InputError

from ._network.files import ScoringConfig, score_files, train_files
from ._shared.program import Program, require_place, require_positive, run, say_result
from ._shared.progress import say_on_the_way
from ._shared.training_options import TRAINING_OPTIONS, TrainingSettings, given_settings, read_training_settings

NEEDS = {  # the options that each mode needs
    "training": ("--inputNeg", "--model", "--boxsize", "--samplingrate"),
    "tuning": ("--inputNeg", "--output", "--boxsize", "--samplingrate"),
    "scoring": ("--input", "--output"),
    "devices": (),
}
LEARNS = ("training", "tuning")
NOT_USED = {  # the options that have no meaning in a mode that learns
    "training": {"--input", "--output", "--outputNeg", "--inputDerived", "--outputDerived", "--trials"},
    "tuning": {
        "--input",
        "--outputNeg",
        "--inputDerived",
        "--outputDerived",
        "--model",
        "--pickers",
        "--inputModel",
        "--settings",
        "--log",
        "--note",
    },
}
USES = {  # those that have one in another mode
    "scoring": {
        "--input",
        "--output",
        "--inputNeg",
        "--outputNeg",
        "--inputDerived",
        "--outputDerived",
        "--model",
        "--boxsize",
        "--samplingrate",
        "--recipe",
        "--batch",
        "--pickers",
    },
    "devices": set(),
}
EVERY_MODE = {"--mode", "--gpus", "--threads", "--quiet"}
MODEL_ENDINGS = (".h5", ".keras")


def require_model_name(path: str, option: str) -> str:
    """The path if its ending is one a model can have, else InputError."""
    if not path.endswith(MODEL_ENDINGS):
        raise InputError(f"{option}: a model file ends in {' or '.join(MODEL_ENDINGS)}, received '{path}'")
    return path


class DeepPickingConsensusTomo(Program):
    """Command line of `train_files` and `score_files`."""

    name = "xmipp_deep_picking_consensus_tomo"
    outputs = {"--output": "file", "--outputNeg": "file", "--log": "file", "--note": "file", "--outputDerived": "file"}
    parameters = {
        "positives": "--inputPos",
        "doubtful": "--inputDoubt",
        "negatives": "--inputNeg",
        "batch_size": "--batch",
        "derived": "--inputDerived",
        "settings_file": "--settings",
    }

    def defineParams(self) -> None:
        self.addUsageLine(
            "Deep consensus: train a 3D convolutional network on subtomograms, or score subtomograms with it. Tuning finds "
            "settings of the training for your own data."
        )
        self.addUsageLine(
            "A model holds several networks. Each was trained without one part of the tomograms. A subtomogram of that part "
            "is scored by that network alone. The score is between 0 and 1."
        )
        self.addUsageLine(
            "With --mode scoring, --batch is the number of subtomograms that are scored at once. Without it the number follows "
            "from their size. It changes no score."
        )
        self.addParamsLine("  --mode <mode> : what to do")
        self.addParamsLine("      where <mode>")
        self.addParamsLine("        training : needs --inputPos or --inputDoubt, --inputNeg, --model, --boxsize, --samplingrate")
        self.addParamsLine("        tuning : needs --inputPos or --inputDoubt, --inputNeg, --output, --boxsize, --samplingrate")
        self.addParamsLine("        scoring : needs --input, --output")
        self.addParamsLine("        devices : checks whether the GPUs of --gpus can be used; needs no other option")
        self.addParamsLine(
            " [--model <file>] : model file, .h5 or .keras. Training writes it. Scoring without a model scores merged picks by "
            "their votes"
        )
        self.addParamsLine(" [--inputPos <...>] : XMD files of positive subtomograms")
        self.addParamsLine(
            " [--inputDoubt <...>] : XMD files of doubtful subtomograms; recipe consensus trains on them with labels from the "
            "votes"
        )
        self.addParamsLine(
            " [--inputNeg <...>] : XMD files of negative subtomograms. For training: noise and known wrong picks. For scoring: "
            "noise; the program tests whether the network separates the merged picks from it"
        )
        self.addParamsLine(" [--input <...>] : XMD files of the subtomograms to score")
        self.addParamsLine(
            " [--output <file>] : scoring: XMD for the scored subtomograms, column zScoreDeepLearning1. Tuning: JSON for the "
            "settings, which --settings takes; the table of the trials lies beside it, with the ending .csv"
        )
        self.addParamsLine(" [--outputNeg <file>] : XMD for the scored noise, which xmipp_second_look_tomo reads")
        self.addParamsLine(
            " [--inputDerived <...>] : XMD files of what derived pickers alone found; scored as the merged picks of --input, of "
            "which they change nothing"
        )
        self.addParamsLine(" [--outputDerived <file>] : XMD for these, scored")
        self.addParamsLine(" [--boxsize <int>] : box size in voxels; must be the model's")
        self.addParamsLine(" [--samplingrate <double>] : sampling rate in A/voxel; must be the model's")
        self.addParamsLine(
            " [--pickers <...>] : names of pickers 1, 2, ... For training: the model keeps them. For scoring: final scores come "
            "from what the model file holds on these pickers, not from the picks given; one tomogram alone gets the same scores "
            "as with others, which are those before a second look and before answers"
        )
        self.addParamsLine(" [--threads <int=2>] : CPU threads")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice; recorded in the model")
        for line in TRAINING_OPTIONS:
            self.addParamsLine(line)
        self.addParamsLine(
            " [--trials <int=12>] : trainings of a tuning. The first has the defaults, the others other learning rates, L2 "
            "regularisations, epochs and augmentation; what is given as an option stays. The best is compared with the defaults "
            "once more. Start the same command again to go on after an interruption, or with more trials"
        )
        self.addParamsLine(" [--log <file>] : CSV for the training log, one row per epoch")
        self.addParamsLine(" [--note <file>] : text file for what is unusual about the examples of the training")
        self.addExampleLine(
            "xmipp_deep_picking_consensus_tomo --mode training --inputPos pos.xmd --inputNeg noise.xmd --model model.h5 "
            "--boxsize 32 --samplingrate 10"
        )
        self.addExampleLine(
            "xmipp_deep_picking_consensus_tomo --mode tuning --inputPos pos.xmd --inputDoubt doubt.xmd --inputNeg noise.xmd "
            "--output tuned.json --boxsize 32 --samplingrate 10"
        )
        self.addExampleLine(
            "xmipp_deep_picking_consensus_tomo --mode scoring --input pos.xmd doubt.xmd --model model.h5 --output scored.xmd"
        )

    @staticmethod
    def training_arguments(
        inputs: Mapping[str, Sequence[str]],
        settings: TrainingSettings,
        *,
        box_size: int,
        sampling_rate: float,
        model: str,
        log: str,
        seed: int,
        threads: int,
        pickers: Sequence[str],
    ) -> list[str]:
        """The command line of `train_files` as a process of its own."""
        options: dict[str, object] = {
            "--mode": "training",
            "--model": model,
            "--log": log,
            "--boxsize": box_size,
            "--samplingrate": sampling_rate,
            "--seed": seed,
            "--threads": threads,
            "--network": settings.network,
            "--epochs": settings.epochs,
            "--batch": settings.batch,
            "--learningRate": settings.learning_rate,
            "--l2": settings.l2,
            "--validation": settings.validation,
            "--folds": settings.folds,
            "--recipe": settings.recipe,
            "--inputModel": settings.input_model,
            "--gpus": settings.gpus or None,
        }
        words = [str(word) for option, value in options.items() if value is not None for word in (option, value)]
        words += ["--noAutoStop"] * (not settings.auto_stop) + ["--noAugment"] * (not settings.augment)
        lists = {"--inputPos": inputs["pos"], "--inputDoubt": inputs["doubt"], "--inputNeg": inputs["neg"], "--pickers": pickers}
        return words + [word for option, values in lists.items() if values for word in (option, *values)]

    @staticmethod
    def scoring_arguments(config: ScoringConfig) -> list[str]:
        """The command line of `score_files` as a process of its own."""
        options: dict[str, object] = {
            "--mode": "scoring",
            "--model": config.model or None,
            "--output": config.output,
            "--outputNeg": config.noise_output,
            "--boxsize": config.box_size,
            "--samplingrate": config.sampling_rate,
            "--batch": config.batch,
            "--threads": config.threads,
            "--recipe": config.recipe,
            "--gpus": config.gpus or None,
        }
        words = [str(word) for option, value in options.items() if value is not None for word in (option, value)]
        lists = {"--input": config.input, "--inputNeg": config.noise, "--pickers": config.pickers}
        return words + [word for option, values in lists.items() if values for word in (option, *values)]

    def _needs(self, *options: str) -> None:
        for option in options:
            if not self.checkParam(option):
                raise InputError(f"{option}: required with --mode {self.mode}; see {self.name} --help")

    def readParams(self) -> None:
        self.mode = self.getParam("--mode")
        self.goes_on = self.mode == "tuning"
        if self.mode not in NEEDS:
            raise InputError(f"--mode: must be {' or '.join(NEEDS)}, received '{self.mode}'")
        if self.mode in LEARNS and not self.checkParam("--inputDoubt"):
            self._needs("--inputPos")
        self._needs(*NEEDS[self.mode])
        used = EVERY_MODE | (set(self.given) - NOT_USED[self.mode] if self.mode in LEARNS else USES[self.mode])
        if unused := [option for option in self.given if option not in used]:
            raise InputError(f"{unused[0]}: has no meaning with --mode {self.mode}; leave it out")
        self.model = require_model_name(self.getParam("--model"), "--model") if self.checkParam("--model") else ""
        if self.mode == "training":
            require_place(self.model, "--model", "file")
        self.threads = int(require_positive(self.integer("--threads"), "--threads"))
        self.pickers = self.optional_list("--pickers")
        if repeated := [name for name in self.pickers if self.pickers.count(name) > 1]:
            raise InputError(f"--pickers: '{repeated[0]}' is given twice; each picker needs a name of its own")
        if self.pickers and not self.model:
            raise InputError("--pickers: needs the model that knows these pickers; give it with --model, or leave --pickers out")
        if self.checkParam("--inputDerived") != self.checkParam("--outputDerived"):
            raise InputError("--inputDerived: needs --outputDerived, and the other way round; give both or none")
        if self.checkParam("--inputDerived") and not self.model:
            raise InputError("--inputDerived: what derived pickers found is scored by a network; give --model")
        self.box_size = self.integer("--boxsize") if self.checkParam("--boxsize") else None
        self.sampling_rate = self.number("--samplingrate") if self.checkParam("--samplingrate") else None

    @property
    def _learned_from(self) -> dict[str, list[str]]:
        options = {"pos": "--inputPos", "doubt": "--inputDoubt", "neg": "--inputNeg"}
        return {kind: self.optional_list(option) for kind, option in options.items()}

    def run(self) -> None:
        if self.mode == "devices":
            from tomo_particles.network import select_devices

            select_devices(gpus := self.getParam("--gpus"), self.threads)
            say_result(f"these GPUs can be used: {gpus}" if gpus else "the CPU is used")
        elif self.mode == "tuning":
            from ._network.tuning import TuningConfig, tune_files

            tuning = TuningConfig(
                self._learned_from,
                read_training_settings(self),
                given_settings(self),
                box_size=self.integer("--boxsize"),
                sampling_rate=self.number("--samplingrate"),
                output=self.getParam("--output"),
                trials=int(require_positive(self.integer("--trials"), "--trials")),
                seed=self.integer("--seed"),
                threads=self.threads,
            )
            say_result(tune_files(tuning), f"settings: {tuning.output}, trials: {tuning.table}")
        elif self.mode == "training":
            written = train_files(
                self._learned_from,
                read_training_settings(self),
                box_size=self.integer("--boxsize"),
                sampling_rate=self.number("--samplingrate"),
                model=self.model,
                log=self.optional_path("--log"),
                note=self.optional_path("--note"),
                seed=self.integer("--seed"),
                threads=self.threads,
                several_machines=True,
                pickers=self.pickers,
            )
            say_result(f"model written to {self.model}" if written is not None else "done; the first machine writes the model")
        else:
            config = ScoringConfig(
                tuple(self.getListParam("--input")),
                self.model,
                self.getParam("--output"),
                tuple(self.optional_list("--inputNeg")),
                self.optional_path("--outputNeg"),
                self.box_size,
                self.sampling_rate,
                batch=self.integer("--batch") if self.checkParam("--batch") else None,
                gpus=self.getParam("--gpus"),
                threads=self.threads,
                recipe=read_training_settings(self).recipe,
                derived=tuple(self.optional_list("--inputDerived")),
                derived_output=self.optional_path("--outputDerived"),
                pickers=tuple(self.pickers),
            )
            say_result(f"{score_files(config, say_on_the_way)} subtomograms scored: {config.output}")


def main() -> int:
    """Console script."""
    return run(DeepPickingConsensusTomo)


if __name__ == "__main__":
    sys.exit(main())
