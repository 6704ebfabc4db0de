"""The tables of docs/formats.md say of each format what its code does, cell by cell, and name tests that exist."""

import re
from pathlib import Path

import numpy as np
import pytest
from format_samples import RATE, SIZE, context
from raw_files import Raw, raw_places, turns_as, written

from tomo_particles.core.errors import InputError
from tomo_particles.formats.registry import FORMATS, read
from tomo_particles.geometry.orientations import rotation_of

REPOSITORY = Path(__file__).parents[3]
ROWS = [
    [cell.strip() for cell in line.strip("|").split(" | ")]
    for line in (REPOSITORY / "docs" / "formats.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("| `")
]
ATTRIBUTES = {"score": "score", "angles": "angles", "group": "group", "species": "class"}
INDEX, ANGLES = (
    np.array([[10.0, 20, 30], [0, 0, 0], [960, 927, 300]]),
    np.array([[10.0, 70, 30], [-100, 110, 15], [40, 20, -160]]),
)
EVERY = pytest.mark.parametrize("name", [one.name for one in FORMATS])


def rows_of(name: str, cells: int) -> list[list[str]]:
    """The rows of a table with so many columns that are about a format."""
    return [row for row in ROWS if len(row) == cells and row[0].strip("| ").startswith(f"`{name}`")]


def conventions(name: str) -> dict[str, str]:
    """The cells of a format that say what its numbers mean."""
    ((_, _, origin, unit, called, turns, score, _, _),) = rows_of(name, 9)
    ((_, axes, first, _, _),) = rows_of(name, 5)
    model = conventions("imod")["unit"] if unit == "as `imod`" else unit
    return {"origin": origin, "unit": model, "name": called, "turns": turns, "score": score, "axes": axes, "first": first}


def raw_of(name: str, stated: float = RATE, **more) -> Raw:
    """The picks at INDEX, turned by ANGLES, by the cells of the table."""
    cells = conventions(name)
    places = raw_places(INDEX, cells["unit"], cells["axes"], cells["first"], RATE, np.array(SIZE), stated)
    return Raw(places, turns_as(cells["turns"], ANGLES), rate=stated, **more)


def read_raw(folder: Path, name: str, raw: Raw, known, stem: str = "TS_1"):
    """The one Picks of a file with these numbers."""
    (picks,) = read(written(folder, name, raw, stem), known, "deepetpicker" if name == "deepetpicker" else "").values()
    return picks


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


@EVERY
def test_unit_origin_axes_and_first_voxel(tmp_path, name):
    picks = read_raw(tmp_path, name, raw_of(name), context(names={"4": "TS_1"}))
    np.testing.assert_allclose(picks.positions, INDEX, atol=1e-3)
    assert picks.sampling_rate == pytest.approx(RATE)


@EVERY
def test_the_voxels_that_a_file_says_it_counts(tmp_path, name):
    unit, first = (conventions(name)[cell] for cell in ("unit", "first"))
    if unit.startswith("voxels of the tomogram") or (unit.startswith("Å") and "voxel:" not in unit):
        pytest.skip("the file says nothing of them")
    picks = read_raw(tmp_path, name, raw_of(name, RATE / 4), context(names={"4": "TS_1"}))
    own = RATE if first.startswith("- ") else RATE / 4  # what is counted from the centre needs the tomogram's voxels at once
    assert picks.sampling_rate == pytest.approx(own)
    np.testing.assert_allclose(picks.at_sampling_rate(RATE).positions, INDEX, atol=1 if unit.startswith("Å") else 1e-3)


@EVERY
def test_orientation_and_score(tmp_path, name):
    cells = conventions(name)
    picks = read_raw(tmp_path, name, raw_of(name), context(names={"4": "TS_1"}))
    if cells["turns"].startswith(("none", "**not carried**")):
        assert np.isnan(picks.angles).all()
    else:
        assert (rotation_of(picks.angles) * rotation_of(ANGLES).inv()).magnitude().max() < 1e-5
    np.testing.assert_array_equal(picks.score, np.full(len(INDEX), np.nan if cells["score"] == "none" else 0.5))


@EVERY
def test_which_name_says_the_tomogram(tmp_path, name):
    called, raw = conventions(name)["name"], raw_of(name)
    both = context("TS_1", "TS_2")
    if called.startswith(("the file's name", "the model's name")):
        assert read_raw(tmp_path, name, raw, both, "TS_2").tomo_id == "TS_2"
        with pytest.raises(InputError, match=r"picks' is|of tomogram 'picks'|'picks', which"):
            read_raw(tmp_path, name, raw, both, "picks")
    elif called.startswith("number"):
        assert read_raw(tmp_path, name, raw, context("TS_1", "TS_2", names={"4": "TS_2"}), "picks").tomo_id == "TS_2"
        with pytest.raises(InputError, match="by numbers"):
            read_raw(tmp_path, name, raw, both, "picks")
    else:
        assert read_raw(tmp_path, name, raw, both, "TS_2").tomo_id == "TS_1"  # the file says it
