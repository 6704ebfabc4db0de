"""Columns that mean nothing here stay with their picks through a conversion between files of one kind; others are said."""

import numpy as np
import pandas as pd
import pytest
from format_samples import CENTRED, XYZ, star

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.star import read_tables
from xmipp_scripts.convert_coordinates_tomo import ConvertConfig, convert

RATE, SIZE = 7.5, (60, 50, 40)
MORE = "RandomSubset ClassNumber ImageName TomoParticleName AnglePsiPrior OpticsGroup"
ROWS = ("2 1 a/1.mrcs TS_1/7 10 1", "1 3 a/2.mrcs TS_1/9 20 1", "1 1 b/1.mrcs TS_2/4 30 1")


@pytest.fixture
def converted(tmp_path):
    for name in ("TS_1", "TS_2"):
        write_volume(tmp_path / f"{name}.mrc", np.zeros(SIZE[::-1], dtype=np.float32), RATE)

    def converted(files: dict[str, str], output: str, target: str = "", **more):
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        inputs = tuple(str(tmp_path / name) for name in files)
        tomograms = tuple(str(tmp_path / f"{name}.mrc") for name in ("TS_1", "TS_2"))
        lines = convert(ConvertConfig(inputs, str(tmp_path / output), target=target, tomograms=tomograms, **more))
        told = [line for line in lines if "columns not read" in line or "columns left out" in line]
        said = "\n".join(told).replace(f"{tmp_path}/", "")
        if output.endswith(".star"):
            (table,) = read_tables(tmp_path / output, "-i")
            return {label: table.columns[label] for label in table.columns}, said
        return pd.read_csv(tmp_path / output, dtype=str, keep_default_na=False), said

    return converted


def relion(labels: str = MORE, rows=ROWS) -> str:
    places = [f"{name} {i}1 {i}2 {i}3 0.5" for i, name in enumerate(("TS_1", "TS_1", "TS_2"), start=1)]
    return star("particles", f"TomoName {XYZ} LCCmax {labels}", *(f"{a} {b}" for a, b in zip(places, rows, strict=True)))


@pytest.mark.parametrize("target", ["relion3", "relion5"])
def test_a_star_file_keeps_what_else_relion_knows_of_its_particles(converted, target):
    columns, said = converted({"p.star": relion()}, "o.star", target)
    assert columns["rlnRandomSubset"] == ["2", "1", "1"] and columns["rlnClassNumber"] == ["1", "3", "1"]
    assert columns["rlnImageName"] == ["a/1.mrcs", "a/2.mrcs", "b/1.mrcs"]
    assert columns["rlnTomoParticleName"] == ["TS_1/7", "TS_1/9", "TS_2/4"]
    assert next(iter(columns)) in ("rlnTomoName", "rlnMicrographName") and "rlnLCCmax" not in columns
    assert not {"rlnAnglePsiPrior", "rlnOpticsGroup"} & set(columns)  # of before the conversion
    assert said == "p.star: columns not read: rlnAnglePsiPrior, rlnOpticsGroup"


def test_picks_that_are_left_out_take_their_columns_with_them(converted):
    text = relion().replace("TS_1 21 22 23", "TS_1 921 22 23")
    columns, _ = converted({"p.star": text}, "o.star", "relion5", drop_outside=True)
    assert columns["rlnRandomSubset"] == ["2", "1"] and columns["rlnTomoParticleName"] == ["TS_1/7", "TS_2/4"]


def test_joined_star_files_lose_what_not_all_have_and_number_particles_of_one_name_anew(converted):
    other = star("particles", f"TomoName {CENTRED} TomoParticleName RandomSubset", "TS_1 0 0 0 TS_1/7 2")
    columns, said = converted({"p.star": relion(), "q.star": other}, "o.star", "relion5")
    assert columns["rlnRandomSubset"] == ["2", "1", "2", "1"] and "rlnImageName" not in columns
    assert columns["rlnTomoParticleName"] == ["TS_1/1", "TS_1/2", "TS_1/3", "TS_2/1"]
    assert "columns left out, without a value for every pick: rlnClassNumber, rlnImageName" in said


def test_a_csv_keeps_its_columns_as_they_are_written(converted):
    text = 'tomo_id,x,y,z,score,filter,note\nTS_1,11,12,13,0.5,007,"a, b"\nTS_2,21,22,23,0.25,1e3,\'=1+1\n'
    table, said = converted({"p.csv": text}, "o.csv")
    assert table["filter"].tolist() == ["007", "1e3"] and table["note"].tolist() == ["a, b", "'=1+1"] and said == ""
    assert table.columns.tolist() == ["tomo_id", "x", "y", "z", "score", "samplingRate", "filter", "note"]
    table, _ = converted({"p.csv": text, "q.csv": "tomo_id,x,y,z\nTS_1,1,2,3\n"}, "o2.csv")
    assert table["filter"].tolist() == ["007", "", "1e3"]


def test_what_another_kind_of_file_does_not_keep_is_said(converted):
    text = "tomo_id,x,y,z,filter,particle\nTS_1,11,12,13,a,1\nTS_2,21,22,23,b,2\n"
    columns, said = converted({"p.csv": text}, "o.star", "relion5")
    assert "filter" not in columns and said == "p.csv: columns not read: filter"
    table, said = converted({"p.star": relion("RandomSubset", "211")}, "o.csv")
    assert "rlnRandomSubset" not in table and said == "p.star: columns not read: rlnRandomSubset"
    xmd = "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _tiltSeriesId\n _x\n _y\n _z\n _zScoreDeepLearning1\nTS_1 1 2 3 0.5\n"
    assert converted({"p.xmd": xmd}, "o3.csv")[1] == "p.xmd: columns not read: zScoreDeepLearning1"
