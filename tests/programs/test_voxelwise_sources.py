"""What a voxel-wise picker learns from a finished consensus and from a simulation."""

from contextlib import ExitStack

import finished_run
import numpy as np
import pandas as pd
import pytest
from finished_run import PICKS, RATE, TOMOGRAMS, make_protocol_run, make_run

from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from tomo_particles.testing.synthetic import simulate_tomogram
from xmipp_scripts._voxelwise.sources import UNLABELLED, TrainingSet, read_training_set
from xmipp_scripts._voxelwise.train_config import TrainConfig
from xmipp_scripts._voxelwise.training import _description, _digest


def training_set(**options) -> tuple[TrainingSet, list[str]]:
    notes: list[str] = []
    with ExitStack() as files:
        return read_training_set(TrainConfig(output="m.h5", **options), files, notes), notes


@pytest.fixture
def many(monkeypatch):
    """A run with three times as many picks as the one that is at hand."""
    monkeypatch.setattr(finished_run, "PICKS", PICKS * 3)


@pytest.mark.parametrize("make", [make_run, make_protocol_run])
def test_a_consensus_teaches_what_it_accepts_and_what_it_refuses(make, many, tmp_path):
    data, _ = training_set(consensus=str(make(tmp_path)), diameter=80.0)
    assert [t.tomo_id for t in data.tomograms] == list(TOMOGRAMS) and data.classes[0].radius == pytest.approx(0.43 * 80)
    for labels in data.labels:
        assert labels.rest == UNLABELLED["consensus"] == 0.5
        by_value = pd.Series(labels.value).round(2).value_counts().to_dict()
        # three times 5 of 0.95, 3 of 0.8, one reference (1); doubtful (0.4) and refused ones (0.1, a negative reference) have 0
        assert by_value == {0.95: 15, 0.8: 9, 1.0: 3, 0.0: 33}
        doubtful = labels.weight == 0
        assert doubtful.sum() == 12 and (labels.classes[doubtful] == 1).all()
        assert ((labels.classes == 0) & (labels.weight == 1)).sum() == 21  # hard negatives


def test_doubtful_picks_can_teach_softly(many, tmp_path):
    data, _ = training_set(consensus=str(make_run(tmp_path)), diameter=80.0, soft=True)
    doubtful = np.isclose(data.labels[0].value, 0.4)
    assert doubtful.sum() == 12 and data.labels[0].weight[doubtful] == pytest.approx(0.2)


def test_a_consensus_of_few_accepted_picks_is_refused(tmp_path):
    with pytest.raises(InputError, match="has 18 picks with a score of"):
        training_set(consensus=str(make_run(tmp_path)), diameter=80.0)


def simulation(folder, *rows) -> str:
    rng = np.random.default_rng(0)
    for name in ("tomo_1", "tomo_2"):
        write_volume(folder / f"{name}.mrc", rng.normal(size=(20, 30, 40)), RATE)
    table = [(name, 1, *row) for name in ("tomo_1", "tomo_2") for row in rows]
    pd.DataFrame(table, columns=["tomo_id", "particle", "x", "y", "z", "class"]).to_csv(folder / "ground_truth.csv", index=False)
    (folder / "classes.csv").write_text("id,class,diameter,voxels,distractor\n1,a,100,200,0\n2,b,100,,0\n3,bead,100,,1\n")
    return str(folder)


def test_a_simulation_knows_everything_and_its_distractors_are_no_particles(tmp_path):
    rows = [(5, 6, 7, "a"), (20, 20, 10, "b"), (30, 9, 9, "bead")]
    data, notes = training_set(simulation=simulation(tmp_path, *rows))
    assert [one.name for one in data.classes] == ["a", "b"]
    assert data.classes[0].radius == pytest.approx(RATE * (3 * 200 / 4 / np.pi) ** (1 / 3)) and data.classes[1].radius == 43
    assert data.labels[0].classes.tolist() == [1, 2, 0] and data.labels[0].value.tolist() == [1, 1, 0]
    assert data.labels[0].rest == 1 and "class 'a' has 2 particles: too few to learn it well" in notes
    assert not any("surroundings" in note for note in notes)  # of noise: but the places of a simulation are right


def test_a_recipe_that_removes_noise_needs_the_density(tmp_path):
    folder = simulation(tmp_path, (5, 6, 7, "a"), (20, 20, 10, "b"))
    with pytest.raises(InputError, match=r"tomo_1_density.mrc', from which this recipe learns; simulate again, with densities"):
        training_set(simulation=folder, recipe="umc")
    for name in ("tomo_1", "tomo_2"):
        density = np.zeros((20, 30, 40))
        density[5:9] = np.random.default_rng(1).normal(2, 0.1, (4, 30, 40))  # equal voxels would be places without data
        write_volume(tmp_path / f"{name}_density.mrc", density, RATE)
    data, _ = training_set(simulation=folder, recipe="umc")
    grey, _ = data.densities[1].crop(np.zeros(3, dtype=int), (20, 30, 40))
    assert grey[0, 0, 0] == 0 and grey[4, 3, 3] == 0 and grey[8, 3, 3] == pytest.approx(density[8, 3, 3] / density.std())
    with pytest.raises(InputError, match="which only --simulation has"):
        TrainConfig("m.h5", ("t.mrc",), "p.csv", diameter=80.0, recipe="umc")


