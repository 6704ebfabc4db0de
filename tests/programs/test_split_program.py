"""The programs of the classification on real command lines: simulate, split, evaluate; bad input in one line."""

import json

import mrcfile
import numpy as np
import pandas as pd
import pytest
from averaged_scene import DIAMETER, make_scene

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_table, write_table

SIMULATE, SPLIT, EVALUATE = "simulate_particles_tomo", "split_subtomograms_tomo", "evaluate_classification_tomo"
SMALL = ("--boxsize", 16, "--samplingrate", 25, "--maxResolution", 100, "--separation", 8, "--step", 6, "--count", 120)
PARTICLE = ("--diameter", 300, "--maxResolution", 100)
FILES = {
    *(f"class_{k}{half}.mrc" for k in (1, 2) for half in ("", "_half1", "_half2")),
    *("difference.mrc", "mask.mrc", "classes.xmd", "fsc.csv", "summary.json", "report.html"),
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory, done):
    folder = tmp_path_factory.mktemp("particles")
    done(SIMULATE, "--odir", folder / "two", *SMALL, "--shares", 2, 1)
    return folder


@pytest.fixture(scope="module")
def divided(simulated, done):
    """The folder of a split, and what the program printed."""
    printed = done(SPLIT, "-i", simulated / "two" / "subtomograms.xmd", "--odir", simulated / "split", *PARTICLE)
    return simulated / "split", printed


def table_of(simulated):
    return read_table(simulated / "two" / "subtomograms.xmd")


def test_two_structures_are_found_the_larger_one_first(divided, simulated, done, tmp_path):
    out, printed = divided
    assert {path.name for path in out.iterdir()} == FILES
    summary = json.loads((out / "summary.json").read_text())
    assert printed.splitlines()[2].startswith("supported: ") and summary["verdict"] == "supported"
    assert not summary["continuum"]
    table = read_table(out / "classes.xmd")
    first = np.array(table["ref3d"]) == 1
    assert summary["particlesOfClass"] == [first.sum(), (~first).sum()] and first.sum() > 60
    assert (np.array(table["logLikelihood"]) > 0).tolist() == first.tolist() and min(table["weight"]) >= 0.5
    result = tmp_path / "result.json"
    maps = ("--maps", out / "class_1.mrc", out / "class_2.mrc")
    structures = ("--structures", *(simulated / "two" / f"structure_{k}.mrc" for k in (1, 2)))
    printed = done(
        EVALUATE, "-i", out / "classes.xmd", "--truth", simulated / "two" / "truth.xmd", "-o", result, *maps, *structures
    )
    measured = json.loads(result.read_text())
    assert measured["accuracy"] > 0.85 and measured["structureOfClass"] == {"1": 1, "2": 2}
    assert measured["calibrationError"] < 0.15 and f"accuracy {measured['accuracy']:.3f}" in printed
    assert float(measured["resolution"]["class 1"].split()[0]) < 80


def test_maps_are_bright_and_the_difference_lies_where_the_part_is(divided, simulated):
    out, _ = divided
    read = lambda folder, name: mrcfile.read(folder / f"{name}.mrc").astype(float)  # noqa: E731
    structures = [read(simulated / "two", f"structure_{k}") for k in (1, 2)]
    assert np.corrcoef(read(out, "class_1").ravel(), structures[0].ravel())[0, 1] > 0.8
    difference, part = read(out, "difference"), structures[0] - structures[1]
    assert np.corrcoef(difference.ravel(), part.ravel())[0, 1] > 0.4
    curves = pd.read_csv(out / "fsc.csv")
    assert list(curves) == ["shell", "frequency", "resolution", "class_1", "class_2", "difference"]
    assert curves["class_1"].iloc[:2].min() > 0.8


def test_the_report_says_the_verdict_and_needs_no_internet(divided):
    html = (divided[0] / "report.html").read_text()
    assert "Supported: two halves" in html and html.count("<img src=") == 5 and "http" not in html.replace("http-equiv", "")


