"""File formats: every pick keeps its place through any chain, and stands where each format says that it does."""

import struct
from pathlib import Path

import numpy as np
import pytest
from format_samples import CENTRED, KNOWN, RATE, SHIFTS, SIZE, XYZ, context, refusal, star
from hypothesis import given, settings
from hypothesis import strategies as st

from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.formats.conventions import from_dynamo, from_matrices, from_tom, to_dynamo, to_matrices
from tomo_particles.formats.naming import bare
from tomo_particles.formats.pick_files import read_every_tomogram, read_pick_file
from tomo_particles.formats.registry import FORMATS, format_named, read, recognise, write
from tomo_particles.geometry.orientations import rotation_of

WRITABLE = [one for one in FORMATS if one.write]
ORIENTED = [one for one in WRITABLE if "angles" in one.keeps]


def picks_at(positions, **columns) -> Picks:
    return Picks("TS_1", np.array(positions, dtype=float), RATE, **columns)


def through(path: Path, picks: Picks, name: str) -> Picks:
    """What is read of picks that were written in a format."""
    one, known = format_named(name, "--to"), context()
    write(path, {picks.tomo_id: picks}, known, one, overwrite=True)
    return read(path, known)[picks.tomo_id].at_sampling_rate(RATE)


def turn_between(a: np.ndarray, b: np.ndarray) -> float:
    """Largest angle, degrees, between two lists of orientations."""
    return float(np.rad2deg((rotation_of(a) * rotation_of(b).inv()).magnitude().max()))


PLACE = st.tuples(*(st.floats(-0.5, edge - 0.5).map(lambda value: round(value, 9)) for edge in SIZE)).filter(
    lambda place: max(place) > 2
)  # 1e-308 is NaN in XMD; in the first voxel alone they would be fractions


# ---------------------------------------------------------------------------------------------------------- round trips
@settings(max_examples=12, deadline=None)
@given(st.lists(PLACE, min_size=1, max_size=5), st.lists(st.sampled_from([one.name for one in WRITABLE]), min_size=1, max_size=5))
def test_a_pick_keeps_its_place_through_any_chain_of_formats(tmp_path_factory, places, chain):
    folder = tmp_path_factory.mktemp("chain")
    picks = picks_at(places)
    for i, name in enumerate(chain):
        one = format_named(name, "--to")
        picks = through(folder / str(i) / f"TS_1{one.extensions[0]}", picks, name)
    np.testing.assert_allclose(picks.positions, places, atol=0.01)


@pytest.mark.parametrize("name", [one.name for one in WRITABLE])
def test_a_format_keeps_what_it_says_and_is_recognised_as_itself(tmp_path, name):
    one = format_named(name, "--to")
    angles = np.array([[10, 70, 30], [-40, 20, 100], [0, 0, 0.0]])
    picks = picks_at(
        [[1, 2, 3], [960, 900, 300], [0, 0, 0]], score=[0.5, -2.25, 1], angles=angles, group=[3, 4, 3], species=["ribosome"] * 3
    )
    path = tmp_path / f"TS_1{one.extensions[0]}"
    again = through(path, picks, name)
    assert recognise(path) is one
    order = np.argsort(again.positions[:, 0])  # IMOD sorts by group
    np.testing.assert_allclose(again.positions[order], picks.positions[[2, 0, 1]], atol=0.01)
    if "score" in one.keeps:
        np.testing.assert_allclose(again.score[order], [1, 0.5, -2.25], atol=1e-5)
    if "angles" in one.keeps:
        assert turn_between(again.angles[order], angles[[2, 0, 1]]) < 1e-3
    if "species" in one.keeps:
        assert set(again.species) == {"ribosome"}
    if "group" in one.keeps:  # IMOD numbers its contours anew
        assert len(set(again.group)) == 2 and again.group[order][0] == again.group[order][1]
    with pytest.raises(InputError, match=r"exists; choose another name or give overwrite"):
        write(path, {"TS_1": picks}, context(), one)


