"""xmipp_train_picker_tomo and xmipp_deep_pick_tomo on real command lines: from coordinates to a model to picks."""

import json
import re
import shutil

import h5py
import numpy as np
import pandas as pd
import pytest
from program_server import leave_servers

from tomo_particles.core.tomograms import open_tomogram, write_volume
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.learning.voxels.description import VoxelModel
from tomo_particles.learning.voxels.targets import ParticleClass
from tomo_particles.regions.classes import USER
from tomo_particles.regions.mask_files import write_mask
from tomo_particles.regions.region_mask import RegionMask
from tomo_particles.testing.agreement import agreement
from tomo_particles.testing.synthetic import simulate_tomogram
from xmipp_scripts._voxelwise.pick_config import DeepPickConfig
from xmipp_scripts._voxelwise.picking import _with_rule

TRAIN, PICK = "train_picker_tomo", "deep_pick_tomo"
RATE = 10.0
QUICK = ("--steps", 2, "--patch", 16, "--batch", 2, "--width", 0.25, "--folds", 2)


class Learned:
    """Three tomograms of two classes, their coordinates, and a model of the first two."""

    def __init__(self, folder, done):
        self.folder, rng = folder, np.random.default_rng(5)
        self.truth, rows = {}, []
        for name in ("TS_1", "TS_2", "TS_3"):
            made = simulate_tomogram((56, 48, 32), {"target": 14, "rod": 6}, rng=rng, radius=4.0, noise=0.1, sampling_rate=RATE)
            write_volume(folder / f"{name}.mrc", made.volume, RATE)
            self.truth[name] = np.concatenate([made.positions["target"], made.positions["rod"]])
            rows += [(name, *place, kind) for kind in ("target", "rod") for place in made.positions[kind]]
        table = pd.DataFrame(rows, columns=["tomo_id", "x", "y", "z", "class"])
        table[table["tomo_id"] != "TS_3"].to_csv(folder / "picks.csv", index=False)
        (folder / "classes.csv").write_text("class,diameter\ntarget,80\nrod,80\n")
        self.model = folder / "model.h5"
        options = ("--steps", 80, "--patch", 24, "--folds", 2, "--batch", 8, "--width", 0.5, "--learningRate", 0.004)
        self.printed = done(TRAIN, *self.sources, "--diameter", 80, *options, "-o", self.model)

    @property
    def sources(self):
        return ("--tomograms", *self.tomograms("TS_1", "TS_2"), "--coordinates", self.folder / "picks.csv")

    def tomograms(self, *names):
        return [self.folder / f"{name}.mrc" for name in names]


@pytest.fixture(scope="module")
def learned(tmp_path_factory, done) -> Learned:
    return Learned(tmp_path_factory.mktemp("learned"), done)


def test_training_writes_model_curves_out_of_fold_picks_and_a_summary(learned):
    for ending in ("_picks.csv", "_training.csv", "_summary.json"):
        assert (learned.folder / f"model{ending}").is_file()
    assert not (learned.folder / "model.training.h5").exists()
    curve = pd.read_csv(learned.folder / "model_training.csv")
    assert set(curve["network"]) == {1, 2} and curve["step"].max() == 80
    summary = json.loads((learned.folder / "model_summary.json").read_text())
    assert summary["parameters"]["seed"] == 1 and summary["outOfFoldF"] > 0.6 and summary["steps"] == [80, 80]
    picks = read_pick_file(learned.folder / "model_picks.csv", dict.fromkeys(["TS_1", "TS_2"], RATE))
    assert all(agreement(picks[name].positions, learned.truth[name], 4).f1 > 0.6 for name in picks)


def test_a_new_tomogram_is_picked_where_its_particles_are_at_any_rate(learned, done, tmp_path):
    with open_tomogram(learned.folder / "TS_3.mrc") as opened:
        fine = np.kron(opened.data, np.ones((2, 2, 2)))
    write_volume(tmp_path / "fine.mrc", fine, RATE / 2)
    printed = done(
        PICK,
        "--tomograms",
        *learned.tomograms("TS_3"),
        tmp_path / "fine.mrc",
        "--model",
        learned.model,
        "-o",
        tmp_path / "p.csv",
        "--scoremaps",
        tmp_path / "maps",
    )
    assert "rescaled to 10" in printed and "inverted" not in printed
    picks = read_pick_file(tmp_path / "p.csv", {"TS_3": RATE, "fine": RATE / 2})
    assert agreement(picks["TS_3"].positions, learned.truth["TS_3"], 4).f1 > 0.6
    assert agreement((picks["fine"].positions + 0.5) / 2 - 0.5, learned.truth["TS_3"], 4).f1 > 0.6
    assert set(picks["TS_3"].species) == {"particle"} and ((picks["TS_3"].score > 0) & (picks["TS_3"].score < 1)).all()
    with open_tomogram(tmp_path / "maps" / "TS_3_scores.mrc") as scores:
        assert scores.data.shape == (16, 24, 28) and scores.sampling_rate == 2 * RATE and scores.data.max() <= 1