def test_order_and_threads_change_nothing(divided, simulated, done, tmp_path):
    table = table_of(simulated)
    shuffled = np.random.default_rng(3).permutation(len(table["itemId"]))
    write_table(tmp_path / "shuffled.xmd", {name: [values[row] for row in shuffled] for name, values in table.items()})
    done(SPLIT, "-i", tmp_path / "shuffled.xmd", "--odir", tmp_path / "again", *PARTICLE, "--threads", 1)
    for name in ("classes.xmd", "class_1.mrc", "difference.mrc", "fsc.csv"):
        assert (tmp_path / "again" / name).read_bytes() == (divided[0] / name).read_bytes(), name


@pytest.mark.filterwarnings("ignore:Data array contains NaN")  # as it should
def test_one_structure_is_not_supported_and_boxes_that_hold_nothing_are_left_out_and_counted(done, tmp_path):
    done(SIMULATE, "--odir", tmp_path / "one", *SMALL, "--absent", 0)
    table = read_table(tmp_path / "one" / "subtomograms.xmd")
    write_volume(tmp_path / "flat.mrc", np.zeros((16, 16, 16)), 25.0)
    write_volume(tmp_path / "nan.mrc", np.full((16, 16, 16), np.nan), 25.0)
    table["image"][:3] = [tmp_path / "flat.mrc", tmp_path / "flat.mrc", tmp_path / "nan.mrc"]
    write_table(tmp_path / "some.xmd", table)
    printed = done(SPLIT, "-i", tmp_path / "some.xmd", "--odir", tmp_path / "split", *PARTICLE)
    assert printed.splitlines()[2].startswith("not supported: ")
    assert "Not supported" in (tmp_path / "split" / "report.html").read_text()
    assert "note: 2 particles left out: their box holds one grey value only" in printed
    assert len(read_table(tmp_path / "split" / "classes.xmd")["itemId"]) == 117


