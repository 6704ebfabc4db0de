"""Which tomogram a name is: what programs add to names, what may be part of them, and what is only shown."""

import unicodedata
from pathlib import Path

import pytest
from format_samples import KNOWN, XYZ, context, refusal, star

from tomo_particles.core.errors import InputError
from tomo_particles.formats.model import Context, TomogramInfo
from tomo_particles.formats.naming import bare
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.registry import read

COMPOSED, DECOMPOSED = (unicodedata.normalize(form, "Zürich_01") for form in ("NFC", "NFD"))


def of(path: Path, *names: str) -> Path:
    """A STAR file with a pick of each name, which says nothing of its voxels."""
    path.write_text(star("particles", f"TomoName {XYZ}", *(f"{name} 10 20 30" for name in names)))
    return path


@pytest.mark.parametrize(
    ("name", "tomogram"),
    [
        ("grid_2a", "grid_1a"),
        ("grid_12A", "grid_1A"),
        ("cell_b2", "cell_b1"),
        ("cell_b2", "cell"),
        ("TS_1", "TS_10"),
        ("grid_2a", "grid"),
    ],
)
def test_an_ending_that_tells_tomograms_apart_is_never_cut_off(tmp_path, name, tomogram):
    path = of(tmp_path / "p.star", name)
    assert f"of tomogram '{name}', which is none of those given" in refusal(path, context(tomogram))
    assert f"'{tomogram}'" in refusal(path, context(tomogram, unknown="leave out"))
    (tmp_path / f"{name}.coords").write_text("1 2 3\n")
    (tmp_path / f"{tomogram}.coords").write_text("4 5 6\n")
    notes: list[str] = []
    picks = read_pick_file(f"{tmp_path}/*.coords", {tomogram: 7.5}, notes=notes)
    assert picks[tomogram].positions.tolist() == [[4, 5, 6]] and f"left out: {name}.coords" in notes[0]


@pytest.mark.parametrize("name", ["tomograms/", ".mrc", r"C:\data\.rec", "..", "..mrc"])
@pytest.mark.parametrize("tomograms", [(), ("TS_1",), ("TS_1", "TS_2")])
def test_a_name_of_which_nothing_is_left_is_refused(tmp_path, name, tomograms):
    path = of(tmp_path / "p.star", name)
    for options in ({}, {"unknown": "keep"}):
        assert f"'{name}' is the name of no tomogram" in refusal(path, context(*tomograms, **options))


def test_an_ending_that_the_header_or_its_form_confirms_is_cut_off(tmp_path):
    path = of(tmp_path / "p.star", "TS_1_10A")
    assert list(read(path, context("TS_1", rate=10.0))) == ["TS_1"]
    assert "none of those given" in refusal(path, context("TS_1", rate=7.5))
    for name in ("JTL_003.mrc_13.28Apx.mrc", "JTL_003.mrc.tomostar", "rec_JTL_003_bin4.mrc", "JTL_003_13.28A"):
        assert bare(name) == "jtl_003"
    path = of(tmp_path / "p.star", "JTL_003.mrc.tomostar")
    assert list(read(path, context("JTL_003.mrc_13.28Apx"))) == ["JTL_003.mrc_13.28Apx"]


def test_names_that_would_become_one_are_refused(tmp_path):
    path = of(tmp_path / "p.star", "TS_1_bin2", "rec_TS_1")
    assert "'TS_1_bin2' and 'rec_TS_1', which would both be of tomogram 'TS_1'" in refusal(path, context())
    assert len(read(path, context(names={"rec_TS_1": "TS_1"}))["TS_1"]) == 2
    for binning in (2, 4):
        (tmp_path / f"TS_1_bin{binning}.coords").write_text("1 2 3\n")
    with pytest.raises(InputError, match=r"bin2.coords' and .*bin4.coords' are by their names of one tomogram at two binnings"):
        read_pick_file(f"{tmp_path}/*.coords", {"TS_1": 7.5, "TS_2": 7.5})


@pytest.mark.parametrize(("name", "tomogram", "said"), [("TS_1_5.00Apx", "TS_1", "of 5 Å"), ("TS_1_bin2", "TS_1_bin4", "bin2")])
def test_a_name_with_other_voxels_is_no_unit(tmp_path, name, tomogram, said):
    path = of(tmp_path / "p.star", name)
    assert f"by its name {said}" in refusal(path, context(tomogram)) and "picks sampling rate" in refusal(path, context(tomogram))
    assert read(path, context(tomogram, sampling_rate=5.0))[tomogram].sampling_rate == 5
    (tmp_path / f"{name}.coords").write_text("1 2 3\n")
    assert f"by its name {said}" in refusal(tmp_path / f"{name}.coords", context(tomogram))


