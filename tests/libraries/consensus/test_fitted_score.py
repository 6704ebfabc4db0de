"""How final scores come about, as a model file keeps it: one tomogram alone gets the scores that it gets with others."""

import json
from dataclasses import replace

import numpy as np
import pytest

from tomo_particles.consensus.fitted_score import FittedScore
from tomo_particles.consensus.merged_picks import NETWORK, write_pickers, write_scores
from tomo_particles.consensus.run_verdict import final_scores

TOMOGRAMS = ("T1", "T2", "T3", "T4")
NAMES = ("cryolo", "tm", "dog")


def run_of(rng: np.random.Generator, informs: bool = True, beads: bool = False) -> tuple[dict, dict]:
    """Tables of merged picks and noise picks of four tomograms: three pickers, a network that sees the particles."""
    of_both = (NETWORK, "image", "tiltSeriesId", "x", "y", "z")
    noise: dict[str, list] = {name: [] for name in of_both}
    columns = {name: [] for name in (*of_both, "comment", "enabled", "keywords", "min", "max", "particleSize")}
    recall, false = (0.9, 0.8, 0.7), (0.3, 0.2, 0.2)
    for tomo_id in TOMOGRAMS:
        for k in range(150):
            is_true = rng.random() < 0.6
            seen = rng.random(3) < (recall if is_true and informs else false)
            if not informs:
                seen = np.eye(3, dtype=bool)[rng.integers(3)]
            if not seen.any():
                continue
            pickers = np.flatnonzero(seen) + 1
            scores = [np.nan if one == 3 else float(rng.normal(is_true, 0.5)) * 10**one for one in pickers]
            place = rng.uniform(20, 380, 3)
            columns["comment"].append(write_pickers(pickers))
            columns["keywords"].append(write_scores(scores))
            columns["enabled"].append(int(len(pickers) > 1))
            columns[NETWORK].append(float(np.clip(rng.normal(0.75 if is_true else 0.3, 0.15), 0.01, 0.99)))
            columns["image"].append(f"{k + 1:06d}@{tomo_id}.mrcs")
            columns["tiltSeriesId"].append(tomo_id)
            columns["particleSize"].append(12)
            for axis, value in zip("xyz", place, strict=True):
                columns[axis].append(value)
            columns["min"].append(-30.0 if beads and k < 5 else float(rng.normal(-3, 0.2)))
            columns["max"].append(float(rng.normal(3, 0.2)))
        for k in range(120):
            noise[NETWORK].append(float(np.clip(rng.normal(0.25, 0.12), 0.01, 0.99)))
            noise["image"].append(f"{k + 1:06d}@{tomo_id}_noise.mrcs")
            noise["tiltSeriesId"].append(tomo_id)
            for axis, value in zip("xyz", rng.uniform(10, 390, 3), strict=True):
                noise[axis].append(value)
    return columns, noise


def rows_of(columns: dict, tomo_id: str) -> dict:
    own = [row for row, name in enumerate(columns["tiltSeriesId"]) if name == tomo_id]
    return {name: [values[row] for row in own] for name, values in columns.items()}


@pytest.mark.parametrize(
    ("case", "verdict"), [({}, "supported"), ({"beads": True}, "supported"), ({"informs": False}, "weak")], ids=str
)
def test_a_tomogram_alone_has_the_scores_that_it_has_with_others(case, verdict):
    columns, noise = run_of(np.random.default_rng(1), **case)
    found = final_scores(columns, noise, out_of_fold=True, network_alone=False)
    assert found.verdict.kind == verdict and found.verdict.network_weight > 0 and 0.1 < (found.score > 0.5).mean() < 0.9
    read = FittedScore.from_json(found.fitted.to_json())
    np.testing.assert_allclose(read.scores(columns, noise), found.score, atol=1e-12)
    for tomo_id in TOMOGRAMS:
        alone = read.scores(rows_of(columns, tomo_id), rows_of(noise, tomo_id))
        own = [name == tomo_id for name in columns["tiltSeriesId"]]
        np.testing.assert_allclose(alone, found.score[own], atol=1e-9)
    one = {name: values[7:8] for name, values in columns.items()}
    if not case:
        assert read.scores(one, {}) == pytest.approx(found.score[7:8], abs=1e-9)