def test_a_training_tomogram_is_picked_out_of_fold_and_one_of_its_name_is_not(learned, done, tmp_path):
    printed = done(PICK, "--tomograms", *learned.tomograms("TS_1"), "--model", learned.model, "-o", tmp_path / "p.csv")
    assert "is of the training" in printed
    ours = read_pick_file(learned.folder / "model_picks.csv", dict.fromkeys(["TS_1", "TS_2"], RATE))["TS_1"]
    np.testing.assert_allclose(read_pick_file(tmp_path / "p.csv", {"TS_1": RATE})["TS_1"].positions, ours.positions, atol=1e-3)
    shutil.copy(learned.folder / "TS_3.mrc", tmp_path / "TS_1.mrc")
    printed = done(PICK, "--tomograms", tmp_path / "TS_1.mrc", "--model", learned.model, "-o", tmp_path / "p.csv")
    assert "is another one: picked as new" in printed and "is of the training" not in printed


def test_thresholds_numbers_and_clusterings_do_what_they_say(learned, done, tmp_path):
    counts = {}
    for name, options in {
        "all": ("--threshold", 0),
        "high": ("--threshold", 0.8),
        "of class": ("--threshold", 0, "particle:0.8"),
        "best": ("--number", 3),
        "peaks": ("--cluster", "peaks", "--threshold", 0.3),
        "wide": ("--cluster", "meanshift", "--bandwidth", 300, "--threshold", 0),
    }.items():
        done(PICK, "--tomograms", *learned.tomograms("TS_3"), "--model", learned.model, "-o", tmp_path / "p.csv", *options)
        table = pd.read_csv(tmp_path / "p.csv")
        assert table["score"].is_monotonic_decreasing
        counts[name] = len(table)
    assert counts["all"] > counts["high"] == counts["of class"] and counts["best"] == 3
    assert 0 < counts["wide"] < counts["peaks"]


def test_nothing_is_picked_in_bad_regions(learned, done, tmp_path):
    def picked(*options):
        base = ("--tomograms", *learned.tomograms("TS_3"), "--model", learned.model, "-o", tmp_path / "p.csv")
        printed = done(PICK, *base, "--threshold", 0.2, *options)
        return pd.read_csv(tmp_path / "p.csv"), printed

    labels = np.zeros((16, 24, 28), dtype=np.uint8)
    labels[..., 14:] = USER
    write_mask(tmp_path / "TS_3_mask.mrc", RegionMask(labels, 2 * RATE))
    free, _ = picked()
    masked, _ = picked("--mask", tmp_path / "TS_3_mask.mrc")
    assert (free["x"] > 28).sum() > 3 and len(masked) > 3
    assert masked["x"].max() < 27.5
    write_mask(tmp_path / "TS_3_mask.mrc", RegionMask(np.full_like(labels, USER), 2 * RATE))
    nothing, printed = picked("--mask", tmp_path / "TS_3_mask.mrc")
    assert not len(nothing)
    assert "every voxel is in a bad region of its mask" in printed
    assert "nothing was picked: look at the masks of --mask first, then lower --threshold" in printed


