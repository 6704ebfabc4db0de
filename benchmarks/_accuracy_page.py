"""The page and the figure of the accuracy bench."""

from __future__ import annotations

from pathlib import Path

import _accuracy_data as data
import numpy as np
import pandas as pd
from _accuracy_methods import ABLATIONS, BASELINES, BEFORE, OWN, VOTES_WITH_LOOK
from _report import as_markdown

METHODS = (*BASELINES[:3], "majority", "best vote", "reliability only", BEFORE, OWN)
MEASURES = ["F1", "precision", "recall", "AP", "ECE", "centre error"]
SHOWN = {"best picker": ("0.6", "s"), "best vote": ("tab:blue", "^"), BEFORE: ("tab:orange", "o"), OWN: ("tab:red", "o")}


def page(table: pd.DataFrame, looks: pd.DataFrame, paper: pd.DataFrame, without: pd.DataFrame, n_cases: int) -> str:
    """The result as text. looks, paper, without: rows of the second look without a network, of the paper's recipe, and of ours
    without an ingredient; each may be empty."""
    own = table[table["method"] == OWN]
    parts = [
        about(own, n_cases),
        as_markdown(summary(table)),
        margins(table),
        "## By species\n\n" + as_markdown(by_species(table)),
        "## By noise and pickers\n\n" + as_markdown(by(table, "snr")) + "\n\n" + as_markdown(by(table, "good", "bad")),
    ]
    if len(looks):
        same = table[table["case"].isin(looks["case"])]
        parts.append("## The second look without a network, on the same cases\n\n" + as_markdown(side_by_side(same, looks)))
    if len(paper):
        same = table[table["case"].isin(paper["case"])]
        parts.append(
            "## The paper's recipe, on the same cases\n\nIt is one small network, agreed picks against noise.\n\n"
            + as_markdown(side_by_side(same, paper))
        )
    if len(without):
        names = [BEFORE, *ABLATIONS, "without the pickers' scores", "the network's score alone", VOTES_WITH_LOOK]
        mean = without.groupby("method")[MEASURES].mean().loc[[OWN, *names]].reset_index()
        parts.append(
            f"## Without one ingredient\n\nMeans over {', '.join(sorted(without['case'].unique()))}.\n\n" + as_markdown(mean)
        )
    parts += ["## Every case\n\n" + as_markdown(every_case(table)), "![F1 of every case](accuracy.png)"]
    return "\n\n".join(parts)


