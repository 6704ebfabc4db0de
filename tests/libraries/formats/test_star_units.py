"""In which voxels the coordinates of a STAR file are, for each program that writes them, and what no program writes."""

import numpy as np
import pytest
from format_samples import RATE, SHIFTS, SIZE, XYZ, context, refusal, star

from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.registry import Context, read

WARP = star("optics", "OpticsGroup TomoTiltSeriesPixelSize ImagePixelSize", "1 1.5 12", "2 1.5 12") + star(
    "particles", f"TomoName {XYZ} {SHIFTS} OpticsGroup", "TS_1.tomostar 494.5 564 28 24 0 0 2"
)
MATCHED = star("", f"{XYZ} MicrographName AutopickFigureOfMerit", "0.5 0.25 0.75 TS_1.tomostar 9.5", "0.1 0.9 1 TS_1.tomostar 7")


def first(tmp_path, text: str, known: Context | None = None):
    """Position, x y z, and sampling rate of the first pick of a STAR file, and what was said of it."""
    known = known or Context()
    (tmp_path / "p.star").write_text(text)
    picks = next(iter(read(tmp_path / "p.star", known).values()))
    return picks.positions[0].tolist(), picks.sampling_rate, known.notes


def test_warp_exports_in_pixels_of_its_boxes_and_says_so(tmp_path):
    at, rate, notes = first(tmp_path, WARP)
    assert (at, rate) == ([492.5, 564, 28], 12)  # the shift of 24 Å in the same voxels
    assert "in rlnImagePixelSize, as Warp writes them, not in rlnTomoTiltSeriesPixelSize" in notes[0] and len(notes) == 1
    assert first(tmp_path, WARP.replace("TS_1.tomostar", "TS_1")) == ([478.5, 564, 28], 1.5, [])  # RELION 4
    (tmp_path / "p.star").write_text(WARP)
    assert "in voxels of 12 Å, and picks sampling rate says 1.5" in refusal(tmp_path / "p.star", Context(sampling_rate=1.5))


def test_fractions_of_warp_become_voxels_and_need_the_size(tmp_path):
    at, rate, notes = first(tmp_path, MATCHED, context())
    np.testing.assert_allclose(at, [0.5 * SIZE[0], 0.25 * SIZE[1], 0.75 * SIZE[2]])
    assert rate == RATE and "fractions of the tomogram" in notes[0]
    said: list[str] = []
    picks = read_pick_file(tmp_path / "p.star", {"TS_1": RATE}, sizes={"TS_1": SIZE}, notes=said)["TS_1"]
    np.testing.assert_allclose(picks.positions[1], [0.1 * SIZE[0], 0.9 * SIZE[1], SIZE[2]])
    assert picks.score.tolist() == [9.5, 7] and "fractions" in said[0]
    assert "fractions of the size of tomogram 'TS_1', whose size is not known" in refusal(tmp_path / "p.star", Context())


@pytest.mark.parametrize("name", ["p.star", "TS_1.csv", "TS_1.coords", "TS_1.txt", "TS_1_info.json", "p.xmd"])
def test_fractions_of_others_are_refused_in_every_format(tmp_path, name):
    texts = {
        ".star": MATCHED.replace(".tomostar", ""),
        ".csv": "x,y,z\n0.5,0.25,0.75\n",
        ".json": '{"boxes_3d": [[0.5, 0.25, 1]]}',
        ".xmd": "# XMIPP_STAR_1 * \n# \ndata_noname\nloop_\n _tiltSeriesId\n _x\n _y\n _z\nTS_1 0.5 0.25 0.75\n",
    }
    path = tmp_path / name
    path.write_text(texts.get(path.suffix, "0.5 0.25 0.75\n0 1 0.5\n"))
    assert "fractions of the tomogram, not voxels" in refusal(path, context())
    with pytest.raises(ValueError, match="fractions of the tomogram, not voxels"):
        read_pick_file(path, {"TS_1": RATE}, sizes={"TS_1": SIZE})


@pytest.mark.parametrize(
    ("labels", "values", "rate", "told"),
    [
        ("PixelSize DetectorPixelSize Magnification", "5 5 10000", 5, None),  # Warp's subtomograms
        ("MicrographPixelSize ImagePixelSize", "2 8", 2, None),
        ("ImagePixelSize", "8", 8, 2),  # of the boxes: the user may know better
        ("DetectorPixelSize Magnification", "14 35000", 4, 2),  # of the boxes, too
        ("DetectorPixelSize", "7.5", 7.5, None),  # pytom-match-pick
        ("TomoTiltSeriesPixelSize PixelSize", "4 4", 4, None),
    ],
)  # fmt: skip
def test_the_label_that_gives_the_unit(tmp_path, labels, values, rate, told):
    text = star("particles", f"TomoName {XYZ} {labels}", f"TS_1 10 20 30 {values}")
    assert first(tmp_path, text)[1] == pytest.approx(rate)
    other = Context(sampling_rate=2.0 if told else rate * 3)
    if told:
        assert first(tmp_path, text, other)[1] == told
    else:
        assert "leave it out, or correct the file" in refusal(tmp_path / "p.star", other)


@pytest.mark.parametrize(
    "labels", ["TomoTiltSeriesPixelSize PixelSize", "PixelSize ImagePixelSize", "TomoTiltSeriesPixelSize MicrographPixelSize"]
)
def test_labels_that_contradict_each_other_are_refused(tmp_path, labels):
    (tmp_path / "p.star").write_text(star("particles", f"TomoName {XYZ} {labels}", "TS_1 10 20 30 2 8"))
    said = refusal(tmp_path / "p.star", Context())
    assert "does not say in which voxels" in said and all(f"rln{label}" in said for label in labels.split())
