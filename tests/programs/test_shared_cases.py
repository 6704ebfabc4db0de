"""Files as the world writes them: the cases of shared/data/cases, on the command line. Each README there says what is right."""

import contextlib
import io
import shutil
import struct
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from xmipp_scripts.convert_coordinates_tomo import ConvertCoordinatesTomo
from xmipp_scripts.pick_blobs_tomo import PickBlobsTomo


def make_tomogram(path: Path, size: tuple[int, int, int], rate: float) -> None:
    """An MRC of zeros that takes no room on the disk."""
    header = bytearray(1024)
    header[0:28] = struct.pack("<7i", *size, 0, 0, 0, 0)
    header[28:52] = struct.pack("<3i3f", *size, *(edge * rate for edge in size))
    header[52:76] = struct.pack("<3f3i", 90, 90, 90, 1, 2, 3)
    header[88:92], header[108:112], header[208:216] = struct.pack("<i", 1), struct.pack("<i", 20140), b"MAP DD\0\0"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(header)
        file.truncate(1024 + size[0] * size[1] * size[2])


@pytest.fixture
def convert(shared_data, tmp_path, monkeypatch):
    """Convert the files of a case, in a copy of its folder: what was written (nothing if refused), and what was said."""

    def convert(case: str, arguments: str) -> tuple[pd.DataFrame | None, str]:
        folder = next((shared_data / "cases").glob(f"{case}-*"), None)
        if folder is None:
            pytest.skip(f"no case {case} in {shared_data}")
        shutil.copytree(folder, tmp_path / case, copy_function=shutil.copyfile, dirs_exist_ok=True)
        for made in [tmp_path / case, *(tmp_path / case).rglob("*")]:
            made.chmod(0o755)
        monkeypatch.chdir(tmp_path / case)
        listing = Path("TOMOGRAMS")
        for line in listing.read_text().splitlines() if listing.is_file() else []:
            name, x, y, z, rate = line.rsplit(" ", 4)
            make_tomogram(Path(name), (int(x), int(y), int(z)), float(rate))
        words = [
            str(path) for word in arguments.split() for path in (sorted(Path().glob(word[1:])) if word[0] == "@" else [word])
        ]
        monkeypatch.setattr(sys, "argv", ["program", *words, "-o", "o.csv", "--overwrite"])
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = ConvertCoordinatesTomo().tryRun()
        text = said.getvalue().strip()
        assert code == 0 or (code == 2 and len(text.splitlines()) == 1), text
        kept = {"dtype": {"tomo_id": str, "class": str}, "keep_default_na": False, "na_values": {"score": [""]}}
        return (pd.read_csv("o.csv", **kept) if code == 0 else None), text

    return convert


