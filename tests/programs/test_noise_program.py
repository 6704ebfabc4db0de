"""xmipp_pick_noise_tomo: far from every input pick, seeded, and it says why there are fewer."""

import numpy as np
import pytest
from scipy.spatial import cKDTree
from scipy.spatial.distance import pdist

from tomo_particles.formats.xmd import read_picks, read_table

NAME = "pick_noise_tomo"
SIZE = (80, 70, 40)


@pytest.fixture
def noise(done, tmp_path):
    """Run the noise picker; gives what it printed and the positions."""

    def run(path, *options, radius: float = 0.7, size=SIZE) -> tuple[str, np.ndarray]:
        text = done(
            NAME,
            "--input",
            path,
            "--output",
            tmp_path / "noise.xmd",
            "--radius",
            radius,
            "--boxsize",
            12,
            "--samplingrate",
            10,
            "--size",
            *size,
            *options,
        )
        return text, read_picks(tmp_path / "noise.xmd", sampling_rate=10.0).positions

    return run


def some_picks(n: int = 30) -> np.ndarray:
    return np.random.default_rng(2).random((n, 3)) * (np.array(SIZE) - 1)


def test_noise_avoids_every_pick_and_the_borders_and_is_as_much_as_asked(noise, picks_xmd, tmp_path):
    # STYLE flaw: noise that avoids only the positives, ignores the borders
    picks = some_picks()
    text, found = noise(picks_xmd("in.xmd", picks), "--limit", 0.5, "--threads", 2)
    assert len(found) == 15 and text == "15 noise picks\n"
    assert cKDTree(picks).query(found)[0].min() >= 0.7 * 12 and pdist(found).min() >= 0.7 * 12 - 1e-3
    start = np.rint(found) - 6
    assert (start >= 0).all() and (start + 12 <= np.array(SIZE)).all()
    assert read_table(tmp_path / "noise.xmd")["samplingRate"] == [10.0] * 15


def test_a_highest_number_holds_however_many_picks_there_are(noise, picks_xmd):
    path = picks_xmd("in.xmd", some_picks())
    for most, expected in ((4, 4), (15, 15), (100, 15)):
        assert len(noise(path, "--limit", 0.5, "--most", most)[1]) == expected


def test_the_seed_decides_and_is_written_down(noise, picks_xmd, tmp_path):
    # STYLE flaw: noise has no seed
    path = picks_xmd("in.xmd", some_picks())
    one = noise(path, "--seed", 4)[1]
    same, other = noise(path, "--seed", 4, "--threads", 1)[1], noise(path, "--seed", 5)[1]
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)
    assert set(read_table(tmp_path / "noise.xmd")["randomSeed"]) == {5}


def test_every_tomogram_has_its_own_size(noise, picks_xmd):
    # STYLE flaw: one tomogram size used for all tomograms
    path = picks_xmd("in.xmd", some_picks(60) * 0.3)
    for size in ((60, 30, 20), (20, 60, 30)):
        _, found = noise(path, size=size, radius=0.4)
        assert len(found) > 3 and (found <= np.array(size) - 6).all()


def test_picks_of_another_sampling_rate_are_avoided_where_they_are(noise, picks_xmd):
    # STYLE flaw: box sizes compared in voxels across different sampling rates
    picks = some_picks()
    found = noise(picks_xmd("in.xmd", (picks + 0.5) * 2 - 0.5, rate=5.0))[1]
    assert cKDTree(picks).query(found)[0].min() >= 0.7 * 12 - 1e-3


def test_a_crowded_tomogram_ends_with_what_fits_and_says_why(noise, picks_xmd, tmp_path):
    # STYLE flaw: noise gives up silently
    grid = np.array(np.meshgrid(*(np.arange(0, n, 10.0) for n in SIZE))).reshape(3, -1).T
    text, found = noise(picks_xmd("in.xmd", grid), "--static", radius=1.0)
    assert len(found) == 0 and "only 0 of" in text and "lies within 12.0 voxels" in text
    text, found = noise(picks_xmd("in.xmd", grid), "--limit", 0.02, "--note", tmp_path / "why.txt", radius=1.0)
    assert len(found) > 0 and "lowered" in text and "less than half a box" not in text
    assert cKDTree(grid).query(found)[0].min() >= 6.0
    assert (tmp_path / "why.txt").read_text() in text and not (tmp_path / "noise.txt").exists()
    dense = np.array(np.meshgrid(*(np.arange(0, n, 7.0) for n in SIZE))).reshape(3, -1).T
    text, found = noise(picks_xmd("in.xmd", dense), "--limit", 0.02, radius=0.7)
    assert "less than half a box (6 voxels), so noise may show parts of particles" in text


def test_no_picks_no_noise(noise, picks_xmd):
    assert len(noise(picks_xmd("in.xmd", []))[1]) == 0


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--boxsize", 0, "--boxsize"),
        ("--boxsize", 11, "even number"),
        ("--boxsize", 42, "does not fit in a tomogram of 80 x 70 x 40"),
        ("--radius", -1, "--radius"),
        ("--limit", 0, "--limit"),
        ("--seed", -3, "--seed"),
        ("--input", "no.xmd", "does not exist"),
        ("--samplingrate", "-10", "--samplingrate"),
    ],
)
def test_wrong_values_are_refused(refused, picks_xmd, tmp_path, option, value, said):
    options = {
        "--input": picks_xmd("in.xmd", some_picks()),
        "--output": "noise.xmd",
        "--radius": 0.7,
        "--boxsize": 12,
        "--samplingrate": 10,
        "--size": SIZE,
    } | {option: value}
    words = [word for name, given in options.items() for word in (name, *(given if isinstance(given, tuple) else (given,)))]
    refused(NAME, *words, words=[said], folder=tmp_path, cwd=tmp_path)
