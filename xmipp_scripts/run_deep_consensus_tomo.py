"""xmipp_run_deep_consensus_tomo: the whole deep consensus picking, from tomograms and pick files to scored picks."""

from __future__ import annotations

import sys
from pathlib import Path

from tomo_particles.core.errors import InputError

from ._consensus_run.config import PipelineConfig
from ._consensus_run.workers import define_workers, read_workers
from ._shared.averaging_options import read_tilts
from ._shared.mask_option import MASK_HELP
from ._shared.output_folder import Written
from ._shared.program import Program, run, say_result
from ._shared.training_options import TRAINING_OPTIONS, read_training_settings
from ._watching.config import define_options, read_options
from .coordinates_consensus_tomo import SYMMETRY_HELP


class RunDeepConsensusTomo(Program):
    """Command line of the pipeline."""

    name = "xmipp_run_deep_consensus_tomo"
    goes_on = True
    outputs = {"--odir": "folder"}
    written = Written(
        (
            *(f"{name}.{ending}" for name in ("accepted", "scored", "scored_raw") for ending in ("csv", "xmd")),
            "summary.json",
            "report.html",
            "picks.png",
            "steps.json",
        ),
        ("steps.json", "version"),
        "what depends on these options is made again, and the accepted picks are replaced",
    )
    parameters = {
        "positives": "--picks",
        "negatives": "--noise",
        "noise_amount": "--noise",
        "number_of_agreeing_pickers": "--number",
        "model": "--inputModel",
        "settings_file": "--settings",
        "batch_size": "--batch",
        "representative": "--constype",
        "tomogram": "--tomograms",
        "picks_sampling_rate": "--picksSamplingrates",
    }

    def defineParams(self) -> None:
        self.addUsageLine("Deep consensus picking of tomograms: merges the coordinates of several pickers into one scored set.")
        self.addUsageLine(
            "A pick file is CSV with the header tomo_id,x,y,z[,score][,class][,rot,tilt,psi][,group][,samplingRate], or XMD, or "
            "any file that xmipp_convert_coordinates_tomo recognises. In CSV and XMD the coordinates are in voxels of that "
            "tomogram, with the origin at the corner of the volume; tomo_id is the file name of the tomogram without extension. "
            "A picker that wrote one file per tomogram is given as a folder, or as a pattern in quotes ('cryolo/*.cbox'). The "
            "name of each file then says to which tomogram it belongs. "
            "The program writes these files into the output folder: accepted.csv, scored.csv (tomo_id,x,y,z,score,support,"
            "pickers,picker_scores, and class, orientation and group where the pickers give any), the same two as XMD, "
            "scored_raw.csv with every raw pick, the network, its training log, summary.json, picks.png and report.html. "
            "xmipp_curate_picks_tomo shows single picks of a finished run and saves what you say of them in answers.csv of the "
            "output folder; the same command of this program then learns from the answers in seconds. "
            "After an interruption, start the program again with the same options: it continues where it stopped."
        )
        self.addParamsLine(
            "  --tomograms <...> : tomograms, MRC, in any version of those that were picked: raw, denoised or binned, but not "
            "cropped. Picks in voxels of another binning need --picksSamplingrates. The output is in voxels of these tomograms"
        )
        self.addParamsLine(
            "  --picks <...> : pick files, one per picker, at least two; a folder of files also counts as one picker"
        )
        self.addParamsLine(
            " [--derived <...>] : pick files of derived pickers, which learned from a consensus (xmipp_train_picker_tomo "
            "--consensus). What they found is scored and may be accepted, but it is no vote and changes nothing of other picks"
        )
        self.addParamsLine("  --boxsize <int> : box size in voxels of --samplingrate, even; about twice the particle's diameter")
        self.addParamsLine("  --odir <folder> : output folder")
        self.addParamsLine(" [--number <int=2>] : number of different pickers that must agree to make a pick a training positive")
        self.addParamsLine(
            " [--threshold <t=0.5>] : picks with at least this score are accepted; with --voting only if --diameter is given"
        )
        self.addParamsLine(" [--truth <file>] : pick file of particles known to be true: always positive")
        self.addParamsLine(" [--lie <file>] : pick file of positions known not to be particles: always negative")
        self.addParamsLine(" [--noReport] : do not write report.html, which shows the run on one page")
        self.addParamsLine(
            " [--seed <int=1>] : seed of every random choice; the same seed gives the same files (--threads changes the last "
            "digits of network scores)"
        )
        self.addParamsLine(" [--threads <int=2>] : CPU threads")
        self.addParamsLine("== Sampling rates and boxes ==")
        self.addParamsLine(
            " [--samplingrate <double>] : sampling rate of consensus and boxes in A/voxel; default: that of the first tomogram"
        )
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel of all tomograms, if their headers have none or a wrong one"
        )
        self.addParamsLine(" [--picksSamplingrates <...>] : A/voxel of each pick file; 0: that of the tomogram")
        self.addParamsLine(" [--invert] : invert the contrast of the boxes")
        self.addParamsLine(" [--border <what=pad>] : picks at the border: pad (keep them, fill the box with its mean) or drop")
        self.addParamsLine("== Consensus and noise ==")
        self.addParamsLine(" [--radius <double=0.35>] : picks nearer than this fraction of the box size are the same particle")
        self.addParamsLine(
            " [--constype <type=2>] : position of a merged pick: 0 first pick, 1 centroid, 2 robust (geometric median)"
        )
        self.addParamsLine(f" [--symmetry <name=c1>] : {SYMMETRY_HELP}")
        self.addParamsLine(
            " [--noise <double=1>] : noise picks, as a fraction of the number of picks; at most 1000 in a tomogram, except for "
            "--recipe paper"
        )
        self.addParamsLine(
            " [--noiseRadius <double=0.7>] : minimum distance of noise from every pick, as a fraction of the box size. In a "
            "crowded tomogram this radius is lowered by steps, down to half of it, and a note says so"
        )
        self.addParamsLine(" [--noiseStatic] : never lower this radius; a crowded tomogram then gives fewer noise picks")
        self.addParamsLine(
            f"{MASK_HELP}. Noise is picked in good regions, and a fifth of it on gold, membranes, carbon, ice and dirt. The "
            "picks stay as they are"
        )
        self.addParamsLine(
            " [--voting] : vote, do not train a network: a pick is accepted if at least --number pickers agree on it; the score "
            "is the fraction of the pickers that agree. With --diameter the second look scores the picks instead, from the votes"
        )
        self.addParamsLine("== Second look and centres ==")
        self.addParamsLine(
            " [--diameter <double>] : diameter of the particle in A. If it is given, every pick is compared with an average of "
            "accepted picks, and the comparison counts in the score (xmipp_second_look_tomo)"
        )
        self.addParamsLine(" [--tilts <...>] : first and last tilt angle about y, in degrees, for the average; default: -60 60")
        self.addParamsLine(" [--keepCentres] : do not move the picks towards the centre of the average")
        for line in TRAINING_OPTIONS:
            self.addParamsLine(line)
        self.addParamsLine(" [--skipTraining] : do not train: score with the model of --inputModel as it is")
        define_workers(self)
        define_options(self)
        self.addExampleLine(
            "xmipp_run_deep_consensus_tomo --tomograms TS_01.mrc TS_02.mrc --picks cryolo/ deepfinder.csv tm.star "
            "--boxsize 32 --odir consensus --seed 1"
        )

    def readParams(self) -> None:
        def optional(option: str) -> float | None:
            return self.number(option) if self.checkParam(option) else None

        if self.checkParam("--watch") and self.checkParam("--derived"):
            raise InputError("--derived: a derived picker learns from a finished run; give it without --watch")
        self.watching = read_options(self)
        self.workers = read_workers(self)
        if self.checkParam("--voting") and self.checkParam("--threshold") and not self.checkParam("--diameter"):
            raise InputError("--threshold: voting has no threshold; use --number, give --diameter, or leave out --voting")
        rates = [self.number("--picksSamplingrates", index=i) for i in range(len(self.optional_list("--picksSamplingrates")))]
        self.config = PipelineConfig(
            tomograms=tuple(self.getListParam("--tomograms")),
            picks=tuple(self.getListParam("--picks")),
            box_size=self.integer("--boxsize"),
            odir=self.getParam("--odir"),
            number=self.integer("--number"),
            threshold=self.number("--threshold"),
            truth=self.optional_path("--truth"),
            lie=self.optional_path("--lie"),
            sampling_rate=optional("--samplingrate"),
            tomogram_sampling_rate=optional("--tomogramSamplingrate"),
            picks_sampling_rates=tuple(rates),
            derived=tuple(self.optional_list("--derived")),
            radius=self.number("--radius"),
            representative=self.integer("--constype"),
            symmetry=self.getParam("--symmetry"),
            noise_amount=self.number("--noise"),
            noise_radius=self.number("--noiseRadius"),
            noise_static=self.checkParam("--noiseStatic"),
            mask=tuple(self.optional_list("--mask")),
            invert=self.checkParam("--invert"),
            border=self.getParam("--border"),
            diameter=optional("--diameter"),
            tilts=read_tilts(self),
            move=not self.checkParam("--keepCentres"),
            voting=self.checkParam("--voting"),
            skip_training=self.checkParam("--skipTraining"),
            report=not self.checkParam("--noReport"),
            threads=self.integer("--threads"),
            seed=self.integer("--seed"),
            training=read_training_settings(self),
        )

    def run(self) -> None:
        if self.watching:
            from ._watching.watch import Watch

            said = lambda error: error.said(self.option_of)  # noqa: E731
            summary = Watch(self.config, self.watching, said, workers=self.workers).run()
        else:
            from ._consensus_run.pipeline import Pipeline

            summary = Pipeline(self.config, workers=self.workers).run()
        if summary is None:
            say_result(f"done; the accepted picks: {self.config.odir}/live/picks.csv")
            return
        verdict = summary["verdict"]["text"] if summary["verdict"] else ""
        if verdict:
            say_result(f"verdict: {verdict}")
        if (look := summary["secondLook"]) and look["reason"] not in verdict:
            say_result(f"second look: {look['reason']}")
        if (answers := summary["answers"]) and answers["text"] not in verdict:
            say_result(f"answers: {answers['text']}")
        for tomo_id, counts in summary["tomograms"].items():
            say_result("{}: {picks} picks, {merged} merged, {accepted} accepted".format(tomo_id, **counts))
        for name, of_picker in summary["reliability"].items():
            say_result("picker {}: estimated precision {precision:.2f}, recall {recall:.2f}".format(name, **of_picker))
        if expected := summary["expected"]:
            from tomo_particles.consensus.expected_precision import promise_text

            say_result(f"expected of the accepted picks: {promise_text(expected)}")
        for note in [*summary["doubts"], *summary["notes"]]:
            say_result(f"note: {note}")
        # a folder that grew may still be empty; its notes say the same
        passed_over = [] if self.watching else [note for source in self.config.every_source for note in source.passed_over]
        reported = (Path(self.config.odir) / "report.html").exists()  # it is not where the disk is full
        why = f"{self.config.number} pickers agree" if self.config.votes_only else f"score >= {summary['threshold']}"
        say_result(
            f"{summary['accepted']} of {summary['merged']} merged picks accepted ({why}): "
            f"{self.config.odir}/accepted.csv, {'report' if reported else 'picture'} "
            f"{self.config.odir}/{'report.html' if reported else 'picks.png'}" + "".join(f"; {note}" for note in passed_over)
        )


def main() -> int:
    """Console script."""
    return run(RunDeepConsensusTomo)


if __name__ == "__main__":
    sys.exit(main())
