"""The table of known: weights, diameters, distractors, size groups."""

import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.evaluation.particle_classes import Species, mean_f1_by_group, radii_of, read_species

HEADER = "id,class,molecular_weight,diameter,voxels,distractor"


def table(tmp_path, *rows: str, header: str = HEADER):
    path = tmp_path / "classes.csv"
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def weighing(weight: float) -> Species:
    return Species("c", weight, 100.0, False)


@pytest.mark.parametrize(
    ("weight", "group"),
    [(42.75, "small"), (199.9, "small"), (200, "medium"), (600, "medium"), (600.1, "large"), (1953, "large"), (np.nan, "")],
)
def test_size_groups(weight, group):
    assert weighing(weight).size_group == group


def test_the_group_means_of_the_paper():
    """UMC in tables 4 and 6."""
    weights = (42.75, 62.62, 84.61, 158.08, 188.73, 236.11, 238.82, 541.74, 559.96, 593.36, 1309.28, 1952.74)
    f1 = (0.661, 0.827, 0.839, 0.947, 0.855, 0.873, 0.899, 0.981, 0.997, 0.98, 1, 0.997)
    names = [f"class {i}" for i in range(12)]
    known = {name: Species(name, weight, 90.0, False) for name, weight in zip(names, weights, strict=True)}
    means = mean_f1_by_group(dict(zip(names, f1, strict=True)), known)
    assert means == pytest.approx({"small": 0.826, "medium": 0.946, "large": 0.999}, abs=6e-4)


def test_a_table_is_read_and_beads_are_distractors(tmp_path):
    found = read_species(table(tmp_path, "1,007,42.75,60,100,0", "2,bead,,100,4,", "3,carbon,,50,4,1"))
    assert found["007"] == Species("007", 42.75, 60.0, False)
    assert [name for name, one in found.items() if one.distractor] == ["bead", "carbon"]
    assert found["bead"].size_group == ""
    assert radii_of(["007", "bead", "007"], found, 5.0).tolist() == [6, 10, 6]
    assert mean_f1_by_group({"bead": 1.0, "unknown": 1.0}, found) == {}


def test_two_columns_are_enough(tmp_path):
    assert read_species(table(tmp_path, "a,60", header="class,diameter"))["a"].diameter == 60


@pytest.mark.parametrize(
    ("rows", "header", "said"),
    [
        (["a,5"], "class,weight", "lacks the column diameter"),
        (["1,a,5,0,1,0"], HEADER, "class 'a': diameter is '0'"),
        (["1,a,5,wide,1,0"], HEADER, "class 'a': diameter"),
        (["1,a,5,9,1,0", "2,a,5,9,1,0"], HEADER, "several rows for the class 'a'"),
    ],
)
def test_a_bad_table_is_refused(tmp_path, rows, header, said):
    path = table(tmp_path, *rows, header=header)
    with pytest.raises(InputError, match=said) as caught:
        read_species(path)
    assert "classes: " in str(caught.value) and str(path) in str(caught.value)
