"""Formats of averaging packages, viewers and challenges: what each states besides the place of picks, and what is no picks."""

import numpy as np
import pytest
from format_samples import KNOWN, RATE, SIZE, context, refusal, star

from tomo_particles.core.picks import Picks
from tomo_particles.formats.conventions import from_tom
from tomo_particles.formats.registry import Context, format_named, read, recognise, write
from tomo_particles.formats.star import read_star
from tomo_particles.geometry.orientations import rotation_of

ORIENTED = ("stopgap.star", "TS_1.tsv", "particles.xml", "ptm.star", "m.star")  # each states RELION's 10 70 30 in its own way
SCORED = ("stopgap.star", "TS_1.tsv", "particles.xml", "ptm.star", "points_TS_1.csv")
NAMES = {"4": "TS_1"}


@pytest.fixture
def sample(tmp_path):
    def sample(name: str) -> Picks:
        (tmp_path / name).write_text(KNOWN[name])
        return read(tmp_path / name, context(names=NAMES))["TS_1"]

    return sample


@pytest.mark.parametrize("name", ORIENTED)
def test_an_orientation_of_relion_as_each_package_states_it(sample, name):
    turn = rotation_of(sample(name).angles) * rotation_of(np.array([[10.0, 70, 30]])).inv()
    assert turn.magnitude().max() < 1e-6


def test_scores_classes_and_groups(sample):
    assert [sample(name).score.tolist() for name in SCORED] == [[0.5]] * len(SCORED)
    assert sample("stopgap.star").group.tolist() == [3] and sample("stopgap.star").species.tolist() == ["2"]
    assert sample("challenge.csv").species.tolist() == ["ribosome"] and sample("TS_1.cmm").species.tolist() == [""]


def test_stopgap_adds_its_shift_and_counts_from_one(tmp_path):
    path = tmp_path / "sg.star"
    path.write_text(KNOWN["stopgap.star"].replace("\t0\t0\t0\t", "\t0.25\t-0.5\t0\t"))
    assert read(path, context(names=NAMES))["TS_1"].positions.tolist() == [[10.25, 19.5, 30]]
    assert "by numbers (4)" in refusal(path, context("TS_1", "TS_2"))
    path.with_suffix(".doc").write_text("4 /data/TS_2.rec\n")
    assert list(read(path, context("TS_1", "TS_2"))) == ["TS_2"]


def test_what_is_written_for_stopgap_is_what_cryocat_writes(tmp_path):
    picks = Picks("TS_1", [[10.25, 19.75, 30]], RATE, angles=[[10, 70, 30]], score=[0.5], group=[3])
    write(tmp_path / "o.star", {"TS_1": picks}, context(), format_named("stopgap", "--to"))
    table = read_star(tmp_path / "o.star", "-i")["stopgap_motivelist"]
    row = {label: values[0] for label, values in table.columns.items()}
    assert [row[f"orig_{axis}"] for axis in "xyz"] == ["11", "21", "31"] and float(row["score"]) == 0.5
    assert [float(row[f"{axis}_shift"]) for axis in "xyz"] == [0.25, -0.25, 0]
    turns = [[float(row[name]) for name in ("phi", "the", "psi")], [-100, -70, 60]]  # the last: cryoCAT's, in the sample
    made, expected = from_tom(np.array(turns))
    assert (rotation_of(made) * rotation_of(expected).inv()).magnitude() < 1e-5


def test_lists_of_old_pytme_are_read_by_label_and_without_their_angles(tmp_path):
    path, notes = tmp_path / "TS_1.tsv", []
    path.write_text("z\ty\tx\teuler_z\teuler_y\teuler_x\tscore\tdetail\n60\t80\t120\t10\t20\t30\t0.5\t-1\n")
    picks = read(path, context(notes=notes))["TS_1"]
    assert picks.positions.tolist() == [[120, 80, 60]] and picks.score.tolist() == [0.5] and np.isnan(picks.angles).all()
    assert "columns not read: detail" in notes[0] and "the angles of a list of pyTME before 0.3" in notes[1]


@pytest.mark.parametrize(("name", "text", "score", "said"), [
    ("TS_1.csv", "index,axis-0,axis-1,axis-2,confidence,label\n0,30,20,10,0.5,a\n", 0.5,
     ["columns not read: label", "column confidence is read as the score"]),
    ("TS_1.csv", "index,axis-0,axis-1,axis-2,score,fom\n0,30,20,10,0.5,0.9\n", 0.5, ["columns not read: fom"]),
    ("TS_1.csv", "index,axis-0,axis-1,axis-2,cc,fom\n0,30,20,10,0.5,0.9\n", np.nan, ["columns not read: 'cc', 'fom'"]),
    ("s.csv", "id,experiment,particle_type,x,y,z,score\n0,TS_1,a,75,150,225,0.5\n", np.nan, ["columns not read: score"]),
])  # fmt: skip
def test_what_a_table_holds_beside_is_read_or_said_to_be_lost(tmp_path, name, text, score, said):
    (tmp_path / name).write_text(text)
    notes = []
    picks = read(tmp_path / name, context(notes=notes))["TS_1"]  # as a run reads it
    np.testing.assert_allclose(picks.positions, [[10, 20, 30]])
    np.testing.assert_array_equal(picks.score, [score])
    assert [note.partition(": ")[2].replace("'", "") for note in notes] == [note.replace("'", "") for note in said]


