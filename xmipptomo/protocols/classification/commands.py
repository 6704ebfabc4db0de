"""Arguments of the program that splits subtomograms; nothing of Scipion here."""

from __future__ import annotations

from ..shared.program_steps import Arguments


def split_arguments(table: str, folder: str, *, rate: float, diameter: float | None, resolution: float | None, mask: str,
                    threads: int, seed: int) -> Arguments:
    """Split the subtomograms of a table into a folder; lengths in Å, rate in Å/voxel, mask '' for none."""
    optional = {"--diameter": diameter, "--maxResolution": resolution, "--mask": mask or None}
    return ["-i", table, "--odir", folder, "--samplingrate", rate,
            *(word for option, value in optional.items() if value is not None for word in (option, value)),
            "--threads", threads, "--seed", seed]
