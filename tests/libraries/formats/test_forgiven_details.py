"""Details for which no file is refused: line ends, an absent score, complex numbers, byte order and precision of motive lists.

And damage that once changed the picks without a word.
"""

import struct

import numpy as np
import pytest
from format_samples import KNOWN, RATE, context, refusal

from tomo_particles.core.errors import InputError
from tomo_particles.formats.conventions import from_tom
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.registry import Context, read, recognise

TEXTS = [name for name, text in KNOWN.items() if isinstance(text, str)]
NUMBERS = {"t.tbl": {"1": "TS_1"}, "objects.xml": {"0": "TS_1"}}


def known(name: str) -> Context:
    names = {"old_info.json": {"old_info": "TS_1"}, "p.ndjson": {"p": "TS_1"}}
    return context(names=NUMBERS.get(name, {}) | names.get(name, {}))


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("end", ["\r\n", "\r"])
def test_line_ends_of_any_system_change_nothing(tmp_path, name, end):
    path = tmp_path / name
    path.write_bytes(KNOWN[name].encode())
    expected = read(path, known(name))
    kind = recognise(path)
    path.write_bytes(KNOWN[name].replace("\n", end).encode())
    assert recognise(path) is kind
    found = read(path, known(name))
    assert list(found) == list(expected)
    for tomo_id, own in expected.items():
        for column in ("positions", "score", "angles", "group"):
            np.testing.assert_array_equal(getattr(found[tomo_id], column), getattr(own, column))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_star_labels_without_numbers(tmp_path, end):
    lines = ["data_", "", "loop_", "_rlnTomoName", "_rlnCoordinateX", "_rlnCoordinateY", "_rlnCoordinateZ", "TS_1 120 80 60", ""]
    (tmp_path / "a.star").write_bytes(end.join(lines).encode())
    found = read(tmp_path / "a.star", context())
    np.testing.assert_array_equal(found["TS_1"].positions, [[120, 80, 60]])
    run = read_pick_file(tmp_path, {"TS_1": RATE})  # a folder does not pass it over
    np.testing.assert_array_equal(run["TS_1"].positions, [[120, 80, 60]])


def table(*rows: dict[int, str]) -> str:
    """A Dynamo table at (100, 200, 50) with other words in some columns, from 1."""
    lines = []
    for row in rows:
        words = ["0"] * 35
        for column, word in {1: "1", 10: "0.25", 20: "1", 24: "100.5", 25: "200.5", 26: "50.5", **row}.items():
            words[column - 1] = word
        lines.append(" ".join(words) + "\n")
    return "".join(lines)


def test_complex_scores_of_dynamo_keep_their_real_part(tmp_path):
    notes: list[str] = []
    path = tmp_path / "t.tbl"
    path.write_text(table({10: "0.25+1.7075e-06i"}, {10: "-5e-1-2i", 28: "0+1i"}, {10: "0.75"}))
    found = read(path, context(names={"1": "TS_1"}, notes=notes))["TS_1"]
    assert found.score.tolist() == [0.25, -0.5, 0.75] and found.positions.tolist() == [[100, 200, 50]] * 3
    assert notes == [f"{path}: cc is a complex number in 2 of 3 lines, the first in line 1; its real part is taken"]


def test_what_is_no_number_where_none_is_needed_is_absent(tmp_path):
    notes: list[str] = []
    path = tmp_path / "t.tbl"
    path.write_text(table({10: "NaN", 8: "30"}, {10: "Inf", 7: "nan", 21: "NaN"}, {21: "4", 8: "40"}))
    found = read(path, context(names={"1": "TS_1"}, notes=notes))["TS_1"]
    np.testing.assert_array_equal(found.score, [np.nan, np.nan, 0.25])
    np.testing.assert_array_equal(np.isfinite(found.angles).all(axis=1), [True, False, True])
    assert found.group.tolist() == [0, 0, 4]
    assert notes == [
        f"{path}: {what} that is a number" for what in ("2 of 3 picks have no score", "1 of 3 picks have no orientation")
    ]
    for column, word, said in (
        (24, "NaN", "x is 'nan', not a number"),
        (24, "1+2i", "x is '1+2i'"),
        (20, "1.5", "tomo is 1.5, not a whole"),
        (10, "high", "cc is 'high', not a number"),
    ):
        path.write_text(table({}, {column: word}))
        assert f"line 2: {said}" in refusal(path, context(names={"1": "TS_1"}))


