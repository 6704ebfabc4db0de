"""xmipp_mask_tomo, and what the other programs do with its masks: nothing is picked in bad regions, scores forget them."""

import json
import shutil

import mrcfile
import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_picks
from tomo_particles.regions.classes import GOLD, MEMBRANE, NO_DATA, USER
from tomo_particles.regions.mask_files import read_mask, write_mask
from tomo_particles.regions.region_mask import RegionMask
from xmipp_scripts._shared.masks import masks_by_tomogram
from xmipp_scripts._template_matching.config import TemplateMatchingConfig
from xmipp_scripts._template_matching.files import write_matches
from xmipp_scripts.evaluate_picking_tomo import EvaluationConfig, evaluate
from xmipp_scripts.mask_tomo import MaskConfig, write_masks
from xmipp_scripts.pick_blobs_tomo import BlobConfig, write_blobs
from xmipp_scripts.pick_noise_tomo import NoiseConfig, write_noise

RATE = 10.0
SIZE = (72, 64, 40)  # x, y, z
BEAD = (50, 40, 20)
PARTICLES = np.array([(15, 15, 12), (15, 45, 28), (35, 20, 28), (30, 50, 12), (60, 14, 14)])


def ball(position, radius, shape=SIZE[::-1]):
    z, y, x = np.indices(shape, sparse=True)
    return np.clip(radius + 0.5 - np.sqrt((x - position[0]) ** 2 + (y - position[1]) ** 2 + (z - position[2]) ** 2), 0, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """TS_1.mrc: particles, one gold bead, no data beyond x = 66; TS_2.mrc: nothing but a constant."""
    folder = tmp_path_factory.mktemp("masked")
    grey = np.random.default_rng(1).standard_normal(SIZE[::-1]).astype(np.float32)
    for position in PARTICLES:
        grey -= ball(position, 5)
    grey -= 60 * ball(BEAD, 5)
    grey[:, :, 66:] = 0
    write_volume(folder / "TS_1.mrc", grey, RATE)
    write_volume(folder / "TS_2.mrc", np.zeros((20, 20, 20)), RATE)
    write_masks(MaskConfig((str(folder / "TS_1.mrc"), str(folder / "TS_2.mrc")), str(folder / "masks")))
    return folder


def blobs(folder, name, **options):
    config = BlobConfig((str(folder / f"{name}.mrc"),), str(folder / "blobs.csv"), 100.0, **options)
    return write_blobs(config)[0]


def distance_to_bead(positions):
    return np.linalg.norm(positions - BEAD, axis=1)


def test_each_tomogram_has_a_mask_and_a_row_in_the_table(folder):
    mask = read_mask(folder / "masks" / "TS_1_mask.mrc", SIZE, RATE)
    assert mask.voxel == 20 and mask.labels.shape == (20, 32, 36)
    assert mask.classes_at([BEAD, (70, 5, 5), PARTICLES[0]], RATE).tolist() == [GOLD, NO_DATA, 0]
    table = pd.read_csv(folder / "masks" / "masks.csv").set_index("tomo_id")
    assert table.loc["TS_1", "no data"] == pytest.approx(3 / 36, abs=1e-3) and table.loc["TS_2", "no data"] == 1
    assert pd.isna(table.loc["TS_1", "notes"])
    assert table.loc["TS_2", "notes"].endswith("nothing to see in it; nothing but bad regions; look at the tomogram")
    assert table.drop(columns="notes").sum(axis=1).tolist() == pytest.approx([1, 1], abs=1e-3)


def test_the_same_tomogram_gives_the_same_bytes_with_any_threads(folder):
    for name, threads in (("one", 1), ("two", 2)):
        write_masks(MaskConfig((str(folder / "TS_1.mrc"),), str(folder / name), threads=threads))
    written = [(folder / name / "TS_1_mask.mrc").read_bytes() for name in ("masks", "one", "two")]
    assert written[0] == written[1] == written[2]


def test_the_user_marks_places_and_may_call_membranes_bad(folder, tmp_path):
    own = np.zeros(SIZE[::-1], dtype=np.float32)
    own[10:14, 10:20, 10:20] = 1
    write_volume(tmp_path / "TS_1.mrc", own, 1.0)  # the rate of the header is wrong: the shape counts
    write_masks(MaskConfig((str(folder / "TS_1.mrc"),), str(tmp_path / "m"), user=(str(tmp_path),), bad=("membrane",)))
    mask = read_mask(tmp_path / "m" / "TS_1_mask.mrc", SIZE, RATE)
    assert mask.classes_at([PARTICLES[0]], RATE) == [USER] and MEMBRANE in mask.bad
    with pytest.raises(InputError, match="would be lost"):
        write_masks(MaskConfig((str(folder / "TS_1.mrc"),), str(folder / "masks"), user=(str(folder / "masks"),)))


def test_masks_may_lie_beside_their_tomograms(folder, tmp_path):
    shutil.copy(folder / "TS_1.mrc", tmp_path)
    write_masks(MaskConfig((str(tmp_path / "TS_1.mrc"),), str(tmp_path)))
    found = masks_by_tomogram([str(tmp_path)], ["TS_1"], "--mask")
    assert found == {"TS_1": str(tmp_path / "TS_1_mask.mrc")}


def test_a_tomogram_is_no_mask_of_itself(folder, tmp_path):
    with pytest.raises(InputError, match=r"--user: .*TS_1\.mrc' is the tomogram itself"):
        write_masks(MaskConfig((str(folder / "TS_1.mrc"),), str(tmp_path / "m"), user=(str(folder),)))
    assert not (tmp_path / "m").exists()


def test_one_of_two_tomograms_may_be_marked_and_the_other_is_named(folder, done, tmp_path):
    write_volume(tmp_path / "own" / "TS_1.mrc", np.ones(SIZE[::-1]), RATE)
    tomograms = (folder / "TS_1.mrc", folder / "TS_2.mrc")
    text = done("mask_tomo", "--tomograms", *tomograms, "--odir", tmp_path / "m", "--user", tmp_path / "own")
    assert "no volume of 'TS_2'; nothing is marked there" in text
    table = pd.read_csv(tmp_path / "m" / "masks.csv").set_index("tomo_id")
    assert table["user"].tolist() == [1, 0]
    write_volume(tmp_path / "own" / "TS_1.mrc", np.zeros(SIZE[::-1]), RATE)
    text = done("mask_tomo", "--tomograms", tomograms[0], "--odir", tmp_path / "m", "--user", tmp_path / "own")
    assert "own/TS_1.mrc' is 0 everywhere: it marks nothing" in text
    with pytest.raises(InputError, match="no mask of 'TS_2'"):
        write_masks(MaskConfig((str(tomograms[1]),), str(tmp_path / "n"), user=(str(tmp_path / "own"),)))


def test_blobs_are_not_picked_in_bad_regions_and_score_by_the_good_ones(folder):
    without = blobs(folder, "TS_1", number=8)
    masked = blobs(folder, "TS_1", number=8, mask=(str(folder / "masks"),))
    assert distance_to_bead(without.positions)[0] < 1 and distance_to_bead(masked.positions).min() > 9
    assert np.linalg.norm(masked.positions[:5, None] - PARTICLES, axis=2).min(axis=0).max() < 2
    again = blobs(folder, "TS_1", threshold=float(masked.score[4]) - 1e-3, mask=(str(folder / "masks"),))
    assert len(again) == 5


def test_a_tomogram_in_which_all_is_bad_gives_a_header_and_no_error(folder, done):
    output = folder / "none.csv"
    text = done(
        "pick_blobs_tomo", "--tomograms", folder / "TS_2.mrc", "-o", output, "--diameter", 100, "--mask", folder / "masks"
    )
    assert "TS_2.mrc': every voxel is in a bad region of its mask" in text
    assert "nothing was picked: look at the masks of --mask first" in text
    assert output.read_text().count("\n") == 1 and output.read_text().startswith("tomo_id,x,y,z")


def test_gold_does_not_take_the_peaks_of_a_template(folder):
    template = np.zeros((24, 24, 24), dtype=np.float32)
    template += ball((12, 12, 12), 5, template.shape)
    write_volume(folder / "ball.mrc", template, RATE)
    found = {}
    for mask in ((), (str(folder / "masks"),)):
        config = TemplateMatchingConfig(
            (str(folder / "TS_1.mrc"),),
            (str(folder / "ball.mrc"),),
            str(folder / "tm.csv"),
            diameters=(120.0,),
            angular_step=90.0,
            number=5,
            mask=mask,
        )
        found[bool(mask)] = write_matches(config)[0].positions
    near = [np.linalg.norm(found[True] - particle, axis=1).min() for particle in PARTICLES]
    assert distance_to_bead(found[False]).min() < 12 and distance_to_bead(found[True]).min() > 9
    assert max(near) < 3


def test_a_fifth_of_the_noise_lies_on_objects_and_the_rest_in_good_regions(folder, picks_xmd):
    picks = picks_xmd("in.xmd", PARTICLES)
    labels = np.zeros((20, 32, 36), dtype=np.uint8)
    labels[:, :, 20:24], labels[:, :, 24:] = GOLD, NO_DATA
    write_mask(folder / "half.mrc", RegionMask(labels, 20.0))
    config = NoiseConfig(str(picks), str(folder / "noise.xmd"), 0.5, 8, RATE, SIZE, 8, mask=str(folder / "half.mrc"))
    count, _ = write_noise(config)
    noise = read_picks(folder / "noise.xmd", sampling_rate=RATE).positions
    on_gold = (noise[:, 0] >= 39.5) & (noise[:, 0] <= 47.5)
    assert count == 40 and on_gold.sum() == 8 and (noise[~on_gold, 0] < 39.5).all()


def test_an_evaluation_says_both_with_and_without_bad_regions(folder):
    truth = folder / "truth.csv"
    pd.DataFrame(PARTICLES, columns=list("xyz")).assign(tomo_id="TS_1").to_csv(truth, index=False)
    picks = pd.DataFrame([*PARTICLES[:4], BEAD, (69, 30, 20)], columns=list("xyz")).assign(tomo_id="TS_1", score=1.0)
    picks.to_csv(folder / "picks.csv", index=False)
    config = EvaluationConfig(
        str(folder / "picks.csv"),
        str(truth),
        str(folder / "ev"),
        radius=5.0,
        tomograms=(str(folder / "TS_1.mrc"),),
        mask=(str(folder / "masks"),),
    )
    _, text = evaluate(config)
    page = json.loads((folder / "ev.json").read_text())
    with_bad, without = (page[key]["distance"]["localisation"] for key in ("all", "good_regions"))
    assert (with_bad["TP"], with_bad["FP"]) == (4, 2) and (without["TP"], without["FP"], without["FN"]) == (4, 0, 1)
    assert "distance rule, good regions only" in text
    assert "distance, good regions" in set(pd.read_csv(folder / "ev_metrics.csv")["rule"])


def test_an_evaluation_without_a_particle_in_good_regions_has_no_numbers_of_them(folder, tmp_path):
    write_mask(tmp_path / "TS_1_mask.mrc", RegionMask(np.full((20, 32, 36), USER, dtype=np.uint8), 20.0))
    pd.DataFrame(PARTICLES, columns=list("xyz")).assign(tomo_id="TS_1").to_csv(tmp_path / "truth.csv", index=False)
    truth, tomograms, mask = str(tmp_path / "truth.csv"), (str(folder / "TS_1.mrc"),), (str(tmp_path / "TS_1_mask.mrc"),)
    _, text = evaluate(EvaluationConfig(truth, truth, str(tmp_path / "ev"), radius=5.0, tomograms=tomograms, mask=mask))
    assert "no particle of the truth lies in a good region" in text and "rule, good regions only" not in text
    assert json.loads((tmp_path / "ev.json").read_text())["good_regions"] is None
    assert set(pd.read_csv(tmp_path / "ev_metrics.csv")["rule"]) == {"distance"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--mask", "{folder}/nowhere.mrc"), ("--mask", "does not exist")),
        (("--mask", "{folder}"), ("--mask", "no mask of 'TS_1'")),
        (("--mask", "{folder}/TS_10_mask.mrc"), ("--mask", "TS_10_mask.mrc", "mask of no tomogram")),
        (("--mask", "{folder}/wrong/TS_1_mask.mrc"), ("--mask", "TS_1_mask.mrc", "another extent")),
        (("--mask", "{folder}/binary"), ("--mask", "TS_1_mask.mrc", "xmipp_mask_tomo did not write it")),
    ],
)
def test_a_mask_that_does_not_fit_is_refused_by_every_program(folder, refused, tmp_path, arguments, words):
    write_volume(tmp_path / "TS_10_mask.mrc", np.zeros(SIZE[::-1]), RATE)
    write_volume(tmp_path / "wrong" / "TS_1_mask.mrc", np.zeros((9, 9, 9)), RATE)
    write_volume(tmp_path / "binary" / "TS_1_mask.mrc", np.ones(SIZE[::-1]), RATE)
    given = [str(a).format(folder=tmp_path) for a in arguments]
    options = ("--tomograms", folder / "TS_1.mrc", "-o", tmp_path / "p.csv", "--diameter", 100)
    refused("pick_blobs_tomo", *options, *given, words=words, folder=tmp_path)


