"""Random picks through every pair of formats: place, orientation, score, class and tomogram stay, or a loss is announced."""

import itertools
from pathlib import Path

import numpy as np
import pytest

from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.registry import FORMATS, Context, TomogramInfo, format_named, read, write
from tomo_particles.geometry.orientations import rotation_of
from xmipp_scripts.convert_coordinates_tomo import ConvertConfig, convert

RATE, SIZE, COUNT = 7.5, (61, 52, 37), 12  # odd and even edges
TOMOGRAMS = ("TS_1", "TS_10")
WRITABLE = {one.name: one for one in FORMATS if one.write}
WORDS = {"score": "score", "angles": "angles", "group": "group", "species": "species"}  # by which a loss is announced


def random_picks(tomo_id: str) -> Picks:
    rng = np.random.default_rng(len(tomo_id))
    angles = rng.uniform([-180, 1, -180], [180, 179, 180], (COUNT, 3))
    places, score = rng.uniform(-0.4, np.array(SIZE) - 0.6, (COUNT, 3)), rng.uniform(-3, 3, COUNT)
    return Picks(tomo_id, places, RATE, score=score, angles=angles, group=rng.integers(1, 4, COUNT), species=["ribosome"] * COUNT)


def by_place(picks: Picks) -> Picks:
    """In an order that no format changes: IMOD sorts by group."""
    return picks[np.argsort(picks.positions[:, 0])]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Two tomograms, and their picks in every format that we write."""
    folder = tmp_path_factory.mktemp("pairs")
    for tomo_id in TOMOGRAMS:
        write_volume(folder / f"{tomo_id}.mrc", np.zeros(SIZE[::-1], dtype=np.float32), RATE)
    tomograms = {tomo_id: TomogramInfo(tomo_id, RATE, SIZE) for tomo_id in TOMOGRAMS}
    every = {tomo_id: random_picks(tomo_id) for tomo_id in TOMOGRAMS}
    for name, one in WRITABLE.items():
        for part in [{tomo_id: own} for tomo_id, own in every.items()] if one.single else [every]:
            write(folder / name / f"{next(iter(part))}{one.extensions[0]}", part, Context(tomograms), one)
    return folder


def read_all(files: list[Path], name: str) -> dict[str, Picks]:
    tomograms = {tomo_id: TomogramInfo(tomo_id, RATE, SIZE) for tomo_id in TOMOGRAMS}
    return {tomo_id: by_place(own) for file in files for tomo_id, own in read(file, Context(tomograms), name).items()}


def files_of(folder: Path, name: str) -> list[Path]:
    return sorted(folder.glob(f"*{WRITABLE[name].extensions[0]}"))


@pytest.mark.parametrize(("source", "target"), [*itertools.product(WRITABLE, WRITABLE)])
def test_what_a_pick_has_is_kept_or_its_loss_is_announced(folder, tmp_path, source, target):
    inputs, one = files_of(folder / source, source), format_named(target, "--to")
    output = tmp_path / ("{tomo}" if one.single else "picks")
    said = "\n".join(
        convert(
            ConvertConfig(
                tuple(map(str, inputs)),
                f"{output}{one.extensions[0]}",
                target=target,
                tomograms=tuple(str(folder / f"{tomo_id}.mrc") for tomo_id in TOMOGRAMS),
            )
        )
    )
    before, after = read_all(inputs, source), read_all(files_of(tmp_path, target), target)
    assert set(after) == set(before) == set(TOMOGRAMS) and "warning" not in said
    for tomo_id, own in before.items():
        truth, again = by_place(random_picks(tomo_id)), after[tomo_id]
        for picks in (own, again):
            np.testing.assert_allclose(picks.at_sampling_rate(RATE).positions, truth.positions, atol=0.01)
        check_kept(own, again, said, target)
        for attribute in WORDS:  # and the first of the two files holds what its format says that it keeps
            if attribute in WRITABLE[source].keeps and not (source == "imod" and attribute == "group"):
                assert_same(truth, own, attribute)


def check_kept(own: Picks, again: Picks, said: str, target: str) -> None:
    losses = next((line for line in said.splitlines() if "does not keep" in line), "")
    for attribute, word in WORDS.items():
        there = {
            "score": np.isfinite(own.score),
            "angles": np.isfinite(own.angles),
            "group": own.group != 0,
            "species": own.species != "",
        }[attribute].any()
        if not there:
            assert word not in losses
        elif attribute in WRITABLE[target].keeps:
            assert_same(own, again, attribute, renumbered=target == "imod")
            assert word not in losses
        else:
            assert word in losses and losses.startswith(f"{target} does not keep: ")


def assert_same(a: Picks, b: Picks, attribute: str, renumbered: bool = False) -> None:
    if attribute == "score":
        np.testing.assert_allclose(a.score, b.score, atol=1e-5)
    elif attribute == "angles":
        assert np.degrees((rotation_of(a.angles) * rotation_of(b.angles).inv()).magnitude()).max() < 0.01
    elif attribute == "species":
        assert a.species.tolist() == b.species.tolist()
    elif renumbered:  # IMOD numbers its contours anew: the same picks stay together
        assert len(set(zip(a.group.tolist(), b.group.tolist(), strict=True))) == len(set(a.group)) == len(set(b.group))
    else:
        assert a.group.tolist() == b.group.tolist()


def test_every_format_is_either_written_or_has_a_sample():
    from format_samples import KNOWN

    elsewhere = {"motivelist", "deepetpicker", "peet"}  # bytes, on demand only, two files: tests of their own
    suffixes = {suffix for name in KNOWN for suffix in [Path(name).suffix]}
    for one in FORMATS:
        assert one.write or one.name in elsewhere or suffixes & set(one.extensions), one.name
