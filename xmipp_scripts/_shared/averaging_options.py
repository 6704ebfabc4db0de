"""The options of the programs that need the tilts of a tomogram."""

from __future__ import annotations

from tomo_particles.core.errors import InputError

from .program import Program

TILTS = (-60.0, 60.0)  # of most tilt series


def read_tilts(program: Program) -> tuple[float, float]:
    """First and last tilt of --tilts, degrees."""
    texts = program.optional_list("--tilts") or list(map(str, TILTS))
    try:
        first, last = map(float, texts)
    except ValueError as error:
        raise InputError(f"--tilts: expected the first and the last tilt, received '{' '.join(texts)}'") from error
    return first, last


def check_tilts(tilts: tuple[float, float], option: str) -> None:
    """Raises InputError unless they are a rising pair of angles in degrees."""
    first, last = tilts
    if not -90 <= first < last <= 90:
        raise InputError(
            f"{option}: expected the first and the last tilt, between -90 and 90 degrees and rising, received {first:g} {last:g}"
        )