def test_conventions_undo_each_other():
    angles = np.array([[10, 70, 30], [-100, 110, 15], [np.nan] * 3, [20, 0, 0]])
    for there, back in ((to_dynamo, from_dynamo), (to_matrices, from_matrices)):
        again = back(there(angles))
        assert np.isnan(again[2]).all()
        assert turn_between(again[[0, 1, 3]], angles[[0, 1, 3]]) < 1e-6


def test_known_orientations():
    # A reference along z that lies along x in the tomogram: RELION says tilt 90 and rot 0, psi 180 (its matrix, third column)
    along_x = from_matrices(np.array([[[0, 0, 1], [0, 1, 0], [-1, 0, 0.0]]]))
    np.testing.assert_allclose(rotation_of(along_x).apply([0, 0, 1]), [[1, 0, 0]], atol=1e-9)
    # TOM: theta about x after phi about z takes z to -y; Dynamo's turn is the inverse, particle to reference: z to +y of its own
    np.testing.assert_allclose(rotation_of(from_tom(np.array([[0, 90, 0.0]]))).apply([0, 0, 1]), [[0, -1, 0]], atol=1e-9)
    np.testing.assert_allclose(rotation_of(from_dynamo(np.array([[0, 90, 0.0]]))).apply([0, 0, 1]), [[0, 1, 0]], atol=1e-9)


# ----------------------------------------------------------------------------------------------------- known answers
@pytest.mark.parametrize("name", KNOWN)
def test_where_each_format_says_that_a_pick_is(tmp_path, name):
    (tmp_path / name).write_text(KNOWN[name])
    picks = read(tmp_path / name, context())["TS_1"]
    np.testing.assert_allclose(picks.positions, [[10, 20, 30]], atol=1e-6)
    assert picks.sampling_rate == pytest.approx(RATE)


def test_what_else_the_known_files_say(tmp_path):
    def of(name: str) -> Picks:
        (tmp_path / name).write_text(KNOWN[name])
        return read(tmp_path / name, context())["TS_1"]

    assert np.isnan(of("TS_1.cbox").score).all()
    assert of("pytom.star").score.tolist() == [0.25] and of("TS_1_info.json").score.tolist() == [0.5]
    assert [of(name).species[0] for name in ("objects.xml", "session.xml", "TS_1_info.json", "picks.json")] == [
        "2",
        "PSII",
        "ribosome",
        "a",
    ]


def motive_list(path: Path, position=(11.0, 21.0, 31.0), shift=(0.0, 0.0, 0.0), tomogram: float = 4.0) -> Path:
    row = np.zeros(20, dtype="<f4")
    row[0], row[4], row[7:10], row[10:13] = 0.5, tomogram, position, shift
    path.write_bytes(bytes([6, 0, 0, 5]) + struct.pack("<3i", 20, 1, 1) + bytes(496) + row.tobytes())
    return path


def test_motive_lists_count_from_one_and_add_their_shift(tmp_path):
    path = motive_list(tmp_path / "motl.em", shift=(0.25, -0.5, 0))
    picks = read(path, context())["TS_1"]
    assert picks.positions.tolist() == [[10.25, 19.5, 30]] and picks.score.tolist() == [0.5]
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(InputError, match=r"should have 592 bytes for 1 particles and has 588"):
        read(path, context(), "motivelist")


def test_relion4_turns_the_shift_with_the_box(tmp_path):
    # A box turned by 90 degrees about z: RELION's matrix takes x to -y, so a shift of 10 Å along x is 4 voxels along -y
    angles = "TomoSubtomogramRot TomoSubtomogramTilt TomoSubtomogramPsi AngleRot AngleTilt AnglePsi"
    (tmp_path / "r4.star").write_text(
        star("optics", "OpticsGroup TomoTiltSeriesPixelSize", "1 2.5")
        + star("particles", f"TomoName {XYZ} {SHIFTS} {angles} OpticsGroup", "TS_1 100 100 100 10 0 0 90 0 0 0 30 0 1")
    )
    picks = read(tmp_path / "r4.star", context())["TS_1"]
    assert picks.sampling_rate == 2.5
    np.testing.assert_allclose(picks.positions, [[100, 104, 100]], atol=1e-9)
    expected = rotation_of(np.array([[90.0, 0, 0]])) * rotation_of(np.array([[0, 30.0, 0]]))
    assert (rotation_of(picks.angles) * expected.inv()).magnitude().max() < 1e-9


