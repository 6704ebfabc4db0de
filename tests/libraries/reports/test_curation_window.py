"""The window in which a person judges picks, drawn without a screen: keys, clicks and what they save."""

import numpy as np
import pytest
from finished_run import make_run
from matplotlib.backend_bases import KeyEvent, MouseButton, MouseEvent, NavigationToolbar2
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tomo_particles.consensus.informative_picks import DOUBTFUL, Proposal
from tomo_particles.formats.xmd import read_table, write_table
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


def test_what_lies_outside_the_tomogram_is_not_drawn_as_a_part_of_it(window):
    """Boxes of 16 voxels around picks of a tomogram of 40 x 32 x 24."""
    inside = window._opened.around("TS_1", np.array([20.0, 16.0, 12.0]))
    assert not any(np.isnan(image).any() for image in inside.values())
    corner = window._opened.around("TS_1", np.array([37.0, 16.0, 2.0]))
    outside = {axes: np.isnan(image) for axes, image in corner.items()}  # the middle of a box is its voxel 8
    assert outside["x, y"].sum() == 5 * 16 and outside["x, y"][:, 11:].all()  # x from 29 to 44: five beyond 39
    assert outside["y, z"].sum() == 6 * 16 and outside["y, z"][:6].all()  # z from -6 to 9
    assert outside["x, z"].sum() == 5 * 16 + 6 * 11
    for axes, image in corner.items():
        window._question._draw(window._question._panels[0], axes, image, -1.0, 1.0)
        assert window._question._panels[0].get_title() == f"{axes} (blue: outside)"


def test_a_pick_that_stands_out_by_its_contrast_is_a_diamond_and_the_question_says_so(tmp_path):
    folder = make_run(tmp_path)
    scored = folder / "scored" / "merged.xmd"
    columns = read_table(scored, "merged")
    columns["comment"] = ["1+2+3"] * len(columns["x"])
    columns["enabled"] = [1] * len(columns["x"])
    columns["min"] = [-3.0 + 0.01 * (row % 7) for row in range(len(columns["x"]))]
    columns["max"] = [3.0] * len(columns["x"])
    columns["min"][0] = -40.0  # gold
    write_table(scored, columns)
    figure = Figure(figsize=SIZE)
    FigureCanvasAgg(figure)
    window = CurationWindow(figure, open_curation(folder, "Ana", 1))
    assert np.flatnonzero(window.curation.outlying).tolist() == [0]
    title = window._question._text(Proposal(0, DOUBTFUL))
    assert title.endswith("stands out by its contrast, as gold or ice does")
    assert "most doubtful of the picks left (nearest to 0.5)" in title
    assert "contrast" not in window._question._text(Proposal(1, DOUBTFUL))
    x, y, z = window.curation.picks.positions[0]
    window._tomogram.show("TS_1", z)
    diamonds = [own for own in window._axes.collections if len(own.get_offsets()) and len(own.get_paths()[0].vertices) < 10]
    assert [own.get_offsets().tolist() for own in diamonds] == [[pytest.approx([x, y], abs=1e-3)]]
    assert "Diamond: stands out by its contrast" in window._status.get_text()


def test_every_line_of_the_window_is_inside_it_and_above_the_pictures(window):
    window._question._figure.suptitle(f"{window._question._text(Proposal(0, DOUBTFUL))}")
    window.figure.canvas.draw()
    edge = window.figure.bbox
    said = window._status.get_window_extent()
    assert edge.x0 <= said.x0 and said.x1 <= edge.x1 and edge.y0 <= said.y0
    assert all(said.y1 < button.ax.get_window_extent().y0 for button in window._buttons)
    title = window._question._figure._suptitle.get_window_extent()
    assert title.y1 <= edge.y1
    assert all(panel.title.get_window_extent().y1 < title.y0 for panel in window._question._panels)
