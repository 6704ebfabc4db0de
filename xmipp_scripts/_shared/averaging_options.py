"""The options of the programs that average: tilts and diameter."""

from __future__ import annotations

from tomo_particles.core.errors import InputError

from .program import Program

TILTS = (-60.0, 60.0)  # of most tilt series
LEAST_DETAILS = 4  # voxels in a diameter


def read_tilts(program: Program) -> tuple[float, float]:
    """First and last tilt of --tilts, degrees."""
    texts = program.optional_list("--tilts") or list(map(str, TILTS))
    try:
        first, last = map(float, texts)
    except ValueError as error:
        raise InputError(f"--tilts: expected the first and the last tilt, received '{' '.join(texts)}'") from error
    return first, last


def read_each_tilts(program: Program) -> tuple[float, ...]:
    """First and last tilt of --tilts, once for all tomograms or once for each, degrees; empty where it is not given."""
    texts = program.optional_list("--tilts")
    try:
        return tuple(float(text) for text in texts)
    except ValueError as error:
        raise InputError(f"--tilts: expected numbers, received '{' '.join(texts)}'") from error


def pairs_of(tilts: tuple[float, ...], count: int) -> list[tuple[float, float]]:
    """First and last tilt of each of `count` tomograms. Raises InputError unless they are given once, or once for each."""
    if len(tilts) not in (2, 2 * count):
        raise InputError(
            f"--tilts: give the first and the last tilt, once for all or once for each of the {count} tomograms; "
            f"received {len(tilts)} numbers"
        )
    pairs = list(zip(tilts[::2], tilts[1::2], strict=True))
    for pair in pairs:
        check_tilts(pair, "--tilts")
    return pairs * count if len(pairs) == 1 else pairs


def check_tilts(tilts: tuple[float, float], option: str) -> None:
    """Raises InputError unless they are a rising pair of angles in degrees."""
    first, last = tilts
    if not -90 <= first < last <= 90:
        raise InputError(
            f"{option}: expected the first and the last tilt, between -90 and 90 degrees and rising, received {first:g} {last:g}"
        )


def check_diameter(diameter: float, size: tuple[int, int, int], rate: float, path: str, option: str) -> None:
    """Raises InputError unless a box for a particle of `diameter` Å fits in a tomogram, and the particle has enough voxels.

    size: x, y, z, voxels of `rate` Å.
    """
    from tomo_particles.averaging.picked_boxes import box_of

    edge = box_of(diameter, rate)
    if edge > min(size):
        raise InputError(
            f"{option}: a box for {diameter:g} Å has {edge} voxels and does not fit in '{path}' "
            f"({' x '.join(map(str, size))} voxels of {rate:g} Å); lower it or check the sampling rate"
        )
    if diameter < LEAST_DETAILS * rate:
        raise InputError(
            f"{option}: a particle of {diameter:g} Å has less than {LEAST_DETAILS} voxels of {rate:g} Å in '{path}'; raise it "
            "or give a finer tomogram"
        )