def test_the_same_in_star_files_and_lists(tmp_path):
    notes: list[str] = []
    names = ("TomoName", "CoordinateX", "CoordinateY", "CoordinateZ", "LCCmax", "AngleRot", "AngleTilt", "AnglePsi")
    columns = "".join(f"_rln{name}\n" for name in names)
    path = tmp_path / "a.star"
    path.write_text(f"data_\n\nloop_\n{columns}TS_1 1 2 3 inf 10 20 30\nTS_1 1 2 3 0.5 nan 20 30\n")
    found = read(path, context(notes=notes))["TS_1"]
    np.testing.assert_array_equal(found.score, [np.nan, 0.5])
    np.testing.assert_array_equal(found.angles, [[10, 20, 30], [np.nan] * 3])
    boxes = "".join(f"_rlnTomoSubtomogram{name}\n" for name in ("Rot", "Tilt", "Psi"))
    path.write_text(f"data_\n\nloop_\n{columns}{boxes}TS_1 1 2 3 0.5 10 20 30 0 0 0\nTS_1 1 2 3 0.5 10 nan 30 0 0 0\n")
    np.testing.assert_allclose(read(path, context())["TS_1"].angles, [[10, 20, 30], [np.nan] * 3], atol=1e-9)
    path = tmp_path / "TS_1.ndjson"
    matrix = "[[NaN, 0, 0], [0, 1, 0], [0, 0, 1]]"
    path.write_text(
        f'{{"location": {{"x": 1, "y": 2, "z": 3}}, "xyz_rotation_matrix": {matrix}, "instance_id": NaN}}\n'
        '{"location": {"x": 1, "y": 2, "z": 3}, "xyz_rotation_matrix": [[0, -1, 0], [1, 0, 0], [0, 0, 1]]}\n'
    )
    found = read(path, context())["TS_1"]
    assert np.isfinite(found.angles).all(axis=1).tolist() == [False, True] and found.group.tolist() == [0, 0]
    path = tmp_path / "b.xml"
    path.write_text('<objlist><object tomo_idx="1" x="1" y="2" z="3" cluster_size="5"/></objlist>')
    assert read(path, context(names={"1": "TS_1"}))["TS_1"].score.tolist() == [5]


# ----------------------------------------------------------------------------------------------------------- motive lists
def motive_list(dtype: str, kind: int, machine: int = 6, score: float = 0.5) -> bytes:
    rows = np.zeros((2, 20), dtype=dtype)
    rows[:, 4] = 160
    rows[:, 0], rows[:, 7:10], rows[:, 10:13] = (score, 0.6), ((11, 21, 31), (41, 51, 21)), ((0.5, 0, -0.5), (0, 0, 0))
    rows[:, 16:19] = (10, 20, 30)
    return bytes([machine, 0, 0, kind]) + struct.pack(f"{dtype[0]}3i", 20, 2, 1) + bytes(496) + rows.tobytes()


@pytest.mark.parametrize(
    ("dtype", "kind", "machine", "note"),
    [
        ("<f4", 5, 6, ""),
        ("<f8", 9, 6, "double precision"),
        (">f4", 5, 3, "big-endian"),
        (">f4", 5, 6, "big-endian"),
        (">f8", 9, 5, "big-endian, double precision"),
    ],
)
def test_motive_lists_of_any_byte_order_and_precision(tmp_path, dtype, kind, machine, note):
    notes: list[str] = []
    path = tmp_path / "m.em"
    path.write_bytes(motive_list(dtype, kind, machine))
    assert recognise(path).name == "motivelist"
    found = read(path, context(names={"160": "TS_1"}, notes=notes))["TS_1"]
    np.testing.assert_array_equal(found.positions, [[10.5, 20, 29.5], [40, 50, 20]])
    np.testing.assert_allclose(found.score, [0.5, 0.6], rtol=1e-6)
    np.testing.assert_allclose(found.angles, from_tom([[10, 30, 20]] * 2))
    assert notes == ([f"{path}: is {note}"] if note else [])
    path.write_bytes(path.read_bytes()[:-4])
    assert "it is cut off" in refusal(path, context(names={"160": "TS_1"}))


def test_motive_lists_that_are_none(tmp_path):
    path = tmp_path / "m.em"
    path.write_bytes(motive_list("<i4", 4))
    assert "type 4 of EM files, expected 5 or 9" in refusal(path, context(), "motivelist")
    path.write_bytes(bytes([6, 0, 0, 5]) + struct.pack("<3i", 4, 4, 4) + bytes(496 + 256))
    assert "found 4 x 4 x 4; a volume cannot be read as picks" in refusal(path, context(), "motivelist")
    path.write_bytes(motive_list("<f4", 5, score=np.nan))
    assert np.isnan(read(path, context(names={"160": "TS_1"}))["TS_1"].score[0])


