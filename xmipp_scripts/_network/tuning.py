"""Tuning: trains with different settings, and keeps those whose scores foretell the agreement of the pickers best.

No truth is needed: each pick is scored by a network that was not trained on it, and the agreement of its pickers is known. The
best of many trials is better partly by chance. So it is trained again with another seed, beside the defaults, and must be better
again. Every finished trial is a row of a table, from which a tuning that was killed goes on.
"""

from __future__ import annotations

import csv
import hashlib
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from tomo_particles import __version__
from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.files import digest_of, require_file, write_csv_table
from tomo_particles.learning.tuned_settings import TUNED, Settings, write_settings

from .._shared.progress import say_on_the_way, stage
from .._shared.training_options import TrainingSettings
from .files import check_training, prepare_training

SEARCH, CHECK = "search", "check"  # stages of a tuning: all trials; then the best and the defaults with another seed
TABLE = ".csv"  # ending of the table beside the settings file


@dataclass(frozen=True)
class TuningConfig:
    """What is tuned. inputs: XMD files of subtomograms (keys pos, doubt, neg).  settings: of the training; those named in `fixed`
    stay as they are.  box_size: voxels.  sampling_rate: Å/voxel.  output: the settings file; the table lies beside it.
    """

    inputs: Mapping[str, Sequence[str]]
    settings: TrainingSettings
    fixed: tuple[str, ...]
    box_size: int
    sampling_rate: float
    output: str
    trials: int
    seed: int
    threads: int

    def __post_init__(self) -> None:
        if set(self.fixed) >= set(TUNED):
            raise InputError(f"{parameter(self.fixed[0])}: every setting that a tuning can choose is given; leave one out")
        if self.settings.recipe != "consensus":
            raise InputError(f"{parameter('recipe')}: a tuning needs the labels of the recipe consensus; leave it out")
        if self.settings.folds < 2:
            raise InputError(f"{parameter('folds')}: a tuning needs scores of picks that a network has not seen; give 2 or more")
        if self.table == Path(self.output):
            raise InputError(f"{parameter('output')}: '{self.output}' would be the table of the trials; end it in .json")

    @property
    def table(self) -> Path:
        """The table of the trials."""
        return Path(self.output).with_suffix(TABLE)

    @property
    def made_of(self) -> str:
        """A text that differs where trials cannot be compared: other data, settings, seed or version."""
        files = [digest_of(path) for kind in self.inputs for path in self.inputs[kind]]
        parts = (__version__, self.settings, self.fixed, self.box_size, self.sampling_rate, self.seed, files)
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Trial:
    """A row of the table. log_likelihood: see `agreement_likelihood`.  from_noise, from_others: separations of the agreed picks
    by network score from noise and from the other picks (0.5: none)."""

    trial: int
    stage: str
    learning_rate: float
    l2: float
    epochs: int
    augment: bool
    log_likelihood: float
    from_noise: float
    from_others: float
    seconds: float
    made_of: str

    @property
    def settings(self) -> Settings:
        """The settings that were tried."""
        return {name: getattr(self, name) for name in TUNED}


def tune_files(config: TuningConfig, progress: Callable[[str], None] = say_on_the_way) -> str:
    """Do the trials that are not done yet, and write the settings file; returns what came of it, in a line."""
    for paths in config.inputs.values():
        for path in paths:
            require_file(path, parameter("positives"))
    tuning = _Tuning(config, progress)
    with stage("tuning", config.trials, "trials") as at:
        first, *others = (tuning.row(number, SEARCH) for number in at.each(range(1, config.trials + 1)))
    best = max(others, key=_likelihood, default=first)
    chosen, text = first, f"the defaults are kept: none of {len(others)} other trials is better"
    if _likelihood(best) > _likelihood(first):
        again, before = tuning.row(best.trial, CHECK), tuning.row(first.trial, CHECK)
        found = f"log-likelihood of the agreement {best.log_likelihood:.4f}, with the defaults {first.log_likelihood:.4f}"
        found += f"; with another seed {again.log_likelihood:.4f} and {before.log_likelihood:.4f}"
        if _likelihood(again) > _likelihood(before):
            chosen, text = best, f"trial {best.trial} of {config.trials} is better than the defaults: {found}"
        else:
            text = f"the defaults are kept: trial {best.trial} of {config.trials} is better with one seed only ({found})"
    origin = {"text": text, "trial": chosen.trial, "trials": config.trials, "seed": config.seed, "version": __version__}
    write_settings(config.output, chosen.settings, origin)
    return text


def _likelihood(trial: Trial) -> float:
    return trial.log_likelihood if math.isfinite(trial.log_likelihood) else -math.inf


