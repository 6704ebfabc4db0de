"""Arguments of the program that splits subtomograms; nothing of Scipion here."""

from __future__ import annotations

from ..shared.program_steps import Arguments


def split_arguments(table: str, folder: str, *, rate: float, diameter: float | None, resolution: float | None, mask: str,
                    classes: int, threads: int, seed: int) -> Arguments:
    """Split the subtomograms of a table into a folder; lengths in Å, rate in Å/voxel, mask '' for none."""
    optional = {"--diameter": diameter, "--maxResolution": resolution, "--mask": mask or None}
    return ["-i", table, "--odir", folder, "--samplingrate", rate, *_given(optional), "--classes", classes,
            "--threads", threads, "--seed", seed]


def volume_arguments(table: str, folder: str, *, rate: float, diameter: float | None, mask: str, symmetry: str,
                     step: float | None, distance: float | None, resolution: float | None, resize: float | None, flipped: bool,
                     classes: int, thesis: bool, rounds: int, threads: int, seed: int) -> Arguments:
    """Split the projections of a table into a folder; lengths in Å, angles in degrees, resize in pixels, mask '' for none."""
    optional = {"--diameter": diameter, "--mask": mask or None, "--angularSampling": step, "--angularDistance": distance,
                "--maxResolution": resolution, "--resize": None if resize is None else int(resize)}
    return ["-i", table, "--odir", folder, "--samplingrate", rate, *_given(optional), "--symmetry", symmetry,
            *(["--phaseFlipped"] if flipped else []), "--classes", classes, "--recipe", "thesis" if thesis else "crossfit",
            "--iter", rounds, "--threads", threads, "--seed", seed]


def simulation_arguments(folder: str, maps: list[str], *, projections: bool, absent: float, count: int, box: int, rate: float,
                         separation: float, resolution: float, angle_error: float, defocus: tuple[float, float] | None,
                         contrast: float, tilts: tuple[float, float], seed: int) -> Arguments:
    """Simulate particles into a folder. maps: files, none for the built-in complex.  defocus: µm, None for no CTF."""
    optics = [*(["--defocus", *defocus] if defocus else []), "--contrast", contrast]
    return ["--odir", folder, *(["--maps", *maps] if maps else []), "--absent", absent, "--count", count, "--boxsize", box,
            "--samplingrate", rate, "--separation", separation, "--maxResolution", resolution, "--angleError", angle_error,
            *(["--projections", *optics] if projections else ["--tilts", *tilts]), "--seed", seed]


def evaluation_arguments(classes: str, truth: str, result: str) -> Arguments:
    """Compare two tables of classes."""
    return ["-i", classes, "--truth", truth, "-o", result]


def _given(optional: dict[str, float | str | None]) -> Arguments:
    return [word for option, value in optional.items() if value is not None for word in (option, value)]