def about(own: pd.DataFrame, n_cases: int) -> str:
    """What was measured, and how."""
    worlds = "; ".join(f"{', '.join(world.sought)} (others: {', '.join(world.others)})" for world in (data.FIRST, data.SECOND))
    return (
        f"{own['case'].nunique()} of {n_cases} cases measured: a Latin square of species x signal to noise x pickers a seed "
        f"(seeds {', '.join(map(str, sorted(own['seed'].unique())))}). Each case has {data.TOMOGRAMS} tomograms of "
        f"{' x '.join(map(str, data.SIZE))} voxels of 10 Å. Two worlds: {worlds}; {data.N_SOUGHT} particles of each of the "
        f"three, {data.N_OTHER} of each other, {data.BEADS} gold beads and a vesicle. Small species: {', '.join(data.SMALL)}. A "
        "hit lies within half the particle's diameter. Best picker and best vote are chosen in hindsight, with the truth; the "
        "others are not. Centre error in Å. 'above best simple': F1 minus that of the best of "
        f"{', '.join(BASELINES)}. Both rows of ours are of one run: the scores before the second look, and after it. A run takes "
        f"{own['seconds'].mean():.0f} s on this machine (with other jobs running)."
    )


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Means over the cases, and what counts: F1 in the worst case, and the least distance to the best of the simple ways."""
    best = table[table["method"].isin(BASELINES)].groupby("case")["F1"].max()
    mean = table.groupby("method")[MEASURES].mean().loc[list(METHODS)]
    mean.insert(1, "worst F1", table.groupby("method")["F1"].min())
    table = table.assign(margin=table["F1"] - table["case"].map(best))
    mean["above best simple"] = table.groupby("method")["margin"].mean()
    mean["worst of it"] = table.groupby("method")["margin"].min()
    return mean.reset_index()


def by(table: pd.DataFrame, *names: str) -> pd.DataFrame:
    """F1 of each method over one or more properties of the cases."""
    return table.pivot_table(index=list(names), columns="method", values="F1")[list(METHODS)].reset_index()


def by_species(table: pd.DataFrame) -> pd.DataFrame:
    """Means of each species, and of the small and the large ones: F1, ECE and centre error, before and after the second look."""
    groups = {name: [name] for name in data.SPECIES}
    groups |= {"small": list(data.SMALL), "large": [name for name in data.SPECIES if name not in data.SMALL]}
    rows = []
    for group, names in groups.items():
        of = {method: rows.mean(numeric_only=True) for method, rows in table[table["species"].isin(names)].groupby("method")}
        n = table.loc[table["species"].isin(names), "case"].nunique()
        if not n:
            continue
        row = {"species": group, "cases": n}
        row |= {method: of[method]["F1"] for method in ("best picker", "best vote")}
        row |= {"before": of[BEFORE]["F1"], "ours": of[OWN]["F1"], "ECE before": of[BEFORE]["ECE"], "ECE": of[OWN]["ECE"]}
        picker = of["best picker"]
        row |= {"centre of best picker": picker["centre error"], "least of a picker": picker["least centre error"]}
        rows.append(row | {"centre before": of[BEFORE]["centre error"], "centre": of[OWN]["centre error"]})
    return pd.DataFrame(rows)


def margins(table: pd.DataFrame) -> str:
    """Tomograms where ours is below the best vote of that very tomogram; verdicts; promises that are too high; centres."""
    each = table.pivot(index="case", columns="method", values="tomograms")
    below = np.concatenate([np.subtract(vote, own) for vote, own in zip(each["best vote"], each[OWN], strict=True)])
    own, picker = (table[table["method"] == method].set_index("case") for method in (OWN, "best picker"))
    told = own[own["verdict"] == "supported"]
    high = told["promised"] - told["precision"]
    nearer = own["centre error"] <= picker["centre error"]
    return (
        f"Ours is below the best vote of the very tomogram, in hindsight, on {(below > 1e-9).sum()} of {len(below)} tomograms, "
        f"by more than 0.02 on {(below > 0.02).sum()}, by at most {below.max():.3f}. {len(told)} of {len(own)} runs are "
        f"supported; in {(high > 0.1).sum()} of these the mean score of the accepted picks is more than 0.10 above the true "
        f"precision, at most {high.max():.2f}. The centres are as near as the best picker's or nearer in {nearer.sum()} of "
        f"{len(own)} cases."
    )


def side_by_side(table: pd.DataFrame, more: pd.DataFrame) -> pd.DataFrame:
    """Means of the best simple ways, of ours and of other methods, of the same cases."""
    kept = table[table["method"].isin(("best picker", "best vote", BEFORE, OWN))]
    mean = pd.concat([kept, more]).groupby("method", sort=False)[MEASURES].mean().reset_index()
    return mean.assign(cases=more["case"].nunique())


def every_case(table: pd.DataFrame) -> pd.DataFrame:
    """A row a case."""
    rows = []
    for _, of_case in table.groupby("case", sort=False):
        of = of_case.set_index("method")
        own, before, picker = of.loc[OWN], of.loc[BEFORE], of.loc["best picker"]
        row = {name: own[name] for name in ("species", "snr", "seed")} | {"pickers": f"{own['good']} + {own['bad']} bad"}
        row |= {"best picker": picker["F1"], "best vote": of.loc["best vote", "F1"], "before": before["F1"], "ours": own["F1"]}
        row |= {"ECE before": before["ECE"], "ECE": own["ECE"], "promised": own["promised"], "true": own["precision"]}
        row |= {"centre of best picker": picker["centre error"], "before ": before["centre error"], "centre": own["centre error"]}
        rows.append(row | {"verdict": own["verdict"], "agreement": (own["look"] or {}).get("agreement", np.nan)})
    return pd.DataFrame(rows).sort_values(["species", "snr", "seed"], kind="stable")


def draw(table: pd.DataFrame, path: Path) -> None:
    """A panel a species: F1 of every case, before and after the second look, beside the best picker and the best vote."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    figure, panels = plt.subplots(2, 3, figsize=(13, 8), sharey=True, layout="constrained")
    large = [name for name in data.SPECIES if name not in data.SMALL]
    for panel, name in zip(panels.ravel(), (*large, *data.SMALL), strict=True):
        own = table[table["species"] == name]
        names = sorted(own["case"].unique(), key=lambda case: tuple(-own[own["case"] == case][["snr", "seed"]].iloc[0]))
        for method, (colour, marker) in SHOWN.items():
            f1 = own[own["method"] == method].set_index("case")["F1"].reindex(names)
            panel.plot(range(len(names)), f1, marker, color=colour, label=method, markersize=9 if marker == "o" else 7)
        of = own.drop_duplicates("case").set_index("case").reindex(names)
        labels = [f"{row.snr}\n{row.good}+{row.bad}\n{row.seed}" for row in of.itertuples()]
        panel.set_xticks(range(len(names)), labels, fontsize=8)
        panel.set(title=f"{name}, {data.SPECIES[name][0]} Å", ylim=(0, 1.02))
        panel.grid(alpha=0.3)
    for panel in panels[:, 0]:
        panel.set_ylabel("F1")
    figure.supxlabel("signal to noise, good + bad pickers, seed", fontsize=9)
    panels[0, 0].legend(loc="lower left", fontsize=8)
    figure.savefig(path, dpi=100)
    plt.close(figure)
