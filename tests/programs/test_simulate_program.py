"""xmipp_simulate_tomo by its command line: every promised file, the same truth in all of them, and what is refused."""

import json
import re
from contextlib import redirect_stdout
from io import StringIO

import mrcfile
import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import open_tomogram, write_volume
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.simulation import builtin_complexes
from xmipp_scripts.simulate_tomo import SimulationConfig, simulate

NAME = "simulate_tomo"
SMALL = {"size": (64, 48, 40), "counts": (2,), "beads": 1, "vesicles": 0, "tilts": (-40.0, 40.0, 20.0)}


def simulated(folder, **options):
    """Run the program's file-to-file function, which costs less than a process; returns what it said."""
    with redirect_stdout(StringIO()) as said:
        simulate(SimulationConfig(odir=str(folder), **(SMALL | options)))
    return said.getvalue().splitlines()


def volume(path):
    with mrcfile.open(path) as opened:
        return opened.data.copy(), float(opened.voxel_size.x), int(opened.header.mode)


@pytest.fixture(scope="module")
def folder(done, tmp_path_factory):
    """Two small tomograms, and what the program said while making them."""
    folder = tmp_path_factory.mktemp("simulated") / "new" / "folder"
    said = done(
        NAME,
        "--odir",
        folder,
        "--tomograms",
        2,
        "--size",
        80,
        64,
        48,
        "--counts",
        3,
        "--beads",
        2,
        "--vesicles",
        1,
        "--tilts",
        -60,
        60,
        6,
        "--snr",
        0.5,
        "--prefix",
        "TS",
        "--seed",
        7,
    )
    return folder, said


def test_every_promised_file_is_there_and_nothing_else(folder):
    files = {str(path.relative_to(folder[0])) for path in folder[0].rglob("[!.]*") if path.is_file()}
    once = {"ground_truth.csv", "ground_truth.xmd", "classes.csv", "simulation.json"}
    templates = {f"templates/{which.name}.mrc" for which in builtin_complexes(10.0)}
    each = {
        name
        for i in (1, 2)
        for name in (
            f"TS_{i}.mrc",
            f"TS_{i}_classes.mrc",
            f"TS_{i}_occupancy.mrc",
            f"TS_{i}.png",
            f"tilt_series/TS_{i}.mrc",
            f"tilt_series/TS_{i}.rawtlt",
        )
    }
    assert files == once | templates | each


def test_one_line_a_tomogram_with_its_seconds(folder):
    lines = [rf"^TS_{i}: \d+ objects.*\d s \({i} of 2 tomograms\)$" for i in (1, 2, 3)]
    assert [bool(re.search(line, folder[1], re.MULTILINE)) for line in lines] == [True, True, False]


def test_volumes_have_the_agreed_shapes_types_and_rates(folder):
    tomogram, rate, mode = volume(folder[0] / "TS_1.mrc")
    assert tomogram.shape == (48, 64, 80) and rate == pytest.approx(10) and mode == 2
    assert volume(folder[0] / "TS_1_classes.mrc")[2] == 0 and volume(folder[0] / "TS_1_occupancy.mrc")[2] == 6
    images, _, mode = volume(folder[0] / "tilt_series" / "TS_2.mrc")
    angles = np.loadtxt(folder[0] / "tilt_series" / "TS_2.rawtlt")
    assert images.shape == (21, 64, 80) and mode == 2 and angles == pytest.approx(np.arange(-60, 61, 6))
    with open_tomogram(folder[0] / "templates" / "rod.mrc") as template:
        assert len(set(template.data.shape)) == 1 and template.sampling_rate == 10 and template.data.max() > 1


def test_table_classes_and_volumes_tell_the_same_truth(folder):
    truth = pd.read_csv(folder[0] / "ground_truth.csv")
    classes = pd.read_csv(folder[0] / "classes.csv").set_index("class")
    assert list(truth) == ["tomo_id", "particle", "x", "y", "z", "class", "rot", "tilt", "psi", "samplingRate"]
    for tomo_id, rows in truth.groupby("tomo_id"):
        occupancy = volume(folder[0] / f"{tomo_id}_occupancy.mrc")[0]
        labels = volume(folder[0] / f"{tomo_id}_classes.mrc")[0]
        assert rows["particle"].tolist() == list(range(1, len(rows) + 1))
        for number, name in zip(rows["particle"], rows["class"], strict=True):
            assert set(labels[occupancy == number]) == {classes.loc[name, "id"]}
    assert classes.index[classes["distractor"] == 1].tolist() == ["bead", "vesicle", "carbon", "contaminant"]
    assert classes["id"].tolist() == list(range(1, len(classes) + 1))
    assert truth.loc[truth["class"].isin(["bead", "vesicle"]), "rot"].isna().all()