def test_other_tomograms_and_patterns_of_votes_that_never_occurred():
    columns, noise = run_of(np.random.default_rng(2))
    two = [k for k, comment in enumerate(columns["comment"]) if comment != "1+2+3"]
    fewer = {name: [values[k] for k in two] for name, values in columns.items()}
    fitted = final_scores(fewer, noise, out_of_fold=True, network_alone=False).fitted
    table = {name: [values[0]] * 4 for name, values in columns.items()}
    table |= {"comment": ["1", "1+2", "1+2+3", "7"], "keywords": ["nan", "nan+nan", "nan+nan+nan", "nan"], NETWORK: [0.6] * 4}
    votes = replace(fitted, verdict=replace(fitted.verdict, network_weight=0.0)).posterior(table, {})
    assert votes[0] < votes[1] <= votes[2] and votes[3] <= votes[0]  # more votes never lower it; 7 is no picker of the model
    both = fitted.scores(table, {})
    assert both[0] < min(both[1:3]) and np.isfinite(both).all()


@pytest.mark.parametrize("network_alone", [True, False])
def test_one_picker_or_the_recipe_of_the_paper_have_the_network_score(network_alone):
    columns, noise = run_of(np.random.default_rng(3), beads=True)
    if not network_alone:
        columns |= {"comment": ["1"] * len(columns["comment"]), "keywords": ["nan"] * len(columns["comment"])}
    found = final_scores(columns, noise, True, network_alone)
    again = FittedScore.from_json(found.fitted.to_json()).scores(columns, noise)
    assert again.tolist() == found.score.tolist()
    outlying = np.array(columns["min"]) < -20
    assert (found.score[outlying] == 0).all() != network_alone


def test_pickers_are_known_by_their_names():
    columns, noise = run_of(np.random.default_rng(4))
    found = final_scores(columns, noise, True, False)
    fitted = FittedScore.from_json(found.fitted.named(NAMES).to_json())
    turned = {"1": "3", "2": "1", "3": "2"}  # in another run the pickers are tm, dog, cryolo
    table = columns | {"comment": [], "keywords": []}
    for comment, text in zip(columns["comment"], columns["keywords"], strict=True):
        pairs = sorted(zip([turned[one] for one in comment.split("+")], text.split("+"), strict=True))
        table["comment"].append("+".join(one for one, _ in pairs))
        table["keywords"].append("+".join(score for _, score in pairs))
    np.testing.assert_allclose(fitted.for_pickers(["tm", "dog", "cryolo"]).scores(table, noise), found.score, atol=1e-9)
    with pytest.raises(ValueError, match="does not know the picker 'eman' \\(known: 'cryolo', 'tm', 'dog'\\)"):
        fitted.for_pickers(["tm", "eman"])
    with pytest.raises(ValueError, match="none by name"):
        found.fitted.for_pickers(["tm"])
    only_two = fitted.for_pickers(["dog", "tm"])
    assert sorted(only_two.fit.pickers.tolist()) == [-1, 1, 2]


def test_a_picker_that_had_found_nothing_yet_is_known_and_its_votes_say_nothing():
    columns, noise = run_of(np.random.default_rng(4))
    names = ("late", *NAMES)
    shifted = columns | {"comment": ["+".join(str(int(one) + 1) for one in comment.split("+")) for comment in columns["comment"]]}
    fitted = FittedScore.from_json(final_scores(shifted, noise, True, False).fitted.named(names).to_json())
    assert (fitted.names, fitted.silent) == (NAMES, ("late",))
    table = {name: [values[0]] * 3 for name, values in columns.items()} | {NETWORK: [0.6] * 3}
    own = table | {"comment": ["1", "1+4", "4"], "keywords": ["nan", "nan+9.0", "9.0"], "enabled": [0] * 3}
    alone, with_late, late = fitted.for_pickers((*NAMES, "late")).scores(own, {})
    assert alone == with_late > late > 0
    with pytest.raises(ValueError, match="does not know the picker 'other'"):
        fitted.for_pickers((*names, "other"))


