"""Picks on which k of n pickers agree, for several k of one clustering: from tomograms and pick files to tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tomo_particles import __version__
from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.runs.layout import ProgramLayout

from .._consensus_run.tomogram_info import TomogramInfo
from .._shared.output_folder import claimed
from .._shared.program import print_notes, require_box_size, require_positive
from .._shared.progress import stage
from ..coordinates_consensus_tomo import ConsensusConfig, write_consensus

if TYPE_CHECKING:
    from tomo_particles.core.picks import Picks


@dataclass(frozen=True)
class KOfNConfig:
    """numbers: the k.  of_those: whether in a tomogram only those pickers count that have picks in it.  radius: fraction of the
    box.  sampling rates: Å/voxel; None: as the files say."""

    tomograms: tuple[str, ...]
    picks: tuple[str, ...]
    box_size: int
    odir: str
    numbers: tuple[int, ...] = (2,)
    of_those: bool = False
    sampling_rate: float | None = None
    tomogram_sampling_rate: float | None = None
    picks_sampling_rates: tuple[float, ...] = ()
    radius: float = 0.35
    representative: int = 2
    symmetry: str = "c1"

    def __post_init__(self) -> None:
        from tomo_particles.geometry.symmetry import symmetry_group

        require_box_size(self.box_size)
        require_positive(self.radius, parameter("radius"))
        symmetry_group(self.symmetry)
        for name, rate in (("sampling_rate", self.sampling_rate), ("tomogram_sampling_rate", self.tomogram_sampling_rate)):
            if rate is not None:
                require_positive(rate, parameter(name), "Å/voxel")
        n, number = len(self.picks), parameter("number_of_agreeing_pickers")
        if n < 2:
            raise InputError(f"{parameter('picks')}: a consensus needs the picks of at least two pickers, received one")
        if wrong := [k for k in self.numbers if not 1 <= k <= n]:
            raise InputError(f"{number}: must be 1 to {n}, the number of pickers, received {wrong[0]}")
        rates = parameter("picks_sampling_rate")
        if self.picks_sampling_rates and len(self.picks_sampling_rates) != n:
            raise InputError(f"{rates}: give one value a pick file ({n}), received {len(self.picks_sampling_rates)}")


def write_k_of_n(config: KOfNConfig) -> dict[str, Any]:
    """Write merged.csv, agreed_K.csv and agreed_K.xmd of each k, and summary.json; returns the summary."""
    import numpy as np

    from tomo_particles.consensus.disagreement import disagreement_notes
    from tomo_particles.consensus.k_of_n import agreed_by, shared_picks
    from tomo_particles.consensus.merged_picks import SCORE, MergedPicks, identity_columns, votes_of
    from tomo_particles.core.coordinates import rescale_size
    from tomo_particles.formats.pick_folders import source_names
    from tomo_particles.formats.xmd import join_tables, read_table

    from .._consensus_run.tables import CSV_COLUMNS, in_tomogram_voxels, names_of, write_xmd

    layout, notes = ProgramLayout(config.odir), list[str]()
    names = source_names(config.picks)
    tomograms = _read_tomograms(config, notes)
    rate = config.sampling_rate or tomograms[0].sampling_rate
    picks = _read_picks(config, tomograms, notes)
    print_notes(claimed(layout.root))
    for path in (
        layout.summary,
        layout.root / "merged.csv",
        *layout.root.glob("agreed_*.csv"),
        *layout.root.glob("agreed_*.xmd"),
    ):
        path.unlink(missing_ok=True)
    n_with_picks = {t.tomo_id: sum(t.tomo_id in of_picker for of_picker in picks) for t in tomograms}
    notes += [f"tomogram '{tomo_id}' has no picks and is left out" for tomo_id, n in n_with_picks.items() if not n]
    tomograms = [tomogram for tomogram in tomograms if n_with_picks[tomogram.tomo_id]]
    with stage("merging", len(tomograms), "tomograms") as at:
        for tomogram in tomograms:
            at.done(f"consensus {tomogram.tomo_id}: {_merge(config, layout, tomogram, rate, picks)} merged")
    merged = join_tables([read_table(layout.consensus(tomogram.tomo_id)) for tomogram in tomograms])
    sizes = {t.tomo_id: rescale_size(t.size, t.sampling_rate, rate) for t in tomograms}
    notes += disagreement_notes(merged, sizes, names, votes_only=True)
    merged[SCORE] = MergedPicks.from_columns(merged).vote_share(len(names)).tolist()
    table = in_tomogram_voxels(merged, tomograms, names_of(names), None)
    asked = np.array([n_with_picks[tomo_id] if config.of_those else len(names) for tomo_id in table["tomo_id"]], dtype=int)
    given = identity_columns(table)
    write_csv_table(layout.root / "merged.csv", table[CSV_COLUMNS + given])
    accepted = {}
    for number in sorted(set(config.numbers)):
        rows = table[agreed_by(table["support"].to_numpy(), number, asked)]
        write_csv_table(layout.root / f"agreed_{number}.csv", rows[CSV_COLUMNS + given])
        write_xmd(layout.root / f"agreed_{number}.xmd", rows, tomograms, (rate, config.box_size), given)
        accepted[str(number)] = len(rows)
    shared = shared_picks(votes_of(merged["comment"], np.arange(1, len(names) + 1))[0])
    summary: dict[str, Any] = {
        "version": __version__,
        "pickers": list(names),
        "merged": len(table),
        "accepted": accepted,
        "ofThoseWithPicks": config.of_those,
        "shared": [[None if np.isnan(one) else round(float(one), 4) for one in row] for row in shared],
        "tomograms": {tomo_id: {"pickersWithPicks": n} for tomo_id, n in n_with_picks.items()},
        "notes": notes,
    }
    with written_aside(layout.summary) as aside:
        aside.write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return summary


def _read_tomograms(config: KOfNConfig, notes: list[str]) -> list[TomogramInfo]:
    from tomo_particles.core.tomograms import each_tomogram, tomogram_id

    tomograms: dict[str, TomogramInfo] = {}
    for opened in each_tomogram(config.tomograms, config.tomogram_sampling_rate, parameter("tomogram"), notes):
        own = TomogramInfo(tomogram_id(opened.path), str(opened.path), opened.sampling_rate, opened.size)
        if own.tomo_id in tomograms:
            raise InputError(f"{parameter('tomogram')}: two tomograms are named '{own.tomo_id}'; their file names must differ")
        tomograms[own.tomo_id] = own
    return list(tomograms.values())


def _read_picks(config: KOfNConfig, tomograms: Sequence[TomogramInfo], notes: list[str]) -> list[dict[str, Picks]]:
    from tomo_particles.core.coordinates import check_inside, rescale_size
    from tomo_particles.formats.pick_files import read_pick_file
    from tomo_particles.formats.pick_folders import refuse_split_picker
    from tomo_particles.formats.pick_source import PickSource

    option = parameter("picks")
    refuse_split_picker(config.picks, [tomogram.tomo_id for tomogram in tomograms], option)
    sources = [PickSource(path, option) for path in config.picks]
    seen: dict[tuple[str, ...], str] = {}
    for source in sources:
        if (other := seen.setdefault(source.digest, source.path)) != source.path:
            raise InputError(f"{option}: '{source.path}' and '{other}' hold the same picks; give another picker's file")
    rates = {tomogram.tomo_id: tomogram.sampling_rate for tomogram in tomograms}
    sizes = {tomogram.tomo_id: tomogram.size for tomogram in tomograms}
    found = []
    for number, (source, rate) in enumerate(
        zip(sources, config.picks_sampling_rates or [0.0] * len(sources), strict=True), start=1
    ):
        of_picker = read_pick_file(source, rates, picker=number, sampling_rate=rate or None, sizes=sizes, notes=notes)
        for tomogram in tomograms:
            if own := of_picker.get(tomogram.tomo_id):
                extent = rescale_size(tomogram.size, tomogram.sampling_rate, own.sampling_rate)
                where = f"{option}: '{source.path}', tomogram '{tomogram.tomo_id}'"
                check_inside(own.positions, extent, where, own.sampling_rate)
        found.append(of_picker)
    return found


def _merge(
    config: KOfNConfig, layout: ProgramLayout, tomogram: TomogramInfo, rate: float, picks: Sequence[dict[str, Picks]]
) -> int:
    """Merge the picks of one tomogram; returns how many there are then."""
    from tomo_particles.core.picks import Picks
    from tomo_particles.formats.xmd import write_picks

    tomo_id = tomogram.tomo_id
    own = [of_picker[tomo_id].at_sampling_rate(rate) for of_picker in picks if tomo_id in of_picker]
    write_picks(layout.picks(tomo_id), Picks.concatenate(own), config.box_size, tomogram.path)
    positive, doubtful = (str(layout.labelled(tomo_id, label)) for label in ("pos", "doubt"))
    return write_consensus(
        ConsensusConfig(
            input=str(layout.picks(tomo_id)),
            output_pos=positive,
            output_doubt=doubtful,
            output_all=str(layout.consensus(tomo_id)),
            box_size=config.box_size,
            sampling_rate=rate,
            radius=config.radius,
            number=2,
            representative=config.representative,
            symmetry=config.symmetry,
        )
    )["merged"]
