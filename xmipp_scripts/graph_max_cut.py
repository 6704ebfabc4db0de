"""xmipp_graph_max_cut: signs of the nodes of a weighted graph, with a bound on what any signs can reach."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError

from ._shared.program import Program, require_positive, run, say_result

if TYPE_CHECKING:
    import numpy as np

METHODS = ("lowrank", "greedy")
WEIGHTS = "W"  # name of the array
LARGEST = 4000  # nodes: the bound needs all eigenvalues of the graph
UNEVEN = 1e-6  # of the largest weight, by which W may differ from its transpose


def read_graph(path: str) -> np.ndarray:
    """(n, n) the weights of a graph, diagonal 0. Raises InputError for what is no graph."""
    import zipfile

    import numpy as np

    from tomo_particles.core.files import require_file

    require_file(path, "-i")
    try:
        with np.load(path, allow_pickle=False) as opened:
            if WEIGHTS not in opened:
                raise InputError(
                    f"-i: '{path}' has no array {WEIGHTS}; save the weights with numpy.savez(file, {WEIGHTS}=weights)"
                )
            weights = np.asarray(opened[WEIGHTS], dtype=float)
    except (ValueError, OSError, zipfile.BadZipFile, TypeError, EOFError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"-i: '{path}' is no npz file of numbers; save the weights with numpy.savez") from error
    if weights.ndim != 2 or weights.shape[0] != weights.shape[1] or not len(weights):
        raise InputError(f"-i: '{path}': {WEIGHTS} must be a square matrix, received the shape {weights.shape}")
    if len(weights) > LARGEST:
        raise InputError(f"-i: '{path}' has {len(weights)} nodes; at most {LARGEST} are possible")
    if not np.isfinite(weights).all():
        raise InputError(f"-i: '{path}' has weights that are not numbers; set them to 0 where there is no edge")
    if np.abs(weights - weights.T).max() > UNEVEN * max(float(np.abs(weights).max()), 1e-300):
        raise InputError(f"-i: '{path}': {WEIGHTS} must be the same along rows and columns; give a graph without directions")
    weights = (weights + weights.T) / 2
    np.fill_diagonal(weights, 0)
    return weights


class GraphMaxCut(Program):
    """Command line of `classification.max_cut`."""

    name = "xmipp_graph_max_cut"
    outputs = {"-o": "file"}

    def defineParams(self) -> None:
        self.addUsageLine("Give the nodes of a graph signs that satisfy as much of its weights as possible.")
        self.addUsageLine(
            "A positive weight wants equal signs, a negative one opposite signs. This is the maximum cut of the graph with the "
            "weights -W. Writes a table with the sign and the connected part of each node; signs of different parts do not "
            "compare. Prints the value s^T W s, a bound that no signs exceed, and the share of the weights not satisfied."
        )
        self.addParamsLine("  -i <file> : npz file with the symmetric matrix W; its diagonal does not count")
        self.addParamsLine("  -o <file> : table of the signs, CSV")
        self.addParamsLine(" [--method <method=lowrank>] : how the signs are found")
        self.addParamsLine("      where <method>")
        self.addParamsLine("        lowrank : relaxation of low rank, random planes, single flips")
        self.addParamsLine("        greedy : single flips alone")
        self.addParamsLine(" [--rounds <int=100>] : random planes")
        self.addParamsLine(" [--seed <int=1>] : seed of every random choice")
        self.addExampleLine("xmipp_graph_max_cut --method lowrank -i graph.npz -o signs.csv")

    def readParams(self) -> None:
        self.method, self.rounds, self.seed = self.getParam("--method"), self.integer("--rounds"), self.integer("--seed")
        require_positive(self.rounds, "--rounds")
        if self.seed < 0:
            raise InputError(f"--seed: must be 0 or more, received {self.seed}")

    def run(self) -> None:
        import pandas as pd

        from tomo_particles.classification.max_cut import greedy_cut, low_rank_cut
        from tomo_particles.core.files import write_csv_table

        weights = read_graph(self.getParam("-i"))
        cut = greedy_cut(weights) if self.method == "greedy" else low_rank_cut(weights, self.rounds, self.seed)
        table = pd.DataFrame({"node": range(1, len(weights) + 1), "sign": cut.signs, "part": cut.pieces + 1})
        write_csv_table(self.getParam("-o"), table)
        told = "no signs are better" if cut.optimal else "better signs may exist"
        say_result(f"value {cut.value:.6g}, bound {cut.bound:.6g}: {told}; not satisfied: {cut.frustration:.3f} of the weights")
        if (parts := int(cut.pieces.max()) + 1) > 1:
            say_result(f"note: the graph has {parts} parts without edges between them; signs of different parts do not compare")


def main() -> int:
    """Console script."""
    return run(GraphMaxCut)


if __name__ == "__main__":
    sys.exit(main())
