"""xmipp_coordinates_consensus_tomo: merge the picks of one tomogram and label them by the pickers' agreement."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomo_particles.consensus.merged_picks import REFERENCE, write_pickers, write_scores
from tomo_particles.core.errors import InputError, parameter

from ._shared.program import Program, require_box_size, require_positive, run, say_result

if TYPE_CHECKING:
    import numpy as np
    from scipy.spatial.transform import Rotation

    from tomo_particles.core.picks import Picks

SYMMETRY_HELP = (
    "symmetry of the particle, used to average the orientations that pickers give: c1, c2..., d2..., t, o, i1 or i2, axes as in "
    "Xmipp and RELION"
)


@dataclass(frozen=True)
class ConsensusConfig:
    """One tomogram's consensus; radius is a fraction of the box, box_size voxels of sampling_rate Å."""

    input: str
    output_pos: str
    output_doubt: str
    output_all: str
    box_size: int
    sampling_rate: float
    radius: float
    number: int
    output_neg: str | None = None
    representative: int = 2
    truth: str | None = None
    lie: str | None = None
    starting_id: int = 1
    symmetry: str = "c1"
    derived: str | None = None
    output_derived: str | None = None

    def __post_init__(self) -> None:
        require_box_size(self.box_size)
        require_positive(self.sampling_rate, parameter("sampling_rate"), "Å/voxel")
        require_positive(self.radius, parameter("radius"), "fraction of the box size")
        require_positive(self.number, parameter("number_of_agreeing_pickers"), "distinct pickers")
        if self.representative not in (0, 1, 2):
            raise InputError(
                f"{parameter('representative')}: must be 0 (first), 1 (centroid) or 2 (robust), received {self.representative}"
            )
        if (self.derived is None) != (self.output_derived is None):
            raise InputError(
                f"{parameter('derived')}: the picks of derived pickers need a file for what they alone found, and the other way "
                "round; give both or none"
            )
        if self.starting_id < 0:
            raise InputError(f"{parameter('starting_id')}: must be 0 or more, received {self.starting_id}")


def write_consensus(config: ConsensusConfig) -> dict[str, int]:
    """Run the consensus from files to files; returns the number of picks, clusters and of each label."""
    import numpy as np

    from tomo_particles.consensus.attributes import merged_identity
    from tomo_particles.consensus.labels import DOUBTFUL, NEGATIVE, POSITIVE
    from tomo_particles.consensus.merging import merge_picks
    from tomo_particles.consensus.references import label_with_references
    from tomo_particles.formats.xmd import DISAGREEMENT, SCATTER
    from tomo_particles.geometry.symmetry import symmetry_group

    symmetry = symmetry_group(config.symmetry)
    picks, tomogram = _read_input(config)
    positive_references, negative_references = (
        _read_references(path, parameter(name), config.sampling_rate, picks.tomo_id)
        for name, path in (("truth", config.truth), ("lie", config.lie))
    )
    if both := set(map(tuple, positive_references.positions)) & set(map(tuple, negative_references.positions)):
        raise InputError(
            f"{parameter('lie')}: '{config.lie}' holds {len(both)} of the positions of '{config.truth}'; a pick is one or the "
            "other, correct one of the two files"
        )
    radius = config.radius * config.box_size
    clusters = merge_picks(picks, radius, config.representative)
    identity = merged_identity(picks, clusters, symmetry)
    merged = label_with_references(
        picks, clusters, identity, positive_references, negative_references, radius=radius, number=config.number
    )
    n_pickers = max(1, len(np.unique(picks.picker)))
    extra = {
        "particleId": np.arange(config.starting_id, config.starting_id + len(merged.picks)),
        "count": merged.support,
        "comment": np.array([write_pickers(ids) for ids in merged.pickers], dtype=object),
        "keywords": np.array([write_scores(of_pick) for of_pick in merged.scores], dtype=object),
        "CoordConsScore": np.minimum(1.0, merged.support / n_pickers),
        "enabled": merged.labels,
        SCATTER: merged.scatter,
    }
    if np.isfinite(merged.picks.angles).any():
        extra[DISAGREEMENT] = merged.disagreement
    _write(config, merged.picks, merged.labels, extra, tomogram)
    counts = {
        "picks": len(picks),
        "merged": len(merged.picks),
        "positive": int((merged.labels == POSITIVE).sum()),
        "doubtful": int((merged.labels == DOUBTFUL).sum()),
        "negative": int((merged.labels == NEGATIVE).sum()),
    }
    if config.derived is not None:
        counts["of derived pickers alone"] = _write_derived(config, picks, merged.picks, symmetry, tomogram)
    return counts


