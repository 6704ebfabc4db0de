"""xmipp_run_deep_consensus_tomo: every wrong input ends with one line that names file, option and way out, and leaves nothing."""

import os
from pathlib import Path

import mrcfile
import pytest

from tomo_particles.core.tomograms import write_volume

NAME = "run_deep_consensus_tomo"
XMD = "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n"


@pytest.fixture
def folder(scene, tmp_path) -> Path:
    """good.mrc, one.csv and two.csv (all fine), and one file for each thing that can be wrong."""
    with mrcfile.open(scene.tomogram("TS_1")) as file:
        volume = file.data
        write_volume(tmp_path / "flat" / "good.mrc", volume[3], 10.0)
        write_volume(tmp_path / "rateless" / "good.mrc", volume, 0.0)
    good = scene.tomogram("TS_1").read_bytes()
    files = {"good.mrc": good, "truncated/good.mrc": good[:-1000], "empty.mrc": b"", "text.mrc": b"tomo_id,x,y,z\n" * 100}
    rows = "tomo_id,x,y,z\ngood,20,20,20\ngood,40,30,20\n"
    files |= {
        "one.csv": rows,
        "two.csv": rows.replace("40", "41"),
        "same.csv": rows,
        "empty.csv": "",
        "header.csv": "tomo_id,x,y,z\n",
        "nan.csv": rows + "good,nan,1,1\n",
        "outside.csv": rows + "good,20,56.1,1\n",
        "other.csv": rows.replace("good", "goodness"),
        "columns.csv": "a,b\n1,2\n",
        "short.xmd": XMD + " _image\n a.mrc\n",
        "nan.xmd": XMD + " _tiltSeriesId\n _x\n _y\n _z\n good 1 nan 3\n",
        "garbage.xmd": "not a table\n",
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return tmp_path


@pytest.mark.parametrize(
    ("option", "values", "words"),
    [
        ("--tomograms", "none.mrc", ["--tomograms: file 'none.mrc' does not exist", "check the name"]),
        ("--tomograms", "empty.mrc", ["--tomograms: file 'empty.mrc' is empty"]),
        ("--tomograms", "text.mrc", ["--tomograms: 'text.mrc' is not a complete MRC file"]),
        ("--tomograms", "flat/good.mrc", ["--tomograms: 'flat/good.mrc' is not a 3D tomogram", "give a reconstructed volume"]),
        ("--tomograms", "truncated/good.mrc", ["--tomograms: 'truncated/good.mrc' is not a complete MRC file"]),
        ("--tomograms", "rateless/good.mrc", ["'rateless/good.mrc' has no sampling rate", "--tomogramSamplingrate"]),
        ("--tomograms", "good.mrc flat/../good.mrc", ["--tomograms: two tomograms are named 'good'"]),
        ("--odir", "one.csv", ["--odir: 'one.csv' is no folder; choose another place"]),
        ("--odir", "one.csv/in/it", ["--odir: 'one.csv' is no folder"]),
        ("--picks", "one.csv none.csv", ["--picks: file 'none.csv' does not exist"]),
        ("--picks", "one.csv empty.csv", ["--picks: file 'empty.csv' is empty"]),
        ("--picks", "one.csv header.csv", ["--picks: 'header.csv' has no picks"]),
        ("--picks", "one.csv columns.csv", ["--picks: 'columns.csv' lacks the columns x, y, z"]),
        ("--picks", "one.csv short.xmd", ["--picks: 'short.xmd' has no coordinates", "x, y, z"]),
        ("--picks", "one.csv garbage.xmd", ["--picks: 'garbage.xmd' is not an XMD file"]),
        ("--picks", "one.csv nan.csv", ["--picks: 'nan.csv', line 4: x is 'nan', not a number", "remove that row"]),
        ("--picks", "one.csv nan.xmd", ["--picks: 'nan.xmd', row 1: y is 'nan', not a number", "remove that row"]),
        (
            "--picks",
            "one.csv outside.csv",
            ["--picks: 'outside.csv'", "outside the tomogram", "pick 3", "check the sampling rate"],
        ),
        (
            "--picks",
            "one.csv other.csv",
            ["'other.csv' names the tomograms 'goodness'", "tomo_id must be a tomogram's file name"],
        ),
        ("--picks", "one.csv same.csv", ["--picks: 'same.csv' and 'one.csv' hold the same picks"]),
        ("--picks", "one.csv", ["--picks: a consensus needs", "at least two pickers", "add another"]),
        ("--number", "3", ["--number: 3 pickers cannot agree where there are 2", "lower it"]),
        ("--boxsize", "0", ["--boxsize", "even number of voxels, 8 or more, received 0"]),
        ("--boxsize", "13", ["--boxsize", "received 13", "try 14"]),
        ("--boxsize", "42", ["--boxsize: a box of 42 voxels does not fit in 'good.mrc'", "lower it"]),
        ("--radius", "-0.3", ["--radius: must be positive"]),
        ("--noiseRadius", "0", ["--noiseRadius: must be positive"]),
        ("--threshold", "1.5", ["--threshold: must lie between 0 and 1"]),
        ("--samplingrate", "0", ["--samplingrate: must be positive"]),
        ("--picksSamplingrates", "10", ["--picksSamplingrates: give one value a pick file (2), received 1"]),
        ("--picksSamplingrates", "10 ten", ["--picksSamplingrates: expected a number, received 'ten'"]),
        ("--truth", "none.csv", ["--truth: file 'none.csv' does not exist"]),
        ("--lie", "outside.csv", ["--lie: 'outside.csv'", "outside the tomogram"]),
        ("--gpus", "0", ["--gpus: TensorFlow does not find GPU 0", "CUDA_VISIBLE_DEVICES='' hides", "unset this variable"]),
        ("--gpus", "abc", ["--gpus: expected numbers separated by commas", "received 'abc'"]),
        ("--gpus", "-1", ["--gpus: expected numbers separated by commas", "received '-1'"]),
        ("--border", "sideways", ["--border: must be one of pad, drop"]),
        ("--inputModel", "none.h5", ["--inputModel: file 'none.h5' does not exist"]),
    ],
)
def test_one_line_with_the_way_out_and_nothing_written(refused, folder, option, values, words):
    options = {"--tomograms": "good.mrc", "--picks": "one.csv two.csv", "--boxsize": "12", "--odir": "out"} | {option: values}
    refused(
        NAME,
        *(word for name, given in options.items() for word in (name, *given.split())),
        words=words,
        folder=folder,
        cwd=folder,
    )
    assert not (folder / "out").exists()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--skipTraining", ["--skipTraining: needs a trained model", "--inputModel"]),
        ("--voting --threshold 0.5", ["--threshold: voting has no threshold; use --number"]),
        ("--voting --truth one.csv --lie same.csv", ["--lie: 'same.csv' holds the same picks as --truth"]),
    ],
)
def test_options_that_do_not_go_together(refused, folder, options, words):
    refused(
        NAME,
        *["--tomograms", "good.mrc", "--picks", "one.csv", "two.csv", "--boxsize", "12", "--odir", "out", *options.split()],
        words=words,
        folder=folder,
        cwd=folder,
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--epochs 0", ["--epochs: expected 1 or more, received 0"]),
        ("--folds 99", ["--folds: expected 1 to 10, received 99"]),
        ("--learningRate 0", ["--learningRate: expected a number above 0"]),
        ("--seed -1", ["--seed: expected a whole number that is not negative"]),
        ("--gpus one", ["--gpus: expected numbers separated by commas"]),
        ("--network huge", ["--network"]),
        ("--inputModel damaged.h5", ["--inputModel: 'damaged.h5' is not a model that this program wrote"]),
        ("--inputModel damaged.keras", ["--inputModel: 'damaged.keras' is not a model that this program wrote"]),
    ],
)
def test_what_is_wrong_with_the_training_is_said_before_tensorflow_starts(refused, folder, monkeypatch, options, words):
    (folder / "tensorflow.py").write_text("raise SystemExit('TensorFlow starts')")
    for name in ("damaged.h5", "damaged.keras"):
        (folder / name).write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(2000))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
    good = ["--tomograms", "good.mrc", "--picks", "one.csv", "two.csv", "--boxsize", "12", "--odir", "out"]
    refused(NAME, *good, *options.split(), words=words, folder=folder, cwd=folder)