def test_a_text_of_the_first_version_has_no_kinds_and_is_read():
    columns, noise = run_of(np.random.default_rng(5))
    fitted = final_scores(columns, noise, True, False).fitted
    values = json.loads(fitted.to_json())
    assert values["fit"]["evidence"].pop("kinds") is not None
    del values["silent"]
    read = FittedScore.from_json(json.dumps(values | {"version": 1}))
    without = replace(fitted, fit=replace(fitted.fit, evidence=replace(fitted.fit.evidence, kinds=None)))
    np.testing.assert_allclose(read.scores(columns, noise), without.scores(columns, noise), atol=1e-12)


def test_in_a_text_of_the_second_version_the_kinds_count_half():
    columns, noise = run_of(np.random.default_rng(5))
    fitted = final_scores(columns, noise, True, False).fitted
    values = json.loads(fitted.to_json())
    assert values["fit"]["evidence"].pop("weight_of_kinds") > 0.5
    read = FittedScore.from_json(json.dumps(values | {"version": 2}))
    half = replace(fitted, fit=replace(fitted.fit, evidence=replace(fitted.fit.evidence, weight_of_kinds=0.5)))
    np.testing.assert_allclose(read.scores(columns, noise), half.scores(columns, noise), atol=1e-12)


def test_a_damaged_text_is_refused():
    columns, noise = run_of(np.random.default_rng(5))
    values = json.loads(final_scores(columns, noise, True, False).fitted.to_json())
    wrong = [
        "",
        "[]",
        "{" * 5000,
        json.dumps(values | {"version": 4}),
        json.dumps(values | {"decides": "luck"}),
        json.dumps(values | {"names": ["one"]}),
        json.dumps(values | {"fit": values["fit"] | {"pickers": [1, 2]}}),
        json.dumps(values).replace('"trust": ', '"trust": NaN, "not": '),
        json.dumps(values).replace('"weight_of_kinds": ', '"weight_of_kinds": 2, "not": '),
        json.dumps(values).replace('"patterns": ["0', '"patterns": ["'),
        json.dumps(values).replace('"particles": [', '"particles": [0.5, '),
        json.dumps(values).replace('"deviation": [', '"deviation": [-'),
    ]
    for text in wrong:
        with pytest.raises(ValueError):
            FittedScore.from_json(text)


SHARED = (NETWORK, "image", "tiltSeriesId", "x", "y", "z", "particleSize", "min", "max")


def two_pickers(single_score: float) -> tuple[dict, dict]:
    """200 agreed picks, 200 of one picker whose network score is `single_score`, and 100 of one picker that look like noise."""
    rng = np.random.default_rng(6)
    columns: dict[str, list] = {name: [] for name in ("comment", "enabled", "keywords", *SHARED)}
    noise: dict[str, list] = {name: [] for name in SHARED}
    for number, score, comment in ((200, 0.9, "1+2"), (200, single_score, "1"), (100, 0.1, "2"), (200, 0.1, "")):
        for k in range(number):
            table = columns if comment else noise
            values = {NETWORK: float(np.clip(rng.normal(score, 0.03), 0.01, 0.99)), "tiltSeriesId": "T1", "particleSize": 12}
            values |= {"image": f"{k + 1:06d}@T1_{comment}.mrcs", "min": -3.0, "max": 3.0}
            values |= dict(zip("xyz", rng.uniform(20, 1000, 3), strict=True))
            values |= {
                "comment": comment,
                "enabled": int("+" in comment),
                "keywords": comment.replace("1", "nan").replace("2", "nan"),
            }
            for name, column in table.items():
                column.append(values[name])
    return columns, noise


@pytest.mark.parametrize(("single_score", "kind"), [(0.8, "weak"), (0.15, "supported")])
def test_two_pickers_cannot_tell_missed_particles_from_lookalikes_and_say_so(single_score, kind):
    columns, noise = two_pickers(single_score)
    found = final_scores(columns, noise, True, False, looked_twice=True)
    assert found.verdict.kind == kind
    assert ("a third picker tells" in found.verdict.reason) == (kind == "weak")
    accepted = int((found.score >= 0.5).sum())
    assert (f"{accepted} picks look like particles" in found.verdict.reason) == (kind == "weak")
