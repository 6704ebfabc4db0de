"""The final scores that a model file carries: learned when its networks are trained, used to score one tomogram alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError, parameter

if TYPE_CHECKING:
    from tomo_particles.consensus.fitted_score import FittedScore
    from tomo_particles.consensus.run_verdict import FinalScores
    from tomo_particles.network import Ensemble

Columns = dict[str, list]


@dataclass(frozen=True)
class LearnedScores:
    """Scores of the subtomograms that networks learned from, before a second look and before answers of persons.

    network: by image, merged picks and then noise.  final: of the merged picks.
    """

    network: dict[str, float]
    final: FinalScores

    def are_of(self, columns: Columns, noise: Columns) -> bool:
        """Whether they are those of these merged picks, compared with this noise."""
        return list(self.network) == [*columns["image"], *noise.get("image", [])]


def learned_scores(inputs: Mapping[str, Sequence[str]], ensemble: Ensemble, recipe: str) -> LearnedScores | None:
    """What the final scores are learned from; None for subtomograms that are no merged picks.

    inputs: XMD files by kind, pos, doubt and neg; the negatives without pickers are noise.
    """
    from tomo_particles.consensus.merged_picks import NETWORK
    from tomo_particles.consensus.run_verdict import final_scores
    from tomo_particles.formats.xmd import join_tables, read_table

    tables = [read_table(path) for kind in ("pos", "doubt", "neg") for path in inputs.get(kind, ())]
    merged = [table for table in tables if "comment" in table]
    if not any(table["image"] for table in merged) or not all("enabled" in table for table in merged):
        return None
    columns, noise = join_tables(merged), join_tables([table for table in tables if "comment" not in table])
    for one, kind in ((columns, "positives"), (noise, "negatives")):
        add_network_scores(one, ensemble, parameter(kind))
    network = {image: score for one in (columns, noise) for image, score in zip(one.get("image", []), one[NETWORK], strict=True)}
    return LearnedScores(network, final_scores(columns, noise, ensemble.config.folds > 1, recipe != "consensus"))


def check_names(inputs: Mapping[str, Sequence[str]], names: Sequence[str]) -> None:
    """Raises InputError if names are given, but not one for each picker of the merged picks."""
    from tomo_particles.formats.xmd import read_table

    for path in (path for kind in ("pos", "doubt", "neg") for path in inputs.get(kind, ())) if names else ():
        _require_names(read_table(path).get("comment", []), names)


def _require_names(comments: Sequence[str], names: Sequence[str]) -> None:
    from tomo_particles.consensus.merged_picks import read_pickers

    if (most := max((max(read_pickers(comment)) for comment in comments), default=0)) > len(names):
        raise InputError(f"{parameter('pickers')}: there are {most} pickers, received {len(names)} names")


def add_network_scores(columns: Columns, ensemble: Ensemble, option: str, batch_size: int | None = None) -> None:
    """Give a table of subtomograms the column zScoreDeepLearning1. option: that errors name."""
    import numpy as np

    from tomo_particles.consensus.merged_picks import NETWORK
    from tomo_particles.formats.xmd import positions_of
    from tomo_particles.network import score

    from .progress import stage

    images = columns.get("image", [])
    columns[NETWORK] = []
    if images:
        tomo_ids = np.array(columns.get("tiltSeriesId", [""] * len(images)), dtype=str)
        positions = positions_of(columns, columns["image"][0], option)
        with stage("scoring", len(images), "boxes") as at:
            scores = score(images, tomo_ids, positions, ensemble, batch_size=batch_size, option=option, done=at.share)
        columns[NETWORK] = scores.tolist()


def scores_in(model: str, names: Sequence[str], columns: Columns) -> FittedScore:
    """As `fitted_in`, for a table of merged picks. Raises InputError also where the table does not fit."""
    of_pickers = parameter("pickers")
    if not {"comment", "enabled"} <= set(columns):
        raise InputError(f"{of_pickers}: the subtomograms to score are no merged picks; leave {of_pickers} out")
    _require_names(columns["comment"], names)
    return fitted_in(model, names, parameter("model"))


def fitted_in(model: str, names: Sequence[str], option: str) -> FittedScore:
    """The final scores that a model file carries, for pickers with these names. Raises InputError where it carries none."""
    from tomo_particles.consensus.fitted_score import FittedScore
    from tomo_particles.learning.model_files import read_scores_text

    text = read_scores_text(model, option)
    if not text:
        raise InputError(
            f"{option}: '{model}' does not hold what final scores depend on (it is older, was trained without names of "
            "pickers, or not on merged picks); train a new model"
        )
    try:
        return FittedScore.from_json(text).for_pickers(names)
    except ValueError as error:
        raise InputError(
            f"{option}: '{model}' gives no final scores: {error}; call the pickers alike, or train a new model"
        ) from error
