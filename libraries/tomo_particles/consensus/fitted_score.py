"""How the final scores of a run come about, kept in the model file: the picks of one tomogram get the same scores alone as with
others."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from ..core.errors import parameter
from ..formats.xmd import positions_of
from .final_score import Evidence, PickFit, ScoreSpread, fit_merged_picks
from .kinds import Kinds
from .log_odds import Odds
from .merged_picks import NETWORK, references_of, votes_of
from .picker_reliability import VoteModel, VotePatterns, votes_of_witnesses
from .training_examples import contrast_outliers_of
from .verdict import ScoredPlaces, Verdict, among, verdict_without_scores

# What decides the score: network score and picker evidence together, the network score but for outliers of contrast (one picker
# has no votes), or the network score whatever it is (the recipe of the paper).
TOGETHER, NETWORK_ALONE, PAPER = "together", "network", "paper"
VERSION, READABLE = 3, (1, 2, 3)  # of the text in a model file; 1 has no kinds of picks, in 2 they count half


@dataclass(frozen=True)
class FittedScore:
    """How the final score of a merged pick depends on its network score, its pickers and their scores, before a second look and
    before answers of persons.

    fit: what was learned from the merged picks of a run.  verdict: on that run; it gives the weight of the network score.
    informs: whether the pickers agree more often than by chance.  decides: TOGETHER, NETWORK_ALONE or PAPER.
    names: what the pickers of `fit` are called; empty where nobody said it.  silent: what those are called besides that had found
    nothing so far; their votes say nothing.
    """

    fit: PickFit
    verdict: Verdict
    informs: bool
    decides: str = TOGETHER
    names: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()

    @staticmethod
    def by_votes(columns: Mapping[str, list], informs: bool) -> FittedScore:
        """What the votes of a table of merged picks say; the verdict is still to be found."""
        fit = fit_merged_picks(columns["comment"], np.array(columns["enabled"]))
        return FittedScore(fit, verdict_without_scores(0), informs)

    def weighed(
        self, verdict: Verdict, columns: Mapping[str, list], noise: Mapping[str, list], two_groups: bool = False
    ) -> FittedScore:
        """With a verdict and, if the network score has a weight by it, what the same merged picks and noise picks say of that.

        two_groups: see `final_score.odds_by_network_score`; such scores are for these picks alone and in no model file.
        """
        if not verdict.network_weight > 0:
            return replace(self, verdict=verdict)
        against_noise: dict[str, Any] = {}
        if not self.informs:
            against_noise = {"noise": np.array(noise[NETWORK]), "comparable": self._comparable(columns, noise)}
        labels, scores = np.array(columns["enabled"]), columns.get("keywords")
        network_score = np.array(columns[NETWORK])
        fit = fit_merged_picks(
            columns["comment"], labels, network_score, scores, **against_noise, two_groups=two_groups, votes=self.fit.votes,
            outlying=self.outlying(columns),
        )  # fmt: skip
        return replace(self, verdict=verdict, fit=fit)

    @property
    def weighted_fit(self) -> PickFit:
        """The fit without the network score where that has no weight."""
        return self.fit if self.verdict.network_weight > 0 else replace(self.fit, evidence=None)

    def outlying(self, columns: Mapping[str, list]) -> np.ndarray:
        """(m,) bool, picks of outlying contrast in their tomogram. The same picks as in training are the measure of contrast."""
        labels = np.array(columns["enabled"])
        return contrast_outliers_of(columns, labels == 1 if self.informs else np.ones(len(labels), dtype=bool))

    def agreed(self, columns: Mapping[str, list]) -> np.ndarray:
        """(m,) bool, the picks that count as agreed.

        Where there are two witnesses or more, pickers that find the same picks do not confirm each other.
        """
        agreed = np.array(columns["enabled"]) == 1
        votes = self.fit.votes
        if votes is not None and votes.witness.max(initial=-1) > 0:
            witnessed = votes_of_witnesses(votes_of(columns["comment"], self.fit.pickers)[0], votes.witness)
            agreed &= references_of(columns["comment"]) | (witnessed.sum(axis=1) > 1)
        return agreed

    def posterior(self, columns: Mapping[str, list], noise: Mapping[str, list]) -> np.ndarray:
        """(m,) probability of merged picks before the verdict bounds it; see `final_score.score_merged_picks`."""
        network_score = np.array(columns[NETWORK]) if columns.get(NETWORK) else None
        comparable = None if self.informs or network_score is None else self._comparable(columns, noise)
        labels, scores = np.array(columns["enabled"]), columns.get("keywords")
        return self.fit.posterior(columns["comment"], labels, network_score, scores, self.verdict.network_weight, comparable)

    def scores(self, columns: Mapping[str, list], noise: Mapping[str, list]) -> np.ndarray:
        """(m,) final scores of merged picks. Each depends on its own tomogram alone: on the contrast of the picks there, and on
        the noise there if the pickers of the run agree no more often than by chance."""
        outlying = self.outlying(columns)
        if self.decides != TOGETHER:
            network_score = np.array(columns[NETWORK])
            return network_score if self.decides == PAPER else np.where(outlying, 0.0, network_score)
        return np.where(outlying, 0.0, self.verdict.bounded(self.posterior(columns, noise), self.agreed(columns)))

    def _comparable(self, columns: Mapping[str, list], noise: Mapping[str, list]) -> np.ndarray:
        return among(places_of(columns), places_of(noise)) & ~self.outlying(columns)

    def named(self, names: Sequence[str]) -> FittedScore:
        """With the names of the pickers 1, 2, ... of the run."""
        known = tuple(names[picker - 1] for picker in self.fit.pickers)
        return replace(self, names=known, silent=tuple(name for name in names if name not in known))

    def for_pickers(self, names: Sequence[str]) -> FittedScore:
        """For a run that numbers its pickers by these names. Raises ValueError if it does not know one of them."""
        if missing := [name for name in names if name not in (*self.names, *self.silent)]:
            known = ", ".join(f"'{name}'" for name in self.names) or "none by name"
            raise ValueError(f"it does not know the picker '{missing[0]}' (known: {known})")
        numbers = {name: number for number, name in enumerate(names, start=1)}
        absent = -np.arange(1, len(self.names) + 1)  # numbers that no pick has: the votes of these pickers are missing
        pickers = [numbers.get(name, one) for name, one in zip(self.names, absent, strict=True)]
        return replace(self, fit=replace(self.fit, pickers=np.array(pickers, dtype=int)))

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        values = asdict(self) | {"verdict": json.loads(self.verdict.to_json()), "version": VERSION}
        if self.fit.votes is not None:  # "0110" takes less space than a list; tens of pickers have thousands of patterns
            values["fit"]["votes"]["patterns"] = [
                "".join("01"[vote] for vote in row) for row in self.fit.votes.patterns.astype(int)
            ]
        return json.dumps(values, default=np.ndarray.tolist, allow_nan=False, sort_keys=True)

    @staticmethod
    def from_json(text: str) -> FittedScore:
        """Raises ValueError for a text that is no fitted score."""
        try:
            values = json.loads(text)
            if values["version"] not in READABLE:
                raise ValueError(f"it is of version {values['version']}")
            fit = _read_fit(values["fit"])
            found = FittedScore(
                fit,
                Verdict.from_json(json.dumps(values["verdict"])),
                bool(values["informs"]),
                str(values["decides"]),
                tuple(map(str, values["names"])),
                tuple(map(str, values.get("silent", ()))),
            )
        except (AttributeError, KeyError, TypeError, IndexError, RecursionError, OverflowError) as error:
            raise ValueError(f"no scores of a run: {error!r}") from error
        if found.decides not in (TOGETHER, NETWORK_ALONE, PAPER) or len(found.names) not in (0, len(fit.pickers)):
            raise ValueError("no scores of a run")
        return found


def places_of(columns: Mapping[str, list]) -> ScoredPlaces:
    """Network scores and positions of a table; none for an empty one."""
    if not columns.get("image"):
        return ScoredPlaces(np.zeros(0), np.zeros(0, dtype=str), np.zeros((0, 3)))
    return ScoredPlaces(
        np.array(columns[NETWORK]),
        np.array(columns["tiltSeriesId"], dtype=str),
        positions_of(columns, "the picks", parameter("input")),
    )


def _read_fit(values: dict[str, Any]) -> PickFit:
    pickers = np.array(values["pickers"], dtype=int)
    n = len(pickers)
    votes = evidence = None
    if values["votes"] is not None:
        own, of_model = values["votes"], values["votes"]["model"]
        witness, n_witnesses = _read_witnesses(own["witness"], n)
        recall, false_share = (_array(of_model[name], n_witnesses) for name in ("recall", "false_share"))
        model = VoteModel(recall, false_share, _number(of_model["coincidence"]), _number(of_model["share"]))
        probability = _array(own["probability"], len(own["patterns"]))
        patterns = np.array([[vote == "1" for vote in row] for row in own["patterns"]]).reshape(len(probability), n_witnesses)
        votes = VotePatterns(witness, patterns, probability, model)
    if values["evidence"] is not None:
        own = values["evidence"]
        spread = ScoreSpread(_array(own["spread"]["mean"], n), _array(own["spread"]["deviation"], n))
        trust, base, factor = (_number(own[name]) for name in ("trust", "base", "factor"))
        kinds = _read_kinds(own["kinds"], n) if own.get("kinds") else None
        by_network, by_pickers = _read_odds(own["by_network"], 1), _read_odds(own["by_pickers"], 3 * n)
        weight_of_kinds = _number(own.get("weight_of_kinds", 0.5))
        if not 0 <= weight_of_kinds <= 1:
            raise ValueError("the weight of the kinds of picks does not fit")
        evidence = Evidence(by_network, spread, by_pickers, trust, base, factor, kinds, weight_of_kinds)
    return PickFit(pickers, votes, evidence)


def _read_witnesses(values: Any, n: int) -> tuple[np.ndarray, int]:
    """(n,) the witness of each picker, and the number of witnesses."""
    witness = np.array(values, dtype=int)
    number = int(witness.max(initial=-1)) + 1
    if witness.shape != (n,) or set(witness) != set(range(number)):
        raise ValueError("the witnesses of the pickers do not fit")
    return witness, number


def _read_kinds(values: dict[str, Any], n: int) -> Kinds:
    witness, n_witnesses = _read_witnesses(values["witness"], n)
    n_kinds = len(values["share"])
    share, mean, deviation, particles = (_array(values[name], n_kinds) for name in ("share", "mean", "deviation", "particles"))
    rate = np.array([_array(row, n_witnesses) for row in values["rate"]])
    if rate.shape != (n_kinds, n_witnesses) or not ((share > 0).all() and (deviation > 0).all()):
        raise ValueError("the kinds of picks do not fit")
    if not ((rate > 0) & (rate < 1)).all() or not ((particles >= 0) & (particles <= 1)).all():
        raise ValueError("the kinds of picks are no probabilities")
    return Kinds(witness, share, rate, mean, deviation, particles)


def _read_odds(values: dict[str, Any], n_features: int) -> Odds:
    mean, spread = _array(values["mean"], n_features), _array(values["spread"], n_features)
    if not (spread > 0).all():
        raise ValueError("a spread is not positive")
    return Odds(mean, spread, _array(values["weights"], n_features + 1))


def _array(values: Any, n: int) -> np.ndarray:
    found = np.array(values, dtype=float)
    if found.shape != (n,) or not np.isfinite(found).all():
        raise ValueError(f"expected {n} numbers")
    return found


def _number(value: Any) -> float:
    return float(_array([value], 1)[0])