# ---------------------------------------------------------------------------------------------- damage that was not noticed
XMD = b"# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _tiltSeriesId\n _x\n _y\n _z\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.xml", b'<objlist><object tomo_idx="1" x="1" y="2" z="3"/>\n<objecn tomo_idx="1" x="1" y="2" z="3"/></objlist>',
         "line 2: element 'objecn'"),
        ("a.xml", b'<objlist><object tomo_idx="1" x="1" y="2" z="3"/>\n<object tomo_idy="1" x="1" y="2" z="3"/></objlist>',
         "line 2: this object does not say its tomogram"),
        ("a.xml", KNOWN["session.xml"].replace("<Point ", "<Poinu ").encode(), "line 1: element 'Poinu'"),
        ("a.csv", b'tomo_id;x;y;z;class\x0b"TS_1";10.5;20.25;30;"a b"\nTS_1;40;50;60;c\n', "line 1: the byte 0x0b"),
        ("a.csv", b'tomo_id;x;y;z;score;class\n"T\nS_1";10.5;20.25;30;0.5;c\n', "the tomo_id 'T' goes on in the next line"),
        ("a.csv", b"tomo_id;x;y;z;score;class\nTS_1;10.5;20.25;30;0.5;c\nTS_1;40;50;6", "its last line lacks 2 values"),
        ("a.xmd", XMD + b"TS_1 0.5\x92 2 3\n", "line 9: the byte 0x92"),
        ("a.xmd", XMD + b"TS_\x90 1 2 3\n", "line 9: the byte 0x90"),
    ],
)  # fmt: skip
def test_damage_that_changed_the_picks_is_refused(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    assert said in refusal(tmp_path / name, context(names={"1": "TS_1"}))


@pytest.mark.parametrize(("text", "x"), [("+0", 0), (".0", 0), ("-0", 0), ("+1.5", 1.5)])
def test_zeros_that_a_file_states_are_zeros(tmp_path, text, x):
    (tmp_path / "a.csv").write_text(f"tomo_id,x,y,z\nTS_1,{text},20,30\n")
    assert read(tmp_path / "a.csv", context())["TS_1"].positions.tolist() == [[x, 20, 30]]


# --------------------------------------------------------------------------------------------------------- the shared cases
def test_the_cases_of_the_field(shared_data):
    cases = shared_data / "cases"
    if not cases.is_dir():
        pytest.skip(f"no cases: {cases} does not exist")
    for name in ("crlf_with_numbers", "crlf_without_numbers"):
        found = read(cases / "10-star-windows-line-ends" / f"{name}.star", Context(sampling_rate=10.0))
        assert found["TS_01"].positions.tolist() == [[120, 80, 60]]
    one = Context(sampling_rate=10.0, names={"1": "TS_01", "160": "TS_160", "0": "TS_0"})
    for name, score in (("cc_complex", 0.25), ("cc_nan", np.nan), ("col28_complex", 0.25)):
        found = read(cases / "11-dynamo-complex-or-nan" / f"{name}.tbl", one)["TS_01"]
        np.testing.assert_array_equal(found.positions[0], [100, 200, 50])
        np.testing.assert_array_equal(found.score[0], score)
    for name in ("float32", "float64", "bigendian"):
        found = read(cases / "12-em-double-and-byte-order" / f"{name}.em", one)["TS_160"]
        assert found.positions.tolist() == [[10.5, 20, 29.5], [40, 50, 20]] and found.score == pytest.approx([0.5, 0.6])
    found = read(cases / "12-em-double-and-byte-order" / "real_cryocat_au_2.em", one)["TS_160"]
    np.testing.assert_allclose(found.positions[0], (652.0655, 684.4634, 197.8925), atol=1e-4)
    assert len(found) == 11 and found.score[0] == pytest.approx(0.0689, abs=1e-4)
    refused, read_well = [], {}
    for path in sorted((cases / "23-mutations").iterdir()):
        if path.name != "README":
            try:
                read_well[path.name] = sum(map(len, read(path, one).values()))
            except InputError as error:
                assert "\n" not in str(error)
                refused.append(path.name)
    assert refused == [
        "COUNT_df.xml",
        "COUNT_m.xml",
        "COUNT_q.csv",
        "LAST_q.csv",
        "SLOW_c.json",
        "SystemError_o.xmd",
        "ZERO_o.xmd",
        "multi-line_message_q.csv",
    ]
    assert read_well == {
        "LAST_p.csv": 1,
        "ZERO_TS_1.coords": 4,
        "ZERO_o.csv": 3,
        "ZERO_p.csv": 1,
        "ZERO_p.ndjson": 1,
        "ZERO_q.csv": 2,
    }
