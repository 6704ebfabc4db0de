"""Answers about a finished run: never lost, saved one by one, learned from."""

import multiprocessing
from dataclasses import replace

import numpy as np
import pytest
from finished_run import make_protocol_run, make_run

from tomo_particles.consensus.answers import Answer
from tomo_particles.core.errors import InputError
from tomo_particles.reports.curation.in_napari import save_edits
from tomo_particles.runs.answers_file import add_answer, read_answers, take_back
from tomo_particles.runs.curation import open_curation, radius_of

ANSWER = Answer("TS_1", (1.5, 2.0, 3.25), 10.0, True, "Ana, Bo", "2026-11-26T10:00:00+00:00", "doubtful", 0.4)


@pytest.fixture
def curation(tmp_path):
    return open_curation(make_run(tmp_path), "Ana", 3)


def test_answers_are_read_back_as_they_were_given(tmp_path):
    path = tmp_path / "answers.csv"
    others = [replace(ANSWER, who="=cmd()", tomo_id="#1"), replace(ANSWER, yes=False, score=float("nan"), why="")]
    for answer in (ANSWER, *others):
        add_answer(path, answer)
    first, second, third = read_answers(path)
    assert (first, second) == (ANSWER, others[0])
    assert np.isnan(third.score) and replace(third, score=0) == replace(others[1], score=0)
    assert take_back(path, others[0]) == [ANSWER, third] or len(read_answers(path)) == 2
    assert read_answers(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    "damage", ["tomo_id,x\na,1\n", "\x00\x01", "{text}a,nan,1,1,10,yes,b,c,d,0.5\n", "{text}a,1,1,1,10,maybe,b,c,d,0.5\n"]
)
def test_a_damaged_file_is_refused_and_stays(tmp_path, damage):
    path = tmp_path / "answers.csv"
    add_answer(path, ANSWER)
    content = damage.replace("{text}", path.read_text())
    path.write_text(content)
    with pytest.raises(InputError, match=r"answers\.csv' is damaged"):
        add_answer(path, ANSWER)
    assert path.read_text() == content


def test_answers_that_someone_wrote_need_only_places_and_yes_or_no(tmp_path):
    path = tmp_path / "answers.csv"
    path.write_text("tomo_id,x,y,z,samplingRate,answer\nTS_1,1.5,2,3.25,10,yes\n")
    (answer,) = read_answers(path)
    assert (answer.tomo_id, answer.position, answer.sampling_rate, answer.yes) == ("TS_1", (1.5, 2.0, 3.25), 10.0, True)
    assert answer.who == "" and np.isnan(answer.score)
    path.write_text("tomo_id,x,y,z,answer\nTS_1,1.5,2,3.25,yes\n")
    with pytest.raises(InputError, match="no column samplingRate; answers need the columns tomo_id, x, y, z, samplingRate"):
        read_answers(path)


def _many(path, who):
    for number in range(10):
        add_answer(path, replace(ANSWER, who=who, when=str(number)))


def test_two_windows_lose_no_answer_of_each_other(tmp_path):
    path = tmp_path / "answers.csv"
    windows = [multiprocessing.get_context("fork").Process(target=_many, args=(path, who)) for who in "ab"]
    for window in windows:
        window.start()
    for window in windows:
        window.join()
    assert sorted((answer.who, int(answer.when)) for answer in read_answers(path)) == [(w, n) for w in "ab" for n in range(10)]


def test_every_answer_is_on_the_disk_at_once_and_undo_takes_back_the_last(curation):
    shown = [curation.question().row]
    curation.answer(True)
    assert [answer.yes for answer in read_answers(curation.file)] == [True]
    shown.append(curation.question().row)
    curation.answer(False)
    assert [(answer.who, answer.yes) for answer in read_answers(curation.file)] == [("Ana", True), ("Ana", False)]
    assert curation.probability[shown].tolist() == [1, 0]
    assert curation.undo() and curation.question().row == shown[1] and len(read_answers(curation.file)) == 1
    curation.skip()
    assert curation.question().row not in shown and len(read_answers(curation.file)) == 1
    assert curation.undo() and not curation.undo() and read_answers(curation.file) == []


def test_a_new_session_goes_on_where_the_last_one_stopped(curation, tmp_path):
    rows = []
    for _ in range(7):
        rows.append(curation.question().row)
        curation.answer(True)
    again = open_curation(tmp_path / "run", "Bo", 3)
    assert sorted(again.answered.rows) == sorted(rows) and again.question().row not in rows
    assert not again.undo()  # the answers of another session are not taken back by a key


def test_the_users_references_are_not_asked_and_every_pick_is_shown_once(curation):
    shown = []
    while proposal := curation.question():
        shown.append(proposal.row)
        curation.skip()
    assert len(set(shown)) == len(shown) == len(curation.picks) - 4  # two tomograms with two references each


def test_the_answers_of_a_protocol_lie_beside_the_folder_that_it_makes_anew(tmp_path):
    curation = open_curation(make_protocol_run(tmp_path), "Ana", 1)
    curation.answer(True)
    assert curation.file == tmp_path / "answers.csv" and len(read_answers(curation.file)) == 1


def test_a_run_that_voted_is_refused(tmp_path):
    with pytest.raises(InputError, match="voted; its shares of votes cannot learn"):
        open_curation(make_run(tmp_path, voting=True), "Ana", 1)


def test_a_second_answer_keeps_the_score_from_before_the_first(curation):
    row = 3
    score = float(curation.probability[row])
    curation.mark_pick(row, True, "")
    assert curation.probability[row] == 1
    curation.mark_pick(row, False, "")
    assert [answer.score for answer in read_answers(curation.file)] == pytest.approx([score, score], abs=1e-4)


def test_one_of_two_near_points_that_is_deleted_is_an_answer(curation):
    x, y, z = curation.picks.positions[curation.picks.tomo_id == "TS_1"][0]
    pair = np.array([[x, y, z], [x + 0.8 * radius_of(curation.run), y, z]])
    assert save_edits(curation, "TS_1", pair, pair[:1]) == 1
    (gone,) = read_answers(curation.file)
    assert not gone.yes and np.allclose(gone.position, pair[1], atol=1e-3)


def test_what_was_deleted_and_added_elsewhere_comes_back_as_answers(curation):
    own = curation.picks.tomo_id == "TS_1"
    before = curation.picks.positions[own][:3]
    far = np.array([[39.0, 31.0, 23.0]])
    assert save_edits(curation, "TS_1", before, np.concatenate([before[1:] + 0.5, far])) == 2
    gone, new = read_answers(curation.file)
    assert (gone.yes, new.yes) == (False, True) and new.position == (39, 31, 23)
    assert np.allclose(gone.position, before[0], rtol=1e-5)
