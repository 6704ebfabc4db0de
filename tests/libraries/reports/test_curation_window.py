"""The window in which a person judges picks, drawn without a screen: keys, clicks and what they save."""

import numpy as np
import pytest
from finished_run import make_run
from matplotlib.backend_bases import KeyEvent, MouseButton, MouseEvent, NavigationToolbar2
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tomo_particles.reports.curation.window import SIZE, CurationWindow
from tomo_particles.runs.answers_file import read_answers
from tomo_particles.runs.curation import open_curation


@pytest.fixture
def window(tmp_path):
    figure = Figure(figsize=SIZE)
    FigureCanvasAgg(figure)
    return CurationWindow(figure, open_curation(make_run(tmp_path), "Ana", 1))


def press(window, key):
    window.figure.canvas.callbacks.process("key_press_event", KeyEvent("key_press_event", window.figure.canvas, key))


def click(window, x, y):
    """At a place of the slice, in voxels of the tomogram."""
    window.figure.canvas.draw()
    at = window._axes.transData.transform((x, y))
    event = MouseEvent("button_press_event", window.figure.canvas, *at, button=MouseButton.LEFT)
    window.figure.canvas.callbacks.process("button_press_event", event)


def answers(window):
    return [(answer.yes, answer.why) for answer in read_answers(window.curation.file)]


def test_keys_answer_skip_and_undo(window):
    assert "Is this a particle?" in window._question._figure.get_suptitle()
    press(window, "y")
    press(window, "n")
    press(window, " ")
    press(window, "k")  # no key of the window
    assert [yes for yes, _ in answers(window)] == [True, False] and len(window.curation.skipped) == 1
    press(window, "u")
    assert [yes for yes, _ in answers(window)] == [True]
    assert "1 picks answered, 1 of them particles" in window._status.get_text() and "taken back" in window._status.get_text()


def test_a_click_on_the_pick_that_is_asked_shows_the_next_question(window):
    row = window.curation.question().row
    before = window._question._figure.get_suptitle()
    click(window, *window.curation.picks.positions[row, :2])
    after = window.curation.question().row
    x, y, z = np.rint(window.curation.picks.positions[after]).astype(int)
    title = window._question._figure.get_suptitle()
    assert after != row and title != before and f"({x}, {y}, {z})" in title


def test_clicks_accept_reject_add_and_take_away(window):
    row = window.curation.question().row
    accepted = bool(window.curation.probability[row] >= 0.5)
    x, y, _ = window.curation.picks.positions[row]
    click(window, x, y)
    assert [yes for yes, _ in answers(window)] == [not accepted]
    click(window, x, y)
    assert [yes for yes, _ in answers(window)] == [not accepted, accepted]
    free = next(place for place in FREE if _far(window, place))
    click(window, *free)
    assert len(window.curation.answered.added) == 1
    added = window.curation.answered.added[0]
    assert np.allclose(added.position[:2], free, atol=0.1) and added.tomo_id == window._tomogram.tomo_id
    click(window, *free)
    assert window.curation.answered.added == [] and len(answers(window)) == 4


FREE = [(x, y) for x in range(2, 38, 3) for y in range(2, 30, 3)]


def _far(window, place):
    """Whether no pick near the slice is near this place."""
    rows = window._tomogram._near()
    return all(np.linalg.norm(window.curation.picks.positions[row, :2] - place) > 4 for row in rows)


def test_a_click_outside_the_slice_or_with_the_zoom_is_no_answer(window):
    click(window, -30, -30)
    NavigationToolbar2(window.figure.canvas).zoom()
    click(window, *FREE[0])
    assert answers(window) == []


def test_the_depth_and_the_tomogram_change_without_an_answer(window):
    tomo_id, depth = window._tomogram.tomo_id, window._tomogram.depth
    press(window, "pageup" if depth < 20 else "pagedown")
    assert window._tomogram.depth != depth and window._tomogram.tomo_id == tomo_id
    press(window, "t")
    assert window._tomogram.tomo_id != tomo_id and answers(window) == []


def test_a_tomogram_that_is_gone_is_said_and_answers_go_on(window, tmp_path):
    for path in tmp_path.glob("*.mrc"):
        path.unlink()
    window._opened.close()
    window.show()
    assert "cannot be shown" in window._axes.texts[0].get_text()
    press(window, "y")
    assert len(answers(window)) == 1


def test_when_every_pick_was_shown_the_window_says_so(window):
    while window.curation.question():
        window.curation.skip()
    window.show()
    assert window._question._figure.get_suptitle() == "Every pick of this run was shown."
    press(window, "y")
    assert answers(window) == []
