"""The form's sets to the files of a run, and what the form refuses."""

import mrcfile
import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import file_stem
from tomo_particles.formats.xmd import read_picks

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open

pytest.importorskip("xmipptomo.convert")
from xmipptomo.convert import tomogram_sources  # noqa: E402
from xmipptomo.files import RunFiles  # noqa: E402
from xmipptomo.protocols.deep_consensus.inputs import CommonGrid, InputSets, count_rows, read_common_grid, write_common_grid  # noqa: E402
from xmipptomo.protocols.deep_consensus.inputs import write_tomogram as write_tomogram_of  # noqa: E402
from xmipptomo.protocols.deep_consensus.notes import run_notes  # noqa: E402
from xmipptomo.protocols.deep_consensus.validation import _version_errors  # noqa: E402
from xmipptomo.protocols.shared.sets import set_errors  # noqa: E402


def write_tomogram(files, inputs, ts_id, grid, starting_id):
    sources = tomogram_sources(inputs.image_sets(), [ts_id])[ts_id]
    return write_tomogram_of(files, inputs, ts_id, sources, grid, starting_id)


@pytest.fixture
def files(tmp_path):
    return RunFiles(str(tmp_path / "extra"))


# ---- files
def test_plain_ids_keep_their_name():
    assert file_stem("TS_01.mrc-2") == "TS_01.mrc-2"


@pytest.mark.parametrize("ts_id", ["a b", "a/b", "it's", "$HOME", "100%"])
def test_odd_ids_become_plain_names_and_stay_apart(ts_id):
    stem = file_stem(ts_id)
    assert all(c.isalnum() or c in "_.-" for c in stem)
    assert stem != file_stem(ts_id + " ")


def test_no_two_files_of_a_run_are_the_same(files):
    per_run = [files.common_grid, files.model, files.training_log, files.scored, files.scored_raw, files.summary]
    kinds = (
        files.picks,
        files.positive_references,
        files.negative_references,
        files.every_pick,
        files.consensus,
        files.failure,
        files.noise_note,
    )
    per_tomogram = [kind(ts_id) for ts_id in ("TS_1", "TS_10") for kind in kinds]
    labels = [files.labelled(t, label) for t in ("TS_1", "TS_10") for label in ("positive", "doubtful", "negative", "noise")]
    labels += [files.subtomograms(t, label) for t in ("TS_1", "TS_10") for label in ("positive", "raw")]
    everything = list(map(str, per_run + per_tomogram + labels))
    assert len(set(everything)) == len(everything)


# ---- conversion
def test_every_tomogram_has_its_own_size_and_ids(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20), "b": (64, 50, 10)}, 10.0)
    positions = {"a": [(5, 5, 5), (9, 9, 9)], "b": [(60, 40, 8)]}
    inputs = InputSets([sets.coordinates(tomograms, positions), sets.coordinates(tomograms, positions)], [], [])
    a = write_tomogram(files, inputs, "a", (20.0, 8), 1)
    b = write_tomogram(files, inputs, "b", (20.0, 8), 1 + count_rows(files.every_pick("a")))
    assert (a.size, b.size) == ([20, 15, 10], [32, 25, 5])
    assert (a.starting_id, b.starting_id) == (1, 5)
    assert (a.counts, b.counts) == ([2, 2], [1, 1])
    np.testing.assert_allclose(read_picks(files.picks("b")).positions[0], (29.75, 19.75, 3.75), atol=1e-5)


def test_pickers_are_numbered_by_their_place_and_references_are_zero(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    pickers = [sets.coordinates(tomograms, {"a": [(5, 5, 5)]}), sets.coordinates(tomograms, {"a": [(6, 6, 6)]})]
    truth = sets.coordinates(tomograms, {"a": [(7, 7, 7)]})
    tomogram = write_tomogram(files, InputSets(pickers, [truth], []), "a", (10.0, 8), 1)
    assert read_picks(files.picks("a")).picker.tolist() == [1, 2]
    assert read_picks(files.positive_references("a")).picker.tolist() == [0]
    assert count_rows(files.every_pick("a")) == 3
    assert (tomogram.has_truth, tomogram.has_lie, count_rows(files.negative_references("a"))) == (True, False, 0)


def test_what_is_unusual_about_a_tomogram_comes_into_the_summary(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20), "b": (40, 30, 20)}, 10.0)
    with mrcfile.open(tomograms.getFirstItem().getFileName().partition(":")[0], "r+") as mrc:
        mrc.voxel_size = (10, 10.05, 10)
    inputs = InputSets([sets.coordinates(tomograms, {"a": [(5, 5, 5)], "b": [(5, 5, 5)]})], [], [])
    made = {ts_id: write_tomogram(files, inputs, ts_id, (10.0, 8), 1) for ts_id in "ab"}
    (note,) = run_notes(files, CommonGrid(10.0, 8, ["one"], made), ["a", "b"])
    assert note.startswith("Tomogram a: ") and "has voxels of 10 x 10.05 x 10 Å in its header" in note


