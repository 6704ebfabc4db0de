"""xmipp_graph_max_cut on real command lines."""

import numpy as np
import pandas as pd
import pytest

NAME = "graph_max_cut"


def test_signs_are_written_and_the_bound_is_said(done, tmp_path):
    weights = np.array([[5.0, 1, -1, 0], [1, 0, -1, 0], [-1, -1, 0, 0], [0, 0, 0, 0]])
    np.savez(tmp_path / "graph.npz", W=weights)
    for method in ("lowrank", "greedy"):
        printed = done(NAME, "-i", tmp_path / "graph.npz", "-o", tmp_path / f"{method}.csv", "--method", method)
        assert "value 6, bound 6: no signs are better; not satisfied: 0.000" in printed and "2 parts" in printed
        table = pd.read_csv(tmp_path / f"{method}.csv")
        assert table.to_numpy().tolist() == [[1, 1, 1], [2, 1, 1], [3, -1, 1], [4, 1, 2]]


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"V": np.eye(3)}, "has no array W"),
        ({"W": np.ones((2, 3))}, "must be a square matrix"),
        ({"W": np.array([[0, np.nan], [np.nan, 0]])}, "not numbers"),
        ({"W": np.array([[0, 1.0], [2, 0]])}, "without directions"),
        ({"W": np.array([["a", "b"], ["c", "d"]])}, "no npz file of numbers"),
        ({"W": np.array([[None, 1], [1, None]], dtype=object)}, "no npz file of numbers"),
        (None, "no npz file of numbers"),
    ],
)
def test_what_is_no_graph_is_refused_in_one_line(arrays, said, program, tmp_path):
    path = tmp_path / "graph.npz"
    if arrays is None:
        path.write_text("not a graph")
    else:
        np.savez(path, **arrays)
    run = program(NAME, "-i", path, "-o", tmp_path / "signs.csv")
    assert run.returncode == 2 and said in run.stderr and run.stderr.count("\n") == 1, run.stderr
    assert not (tmp_path / "signs.csv").exists()
