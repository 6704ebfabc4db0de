"""xmipp_tomo_extract_subtomograms: the right boxes in a stack that Xmipp reads."""

import tracemalloc

import h5py
import mrcfile
import numpy as np
import pytest
import xmippLib

from tomo_particles.core.coordinates import rescale_positions
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_table, write_picks
from tomo_particles.learning.network_input import input_sampling_rate, network_input
from xmipp_scripts.tomo_extract_subtomograms import Extracted, ExtractionConfig, write_sets

NAME = "tomo_extract_subtomograms"
BOX = 8
POSITIONS = [[20, 15, 10], [0, 0, 0], [30.6, 9.4, 12], [39, 29, 19]]  # the second and the last lie at the border


@pytest.fixture
def volume(tmp_path) -> np.ndarray:
    """A tomogram 'a b.mrc' whose every voxel has its own value, on a level far from 0."""
    values = (np.arange(40 * 30 * 20, dtype=np.float32) + 30_000).reshape(20, 30, 40)
    write_volume(tmp_path / "a b.mrc", values, 10.0)
    return values


@pytest.fixture
def boxes(done, tmp_path, volume, picks_xmd):
    """Extract; gives what was printed, the table and the boxes as Xmipp reads them."""

    def run(*options, path=None) -> tuple[str, dict, np.ndarray]:
        path = path or picks_xmd("all picks.xmd", POSITIONS, [1, 2, 3, 1], score=[0.1, 0.2, 0.3, 0.4], group=[5, 6, 7, 8])
        text = done(
            NAME, "--tomogram", tmp_path / "a b.mrc", "--coordinates", path, "--boxsize", BOX, "-o", tmp_path / "out", *options
        )
        table = read_table(tmp_path / "out" / f"{path.stem}.xmd")
        return text, table, np.array([xmippLib.Image(name).getData() for name in table["image"]])

    return run


def test_one_stack_for_all_in_the_order_of_the_rows(boxes, volume, tmp_path):
    text, table, cut = boxes("--threads", 2)
    assert text == "4 subtomograms\n" and table["image"][2] == f"000003@{tmp_path / 'out' / 'all picks.mrcs'}"
    for (x, y, z), box in zip(np.rint(POSITIONS).astype(int), cut, strict=True):
        assert box[4, 4, 4] == volume[z, y, x]
    with mrcfile.open(tmp_path / "out" / "all picks.mrcs") as stack:
        assert stack.header.ispg == 401 and stack.data.shape == (4, BOX, BOX, BOX) and stack.voxel_size.x == 10.0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["all picks.mrcs", "all picks.xmd"]


def test_the_rows_keep_what_the_pickers_gave(boxes):
    # STYLE flaw: score, orientation and group id lost in the output
    _, table, _ = boxes()
    assert table["fom"] == [0.1, 0.2, 0.3, 0.4] and table["ref2"] == [5, 6, 7, 8] and table["particleId"] == [1, 2, 3, 4]
    assert table["x"] == [20, 0, 30.6, 39] and table["particleSize"] == [BOX] * 4 and table["samplingRate"] == [10] * 4


def test_boxes_at_the_border_are_padded_with_grey_or_dropped(boxes, volume):
    # STYLE flaw: edge particles aborting the job or coming out black
    _, _, padded = boxes()
    assert padded.min() >= 30_000
    text, table, kept = boxes("--border", "drop")
    assert text == "2 subtomograms, 2 dropped at the border\n" and table["particleId"] == [1, 3] and table["ref2"] == [5, 7]
    np.testing.assert_array_equal(kept, padded[[0, 2]])


def test_normalised_and_inverted(boxes):
    _, _, plain = boxes()
    _, _, cut = boxes("--normalize", "--invert", "--factor", 3)
    np.testing.assert_allclose(cut.mean(axis=(1, 2, 3)), 0, atol=1e-4)
    np.testing.assert_allclose(cut.std(axis=(1, 2, 3)), 1, atol=1e-4)
    assert np.corrcoef(cut[0].ravel(), plain[0].ravel())[0, 1] == pytest.approx(-1)
    np.testing.assert_allclose(boxes("--factor", 0.5)[2], plain / 2)


def test_threads_do_not_change_the_boxes(boxes):
    # STYLE flaw: threads option ignored, or deciding what comes out
    np.testing.assert_array_equal(boxes("--threads", 1)[2], boxes("--threads", 3)[2])