def test_boxes_come_from_another_version_of_the_tomogram_and_places_stay(sets, files):
    tilts = {"a": (-50.0, 45.0)}
    picked = sets.tomograms({"a": (41, 30, 20), "ab": (41, 30, 20)}, 10.0, tilts)
    version = sets.tomograms({"ab": (30, 20, 10), "a": (20, 15, 10)}, 20.0)  # the last voxel of x does not fill one of 20 Å
    inputs = InputSets([sets.coordinates(picked, {"a": [(5, 5, 5)]})], [], [], extract_from=version)
    made = write_tomogram(files, inputs, "a", (10.0, 8), 1)
    assert (made.tomogram_rate, made.size, made.tilts) == (20.0, [40, 30, 20], [-50.0, 45.0])
    assert made.file_name == version[{"_tsId": "a"}].getFileName()
    np.testing.assert_allclose(read_picks(files.picks("a")).positions, [(5, 5, 5)])


def test_a_version_of_another_extent_or_without_the_tomogram_is_refused(sets, files):
    picked = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    picker = sets.coordinates(picked, {"a": [(5, 5, 5)]})
    cropped = InputSets([picker], [], [], extract_from=sets.tomograms({"a": (20, 15, 7)}, 20.0))
    with pytest.raises(InputError, match="400 x 300 x 140 Å, the tomograms of the picks with 400 x 300 x 200 Å"):
        write_tomogram(files, cropped, "a", (10.0, 8), 1)
    other = InputSets([picker], [], [], extract_from=sets.tomograms({"a_1": (40, 30, 20)}, 10.0))
    with pytest.raises(InputError, match=r"Tomograms to extract from.* do not have it"):
        write_tomogram(files, other, "a", (10.0, 8), 1)
    assert "has a_1, the picks have a;" in _version_errors(other)[0] and not _version_errors(cropped)


def test_a_picker_that_did_not_see_a_tomogram_keeps_its_number(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20), "b": (40, 30, 20)}, 10.0)
    pickers = [sets.coordinates(tomograms, {"a": [(5, 5, 5)]}), sets.coordinates(tomograms, {"b": [(6, 6, 6)]})]
    assert write_tomogram(files, InputSets(pickers, [], []), "b", (10.0, 8), 1).counts == [0, 1]
    assert read_picks(files.picks("b")).picker.tolist() == [2]


def test_few_picks_outside_are_left_out_and_counted(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    picker = sets.coordinates(tomograms, {"a": [(5, 5, 5), (39, 29, 19), (41, 5, 5)]})
    tomogram = write_tomogram(files, InputSets([picker], [], []), "a", (10.0, 8), 1)
    assert (tomogram.left_out, count_rows(files.picks("a"))) == (1, 2)


def test_most_picks_outside_are_a_mistake_of_scale(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    picker = sets.coordinates(tomograms, {"a": [(5, 5, 5), (80, 60, 40), (41, 5, 5)]})
    with pytest.raises(InputError, match="2 of the 3 picks of set 1 lie outside"):
        write_tomogram(files, InputSets([picker], [], []), "a", (10.0, 8), 1)


def test_a_tomogram_that_its_set_does_not_have_is_named(sets, files):
    other = sets.tomograms({"a": (40, 30, 20), "b": (40, 30, 20)}, 10.0)
    picker = sets.coordinates(other, {"b": [(5, 5, 5)]})
    picker.setPrecedents(sets.tomograms({"a": (40, 30, 20)}, 10.0))
    with pytest.raises(InputError, match="have no 'b'"):
        write_tomogram(files, InputSets([picker, sets.coordinates(other, {"b": [(5, 5, 5)]})], [], []), "b", (10.0, 8), 1)


def test_a_tomogram_that_no_set_has_is_refused(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    with pytest.raises(InputError, match="no set of tomograms has it"):
        write_tomogram(files, InputSets([sets.coordinates(tomograms, {"a": [(5, 5, 5)]})], [], []), "b", (10.0, 8), 1)


def test_the_common_grid_is_read_as_it_was_written(sets, files):
    tomograms = sets.tomograms({"a": (40, 30, 20)}, 10.0)
    tomogram = write_tomogram(files, InputSets([sets.coordinates(tomograms, {"a": [(5, 5, 5)]})], [], []), "a", (10.0, 8), 1)
    write_common_grid(files.common_grid, 10.0, 8, ["picker"], [tomogram])
    again = read_common_grid(files.common_grid)
    assert again.tomograms == {"a": tomogram}
    assert (again.sampling_rate, again.box_size, again.names) == (10.0, 8, ["picker"])


# ---- what one set may be
def test_an_empty_set_is_refused(sets):
    assert "empty" in set_errors(sets.empty_coordinates(sets.tomograms({"a": (40, 30, 20)}, 10.0)))[0]


@pytest.mark.parametrize(("rate", "accepted"), [(10.0004, True), (10.5, False), (None, False)])
def test_sampling_rates_are_compared_with_tolerance(sets, rate, accepted):
    coordinates = sets.coordinates(sets.tomograms({"a": (40, 30, 20)}, 10.0), {"a": [(5, 5, 5)]})
    coordinates.setSamplingRate(rate)
    assert (not set_errors(coordinates)) == accepted


def test_a_set_without_tomograms_is_refused(sets):
    coordinates = sets.coordinates(sets.tomograms({"a": (40, 30, 20)}, 10.0), {"a": [(5, 5, 5)]})
    coordinates._precedentsPointer.set(None)
    assert "tomograms" in set_errors(coordinates)[0]