def test_orientations_that_are_not_carried_are_said(tmp_path):
    turned = KNOWN["objects.xml"].replace('z="30"', 'z="30" phi="10" psi="20" the="30"')
    for name, text in (("session.xml", KNOWN["session.xml"]), ("objects.xml", turned), ("plain.xml", KNOWN["objects.xml"])):
        notes = []
        (tmp_path / name).write_text(text)
        assert np.isnan(read(tmp_path / name, context(notes=notes))["TS_1"].angles).all()
        said = [note for note in notes if note.startswith(f"{tmp_path / name}: its orientations are left out")]
        assert len(said) == (name != "plain.xml")


def test_classes_of_pytom_are_said_not_to_be_read(tmp_path):
    for name, said in (("2", True), ("None", False), ("0", False)):
        notes = []
        classed = KNOWN["particles.xml"].replace("</Particle>", f'<Class Name="{name}"/></Particle>')
        (tmp_path / "particles.xml").write_text(classed)
        read(tmp_path / "particles.xml", context(notes=notes))
        assert any("the classes of its particles are not read" in note for note in notes) == said


def test_the_kinds_of_points_of_the_portal(tmp_path):
    path, notes, place = tmp_path / "TS_1.ndjson", [], '"location": {"x": 10, "y": 20, "z": 30}'
    path.write_text(f'{{"type": "instancePoint", {place}, "instance_id": 7}}\n{{"type": "point", {place}}}\n')
    picks = read(path, context())["TS_1"]
    assert picks.group.tolist() == [7, 0] and picks.positions.tolist() == [[10, 20, 30]] * 2
    path.write_text(f'{{"type": "orientedPoint", {place}, "rotation_matrix": [[0, -1, 0], [1, 0, 0], [0, 0, 1]]}}\n')
    assert np.isnan(read(path, context(notes=notes))["TS_1"].angles).all() and "its orientations are left out" in notes[0]


def test_a_folder_of_the_portal_says_the_voxels_of_its_annotations(tmp_path):
    path = tmp_path / "TS_1" / "VoxelSpacing15.000" / "Annotations" / "TS_1.ndjson"
    path.parent.mkdir(parents=True)
    path.write_text('{"type": "point", "location": {"x": 4.75, "y": 9.75, "z": 14.75}}\n')
    picks = read(path, context())["TS_1"]  # a tomogram of 7.5 Å
    assert picks.sampling_rate == 15
    np.testing.assert_allclose(picks.at_sampling_rate(RATE).positions, [[10, 20, 30]])


@pytest.mark.parametrize(("size", "said"), [
    (SIZE, ""), ((480, 464, 150), "480 x 464 x 150"), ((961, 301, 928), "961 x 301 x 928"), ((700, 600, 290), ""),
])  # fmt: skip
def test_a_model_of_another_binning_that_says_our_voxel_size_is_heard(tmp_path, size, said):
    """A model without its image, as imodmodel and point2model write them: its size may be that of the points."""
    path, notes = tmp_path / "TS_1.mod", []
    write(path, {"TS_1": Picks("TS_1", [[10, 20, 30]], RATE)}, context(size=size), format_named("imod", "--to"))
    np.testing.assert_allclose(read(path, context(notes=notes))["TS_1"].positions, [[10, 20, 30]], atol=1e-5)
    assert len(notes) == bool(said) and all(f"made on a tomogram of {said} voxels, but" in note for note in notes)


def test_of_a_trajectory_of_m_the_first_point_is_read_and_said(tmp_path):
    path, notes = tmp_path / "m.star", []
    labels = " ".join(f"!wrpCoordinate{axis}{point}" for point in (1, 2) for axis in "XYZ")
    path.write_text(star("particles", labels + " !wrpSourceName", "75 150 225 76 151 226 TS_1"))
    assert read(path, context(notes=notes))["TS_1"].positions.tolist() == [[10, 20, 30]]
    assert "the first of their positions" in notes[0]
    path.write_text(star("particles", " ".join(f"!wrpCoordinate{axis}" for axis in "XYZ") + " !wrpSourceName", "75 150 225 TS_1"))
    assert read(path, context())["TS_1"].positions.tolist() == [[10, 20, 30]]  # M with one point