def test_what_a_network_sees_instead_of_the_boxes(boxes, tmp_path):
    _, _, whole = boxes("--invert")
    _, table, seen = boxes("--invert", "--network", "small")
    np.testing.assert_allclose(seen, network_input(whole, "small"), atol=1e-4)
    assert seen.shape == (4, 6, 6, 6) and table["particleSize"] == [BOX] * 4 and table["samplingRate"] == [10] * 4
    with mrcfile.open(tmp_path / "out" / "all picks.mrcs") as stack:
        assert stack.voxel_size.x == pytest.approx(input_sampling_rate("small", BOX, 10))
    with h5py.File(tmp_path / "model.h5", "w") as model:
        model.attrs["deep_consensus_tomo"], model.attrs["model_config"] = '{"architecture": "reference"}', "{}"
    np.testing.assert_allclose(boxes("--network", tmp_path / "model.h5")[2], boxes("--normalize")[2], atol=1e-4)


def test_individual_files(boxes, tmp_path):
    _, _, stacked = boxes()
    _, table, cut = boxes("--individual")
    assert table["image"][3] == str(tmp_path / "out" / "all picks_000004.mrc")
    np.testing.assert_array_equal(cut, stacked)


def test_the_tomogram_is_rescaled_to_the_boxes(boxes, tmp_path, picks_xmd):
    # STYLE flaw: scaled coordinates never stored; box sizes compared in voxels across different sampling rates
    z, y, x = np.ogrid[:40, :48, :56]
    blob = np.exp(-((x - 30.5) ** 2 + (y - 20.5) ** 2 + (z - 18.5) ** 2) / 18)
    write_volume(tmp_path / "a b.mrc", blob, 5.0)
    path = picks_xmd("fine.xmd", [[30.5, 20.5, 18.5]], rate=5.0)
    _, table, cut = boxes("--samplingrate", 10, path=path)
    assert (table["x"], table["y"], table["z"], table["samplingRate"]) == ([15], [10], [9], [10]) and table["xcoor"] == [15]
    assert np.unravel_index(cut[0].argmax(), cut[0].shape) == (4, 4, 4)
    wrong_header = boxes("--samplingrate", 10, "--tomogramSamplingrate", 10, path=picks_xmd("coarse.xmd", [[30, 20, 18]]))[2]
    assert wrong_header[0, 4, 4, 4] == pytest.approx(blob[18, 20, 30], abs=1e-6)


def test_memory_does_not_grow_with_the_boxes(tmp_path, volume):
    peaks = []
    for n in (100, 700):
        places = np.random.default_rng(0).random((n, 3)) * (np.array(volume.shape[::-1]) - 1)
        write_picks(tmp_path / "many.xmd", Picks("TS", places, 10.0), 16, "a b.mrc")
        files = (str(tmp_path / "a b.mrc"), str(tmp_path / "many.xmd"), 16, str(tmp_path / "out"))
        config = ExtractionConfig(*files, normalise=True)
        tracemalloc.start()
        try:
            assert write_sets([config]) == [Extracted(n, 0, 0)]
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] - peaks[0] < 0.25 * 600 * 4 * 16**3, "the boxes are not kept"


def test_no_coordinates_no_boxes(boxes, picks_xmd, tmp_path):
    # STYLE flaw: an empty set reaching the scorer as file 'None'
    text, table, _ = boxes(path=picks_xmd("none.xmd", []))
    assert text == "0 subtomograms\n" and table["image"] == []
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["none.xmd"]


