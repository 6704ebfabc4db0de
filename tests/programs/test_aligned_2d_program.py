"""xmipp_aligned_2d_classification: from projections of two structures over the graph and its signs to the classes."""

import json

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_table, write_table
from tomo_particles.geometry.orientations import angles_of, turned

NAME, CUT = "aligned_2d_classification", "graph_max_cut"
COUNT, EDGE = 500, 20
CONES = ("--angularSampling", 30, "--angularDistance", 30)


def blob(x, y, z, width):
    grid = np.indices((EDGE,) * 3) - EDGE // 2
    return np.exp(-((grid[2] - x) ** 2 + (grid[1] - y) ** 2 + (grid[0] - z) ** 2) / (2 * width**2)).astype(np.float32)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """A folder with projections of a ball, half of them with a knob, and the labels."""
    folder, rng = tmp_path_factory.mktemp("images"), np.random.default_rng(1)
    rotations, labels = Rotation.from_quat(rng.standard_normal((COUNT, 4))), rng.integers(0, 2, COUNT)
    structures = [blob(0, 0, 0, 3.5), blob(0, 0, 0, 3.5) + blob(4, -3, 3, 1.5)]
    clean = [turned(structures[label], rotation, 3).sum(axis=0) for label, rotation in zip(labels, rotations, strict=True)]
    with mrcfile.new(folder / "images.mrcs") as file:
        file.set_data((np.array(clean) + 0.5 * rng.standard_normal((COUNT, EDGE, EDGE))).astype(np.float32))
    table = {"itemId": list(range(1, COUNT + 1)), "image": [f"{row:06d}@{folder / 'images.mrcs'}" for row in range(1, COUNT + 1)]}
    table |= dict(zip(("angleRot", "angleTilt", "anglePsi"), angles_of(rotations).T.tolist(), strict=True))
    write_table(folder / "particles.xmd", table)
    return folder, table, labels


def test_directions_their_graph_and_its_signs_give_the_classes(images, done, tmp_path):
    folder, _, labels = images
    for recipe in ("crossfit", "thesis"):
        out = tmp_path / recipe
        printed = done(NAME, "-i", folder / "particles.xmd", "--odir", out, *CONES, "--recipe", recipe)
        assert "23 of 23 directions are more than noise; 500 particles, 0 in no direction" in printed
        done(CUT, "-i", out / "graph.npz", "-o", out / "signs.csv")
        signs = pd.read_csv(out / "signs.csv")["sign"].to_numpy()
        with np.load(out / "graph.npz") as opened:
            odds, weights = opened["L"] @ signs, opened["W"]
        assert max(np.mean((odds > 0) == labels), np.mean((odds < 0) == labels)) > 0.93
        assert (weights == weights.T).all() and not np.diag(weights).any()
        table = read_table(out / "directions.xmd")
        assert len(table["angleRot"]) == 23 and min(table["classCount"]) > 40 and set(table["enabled"]) == {1}
        assert mrcfile.read(out / "eigenimages.mrcs").shape == (23, EDGE, EDGE)


def test_noise_is_no_class(images, done, tmp_path):
    folder, table, _ = images
    with mrcfile.new(tmp_path / "noise.mrcs") as file:
        file.set_data(np.random.default_rng(2).standard_normal((COUNT, EDGE, EDGE)).astype(np.float32))
    names = [name.replace(str(folder / "images.mrcs"), str(tmp_path / "noise.mrcs")) for name in table["image"]]
    write_table(tmp_path / "noise.xmd", {**table, "image": names})
    done(NAME, "-i", tmp_path / "noise.xmd", "--odir", tmp_path / "out", *CONES)
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["informativeDirections"] <= 1


def test_an_image_that_is_empty_is_left_out_and_counted(images, done, tmp_path):
    write_volume(tmp_path / "flat.mrc", np.zeros((1, EDGE, EDGE)), 5.0)
    write_table(tmp_path / "given.xmd", {**images[1], "image": [str(tmp_path / "flat.mrc"), *images[1]["image"][1:]]})
    printed = done(NAME, "-i", tmp_path / "given.xmd", "--odir", tmp_path / "out", *CONES)
    assert "499 particles" in printed and "note: 1 images are empty" in printed


def test_narrow_cones_are_made_wider_and_this_is_said(images, done, tmp_path):
    printed = done(NAME, "-i", images[0] / "particles.xmd", "--odir", tmp_path, "--angularSampling", 30, "--angularDistance", 10)
    assert "note: cones of 10 degrees hold too few particles: they are " in printed


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (lambda t: {name: values for name, values in t.items() if name != "angleRot"}, "has no column angleRot"),
        (lambda t: {**t, "angleRot": [float("nan")] * COUNT}, "500 of 500 particles"),
        (lambda t: {**t, **{name: [5.0] * COUNT for name in ("angleRot", "angleTilt", "anglePsi")}}, "the same orientation"),
        (lambda t: {**t, "itemId": [1] * COUNT}, "an itemId more than once"),
        (lambda t: {**t, "flip": [1] * COUNT}, "has mirrored particles"),
        (lambda t: {**t, "image": ["flat.mrc"] * 300 + t["image"][300:]}, "300 of 500 images"),
        (lambda t: {**t, "image": ["wide.mrc", *t["image"][1:]]}, "must be squares of one size"),
        (lambda t: {name: values[:30] for name, values in t.items()}, "even cones of 45 degrees"),
    ],
)
def test_what_cannot_be_classified_is_refused_in_one_line(changed, said, images, program, tmp_path):
    write_volume(tmp_path / "flat.mrc", np.zeros((1, EDGE, EDGE)), 5.0)
    write_volume(tmp_path / "wide.mrc", np.ones((1, EDGE, EDGE + 2)), 5.0)
    write_table(tmp_path / "given.xmd", changed(images[1]))
    run = program(NAME, "-i", "given.xmd", "--odir", "out", cwd=tmp_path)
    assert run.returncode == 2 and said in run.stderr and run.stderr.count("\n") == 1, run.stderr
    assert not (tmp_path / "out").exists()
