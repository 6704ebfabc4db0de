"""xmipp_map_resolution_tomo: the resolution of an average from its two half maps, by shell, by direction and at each voxel."""

from __future__ import annotations

import sys

from ._shared.output_folder import Written
from ._shared.program import Program, run, say_result


class MapResolutionTomo(Program):
    """Command line of `_averaging.resolution.write_resolution`."""

    name = "xmipp_map_resolution_tomo"
    outputs = {"--odir": "folder"}
    written = Written(
        ("fsc.csv", "fso.csv", "directions.csv", "local_resolution.mrc", "summary.json", "report.html"), ("summary.json", '"fso"')
    )

    def defineParams(self) -> None:
        self.addUsageLine(
            "Resolution of an average: the Fourier shell correlation (FSC) of its two half maps, whole, by direction, and local."
        )
        self.addUsageLine(
            "Writes fsc.csv (a row per shell), fso.csv, directions.csv, local_resolution.mrc (A; 0 outside the mask), "
            "summary.json and report.html. "
            "With a mask the correlation is corrected for what the mask "
            "alone correlates: it is measured with random phases, from the shell where the FSC falls below 0.8. The resolution "
            "is where the FSC first falls below the threshold. It is called Nyquist if the FSC never does, and none if it does "
            "from the first shell on. Halves that are not independent give a resolution that is too good; the FSC cannot show "
            "this."
        )
        self.addUsageLine(
            "Directions: the same correlation in cones about 321 directions. The Fourier shell occupancy (FSO) is the share of "
            "directions above the threshold: 0.5 of them is the resolution, and the band from 0.9 to 0.1 is narrow for a map "
            "that is equally good in all directions. A direction that the tilt series did not see counts as failed. "
            "Local resolution: up to which frequency a voxel of the map is above 95 % of the noise, half the difference of the "
            "halves."
        )
        self.addParamsLine("  --half1 <file> : half map, MRC, a cube")
        self.addParamsLine("  --half2 <file> : the other half map, in the same box")
        self.addParamsLine("  --odir <folder> : output folder")
        self.addParamsLine(" [--mask <file>] : soft mask from 0 to 1, in the box of the halves")
        self.addParamsLine(
            " [--coverage <file>] : coverage.mrc of xmipp_average_subtomograms: frequencies with less than 0.1 of the largest "
            "coverage do not count. Default: only frequencies at which both halves are empty do not count"
        )
        self.addParamsLine(" [--cone <double=17>] : half the opening angle of a direction, degrees, 10 to 45")
        self.addParamsLine(" [--threshold <double=0.143>] : of the FSC")
        self.addParamsLine(" [--samplingrate <double>] : A/voxel, if the headers have none or a wrong one")
        self.addParamsLine(" [--seed <int=1>] : seed of the random phases")
        self.addExampleLine(
            "xmipp_map_resolution_tomo --half1 out/half1.mrc --half2 out/half2.mrc --mask out/mask.mrc --odir resolution"
        )

    def readParams(self) -> None:
        from ._averaging.resolution import ResolutionConfig

        self.config = ResolutionConfig(
            half1=self.getParam("--half1"),
            half2=self.getParam("--half2"),
            odir=self.getParam("--odir"),
            mask=self.optional_path("--mask"),
            coverage=self.optional_path("--coverage"),
            cone=self.number("--cone"),
            threshold=self.number("--threshold"),
            sampling_rate=self.number("--samplingrate") if self.checkParam("--samplingrate") else None,
            seed=self.integer("--seed"),
        )

    def run(self) -> None:
        from ._averaging.resolution import write_resolution

        summary = write_resolution(self.config)
        found = ", ".join(f"{name} {values['text']}" for name, values in summary["fsc"].items())
        fso, local = summary["fso"], summary["local"]
        lines = [
            f"resolution at FSC {self.config.threshold:g}: {found}",
            f"directions: FSO 0.5 at {fso['0.5']}, from 0.9 to 0.1 at {' to '.join(fso['band'])}",
            f"local resolution: median {local['median']:g} A, 80 % of the voxels from {local['10%']:g} to {local['90%']:g} A",
        ]
        say_result(*lines, *(f"note: {note}" for note in summary["notes"]))


def main() -> int:
    """Console script."""
    return run(MapResolutionTomo)


if __name__ == "__main__":
    sys.exit(main())
