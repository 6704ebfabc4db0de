"""Masks of bad regions in the training of a voxel-wise picker: what is ignored, and what the scale of grey values is."""

from contextlib import ExitStack

import finished_run
import numpy as np
import pandas as pd
import pytest
from finished_run import make_protocol_run

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from tomo_particles.learning.voxels.patches import PatchSource
from tomo_particles.learning.voxels.recipes import RECIPES
from tomo_particles.pickers.voxelwise.candidates import find_candidates
from tomo_particles.regions.classes import GOLD, USER
from tomo_particles.regions.mask_files import write_mask
from tomo_particles.regions.region_mask import RegionMask
from xmipp_scripts._voxelwise.sources import read_training_set
from xmipp_scripts._voxelwise.train_config import TrainConfig
from xmipp_scripts._voxelwise.training import _digest

RATE = 10.0
SHAPE = (16, 24, 40)  # z, y, x: the right half along x is bad in the mask of TS_1


def half_bad(number: int = USER) -> RegionMask:
    labels = np.zeros(tuple(edge // 2 for edge in SHAPE), dtype=np.uint8)
    labels[..., 10:] = number
    return RegionMask(labels, 2 * RATE)


@pytest.fixture
def folder(tmp_path):
    """Two tomograms; the right half of the first is a bright crystal."""
    rng = np.random.default_rng(0)
    for name in ("TS_1", "TS_2"):
        volume = rng.normal(100, 2, size=SHAPE)
        if name == "TS_1":
            volume[..., 20:] += 50
        write_volume(tmp_path / f"{name}.mrc", volume.astype(np.float32), RATE)
    rows = [("TS_1", 8, 9, 7), ("TS_1", 12, 15, 9), ("TS_1", 30, 9, 7), ("TS_2", 30, 9, 7)]
    pd.DataFrame(rows, columns=["tomo_id", "x", "y", "z"]).to_csv(tmp_path / "picks.csv", index=False)
    (tmp_path / "masks").mkdir()
    write_mask(tmp_path / "masks" / "TS_1_mask.mrc", half_bad())
    return tmp_path


def training_set(folder, *, mask=("masks",)):
    notes: list[str] = []
    with ExitStack() as files:
        tomograms = tuple(str(folder / f"{name}.mrc") for name in ("TS_1", "TS_2"))
        masks = tuple(str(folder / name) for name in mask)
        config = TrainConfig("m.h5", tomograms, str(folder / "picks.csv"), diameter=60.0, mask=masks)
        return read_training_set(config, files, notes), notes


def test_labels_and_grey_values_of_bad_regions_do_not_count(folder):
    data, notes = training_set(folder)
    assert data.labels[0].weight.tolist() == [1, 1, 0] and data.labels[1].weight.tolist() == [1]
    assert "'TS_1': 1 of 3 particles lie in bad regions of its mask: ignored" in notes
    assert "no mask of 'TS_2': all of it counts as good" in notes
    masked, (plain, _) = data.tomograms[0], training_set(folder, mask=())[0].tomograms
    assert masked.centre == pytest.approx(100, abs=0.3) and masked.deviation == pytest.approx(2, rel=0.1)
    assert plain.deviation > 5 and masked.whole == (plain.centre, plain.deviation)  # known again without its mask


def test_no_voxel_of_a_bad_region_is_in_the_loss(folder):
    data, _ = training_set(folder)
    _, learned = data.tomograms[0].crop(np.zeros(3, dtype=int), SHAPE)
    assert learned[..., :20].all() and not learned[..., 20:].any()
    grey, learned = data.tomograms[0].crop(np.array([0, 0, 16]), (8, 8, 8))
    assert learned[..., :4].all() and not learned[..., 4:].any() and np.abs(grey[..., 4:]).min() == 10  # seen, but not learned
    source = PatchSource(data.tomograms, data.labels, data.classes, RECIPES["unet"], patch=16, seed=1)
    assert source.counts == {1: 3}
    assert any((batch.weight == 0).any() for batch in (source.batch(number, 4) for number in range(4)))


def test_another_mask_is_another_training(folder):
    one = _digest(training_set(folder)[0], None)
    write_mask(folder / "masks" / "TS_1_mask.mrc", half_bad(GOLD))
    assert _digest(training_set(folder)[0], None) == one  # bad as before
    write_mask(folder / "masks" / "TS_1_mask.mrc", RegionMask(half_bad().labels[..., ::-1].copy(), 2 * RATE))
    assert _digest(training_set(folder)[0], None) != one


def test_masks_of_no_tomogram_are_refused(folder):
    (folder / "masks" / "TS_1_mask.mrc").rename(folder / "masks" / "TS_7_mask.mrc")
    with pytest.raises(InputError, match="--mask: no mask of 'TS_1', 'TS_2'"):
        training_set(folder)


def test_masks_of_a_consensus_of_scipion_go_by_the_ids_of_its_tomograms(tmp_path, monkeypatch):
    monkeypatch.setattr(finished_run, "PICKS", finished_run.PICKS * 3)
    run = make_protocol_run(tmp_path)
    notes: list[str] = []
    with ExitStack() as files:
        data = read_training_set(TrainConfig("m.h5", consensus=str(run), diameter=80.0), files, notes)
        first = data.tomograms[0]
        write_mask(
            tmp_path / f"{first.tomo_id}_mask.mrc", RegionMask(np.full(first.data.shape, USER, np.uint8), first.sampling_rate)
        )
        config = TrainConfig("m.h5", consensus=str(run), diameter=80.0, mask=(str(tmp_path / f"{first.tomo_id}_mask.mrc"),))
        masked = read_training_set(config, files, notes)
    assert not masked.labels[0].weight.any() and masked.labels[1].weight.any()
    assert (masked.labels[0].classes == 1).all()  # no hard negatives of a region that is ignored


def test_places_in_bad_regions_are_not_looked_for_and_their_neighbours_keep_their_score():
    classes = np.zeros((12, 16, 24, 1), dtype=np.float32)
    classes[6, 8, 6], classes[6, 8, 18] = 0.9, 1.0
    classes[4:9, 6:11, 4:9] = np.maximum(classes[4:9, 6:11, 4:9], 0.5)
    bad = np.zeros(classes.shape[:3], dtype=bool)
    bad[:, :, 12:] = True
    bad[:, :, 7] = True  # cuts the ball of the first
    ways = {}
    for name, mask in (("all", None), ("good", bad)):
        ways[name] = find_candidates(classes, classes[..., 0], "peaks", 0.3, 6.0, np.array([3.0]), np.array([2.0]), bad=mask)
    assert len(ways["all"]) == 2 and len(ways["good"]) == 1
    assert ways["good"].positions[0, 0] < 7 and ways["good"].scores[0] > 0.4
