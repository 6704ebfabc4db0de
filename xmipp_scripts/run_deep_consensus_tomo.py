"""xmipp_run_deep_consensus_tomo: the whole deep consensus picking, from tomograms and pick files to scored picks."""

from __future__ import annotations

import sys

from tomo_particles.consensus.expected_precision import promise_text
from tomo_particles.core.errors import InputError

from ._consensus_run.config import PipelineConfig
from ._consensus_run.pipeline import Pipeline
from ._shared.program import Program, run
from .coordinates_consensus_tomo import SYMMETRY_HELP
from .deep_picking_consensus_tomo import TRAINING_OPTIONS, read_training_settings


class RunDeepConsensusTomo(Program):
    """Command line of the pipeline."""

    name = "xmipp_run_deep_consensus_tomo"

    own_options = {"--inputPos": "--picks", "--inputNeg": "--noise", "--limit": "--noise", "--model": "--inputModel"}

    def defineParams(self) -> None:
        self.addUsageLine("Deep consensus picking of tomograms: several pickers' coordinates in, one scored consensus out.")
        self.addUsageLine(
            "A pick file is CSV with the header tomo_id,x,y,z[,score][,class][,rot,tilt,psi][,group][,samplingRate] or XMD: "
            "voxels of that tomogram, origin at the corner of the volume; tomo_id is the tomogram's file name without extension; "
            "or any file that xmipp_convert_coordinates_tomo recognises. A folder, or a pattern in quotes ('cryolo/*.cbox'), is "
            "one picker with all its files, as where it wrote one a tomogram: each is that of the tomogram whose name it bears. "
            "Writes accepted.csv, scored.csv (tomo_id,x,y,z,score,support,pickers,picker_scores, and class, orientation and "
            "group where the pickers give any) and the same as XMD, scored_raw.csv with every raw pick, the network, its "
            "training log, summary.json, picks.png and report.html into the output folder. "
            "Started again with the same options it goes on where it was interrupted."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC")
        self.addParamsLine("  --picks <...> : pick files, one a picker, at least two; or a folder of files a picker")
        self.addParamsLine("  --boxsize <int> : box size in voxels of --samplingrate, even; about twice the particle's diameter")
        self.addParamsLine("  --odir <folder> : output folder")
        self.addParamsLine(" [--number <int=2>] : distinct pickers that must agree for a training positive")
        self.addParamsLine(" [--threshold <t=0.5>] : picks with at least this score are accepted; not with --voting")
        self.addParamsLine(" [--truth <file>] : pick file of particles known to be true: always positive")
        self.addParamsLine(" [--lie <file>] : pick file of positions known to be wrong: always negative")
        self.addParamsLine(" [--noReport] : do not write report.html, the run on one page")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice; the same seed gives the same files")
        self.addParamsLine(" [--threads <int=2>] : threads")
        self.addParamsLine("== Common frame ==")
        self.addParamsLine(
            " [--samplingrate <double>] : sampling rate of consensus and boxes in A/voxel; default: the first tomogram's"
        )
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel of all tomograms, where their headers have none or a wrong one"
        )
        self.addParamsLine(" [--picksSamplingrates <...>] : A/voxel of each pick file, 0 for that of the tomogram")
        self.addParamsLine(" [--invert] : invert the contrast of the boxes")
        self.addParamsLine(" [--border <what=pad>] : picks at the border: pad (kept, filled with the box's mean) or drop")
        self.addParamsLine("== Consensus and noise ==")
        self.addParamsLine(" [--radius <double=0.35>] : picks nearer than this fraction of the box size are the same particle")
        self.addParamsLine(" [--constype <type=2>] : position of a merged pick: 0 first, 1 centroid, 2 robust")
        self.addParamsLine(f" [--symmetry <name=c1>] : {SYMMETRY_HELP}")
        self.addParamsLine(" [--noise <double=1>] : noise picks, as a fraction of the number of picks")
        self.addParamsLine(
            " [--noiseRadius <double=0.7>] : noise keeps this fraction of the box size away from every pick; in a crowded "
            "tomogram the radius is lowered by steps, to half at the least, and a note says so"
        )
        self.addParamsLine(" [--noiseStatic] : never lower the radius; a crowded tomogram then gives fewer noise picks")
        self.addParamsLine(
            " [--voting] : vote instead of training a network: what --number pickers agree on is accepted, the score "
            "is the share of the pickers"
        )
        for line in TRAINING_OPTIONS:
            self.addParamsLine(line)
        self.addParamsLine(" [--skipTraining] : score with the model of --inputModel as it is")
        self.addExampleLine(
            "xmipp_run_deep_consensus_tomo --tomograms TS_01.mrc TS_02.mrc --picks cryolo/ deepfinder.csv tm.star "
            "--boxsize 32 --odir consensus --seed 1"
        )

    def readParams(self) -> None:
        def optional(option: str) -> float | None:
            return self.number(option) if self.checkParam(option) else None

        if self.checkParam("--voting") and self.checkParam("--threshold"):
            raise InputError("--threshold: voting has none; use --number, or leave out --voting")
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
            radius=self.number("--radius"),
            representative=self.integer("--constype"),
            symmetry=self.getParam("--symmetry"),
            noise_amount=self.number("--noise"),
            noise_radius=self.number("--noiseRadius"),
            noise_static=self.checkParam("--noiseStatic"),
            invert=self.checkParam("--invert"),
            border=self.getParam("--border"),
            voting=self.checkParam("--voting"),
            skip_training=self.checkParam("--skipTraining"),
            report=not self.checkParam("--noReport"),
            threads=self.integer("--threads"),
            seed=self.integer("--seed"),
            training=read_training_settings(self),
        )

    def run(self) -> None:
        summary = Pipeline(self.config).run()
        if verdict := summary["verdict"]:
            print(f"verdict: {verdict['text']}")
        for tomo_id, counts in summary["tomograms"].items():
            print("{}: {picks} picks, {merged} merged, {accepted} accepted".format(tomo_id, **counts))
        for name, of_picker in summary["reliability"].items():
            print("picker {}: estimated precision {precision:.2f}, recall {recall:.2f}".format(name, **of_picker))
        if expected := summary["expected"]:
            print(f"expected of the accepted picks: {promise_text(expected)}")
        for note in summary["notes"]:
            print(f"note: {note}")
        why = f"{self.config.number} pickers agree" if self.config.voting else f"score >= {summary['threshold']}"
        print(
            f"{summary['accepted']} of {summary['merged']} merged picks accepted ({why}): "
            f"{self.config.odir}/accepted.csv, {'report' if self.config.report else 'picture'} "
            f"{self.config.odir}/{'report.html' if self.config.report else 'picks.png'}"
        )


def main() -> int:
    """Console script."""
    return run(RunDeepConsensusTomo)


if __name__ == "__main__":
    sys.exit(main())