def test_both_tables_are_read_as_picks_and_agree(folder):
    rates = {"TS_1": 10.0, "TS_2": 10.0}
    from_csv, from_xmd = (read_pick_file(folder[0] / f"ground_truth.{end}", rates) for end in ("csv", "xmd"))
    for name in rates:
        assert from_csv[name].positions == pytest.approx(from_xmd[name].positions)
        assert from_csv[name].angles == pytest.approx(from_xmd[name].angles, abs=1e-3, nan_ok=True)
        assert list(from_csv[name].species) == list(from_xmd[name].species)


def test_proteins_are_dark_in_the_tomogram(folder):
    tomogram, occupancy = volume(folder[0] / "TS_1.mrc")[0], volume(folder[0] / "TS_1_occupancy.mrc")[0]
    truth = pd.read_csv(folder[0] / "ground_truth.csv").query("tomo_id == 'TS_1'")
    proteins = np.isin(occupancy, truth.loc[~truth["class"].isin(["bead", "vesicle"]), "particle"])
    assert tomogram[proteins].mean() < tomogram[occupancy == 0].mean() - 0.1 * tomogram[occupancy == 0].std()


def test_the_picture_shows_the_classes_of_a_slice(folder):
    picture = imread(folder[0] / "TS_1.png")[..., :3]
    colours = {tuple(colour) for colour in (picture[::3, ::3].reshape(-1, 3) * 255).astype(int) if np.ptp(colour) > 60}
    assert picture.shape[1] > 1200 and len(colours) >= 5


def test_the_parameters_are_recorded(folder):
    recorded = json.loads((folder[0] / "simulation.json").read_text())
    assert recorded["parameters"]["seed"] == 7 and recorded["parameters"]["snr"] == 0.5 and recorded["version"]
    assert [row["tomogram"] for row in recorded["tomograms"]] == ["TS_1", "TS_2"] and recorded["seconds"] > 0
    assert "randomSeed" in (folder[0] / "ground_truth.xmd").read_text()


def test_a_tomogram_depends_on_seed_and_name_only(tmp_path):
    # Not on how many are made, nor on the number of threads
    simulated(tmp_path / "one", threads=1)
    simulated(tmp_path / "two", tomograms=2)
    simulated(tmp_path / "other", seed=2)
    first, again, second, other = (
        volume(tmp_path / path)[0] for path in ("one/tomo_1.mrc", "two/tomo_1.mrc", "two/tomo_2.mrc", "other/tomo_1.mrc")
    )
    assert np.array_equal(first, again) and not np.array_equal(first, second) and not np.array_equal(first, other)


def test_maps_become_classes_and_multislice_runs(tmp_path):
    complexes = builtin_complexes(8.0)[2:4]
    for which, name in zip(complexes, ("big", "1bxn"), strict=True):
        write_volume(tmp_path / f"{name}.mrc", np.pad(300 * which.density, 6), 8.0)
    maps = tuple(str(tmp_path / f"{name}.mrc") for name in ("big", "1bxn"))
    said = simulated(tmp_path / "out", maps=maps, counts=(1, 2), beads=0, multislice=True)
    assert "1 big, 2 1bxn" in said[0]
    truth = pd.read_csv(tmp_path / "out" / "ground_truth.csv")
    assert truth["class"].value_counts().to_dict() == {"1bxn": 2, "big": 1}
    classes = pd.read_csv(tmp_path / "out" / "classes.csv").set_index("class")
    assert classes.loc["1bxn", "molecular_weight"] == 559.96 and classes.loc["big", "molecular_weight"] > 50


