"""Picks on which k of n pickers agree, for several k of one clustering: files of a run without a network."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from tomo_particles import __version__
from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table, written_aside

from .._shared.program import say
from .config import PipelineConfig
from .pipeline import Pipeline


class KOfN(Pipeline):
    """numbers: the k.  of_those: whether in a tomogram only those pickers count that have picks in it."""

    def __init__(
        self, config: PipelineConfig, numbers: Sequence[int], of_those: bool, progress: Callable[[str], None] = say
    ) -> None:
        if wrong := [number for number in numbers if not 1 <= number <= len(config.picks)]:
            raise InputError(f"--number: must be 1 to {len(config.picks)}, the number of pickers, received {wrong[0]}")
        super().__init__(config, progress)
        self.numbers, self.of_those = sorted(set(numbers)), of_those

    def _run(self, picks: dict[str, list], notes: list[str], started: float) -> dict:
        """Write merged.csv, agreed_K.csv and agreed_K.xmd of each k, and summary.json; returns the summary."""
        import numpy as np

        from tomo_particles.consensus.k_of_n import agreed_by, shared_picks
        from tomo_particles.consensus.merged_picks import identity_columns, votes_of
        from tomo_particles.formats.xmd import read_table

        from .finished import FinishedRun
        from .outputs import CSV_COLUMNS, in_tomogram_voxels, names_of, write_xmd

        root = self.layout.root
        for path in (self.layout.summary, root / "merged.csv", *root.glob("agreed_*.csv"), *root.glob("agreed_*.xmd")):
            path.unlink(missing_ok=True)
        steps = self._begun()
        tomograms = self._prepared(picks, notes, steps)
        merged = read_table(self._vote(tomograms, steps))
        run = FinishedRun(self.config, self.layout, self.names, tomograms, self.rate, "")
        table = in_tomogram_voxels(merged, tomograms, names_of(self.names), None)
        n_with_picks = {t.tomo_id: sum(t.tomo_id in of_picker for of_picker in picks["picks"]) for t in tomograms}
        asked = np.array([n_with_picks[tomo_id] if self.of_those else len(self.names) for tomo_id in table["tomo_id"]], dtype=int)
        given = identity_columns(table)
        write_csv_table(root / "merged.csv", table[CSV_COLUMNS + given])
        accepted = {}
        for number in self.numbers:
            good = agreed_by(table["support"].to_numpy(), number, asked)
            write_csv_table(root / f"agreed_{number}.csv", table[good][CSV_COLUMNS + given])
            write_xmd(root / f"agreed_{number}.xmd", table[good], run, given)
            accepted[str(number)] = int(good.sum())
        seen = votes_of(merged["comment"], np.arange(1, len(self.names) + 1))[0]
        summary: dict[str, Any] = {
            "version": __version__,
            "pickers": list(self.names),
            "merged": len(table),
            "accepted": accepted,
            "ofThoseWithPicks": self.of_those,
            "shared": [[None if np.isnan(one) else round(float(one), 4) for one in row] for row in shared_picks(seen)],
            "tomograms": {tomo_id: {"pickersWithPicks": n} for tomo_id, n in n_with_picks.items()},
            "notes": notes,
        }
        with written_aside(self.layout.summary) as aside:
            aside.write_text(json.dumps(summary, indent=1), encoding="utf-8")
        return summary
