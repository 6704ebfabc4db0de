"""xmipp_mask_tomo: good and bad regions of tomograms: gold, membranes, carbon, ice and dirt, places without data."""

from __future__ import annotations

import glob
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError, listed

from ._shared.masks import masks_by_tomogram
from ._shared.output_folder import Written, claimed
from ._shared.picker_output import require_distinct
from ._shared.program import Program, print_notes, require_positive, run, say_result
from ._shared.progress import stage

if TYPE_CHECKING:
    from tomo_particles.core.tomograms import Tomogram
    from tomo_particles.regions.region_mask import RegionMask

SUMMARY, NOTES = "masks.csv", "notes"  # a table, and its column with what is unusual about a tomogram
MORE_BAD = ("membrane",)  # good unless the user says so


@dataclass(frozen=True)
class MaskConfig:
    """Masks of some tomograms; bead: diameter, Å.  user: volumes, or folders of them.  bad: further classes that are bad."""

    tomograms: tuple[str, ...]
    odir: str
    bead: float = 100.0
    user: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    bright: bool = False
    tomogram_sampling_rate: float | None = None
    threads: int = 1

    def __post_init__(self) -> None:
        require_distinct(self.tomograms, "--tomograms", "tomogram")
        require_positive(self.bead, "--bead", "Å")
        require_positive(self.threads, "--threads")
        if self.tomogram_sampling_rate is not None:
            require_positive(self.tomogram_sampling_rate, "--tomogramSamplingrate", "Å/voxel")
        if wrong := [name for name in self.bad if name not in MORE_BAD]:
            raise InputError(f"--bad: must be {' or '.join(MORE_BAD)}, received '{wrong[0]}'; the other classes are bad anyway")


def write_masks(config: MaskConfig) -> dict[str, RegionMask]:
    """Write `<id>_mask.mrc` of each tomogram and a table of the shares of the classes; returns the masks by tomogram.

    Every input is checked before the first mask is made.
    """
    import pandas as pd

    from tomo_particles.core.files import write_csv_table
    from tomo_particles.core.tomograms import each_tomogram, open_tomogram, tomogram_id
    from tomo_particles.regions.mask_files import ENDING, read_mask, require_user_mask, write_mask

    ids = [tomogram_id(path) for path in config.tomograms]
    outputs = {tomo_id: Path(config.odir) / f"{tomo_id}{ENDING}.mrc" for tomo_id in ids}
    marked = masks_by_tomogram(config.user, ids, "--user", every=False)
    tomograms = {Path(path).resolve() for path in config.tomograms}
    if same := [path for path in marked.values() if Path(path).resolve() in tomograms]:
        raise InputError(f"--user: '{same[0]}' is the tomogram itself; give a volume that is not 0 where nothing shall be picked")
    read = {Path(path).resolve() for path in (*config.tomograms, *marked.values())}
    if lost := [path for path in outputs.values() if path.resolve() in read]:
        raise InputError(f"--odir: '{lost[0]}' is an input and would be lost; choose another folder")
    notes: list[str] = []
    if marked and (unmarked := [tomo_id for tomo_id in ids if tomo_id not in marked]):
        notes.append(f"--user: no volume of {listed(unmarked)}; nothing is marked there")
    for tomogram in each_tomogram(config.tomograms, config.tomogram_sampling_rate, "--tomograms", notes):
        if config.bead < tomogram.sampling_rate:
            raise InputError(
                f"--bead: {config.bead:g} Å are less than a voxel of '{tomogram.path}' ({tomogram.sampling_rate:g} Å); "
                "check the diameter and the sampling rate"
            )
        if own := marked.get(tomogram_id(tomogram.path)):
            require_user_mask(own, tomogram.size, tomogram.sampling_rate, "--user")
    print_notes([*notes, *(f"'{path}' was there before and is replaced" for path in outputs.values() if path.exists())])
    claimed(config.odir)  # what is replaced is told by its name
    masks: dict[str, RegionMask] = {}
    said: dict[str, list[str]] = {tomo_id: [] for tomo_id in ids}
    with stage("finding regions", len(ids), "tomograms") as at:
        for tomo_id, path in zip(ids, config.tomograms, strict=True):
            with open_tomogram(path, config.tomogram_sampling_rate, "--tomograms") as tomogram:
                mask = _mask(config, tomogram, marked.get(tomo_id), said[tomo_id])
                write_mask(outputs[tomo_id], mask)
                masks[tomo_id] = read_mask(outputs[tomo_id], tomogram.size, tomogram.sampling_rate)
            there = {name: share for name, share in mask.shares().items() if share > 0}
            at.done(f"{path}: " + ", ".join(f"{name} {share:.1%}" for name, share in there.items()))
            print_notes(f"'{path}': {note}" for note in said[tomo_id])
    table = pd.DataFrame(
        [{"tomo_id": tomo_id, **mask.shares(), NOTES: "; ".join(said[tomo_id])} for tomo_id, mask in masks.items()]
    )
    write_csv_table(Path(config.odir) / SUMMARY, table)
    return masks


