"""The second look of a run: whether there is one, with which diameter and tilts, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pwem.protocols import EMProtocol

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.subtomograms import box_note

from ...constants import TILTS
from ...files import RunFiles
from .commands import RunTomogram
from .inputs import CommonGrid

VOTED_THRESHOLD = 0.5  # of the score of votes and second look, whose field is not on the form
HALF_BOX = 0.5  # a box is 1.5 to 2 diameters wide; half of it was as good as the diameter in either case


def is_asked(protocol: EMProtocol) -> bool:
    """Whether the form asks for a second look. Voting, the quick overview, has one only where a diameter is given."""
    return bool(protocol.evalParamCondition("diameter")) and not (protocol.doVoting and protocol.diameter.get() is None)


def votes_only(protocol: EMProtocol) -> bool:
    """Whether nothing but the number of votes counts: no network, and no second look."""
    return protocol.doVoting.get() and not is_asked(protocol)


def threshold_of(protocol: EMProtocol) -> float | None:
    """From which score on picks are accepted; None where the number of votes decides."""
    if protocol.doVoting:
        return None if votes_only(protocol) else VOTED_THRESHOLD
    return protocol.threshold.get()


def why_none(scored: bool, noise: Sequence[str], tomograms: Sequence[RunTomogram]) -> str:
    """Why there can be no second look; '' if there can. scored: by a network, or by votes if these are asked for.

    noise: files.
    """
    rates = sorted({tomogram.tomogram_rate for tomogram in tomograms})
    if not scored:
        return "none, because no network was trained"
    if not noise:
        return "none, because no noise was picked"
    if not all(same_sampling_rate(rate, rates[0]) for rate in rates):
        return (f"none, because the tomograms have different sampling rates ({', '.join(f'{rate:.4g}' for rate in rates)} "
                "Å/voxel)")
    return ""


def diameter_of(protocol: EMProtocol, grid: CommonGrid) -> float:
    """Å: that of the form, or half of the common box."""
    asked = protocol.diameter.get()
    return HALF_BOX * grid.box_size * grid.sampling_rate if asked is None else asked


def box_notes(protocol: EMProtocol, rate: float, box_size: int) -> list[str]:
    """A line where the common box (voxels of `rate` Å) is far from what the diameter of the form needs."""
    note = box_note(box_size, rate, protocol.diameter.get()) if is_asked(protocol) else ""
    return [f"*Diameter (Å)*: {note}"] if note else []


def tilts_of_run(protocol: EMProtocol, tomograms: Sequence[RunTomogram]) -> tuple[float, float]:
    """Degrees: those of the form, else those of the tomograms (the median, the program takes one pair), else TILTS."""
    said = [tomogram.tilts for tomogram in tomograms if tomogram.tilts]
    own = [median(values) for values in zip(*said, strict=True)] if said else TILTS
    first, last = (protocol.getAttributeValue(name) for name in ("firstTilt", "lastTilt"))
    return own[0] if first is None else first, own[1] if last is None else last


def outcome(protocol: EMProtocol, files: RunFiles, grid: CommonGrid, tomograms: Sequence[RunTomogram],
            reason: str) -> dict[str, Any] | None:
    """For the summary: what the program wrote, with the diameter and tilts that it got; None if it was not asked for.

    reason: why there was none, or ''.
    """
    if not is_asked(protocol):
        return None
    if reason:
        return {"used": False, "reason": reason}
    found = json.loads(Path(files.look).read_text(encoding="utf-8"))
    return {**found, "diameter": diameter_of(protocol, grid), "tilts": tilts_of_run(protocol, tomograms),
            "keptCentres": protocol.keepCentres.get()}