def test_markers_keep_their_classes(tmp_path):
    picks = Picks("TS_1", [[1, 2, 3], [4, 5, 6.5]], RATE, species=["a & <b>", ""])
    write(tmp_path / "TS_1.cmm", {"TS_1": picks}, context(), format_named("cmm", "--to"))
    again = read(tmp_path / "TS_1.cmm", context())["TS_1"]
    np.testing.assert_allclose(again.positions, picks.positions)
    assert again.species.tolist() == ["a & <b>", ""]


def test_a_class_before_the_place_is_read_on_demand_only(tmp_path):
    path = tmp_path / "TS_1.coords"
    path.write_text("1\t10\t20\t30\n2\t11\t21\t31\n")
    assert "line 1: 4 values, expected x y z" in (said := refusal(path, context())) and "say format deepetpicker" in said
    picks = read(path, context(), "deepetpicker")["TS_1"]
    assert picks.positions.tolist() == [[10, 20, 30], [11, 21, 31]] and picks.species.tolist() == ["1", "2"]
    path.write_text("1_0\t20\t30\n")
    assert "line 1: x is '1_0', not a number" in refusal(path, context(), "coords")
    path.write_text("10.5\t20\t30\t1\n")
    assert "line 1: '10.5 20 30 1', expected class x y z" in refusal(path, context(), "deepetpicker")


def test_a_list_of_peet_needs_the_model_of_its_points(tmp_path):
    path = tmp_path / "TS_1_MOTL_Tom1_Iter1.csv"
    path.write_text(
        "CCC,reserved,reserved,pIndex,wedgeWT,NA,NA,NA,NA,NA,xOffset,yOffset,zOffset,NA,NA,reserved,EulerZ(1),EulerZ(3),"
        "EulerX(2),reserved\n0.5,0,0,2,0,0,0,0,0,0,0.5,-1,2,0,0,0,-100,60,-70,0\n"
    )
    assert "put this model beside it, under a name that the list's begins with, as 'TS_1.mod'" in refusal(path, context())
    model = Picks("TS_1", [[1, 2, 3], [9.5, 21, 28]], RATE)
    write(tmp_path / "TS_1.mod", {"TS_1": model}, context(), format_named("imod", "--to"))
    picks = read(path, context("TS_1", "TS_2"))["TS_1"]
    np.testing.assert_allclose(picks.positions, [[10, 20, 30]], atol=1e-5)
    assert picks.score.tolist() == [0.5]
    turn = rotation_of(picks.angles) * rotation_of(np.array([[10.0, 70, 30]])).inv()
    assert turn.magnitude().max() < 1e-6
    notes, text = [], path.read_text()
    path.write_text(
        text.replace("EulerX(2),reserved", "EulerX(2),class").replace("-70,0\n", "-70,2\n")
        + "0.5,0,0,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,-9999\n"
    )
    assert read(path, context(notes=notes))["TS_1"].species.tolist() == ["2"]
    assert "1 duplicates (class -9999) are left out" in notes[0]
    path.write_text(text.replace("0.5,0,0,2", "0.5,0,0,3"))
    assert "line 2: there is no such point in 'TS_1.mod', which has 2" in refusal(path, context())


