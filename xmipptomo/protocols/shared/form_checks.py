"""Checks of what is on a form, by the label of its field."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from pwem.protocols import EMProtocol

from ...constants import AVERAGED_BOX, SYMMETRY_NAMES
from .checked_form import field_name

Limits = Mapping[str, tuple[float | None, float | None, bool]]  # lowest, highest, whether lowest is allowed; None: no limit


def limit_errors(protocol: EMProtocol, limits: Limits) -> list[str]:
    """One message for each active parameter whose value is outside its limits."""
    errors = []
    for name, (low, high, inclusive) in limits.items():
        if not protocol.evalParamCondition(name):
            continue
        value = protocol.getAttributeValue(name)
        if value is None:  # a field that may be empty; CheckedForm refuses the others
            continue
        too_low = low is not None and (value < low or (value == low and not inclusive))
        if too_low or (high is not None and value > high):
            limit = " and ".join([*([f"{'at least' if inclusive else 'greater than'} {low:g}"] if low is not None else []),
                                  *([f"at most {high:g}"] if high is not None else [])]) or "a number"
            errors.append(f"*{field_name(protocol.getParam(name))}* must be {limit}, received {value}.")
    return errors


def symmetry_errors(protocol: EMProtocol) -> list[str]:
    """What is wrong with the name of the symmetry."""
    name = protocol.symmetry.get() or ""
    if re.fullmatch(SYMMETRY_NAMES, name, re.IGNORECASE):
        return []
    return [f"*Symmetry* must be c1, c2, c3..., d2, d3..., t, o, i1 or i2, received '{name}'."]


def averaged_box(diameter: float, rate: float) -> int:
    """Edge of the box of an average, voxels of `rate` Å."""
    return max(8, 2 * math.ceil(AVERAGED_BOX * diameter / rate / 2))