def _mask(config: MaskConfig, tomogram: Tomogram, marked: str | None, notes: list[str]) -> RegionMask:
    from dataclasses import replace

    from tomo_particles.regions.classes import NAMES, USER
    from tomo_particles.regions.mask_files import with_user_mask
    from tomo_particles.regions.segmentation import segment

    mask = segment(
        tomogram.data,
        tomogram.sampling_rate,
        bead_diameter=config.bead,
        bright=config.bright,
        threads=config.threads,
        notes=notes,
    )
    if marked:
        mask = with_user_mask(mask, marked, tomogram.size, tomogram.sampling_rate, "--user")
        if not (mask.labels == USER).any():
            notes.append(f"'{marked}' is 0 everywhere: it marks nothing")
    mask = replace(mask, bad=mask.bad | {NAMES.index(name) for name in config.bad})
    if mask.is_bad().all():
        notes.append("nothing but bad regions; look at the tomogram")
    return mask


class MaskTomo(Program):
    """Command line of `write_masks`."""

    name = "xmipp_mask_tomo"
    outputs = {"--odir": "folder"}

    def defineParams(self) -> None:
        self.addUsageLine("Masks of good and bad regions of tomograms, for pickers, noise picks, training and evaluation.")
        self.addUsageLine(
            "The classes of a mask are 0 good, 1 no data, 2 gold beads, 3 membranes, 4 carbon film, 5 ice crystals and dirt, "
            "6 outside the slab of ice, 7 marked by the user. All but 0 and 3 are bad. The programs that take --mask pick "
            "nothing there. Writes <tomogram>_mask.mrc at 20 to 30 A per voxel (coarser if the tomogram has more than 15 A), and "
            "masks.csv with the share of each class and what is unusual. Use tomograms "
            "as reconstructed, not filtered or denoised: the mask fits every version of the same extent."
        )
        self.addParamsLine("  --tomograms <...> : tomograms, MRC")
        self.addParamsLine("  --odir <folder> : folder for the masks")
        self.addParamsLine(" [--bead <double=100>] : diameter of the gold beads in A")
        self.addParamsLine(
            " [--user <...>] : volumes that are not 0 where you want nothing to be picked: files named as their tomograms, or a "
            "folder of them; of the shape or of the extent of the tomogram. A tomogram that has none is not marked"
        )
        self.addParamsLine(" [--bad <...>] : further classes that are bad: membrane")
        self.addParamsLine(" [--bright] : particles are brighter than their surroundings; default: darker")
        self.addParamsLine(
            " [--tomogramSamplingrate <double>] : A/voxel, if the headers of the tomograms have none or a wrong one"
        )
        self.addParamsLine(" [--threads <int=2>] : CPU threads; the result does not depend on them")
        self.addExampleLine("xmipp_mask_tomo --tomograms TS_01.mrc TS_02.mrc --odir masks", False)
        self.addExampleLine(
            "xmipp_pick_blobs_tomo --tomograms TS_01.mrc TS_02.mrc -o blobs.csv --diameter 120 --mask masks", False
        )

    def readParams(self) -> None:
        self.config = MaskConfig(
            tomograms=tuple(self.optional_list("--tomograms")),
            odir=self.getParam("--odir"),
            bead=self.number("--bead"),
            user=tuple(self.optional_list("--user")),
            bad=tuple(self.optional_list("--bad")),
            bright=self.checkParam("--bright"),
            tomogram_sampling_rate=self.number("--tomogramSamplingrate") if self.checkParam("--tomogramSamplingrate") else None,
            threads=self.integer("--threads"),
        )
        from tomo_particles.core.tomograms import tomogram_id
        from tomo_particles.regions.mask_files import ENDING

        masks = [f"{glob.escape(tomogram_id(path))}{ENDING}.mrc" for path in self.config.tomograms]
        self.written = Written((*masks, SUMMARY), (SUMMARY, "tomo_id"))

    def run(self) -> None:
        masks = write_masks(self.config)
        say_result(f"{len(masks)} masks in {self.config.odir}")


def main() -> int:
    """Console script."""
    return run(MaskTomo)


if __name__ == "__main__":
    sys.exit(main())
