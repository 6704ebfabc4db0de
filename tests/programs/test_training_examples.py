"""What the network is told to learn: labels by agreement, references at their word, the paper's recipe without doubtful picks."""

import numpy as np
import pytest

from tomo_particles.consensus.training_examples import FEWEST_NOISE, read_examples
from tomo_particles.core.errors import InputError
from tomo_particles.formats.xmd import read_table, write_table

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


@pytest.mark.parametrize("kind", SEEN_BY)
def test_subtomograms_of_another_sampling_rate_are_refused(inputs, kind):
    for paths in inputs.values():
        columns = read_table(paths[0])
        write_table(paths[0], {**columns, "samplingRate": [13.7] * len(columns["image"])})
    assert len(read_examples(inputs, "consensus", 13.7)[0].labels) == 9
    columns = read_table(inputs[kind][0])
    write_table(inputs[kind][0], {**columns, "samplingRate": [6.85] * len(columns["image"])})
    with pytest.raises(InputError, match=f"{kind}.xmd.*6.85 A/voxel.*13.7"):
        read_examples(inputs, "consensus", 13.7)


def test_labels_grow_with_agreement_and_a_reference_stays_positive(inputs):
    examples, outliers = read_examples(inputs, "consensus")
    assert examples.labels.tolist() == [1, 0.25, 0.25, 1, 0, 0, 0, 0, 0] and outliers == 0
    assert [image.split("@")[1] for image in examples.images] == ["pos.mrcs"] * 4 + ["doubt.mrcs"] * 2 + ["neg.mrcs"] * 3


def test_the_recipe_of_the_paper_learns_agreed_picks_against_noise(inputs):
    examples, _ = read_examples(inputs, "paper")
    assert examples.labels.tolist() == [1, 1, 1, 1, 0, 0, 0]
    assert "1@doubt.mrcs" not in " ".join(examples.images)


def test_boxes_without_votes_are_what_their_option_says(inputs, tmp_path):
    others = read_table(inputs["neg"][0])
    write_table(tmp_path / "other.xmd", {**others, "image": [f"{i + 1:06d}@other.mrcs" for i in range(3)]})
    plain = {"pos": [str(tmp_path / "other.xmd")], "neg": inputs["neg"]}
    assert read_examples(plain, "consensus")[0].labels.tolist() == [1, 1, 1, 0, 0, 0]


@pytest.fixture
def table(tmp_path):
    """Write subtomograms with (who saw them) comments, or noise, which nobody saw; returns the file's path."""

    def write(name: str, comments: list[str] | None, n: int = 0, **more: list) -> str:
        n = len(comments) if comments else n
        columns = {
            "image": [f"{i + 1:06d}@{name}.mrcs" for i in range(n)],
            "tiltSeriesId": ["a"] * n,
            **{axis: list(np.arange(n, dtype=float)) for axis in "xyz"},
            "samplingRate": [10.0] * n,
        }
        write_table(tmp_path / f"{name}.xmd", columns | ({"comment": comments} if comments else {}) | more)
        return str(tmp_path / f"{name}.xmd")

    return write


def labels_of(examples, name: str) -> list[float]:
    return [label for image, label in zip(examples.images, examples.labels, strict=True) if image.endswith(f"@{name}.mrcs")]


def test_doubtful_picks_teach_by_their_agreement_and_noise_is_thinned_but_no_known_wrong_pick(table):
    inputs = {
        "pos": [table("pos", ["1+2+3"] * 60 + ["1+2"] * 40)],
        "doubt": [table("doubt", ["1"] * 100)],
        "neg": [table("noise_a", None, 150), table("noise_b", None, 50), table("lies", ["0+1"] * 20)],
    }
    examples, outlying = read_examples(inputs, "consensus")
    assert outlying == 0 and labels_of(examples, "pos") == [1.0] * 60 + [0.25] * 40
    assert labels_of(examples, "doubt") == [0.0] * 100
    assert len(labels_of(examples, "lies")) == 20
    assert (len(labels_of(examples, "noise_a")), len(labels_of(examples, "noise_b"))) == (45, 15)  # 0.3 of 200
    thinned = [int(image.split("@")[0]) for image in examples.images if image.endswith("@noise_a.mrcs")]
    assert thinned[0] == 1 and thinned[-1] == 150 and max(np.diff(thinned)) <= 4  # evenly, from first to last


def test_single_votes_of_two_pickers_teach_and_a_reference_stays_positive(table):
    inputs = {
        "pos": [table("pos", ["1+2"] * 30 + ["0"] * 5)],
        "doubt": [table("doubt", ["1"] * 15 + ["2"] * 15)],
        "neg": [table("noise", None, 60)],
    }
    examples, _ = read_examples(inputs, "consensus")
    assert labels_of(examples, "pos") == [1.0] * 35 and labels_of(examples, "doubt") == [0.0] * 30
    assert len(labels_of(examples, "noise")) == FEWEST_NOISE


def test_where_all_picks_agree_and_in_the_recipe_of_the_paper_all_noise_teaches(table):
    inputs = {"pos": [table("pos", ["1+2"] * 30)], "doubt": [table("doubt", ["1"] * 15)], "neg": [table("noise", None, 200)]}
    agreed, _ = read_examples({**inputs, "doubt": []}, "consensus")
    paper, _ = read_examples(inputs, "paper")
    for examples in (agreed, paper):
        assert len(labels_of(examples, "noise")) == 200 and labels_of(examples, "pos") == [1.0] * 30
    assert not labels_of(paper, "doubt")