class _Tuning:
    """The table of the trials, and the examples that are read once."""

    def __init__(self, config: TuningConfig, progress: Callable[[str], None]) -> None:
        self.config, self.progress, self.made_of = config, progress, config.made_of
        self._rows = _read_table(config.table, self.made_of)
        self._trained = _Training(config)

    def row(self, number: int, stage: str) -> Trial:
        """A trial: from the table, or done now."""
        done = next((row for row in self._rows if (row.trial, row.stage) == (number, stage)), None)
        if done:
            return done
        from tomo_particles.learning.trials import trial_settings

        begin = time.perf_counter()
        fixed = {name: getattr(self.config.settings, name) for name in self.config.fixed}
        settings = trial_settings(number, self.config.seed, fixed)
        seed = self.config.seed if stage == SEARCH else (self.config.seed + 1) % 2**31
        measures = self._trained.measures(replace(self.config.settings, **settings), seed)
        row = Trial(number, stage, **settings, **measures, seconds=round(time.perf_counter() - begin, 1), made_of=self.made_of)
        self._rows.append(row)
        self._write()
        shown = ", ".join(f"{name} {value}" for name, value in row.settings.items())
        of = f"trial {number} of {self.config.trials}" if stage == SEARCH else f"trial {number} again with seed {seed}"
        self.progress(f"{of}: {shown}: log-likelihood {row.log_likelihood:.4f}; {row.seconds:.0f} s")
        return row

    def _write(self) -> None:
        import pandas as pd

        write_csv_table(self.config.table, pd.DataFrame(list(map(asdict, self._rows))))


class _Training:
    """Trains and scores the same subtomograms with different settings."""

    def __init__(self, config: TuningConfig) -> None:
        from tomo_particles.consensus.agreement_likelihood import require_agreement
        from tomo_particles.consensus.training_examples import read_examples
        from tomo_particles.formats.xmd import join_tables, read_table
        from tomo_particles.learning.examples import require_enough

        self._config = config
        check_training(config.settings, box_size=config.box_size, sampling_rate=config.sampling_rate, seed=config.seed)
        self._examples, _ = read_examples(config.inputs, config.settings.recipe, config.sampling_rate)
        require_enough(self._examples)
        tables = [read_table(path) for paths in config.inputs.values() for path in paths]
        self._columns = join_tables([table for table in tables if "comment" in table])
        self._noise = join_tables([table for table in tables if "comment" not in table])
        require_agreement(self._columns)
        self._strategy: Any = None

    def measures(self, settings: TrainingSettings, seed: int) -> dict[str, Any]:
        """Train with these settings, score every pick out of fold, and measure the scores."""
        import numpy as np

        from tomo_particles.consensus.agreement_likelihood import agreement_likelihood
        from tomo_particles.consensus.merged_picks import NETWORK
        from tomo_particles.consensus.run_verdict import verdict_on
        from tomo_particles.consensus.training_examples import contrast_outliers_of
        from tomo_particles.network import train

        from .._shared.model_scores import add_network_scores

        config = self._config
        network, training = check_training(settings, box_size=config.box_size, sampling_rate=config.sampling_rate, seed=seed)
        if self._strategy is None:
            self._strategy, _ = prepare_training(config.settings, config.threads)
        ensemble = train(
            self._examples, network, training, strategy=self._strategy, progress=lambda line: None, note=lambda line: None
        )
        for table, kind in ((self._columns, "positives"), (self._noise, "negatives")):
            add_network_scores(table, ensemble, parameter(kind))
        if not np.isfinite(self._columns[NETWORK]).all():
            return {"log_likelihood": -np.inf, "from_noise": np.nan, "from_others": np.nan}
        outlying = contrast_outliers_of(self._columns, np.array(self._columns["enabled"]) == 1)
        verdict = verdict_on(self._columns, outlying, self._noise, informs=True, out_of_fold=True)
        found = {name: getattr(verdict, name) for name in ("from_noise", "from_others")}
        separations = {name: round(own.auc, 4) if own else np.nan for name, own in found.items()}
        return {"log_likelihood": round(agreement_likelihood(self._columns), 6), **separations}


def _read_table(path: Path, made_of: str) -> list[Trial]:
    """The trials of an earlier tuning; none where there is no table. Raises InputError for a table of anything else."""
    if not path.exists():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            trials = [_trial(row) for row in csv.DictReader(file)]
    except (ValueError, TypeError, KeyError, csv.Error) as error:
        raise InputError(
            f"{parameter('output')}: '{path}' is no table of trials, and would be lost; choose another name"
        ) from error
    if any(trial.made_of != made_of for trial in trials):
        raise InputError(
            f"{parameter('output')}: '{path}' holds trials of other subtomograms, options or another version; choose another "
            "name, or remove it"
        )
    return trials


def _trial(row: Mapping[str, str]) -> Trial:
    """A row as it was written."""
    if list(row) != [field.name for field in fields(Trial)]:
        raise ValueError("other columns")
    kinds: dict[str, Callable[[str], Any]] = {"trial": int, "stage": str, "epochs": int, "made_of": str}
    kinds["augment"] = lambda text: {"True": True, "False": False}[text]
    values: dict[str, Any] = {name: kinds.get(name, _number)(value) for name, value in row.items()}
    return Trial(**values)


def _number(text: str) -> float:
    return float(text or "nan")