def test_shapes_come_from_the_maps_and_the_angles_of_a_simulation(tmp_path):
    folder = simulation(tmp_path, (5, 6, 7, "a"), (20, 20, 10, "b"), (30, 9, 9, "bead"))
    with pytest.raises(InputError, match=r"--target: shape needs '.*templates/a.mrc', which does not exist; simulate again"):
        training_set(simulation=folder, target="shape")
    density = np.zeros((15, 15, 15), dtype=np.float32)
    density[6:9, 6:9, 4:12] = np.arange(1, 9)  # 72 voxels, the densest at large x
    for name in "ab":
        write_volume(tmp_path / "templates" / f"{name}.mrc", density, RATE)
    with pytest.raises(InputError, match="--target: shape needs the angles of all particles"):
        training_set(simulation=folder, target="shape")
    table = pd.read_csv(tmp_path / "ground_truth.csv")
    table[["rot", "tilt", "psi"]] = [[90.0, 0, 0], [0, 0, 0], [np.nan] * 3] * 2
    table.to_csv(tmp_path / "ground_truth.csv", index=False)
    data, _ = training_set(simulation=folder, target="shape")
    assert data.shapes[0].places.sum() == 200 and data.shapes[0].places[6:9, 6:9, 4:12].all()  # as many as the table says
    assert data.labels[0].turns[0] == pytest.approx(np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]]), abs=1e-6)
    with pytest.raises(InputError, match="needs the maps and the angles of --simulation; choose sphere"):
        TrainConfig("m.h5", ("t.mrc",), "p.csv", diameter=80.0, target="shape")


def test_places_of_a_simulation_are_called_by_its_option(tmp_path):
    folder = simulation(tmp_path, (5, 6, 7, "a"), (20, 20, 10, "b"), (25, 20, 10, "c"))
    with pytest.raises(InputError, match="--simulation: tomogram 'tomo_1': the class 'c' is not in the table of --simulation"):
        training_set(simulation=folder)


def test_what_is_always_a_distractor_is_no_particle_where_there_is_one_class(tmp_path):
    folder = simulation(tmp_path, (5, 6, 7, "a"), (20, 20, 10, "bead"))
    tomograms = tuple(f"{folder}/{name}.mrc" for name in ("tomo_1", "tomo_2"))
    data, _ = training_set(tomograms=tomograms, coordinates=f"{folder}/ground_truth.csv", diameter=80.0)
    assert data.labels[0].classes.tolist() == [1, 0] and data.labels[0].value.tolist() == [1, 0]
    with pytest.raises(InputError, match="--diameter: has no meaning with --simulation"):
        TrainConfig("m.h5", simulation=folder, diameter=80.0)


@pytest.mark.parametrize(
    ("diameter", "words"),
    [(0.5, "Å are 0.05 voxels of '.*tomo_1.mrc'"), (25.0, "too few to tell"), (8000.0, "800 voxels, more than .* is thick")],
)
def test_particles_that_no_tomogram_can_show_are_refused(tmp_path, diameter, words):
    folder = simulation(tmp_path, (5, 6, 7, "a"), (20, 20, 10, "b"))
    with pytest.raises(InputError, match=f"--diameter: {diameter:g} .*{words}" if diameter != 0.5 else words):
        training_set(tomograms=(f"{folder}/tomo_1.mrc",), coordinates=f"{folder}/ground_truth.csv", diameter=diameter)
    (tmp_path / "classes.csv").write_text(f"class,diameter,distractor\na,100,0\nb,{diameter},0\nbead,1,1\n")
    with pytest.raises(InputError, match="--simulation: class 'b': "):
        training_set(simulation=folder)