def test_what_does_not_fit_is_said(tmp_path):
    write_volume(tmp_path / "ball.mrc", builtin_complexes(10.0)[3].density, 10.0)
    said = simulated(tmp_path, size=(40, 40, 40), maps=(str(tmp_path / "ball.mrc"),), counts=(40,))
    assert re.search(r"tomo_1: .*\d+ of 40 ball fitted.* s$", said[1])
    assert "of 40 ball fitted" in json.loads((tmp_path / "simulation.json").read_text())["tomograms"][0]["notes"][0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--size", 16, 64, 64], ["--size", "32"]),
        (["--tilts", 60, -60, 3], ["--tilts", "rise"]),
        (["--counts", 3, 4], ["--counts", "7 complexes", "received 2"]),
        (["--counts", -1], ["--counts", "0 or more"]),
        (["--counts", "many"], ["--counts", "whole numbers", "many"]),
        (["--samplingrate", 80], ["--samplingrate", "too coarse"]),
        (["--amplitudecontrast", 8], ["--amplitudecontrast", "fraction"]),
        (["--maps", "absent.mrc"], ["--maps", "absent.mrc", "does not exist"]),
        (["--maps", "text.mrc", "absent.mrc"], ["--maps", "absent.mrc", "does not exist"]),  # before any is read
        (["--maps", "text.mrc", "--counts", 1, 2], ["--counts", "1 complexes", "received 2"]),
        (["--maps", "flat.mrc"], ["--maps", "flat.mrc", "cubic"]),
        (["--maps", "rateless.mrc"], ["--maps", "rateless.mrc", "no voxel size"]),
        (["--maps", "text.mrc"], ["--maps", "text.mrc", "not a complete MRC"]),
        (["--maps", "good.mrc", "good.mrc"], ["--maps", "'good'", "two meanings"]),
        (["--maps", "long.mrc", "--tilts", -40, 40, 40], ["--size", "not one particle"]),
    ],
)
def test_wrong_input_is_one_line(refused, tmp_path, arguments, words):
    (tmp_path / "text.mrc").write_text("no map " * 400)
    good = np.pad(np.ones((9, 9, 9), dtype=np.float32), 4)
    long = np.pad(np.ones((40, 34, 34), dtype=np.float32), 3)
    for name, data, rate in (("flat", np.zeros((8, 64, 64)), 10), ("rateless", good, 0), ("good", good, 10), ("long", long, 10)):
        write_volume(tmp_path / f"{name}.mrc", data, rate)
    rest = () if "--size" in arguments else ("--size", 64, 64, 32)
    refused(NAME, "--odir", "out", *rest, *arguments, words=words, folder=tmp_path, cwd=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"tomograms": 0}, "--tomograms"),
        ({"size": (64, 64, 4000)}, "--size"),
        ({"sampling_rate": -10}, "--samplingrate"),
        ({"beads": -1}, "--beads"),
        ({"vesicles": -2}, "--vesicles"),
        ({"counts": (0, 0)}, "--counts"),
        ({"ice_noise": -0.1}, "--icenoise"),
        ({"ice_noise": float("nan")}, "--icenoise"),
        ({"envelope": 0}, "--envelope"),
        ({"prefix": "a/b"}, "--prefix"),
        ({"prefix": ""}, "--prefix"),
        ({"seed": -1}, "--seed"),
        ({"threads": 0}, "--threads"),
        ({"snr": 0}, "snr"),
        ({"structural_noise": -0.1}, "structural noise"),
        ({"tilts": (-90, 90, 3)}, "tilts"),
        ({"tilts": (-60, 60, 0)}, "tilts"),
        ({"voltage": 0}, "voltage"),
        ({"defocus": 3000}, "defocus"),
    ],
)
def test_impossible_values_are_refused_by_their_option(tmp_path, options, word):
    with pytest.raises(InputError, match=word):
        simulated(tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["bead", "two words"])
def test_a_map_whose_name_cannot_be_a_class_is_refused(tmp_path, name):
    write_volume(tmp_path / f"{name}.mrc", np.pad(np.ones((9, 9, 9), dtype=np.float32), 4), 10.0)
    with pytest.raises(InputError, match=f"--maps.*'{name}'.*rename"):
        simulated(tmp_path / "out", maps=(str(tmp_path / f"{name}.mrc"),))


def test_a_folder_with_a_ground_truth_is_never_written_to(refused, folder):
    words = ["--odir", "already holds a ground_truth.csv", "new folder"]
    refused(NAME, "--odir", folder[0], "--size", 64, 64, 40, words=words, folder=folder[0])