def test_picks_of_tomograms_are_split_with_their_angles(done, tmp_path):
    scene = make_scene(count=25, tomograms=4)
    scene.write(tmp_path, angles=True)
    names = [f"{name}.mrc" for name in scene.tomograms]
    options = ("--tilts", -60, 60, "--diameter", DIAMETER, "--maxResolution", 60, "--odir", "out")
    printed = done(SPLIT, "-i", "picks.csv", "--tomograms", *names, *options, cwd=tmp_path)
    assert printed.splitlines()[2].startswith("not supported: ")  # they are of one structure
    table = read_table(tmp_path / "out" / "classes.xmd")
    places = np.array([table[axis] for axis in "xyz"]).T
    for name in scene.tomograms:
        own = places[np.array(table["tiltSeriesId"]) == name]
        assert sorted(map(tuple, own.round(2))) == sorted(map(tuple, scene.places[name].round(2)))
    one, two = (mrcfile.read(tmp_path / "out" / f"class_{k}.mrc") for k in (1, 2))
    centre = slice(one.shape[0] // 2 - 3, one.shape[0] // 2 + 3)
    assert min(volume[centre, centre, centre].mean() - volume.mean() for volume in (one, two)) > 0.1  # bright in the middle


def change(table, **columns):
    return {**table, **columns}


def without(table, *names):
    return {name: values for name, values in table.items() if name not in names}


@pytest.mark.parametrize(
    ("changed", "options", "said"),
    [
        (lambda t: without(t, "angleRot"), (), "has no column angleRot; give aligned particles"),
        (lambda t: change(t, angleRot=[float("nan")] * 120), (), "120 of 120 particles"),
        (lambda t: change(t, **{n: [10.0] * 120 for n in ("angleRot", "angleTilt", "anglePsi")}), (), "the same orientation"),
        (lambda t: change(t, itemId=[1, 1, *range(3, 121)]), (), "has the itemId 1 more than once"),
        (lambda t: without(t, "missingRegionThetaY0"), (), "does not say what the tilt series saw"),
        (lambda t: change(t, missingRegionThetaY0=[70.0] * 120), (), "tilts from 70 to 60 degrees"),
        (lambda t: {name: values[:50] for name, values in t.items()}, (), "at least 80 particles, found 50"),
        (lambda t: change(t, image=["flat.mrc"] * 70 + t["image"][70:]), (), "more than half of the particles cannot be used"),
        (lambda t: change(t, image=["big.mrc", *t["image"][1:]]), (), "must be cubes of one size"),
        (lambda t: change(t, image=["fine.mrc", *t["image"][1:]]), (), "different sampling rates"),
        (lambda t: change(t, image=[t["image"][0].replace("0001@", "0999@"), *t["image"][1:]]), (), "none of the 120 volumes"),
        (lambda t: without(t, "image"), (), "names no subtomograms (no column image); give the tomograms"),
        (lambda t: t, ("--mask", "flat.mrc"), "no volume with values above 0"),
        (lambda t: t, ("--mask", "wide.mrc"), "the boxes are 400 Å"),
        (lambda t: t, ("--maxResolution", 30), "--maxResolution: must lie between 50 Å"),
        (lambda t: t, ("--tilts", 60, -60), "--tilts: expected the first and the last tilt"),
        (lambda t: t, ("--tilts", -60, 60, -50, 50), "received 4 numbers"),
        (lambda t: t, ("--diameter", 500), "--diameter: 500 Å do not fit in the boxes"),
        (lambda t: t, ("--classes", 9), "--classes: must lie between 2 and 8, received 9"),
        (lambda t: t, ("--tomograms", "flat.mrc"), "--diameter: needed to cut particles"),
        (lambda t: t, ("--tomograms", "flat.mrc", "--diameter", 300), "--tilts: nothing says what the tilt series saw"),
    ],
)
def test_what_cannot_be_split_is_refused_in_one_line(changed, options, said, simulated, program, tmp_path):
    for name, edge, rate, value in (("flat", 16, 25.0, 0), ("big", 20, 25.0, 0), ("fine", 16, 10.0, 0), ("wide", 32, 25.0, 1)):
        write_volume(tmp_path / f"{name}.mrc", np.full((edge,) * 3, value), rate)
    write_table(tmp_path / "given.xmd", changed(table_of(simulated)))
    run = program(SPLIT, "-i", "given.xmd", "--odir", "out", *options, cwd=tmp_path)
    assert run.returncode == 2 and said in run.stderr and run.stderr.count("\n") == 1, run.stderr
    assert not (tmp_path / "out").exists()


def test_a_split_does_not_replace_what_it_reads(divided, program):
    before = (divided[0] / "classes.xmd").read_bytes()
    run = program(SPLIT, "-i", divided[0] / "classes.xmd", "--odir", divided[0], *PARTICLE)
    assert run.returncode == 2 and "would be replaced by the result" in run.stderr
    run = program(SPLIT, "-i", "a.xmd", "--odir", divided[0], *PARTICLE, "--mask", divided[0] / "mask.mrc")
    assert run.returncode == 2 and "--mask: " in run.stderr and (divided[0] / "classes.xmd").read_bytes() == before


def test_a_split_replaces_an_earlier_one_and_nothing_else(divided, program, tmp_path):
    (tmp_path / "fsc.csv").write_text("of an average")
    run = program(SPLIT, "-i", "a.xmd", "--odir", tmp_path)
    assert run.returncode == 2 and "holds files that this program did not write: 'fsc.csv'" in run.stderr
    assert (tmp_path / "fsc.csv").read_text() == "of an average"
    run = program(SPLIT, "-i", "a.xmd", "--odir", divided[0])
    assert "a.xmd" in run.stderr  # its own folder is no obstacle


def test_truth_of_another_set_is_refused(divided, program, tmp_path):
    write_table(tmp_path / "truth.xmd", {"itemId": [1, 2], "ref3d": [1, 2]})
    run = program(EVALUATE, "-i", divided[0] / "classes.xmd", "--truth", tmp_path / "truth.xmd", "-o", tmp_path / "r.json")
    assert run.returncode == 2 and "does not know 118 particles" in run.stderr and not (tmp_path / "r.json").exists()


def test_a_simulation_is_not_overwritten_and_odd_numbers_are_refused(simulated, program, tmp_path):
    for options, said in (
        (("--odir", simulated / "two"), "already holds a subtomograms.mrcs"),
        (("--odir", tmp_path, "--boxsize", 21), "--boxsize: box size must be an even number"),
        (("--odir", tmp_path, "--absent", 2), "--absent: must lie between"),
        (("--odir", tmp_path, "--shares", 1, 1, 1), "for each of the 2 structures"),
        (("--odir", tmp_path, "--tilts", -85, 85), "--tilts: must lie within"),
    ):
        run = program(SIMULATE, *options)
        assert run.returncode == 2 and said in run.stderr, run.stderr