def test_coordinates_that_do_not_belong_to_their_tomograms_are_said(tmp_path):
    rng, names = np.random.default_rng(5), ("TS_1", "TS_2", "TS_3")
    places = {}
    for name in names:
        made = simulate_tomogram((64, 64, 32), {"target": 14}, rng=rng, radius=4.0, noise=0.1, sampling_rate=RATE)
        write_volume(tmp_path / f"{name}.mrc", made.volume, RATE)
        places[name] = made.positions["target"]

    def notes(positions: dict) -> str:
        rows = [(name, *place) for name, own in positions.items() for place in own]
        pd.DataFrame(rows, columns=["tomo_id", "x", "y", "z"]).to_csv(tmp_path / "picks.csv", index=False)
        tomograms = tuple(f"{tmp_path}/{name}.mrc" for name in names)
        return "\n".join(training_set(tomograms=tomograms, coordinates=str(tmp_path / "picks.csv"), diameter=80.0)[1])

    assert notes(places) == ""
    wrong = {
        "binned": {name: own / 2 for name, own in places.items()},
        "axes": {name: own[:, [1, 0, 2]] for name, own in places.items()},
        "ids": dict(zip(names, [places["TS_2"], places["TS_3"], places["TS_1"]], strict=True)),
    }
    for positions in wrong.values():
        said = (
            "the labelled places of 'TS_1', 'TS_2', 'TS_3' look like their surroundings: check the sampling rate, the axis order"
        )
        assert said in notes(positions)
    assert "the labelled places of 'TS_3' look like" in notes({**places, "TS_3": places["TS_1"]})


def test_tomograms_without_coordinates_are_left_out_and_named(tmp_path):
    folder = simulation(tmp_path, (5, 6, 7, "a"), (20, 20, 10, "b"))
    table = pd.read_csv(tmp_path / "ground_truth.csv")
    table[table["tomo_id"] == "tomo_1"].to_csv(tmp_path / "one.csv", index=False)
    tomograms = tuple(f"{folder}/{name}.mrc" for name in ("tomo_1", "tomo_2"))
    data, notes = training_set(tomograms=tomograms, coordinates=str(tmp_path / "one.csv"), diameter=80.0, partial=True)
    assert [t.tomo_id for t in data.tomograms] == ["tomo_1"] and any("no coordinates for 'tomo_2'" in note for note in notes)
    assert data.labels[0].rest == 0.3 and data.labels[0].classes.tolist() == [1, 1]


def test_a_tomogram_without_particles_has_a_fold_and_labels_decide_which_training_goes_on(tmp_path):
    rows = [(5, 6, 7, "a"), (20, 20, 10, "b"), (30, 9, 9, "bead"), (12, 12, 12, "a")]
    folder = simulation(tmp_path, *rows)
    table = pd.read_csv(tmp_path / "ground_truth.csv")
    rng = np.random.default_rng(1)
    for name in ("bare_1", "bare_2", "bare_3"):
        write_volume(tmp_path / f"{name}.mrc", rng.normal(size=(20, 30, 40)), RATE)
        table.loc[len(table)] = (name, 1, 9, 9, 9, "bead")
    table.to_csv(tmp_path / "ground_truth.csv", index=False)
    config = TrainConfig("m.h5", simulation=folder, folds=2)
    data, _ = training_set(simulation=folder, folds=2)
    model = _description(config, data, [])
    folds = {region.tomo_id: region.fold for region in model.regions}
    assert folds == {"tomo_1": 0, "tomo_2": 1, "bare_1": 0, "bare_2": 1, "bare_3": 0}
    assert _description(TrainConfig("m.h5", simulation=folder, folds=1), data, []).regions == ()
    before = _digest(data, None)
    table.loc[0, "x"] += 1
    table.to_csv(tmp_path / "ground_truth.csv", index=False)
    (tmp_path / "start.h5").write_bytes(b"weights")
    moved, _ = training_set(simulation=folder, folds=2)
    digests = {before, _digest(moved, None), _digest(data, str(tmp_path / "start.h5"))}
    assert _digest(data, None) == before and len(digests) == 3


def test_hollow_particles_are_as_dark_as_their_wall(tmp_path):
    """The middle of a dark shell is bright: the whole particle counts."""
    rng = np.random.default_rng(3)
    z, y, x = np.indices((32, 64, 64))
    places = [(16, 16, 16), (48, 16, 14), (16, 48, 15), (48, 48, 17)]
    volume = rng.normal(0, 0.3, z.shape)
    for place in places:
        away = np.sqrt((x - place[0]) ** 2 + (y - place[1]) ** 2 + (z - place[2]) ** 2)
        volume -= 3 * np.exp(-((away - 5.5) ** 2) / 1.5) - 0.8 * (away < 3.5)
    write_volume(tmp_path / "TS_1.mrc", volume.astype(np.float32), RATE)
    pd.DataFrame([("TS_1", *place) for place in places], columns=["tomo_id", "x", "y", "z"]).to_csv(
        tmp_path / "p.csv", index=False
    )
    given = {"tomograms": (str(tmp_path / "TS_1.mrc"),), "coordinates": str(tmp_path / "p.csv"), "diameter": 140.0}
    data, notes = training_set(**given)
    assert not data.tomograms[0].bright and "brighter" not in "\n".join(notes)
    write_volume(tmp_path / "TS_1.mrc", -volume.astype(np.float32), RATE)
    data, notes = training_set(**given)
    assert data.tomograms[0].bright and "brighter" in "\n".join(notes)
