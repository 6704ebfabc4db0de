"""The notes of the programs of a run."""

from tomo_particles.runs.layout import ProgramLayout
from tomo_particles.runs.notes import derived_note, program_notes


def test_each_note_is_said_once_with_its_tomograms_and_empty_ones_are_not(tmp_path):
    layout = ProgramLayout(tmp_path)
    notes = {
        layout.noise_note("a"): "crowded",
        layout.noise_note("b"): "crowded",
        layout.noise_note("c"): "",
        layout.boxes_note("c", "pos"): "2 without any contrast",
        layout.training_note: "3 agreed picks stand out\n",
    }
    for path, text in notes.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert program_notes(layout, ["a", "b", "c"], {"pos": "positive"}) == [
        "noise of 'a', 'b': crowded",
        "boxes (positive) of 'c': 2 without any contrast",
        "3 agreed picks stand out",
    ]
    assert program_notes(ProgramLayout(tmp_path / "empty"), ["a"], {"pos": "positive"}) == []


def test_scores_of_derived_pickers_without_look_and_answers_are_said():
    look, answers = {"used": True}, {"learned": True}
    assert derived_note(look, answers) == "scored without the second look and without the answers, unlike the other picks"
    assert derived_note({"used": False}, answers) == "scored without the answers, unlike the other picks"
    assert derived_note(None, {"learned": False}) == derived_note(None, None) == ""
