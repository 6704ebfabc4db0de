"""Network scores compared by how well they foretell the agreement of the pickers."""

import numpy as np
import pytest

from tomo_particles.consensus.agreement_likelihood import agreement_likelihood, require_agreement
from tomo_particles.core.errors import InputError


def picks(n=300, seed=1):
    """A table of merged picks of two pickers, and whether each is a particle."""
    rng = np.random.default_rng(seed)
    particle = rng.random(n) < 0.5
    both = rng.random(n) < np.where(particle, 0.7, 0.1)
    comment = np.where(both, "1+2", np.where(rng.random(n) < 0.5, "1", "2"))
    return {"comment": comment.tolist(), "enabled": both.astype(int).tolist()}, particle


def scored(columns, particle, skill, seed=2):
    odds = np.random.default_rng(seed).normal(skill * (particle - 0.5), 1)
    return columns | {"zScoreDeepLearning1": (1 / (1 + np.exp(-odds))).tolist()}


def test_scores_that_tell_particles_from_others_have_the_higher_likelihood():
    columns, particle = picks()
    found = [agreement_likelihood(scored(columns, particle, skill)) for skill in (0, 1, 2, 4)]
    assert found == sorted(found) and found[-1] < 0
    agreed = np.mean([comment == "1+2" for comment in columns["comment"]])
    by_rate = agreed * np.log(agreed) + (1 - agreed) * np.log(1 - agreed)  # of scores that tell nothing
    assert found[0] == pytest.approx(by_rate, abs=0.01) and found[-1] > by_rate + 0.1


def test_only_order_and_distances_of_the_scores_count():
    columns, particle = picks()
    one = scored(columns, particle, 2)
    odds = np.log(np.array(one["zScoreDeepLearning1"]) / (1 - np.array(one["zScoreDeepLearning1"])))
    other = columns | {"zScoreDeepLearning1": (1 / (1 + np.exp(-0.8 * odds - 0.5))).tolist()}
    assert agreement_likelihood(one) == pytest.approx(agreement_likelihood(other), abs=2e-3)


def test_references_of_the_user_do_not_count():
    columns, particle = picks()
    table = scored(columns, particle, 2)
    more = {"comment": [*table["comment"], "0+1"], "enabled": [*table["enabled"], 1]}
    more["zScoreDeepLearning1"] = [*table["zScoreDeepLearning1"], 0.001]
    assert agreement_likelihood(more) == agreement_likelihood(table)


@pytest.mark.parametrize("comment", ["1", "1+2"])
def test_picks_that_all_agree_alike_cannot_compare_anything(comment):
    with pytest.raises(InputError, match="agree on all, on none"):
        require_agreement({"comment": [comment] * 20, "enabled": [1] * 20})
    with pytest.raises(InputError, match="agree on all, on none"):
        require_agreement({})
    require_agreement(picks()[0])