def test_coordinates_outside_the_tomogram_are_refused(refused, volume, picks_xmd, tmp_path):
    picks_xmd("far.xmd", [[1, 1, 1], [40.2, 3, 3]])
    refused(
        NAME,
        "--tomogram",
        "a b.mrc",
        "--coordinates",
        "far.xmd",
        "--boxsize",
        BOX,
        "-o",
        "out",
        words=["--coordinates: 'far.xmd'", "1 picks lie outside", "pick 2", "check the sampling rate"],
        folder=tmp_path,
        cwd=tmp_path,
    )


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--boxsize", 0, "--boxsize"),
        ("--boxsize", 9, "even number"),
        ("--boxsize", 22, "does not fit in 'a b.mrc'"),
        ("--network", "big", "--network: expected small or reference"),
        ("--network", "none.h5", "--network: file 'none.h5' does not exist"),
        ("--network", "text.h5", "--network: 'text.h5' is not a model"),
        ("--tomogram", "no.mrc", "--tomogram: file 'no.mrc' does not exist"),
        ("--tomogram", "flat.mrc", "not a 3D tomogram"),
        ("--tomogram", "cut.mrc", "not a complete MRC"),
        ("--tomogram", "huge.mrc", "--tomogram: 'huge.mrc' holds no numbers"),
        ("--tomogram", "tiny.mrc", "--tomogram: 'tiny.mrc' has grey values that deviate by"),
        ("--tomogram", "rateless.mrc", "give it in Å/voxel with --tomogramSamplingrate"),
        ("--coordinates", "empty.xmd", "--coordinates: file 'empty.xmd' is empty"),
        ("--samplingrate", 0, "--samplingrate"),
        ("--factor", 1e39, "--factor: must be a number from 1e-15 to 1e+15"),
        ("--factor", 0, "--factor"),
    ],
)
def test_wrong_files_and_values_are_refused(refused, volume, picks_xmd, tmp_path, option, value, said):
    write_volume(tmp_path / "flat.mrc", volume[3], 10.0)
    write_volume(tmp_path / "rateless.mrc", volume, 0.0)
    write_volume(tmp_path / "huge.mrc", volume * 1e12, 10.0)
    write_volume(tmp_path / "tiny.mrc", volume * 1e-30, 10.0)
    (tmp_path / "cut.mrc").write_bytes((tmp_path / "a b.mrc").read_bytes()[:-1000])
    (tmp_path / "empty.xmd").touch()
    (tmp_path / "text.h5").write_text("no model")
    picks_xmd("in.xmd", POSITIONS)
    options = {"--tomogram": "a b.mrc", "--coordinates": "in.xmd", "--boxsize": BOX, "-o": "out"} | {option: value}
    refused(NAME, *(word for pair in options.items() for word in pair), words=[said], folder=tmp_path, cwd=tmp_path)


def test_voxels_that_are_no_numbers_are_filled_and_counted(boxes, volume, refused, tmp_path):
    holed = volume.copy()
    holed[10, 15, 20], holed[0, 0, 0] = np.nan, np.inf
    with pytest.warns(RuntimeWarning, match="contain"):
        write_volume(tmp_path / "a b.mrc", holed, 10.0)
    text, _, cut = boxes("--normalize")
    lacking = "not numbers (NaN, infinite or beyond 1e+15)"
    assert text.splitlines()[1] == f"note: 2 with voxels that are {lacking}, which got the mean of the others"
    assert np.isfinite(cut).all() and cut.std(axis=(1, 2, 3)) == pytest.approx(np.ones(4), abs=1e-3)
    with pytest.warns(RuntimeWarning, match="contain"):
        write_volume(tmp_path / "a b.mrc", np.full_like(volume, np.nan), 10.0)
    arguments = ("--tomogram", "a b.mrc", "--coordinates", "all picks.xmd", "--boxsize", BOX, "-o", "new")
    refused(NAME, *arguments, words=["--tomogram: 'a b.mrc' holds no numbers"], folder=tmp_path, cwd=tmp_path)


