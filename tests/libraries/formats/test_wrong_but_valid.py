"""Files that are valid and wrong: another unit, origin, axis order, name, angle, a column less. None is read without a word.

What no reader can know is not tried: half a voxel, positions of half the size, where no file says its voxels.
"""

import numpy as np
import pytest
from format_samples import KNOWN, context
from raw_files import WRITERS, Raw, raw_places, turns_as, written
from test_formats_table import conventions

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.registry import read
from tomo_particles.geometry.orientations import rotation_of
from xmipp_scripts.convert_coordinates_tomo import ConvertConfig, convert

RATE, SIZE, COUNT = 7.5, np.array((96, 88, 40)), 40
RNG = np.random.default_rng(2)
INDEX = RNG.uniform(0.02, 0.98, (COUNT, 3)) * SIZE - 0.5
ANGLES = RNG.uniform([-180, 1, -180], [180, 179, 180], (COUNT, 3))
PLACES = {  # wrong by what, and what is said of it where the file has no unit or origin of its own
    "twice": (lambda raw: raw * 2, ""),
    "four times": (lambda raw: raw * 4, ""),
    "a quarter": (lambda raw: raw / 4, ""),
    "Å for voxels": (lambda raw: raw * RATE, "as if multiplied by 7.5"),
    "voxels for Å": (lambda raw: raw / RATE, "as if divided by 7.5"),
    "z, y, x": (lambda raw: raw[:, ::-1], "the axes in the order z, y, x"),
    "x, z, y": (lambda raw: raw[:, [0, 2, 1]], "the axes in the order x, z, y"),
    "a flat list": (lambda raw: raw * [1, 1, 0] + [0, 0, 5], "all have z = "),
}
ORIGINS = {"from the centre": -SIZE / 2, "from the corner": SIZE / 2}
ORIENTED = [name for name in WRITERS if not conventions(name)["turns"].startswith(("none", "**not carried**"))]


@pytest.fixture(scope="module")
def tomogram(tmp_path_factory):
    path = tmp_path_factory.mktemp("tomogram") / "TS_1.mrc"
    write_volume(path, np.zeros(SIZE[::-1], dtype=np.float32), RATE)
    return path


def raw_of(name: str, index=INDEX, turns=None) -> Raw:
    cells = conventions(name)
    places = raw_places(index, cells["unit"], cells["axes"], cells["first"], RATE, SIZE, RATE)
    return Raw(places, turns_as(cells["turns"], ANGLES) if turns is None else turns, rate=RATE)


def said_of(path, name, tomogram, tmp_path) -> tuple[bool, str]:
    """Whether a file is refused, and every line that a conversion says of it."""
    given = "deepetpicker" if name == "deepetpicker" else ""
    config = ConvertConfig((str(path),), str(tmp_path / "o.csv"), source=given, tomograms=(str(tomogram),), names=("4=TS_1",))
    try:
        return False, "\n".join(convert(config))
    except InputError as error:
        assert not (tmp_path / "o.csv").exists()
        return True, str(error)


def heard(path, name, tomogram, tmp_path) -> str:
    refused, said = said_of(path, name, tomogram, tmp_path)
    assert refused or "warning" in said, f"{name} is read in silence: {said}"
    return said


@pytest.mark.parametrize("name", WRITERS)
def test_right_files_are_read_without_a_warning(tmp_path, tomogram, name):
    refused, said = said_of(written(tmp_path, name, raw_of(name)), name, tomogram, tmp_path)
    assert not refused and "warning" not in said


@pytest.mark.parametrize("wrong", PLACES)
@pytest.mark.parametrize("name", WRITERS)
def test_another_unit_or_order_of_axes_is_heard(tmp_path, tomogram, name, wrong):
    mend, mistake = PLACES[wrong]
    raw = raw_of(name)
    said = heard(written(tmp_path, name, Raw(mend(raw.places), raw.turns, rate=RATE)), name, tomogram, tmp_path)
    cells = conventions(name)
    if cells["unit"].startswith("voxels") and cells["axes"] == "x y z" and "corner of the box" not in cells["first"]:
        assert mistake in said or (cells["first"] == "1" and wrong == "voxels for Å")  # 1 is taken off before the unit


@pytest.mark.parametrize("wrong", ORIGINS)
@pytest.mark.parametrize("name", WRITERS)
def test_another_origin_is_heard_and_named(tmp_path, tomogram, name, wrong):
    said = heard(written(tmp_path, name, raw_of(name, INDEX + ORIGINS[wrong])), name, tomogram, tmp_path)
    assert f"as if counted {wrong}" in said


