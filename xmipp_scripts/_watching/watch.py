"""The loop of `--watch`: look, decide (`runs.watching`), do, note in the ledger, and again."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tomo_particles.core.errors import InputError, listed, one_line
from tomo_particles.core.files import remove_leftovers, written_aside
from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.runs.ledger import VOTES, Entry, Ledger, LedgerFiles, Milestone
from tomo_particles.runs.sightings import Seen
from tomo_particles.runs.watching import (
    GIVEN,
    LEARN,
    TRAINING,
    Action,
    End,
    FinalPass,
    LeaveOut,
    Prepare,
    Publish,
    Train,
    decide,
)

from .._consensus_run.config import PipelineConfig
from .._consensus_run.pipeline import Pipeline
from .._consensus_run.steps import alone_in
from .._consensus_run.workers import HERE, Workers
from .._network.files import check_training
from .._shared.output_folder import claimed
from .._shared.program import print_notes, say
from .config import FINISH, WatchConfig
from .finished import FinishedPass
from .inputs import Inputs
from .jobs import Job
from .live_run import LiveRun
from .live_table import counted
from .page import SessionPage

LIVE = "live"  # folder below the output folder
# Fields of the configuration that a run may change when it goes on
FREE = ("tomograms", "picks", "odir", "report", "threads", "diameter", "tilts", "move")
AT_ONCE = 100  # tomograms that are scored by one process


class Watch:
    """One run that follows its inputs, in its output folder."""

    def __init__(
        self,
        config: PipelineConfig,
        watching: WatchConfig,
        said: Callable[[InputError], str] = str,
        progress: Callable[[str], None] = say,
        workers: Workers = HERE,
    ) -> None:
        """said: words of an error, with the options of the program.  workers: for the final pass."""
        from tomo_particles.formats.pick_folders import source_names

        self.config, self.watching, self.progress, self._said = config, watching, progress, said
        self.names = source_names(config.picks)
        self.rules = watching.rules(config, self.names)
        self.layout = ProgramLayout(Path(config.odir) / LIVE)
        self.files = LedgerFiles(self.layout.root / "ledger")
        self.finished = FinishedPass(config, self.layout.root)
        self._workers = workers
        self._training: tuple[Train, Job] | None = None
        self._alerts: set[str] = set()
        self._told: set[str] = set()  # notes, each said once
        self._waiting, self._quiet_until = "", 0.0

    def run(self) -> dict[str, Any] | None:
        """Watch to the end; returns the summary of the final pass, if there is one.

        Raises InputError for options that cannot be, and where nothing came of it.
        """
        self._check_training()
        self.config.check_references()
        if self.rules.scores == GIVEN:
            self._check_given_model()
        with alone_in(self.layout.root, "--odir"):
            remove_leftovers(self.layout.root)
            live = self.live = LiveRun(self.config, self.layout, self.names, self.progress)
            self._check_same_options()
            print_notes(claimed(self.layout.root))
            over = self.layout.root / "over"
            self.inputs = Inputs(self.config, self.watching, over.read_text() if over.exists() else "", self._said)
            self._say_what_is_looked_for()
            ledger = Ledger(self.files.read(), self._milestones(), self.finished.revisions())
            self.ledger = live.reconciled(ledger, self.files).trying_again()
            self._published = live.table.scores()
            self.page = SessionPage(self.layout.root, self.config.odir, self.names)
            try:
                return self._follow(over)
            except BaseException as error:
                self._show("failed" if isinstance(error, Exception) else "aborted", now=True)
                raise

    def _follow(self, over: Path) -> dict[str, Any] | None:
        """Look, decide and do, to the end. over: the file that says with which inputs the final pass was begun."""
        seen = Seen.nothing(len(self.names))
        while True:
            seen = seen.seen_again(self.inputs.look(time.monotonic()), time.monotonic())
            self._note_faults()
            self._end_of_training()
            busy = [TRAINING] if self._training else []
            decision = decide(self.rules, self.ledger, seen, time.monotonic(), busy)
            self._tell([*decision.alerts, *self.inputs.faults])
            self._show("running")
            self._tell_once(self.inputs.notes)
            for action in decision.actions:
                match action:
                    case End():
                        Path(self.config.odir, FINISH).unlink(missing_ok=True)
                        self._tell_once(self._left_behind())
                        if action.failed:
                            raise InputError(f"--tomograms: '{self.config.tomograms[0]}': {action.failed}")
                        self._show("finished", now=True)
                        return self._summary()
                    case FinalPass():
                        with written_aside(over) as aside:
                            aside.write_text(self.inputs.digest)
                        self._show("running", now=True)  # it takes long, and nobody looks meanwhile
                        self._final_pass(action)
                    case _:
                        self._do(action)
            if not decision.actions:
                self._say_who_is_waited_for(decision.waiting)
                time.sleep(self.watching.between_looks)

    def _summary(self) -> dict[str, Any] | None:
        path = Path(self.config.odir, "summary.json")
        return dict(json.loads(path.read_text(encoding="utf-8"))) if self.rules.final else None

    # ---- actions
    def _do(self, action: Action) -> None:
        match action:
            case Prepare():
                self._prepare(action)
            case LeaveOut():
                self._note(replace(self.ledger.entry(action.tomo_id), left_out=action.reason))
                self.progress(f"tomogram '{action.tomo_id}' is left out: {action.reason}")
            case Train():
                self._start_training(action)
            case Publish():
                for start in range(0, len(action.tomo_ids), AT_ONCE):
                    self._publish(action.tomo_ids[start : start + AT_ONCE], action.model)

    def _prepare(self, action: Prepare) -> None:
        before = self.ledger.entry(action.tomo_id)
        entry = replace(before, tomogram=action.tomogram, digests=action.digests)
        try:
            agreed = self.live.prepare(action, self.inputs)
        except InputError as error:
            if isinstance(error.__cause__, OSError):  # a full disk is no fault of the tomogram
                self._tell([self._said(error)])
                time.sleep(self.watching.between_looks)
                return
            self._note(replace(entry, left_out=self._said(error)))
            return
        if agreed is not None:
            self._note(replace(entry, revision=action.revision, agreed=agreed, left_out=""))

    def _publish(self, tomo_ids: tuple[str, ...], model: int) -> None:
        path = self._model_file(model) if model != VOTES else ""
        for tomo_id, rows in self.live.scored(tomo_ids, path, model):
            entry = replace(self.ledger.entry(tomo_id), rows=len(rows), model=model)
            self._note(entry)
            self.live.table.append(rows)
            self._published[tomo_id] = counted(rows)
            self._note(replace(entry, published=True))
            by = "votes" if model == VOTES else f"model {model}"
            self.progress(f"published {tomo_id}: {len(rows)} picks by {by}{self.live.without(entry.digests)}")

    def _start_training(self, action: Train) -> None:
        about = self._model_file(action.number)
        with written_aside(Path(about).with_suffix(".json")) as aside:
            aside.write_text(json.dumps({"tomograms": list(action.tomo_ids)}), encoding="utf-8")
        self.progress(f"training of model {action.number} with {len(action.tomo_ids)} tomograms")
        self._training = action, self.live.training(action, about)

    def _end_of_training(self) -> None:
        if not self._training or self._training[1].running:
            return
        (action, job), self._training = self._training, None
        failed = job.failure()
        if not failed and not Path(self._model_file(action.number)).exists():
            failed = f"no model was written; see {job.log}"
        milestone = Milestone(action.number, action.tomo_ids, failed)
        self.ledger = replace(self.ledger, milestones=(*self.ledger.milestones, milestone))
        if not failed:
            self.progress(f"model {action.number} is trained")

    def _final_pass(self, action: FinalPass) -> None:
        """The batch run of all tomograms, with the sampling rate that this run began with."""
        arrived, faults = self.inputs.tomograms.arrived, self.inputs.tomograms.faults
        if missing := [tomo_id for tomo_id in action.tomo_ids if tomo_id not in arrived]:
            why = faults.get(missing[0], "its file is not there any more")
            raise InputError(f"--tomograms: tomogram '{missing[0]}' cannot be used in the final pass: {why}; start again then")
        self.progress(f"final pass with {len(action.tomo_ids)} tomograms")
        tomograms = tuple(arrived[tomo_id].path for tomo_id in action.tomo_ids)
        rate: float | None = self.live.sampling_rate(self.inputs)
        if rate == arrived[action.tomo_ids[0]].sampling_rate:  # the batch run takes that, too
            rate = self.config.sampling_rate
        asked = self.finished.asked()  # answers that come meanwhile are for the next pass
        other_masks = self.inputs.other_masks(action.tomo_ids)  # the batch run refuses them; they are said at the end
        mask = tuple(path for path in self.config.mask if path not in other_masks) or self.config.mask
        silent = self.inputs.silent()  # the batch run refuses a picker without picks, as a mistake; here it was waited for
        config = replace(self.config, tomograms=tomograms, sampling_rate=rate, mask=mask, silent=silent)
        Pipeline(config, self.progress, self._workers).run()
        self.ledger = replace(self.ledger, finished=self.ledger.revisions)
        self.finished.write(self.ledger.revisions, asked)

    # ---- ledger
    def _note(self, entry: Entry) -> None:
        self.files.write(entry)
        self.ledger = self.ledger.having(entry)

    def _note_faults(self) -> None:
        """Tomograms that are complete and cannot be used are left out, those that are whole again come in."""
        for tomo_id, reason in self.inputs.tomograms.faults.items():
            entry = self.ledger.entry(tomo_id)
            if not entry.revision and entry.left_out != reason:
                self._note(replace(entry, left_out=reason))

    def _model_file(self, number: int) -> str:
        given = self.config.training.input_model
        return str(given) if self.rules.scores == GIVEN else str(self.layout.root / "models" / f"{number:04d}.h5")

    def _milestones(self) -> tuple[Milestone, ...]:
        """The trainings that are done: those whose model is there."""
        if self.rules.scores != LEARN:
            return ()
        found = []
        for path in sorted((self.layout.root / "models").glob("[0-9]*.json")):
            if path.with_suffix(".h5").exists():
                found.append(Milestone(int(path.stem), tuple(json.loads(path.read_text(encoding="utf-8"))["tomograms"])))
        return tuple(found)

    # ---- checks, and what the user hears
    def _check_training(self) -> None:
        """Say what is wrong with the options of the training before anything arrives; the sampling rate may not be known yet."""
        config = self.config
        if not config.voting:
            rate = config.sampling_rate
            training = config.training if rate else replace(config.training, input_model=None)
            trains = not config.skip_training
            check_training(training, box_size=config.box_size, sampling_rate=rate or 10.0, seed=config.seed, trains=trains)

    def _check_given_model(self) -> None:
        from .._shared.model_scores import fitted_in

        fitted_in(str(self.config.training.input_model), self.names, "--inputModel")

    def _check_same_options(self) -> None:
        """Refuse to go on with other options: what is published would be a mixture."""
        config = {name: value for name, value in asdict(self.config).items() if name not in FREE}
        options = json.loads(json.dumps(config | {"pickers": list(self.names)}, default=str))
        options["training"].pop("gpus")
        path = self.layout.root / "options.json"
        if path.exists():
            before = json.loads(path.read_text(encoding="utf-8"))
            if changed := sorted(name for name in options if options[name] != before.get(name)):
                raise InputError(
                    f"--odir: '{self.config.odir}' was begun with other options ({listed(changed, quote='')}); use the same, "
                    "or another folder"
                )
            return
        with written_aside(path) as aside:
            aside.write_text(json.dumps(options, indent=1), encoding="utf-8")

    def _say_who_is_waited_for(self, waiting: dict[str, int]) -> None:
        """A line when it changes, at most one a minute."""
        strange = self._strange_files()
        text = ", ".join(
            f"picker '{name}' in {n} tomogram{'s' * (n > 1)}{strange.get(name, '')}" for name, n in waiting.items() if n
        )
        if text and text != self._waiting and time.monotonic() >= self._quiet_until:
            self.progress(f"waiting for {text}")
            self._waiting, self._quiet_until = text, time.monotonic() + 60

    def _strange_files(self) -> dict[str, str]:
        """The files of each picker whose picks are of no tomogram that came, in brackets."""
        named = {name: picker.strange for name, picker in zip(self.names, self.inputs.pickers, strict=True)}
        return {name: f" (of no tomogram that came: {listed(files)})" for name, files in named.items() if files}

    def _left_behind(self) -> list[str]:
        """What came and was not used, when the run ends."""
        unfinished = self.inputs.tomograms.unfinished(time.monotonic())
        other_masks = self.inputs.other_masks(self.inputs.tomograms.arrived)
        return [
            *(f"tomogram '{tomo_id}' is left out: {reason}" for tomo_id, reason in unfinished.items()),
            *(f"files of picker '{name}' are not used{files}" for name, files in self._strange_files().items()),
            *(line for picker in self.inputs.pickers for line in picker.later),
            *(f"--mask: '{path}' is not used: no tomogram came that it is named as" for path in other_masks),
        ]

    def _say_what_is_looked_for(self) -> None:
        tomograms, picks = self.config.tomograms[0], listed(self.config.picks, most=len(self.config.picks))
        self.progress(f"looking for tomograms in '{tomograms}' and for picks in {picks}")
        self._tell_once(f"{absent} does not exist; it is waited for" for absent in self.inputs.absent)

    def _show(self, state: str, now: bool = False) -> None:
        """Write the page of the session, if it is time. The run does not depend on it."""
        number = self.ledger.model or VOTES
        model = self._model_file(number) if number or self.rules.scores == GIVEN else ""
        try:
            free = shutil.disk_usage(self.config.odir).free
            self.page.write(state, self.inputs, self.ledger, self._published, model, sorted(self._alerts), free, now)
        except (OSError, InputError) as error:
            self._tell_once([f"the page of the session cannot be written: {one_line(str(error))}"])

    def _tell_once(self, notes: Iterable[str]) -> None:
        """Say each note that was not said yet."""
        for note in dict.fromkeys(notes):
            if note not in self._told:
                self.progress(f"note: {note}")
                self._told.add(note)

    def _tell(self, alerts: list[str]) -> None:
        """Say each alert when it begins."""
        for alert in sorted(set(alerts) - self._alerts):
            self.progress(f"note: {alert}")
        self._alerts = set(alerts)