def test_several_sets_are_cut_in_one_pass_each_as_alone(done, tmp_path, volume, picks_xmd):
    sets = {"a": POSITIONS, "b": POSITIONS[::-1], "none": []}
    for name, positions in sets.items():
        (tmp_path / name).mkdir()
        picks_xmd(f"{name}/picks.xmd", positions, [1] * len(positions))
    common = ["--tomogram", tmp_path / "a b.mrc", "--boxsize", BOX, "--samplingrate", 10, "--network", "small"]
    files, folders = ([tmp_path / place / name for name in sets] for place in ("", "together"))
    text = done(NAME, *common, "--coordinates", *(path / "picks.xmd" for path in files), "-o", *folders,
                "--border", "pad", "drop", "pad", "--note", *(path / "note.txt" for path in folders))  # fmt: skip
    said = ["4 subtomograms", "2 subtomograms, 2 dropped at the border", "0 subtomograms"]
    assert text.splitlines() == [f"{path}/picks: {what}" for path, what in zip(folders, said, strict=True)]
    for name, border in (("a", "pad"), ("b", "drop"), ("none", "pad")):
        done(NAME, *common, "--coordinates", tmp_path / name / "picks.xmd", "-o", tmp_path / "alone" / name, "--border", border,
             "--note", tmp_path / "alone" / name / "note.txt")  # fmt: skip
        together, alone = (sorted((tmp_path / place / name).iterdir()) for place in ("together", "alone"))
        assert [path.name for path in together] == [path.name for path in alone] and len(alone) >= 2
        for one, other in zip(together, alone, strict=True):
            assert one.read_bytes().replace(b"/together/", b"/alone/") == other.read_bytes(), one


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["-o", "out"], ["-o: 'out/picks.xmd' would be written twice, for 'a/picks.xmd' and for 'b/picks.xmd'; give another"]),
        (["-o", "out", "link"], ["-o: 'link/picks.xmd' would be written twice"]),
        (["-o", "x", "a"], ["-o: 'a/picks.xmd' would replace 'a/picks.xmd', which is read; choose another place"]),
        (["-o", "x", "y", "--note", "n.txt", "n.txt"], ["--note: 'n.txt' would be written twice"]),
        (["-o", "x", "y", "--note", "n.txt", "x/picks.mrcs"], ["--note: 'x/picks.mrcs' would be written twice"]),
        (["-o", "x", "y", "--note", "n.txt", "a b.mrc"], ["'a b.mrc'"]),
        (["-o", "x", "y", "z"], ["-o: give one value, or one for each of the 2 files of --coordinates, not 3"]),
        (["-o", "x", "y", "--border", "pad", "cut"], ["--border: must be one of pad, drop, received 'cut'"]),
        (["-o", "x", "y", "--note", "note.txt"], ["--note: give one value for each of the 2 files of --coordinates, not 1"]),
        (["-o", "x", "a b.mrc"], ["-o: 'a b.mrc' is no folder"]),
    ],
)
def test_sets_that_do_not_fit_together_are_refused(refused, tmp_path, volume, picks_xmd, options, said):
    (tmp_path / "out").mkdir()
    (tmp_path / "link").symlink_to("out")
    for name in "ab":
        (tmp_path / name).mkdir()
        picks_xmd(f"{name}/picks.xmd", POSITIONS, [1] * 4)
    refused(NAME, "--tomogram", "a b.mrc", "--coordinates", "a/picks.xmd", "b/picks.xmd", "--boxsize", BOX, *options, words=said,
            folder=tmp_path, cwd=tmp_path)  # fmt: skip


def test_sets_of_several_sampling_rates_need_the_one_of_the_boxes(done, refused, tmp_path, volume, picks_xmd):
    """They were cut at that of the first set, all at wrong places."""
    for name, positions, rate in (
        ("none", [], 5.0),
        ("a", POSITIONS, 10.0),
        ("b", rescale_positions(np.array(POSITIONS), 10, 20), 20.0),
    ):
        (tmp_path / name).mkdir()
        picks_xmd(f"{name}/picks.xmd", positions, [1] * len(positions), rate=rate)
    common = ["--tomogram", "a b.mrc", "--boxsize", BOX]
    both = ["--coordinates", "none/picks.xmd", "a/picks.xmd", "b/picks.xmd", "-o", "x", "y", "z"]
    words = ["--coordinates: 'a/picks.xmd' has 10 Å/voxel, 'b/picks.xmd' 20; give that of the boxes with --samplingrate"]
    refused(NAME, *common, *both, words=words, folder=tmp_path, cwd=tmp_path)
    done(NAME, *common, *both, "--samplingrate", 10, cwd=tmp_path)
    assert (tmp_path / "y" / "picks.mrcs").read_bytes() == (tmp_path / "z" / "picks.mrcs").read_bytes()
    together = ["--coordinates", "none/picks.xmd", "b/picks.xmd", "-o", "x", "together"]  # an empty set has no sampling rate
    done(NAME, *common, *together, cwd=tmp_path)
    done(NAME, *common, "--coordinates", "b/picks.xmd", "-o", "alone", cwd=tmp_path)
    boxes = [(tmp_path / place / "picks.mrcs").read_bytes() for place in ("together", "alone")]
    assert boxes[0] == boxes[1]