@pytest.mark.parametrize("name", [name for name in WRITERS if "voxels of" in conventions(name)["unit"]])
def test_half_the_size_is_heard_where_the_file_says_its_voxels(tmp_path, tomogram, name):
    if conventions(name)["unit"].startswith("voxels of the tomogram") or name == "eman2":
        pytest.skip("no voxel size that could be wrong")
    raw = raw_of(name)
    said = heard(written(tmp_path, name, Raw(raw.places, raw.turns, rate=RATE / 2)), name, tomogram, tmp_path)
    assert "7.5 / 3.75 Å" in said


@pytest.mark.parametrize("name", ORIENTED)
def test_angles_57_times_too_large_are_left_out_and_in_radians_are_said(tmp_path, tomogram, name):
    raw = raw_of(name)
    if raw.turns.ndim == 3:  # a matrix has no unit; a scaled one is refused
        said = heard(written(tmp_path, name, raw_of(name, turns=raw.turns * 57.3)), name, tomogram, tmp_path)
        assert "its matrix is no rotation" in said
        return
    path = written(tmp_path, name, raw_of(name, turns=np.rad2deg(raw.turns)))
    assert "57.3 times too large" in heard(path, name, tomogram, tmp_path)
    notes: list[str] = []
    assert np.isnan(read(path, context(rate=RATE, size=tuple(SIZE), names={"4": "TS_1"}, notes=notes))["TS_1"].angles).all()
    path = written(tmp_path, name, raw_of(name, turns=np.deg2rad(raw.turns)))
    (tmp_path / "o.csv").unlink()
    assert "as if in radians" in heard(path, name, tomogram, tmp_path)


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_of_another_tomogram_is_refused_be_it_the_only_one(tmp_path, tomogram, name):
    raw = Raw(raw_of(name).places, raw_of(name).turns, rate=RATE, name="TS_2", number=5)
    refused, said = said_of(written(tmp_path, name, raw, "TS_2"), name, tomogram, tmp_path)
    assert refused and "TS_2" in said
    if conventions(name)["name"].startswith("the file's name"):
        refused, said = said_of(written(tmp_path, name, raw, "picks"), name, tomogram, tmp_path)
        assert not refused and "file 'picks' is taken for the only tomogram, 'TS_1'" in said


@pytest.mark.parametrize("name", ["dynamo", "motivelist", "stopgap"])
def test_particles_that_nobody_placed_are_refused(tmp_path, tomogram, name):
    raw = raw_of(name)
    refused, said = said_of(written(tmp_path, name, Raw(raw.places * 0, raw.turns, rate=RATE)), name, tomogram, tmp_path)
    assert refused and "are 0 for every particle, so it does not say where they are" in said


TEXTS = [name for name in KNOWN if name.endswith((".star", ".cbox", ".csv", ".tsv"))]


@pytest.mark.parametrize("name", TEXTS)
def test_a_column_less_is_refused_or_changes_nothing_that_is_left(tmp_path, name):
    known = context(names={"4": "TS_1"})
    (tmp_path / name).write_text(KNOWN[name])
    whole = read(tmp_path / name, known)["TS_1"]
    for label, text in columns_dropped(KNOWN[name]):
        (tmp_path / name).write_text(text)
        try:
            (picks,) = read(tmp_path / name, known).values()
        except InputError:
            continue
        if "Origin" not in label:  # a shift, all three of them or none: that there was one is not known
            np.testing.assert_allclose(picks.positions, whole.positions, err_msg=label)
        if np.isfinite(picks.angles).all():
            assert (rotation_of(picks.angles) * rotation_of(whole.angles).inv()).magnitude().max() < 1e-6, label


def columns_dropped(text: str):
    """The label of each column of a text, and the text without it."""
    if "loop_" not in text:
        header, *rows = (line.split("\t" if "\t" in text else ",") for line in text.splitlines())
        separator = "\t" if "\t" in text else ","
        for place, label in enumerate(header):
            yield label, "".join(separator.join(row[:place] + row[place + 1 :]) + "\n" for row in (header, *rows))
        return
    begin, _, table = (
        text.rpartition("data_") if text.count("loop_") == 1 or "optics" in text else text.partition("data_cryolo\n")
    )
    lines = table.splitlines()
    if text.count("loop_") > 1 and "optics" not in text:  # .cbox has a table behind its picks
        begin, lines = begin + "data_", ["cryolo", *lines[: next(i for i, line in enumerate(lines) if "data_" in line)]]
    else:
        begin += "data_"
    labels = [line for line in lines if line.startswith("_")]
    for place, label in enumerate(labels):
        kept = []
        for line in lines:
            words = line.split()
            if line != label:
                kept.append(" ".join(words[:place] + words[place + 1 :]) if len(words) == len(labels) else line)
        yield label, begin + "\n".join(kept) + "\n"
