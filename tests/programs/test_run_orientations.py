"""Orientations, classes and who said what: from the files of pickers, through the run program, to a RELION star."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.transform import Rotation

from tomo_particles.formats.xmd import read_table
from tomo_particles.geometry.orientation_means import angles_between
from tomo_particles.geometry.orientations import angles_of, rotation_of
from tomo_particles.geometry.symmetry import symmetry_group

RATE = 10.0
PLACES = np.array([[15, 15, 15], [45, 15, 20], [15, 40, 20], [45, 40, 20.0]])
D2 = symmetry_group("d2")
TRUTH = Rotation.random(len(PLACES), 1)


@pytest.fixture(scope="module")
def run(done, scene, tmp_path_factory):
    """Output folder of a run by votes of four pickers.

    Two agree up to the symmetry d2, one of them in RELION's centred Å; one has another reference; one knows no orientations.
    """
    folder, rng = tmp_path_factory.mktemp("oriented"), np.random.default_rng(0)
    copies = D2[rng.integers(0, 4, len(PLACES))]
    pickers = {
        "one": angles_of(TRUTH * Rotation.from_rotvec([2, 0, 0], degrees=True)),
        "two": angles_of(TRUTH * copies * Rotation.from_rotvec([0, 1, 0], degrees=True)),
        "other": angles_of(Rotation.random(len(PLACES), 7)),
    }
    classes = {"one": "ribosome", "two": "ribosome", "other": "membrane", "bare": ""}
    for name in classes:
        table = pd.DataFrame(PLACES + rng.normal(0, 0.2, PLACES.shape), columns=list("xyz")).assign(tomo_id="TS_1")
        table = table.assign(score=0.6 if name == "one" else 0.5, group=np.arange(1, 5), **{"class": classes[name]})
        if name in pickers:
            table[["rot", "tilt", "psi"]] = pickers[name]
        table.to_csv(folder / f"{name}.csv", index=False)
    tomogram = scene.tomogram("TS_1")
    to_relion = ("-i", folder / "two.csv", "-o", folder / "two.star", "--to", "relion5")
    done("convert_coordinates_tomo", "--tomograms", tomogram, *to_relion)
    files = [folder / name for name in ("one.csv", "two.star", "other.csv", "bare.csv")]
    arguments = ("--tomograms", tomogram, "--picks", *files, "--boxsize", 12, "--odir", folder / "out", "--voting", "--noReport")
    text = done("run_deep_consensus_tomo", *arguments, "--symmetry", "D2")
    return folder / "out", text


def test_orientation_class_group_and_pickers_reach_the_files(run):
    out, _ = run
    rows, xmd = pd.read_csv(out / "accepted.csv"), read_table(out / "accepted.xmd")
    assert len(rows) == len(PLACES) and set(rows["support"]) == {4}
    at = [int(np.argmin(np.linalg.norm(PLACES - place, axis=1))) for place in rows[["x", "y", "z"]].to_numpy()]
    assert angles_between(rotation_of(rows[["rot", "tilt", "psi"]].to_numpy()), TRUTH[at], D2).max() < 1.2
    assert rows["orientation_disagreement"].between(1, 60).all()
    assert set(rows["class"]) == {"ribosome"}  # RELION's star does not say it: one against one, of the best-scored
    assert rows["group"].tolist() == [place + 1 for place in at]
    assert set(rows["pickers"]) == {"one+two+other+bare"} and set(rows["picker_scores"]) == {"0.6+0.5+0.5+0.5"}
    assert (xmd["comment"], xmd["keywords"]) == (rows["pickers"].tolist(), rows["picker_scores"].tolist())
    assert (xmd["imageRef"], xmd["ref2"]) == (rows["class"].tolist(), rows["group"].tolist())
    for label, name in (("angleRot", "rot"), ("anglePsi", "psi"), ("angleDiff", "orientation_disagreement")):
        assert xmd[label] == pytest.approx(rows[name].tolist(), abs=1e-3)


def test_the_picker_with_another_reference_is_named(run):
    out, text = run
    found = json.loads((out / "summary.json").read_text())
    orientations = found["orientations"]
    assert (orientations["symmetry"], orientations["accepted"], orientations["compared"]) == ("D2", 4, 4)
    assert max(orientations["pickers"][name] for name in ("one", "two")) < 2 < 30 < orientations["pickers"]["other"]
    assert "bare" not in orientations["pickers"]
    assert [note for note in found["notes"] if "'other'" in note] == found["notes"] and "note: the orientations" in text
    assert not (out / "report.html").exists()


def test_accepted_picks_become_a_star_of_relion(run, done, scene, tmp_path):
    out, _ = run
    star = tmp_path / "particles.star"
    to_relion = ("-i", out / "accepted.xmd", "-o", star, "--to", "relion5")
    done("convert_coordinates_tomo", "--tomograms", scene.tomogram("TS_1"), *to_relion)
    words = [line.split() for line in star.read_text().splitlines()]
    names = [line[0][1:] for line in words if line and line[0].startswith("_rln")]
    particles = pd.DataFrame([line for line in words if len(line) == len(names)], columns=names).drop(columns="rlnTomoName")
    particles, rows = particles.drop(columns="rlnTomoParticleName").astype(float), pd.read_csv(out / "accepted.csv")
    size = np.array(scene.simulations["TS_1"].volume.shape[::-1])
    centred = particles[[f"rlnCenteredCoordinate{axis}Angst" for axis in "XYZ"]].to_numpy()
    np.testing.assert_allclose(centred / RATE + size / 2, rows[["x", "y", "z"]].to_numpy(), atol=1e-3)
    for name in ("Rot", "Tilt", "Psi"):
        np.testing.assert_allclose(particles[f"rlnAngle{name}"], rows[name.lower()], atol=1e-3)
