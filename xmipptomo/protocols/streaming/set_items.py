"""Items of a set that are handed on as they are."""

from __future__ import annotations

from pyworkflow.object import Set
from tomo.objects import Coordinate3D, SetOfCoordinates3D, SetOfTomograms, Tomogram


def items_of(given: Set, ts_id: str) -> list[Coordinate3D | Tomogram]:
    """Copies of the items of a tomogram, read to the end: a reader within an iteration would block the writer."""
    attribute = Tomogram.TS_ID_FIELD if isinstance(given, SetOfTomograms) else Coordinate3D.TOMO_ID_ATTR
    quoted = ts_id.replace("'", "''")
    return [item.clone() for item in given.iterItems(where=f"{attribute}='{quoted}'")]


def prepare_alike(output: Set, given: Set) -> None:
    """Give a new set the properties of another one."""
    output.copyInfo(given)
    if isinstance(given, SetOfCoordinates3D):
        output.setPrecedents(given._precedentsPointer)  # the pointer: a set alone is lost in workflows
