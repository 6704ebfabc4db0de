"""The tables of docs/formats.md say of each format what its code does, and name tests that exist."""

import re
from pathlib import Path

import pytest

from tomo_particles.formats.registry import FORMATS

REPOSITORY = Path(__file__).parents[3]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (REPOSITORY / "docs" / "formats.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
ATTRIBUTES = {"score": "score", "angles": "angles", "group": "group", "species": "class"}


def rows_of(name: str, cells: int) -> list[list[str]]:
    """The rows of a table with so many columns that are about a format."""
    return [row for row in ROWS if len(row) == cells and row[0].strip("| ").startswith(f"`{name}`")]


@pytest.mark.parametrize("one", FORMATS, ids=lambda one: one.name)
def test_the_tables_are_true(one):
    ((_, read_or_written, *conventions),) = rows_of(one.name, 9)
    assert ("w" in read_or_written.split()) == (one.write is not None) and all(conventions)
    ((_, axes, first_voxel, lost, tests),) = rows_of(one.name, 5)
    assert axes and first_voxel
    gone = [word for attribute, word in ATTRIBUTES.items() if attribute not in one.keeps]
    assert lost == ("not written" if one.write is None else ", ".join(gone) or "nothing")
    for test in re.findall(r"`(\w+)`", tests):
        assert (Path(__file__).parent / f"{test}.py").is_file()