@pytest.mark.slow
def test_templates_name_the_picks_and_turn_them(learned, done, program, tmp_path):
    """Each pick gets the template that it is like; place and score stay those of the network."""
    z, y, x = np.indices((17, 17, 17)) - 8
    write_volume(tmp_path / "ball.mrc", ((x**2 + y**2 + z**2) <= 16).astype(np.float32), RATE)
    write_volume(tmp_path / "bar.mrc", ((y**2 + z**2 <= 4) & (np.abs(x) <= 7)).astype(np.float32), RATE)
    base = (PICK, "--tomograms", *learned.tomograms("TS_3"), "--model", learned.model, "-o", tmp_path / "p.csv", "--number", 12)
    done(*base)
    plain = pd.read_csv(tmp_path / "p.csv")
    options = ("--identify", tmp_path / "ball.mrc", tmp_path / "bar.mrc", "--angularstep", 45, "--lowpass", 40)
    printed = done(*base, *options)
    named = pd.read_csv(tmp_path / "p.csv")
    assert set(named["class"]) <= {"ball", "bar"} and f"rotations at {len(plain)} picks" in printed
    np.testing.assert_allclose(named[["x", "y", "z", "score"]], plain[["x", "y", "z", "score"]])
    assert named[["rot", "tilt", "psi"]].notna().all().all()
    for wrong, word in (
        (("--lowpass", 40), "--lowpass: has a meaning with --identify only"),
        (("--tilts", -60, 60), "--tilts: has a meaning with --identify only"),
        (("--identify", tmp_path / "none.mrc"), "none.mrc"),
    ):
        finished = program(*base, *wrong)
        assert finished.returncode == 2 and word in finished.stderr, finished.stderr


def test_a_model_that_was_never_validated_or_calibrated_is_said():
    model = VoxelModel("unet", "sphere", "ce", 48, 10.0, (ParticleClass("a", 40.0),), folds=1, seed=1, tested=False)
    assert not model.rule.scores  # as where all scores are equal
    _, notes = _with_rule(DeepPickConfig(("t.mrc",), "m.h5", "p.csv"), model)
    assert notes == [
        "'m.h5' is untested: no particle was left to validate it on",
        "'m.h5' is uncalibrated: its scores are not probabilities",
    ]


def test_nothing_to_see_and_inverted_contrast_are_said(learned, done, tmp_path):
    write_volume(tmp_path / "flat.mrc", np.full((20, 24, 24), 3.0), RATE)
    with open_tomogram(learned.folder / "TS_3.mrc") as opened:
        write_volume(tmp_path / "inverted.mrc", -opened.data, RATE)
    printed = done(
        PICK,
        "--tomograms",
        tmp_path / "flat.mrc",
        tmp_path / "inverted.mrc",
        "--model",
        learned.model,
        "-o",
        tmp_path / "p.csv",
        "--threshold",
        1,
    )
    assert "flat.mrc' is left out: all its voxels have one value" in printed
    assert "'inverted': 0 picks, where the training tomograms had 20" in printed
    assert "'inverted': the networks are surer of particles in it with inverted contrast" in printed
    assert "nothing was picked: lower --threshold" in printed
    assert (tmp_path / "p.csv").read_text().splitlines() == ["tomo_id,x,y,z,score,samplingRate"]


def test_the_same_seed_gives_the_same_bytes_and_classes_are_learned(monkeypatch, learned, done, tmp_path):
    for name in ("one", "two"):
        if name == "two":
            leave_servers(monkeypatch)
        done(
            TRAIN,
            *learned.sources,
            "--classes",
            learned.folder / "classes.csv",
            *QUICK,
            "--seed",
            4,
            "-o",
            tmp_path / f"{name}.h5",
        )
    assert (tmp_path / "one.h5").read_bytes() == (tmp_path / "two.h5").read_bytes()
    summary = json.loads((tmp_path / "one_summary.json").read_text())
    assert list(summary["classes"]) == ["target", "rod"] and summary["classes"]["rod"]["particles"] == 12
    assert 0 <= summary["classes"]["rod"]["outOfFoldF"] <= 1


@pytest.mark.parametrize(
    "recipe", ["yopo", *(pytest.param(recipe, marks=pytest.mark.slow) for recipe in ("deepfinder", "resnet"))]
)
def test_recipes_train_and_pick(learned, done, tmp_path, recipe):
    options = ("--steps", 1, "--batch", 2, "--width", 0.1, "--folds", 1, "--recipe", recipe)
    options += ("--patch", 16) if recipe == "deepfinder" else ()
    printed = done(TRAIN, *learned.sources, "--diameter", 80, *options, "-o", tmp_path / "m.h5")
    assert f"training 1 network(s) '{recipe}', 1 steps each" in printed
    out_of_fold = float(re.search(r"out of fold: F (0\.\d+)", printed)[1])  # after one step a matter of luck
    assert ("the out-of-fold F score is 0." in printed) == (out_of_fold < 0.3)
    pick = (PICK, "--tomograms", *learned.tomograms("TS_3"), "--model", tmp_path / "m.h5", "-o", tmp_path / "p.csv")
    printed = done(*pick, "--number", 4, "--scoremaps", tmp_path)
    assert "picks, where the training tomograms had" not in printed  # 4 are what was asked for
    picks = pd.read_csv(tmp_path / "p.csv", dtype={"class": str})
    assert len(picks) <= 4 and picks["score"].between(0, 1).all() and (picks["samplingRate"] == RATE).all()
    assert (picks[["x", "y", "z"]] >= 0).all(axis=None) and (picks[["x", "y", "z"]] < [56, 48, 32]).all(axis=None)
    with open_tomogram(tmp_path / "TS_3_scores.mrc") as scores:
        assert scores.data.shape in ((32, 48, 56), (16, 24, 28)) and scores.data.std() > 0
        assert scores.data.min() >= 0 and scores.data.max() <= 1