@pytest.mark.parametrize(("name", "text", "said"), [
    ("a.star", star("", "TomoTomogramsFile TomoParticlesFile", "t.star Refine3D/job1/run_data.star"),
     "is RELION's optimisation set, not a file of picks; give the particle file that it names"),
    ("a.star", "data_\n\n_rlnTomoParticlesFile  p.star\n_rlnTomoTomogramsFile  t.star\n", "names: 'p.star'"),
    ("a.star", star("", "TomoName TomoImportParticleFile", "TS_1 TS_1.star"), "is a list of star files of coordinates"),
    ("a.star", star("", "MicrographName MicrographCoordinates", "TS_1 TS_1.star"), "is a list of star files of coordinates"),
    ("a.star", star("global", "TomoName TomoTiltSeriesStarFile", "TS_1 TS_1.star"), "is RELION's list of tomograms"),
    ("a.star", star("TS_1", "MicrographMovieName TomoNominalStageTiltAngle", "f.mrc 3"), "is a tilt series"),
    ("a.star", star("stopgap_wedgelist", "!tomo_num", "3"), "is STOPGAP's list of wedges"),
    ("a.json", '{"annotation_object": {"name": "ribosome"}, "files": []}', "give the .ndjson file beside it"),
    ("TS_1.txt", "image_name\tx_coord\ty_coord\tz_coord\nTS_1\t120\t38\t60\n", "compressed by 2; write tomo_id,x,y,z"),
    ("TS_1.mdoc", "PixelSpacing = 2\n\n[ZValue = 0]\nTiltAngle = 3\n", "is a file of SerialEM about images"),
    ("TS_1.rec", "\0" * 208 + "MAP " + "\0" * 812, "is an MRC volume, not a file of picks"),
    ("a.csv", "id,experiment,particle_type,x,y\n0,TS_1,a,1,2\n", "lacks the column z"),
    ("a.csv", "index,axis-0,axis-1,axis-2,axis-3\n0,1,2,3,4\n", "more than three axes"),
    ("a.csv", "index,axis-0,axis-1,axis-2\n0,1,2\n", "line 2: 3 values for 4 columns"),
    ("a.csv", "index,axis-0,axis-1,axis-2\n0,1,2,x\n", "line 2: axis-2 is 'x'"),
    ("a.xml", "<ParticleList>\n<Particle/>\n</ParticleList>", "line 2: the particle has no PickPosition"),
    ("a.xml", KNOWN["particles.xml"].replace("ZXZ", "YZY"), "line 3: only the Paradigm ZXZ is known"),
    ("a.cmm", KNOWN["TS_1.cmm"].replace('z="225.0"', ""), "line 2: marker has no attribute z"),
    ("a.star", KNOWN["stopgap.star"].replace("_orig_z", "_else"), "lacks the column orig_z"),
    ("a.star", KNOWN["stopgap.star"].replace("_halfset", "_orig_y"), "has the column orig_y twice"),
    ("a.star", KNOWN["m.star"] + KNOWN["m.star"], "has two tables of particles, in lines 1 and 13; write each to its own file"),
    ("a.star", KNOWN["stopgap.star"] * 2, "has two tables data_stopgap_motivelist"),
    ("a.star", KNOWN["stopgap.star"].replace("1\t4\t", "1\t4.5\t"), "line 22: tomo_num is 4.5, not a whole number"),
    ("a.star", star("", "!wrpCoordinateX9", "1"), "has no table with the column wrpCoordinateX"),
    ("a.star", star("", "!ptmCoordinateXY", "1"), "has no table with the column ptmCoordinateX"),
    ("a.star", KNOWN["m.star"].replace("225.0", "up"), "line 11: wrpCoordinateZ1 is 'up'"),
])  # fmt: skip
def test_what_is_no_picks_is_called_what_it_is_and_damage_by_its_line(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    assert said in refusal(tmp_path / name, context(names=NAMES))


CASE = {  # of case 16: what to say besides the file, and tomogram, place, score by hand
    "stopgap_real_head.star": ({"names": {"24": "T"}}, "T", (823.2121, 753.6012, 677.4676), 0.5452),
    "m_particles.star": ({}, "TS_01", (120.55, 80.52, 60.31), None), "pytom_0.3.star": ({}, "TS_01", (120, 80, 60), 0.35),
    "TS_01_napari.csv": ({}, "TS_01_napari", (120, 80, 60), None), "submission.csv": ({}, "TS_5_4", (120, 80, 60), None),
    "TS_01_pytme.tsv": ({}, "TS_01_pytme", (120, 80, 60), 0.5), "TS_01.cmm": ({}, "TS_01", (120, 80, 60), None),
}  # fmt: skip


@pytest.mark.parametrize("name", CASE)
def test_the_files_of_case_16(shared_data, name):
    path = shared_data / "cases" / "16-formats-not-read" / name
    if not path.is_file():
        pytest.skip(f"no case: {path} does not exist")
    more, tomo_id, place, score = CASE[name]
    picks = read(path, Context(sampling_rate=10.0, **more))[tomo_id]
    np.testing.assert_allclose(picks.positions[0], place, atol=1e-4)
    assert picks.sampling_rate == 10 and (score is None) == bool(np.isnan(picks.score[0]))
    assert score is None or picks.score[0] == score
    assert recognise(path).name != "csv"


def test_what_of_case_16_is_not_read_says_why(shared_data):
    folder = shared_data / "cases" / "16-formats-not-read"
    if not folder.is_dir():
        pytest.skip(f"no case: {folder} does not exist")
    known = Context(sampling_rate=10.0)
    assert "put this model beside it" in refusal(folder / "TS_01_MOTL_Tom1_Iter1.csv", known)
    assert "MiLoPYP" in refusal(folder / "milopyp.txt", known)
    assert "say format deepetpicker" in refusal(folder / "TS_01.coords", known)
    assert read(folder / "TS_01.coords", known, "deepetpicker")["TS_01"].positions.tolist() == [[120, 80, 60]]
    assert read(folder / "TS_01_ids.csv", known)["TS_01_ids"].positions.tolist() == [[120, 80, 60]]  # by the name of the file
