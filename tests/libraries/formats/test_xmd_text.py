"""Plain XMD text: what we write Xmipp reads, what Xmipp writes we read, and what is not plain we read as Xmipp does."""

import numpy as np
import pytest
import xmippLib

from tomo_particles.core.errors import InputError
from tomo_particles.formats import xmd
from tomo_particles.formats.xmd import read_table, with_nan, write_table

COLUMNS = {
    "particleId": [1, 2, 70_000],
    "x": [0.125, -3.5e-7, 123456.789],
    "enabled": [1, 0, -1],
    "tomogramVolume": ["some dir/TS 01.mrc"] * 3,
    "comment": ["1+3", "é", "2"],
    "image": ["000001@a.mrcs", "000002@a.mrcs", "000003@a.mrcs"],
}


def by_xmipp(path) -> dict[str, list]:
    table = xmippLib.MetaData(str(path))
    return {xmippLib.label2Str(label): table.getColumnValues(label) for label in table.getActiveLabels()}


@pytest.fixture
def calls(monkeypatch) -> list[str]:
    """How often Xmipp's own tables were made."""
    made: list[str] = []
    original = xmippLib.MetaData
    monkeypatch.setattr(xmd.xmippLib, "MetaData", lambda *path: made.append("made") or original(*path))
    return made


def test_xmipp_reads_what_is_written(tmp_path):
    write_table(tmp_path / "t.xmd", COLUMNS)
    read = by_xmipp(tmp_path / "t.xmd")
    np.testing.assert_allclose(read.pop("x"), COLUMNS["x"], rtol=1e-8)
    assert read == {name: values for name, values in COLUMNS.items() if name != "x"}


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("varying", [True, False])
def test_columns_that_say_the_same_everywhere(tmp_path, rows, varying):
    columns = {"comment": ["100% 1+2"] * rows, "samplingRate": [6.25] * rows, "ref": [7] * rows}
    columns |= {"x": [0.5 * row for row in range(rows)]} if varying else {}
    write_table(tmp_path / "t.xmd", columns)
    assert by_xmipp(tmp_path / "t.xmd") == columns == read_table(tmp_path / "t.xmd")


def test_what_xmipp_writes_is_read_as_xmipp_reads_it(tmp_path, calls):
    write_table(tmp_path / "ours.xmd", COLUMNS)
    xmippLib.MetaData(str(tmp_path / "ours.xmd")).write(str(tmp_path / "theirs.xmd"))
    calls.clear()
    read = read_table(tmp_path / "theirs.xmd")
    assert not calls and read == by_xmipp(tmp_path / "theirs.xmd")


def test_tables_are_not_handled_cell_by_cell(tmp_path, calls):
    n = 5000
    write_table(tmp_path / "t.xmd", {"particleId": np.arange(n), "x": np.random.default_rng(0).random(n), "comment": ["1+2"] * n})
    assert len(read_table(tmp_path / "t.xmd")["x"]) == n
    assert not calls


ODD = ["it's", 'say "x"', "", ";y", "_z", "loop_", "data_q", "#h", "a#b", "a;b", " a ", "é b", "nb\u00a0sp", "100%", "$x_1$", "-"]


@pytest.mark.parametrize("word", ODD)
@pytest.mark.parametrize("label", ["comment", "tiltSeriesId"])
def test_odd_words_are_read_as_they_were_by_xmipp_and_by_us(tmp_path, word, label):
    columns = {"x": [1.5, 2.0, 3.0], label: [word, "k", word], "fom": [0.25] * 3}
    write_table(tmp_path / "t.xmd", columns)
    assert by_xmipp(tmp_path / "t.xmd") == columns == read_table(tmp_path / "t.xmd")


@pytest.mark.parametrize("word", ["a  b", "a\tb", "\x0b", "\u2028"])
def test_blanks_that_xmipp_would_change_stay_for_us(tmp_path, calls, word):
    write_table(tmp_path / "t.xmd", {"x": [1.5], "comment": [word]})
    assert read_table(tmp_path / "t.xmd")["comment"] == [word] and not calls


@pytest.mark.parametrize("word", ["a\nb", "a\rb", "both ' and \""])
def test_what_no_table_can_hold_is_refused_in_one_line(tmp_path, word):
    with pytest.raises(InputError, match=r"comment .* no XMD can hold") as caught:
        write_table(tmp_path / "t.xmd", {"x": [1.5], "comment": [word]})
    assert len(str(caught.value).splitlines()) == 1 and not list(tmp_path.iterdir())


def test_coordinates_come_first(tmp_path):
    write_table(tmp_path / "t.xmd", {"fom": [1.0], "zcoor": [3], "z": [3.0], "x": [1.0], "comment": ["c"], "y": [2.0]})
    assert list(read_table(tmp_path / "t.xmd")) == ["x", "y", "z", "zcoor", "fom", "comment"]


