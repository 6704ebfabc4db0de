"""Projections on real command lines: simulate, split, reconstruct, refine, evaluate; bad input in one line."""

import json

import mrcfile
import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_table, write_table

SIMULATE, SPLIT, EVALUATE = "simulate_particles_tomo", "run_split_volume", "evaluate_classification_tomo"
RECONSTRUCT, REFINE = "reconstruct_classes_tomo", "refine_classes_tomo"
COUNT = 240
SMALL = ("--projections", "--boxsize", 16, "--samplingrate", 25, "--maxResolution", 80, "--separation", 10, "--count", COUNT)
PARTICLE = ("--diameter", 300, "--maxResolution", 80)
CONES = ("--angularDistance", 40, "--angularSampling", 30)
FILES = {
    *(f"class_{k}{half}.mrc" for k in (1, 2) for half in ("", "_half1", "_half2")),
    *("difference.mrc", "mask.mrc", "classes.xmd", "fsc.csv", "summary.json", "report.html"),
    *("directions.xmd", "means.mrcs", "eigenimages.mrcs", "graph.npz"),
}


@pytest.fixture(scope="module")
def simulated(tmp_path_factory, done):
    folder = tmp_path_factory.mktemp("projections")
    done(SIMULATE, "--odir", folder / "two", *SMALL, "--shares", 3, 2, "--defocus", 1, 2, "--contrast", 0.1)
    return folder


@pytest.fixture(scope="module")
def divided(simulated, done):
    """The folder of a split, and what the program printed."""
    return simulated / "split", done(
        SPLIT, "-i", simulated / "two" / "particles.xmd", "--odir", simulated / "split", *PARTICLE, *CONES
    )


def measured(done, folder, classes, tmp_path, *maps):
    result = tmp_path / "result.json"
    done(EVALUATE, "-i", classes, "--truth", folder / "two" / "truth.xmd", "-o", result, *maps)
    return json.loads(result.read_text())


def test_two_structures_are_found_the_larger_one_first(divided, simulated, done, tmp_path):
    out, printed = divided
    assert {path.name for path in out.iterdir() if path.name[0] != "."} == FILES
    summary = json.loads((out / "summary.json").read_text())
    assert "\nsupported: " in printed and summary["verdict"] == "supported" and len(summary["agreementsOfOneStructure"]) == 20
    assert not summary["continuum"]
    table = read_table(out / "classes.xmd")
    first = np.array(table["ref3d"]) == 1
    assert summary["particlesOfClass"] == [first.sum(), (~first).sum()] and first.sum() > 120
    assert (np.array(table["logLikelihood"]) > 0).tolist() == first.tolist() and min(table["weight"]) >= 0.5
    assert table["ctfDefocusU"] == read_table(simulated / "two" / "particles.xmd")["ctfDefocusU"]
    maps = ("--maps", out / "class_1.mrc", out / "class_2.mrc")
    structures = ("--structures", *(simulated / "two" / f"structure_{k}.mrc" for k in (1, 2)))
    found = measured(done, simulated, out / "classes.xmd", tmp_path, *maps, *structures)
    assert found["accuracy"] > 0.95 and found["calibrationError"] < 0.1
    assert all(text == "Nyquist" or float(text.split()[0]) < 90 for text in found["resolution"].values())
    assert summary["nuisances"].keys() == {"contrast", "defocus", "direction of view", "micrograph"}
    assert max(summary["nuisances"].values()) < 0.3 and summary["detectability"]["separation"] > 4


def test_directions_and_graph_are_those_of_the_particles(divided):
    out, _ = divided
    table = read_table(out / "directions.xmd")
    assert len(table["angleRot"]) == 23 and set(table["weight"]) <= {1.0, -1.0}
    assert mrcfile.read(out / "eigenimages.mrcs").shape[0] == 23
    with np.load(out / "graph.npz") as opened:
        evidence = opened["L"] @ np.array(table["weight"])
        assert opened["itemId"].tolist() == list(range(1, COUNT + 1))
    labels = np.array(read_table(out / "classes.xmd")["ref3d"])
    assert max(np.mean((evidence > 0) == (labels == number)) for number in (1, 2)) > 0.85
    html = (out / "report.html").read_text()
    assert "Supported: two halves" in html and html.count("<img src=") == 6


def test_the_recipe_of_the_thesis_splits_and_says_that_it_does_not_test(simulated, done, tmp_path):
    out = tmp_path / "thesis"
    printed = done(
        SPLIT, "-i", simulated / "two" / "particles.xmd", "--odir", out, "--diameter", 300, "--recipe", "thesis", *CONES
    )
    assert printed.startswith("not tested: the recipe of the thesis")
    assert json.loads((out / "summary.json").read_text())["verdict"] == "not tested"
    table = read_table(out / "classes.xmd")
    assert table["ref3d"].count(1) >= COUNT / 2 and min(table["weight"]) >= 0.5
    assert (out / "difference.mrc").exists() and "Not tested" in (out / "report.html").read_text()
    # In wide cones the first component of whole images is the view (critique 2): why residuals are the default
    assert measured(done, simulated, out / "classes.xmd", tmp_path)["accuracy"] < 0.8