def _write_derived(config: ConsensusConfig, picks: Picks, merged: Picks, symmetry: Rotation, tomogram: str) -> int:
    """Write what derived pickers found besides the merged picks, without votes and doubtful; how many."""
    from tomo_particles.consensus.derived import derived_alone
    from tomo_particles.consensus.labels import DOUBTFUL
    from tomo_particles.formats.xmd import read_picks, write_picks

    option, path = parameter("derived"), str(config.derived)
    derived = read_picks(path, option, config.sampling_rate).at_sampling_rate(config.sampling_rate)
    if len(derived) and derived.tomo_id != picks.tomo_id:
        raise InputError(f"{option}: '{path}' is of tomogram '{derived.tomo_id}', the picks of '{picks.tomo_id}'; give its own")
    if both := sorted(set(derived.picker.tolist()) & {REFERENCE, *picks.picker.tolist()}):
        raise InputError(
            f"{option}: '{path}' has the picker {both[0]} in the column ref, a number of the other picks; give derived pickers "
            "numbers of their own"
        )
    radius = config.radius * config.box_size
    found = derived_alone(derived, merged.positions, radius, config.representative, symmetry)
    n = len(found.picks)
    first = config.starting_id + len(merged)
    extra = {
        "particleId": list(range(first, first + n)),
        "count": [0] * n,
        "comment": found.comments.tolist(),
        "keywords": found.scores.tolist(),
        "CoordConsScore": [0.0] * n,
        "enabled": [DOUBTFUL] * n,
    }
    write_picks(str(config.output_derived), found.picks, config.box_size, tomogram, extra)
    return n


def _read_input(config: ConsensusConfig) -> tuple[Picks, str]:
    """The picks at the common sampling rate, and the file of their tomogram, empty if the table does not name it."""
    from tomo_particles.formats.xmd import picks_of, read_table

    table = read_table(config.input)
    picks = picks_of(table, config.input, sampling_rate=config.sampling_rate).at_sampling_rate(config.sampling_rate)
    if "ref" not in table or (len(picks) and picks.picker.min() <= REFERENCE):
        raise InputError(
            f"{parameter('input')}: '{config.input}' has no column ref (number of each pick's picker: 1, 2, 3...); add it"
        )
    return picks, table["tomogramVolume"][0] if table.get("tomogramVolume") else ""


def _write(config: ConsensusConfig, merged: Picks, labels: np.ndarray, extra: dict[str, np.ndarray], tomogram: str) -> None:
    """All of them and those of each label, into the files that are asked for."""
    import numpy as np

    from tomo_particles.consensus.labels import DOUBTFUL, NEGATIVE, POSITIVE
    from tomo_particles.formats.xmd import write_picks

    outputs = (
        (config.output_all, None),
        (config.output_pos, POSITIVE),
        (config.output_doubt, DOUBTFUL),
        (config.output_neg, NEGATIVE),
    )
    for path, label in outputs:
        if path is not None:
            rows = np.ones(len(merged), dtype=bool) if label is None else labels == label
            write_picks(path, merged[rows], config.box_size, tomogram, {name: column[rows] for name, column in extra.items()})


def _read_references(path: str | None, option: str, sampling_rate: float, tomo_id: str) -> Picks:
    """The references of a file as the user gave them, without scores: nobody weighs them."""
    from dataclasses import replace

    import numpy as np

    from tomo_particles.core.picks import Picks
    from tomo_particles.formats.xmd import read_picks

    if path is None:
        return Picks(tomo_id, np.zeros((0, 3)), sampling_rate)
    picks = read_picks(path, option, sampling_rate).at_sampling_rate(sampling_rate)
    return replace(picks, tomo_id=tomo_id, picker=np.full(len(picks), REFERENCE), score=np.full(len(picks), np.nan))