def test_a_recipe_learns_to_remove_noise_from_a_simulation(learned, done, tmp_path):
    table = pd.read_csv(learned.folder / "picks.csv")
    table[table["tomo_id"] == "TS_1"].to_csv(tmp_path / "ground_truth.csv", index=False)
    shutil.copy(learned.folder / "classes.csv", tmp_path)
    shutil.copy(learned.folder / "TS_1.mrc", tmp_path)
    with open_tomogram(learned.folder / "TS_1.mrc") as opened:
        write_volume(tmp_path / "TS_1_density.mrc", np.where(opened.data < -0.5, -opened.data, 0), RATE)
    options = ("--recipe", "dn3dunet", "--steps", 1, "--batch", 1, "--width", 0.1, "--folds", 1, "--patch", 16)
    printed = done(TRAIN, "--simulation", tmp_path, *options, "-o", tmp_path / "m.h5")
    assert "training 1 network(s) 'dn3dunet', 1 steps each, on 1 tomogram(s)" in printed
    curve = pd.read_csv(tmp_path / "m_training.csv")
    assert curve["step"].tolist() == [1] and np.isfinite(curve["loss"]).all() and (curve["loss"] > 1).all()  # classes and noise
    summary = json.loads((tmp_path / "m_summary.json").read_text())
    assert summary["steps"] == [1] and summary["classes"]["rod"]["particles"] == 6


def test_shapes_are_learned_from_a_simulation(done, tmp_path):
    content = ("--size", 64, 64, 48, "--counts", 2, 2, 2, 2, 2, 2, 2, "--beads", 0, "--vesicles", 0)
    done("simulate_tomo", "--odir", tmp_path / "s", "--tomograms", 1, *content, "--seed", 3)
    options = ("--target", "shape", "--steps", 1, "--batch", 1, "--width", 0.1, "--folds", 1, "--patch", 16)
    done(TRAIN, "--simulation", tmp_path / "s", *options, "-o", tmp_path / "m.h5")
    assert json.loads((tmp_path / "m_summary.json").read_text())["parameters"]["target"] == "shape"
    assert np.isfinite(pd.read_csv(tmp_path / "m_training.csv")["loss"]).all()


@pytest.mark.slow
def test_a_heatmap_is_learned(learned, done, tmp_path):
    options = ("--classes", learned.folder / "classes.csv", *QUICK, "--target", "heatmap", "--loss", "bce")
    done(TRAIN, *learned.sources, *options, "-o", tmp_path / "m.h5")
    done(PICK, "--tomograms", *learned.tomograms("TS_3"), "--model", tmp_path / "m.h5", "-o", tmp_path / "p.csv", "--number", 4)