@pytest.mark.parametrize(
    ("case", "arguments", "rows", "said"),
    [
        ("01", "-i @*.star --tomograms @*.mrc --subset", {
            0: ("Unt_083_12.00Apx", 494.521, 564.065, 28.146), 1: ("Unt_083_12.00Apx", 406.28, 690.323, 30.826),
            9: ("Unt_083_12.00Apx", 240.453, 318.015, 176.674)}, "in rlnImagePixelSize, as Warp writes them"),
        ("02", "-i @*.star --tomograms @*.mrc", {
            0: ("TS_1_10.00Apx", 225.116, 150, 75), 1: ("TS_1_10.00Apx", 44, 540, 50), 2: ("TS_1_10.00Apx", 438.46, 6.3, 33.333)},
         "fractions of the tomogram"),
        ("03", "-i joined.star --samplingrate 10", {
            0: ("TS_01", 10, 20, 30), 1: ("TS_01", 11, 21, 31), 2: ("TS_02", 40, 50, 60)}, "2 tables of picks"),
        ("04", "-i coords --tomograms grid_1a.mrc --subset", {0: ("grid_1a", 40, 50, 60)}, "left out: grid_2a.coords"),
        ("05", "-i warp.star --tomograms @*Apx.mrc", {
            0: ("JTL013_1_L04_ts_003.mrc_13.28Apx", 10, 20, 30), 1: ("JTL013_1_L04_ts_003.mrc_13.28Apx", 11, 21, 31)}, "2 picks"),
        *(("06", f"-i a.csv --subset --tomograms {name}.mrc", {0: (name, 12, 8, 6)}, f"'{name}.mrc' has")
          for name in ("TS_082_7.57Apx", "imod_44202020", "serialem_44000000", "amira_no_map_id")),
        *(("10", f"-i {name} --samplingrate 10", {0: ("TS_01", 120, 80, 60)}, "")
          for name in ("crlf_with_numbers.star", "crlf_without_numbers.star")),
        ("11", "-i cc_complex.tbl --samplingrate 10 --names 1=TS_01", {0: ("TS_01", 100, 200, 50)}, "real part is taken"),
        *(("12", f"-i {name}.em --samplingrate 10 --names 160=T", {0: ("T", 10.5, 20, 29.5), 1: ("T", 40, 50, 20)}, "")
          for name in ("float32", "float64", "bigendian")),
        ("13", "-i meta --tomograms 0137.mrc 0145.mrc", {0: ("0137", 87, 90, 22), 1: ("0145", 87, 90, 22)}, "number 0137"),
        ("13", "-i meta --tomograms tomo0137.mrc tomo0145.mrc", {0: ("tomo0137", 87, 90, 22), 1: ("tomo0145", 87, 90, 22)}, ""),
        ("14", "-i u.csv --tomograms @Z*.mrc", {0: (None, 10, 20, 30)}, "1 picks"),
        ("15", "-i correct189.mod --tomograms same/correct189.mrc", {0: ("correct189", 98, 691, 112), 73: None}, "74 picks"),
        ("16", "-i stopgap_real_head.star --samplingrate 10 --names 24=T", {0: ("T", 823.2121, 753.6012, 677.4676), 4: None}, ""),
        ("16", "-i TS_01.coords --from deepetpicker --samplingrate 10", {0: ("TS_01", 120, 80, 60)}, ""),
        ("17", "-i a.csv --tomograms TS_01.mrc.gz", {0: ("TS_01", 12, 8, 6)}, "compressed (gzip)"),
        ("18", "-i conf.csv --tomograms TS_01.mrc", {0: ("TS_01", 120, 80, 60)}, "column confidence is read as the score"),
        ("18", "-i angstrom.csv --tomograms TS_01.mrc --unit angstrom", {0: ("TS_01", 120, 80, 60)}, ""),
        ("20", "-i bad.xmd", {0: ("tomo_1", 10, 11, 12), 1: ("tomo_1", 20, 21, 22), 2: ("tomo_1", 30, 31, 32)}, ""),
        ("20", "-i bad2.xmd", {0: ("tomo_1", 10, 11, 12), 1: ("tomo_1", 20, 21, 22), 2: ("tomo_1", 30, 31, 32)}, ""),
        ("22", "-i cls.csv --samplingrate 10", {0: ("tomo_1", 10, 10, 10), 1: ("tomo_1", 20, 20, 20)}, ""),
        ("50", "-i R5_head.star --tomograms rec_TS_01.mrc", {0: ("rec_TS_01", 447.420, 174.759, 247.728), 3: None}, "4 picks"),
        ("52", "-i quoted.star --samplingrate 10", {
            0: ("my grid 2 TS 01", 120, 80, 60), 1: ("my grid 2 TS 02", 121, 81, 61)}, ""),
        ("52", "-i blank_after_loop.star --samplingrate 10", {0: ("TS_01", 120, 80, 60)}, ""),
        ("52", "-i leading_blanks.star --samplingrate 10", {0: ("TS_01", 120, 80, 60)}, ""),
        ("52", "-i starfile_line_without_hash.star --samplingrate 10", {0: ("TS_01", 65.8, 100.6, 20.25)}, ""),
        *(("53", f"-i {name} --tomograms 00255.mrc 1.mrc 10.mrc",
           {0: ("00255", 10, 20, 30), 1: ("1", 5, 6, 7), 2: ("10", 8, 9, 10)}, "")
          for name in ("a.star", "b.xmd", "c.star", "d.tbl")),
        ("55", "-i TS_*/**/*.ndjson --tomograms tomo/TS_01.mrc tomo/TS_02.mrc", {
            0: ("TS_01", 120, 80, 60), 1: ("TS_02", 120, 80, 61)}, ""),
    ],
)  # fmt: skip
def test_picks_are_where_they_belong(convert, case, arguments, rows, said):
    picks, text = convert(case, arguments)
    assert picks is not None and said in text, text
    assert len(picks) == max(rows) + 1
    for row, expected in rows.items():
        if expected is not None:
            assert expected[0] is None or picks["tomo_id"][row] == expected[0]
            np.testing.assert_allclose(picks.loc[row, ["x", "y", "z"]].astype(float), expected[1:], atol=1e-3)