class CoordinatesConsensusTomo(Program):
    """Command line of `write_consensus`."""

    name = "xmipp_coordinates_consensus_tomo"
    outputs = {
        "--outputPos": "file",
        "--outputDoubt": "file",
        "--outputNeg": "file",
        "--outputAll": "file",
        "--outputDerived": "file",
    }
    parameters = {
        "number_of_agreeing_pickers": "--number",
        "representative": "--constype",
        "truth": "--inputTruth",
        "lie": "--inputLie",
        "derived": "--inputDerived",
    }

    def defineParams(self) -> None:
        self.addUsageLine("Coordinates consensus: merge the picks that several pickers made in one tomogram.")
        self.addUsageLine(
            "The input XMD holds one row per pick: x, y, z (voxels, origin at the corner of the volume) and ref, the number of "
            "the picker that found it (1, 2, 3...). Picks that all lie within the radius of each other are merged into one "
            "particle. The particle is positive if enough different pickers found it, otherwise doubtful. The order of picks and "
            "pickers does not matter."
        )
        self.addParamsLine("  --input <path> : XMD with every pick of one tomogram")
        self.addParamsLine("  --outputPos <path> : XMD for the positive particles")
        self.addParamsLine("  --outputDoubt <path> : XMD for the doubtful particles")
        self.addParamsLine(
            "  --outputAll <path> : XMD for all particles; column enabled is 1 (positive), 0 (doubtful) or -1 (negative)"
        )
        self.addParamsLine(" [--outputNeg <path>] : XMD for the negatives (from --inputLie)")
        self.addParamsLine("  --boxsize <int> : box size, voxels of --samplingrate; even")
        self.addParamsLine(
            "  --samplingrate <double> : sampling rate of the outputs, in A/voxel; inputs at another sampling rate are rescaled"
        )
        self.addParamsLine("  --radius <double> : two picks nearer than this fraction of the box size may be the same particle")
        self.addParamsLine(" [--number <int=2>] : number of different pickers that must agree to make a particle positive")
        self.addParamsLine(
            " [--constype <type=2>] : position of the merged pick: 0 first pick of the input, 1 centroid of all its "
            "picks, 2 robust (geometric median of one pick per picker, independent of the order of the input)"
        )
        self.addParamsLine(" [--inputTruth <path>] : XMD with particles known to be true: always positive")
        self.addParamsLine(" [--inputLie <path>] : XMD with positions known not to be particles: always negative")
        self.addParamsLine(
            " [--inputDerived <path>] : XMD with the picks of derived pickers, which learned from a consensus; their numbers "
            "(ref) differ from those of --input. They are no votes and change nothing of the other outputs"
        )
        self.addParamsLine(
            " [--outputDerived <path>] : XMD for what derived pickers alone found; count is 0, comment their numbers, negative"
        )
        self.addParamsLine(f" [--symmetry <name=c1>] : {SYMMETRY_HELP}")
        self.addParamsLine(" [--startingId <int=1>] : first particleId of the outputs")
        self.addExampleLine(
            "xmipp_coordinates_consensus_tomo --input TS_01_picks.xmd --outputPos pos.xmd --outputDoubt doubt.xmd "
            "--outputAll all.xmd --boxsize 32 --samplingrate 10 --radius 0.35 --number 2"
        )

    def readParams(self) -> None:
        self.config = ConsensusConfig(
            input=self.getParam("--input"),
            output_pos=self.getParam("--outputPos"),
            output_doubt=self.getParam("--outputDoubt"),
            output_all=self.getParam("--outputAll"),
            output_neg=self.optional_path("--outputNeg"),
            box_size=self.integer("--boxsize"),
            sampling_rate=self.number("--samplingrate"),
            radius=self.number("--radius"),
            number=self.integer("--number"),
            representative=self.integer("--constype"),
            truth=self.optional_path("--inputTruth"),
            lie=self.optional_path("--inputLie"),
            starting_id=self.integer("--startingId"),
            symmetry=self.getParam("--symmetry"),
            derived=self.optional_path("--inputDerived"),
            output_derived=self.optional_path("--outputDerived"),
        )

    def run(self) -> None:
        counts = write_consensus(self.config)
        say_result(", ".join(f"{count} {name}" for name, count in counts.items()))


def main() -> int:
    """Console script."""
    return run(CoordinatesConsensusTomo)


if __name__ == "__main__":
    sys.exit(main())
