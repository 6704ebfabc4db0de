"""Answers of a person on real command lines: the same command learns from them, and extracts and trains nothing again."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.formats.xmd import read_table, write_table
from tomo_particles.runs.answers_file import read_answers
from tomo_particles.runs.curation import open_curation
from tomo_particles.runs.results import read_run

RUN, LEARN, CURATE = "run_deep_consensus_tomo", "learn_answers_tomo", "curate_picks_tomo"
FAR = np.array([3.0, 3.0, 3.0])  # no picker has a pick there


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def command(scene, folder):
    """A run whose pickers agree on so few picks that no network is trained: the scores are those of the votes."""
    rng = np.random.default_rng(1)
    files = [folder / "one.csv", folder / "two.csv"]
    rows = {name: [] for name in files}
    for tomo_id in scene.simulations:
        grid = np.array([(x, y, z) for x in (12, 28, 44) for y in (12, 28, 44) for z in (10, 28)])
        grid = grid + rng.uniform(-1, 1, grid.shape)
        for name, places in zip(files, (grid[:11], grid[8:]), strict=True):  # they share three
            rows[name] += [(tomo_id, *place, score) for place, score in zip(places, rng.random(len(places)), strict=True)]
    for name, own in rows.items():
        pd.DataFrame(own, columns=["tomo_id", "x", "y", "z", "score"]).to_csv(name, index=False)
    return [RUN, "--tomograms", *scene.tomograms, "--picks", *files, "--boxsize", 12, "--odir", folder / "out", "--noReport"]


@pytest.fixture(scope="module")
def first(done, command, folder):
    """The accepted picks of the run before any answer, and the state of what must not be made again."""
    done(*command)
    made = list((folder / "out" / "boxes").rglob("*.mrcs"))
    return (folder / "out" / "accepted.csv").read_bytes(), {path: path.stat().st_mtime_ns for path in made}


def test_the_same_command_learns_from_the_answers_and_does_nothing_else_again(done, command, folder, first):
    before, made = first
    out = folder / "out"
    curation = open_curation(out, "Ana", 1)
    expected = {}
    for number in range(12):
        row = curation.question().row
        expected[int(row)] = number % 2 == 0
        curation.answer(number % 2 == 0)
    curation.mark(curation.run.tomograms[0].tomo_id, FAR, True, "clicked in the tomogram")
    answers = curation.file.read_bytes()
    said = done(*command)
    assert said.count("12 picks were judged by a person, 6 of them particles") == 1 and "1 particles were added" in said
    assert not any(word in said for word in ("extract ", "consensus ", "noise ", "fold", "scored "))
    assert {path: path.stat().st_mtime_ns for path in made} == made
    assert curation.file.read_bytes() == answers
    run = read_run(out)
    places = {row: curation.picks.positions[row] for row in expected}
    for row, yes in expected.items():
        own = run.of_tomogram(curation.picks.tomo_id[row])
        nearest = np.flatnonzero(own)[np.linalg.norm(run.merged.positions[own] - places[row], axis=1).argmin()]
        assert run.accepted[nearest] == yes and run.merged.comments[nearest].startswith("0+")
    assert np.allclose(run.merged.positions[-1], FAR) and run.accepted[-1] and len(run.merged) == len(curation.picks) + 1
    # what the window showed is what the run gives
    assert np.allclose(run.merged.score[:-1], curation.probability, atol=1e-6)
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["answers"]["yes"], summary["answers"]["no"], summary["answers"]["added"]) == (6, 6, 1)
    assert summary["answers"]["who"] == {"Ana": 13} and summary["answers"]["learned"] is True
    accepted = pd.read_csv(out / "accepted.csv")
    assert "reference" in set(accepted["pickers"]) and len(accepted) == summary["accepted"] == run.accepted.sum()
    assert "12 picks were judged" in summary["verdict"]["text"]
    # a third time nothing is done, and the same comes out
    whole = (out / "accepted.csv").read_bytes()
    assert "12 picks were judged" in done(*command) and (out / "accepted.csv").read_bytes() == whole != before
    # without the answers the run is what it was
    curation.file.rename(folder / "kept.csv")
    done(*command)
    assert (out / "accepted.csv").read_bytes() == before and not (out / "scored" / "merged_answered.xmd").exists()


def test_the_learning_program_alone_gives_the_same(done, folder, first, tmp_path):
    merged = folder / "out" / "scored" / "merged.xmd"
    answers = folder / "kept.csv"
    done(LEARN, "--input", merged, "--answers", answers, "--output", tmp_path / "learned.xmd")
    table = read_table(tmp_path / "learned.xmd")
    assert len(table["x"]) == len(read_table(merged)["x"]) + 1 and len(read_answers(answers)) == 13
    assert (tmp_path / "learned_verdict.json").exists() and (tmp_path / "learned_reliability.csv").exists()
    # the same with a place outside the tomogram, and one in another tomogram
    more = tmp_path / "more.csv"
    name = read_answers(answers)[0].tomo_id
    lines = [f"{name},20,20,9999,1,yes,Bo,now,,", "TS_99,1,1,1,10,no,Bo,now,,"]
    more.write_text(answers.read_text() + "".join(f"{line}\n" for line in lines))
    said = done(LEARN, "--input", merged, "--answers", more, "--output", tmp_path / "more.xmd")
    assert "1 answers lie outside their tomogram and are left out" in said and "1 answers are about tomograms" in said
    assert read_table(tmp_path / "more.xmd") == table
    record = json.loads((tmp_path / "more_learned.json").read_text())
    kinds = ("yes", "no", "added", "outside", "elsewhere", "superseded", "idle")
    assert [record[kind] for kind in kinds] == [6, 6, 1, 1, 1, 0, 0]


def test_answers_of_a_wrong_sampling_rate_are_told(done, folder, first, tmp_path):
    merged, wrong = folder / "out" / "scored" / "merged.xmd", tmp_path / "wrong.csv"
    table = read_table(merged)
    rows = [f"{table['tiltSeriesId'][i]},{table['x'][i]},{table['y'][i]},{table['z'][i]},1,no" for i in range(4)]
    wrong.write_text("\n".join(["tomo_id,x,y,z,samplingRate,answer", *rows]) + "\n")
    said = done(LEARN, "--input", merged, "--answers", wrong, "--output", tmp_path / "learned.xmd")
    assert "4 answers say no where there is no pick" in said and "say samplingRate 1, while the picks have 10 A/voxel" in said


def test_what_cannot_be_learned_from_is_refused(refused, command, folder, first, tmp_path):
    merged = folder / "out" / "scored" / "merged.xmd"
    output = ["--output", tmp_path / "learned.xmd"]
    refused(
        LEARN, "--input", merged, "--answers", tmp_path / "none.csv", *output, words=["--answers", "no answer"], folder=tmp_path
    )
    answers = folder / "out" / "answers.csv"
    answers.write_text("tomo_id,x,y,z,samplingRate,answer,who,when,why,score\nTS_1,1,2,3,10,yes,Ana,now,,\n")
    try:
        given = ["--answers", answers, *output]
        refused(LEARN, "--input", folder / "out" / "scored.xmd", *given, words=["--input", "names its pickers"], folder=folder)
        table = read_table(merged)
        table["samplingRate"][1] = 1e6
        write_table(tmp_path / "rates.xmd", table)
        several = ["--input", "rates.xmd", "several sampling rates (10 and 1e+06)"]
        refused(LEARN, "--input", tmp_path / "rates.xmd", *given, words=several, folder=tmp_path)
        shutil.copy(merged, tmp_path / "alone.xmd")
        refused(LEARN, "--input", tmp_path / "alone.xmd", *given, words=["--input", "no verdict beside it"], folder=folder)
    finally:
        answers.unlink()
    answers.write_text("tomo_id,x\n1,2\n")
    try:
        refused(*command, words=["answers.csv", "damaged"], folder=folder)
    finally:
        answers.unlink()
    refused(CURATE, "--run", tmp_path, words=["--run", "no run"], folder=tmp_path)
    refused(CURATE, "--run", folder / "out", "--napari", "TS_1", words=["--napari", "not installed"], folder=folder)
    refused(CURATE, "--run", folder / "out", "--napari", "TS_77", words=["--napari", "TS_77"], folder=folder)


def test_a_window_needs_a_screen(folder, first, monkeypatch):
    from xmipp_scripts.curate_picks_tomo import _open_window

    monkeypatch.delenv("DISPLAY", raising=False)
    with pytest.raises(InputError, match="no window can be opened here"):
        _open_window(open_curation(folder / "out", "Ana", 1))