@pytest.mark.parametrize(
    ("case", "arguments", "words"),
    [
        ("02", "-i @*.star --samplingrate 10", ["fractions of the size of tomogram 'TS_1', whose size is not known"]),
        ("04", "-i grid_2a.star --tomograms grid_1a.mrc", ["'grid_2a', which is none of those given"]),
        ("04", "-i grid_2a.star --tomograms grid_1a.mrc --subset", ["'grid_2a'", "those given are 'grid_1a'"]),
        ("09", "-i a.csv --tomograms TS_01.mrc", ["10 x 10 x 20"]),
        ("16", "-i milopyp.txt --samplingrate 10", ["MiLoPYP"]),
        ("17", "-i a.csv --tomograms TS_02.zarr", ["a folder, an OME-Zarr"]),
        ("17", "-i a.csv --tomograms TS_03.hdf", ["e2proc3d.py of EMAN2"]),
        *(("15", f"-i correct189.mod --tomograms full/correct189.mrc{rate}",
           ["507 x 720 x 225 voxels, trimmed from a larger one", "850, 0, -950", "1700 x 720 x 225"])
          for rate in ("", " --samplingrate 10")),
        ("20", "-i bad3.xmd", ["row 2: particleSize is '-'"]),
        ("20", "-i bad4.xmd", ["row 2: particleSize is 'nan'"]),
        ("52", "-i empty_cell.star --samplingrate 10", ["line 9: 4 values for 5 columns"]),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_refused_in_one_line(convert, case, arguments, words):
    picks, text = convert(case, arguments)
    assert picks is None and all(word in text for word in words), text


def test_what_else_the_cases_hold(convert):
    assert convert("18", "-i conf.csv --tomograms TS_01.mrc")[0]["score"].tolist() == [0.5]
    assert convert("22", "-i cls.csv --samplingrate 10")[0]["class"].tolist() == ["80S#rotated", "NA"]
    np.testing.assert_array_equal(convert("20", "-i bad.xmd")[0]["score"], [0.5, np.nan, 0.7])
    angles = convert("50", "-i R5_head.star --tomograms rec_TS_01.mrc")[0].loc[0, ["rot", "tilt", "psi"]]
    np.testing.assert_allclose(angles.astype(float), [103.533, 3.352, -87.900], atol=1e-3)
    angles = convert("55", "-i TS_*/**/*.ndjson --tomograms tomo/TS_01.mrc tomo/TS_02.mrc")[0][["rot", "tilt", "psi"]]
    assert angles.to_numpy().tolist() == [[-90, 0, 0]] * 2


@pytest.mark.parametrize(("case", "one", "other", "said"), [
    ("07", "signed", "unsigned", "unsigned, 0 to 255"),
    ("08", "same_without_nan", "nan", "2 of 256000 voxels are not numbers"),
])  # fmt: skip
def test_a_density_gives_the_same_picks_however_it_is_written(shared_data, tmp_path, capsys, monkeypatch, case, one, other, said):
    folder = next((shared_data / "cases").glob(f"{case}-*"), None)
    if folder is None:
        pytest.skip(f"no case {case} in {shared_data}")
    for name in (one, other):
        options = ["--tomograms", folder / f"{name}.mrc", "-o", tmp_path / f"{name}.csv", "--diameter", "120", "--number", "5"]
        monkeypatch.setattr(sys, "argv", ["program", *map(str, options)])
        assert PickBlobsTomo().tryRun() == 0
    assert said in capsys.readouterr().out
    picks = [pd.read_csv(tmp_path / f"{name}.csv")[["x", "y", "z"]].to_numpy() for name in (one, other)]
    np.testing.assert_allclose(*picks, atol=0.01)
    expected = [[20, 20, 20], [20, 60, 20], [40, 40, 20], [60, 20, 20], [60, 60, 20]]
    np.testing.assert_allclose(sorted(picks[0].round().tolist()), expected, atol=1)
