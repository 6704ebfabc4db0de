"""Pick files of a picker that is still at work: told apart by tomogram as they arrive, read again when they change."""

import numpy as np
import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.formats.growing_picks import NOTHING, GrowingPicks
from tomo_particles.formats.pick_files import read_pick_file

SIZES = {"TS_1": (10.0, (64, 64, 64)), "TS_10": (10.0, (64, 64, 64))}
HEAD = "tomo_id,x,y,z,score\n"


def rows(tomo_id: str, *x: float) -> str:
    return "".join(f"{tomo_id},{value},20,30,0.5\n" for value in x)


def test_a_folder_that_fills(tmp_path):
    picks = GrowingPicks(str(tmp_path / "dog"), picker=2)
    assert picks.look(SIZES) == {}
    (tmp_path / "dog").mkdir()
    (tmp_path / "dog" / "TS_1.csv").write_text(HEAD + rows("TS_1", 10, 11))
    (tmp_path / "dog" / "run.txt").write_text("the log of the picker\n")
    first = picks.look(SIZES)
    assert set(first) == {"TS_1"} and picks.look(SIZES) == first and not picks.faults
    (tmp_path / "dog" / "TS_10.csv").write_text("")  # it looked and found nothing
    assert picks.look(SIZES) == first | {"TS_10": NOTHING}
    own = picks.picks_of("TS_1", SIZES)
    np.testing.assert_allclose(own.positions, [[10, 20, 30], [11, 20, 30]])
    assert own.picker.tolist() == [2, 2] and picks.picks_of("TS_10", SIZES) is None
    whole = read_pick_file(tmp_path / "dog", {"TS_1": 10.0, "TS_10": 10.0}, picker=2)
    np.testing.assert_array_equal(own.positions, whole["TS_1"].positions)


def test_the_digest_depends_on_the_picks_and_not_on_their_order(tmp_path):
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 10, 11))
    picks = GrowingPicks(str(tmp_path))
    first = picks.look(SIZES)
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 11, 10))
    assert picks.look(SIZES) == first
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 11, 10.5))
    assert picks.look(SIZES)["TS_1"] != first["TS_1"]


def test_one_file_that_grows(tmp_path):
    picks = GrowingPicks(str(tmp_path / "all.csv"))
    (tmp_path / "all.csv").write_text(HEAD + rows("TS_1", 10))
    one = picks.look({"TS_1": SIZES["TS_1"]})
    with open(tmp_path / "all.csv", "a") as file:
        file.write(rows("TS_10", 12))
    assert picks.look({"TS_1": SIZES["TS_1"]}) == one
    both = picks.look(SIZES)  # the tomogram of the second came later than its picks
    assert set(both) == {"TS_1", "TS_10"} and both["TS_1"] == one["TS_1"]


def test_a_half_written_file_is_a_fault_until_it_is_whole(tmp_path):
    (tmp_path / "TS_1.csv").write_text(HEAD + "TS_1,10,2")
    picks = GrowingPicks(str(tmp_path))
    assert picks.look(SIZES) == {} and "TS_1.csv" in next(iter(picks.faults.values()))
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 10))
    assert set(picks.look(SIZES)) == {"TS_1"} and not picks.faults
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 10, 11))
    assert picks.picks_of("TS_1", SIZES) is None  # changed since the last look


def test_picks_outside_the_tomogram_are_a_fault_and_not_picks(tmp_path):
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 10, 900))
    picks = GrowingPicks(str(tmp_path))
    assert picks.look(SIZES) == {} and len(picks.faults) == 1


def test_picks_of_other_names_are_known_by_their_files(tmp_path):
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 10))
    (tmp_path / "grid5_a.csv").write_text(HEAD + rows("grid5_a", 10))
    (tmp_path / "log.txt").write_text("the log of the picker\n")
    (tmp_path / "TS_9.csv").write_text("")
    picks = GrowingPicks(str(tmp_path))
    assert set(picks.look(SIZES)) == {"TS_1"}
    assert picks.strange == ["grid5_a.csv"] and not picks.notes and not picks.faults
    picks.look(SIZES | {"grid5_a": (10.0, (64, 64, 64))})
    assert picks.strange == []


def test_what_is_noted_of_a_file_is_what_the_whole_reader_notes(tmp_path):
    (tmp_path / "TS_1.csv").write_text(HEAD + "".join(f"TS_1,{k % 5 + 1},{k // 5 + 1},{k % 3 + 1},0.5\n" for k in range(20)))
    (tmp_path / "TS_10.csv").write_text(HEAD + rows("TS_10", 10) + rows("TS_7", 10))  # TS_7 may still come
    rates, sizes = {"TS_1": 10.0, "TS_10": 10.0}, {"TS_1": (512, 512, 256), "TS_10": (64, 64, 64)}
    notes: list[str] = []
    read_pick_file(tmp_path, rates, sizes=sizes, notes=notes)
    assert any("TS_7" in note for note in notes)
    (warning,) = [note.split(": ", 1)[1] for note in notes if "warning" in note]
    assert "fill only 1 x 1 x 1 % of the edges" in warning
    picks = GrowingPicks(str(tmp_path))
    picks.look({tomo_id: (rate, sizes[tomo_id]) for tomo_id, rate in rates.items()})
    assert picks.notes == [f"{tmp_path / 'TS_1.csv'}: {warning}"]
    assert picks.later == [f"{tmp_path / 'TS_10.csv'}: 1 picks of 'TS_7' are of no tomogram given and left out"]


def test_a_file_of_a_folder_with_picks_of_two_tomograms_is_read_again_when_the_second_comes(tmp_path):
    (tmp_path / "both.csv").write_text(HEAD + rows("TS_1", 10) + rows("TS_10", 12))
    picks = GrowingPicks(str(tmp_path))
    assert set(picks.look({"TS_1": SIZES["TS_1"]})) == {"TS_1"} and len(picks.later) == 1
    assert set(picks.look(SIZES)) == {"TS_1", "TS_10"} and not picks.later


def test_files_of_two_formats_in_a_folder_are_refused_in_the_words_of_the_whole_reader(tmp_path):
    (tmp_path / "TS_1.csv").write_text(HEAD + rows("TS_1", 10))
    (tmp_path / "TS_1.coords").write_text("10 20 30\n")
    picks = GrowingPicks(str(tmp_path), option="--picks")
    picks.look(SIZES)
    words = []
    for refuse in (picks.check_formats, lambda: read_pick_file(tmp_path, {"TS_1": 10.0}, option="--picks")):
        with pytest.raises(InputError, match="holds files of several formats") as refused:
            refuse()
        words.append(sorted(str(refused.value).split("formats: ")[1].replace(";", ",").split(", ")[:2]))
    assert words[0] == words[1]
    (tmp_path / "TS_1.coords").unlink()
    picks.look(SIZES)
    picks.check_formats()


def test_copies_have_the_same_content_whatever_they_are_called(tmp_path):
    pickers = []
    for name, file, x in (("a", "TS_1", 10), ("b", "TS_1_picks", 10), ("c", "TS_1", 11)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{file}.csv").write_text(HEAD + rows("TS_1", x))
        pickers.append(GrowingPicks(str(tmp_path / name)))
        pickers[-1].look(SIZES)
    first, copy, other = (picker.contents_of("TS_1") for picker in pickers)
    assert first == copy != other and pickers[0].contents_of("TS_10") == []
