"""Files of several tables, as people make them with cat: all picks are read, or the file is refused by line."""

import pytest
from format_samples import CENTRED, KNOWN, XYZ, context, refusal, star

from tomo_particles.formats.registry import read

TS_1, TS_2 = (
    star("particles", f"TomoName {XYZ}", *(f"{name} 1{i} 20 30" for i in range(n))) for name, n in (("TS_1", 2), ("TS_2", 1))
)


def test_all_tables_of_picks_are_read_and_said(tmp_path):
    path, known = tmp_path / "joined.star", context("TS_1", "TS_2")
    path.write_text(TS_1 + "\n# by hand\n" + TS_2)
    assert {name: own.positions[:, 0].tolist() for name, own in read(path, known).items()} == {"TS_1": [10, 11], "TS_2": [10]}
    assert known.notes == [f"{path}: 2 tables of picks, which begin in lines 1, 13"]
    path.write_text(TS_1 + TS_1)  # the same tomogram: joined
    assert len(read(path, context())["TS_1"]) == 4
    path.write_text(TS_1.replace("particles", "a") + TS_2.replace("particles", "b"))  # tables of other names
    assert len(read(path, context("TS_1", "TS_2"))) == 2


def test_each_table_has_the_optics_in_front_of_it(tmp_path):
    parts = [
        star("optics", "OpticsGroup TomoTiltSeriesPixelSize", f"1 {rate}")
        + star("particles", f"TomoName {XYZ} OpticsGroup", f"{name} 10 20 30 1")
        for name, rate in (("TS_1", 2.5), ("TS_2", 5))
    ]
    (tmp_path / "p.star").write_text("".join(parts))
    rates = {name: own.sampling_rate for name, own in read(tmp_path / "p.star", context("TS_1", "TS_2")).items()}
    assert rates == {"TS_1": 2.5, "TS_2": 5}
    particles = star("particles", f"TomoName {XYZ} OpticsGroup", "TS_2 10 20 30 1")  # no optics of its own: those of the file
    (tmp_path / "p.star").write_text(parts[0] + particles)
    assert {own.sampling_rate for own in read(tmp_path / "p.star", context("TS_1", "TS_2")).values()} == {2.5}


def test_centred_and_uncentred_tables_in_one_file(tmp_path):
    (tmp_path / "p.star").write_text(TS_2 + star("particles", f"TomoName {CENTRED}", "TS_1 0 0 0"))
    picks = read(tmp_path / "p.star", context("TS_1", "TS_2"))
    assert picks["TS_1"].positions.tolist() == [[480.5, 464, 150.5]] and picks["TS_2"].positions.tolist() == [[10, 20, 30]]


@pytest.mark.parametrize("text", [KNOWN["r5.star"], KNOWN["r31.star"]])
def test_a_damaged_table_among_several_is_named_by_line(tmp_path, text):
    (tmp_path / "p.star").write_text(TS_1 + text.replace("7.5 1\n", "7.5\n").replace("-903.75", "x"))
    assert "line 1" in refusal(tmp_path / "p.star", context()) or "line 2" in refusal(tmp_path / "p.star", context())


def test_boxes_of_two_tomograms_in_one_file_are_refused(tmp_path):
    (tmp_path / "TS_1.cbox").write_text(KNOWN["TS_1.cbox"] * 2)
    said = refusal(tmp_path / "TS_1.cbox", context())
    assert "has two tables data_global, in lines 1 and " in said and "write each to its own file" in said
