import numpy as np
import pytest

from tomo_particles.consensus.merged_picks import (
    DOUBTFUL,
    NEGATIVE,
    NETWORK,
    POSITIVE,
    SCORE,
    MergedPicks,
    is_reference,
    named_pickers,
    read_pickers,
    read_scores,
    references_of,
    write_pickers,
    write_scores,
)
from tomo_particles.core.errors import InputError


@pytest.mark.parametrize("pickers", [[1], [1, 3], [0], [0, 12]])
def test_pickers_are_read_as_they_were_written(pickers):
    assert read_pickers(write_pickers(pickers)) == pickers


def test_scores_are_written_with_six_digits_and_none_as_nan():
    text = write_scores([0.8, np.nan, -1234567.0])
    assert text == "0.8+nan+-1.23457e+06"
    assert write_pickers(["a", "b"]) == "a+b"


def test_scores_are_read_as_they_were_written():
    assert np.array_equal(read_scores("0.8+nan+2"), [0.8, np.nan, 2.0], equal_nan=True)


def test_only_a_leading_zero_marks_a_reference():
    comments = ["0", "0+1", "1+3", "10+2", ""]
    assert [is_reference(comment) for comment in comments] == [True, True, False, False, False]
    assert references_of(comments).tolist() == [True, True, False, False, False]
    assert references_of([]).shape == (0,)


def test_pickers_are_named():
    names = {0: "reference", 1: "a", 2: "b"}
    assert [named_pickers(comment, names) for comment in ("1+2", "0+2", "")] == ["a+b", "reference+b", ""]


def test_a_text_that_is_no_list_of_pickers_is_refused():
    with pytest.raises(ValueError, match="crYOLO"):
        read_pickers("1+crYOLO")


def merged() -> MergedPicks:
    """A pick of two pickers, one of a single picker, a positive reference, a negative one, and one well scored without labels."""
    return MergedPicks.from_columns(
        {
            "tiltSeriesId": ["a", "a", "b", "b", "b"],
            "x": [1, 2, 3, 4, 5],
            "y": [0] * 5,
            "z": [0] * 5,
            SCORE: [0.6, 0.2, 0.1, 0.9, 0.5],
            NETWORK: [0.7, 0.3, 0.2, 0.8, 0.4],
            "count": [2, 1, 1, 0, 1],
            "enabled": [POSITIVE, DOUBTFUL, POSITIVE, NEGATIVE, DOUBTFUL],
            "comment": ["1+2", "1", "0+2", "0", "2"],
            "keywords": ["1+nan", "2", "nan+nan", "nan", "3"],
        }
    )


def test_accepted_are_good_scores_and_true_references_never_wrong_ones():
    picks = merged()
    assert picks.known.tolist() == [False, False, True, False, False]
    assert picks.accepted(0.5).tolist() == [True, False, True, False, True]
    assert picks.accepted(0.95).tolist() == [False, False, True, False, False]
    assert picks.accepted(0.0).tolist() == [True, True, True, False, True]


def test_without_a_threshold_the_label_decides():
    assert merged().accepted(None).tolist() == [True, False, True, False, False]


def test_what_the_user_knows_is_certain():
    assert merged().probability.tolist() == [0.6, 0.2, 1.0, 0.0, 0.5]


def test_share_of_votes_is_of_all_pickers_of_the_run():
    assert merged().vote_share(4).tolist() == [0.5, 0.25, 0.25, 0.0, 0.25]
    assert merged().voted(4).score.tolist() == merged().vote_share(4).tolist()


def test_a_selection_keeps_every_column():
    own = merged()[np.array([False, False, True, False, False])]
    assert len(own) == 1 and own.tomo_id.tolist() == ["b"] and own.positions.tolist() == [[3.0, 0.0, 0.0]]
    assert own.comments.tolist() == ["0+2"] and own.picker_scores.tolist() == ["nan+nan"] and own.network.tolist() == [0.2]


def test_the_network_alone_is_the_score_where_there_is_no_final_one():
    places = {axis: [1.0] for axis in "xyz"}
    assert MergedPicks.from_columns(places | {NETWORK: [0.3]}).score.tolist() == [0.3]
    bare = MergedPicks.from_columns(places)
    assert np.isnan(bare.score).all() and bare.support.tolist() == [1] and bare.label.tolist() == [DOUBTFUL]


def test_no_picks_are_an_empty_struct():
    none = MergedPicks.from_columns({})
    assert len(none) == 0 and none.positions.shape == (0, 3)
    assert none.accepted(0.5).shape == none.accepted(None).shape == none.probability.shape == (0,)


def test_the_table_has_one_row_per_pick():
    table = merged().table()
    assert list(table) == ["tomo_id", "x", "y", "z", "score", "network", "support", "label"]
    assert table["x"].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("value", [np.nan, 1e30])
def test_a_table_with_a_place_that_no_tomogram_reaches_is_refused(value):
    columns = {"x": [1.0, value], "y": [1.0, 1.0], "z": [1.0, 1.0]}
    with pytest.raises(InputError, match="the merged picks: pick 2 has a coordinate"):
        MergedPicks.from_columns(columns)
