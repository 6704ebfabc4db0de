"""What is done with single tomograms while a run follows its inputs: prepared, scored, published."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.files import file_stem, written_aside
from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.runs.ledger import VOTES, Ledger, LedgerFiles
from tomo_particles.runs.watching import Prepare, Train

from .._consensus_run.config import PipelineConfig, refuse_same_picks
from .._consensus_run.learning import MERGED_SETS
from .._consensus_run.preparation import Preparation
from .._consensus_run.steps import Steps
from .._consensus_run.tomograms import TomogramInfo, read_tomograms
from .._network.files import ScoringConfig, check_training
from ..deep_picking_consensus_tomo import DeepPickingConsensusTomo
from .inputs import Inputs
from .jobs import NETWORK, Job, run_job
from .live_table import LiveTable

if TYPE_CHECKING:
    import pandas as pd

FRAME = "frame.json"


class LiveRun:
    """The files of the live part of a run, below the output folder."""

    def __init__(
        self, config: PipelineConfig, layout: ProgramLayout, names: Sequence[str], progress: Callable[[str], None]
    ) -> None:
        self.config, self.layout, self.names, self.progress = config, layout, names, progress
        self.table = LiveTable(layout.root / "picks.csv")

    def reconciled(self, ledger: Ledger, files: LedgerFiles) -> Ledger:
        """The ledger after an interruption: what is published is counted in the table, and a half-written end is removed."""
        rows = self.table.rows()
        for tomo_id, entry in ledger.entries.items():
            if entry.published or entry.rows is None:
                continue
            if rows[tomo_id] not in (0, entry.rows):
                self.table.remove_last(tomo_id)
                rows[tomo_id] = 0
            if rows[tomo_id] == entry.rows:
                done = replace(entry, published=True)
                files.write(done)
                ledger = ledger.having(done)
        return ledger

    @property
    def _known_rate(self) -> float | None:
        path = self.layout.root / FRAME
        return float(json.loads(path.read_text(encoding="utf-8"))["samplingRate"]) if path.exists() else None

    def sampling_rate(self, inputs: Inputs) -> float:
        """The common sampling rate, Å/voxel: the one given, else that of the first tomogram that came. It stays for good.

        Raises InputError where a given model has another one.
        """
        if (known := self._known_rate) is not None:
            return known
        config = self.config
        rate = config.sampling_rate or inputs.tomograms.arrived[min(inputs.tomograms.arrived)].sampling_rate
        if not config.voting:
            trains = not config.skip_training
            check_training(config.training, box_size=config.box_size, sampling_rate=rate, seed=config.seed, trains=trains)
        with written_aside(self.layout.root / FRAME) as aside:
            aside.write_text(json.dumps({"samplingRate": rate}), encoding="utf-8")
        return rate

    def prepare(self, action: Prepare, inputs: Inputs) -> int | None:
        """Consensus, noise and boxes of a tomogram; returns how many picks are agreed on, None if its files change meanwhile.

        Raises InputError for a tomogram that cannot be used.
        """
        from tomo_particles.formats.xmd import read_table

        tomo_id = action.tomo_id
        rate = self.sampling_rate(inputs)
        own = [picker for picker in inputs.pickers if picker.picker in action.digests]
        for picker in own:
            picker.check_formats()
        contents = {picker.source: tuple(picker.contents_of(tomo_id)) for picker in own}
        refuse_same_picks((source, content) for source, content in contents.items() if content)
        for source in itertools.chain(*inputs.references.values()):
            for fault in source.faults.values():
                raise InputError(fault)
        found = [picker.picks_of(tomo_id, inputs.sizes) for picker in own]
        if any(picks is None for picks in found):
            return None
        picks: dict[str, list] = {"picks": [{tomo_id: one} for one in found]}
        for kind, sources in inputs.references.items():
            known = [source.picks_of(tomo_id, inputs.sizes) for source in sources]
            picks[kind] = [{tomo_id: one} for one in known if one is not None]
        path, mask = inputs.tomograms.arrived[tomo_id].path, inputs.masks_of(tomo_id)
        config = replace(self.config, tomograms=(path,), sampling_rate=rate, mask=mask)
        if config.voting:  # the second look of the final pass needs all tomograms
            config = replace(config, diameter=None)
        (tomogram,) = read_tomograms(config, [])
        near = [source.digest_of(tomo_id) for sources in inputs.references.values() for source in sources]
        roles = {"picks": sorted(action.digests.items()), "references": near}
        steps = Steps(self.layout.root / "steps" / file_stem(tomo_id))
        Preparation(config, self.layout, rate, self._network(), roles, lambda line: None).prepare(tomogram, picks, steps)
        self._remember(tomogram)
        agreed = len(read_table(self.layout.labelled(tomo_id, "pos"))["x"])
        merged = len(read_table(self.layout.consensus(tomo_id))["x"])
        again = f", revision {action.revision}" if action.revision > 1 else ""
        self.progress(f"prepared {tomo_id}: {merged} merged picks, {agreed} agreed{again}{self.without(action.digests)}")
        return agreed

    def without(self, digests: Collection[int]) -> str:
        """Which pickers have no picks of a tomogram, behind a comma; empty if all have some. digests: numbers of the others."""
        lacking = [name for number, name in enumerate(self.names, start=1) if number not in digests]
        return f", no picks of picker {listed(lacking)}" if lacking else ""

    def _network(self) -> str:
        from tomo_particles.learning.model_files import architecture_of

        given = self.config.training.input_model
        if self.config.voting:
            return ""
        return architecture_of(given, "--inputModel") if given else self.config.training.network

    def _remember(self, tomogram: TomogramInfo) -> None:
        with written_aside(self._about(tomogram.tomo_id)) as aside:
            values = {"path": tomogram.path, "sampling_rate": tomogram.sampling_rate, "size": tomogram.size}
            aside.write_text(json.dumps(values), encoding="utf-8")

    def _about(self, tomo_id: str) -> Path:
        return self.layout.root / "steps" / file_stem(tomo_id) / "tomogram.json"

    def _tomogram(self, tomo_id: str) -> TomogramInfo:
        values = json.loads(self._about(tomo_id).read_text(encoding="utf-8"))
        return TomogramInfo(tomo_id, values["path"], values["sampling_rate"], tuple(values["size"]))

    def _boxes(self, tomo_ids: Sequence[str], *kinds: str) -> list[str]:
        return [str(self.layout.subtomograms(tomo_id, kind)) for kind in kinds for tomo_id in tomo_ids]

    def training(self, action: Train, model: str) -> Job:
        """Start the training of a model."""
        config, boxes = self.config, self._boxes
        inputs = {"pos": boxes(action.tomo_ids, "pos"), "doubt": boxes(action.tomo_ids, "doubt")}
        inputs["neg"] = boxes(action.tomo_ids, "noise", "neg")
        arguments = DeepPickingConsensusTomo.training_arguments(
            inputs,
            config.training,
            box_size=config.box_size,
            sampling_rate=self._known_rate or 0.0,
            model=model,
            log=str(Path(model).with_suffix(".csv")),
            seed=config.seed,
            threads=config.threads,
            pickers=self.names,
        )
        return Job(NETWORK, arguments, Path(model).with_suffix(".log"))

    def scored(self, tomo_ids: Sequence[str], model: str, number: int) -> Iterator[tuple[str, pd.DataFrame]]:
        """The accepted picks of each tomogram, scored by a model, or by votes if its file name is empty."""
        from tomo_particles.consensus.merged_picks import SCORE, MergedPicks
        from tomo_particles.formats.xmd import join_tables, read_table

        from .._consensus_run.tables import in_tomogram_voxels, names_of

        if number == VOTES:
            columns = join_tables([read_table(self.layout.consensus(tomo_id)) for tomo_id in tomo_ids])
            columns[SCORE] = MergedPicks.from_columns(columns).vote_share(len(self.names)).tolist()
        else:
            columns = self._scored_by(tomo_ids, model)
        threshold = None if number == VOTES else self.config.threshold
        tomograms = [self._tomogram(tomo_id) for tomo_id in tomo_ids]
        table = in_tomogram_voxels(columns, tomograms, names_of(self.names), threshold)
        table = table[table["accepted"].to_numpy()].assign(model=number)
        for tomo_id in tomo_ids:
            yield tomo_id, table[table["tomo_id"] == tomo_id]

    def _scored_by(self, tomo_ids: Sequence[str], model: str) -> dict[str, list]:
        from tomo_particles.formats.xmd import read_table

        config, output = self.config, self.layout.root / "scored.xmd"
        scoring = ScoringConfig(
            input=tuple(self._boxes(tomo_ids, *MERGED_SETS)),
            model=model,
            output=str(output),
            noise=tuple(self._boxes(tomo_ids, "noise")),
            box_size=config.box_size,
            sampling_rate=self._known_rate,
            gpus=config.training.gpus,
            threads=config.threads,
            pickers=tuple(self.names),
        )
        run_job(NETWORK, DeepPickingConsensusTomo.scoring_arguments(scoring), self.layout.root / "scoring.log")
        return read_table(output)
