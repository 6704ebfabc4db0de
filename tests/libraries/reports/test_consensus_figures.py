"""The figures of a run: drawn for usual, degenerate and large input, and what they show is counted."""

import numpy as np
import pytest
from finished_run import SIZE, TOMOGRAMS, make_run

from tomo_particles.consensus.pick_spacing import measure_spacing
from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import open_tomogram
from tomo_particles.reports import figures as draw
from tomo_particles.reports import run_figures
from tomo_particles.runs import slices
from tomo_particles.runs.results import read_run


def shown(figure) -> str:
    """Every text of a drawn figure; drawing it is part of the test."""
    figure.canvas.draw()
    return "\n".join(text.get_text() for text in figure.findobj(lambda artist: hasattr(artist, "get_text")))


@pytest.mark.parametrize("scores", [np.zeros(0), np.append(np.random.default_rng(1).random(400), 1.0)])
def test_scores_of_any_number_are_drawn(scores):
    label, support = np.arange(len(scores)) % 3 - 1, np.arange(len(scores)) % 4
    draw.plot_scores(scores, label, support, 1.0 if len(scores) else None).canvas.draw()
    assert "expected precision" in shown(draw.plot_threshold(scores, 0.5))
    assert f"in {len(scores)} picks" in shown(draw.plot_expected_counts(scores))


def test_a_threshold_says_what_it_accepts_and_whether_to_trust_it():
    text = shown(draw.plot_threshold(np.array([0.9, 0.9, 0.7, 0.2]), 0.5))
    assert "at 0.5: 3 accepted\nabout 2 of them particles\nprecision 0.83 (0.11 to 0.99)\nrecall 0.93 (" in text
    assert "with care" not in text
    assert "with care" in shown(draw.plot_threshold(np.array([0.9, 0.2]), 0.5, trusted=False))


def test_calibration_against_a_truth():
    rng = np.random.default_rng(4)
    score = rng.random(5000)
    assert "mean error 0.0" in shown(draw.plot_calibration(score, rng.random(5000) < score))


def test_a_run_is_measured_with_a_file_of_known_particles(tmp_path):
    run = read_run(make_run(tmp_path))
    own = run.table[(run.table["tomo_id"] == TOMOGRAMS[0]) & run.accepted]
    truth = tmp_path / "hand.csv"
    inside = own[["x", "y", "z"]].clip(upper=np.subtract(SIZE, 1))
    inside.assign(tomo_id=own["tomo_id"]).to_csv(truth, index=False)
    text = shown(run_figures.calibration_figure(run, truth))
    assert f"{len(own)} known particles in 1 tomogram:" in text and "mean error" in text and "with care" not in text
    assert "Voting" in shown(run_figures.calibration_figure(read_run(make_run(tmp_path / "voting", voting=True)), truth))
    with pytest.raises(InputError, match=r"\*Known particles\*"):
        run_figures.calibration_figure(run, tmp_path / "none.csv", "*Known particles*")


def test_votes_are_counted_by_combination():
    seen = np.array([[1, 1, 0]] * 5 + [[0, 0, 1]] * 3 + [[0, 0, 0]], dtype=bool)
    text = shown(
        draw.plot_votes(seen, np.arange(9) < 4, ["one", "a name that is much too long to be written beside a bar", "three"])
    )
    assert {"5", "3", "1"} <= set(text.split("\n")) and "…" in text
    assert "no merged pick" in shown(draw.plot_votes(np.zeros((0, 2), dtype=bool), np.zeros(0, dtype=bool), ["a", "b"]))
    many = np.random.default_rng(0).random((500, 7)) < 0.5
    assert "24 largest" in shown(draw.plot_votes(many, many[:, 0], [f"p{k}" for k in range(7)]))


def test_a_picker_of_which_nothing_is_known():
    text = shown(draw.plot_pickers(["a", "b"], np.array([0.91, np.nan]), np.array([0.5, 0.25])))
    assert "0.91" in text and "unknown" in text


def test_gallery_rows_are_the_best_the_doubtful_and_the_rejected():
    score = np.linspace(0, 1, 101)
    rows = draw.gallery_rows(score, score >= 0.5, 0.5, columns=5)
    best, doubtful, rejected = rows.values()
    assert score[best].tolist() == pytest.approx([1, 0.99, 0.98, 0.97, 0.96])
    assert score[doubtful].tolist() == pytest.approx([0.52, 0.51, 0.5, 0.49, 0.48])
    assert len(rejected) == 5 and score[rejected].min() == 0 and score[rejected].max() == pytest.approx(0.49)
    assert list(draw.gallery_rows(score[:3], np.ones(3, dtype=bool), None)) == ["best"]
    assert draw.gallery_rows(np.zeros(0), np.zeros(0, dtype=bool), 0.5) == {}


def test_slices_and_places_of_a_flat_a_long_and_an_empty_tomogram():
    positions = np.array([[5.0, 5.0, 2.0], [30.0, 6.0, 2.0], [31.0, 6.0, 9.0]])
    accepted = np.array([True, False, True])
    for shape in ((12, 20, 40), (2, 900, 900)):
        text = shown(draw.plot_slices(np.zeros(shape, dtype=np.float32), positions, accepted, 8, fractions=(0.2,)))
        assert "1 accepted" in text and "1 rejected" in text
    assert "2 accepted" in shown(draw.plot_places(positions, np.array([0.9, 0.1, 0.8]), accepted))
    draw.plot_places(np.zeros((0, 3)), np.zeros(0), np.zeros(0, dtype=bool)).canvas.draw()


def test_distances_with_the_radius_that_is_chosen():
    cloud = np.random.default_rng(5).random((40, 3)) * 900
    text = shown(draw.plot_spacing(measure_spacing([{"a": cloud}, {"a": cloud + 2}]), 50, 200))
    assert "radius 50 Å: 100% of the picks have a partner" in text
    assert "0%" in shown(draw.plot_spacing(measure_spacing([{"a": cloud[:1]}]), 50, 200))


def test_every_figure_of_a_run_and_of_voting(tmp_path):
    for voting, absent in ((False, []), (True, ["threshold_figure", "counts_figure", "pickers_figure", "training_figure"])):
        run = read_run(make_run(tmp_path / str(voting), voting=voting))
        for name in ("scores", "threshold", "counts", "votes", "pickers", "training"):
            figure = getattr(run_figures, f"{name}_figure")(run)
            assert (figure.get_figheight() < 2) == (f"{name}_figure" in absent), name
        for name in ("gallery", "slices", "places"):
            assert getattr(run_figures, f"{name}_figure")(run, TOMOGRAMS[0]).get_figheight() > 2


def test_a_gallery_opens_its_tomogram_once(tmp_path, monkeypatch):
    run, opened = read_run(make_run(tmp_path)), []
    monkeypatch.setattr(slices, "open_tomogram", lambda path, *rest: opened.append(path) or open_tomogram(path, *rest))
    text = shown(run_figures.gallery_figure(run, "TS_1"))
    assert "best" in text and "doubtful" in text and "rejected" in text and opened == [run.tomograms[0].path]


def test_tomograms_that_are_gone_are_said(tmp_path):
    run = read_run(make_run(tmp_path))
    run.tomograms[0].path.unlink()
    for figure in (run_figures.gallery_figure, run_figures.slices_figure):
        assert "cannot be shown" in shown(figure(run, "TS_1"))