def test_maps_and_better_classes_come_from_the_table_alone(divided, simulated, done, tmp_path):
    table = read_table(divided[0] / "classes.xmd")
    swapped = np.array(table["ref3d"])
    swapped[::6] = 3 - swapped[::6]  # a sixth is wrong
    write_table(tmp_path / "worse.xmd", {**table, "ref3d": swapped.tolist(), "weight": [0.9] * COUNT})
    before = measured(done, simulated, tmp_path / "worse.xmd", tmp_path)["accuracy"]
    printed = done(REFINE, "-i", tmp_path / "worse.xmd", "-o", tmp_path / "refined.xmd", *PARTICLE)
    after = measured(done, simulated, tmp_path / "refined.xmd", tmp_path)["accuracy"]
    assert before < 0.87 and after > 0.95 and "of 240 particles changed their class; now" in printed
    for _ in range(2):  # its own folder is no obstacle
        printed = done(RECONSTRUCT, "-i", tmp_path / "refined.xmd", "--odir", tmp_path / "maps", "--diameter", 300)
    assert "of Fourier space was seen" in printed
    assert {path.name for path in (tmp_path / "maps").iterdir() if path.name[0] != "."} == {
        "fsc.csv", *(f"class_{k}{half}.mrc" for k in (1, 2) for half in ("", "_half1", "_half2"))
    }  # fmt: skip
    made, split = (mrcfile.read(folder / "class_1.mrc") for folder in (tmp_path / "maps", divided[0]))
    assert np.corrcoef(made.ravel(), split.ravel())[0, 1] > 0.97
    assert list(pd.read_csv(tmp_path / "maps" / "fsc.csv")) == ["shell", "frequency", "resolution", "class_1", "class_2"]


def without(table, *names):
    return {name: values for name, values in table.items() if name not in names}


@pytest.mark.parametrize(
    ("changed", "options", "said"),
    [
        (lambda t: without(t, "angleRot"), (), "has no column angleRot; give aligned particles"),
        (lambda t: {**t, "anglePsi": [float("nan")] * COUNT}, (), "240 of 240 particles"),
        (lambda t: {**t, **{n: [10.0] * COUNT for n in ("angleRot", "angleTilt", "anglePsi")}}, (), "the same orientation"),
        (lambda t: {**t, "itemId": [1, 1, *range(3, COUNT + 1)]}, (), "an itemId more than once"),
        (lambda t: {**t, "flip": [1] * COUNT}, (), "has mirrored particles"),
        (lambda t: {**t, "samplingRate": [25.0, 20.0] * 120}, (), "different sampling rates, 25 and 20 Å/pixel"),
        (lambda t: without(t, "ctfVoltage"), (), "has a defocus, but no column ctfVoltage"),
        (lambda t: {**t, "ctfDefocusU": [2.0] * COUNT}, (), "ctfDefocusU must be in Å, received 2"),
        (lambda t: {n: v[:50] for n, v in t.items()}, (), "at least 80 particles, found 50"),
        (lambda t: {**t, "image": ["flat.mrc"] * 130 + t["image"][130:]}, (), "130 of 240 images"),
        (lambda t: {**t, "image": ["wide.mrc", *t["image"][1:]]}, (), "must be squares of one size"),
        (lambda t: {**t, "image": ["999999@" + t["image"][0].split("@")[1], *t["image"][1:]]}, (), "none of the 240 images"),
        (lambda t: t, ("--mask", "flat.mrc"), "no volume with values above 0"),
        (lambda t: t, ("--mask", "large.mrc"), "the boxes are 400 Å"),
        (lambda t: t, ("--maxResolution", 30), "--maxResolution: must lie between 50 Å"),
        (lambda t: t, ("--diameter", 500), "--diameter: 500 Å do not fit in the images"),
        (lambda t: t, ("--resize", 15), "--resize: must be even, from 8 to the 16 pixels"),
        (lambda t: t, ("--symmetry", "q"), "must be c1, a cyclic"),
        (lambda t: t, ("--classes", 1), "--classes: must lie between 2 and 8"),
        (lambda t: t, ("--recipe", "thesis", "--classes", 3), "--classes: the recipe of the thesis has no such step"),
    ],
)
def test_what_cannot_be_split_is_refused_in_one_line(changed, options, said, simulated, program, tmp_path):
    for name, shape, value in (("flat", (1, 16, 16), 0), ("wide", (1, 16, 18), 1), ("large", (40,) * 3, 1)):
        write_volume(tmp_path / f"{name}.mrc", np.full(shape, value), 25.0)
    write_table(tmp_path / "given.xmd", changed(read_table(simulated / "two" / "particles.xmd")))
    run = program(SPLIT, "-i", "given.xmd", "--odir", "out", *options, cwd=tmp_path)
    assert run.returncode == 2 and said in run.stderr and run.stderr.count("\n") == 1, run.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda t: without(t, "ref3d"), "has no column ref3d; give classified particles"),
        (lambda t: {**t, "ref3d": [1, 3] * 120}, "must be 1, 2 and so on, without a gap"),
        (lambda t: {**t, "weight": [2.0] * COUNT}, "must hold probabilities from 0 to 1"),
    ],
)
def test_a_table_without_classes_is_refused(changed, said, divided, program, tmp_path):
    write_table(tmp_path / "given.xmd", changed(read_table(divided[0] / "classes.xmd")))
    for name, output in ((REFINE, ("-o", "out")), (RECONSTRUCT, ("--odir", "out"))):
        run = program(name, "-i", "given.xmd", *output, cwd=tmp_path)
        assert run.returncode == 2 and said in run.stderr and run.stderr.count("\n") == 1, run.stderr
        assert not (tmp_path / "out").exists()


