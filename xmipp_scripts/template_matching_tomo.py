"""xmipp_template_matching_tomo: particles of known density in tomograms, with score, class and orientation."""

from __future__ import annotations

import sys

from tomo_particles.core.errors import InputError

from ._shared.mask_option import MASK_HELP, nothing_picked
from ._shared.program import Program, print_notes, run, say_result
from ._template_matching.config import TemplateMatchingConfig


class TemplateMatchingTomo(Program):
    """Command line of `_template_matching.files.write_matches`."""

    name = "xmipp_template_matching_tomo"
    outputs = {"-o": "file"}
    renamed_options = {"--coloured": "--noWhitening"}

    def defineParams(self) -> None:
        self.addUsageLine("Template matching: find particles of known density in tomograms, with their orientations.")
        self.addUsageLine(
            "Each template is rotated over a uniform grid of rotations and filtered as the tomogram is (CTF to its first zero, "
            "low-pass, missing wedge). It is compared with each position of the tomogram by the locally normalised correlation "
            "under a spherical mask. The score is a correlation coefficient. The search runs on coarser voxels if the resolution "
            "allows it. Centres nearer than half a radius to the border are not searched."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC, particles dark")
        self.addParamsLine(
            "  --templates <...> : densities, MRC, bright, centred in a box; the file name becomes the class of its picks"
        )
        self.addParamsLine("  -o <file> : picks, .csv or .xmd: voxels of each tomogram, score, class and Euler angles")
        self.addParamsLine(
            " [--templateMask <file>] : spherical mask in the box of the templates; default: a soft-edged ball of --diameter"
        )
        self.addParamsLine(
            " [--diameter <...>] : particle diameter in A: one value, or one per template. Default: the diameter of the dense "
            "part of each template. Picks of one template are at least half of it apart"
        )
        self.addParamsLine(
            " [--tilts <first=-60> <last=60>] : first and last tilt angle about y, in degrees; they define the missing wedge"
        )
        self.addParamsLine(" [--angularstep <double>] : degrees; default: resolution divided by diameter (Crowther), 7 to 20")
        self.addParamsLine(" [--lowpass <double>] : finest resolution to compare, A; default: that of the sampling or of the CTF")
        self.addParamsLine(
            " [--defocus <double=0>] : micrometres, underfocus positive. Frequencies beyond the first zero of the CTF are left "
            "out. 0: no CTF"
        )
        self.addParamsLine(" [--voltage <double=300>] : of the microscope, kV")
        self.addParamsLine(" [--cs <double=2.7>] : spherical aberration, mm")
        self.addParamsLine(" [--amplitudecontrast <double=0.08>] : amplitude contrast, a fraction")
        self.addParamsLine(" [--number <int>] : the best n picks of each template in each tomogram")
        self.addParamsLine(
            " [--threshold <double>] : lowest accepted correlation; not with --number. Default, if neither is given: the "
            "correlation that noise would reach about once per tomogram over all rotations"
        )
        self.addParamsLine(" [--select <selection=all>] : how to combine the picks of several templates")
        self.addParamsLine("      where <selection>")
        self.addParamsLine("        all : all picks of every template")
        self.addParamsLine("        thresholded : the same from the biggest class to the smallest (TM-T of SHREC 2020)")
        self.addParamsLine(
            "        filtered : a pick that overlaps with a pick of a bigger class is left out, and the next best pick is "
            "taken (TM-F)"
        )
        self.addParamsLine(
            " [--coarseFirst] : compare every rotation only where a search at a coarser resolution found something, if that "
            "saves time: about five times faster for large particles, with fewer false picks, but a few weak and crowded "
            "particles may be missed. By default every voxel is compared"
        )
        self.addParamsLine(
            " [--scoremaps <folder>] : write the best scores and their rotations as MRC, and the angles of the rotations as CSV"
        )
        self.addParamsLine(MASK_HELP)
        self.addParamsLine(" [--bright] : particles are bright in the tomograms; default: dark")
        self.addParamsLine(
            " [--noWhitening] : do not divide by the noise spectrum of the tomogram. By default tomogram and templates are "
            "divided by it, which finds far more particles in weighted back-projections"
        )
        self.addParamsLine(
            " [--templateSamplingrate <double>] : A/voxel, if the headers of the templates have none or a wrong one"
        )
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addParamsLine(" [--threads <int=2>] : CPU threads; the result does not depend on them")
        self.addExampleLine(
            "xmipp_template_matching_tomo --tomograms TS_01.mrc --templates 1bxn.mrc 4cr2.mrc -o tm.csv --defocus 3 "
            "--number 200 --select filtered"
        )

    def readParams(self) -> None:
        optional = lambda option: self.number(option) if self.checkParam(option) else None  # noqa: E731
        self.config = TemplateMatchingConfig(
            tomograms=tuple(self.optional_list("--tomograms")),
            templates=tuple(self.optional_list("--templates")),
            output=self.getParam("-o"),
            template_mask=self.optional_path("--templateMask"),
            mask=tuple(self.optional_list("--mask")),
            diameters=tuple(_numbers(self.optional_list("--diameter"), "--diameter")),
            tilts=(self.number("--tilts", index=0), self.number("--tilts", index=1)),
            angular_step=optional("--angularstep"),
            lowpass=optional("--lowpass"),
            defocus=self.number("--defocus"),
            voltage=self.number("--voltage"),
            spherical_aberration=self.number("--cs"),
            amplitude_contrast=self.number("--amplitudecontrast"),
            number=self.integer("--number") if self.checkParam("--number") else None,
            threshold=optional("--threshold"),
            select=self.getParam("--select"),
            scoremaps=self.optional_path("--scoremaps"),
            bright=self.checkParam("--bright"),
            whiten=not self.checkParam("--noWhitening"),
            coarse_first=self.checkParam("--coarseFirst"),
            template_sampling_rate=optional("--templateSamplingrate"),
            tomogram_sampling_rate=optional("--tomogramSamplingrate"),
            threads=self.integer("--threads"),
        )

    def run(self) -> None:
        from ._template_matching.files import write_matches

        pickings = write_matches(self.config)
        say_result(f"{sum(map(len, pickings))} picks in {self.config.output}")
        if not any(map(len, pickings)):
            remedies = "lower --threshold, give --number, or give --bright if particles are bright"
            print_notes([nothing_picked(remedies, bool(self.config.mask))])


def _numbers(texts: list[str], option: str) -> list[float]:
    try:
        return [float(text) for text in texts]
    except ValueError as error:
        raise InputError(f"{option}: expected numbers, received '{' '.join(texts)}'") from error


def main() -> int:
    """Console script."""
    return run(TemplateMatchingTomo)


if __name__ == "__main__":
    sys.exit(main())