def test_a_mask_of_templates_given_as_mask_of_regions_is_told_its_option(folder, refused, tmp_path):
    write_volume(tmp_path / "ball.mrc", ball((12, 12, 12), 5, (24, 24, 24)), RATE)
    refused(
        "template_matching_tomo",
        "--tomograms",
        folder / "TS_1.mrc",
        "--templates",
        tmp_path / "ball.mrc",
        "-o",
        tmp_path / "p.csv",
        "--mask",
        tmp_path / "ball.mrc",
        words=("--mask", "--templateMask"),
        folder=tmp_path,
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"bead": 0.0}, "--bead"),
        ({"bead": 5.0}, "less than a voxel"),
        ({"bad": ("gold",)}, "--bad"),
        ({"threads": 0}, "--threads"),
        ({"user": ("nowhere.mrc",)}, "nowhere.mrc"),
    ],
)
def test_bad_options_are_refused_and_nothing_is_written(folder, tmp_path, options, words):
    with pytest.raises(InputError, match=words):
        write_masks(MaskConfig((str(folder / "TS_1.mrc"),), str(tmp_path / "new"), **options))
    assert not (tmp_path / "new").exists()


def test_bytes_of_a_mask_are_those_of_any_mrc_reader(folder):
    with mrcfile.open(folder / "masks" / "TS_1_mask.mrc") as file:
        assert int(file.header.mode) == 0 and file.data.max() == GOLD and "bad classes: 1 2 4 5 6 7" in file.get_labels()


def test_smoothing_is_not_what_makes_gold(folder):
    """A dense lump as wide as three beads is none."""
    from tomo_particles.regions.gold import find_gold

    lump = gaussian_filter(np.random.default_rng(0).standard_normal((20, 48, 48)), 1) + 60 * ball((24, 24, 10), 9, (20, 48, 48))
    assert not find_gold(lump.astype(np.float32), np.ones(lump.shape, dtype=bool), 5.0).any()