BROKEN = (
    "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _tiltSeriesId\n _ref\n _fom\n _x\n _y\n _z\n"
    "t 1 0.5 10 11 12\n{}\nt 1 0.7 30 31 32\n"
)


@pytest.mark.parametrize(("row", "said"), [
    ("t - 0.5 20 21 22", "row 2: ref is '-', not a whole number"),
    ("t 1.5 0.5 20 21 22", "row 2: ref is '1.5'"),
    ("t 99999999999999999999 0.5 20 21 22", "row 2: ref is '9"),
    ("t 1 high 20 21 22", "row 2: fom is 'high', not a number"),
    ("t 1 0.5 1_0 21 22", "row 2: x is '1_0'"),
    ("t 1 inf 20 21 22", "row 2: fom is 'inf'"),
    ("t 1 0.5 nan 21 22", "is 'nan'"),
    ("t 1 0.5 20 21", "row 2 has 5 values for 6 columns"),
    ("my tomogram 1 0.5 20 21 22", "row 2 has 7 values for 6 columns"),
    ("\xff 1 0.5 20 21 22", "is no text"),
])  # fmt: skip
def test_a_word_where_a_number_belongs_is_refused_by_row_and_column(tmp_path, row, said):
    path = tmp_path / "t.xmd"
    path.write_bytes(BROKEN.format(row).encode("latin-1"))
    with pytest.raises(InputError, match=said):
        read_table(path)


def test_a_score_that_is_nan_is_no_score_and_moves_no_pick(tmp_path):
    (tmp_path / "t.xmd").write_text(BROKEN.format("t 1 nan 20 21 22"))
    read = read_table(tmp_path / "t.xmd")
    assert read["x"] == [10, 20, 30] and read["fom"][::2] == [0.5, 0.7] and np.isnan(with_nan(read["fom"])[1])


def test_the_cases_met_by_users(shared_data):
    for name, said in (("bad3", "particleSize is '-'"), ("bad4", "particleSize is 'nan'")):
        with pytest.raises(InputError, match=f"row 2: {said}"):
            read_table(shared_data / "cases" / "20-xmd-word-in-a-column" / f"{name}.xmd")
    for name in ("bad", "bad2"):
        read = read_table(shared_data / "cases" / "20-xmd-word-in-a-column" / f"{name}.xmd")
        assert read["x"] == [10, 20, 30] and np.isnan(with_nan(read["fom"])[1])


@pytest.mark.parametrize(
    "text",
    [
        "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _x\n _unknownLabel\n1.5 a\n",  # columns we cannot tell the kind of
        "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _x\n _count\n1.5 3\n# a comment\n2 4\n",
        "# XMIPP_STAR_1 * \n# \ndata_one\nloop_\n _x\n1.5\n\ndata_two\nloop_\n _scale\n2\n",  # only the first table counts
        "# XMIPP_STAR_1 * \n# \ndata_noname\n _x 1.5\n _count 3\n",  # a row, not a loop
    ],
)
def test_other_tables_are_read_as_xmipp_does(tmp_path, calls, text):
    (tmp_path / "t.xmd").write_text(text)
    read = read_table(tmp_path / "t.xmd")
    assert not calls and read["x"][0] == 1.5 and read == by_xmipp(tmp_path / "t.xmd")


CUT_OFF = ["# XMIPP_STAR_1 * \n# \ndata_n", "# XMIPP_STAR_1 * \n", "data_\nloop_\n", "nothing"]


@pytest.mark.parametrize("text", CUT_OFF)
def test_a_table_that_is_cut_off_before_its_columns_ends_no_process(tmp_path, text):
    """Xmipp's reader aborts over the first."""
    (tmp_path / "t.xmd").write_text(text)
    with pytest.raises(InputError, match=r"no columns|does not begin with # XMIPP_STAR_1"):
        read_table(tmp_path / "t.xmd")


def test_a_zero_byte_in_the_name_of_a_column_is_no_traceback(tmp_path):
    (tmp_path / "t.xmd").write_text("# XMIPP_STAR_1 * \n# \ndata_n\nloop_\n _x\n _a\0b\n1 2\n")
    try:
        assert read_table(tmp_path / "t.xmd")["x"] == [1.0]
    except InputError as error:
        assert "t.xmd" in str(error)


def test_columns_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="x 2, count 1"):
        write_table(tmp_path / "t.xmd", {"x": [1, 2], "count": [1]})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", ['1.5 "', "1.5 'a", '1.5 a "b" c', '" 1.5'])
def test_an_open_quote_is_refused_by_row(tmp_path, row):
    """Xmipp's reader follows it for ever."""
    (tmp_path / "t.xmd").write_text(f"# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _x\n _comment\n2 b\n{row}\n3 c\n")
    with pytest.raises(InputError, match="row 2"):
        read_table(tmp_path / "t.xmd")
