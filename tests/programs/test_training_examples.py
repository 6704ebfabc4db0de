"""What the network is told to learn: labels by agreement, references at their word, the paper's recipe without doubtful picks."""

import numpy as np
import pytest

from deep_consensus_tomo.metadata_io import write_table
from xmipp_scripts._training_examples import read_examples

SEEN_BY = {"pos": ["1+2+3", "1+2", "2+3", "0+1"], "doubt": ["1", "3"], "neg": []}


@pytest.fixture
def inputs(tmp_path) -> dict[str, list[str]]:
    """XMD files of merged picks as the extraction writes them; those of noise have no votes."""
    files = {}
    for kind, comments in SEEN_BY.items():
        n = len(comments) or 3
        columns = {"image": [f"{i + 1:06d}@{kind}.mrcs" for i in range(n)], "tiltSeriesId": ["TS_1"] * n}
        columns |= {axis: np.arange(n, dtype=float) for axis in "xyz"} | ({"comment": comments} if comments else {})
        files[kind] = [str(tmp_path / f"{kind}.xmd")]
        write_table(files[kind][0], columns)
    return files


def test_labels_grow_with_agreement_and_a_reference_stays_positive(inputs):
    examples, outliers = read_examples(inputs, "consensus")
    assert examples.labels.tolist() == [1, 0.25, 0.25, 1, 0, 0, 0, 0, 0] and outliers == 0
    assert [image.split("@")[1] for image in examples.images] == ["pos.mrcs"] * 4 + ["doubt.mrcs"] * 2 + ["neg.mrcs"] * 3


def test_the_recipe_of_the_paper_learns_agreed_picks_against_noise(inputs):
    examples, _ = read_examples(inputs, "paper")
    assert examples.labels.tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert "1@doubt.mrcs" not in " ".join(examples.images)


def test_boxes_without_votes_are_what_their_option_says(inputs, tmp_path):
    plain = {"pos": inputs["neg"], "neg": inputs["neg"]}
    assert read_examples(plain, "consensus")[0].labels.tolist() == [1, 1, 1, 0, 0, 0]
