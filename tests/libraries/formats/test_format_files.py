"""Format files as people have them: real ones say what was seen in them, damaged ones are refused by file and line."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from format_samples import KNOWN, RATE, context, refusal

from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.formats.registry import Context, format_named, read, recognise, write

# ------------------------------------------------------------------------------------------------------------ real files
REAL = {  # file: format, picks, tomograms, the first pick x y z, its voxel size (None: not said)
    "crYOLO_3d.cbox": ("cbox", 34414, 1, (733.0, 683.5, 114.5625), None),
    "relion3_ps2.star": ("relion3", 3111, 21, (3726.465173, 3862.465173, 1041.465173), None),
    "relion4_run_data.star": ("relion3", 284, 1, None, 2.62),
    "template_matching.star": (
        "relion3",
        177,
        2,
        (513.333 - 15.321433 / 7.338, 546.667 - 15.321433 / 7.338, 223.333 - 7.983433 / 7.338),
        7.338,
    ),
    "dynamo_picked_b8.tbl": ("dynamo", 4427, 4, (67.25, 16.587, 80.5), None),
    "imod_multiple_objects.mod": ("imod", 6, 1, None, 19.733333),
    "motive_list.em": ("motivelist", 1023, 5, (737 - 1.10413328, 739 - 1.10613328, 528 - 0.5646337), None),
    "copick_ribosome_TS_5_4.json": ("copick", 31, 1, (460.1271, 60.1066, 60.0934), None),
    "deepfinder_object_list.xml": ("deepfinder", 2498, 1, (46, 261, 144), None),
    "membrain_utf16.xml": ("membranorama", 105, 1, (311.1749, 688.3643, 635.1053), None),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(shared_data, name):
    path = shared_data / "real" / "formats" / name
    if not path.is_file():
        pytest.skip(f"no real data: {path} does not exist")
    kind, count, tomograms, first, rate = REAL[name]
    assert recognise(path).name == kind
    numbers = {"dynamo": "1 2 3 4", "motivelist": "51 73 395 464 681", "deepfinder": "0"}.get(kind, "").split()
    picks = read(path, Context(sampling_rate=None if rate else 10.0, names={number: f"T{number}" for number in numbers}))
    assert (sum(map(len, picks.values())), len(picks)) == (count, tomograms)
    own = next(iter(picks.values()))
    assert own.sampling_rate == pytest.approx(rate or 10.0, rel=1e-6)
    if first:
        np.testing.assert_allclose(own.positions[0], first, atol=1e-3)
    assert np.isfinite(own.angles).all() == (kind in ("relion3", "motivelist"))  # elsewhere nobody turned anything


def test_a_real_motive_list_has_scores_and_a_real_session_its_tomogram(shared_data):
    folder = shared_data / "real" / "formats"
    picks = read(folder / "membrain_utf16.xml", context("Tomo1L1"))  # 'Z:\...\Tomo1L1_bin4.rec', its sampling rate the tomogram's
    assert set(picks["Tomo1L1"].species) == {"M2_PSII_dimer", "M2_b6f_dimer", "M2_UKdensity"}
    scores = read(folder / "motive_list.em", Context(sampling_rate=1.0, names={n: n for n in ("51", "73", "395", "464", "681")}))
    assert min(own.score.min() for own in scores.values()) > 0.07 and max(own.score.max() for own in scores.values()) < 1


# --------------------------------------------------------------------------------------------------------------- damage
@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.cbox", KNOWN["TS_1.cbox"].replace("2 12 30 16 16 <NA>", "2 12 30 16"), "line 14: 4 values for 6 columns"),
        ("a.cbox", KNOWN["TS_1.cbox"].replace("2 12", "2 far"), "line 14: CoordinateY is 'far', not a number"),
        ("a.cbox", KNOWN["TS_1.cbox"].replace("_CoordinateZ", "_Nothing"), "lacks the column CoordinateZ"),
        ("a.star", KNOWN["r5.star"].replace("CenteredCoordinateZAngst", "X"), "lacks the column rlnCenteredCoordinateZAngst"),
        ("a.star", KNOWN["r5.star"] + "TS_1 1 2 3\n", "follows an empty line"),
        ("a.star", KNOWN["r5.star"].replace("-903.75", "nan"), "line 8: rlnCenteredCoordinateZAngst is 'nan'"),
        ("a.star", KNOWN["r31.star"].replace("7.5 1\n", "7.5 3\n"), "optics group 3 is not in table data_optics"),
        ("a.star", KNOWN["r3.star"].replace("_rlnOriginZ ", "_rlnOriginXAngst "), "mixes units: shifts in Å"),
        ("a.star", KNOWN["r3.star"].replace("Origin", "Angle").replace("AngleX", "AngleRot"), "only some of the three angles"),
        ("a.star", "data_\n\nloop_\n_some #1\n1\n", "should be relion5 or relion3 or stopgap or ptm or m by its extension"),
        ("a.coords", "1 2 3\n4 5\n", "line 2: 2 values, expected x y z"),
        ("a.coords", "1 2 3\n4 5 six\n", "line 2: z is 'six'"),
        ("a.xml", KNOWN["objects.xml"][:-9], "line 1: no complete XML"),
        ("a.xml", '<?xml version="1.0" encoding="NoneUTF-8"?>' + KNOWN["objects.xml"], "names an unknown encoding"),
        ("a.xml", KNOWN["objects.xml"].replace('z="30"', ""), "line 1: object has no attribute z"),
        ("a.xml", '<!DOCTYPE x [<!ENTITY a "b">]>' + KNOWN["objects.xml"], "a document type or entities"),
        ("a.xml", KNOWN["session.xml"].replace("75,150,225", "75,150"), "Position is '75,150', expected x,y,z"),
        ("a.json", KNOWN["TS_1_info.json"][:-3], "no complete JSON"),
        ("a.json", '{"boxes_3d": [[1, 2]]}', "box 1: [1, 2] is no box"),
        ("a.json", '{"boxes_3d": [[1, 2, "x"]]}', "box 1: [1, 2, 'x'] is no position"),
        ("a.json", KNOWN["picks.json"].replace("angstrom", "nanometre"), "its unit is 'nanometre'"),
        ("a.json", KNOWN["picks.json"].replace('"z": 225', '"w": 225'), "point 1"),
        ("a.ndjson", KNOWN["p.ndjson"] + '{"location": ', "line 2: no complete JSON"),
        ("a.ndjson", KNOWN["p.ndjson"] + "[1]\n", "line 2: [1] is no point"),
        ("a.tbl", KNOWN["t.tbl"] + "1 2 3\n", "line 2: 3 values, 35 in the lines before"),
        ("a.tbl", KNOWN["t.tbl"].replace("10 20 30", "10 20 up"), "line 1: z is 'up'"),
        ("a.tbl", KNOWN["t.tbl"].replace("10 20 30", "0 0 0"), "columns 24 to 26 (x, y, z) are 0 for every particle"),
        ("a.mod", "IMODV1.2 and no more", "cannot be read as an IMOD model"),
        ("a.em", "a volume", "is no motive list"),
        ("a.dat", "nothing that anybody knows", "is of no known format"),
    ],
)  # fmt: skip
def test_damage_is_named_by_file_and_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    assert said in refusal(tmp_path / name, context())


def test_pickles_are_never_opened(tmp_path):
    class Harmful:
        def __reduce__(self):
            return (Path(tmp_path / "opened").touch, ())

    for name in ("a.tloc", "a.coords"):
        (tmp_path / name).write_bytes(pickle.dumps(Harmful()))
        for kind in ("", "coords"):
            assert "is a pickle" in refusal(tmp_path / name, context(), kind)
    assert not (tmp_path / "opened").exists()


def test_contradictory_and_unknown_voxel_sizes_are_refused(tmp_path):
    path = tmp_path / "pytom.star"
    path.write_text(KNOWN["pytom.star"])
    assert "in voxels of 7.5 Å, and picks sampling rate says 15" in refusal(path, context(sampling_rate=15.0))
    path.write_text(KNOWN["pytom.star"].rstrip() + "\n11 20 30 0.25 15 TS_1\n")
    assert "mixes sampling rates in tomogram 'TS_1' (7.5 and 15 Å/voxel)" in refusal(path, context())
    path = tmp_path / "r31.star"  # the voxel of the cut boxes, not of the tomogram for certain: the user knows better
    path.write_text(KNOWN["r31.star"])
    assert read(path, context(sampling_rate=15.0))["TS_1"].sampling_rate == 15
    (tmp_path / "a.coords").write_text("1 2 3\n")
    assert "does not say how many Å" in refusal(tmp_path / "a.coords", Context())


def test_an_imod_model_of_another_binning_is_refused_if_it_does_not_say_which(tmp_path):
    from imodmodel import ImodModel

    one, path = format_named("imod", "--to"), tmp_path / "TS_1.mod"
    write(path, {"TS_1": Picks("TS_1", np.array([[1.0, 2, 3]]), RATE)}, context(), one)
    model = ImodModel.from_file(path)
    model.header.units = 0
    with pytest.warns(DeprecationWarning):
        model.to_file(path)
    assert "was made on a tomogram of 961 x 928 x 301 voxels" in refusal(path, context(size=(480, 464, 150)))
    assert read(path, context(size=(480, 464, 150), sampling_rate=3.75))["TS_1"].sampling_rate == 3.75
    whole = path.read_bytes()
    path.write_bytes(whole[: whole.rindex(b"IEOF")])  # cut off where a part ends: imodmodel alone would read on for ever
    assert "damaged or cut off" in refusal(path, context())
    for more in (b"\0\x0f\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff"):  # points, up to 26 GB of them
        path.write_bytes(whole.replace(b"CONT" + whole[whole.index(b"CONT") + 4 :][:4], b"CONT" + more))
        assert "damaged or cut off" in refusal(path, context())
    model.header.flags.model_last_viewed_onYZ_flipped_or_rotated = True
    with pytest.warns(DeprecationWarning):
        model.to_file(path)
    assert "y and z exchanged" in refusal(path, context())


def test_an_imod_model_of_a_trimmed_volume_is_refused_on_the_whole_one(tmp_path):
    from imodmodel import ImodModel
    from imodmodel.models import MINX

    one, path, part = format_named("imod", "--to"), tmp_path / "TS_1.mod", (500, 928, 301)
    write(path, {"TS_1": Picks("TS_1", np.array([[98.0, 691, 112]]), RATE)}, context(size=part), one)
    model = ImodModel.from_file(path)
    model.minx = MINX(
        oscale=(1, 1, 1), otrans=(0, 0, 0), orot=(0, 0, 0), cscale=(RATE,) * 3, ctrans=(-400 * RATE, 0, 0), crot=(0, 0, 0)
    )
    for units in (model.header.units, 0):  # whether it says its voxel size or not
        model.header.units = units
        with pytest.warns(DeprecationWarning):
            model.to_file(path)
        np.testing.assert_allclose(read(path, context(size=part))["TS_1"].positions, [[98, 691, 112]], atol=1e-4)
        for known in (context(), context(sampling_rate=RATE)):
            said = refusal(path, known)
            assert "500 x 928 x 301 voxels, trimmed from a larger one (its first voxel is at 400, 0, 0 of that one)" in said
            assert "sampling rate" not in said and "give the tomogram on which it was made" in said
    half = context(size=(250, 464, 151), rate=2 * RATE)  # a binning, not a part
    assert "trimmed" not in refusal(path, half) and "sampling rate" in refusal(path, half)
    assert read(path, context(size=(250, 464, 151), rate=2 * RATE, sampling_rate=RATE))["TS_1"].sampling_rate == RATE


def test_content_goes_before_extension_and_doubt_is_said(tmp_path):
    (tmp_path / "a.txt").write_text(KNOWN["TS_1.cbox"])
    assert recognise(tmp_path / "a.txt").name == "cbox"
    (tmp_path / "both.xml").write_text(KNOWN["session.xml"] + "<objlist/>")
    with pytest.raises(InputError, match="may be deepfinder or membranorama; say which with format"):
        recognise(tmp_path / "both.xml")
