"""Plain XMD text: what we write Xmipp reads, what Xmipp writes we read, and what is not plain is left to Xmipp."""

import numpy as np
import pytest
import xmippLib

from tomo_particles.formats import xmd
from tomo_particles.formats.xmd import read_table, write_table
from tomo_particles.formats.xmd_text import is_plain

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


@pytest.mark.parametrize("word", ["it's", 'say "x"', "", ";y", "_z", "loop_", "data_q"])
def test_odd_words_are_left_to_xmipp(tmp_path, calls, word):
    assert not is_plain([word])
    write_table(tmp_path / "t.xmd", {"x": [1.5, 2.0], "comment": [word, "k"]})
    assert calls


@pytest.mark.parametrize(
    "text",
    [
        "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _x\n _unknownLabel\n1.5 a\n",  # columns we cannot tell the kind of
        "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _x\n _count\n1.5 3\n# a comment\n2 4\n",
        "# XMIPP_STAR_1 * \n# \ndata_one\nloop_\n _x\n1.5\n\ndata_two\nloop_\n _scale\n2\n",  # only the first table counts
        "# XMIPP_STAR_1 * \n# \ndata_noname\n _x 1.5\n _count 3\n",  # a row, not a loop
    ],
)
def test_other_tables_are_read_by_xmipp(tmp_path, calls, text):
    (tmp_path / "t.xmd").write_text(text)
    read = read_table(tmp_path / "t.xmd")
    assert calls and read["x"][0] == 1.5 and read == by_xmipp(tmp_path / "t.xmd")


def test_columns_of_different_lengths_are_refused(tmp_path):
    with pytest.raises(ValueError, match="x 2, count 1"):
        write_table(tmp_path / "t.xmd", {"x": [1, 2], "count": [1]})
    assert list(tmp_path.iterdir()) == []