def test_a_split_replaces_nothing_that_it_reads_or_others_wrote(divided, program, tmp_path):
    before = (divided[0] / "classes.xmd").read_bytes()
    run = program(SPLIT, "-i", divided[0] / "classes.xmd", "--odir", divided[0])
    assert run.returncode == 2 and "would be replaced by the result" in run.stderr
    assert (divided[0] / "classes.xmd").read_bytes() == before
    for name in (RECONSTRUCT, "split_subtomograms_tomo", "aligned_2d_classification"):
        run = program(name, "-i", "a.xmd", "--odir", divided[0])
        assert run.returncode == 2 and "holds files that this program did not write" in run.stderr, run.stderr
    (tmp_path / "fsc.csv").write_text("of an average")
    run = program(SPLIT, "-i", "a.xmd", "--odir", tmp_path)
    assert run.returncode == 2 and "holds files that this program did not write: 'fsc.csv'" in run.stderr


def test_options_of_projections_alone_are_refused_for_subtomograms(program, tmp_path):
    run = program(SIMULATE, "--odir", tmp_path, "--defocus", 1, 2)
    assert run.returncode == 2 and "--defocus: only of projections; add --projections" in run.stderr
    run = program(SIMULATE, "--odir", tmp_path, "--projections", "--defocus", 20000, 30000)
    assert run.returncode == 2 and "--defocus: must be the least and the most in µm" in run.stderr


def test_one_structure_is_not_supported_and_what_was_not_seen_is_said(done, tmp_path):
    done(SIMULATE, "--odir", tmp_path / "one", *SMALL, "--absent", 0)
    table = read_table(tmp_path / "one" / "particles.xmd")
    narrow = {**table, "angleTilt": [abs(tilt - 90) / 4 for tilt in table["angleTilt"]]}  # all seen from near z, wrongly
    write_table(tmp_path / "narrow.xmd", narrow)
    printed = done(SPLIT, "-i", tmp_path / "one" / "particles.xmd", "--odir", tmp_path / "split", *PARTICLE, *CONES)
    assert "\nnot supported: nothing says" in printed and "note: the table has no CTF (ctfDefocusU)" in printed
    assert "preferred views" not in printed
    assert "Not supported" in (tmp_path / "split" / "report.html").read_text()
    printed = done(SPLIT, "-i", tmp_path / "narrow.xmd", "--odir", tmp_path / "out", *PARTICLE[:2], *CONES, "--recipe", "thesis")
    assert "note: preferred views: only " in printed and "of Fourier space was seen" in printed
    wrong = ("--recipe", "thesis", "--symmetry", "c5")
    printed = done(SPLIT, "-i", tmp_path / "one" / "particles.xmd", "--odir", tmp_path / "c5", *PARTICLE[:2], *CONES, *wrong)
    assert "note: the halves of the average agree less with the symmetry c5" in printed


@pytest.mark.slow
def test_order_and_threads_change_nothing(divided, simulated, done, tmp_path):
    table = read_table(simulated / "two" / "particles.xmd")
    shuffled = np.random.default_rng(3).permutation(COUNT)
    write_table(tmp_path / "shuffled.xmd", {name: [values[row] for row in shuffled] for name, values in table.items()})
    done(SPLIT, "-i", tmp_path / "shuffled.xmd", "--odir", tmp_path / "again", *PARTICLE, *CONES, "--threads", 1)
    for name in ("classes.xmd", "class_1.mrc", "difference.mrc", "fsc.csv", "eigenimages.mrcs", "graph.npz"):
        assert (tmp_path / "again" / name).read_bytes() == (divided[0] / name).read_bytes(), name