# ------------------------------------------------------------------------------------------------------------ tomograms
def test_names_without_what_programs_add():
    same = [
        "TS_01",
        "rec_TS_01.mrc",
        "/a/b/TS_01_12.23Apx.mrc",
        "TS_01_bin4_rec",
        "C:\\x\\TS_01.tomostar",
        "TS_01_info.json",
        "ts_01_relion3.star",
    ]
    assert {bare(name) for name in same} == {"ts_01"}
    assert bare("TS_1") != bare("TS_10") and bare("tomo_0024") == "tomo_0024"


def test_a_name_that_fits_no_tomogram_or_two_is_refused_with_the_candidates(tmp_path):
    path = tmp_path / "TS_2.coords"
    path.write_text("1 2 3\n")
    assert "the nearest are 'TS_1', 'TS_10'" in refusal(path, context("TS_1", "TS_10"))
    path = path.rename(tmp_path / "TS_1.coords")
    assert "may be 'TS_1_bin4', 'rec_TS_1'" in refusal(path, context("TS_1_bin4", "rec_TS_1"))
    assert list(read(path, context("TS_1_bin4", "rec_TS_1", names={"TS_1": "rec_TS_1"}))) == ["rec_TS_1"]
    assert list(read(path, context("TS_1", "TS_1_bin4"))) == ["TS_1"]  # the name itself, before any likeness
    assert "none of the tomograms 'TS_1'" in refused_names(path)


def refused_names(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        read(path, context("TS_1", names={"TS_1": "elsewhere"}))
    return str(caught.value)


def test_numbers_of_tomograms_need_their_names(tmp_path):
    path = tmp_path / "t.tbl"
    path.write_text(KNOWN["t.tbl"] + KNOWN["t.tbl"].replace(" 1 0 0 0 10", " 2 0 0 0 10"))
    said = refusal(path, context("TS_1", "TS_10"))
    assert "by numbers (1, 2); say which of 'TS_1', 'TS_10' they are with names 1=NAME" in said
    assert set(read(path, context("TS_1", "TS_10", names={"1": "TS_10", "2": "TS_1"}))) == {"TS_1", "TS_10"}
    path.with_suffix(".doc").write_text("1 /data/TS_10.rec\n2 /data/TS_1.rec\n")
    assert list(read(path, context("TS_1", "TS_10"))) == ["TS_10", "TS_1"]


# ------------------------------------------------------------------------------------------------- through `pick_files`
def test_a_run_reads_other_formats_where_that_is_safe(tmp_path):
    path = tmp_path / "TS_1.cbox"
    path.write_text(KNOWN["TS_1.cbox"])
    picks = read_pick_file(path, {"TS_1": RATE, "TS_10": RATE}, picker=3)
    assert picks["TS_1"].positions.tolist() == [[10, 20, 30]] and picks["TS_1"].picker.tolist() == [3]
    assert list(read_every_tomogram(path, sampling_rate=5.0)) == ["TS_1"]
    (tmp_path / "r5.star").write_text(KNOWN["r5.star"])
    with pytest.raises(InputError, match=r"whose size is not known .*convert the file first"):
        read_pick_file(tmp_path / "r5.star", {"TS_1": RATE})
    np.testing.assert_allclose(
        read_pick_file(tmp_path / "r5.star", {"TS_1": RATE}, sizes={"TS_1": SIZE})["TS_1"].positions, [[10, 20, 30]], atol=1e-6
    )


def test_a_star_of_more_tomograms_than_given_says_what_is_left_out(tmp_path):
    path, notes = tmp_path / "r5.star", []
    rows = [f"{name} 0 0 0" for name in ("TS_01", "TS_2", "TS_2")]
    path.write_text(star("particles", f"TomoName {CENTRED}", *rows))
    ids = ("TS_01", "TS_02")
    assert list(read_pick_file(path, dict.fromkeys(ids, RATE), sizes=dict.fromkeys(ids, SIZE), notes=notes)) == ["TS_01"]
    assert notes == [f"{path}: 2 picks of 'TS_2' are of no tomogram given and left out; nearest: 'TS_02'"]
