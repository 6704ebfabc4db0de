"""xmipp_map_resolution_tomo: the resolution of an average from its two half maps."""

from __future__ import annotations

import sys

from ._shared.program import Program, run, say


class MapResolutionTomo(Program):
    """Command line of `_averaging.resolution.write_resolution`."""

    name = "xmipp_map_resolution_tomo"
    outputs = {"--odir": "folder"}

    def defineParams(self) -> None:
        self.addUsageLine("Resolution of an average: the Fourier shell correlation (FSC) of its two half maps.")
        self.addUsageLine(
            "Writes fsc.csv (a row per shell) and resolution.json. With a mask the correlation is corrected for what the mask "
            "alone correlates: it is measured with random phases, from the shell where the FSC falls below 0.8. The resolution "
            "is where the FSC first falls below the threshold. It is called Nyquist if the FSC never does, and none if it does "
            "from the first shell on. Halves that are not independent give a resolution that is too good; the FSC cannot show "
            "this."
        )
        self.addParamsLine("  --half1 <file> : half map, MRC, a cube")
        self.addParamsLine("  --half2 <file> : the other half map, in the same box")
        self.addParamsLine("  --odir <folder> : output folder")
        self.addParamsLine(" [--mask <file>] : soft mask from 0 to 1, in the box of the halves")
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
            threshold=self.number("--threshold"),
            sampling_rate=self.number("--samplingrate") if self.checkParam("--samplingrate") else None,
            seed=self.integer("--seed"),
        )

    def run(self) -> None:
        from ._averaging.resolution import write_resolution

        summary = write_resolution(self.config)
        found = ", ".join(f"{name} {values['text']}" for name, values in summary["fsc"].items())
        notes = [f"note: {note}" for note in summary["notes"]]
        say(f"resolution at FSC {self.config.threshold:g}: {found}", *notes)


def main() -> int:
    """Console script."""
    return run(MapResolutionTomo)


if __name__ == "__main__":
    sys.exit(main())
