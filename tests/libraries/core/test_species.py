"""The species of a pick, through picks and files."""

import numpy as np

from tomo_particles.core.picks import Picks
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.xmd import join_tables, picks_of, read_picks, read_table, write_picks

NAMES = ["1bxn", "", "26S proteasome"]


def named() -> Picks:
    return Picks("TS_1", np.arange(9.0).reshape(3, 3), 10.0, species=NAMES)


def test_selecting_and_joining_keep_the_names_with_their_picks():
    assert named()[[2, 0]].species.tolist() == ["26S proteasome", "1bxn"]
    assert Picks.concatenate([named()[:1], named()[1:]]).species.tolist() == NAMES
    assert Picks("TS_1", np.zeros((2, 3)), 10.0).species.tolist() == ["", ""]


def test_names_come_back_from_an_xmd_blanks_and_absent_ones_too(tmp_path):
    write_picks(tmp_path / "a.xmd", named(), 12, "TS_1.mrc")
    assert read_picks(tmp_path / "a.xmd").species.tolist() == NAMES
    assert read_pick_file(tmp_path / "a.xmd", {"TS_1": 10.0})["TS_1"].species.tolist() == NAMES


def test_names_come_back_from_a_csv_as_they_are_written(tmp_path):
    (tmp_path / "a.csv").write_text("tomo_id,x,y,z,class\nTS_1,1,2,3,007\nTS_1,1,2,3,\n")  # 007 is a name, not seven
    assert read_pick_file(tmp_path / "a.csv", {"TS_1": 10.0})["TS_1"].species.tolist() == ["007", ""]


def test_a_table_without_names_does_not_take_those_of_another(tmp_path):
    write_picks(tmp_path / "a.xmd", named(), 12, "TS_1.mrc")
    write_picks(tmp_path / "b.xmd", Picks("TS_1", np.ones((1, 3)), 10.0), 12, "TS_1.mrc")
    joined = join_tables([read_table(tmp_path / name) for name in ("b.xmd", "a.xmd")])
    assert picks_of(joined, "joined").species.tolist() == ["", *NAMES]
