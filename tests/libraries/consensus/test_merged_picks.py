import numpy as np
import pytest

from tomo_particles.consensus.merged_picks import (
    is_reference,
    named_pickers,
    read_pickers,
    read_scores,
    references_of,
    write_pickers,
    write_scores,
)


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