@pytest.mark.parametrize(("file", "name", "tomograms", "more", "said"), [
    ("p.star", "TS_1_bin4", ["TS_1"], {}, "'TS_1_bin4' is by its name bin4, and 'TS_1' does not say its binning; their voxels"),
    ("p.star", "TS_1_bin4", ["TS_1"], {"sampling_rate": 7.5}, ""),
    ("p.star", "TS_1_bin4", ["TS_1"], {"names": {"TS_1_bin4": "TS_1"}}, ""),
    ("p.star", "TS_1", ["TS_1_bin4"], {}, ""),  # the name of a tilt series
    ("TS_2.star", "TS_1", ["TS_1", "TS_2"], {}, "by its name it is of tomogram 'TS_2', but in it are picks of 'TS_1'"),
    ("TS_2.star", "TS_2", ["TS_1", "TS_2"], {}, ""),
    ("TS_2.star", "TS_1", ["TS_1"], {}, ""),
])  # fmt: skip
def test_what_only_a_name_tells_is_said(tmp_path, file, name, tomograms, more, said):
    notes = []
    (picks,) = read(of(tmp_path / file, name), context(*tomograms, notes=notes, **more)).values()
    assert picks.positions.tolist() == [[10, 20, 30]]
    assert len(notes) == bool(said) and all(said in note for note in notes)


def test_of_a_tomogram_whose_name_and_header_differ_the_header_counts(tmp_path):
    known = context("TS_1_5.00Apx")
    picks = read(of(tmp_path / "p.star", "TS_1_5.00Apx"), known)["TS_1_5.00Apx"]
    assert picks.sampling_rate == 7.5 and "by its name of 5 Å, and by its header of 7.5 Å; the header counts" in known.notes[0]


def test_a_number_may_be_the_very_name(tmp_path):
    path, known = tmp_path / "tomo0137_objl.xml", context("0137", "0145")
    path.write_text(KNOWN["objects.xml"].replace('"0"', '"0137"'))
    assert list(read(path, known)) == ["0137"] and "number 0137 is taken for the tomogram of that name" in known.notes[0]
    assert list(read(path, context("tomo0137", "0137"))) == ["tomo0137"]  # the name of the file says more
    path.write_text(KNOWN["objects.xml"].replace('"0"', '"137"'))
    assert "by numbers (137); say which of '0137', '0145'" in refusal(path, context("0137", "0145"))


@pytest.mark.parametrize(("in_file", "tomogram"), [(COMPOSED, DECOMPOSED), (DECOMPOSED, COMPOSED)])
def test_both_forms_of_a_letter_are_one_name(tmp_path, in_file, tomogram):
    path = tmp_path / "p.csv"
    path.write_text(f"tomo_id,x,y,z\n{in_file},10,20,30\n", encoding="utf-8")
    assert list(read(path, context(tomogram, "TS_1"))) == [tomogram]
    assert list(read_pick_file(path, {tomogram: 7.5, "TS_1": 7.5})) == [tomogram]
    path.write_text("tomo_id,x,y,z\na,10,20,30\n")
    assert list(read(path, context(tomogram, "TS_1", names={"a": in_file}))) == [tomogram]


@pytest.mark.parametrize(("in_file", "tomogram", "pattern"), [
    ("TS_{}", "TS_{}_deconv", "*=*_deconv"), ("TS_{}", "TS_{}_SIRT_20iter", "*=*_SIRT_20iter"),
    ("TS_{}", "corrected_TS_{}", "*=corrected_*"), ("TS_{}_EVN_Vol", "TS_{}", "*_EVN_Vol=*"),
    ("TS_{}_half1", "TS_{}", "*_half1=*"),
])  # fmt: skip
def test_what_all_names_have_more_is_shown_and_believed_when_told(tmp_path, in_file, tomogram, pattern):
    path = of(tmp_path / "p.star", *(in_file.format(i) for i in ("01", "02")))
    ids = [tomogram.format(i) for i in ("01", "02", "03")]
    shown = f"'{in_file.format('01')}' is '{ids[0]}', say so of all such names with names '{pattern}'"
    assert shown in refusal(path, context(*ids))
    said, _, meant = pattern.partition("=")
    assert list(read(path, context(*ids, names={said: meant}))) == ids[:2]
    for i in ("01", "02"):
        (tmp_path / f"{in_file.format(i)}.coords").write_text("1 2 3\n")
    with pytest.raises(InputError, match="none of the 2 files") as caught:
        read_pick_file(f"{tmp_path}/*.coords", dict.fromkeys(ids, 7.5))
    assert pattern in str(caught.value)


def test_a_pattern_is_not_shown_where_it_fits_not_one_to_one(tmp_path):
    path = of(tmp_path / "p.star", "TS_1")
    for ids in (("TS_1_half1", "TS_1_half2"), ("TS_1_deconv", "TS_2"), ("TS_1_2",), ("TS_10",)):
        assert "say so of all such names" not in refusal(path, context(*ids))
    assert list(read(path, Context({"x": TomogramInfo("x", 7.5)}, names={"TS_*": "*", "TS_1": "x"}))) == ["x"]