def test_one_tomogram_is_cut_into_slabs_and_another_rate_and_a_flat_one_are_said(learned, done, tmp_path):
    with open_tomogram(learned.folder / "TS_2.mrc") as opened:
        write_volume(tmp_path / "TS_2.mrc", np.kron(-opened.data, np.ones((2, 2, 2))), RATE / 2)
    write_volume(tmp_path / "TS_9.mrc", np.zeros((20, 24, 24)), RATE)
    table = pd.read_csv(learned.folder / "picks.csv")
    fine = table["tomo_id"] == "TS_2"
    table.loc[fine, ["x", "y", "z"]] = (table.loc[fine, ["x", "y", "z"]] + 0.5) * 2 - 0.5
    extra = pd.DataFrame({"tomo_id": ["TS_9"], "x": [3], "y": [3], "z": [3], "class": ["rod"]})
    pd.concat([table, extra]).to_csv(tmp_path / "picks.csv", index=False)
    tomograms = (*learned.tomograms("TS_1"), tmp_path / "TS_2.mrc", tmp_path / "TS_9.mrc")
    options = ("--steps", 1, "--patch", 16, "--batch", 2, "--width", 0.25, "-o", tmp_path / "m.h5", "--diameter", 80)
    printed = done(TRAIN, "--tomograms", *tomograms, "--coordinates", tmp_path / "picks.csv", *options)
    for said in (
        "2 tomograms for 3 folds: each tomogram is cut into slabs",
        "TS_2.mrc' has 5 Å/voxel: rescaled to 10",
        "TS_9.mrc' is left out",
        "'TS_2': its contrast is inverted",
    ):
        assert said in printed
    with h5py.File(tmp_path / "m.h5") as file:
        assert set(file) == {"network_0", "network_1", "network_2"}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--coordinates", "{picks}", "--diameter", 80), ("--tomograms", "required")),
        (("--tomograms", "{t1}", "--diameter", 80), ("--coordinates", "give one of")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}"), ("--classes", "or --diameter")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 80, "--recipe", "magic"), ("--recipe", "magic")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 80, "--patch", 12), ("--patch", "multiple of 8")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 80, "--target", "centre"), ("--target", "cannot")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 80, "--loss", "bce"), ("--loss", "heatmap")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 80, "--minutes", 0), ("--minutes", "positive")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--classes", "{other}"), ("class 'rod'", "is not in the table")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--classes", "{more}"), ("no particle of the class 'ribosome'",)),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--classes", "{big}"), ("voxels", "correct the column")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 80, "--folds", 11), ("--folds", "1 to 10")),
        (
            ("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 80, "--patch", 64),
            ("--folds", "no particle is left"),
        ),
        (("--simulation", "{folder}", "--diameter", 80), ("--diameter", "with --simulation", "leave it out")),
        (("--tomograms", "{t1}", "--coordinates", "{picks}", "--diameter", 8000), ("--diameter", "TS_1.mrc' is thick (32)")),
        (
            ("--tomograms", "{t1}", "--coordinates", "{picks}", "--classes", "{flat}"),
            ("--classes: class 'rod': 25 Å are 2.5 voxels", "raise it"),
        ),
        (("--simulation", "{folder}"), ("--simulation", "ground_truth.csv' does not exist")),
        (("--consensus", "{folder}", "--diameter", 80), ("--consensus", "no summary.json")),
        (("--consensus", "{folder}"), ("--diameter", "one class")),
    ],
)
def test_bad_input_of_the_training_is_one_line_and_nothing_is_written(refused, learned, tmp_path, options, words):
    (tmp_path / "other.csv").write_text("class,diameter\ntarget,80\n")
    (tmp_path / "more.csv").write_text("class,diameter\ntarget,80\nrod,80\nribosome,250\n")
    (tmp_path / "big.csv").write_text("class,diameter,voxels\ntarget,80,100\nrod,80,9000\n")
    (tmp_path / "flat.csv").write_text("class,diameter\ntarget,80\nrod,25\n")
    names = {"picks": learned.folder / "picks.csv", "t1": learned.folder / "TS_1.mrc", "folder": tmp_path}
    names |= {name: tmp_path / f"{name}.csv" for name in ("other", "more", "big", "flat")}
    refused(TRAIN, *(str(o).format(**names) for o in options), "-o", tmp_path / "m.h5", words=words, folder=tmp_path)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--model", "{picks}"), ("--model", "is not a model that this program wrote")),
        (("--threshold", "rod:0.5"), ("--threshold", "no class 'rod'")),
        (("--threshold", "high"), ("--threshold", "such as 0.5")),
        (("--threshold", 1.5), ("--threshold", "between 0 and 1")),
        (("--threshold", 0.5, "--number", 3), ("--threshold", "one of the two")),
        (("--cluster", "peaks", "--bandwidth", 60), ("--bandwidth", "no meaning")),
        (("--cluster", "heaps"), ("--cluster", "must be one of")),
    ],
)
def test_bad_input_of_the_picking_is_one_line_and_nothing_is_written(refused, learned, tmp_path, options, words):
    options = [str(o).format(picks=learned.folder / "picks.csv") for o in options]
    model = () if "--model" in options else ("--model", learned.model)
    tomograms = ("--tomograms", *learned.tomograms("TS_3"))
    refused(PICK, *tomograms, *model, *options, "-o", tmp_path / "p.csv", words=words, folder=tmp_path)
