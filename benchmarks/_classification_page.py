"""The page of results of `classification_projections.py`."""

from __future__ import annotations

import pandas as pd
from _classification_data import ABSENT, ACCURACY, EXTENT, RESOLUTION, VERDICTS
from _report import as_markdown

GOALS = {"d' 6": 0.01, "d' 3": 0.02, "d' 2": 0.04, "E2": 0.03, "E3": 0.05}  # how far below the oracle
RIVALS = ("oracle", "ours", "graph alone", "thesis", "em", "ppca", "component", "pca")
NUISANCES = ("follows contrast", "follows defocus", "follows direction of view")
DIFFERENCE = ("difference, mean", "difference, least")
SHOWN = ("ARI", "ECE", *DIFFERENCE, *NUISANCES, "agreement", "resolution", "judged", "cone", "CPU s")


def page(rows: pd.DataFrame, asked: int) -> str:
    """Verdicts, means over the seeds beside the goals, and every case. asked: how many cases there are."""
    parts = [f"{len(rows)} of {asked} cases were measured.", _words(rows)]
    verdicts, accuracy = (rows[rows["case"].isin([trial.name for trial in trials])] for trials in (VERDICTS, ACCURACY))
    if len(verdicts):
        parts += ["## Verdicts", as_markdown(_verdicts(verdicts))]
    if len(accuracy):
        means = accuracy.groupby("case", sort=False)
        parts += ["## Means over the seeds", as_markdown(_against_goals(means)), as_markdown(_means(means, SHOWN))]
    if len(verdicts):
        parts += ["## Every verdict", as_markdown(verdicts.dropna(axis=1, how="all").map(_short))]
    if len(accuracy):
        parts += ["## Every case", as_markdown(accuracy[["case", "seed", *_of(accuracy, (*RIVALS, *SHOWN))]].map(_short))]
    return "\n\n".join(parts)


def _words(rows: pd.DataFrame) -> str:
    sizes = ", ".join(f"{edge}^2" for edge in sorted(rows["edge"].unique()))
    commits = ", ".join(sorted(rows["commit"].unique()))
    return f"""Projections of {sizes} pixels, {EXTENT:g} Å wide, exact poses but where the name says otherwise; measured with
commit {commits}. The part is a compact one of {100 * ABSENT:.1f} % of the mass of 4v4r. d' is the norm of the
difference in an image up to {RESOLUTION:g} Å over the noise of a pixel. Ours: the defaults of
`xmipp_run_split_volume`; resolution (Å) and cones (degrees) are chosen by data, and how fine the classes are judged
in the end. All others are told to compare up to {RESOLUTION:g} Å. Numbers are shares of particles that are right
(of unequal classes the mean over classes; ARI and ECE as named). Oracle: knows the structures. Thesis: its recipe
as published. em: two classes from 5 random starts. ppca: principal component in 3D from 5 random starts; component:
from the largest eigenvector; both refined as ours. pca: PCA of the images and k-means (scipy; the algorithm is that
of scikit-learn). Difference: correlation with the true one in the shells up to 65 Å. Follows: how far the log odds
follow contrast, defocus, direction of view. CPU seconds of one split on one thread, without the 20 simulated sets
but where the verdict was asked for."""


def _verdicts(rows: pd.DataFrame) -> pd.DataFrame:
    found = []
    for (case, count), own in rows.groupby(["case", "count"], sort=False):
        said = f"{int(own['supported'].sum())} of {len(own)}"
        found.append({"case": case, "particles": count, "supported": said, "agreement": own["agreement"].mean(),
                      "most": own["agreement"].max(), "least": own["agreement"].min(), "CPU s": own["CPU s"].mean()})  # fmt: skip
    return pd.DataFrame(found)


def _against_goals(groups: pd.core.groupby.DataFrameGroupBy) -> pd.DataFrame:
    found = []
    for case, own in groups:
        mean = own[_of(own, RIVALS)].mean()
        goal = next((limit for words, limit in GOALS.items() if case.startswith(words)), None)
        if goal is None and case.startswith("E1"):
            goal = next(limit for words, limit in GOALS.items() if case.endswith(words))
        below = mean["oracle"] - mean["ours"]
        met = "" if goal is None else "yes" if below <= goal else "no"
        found.append({"case": case, **mean, "below the oracle": below, "goal": goal, "met": met})
    return pd.DataFrame(found)


def _means(groups: pd.core.groupby.DataFrameGroupBy, names: tuple[str, ...]) -> pd.DataFrame:
    return pd.DataFrame([{"case": case, **own[_of(own, names)].mean()} for case, own in groups])


def _of(rows: pd.DataFrame, names: tuple[str, ...]) -> list[str]:
    return [name for name in names if name in rows]


def _short(value: object) -> object:
    return str(value) if isinstance(value, bool | int) else value
