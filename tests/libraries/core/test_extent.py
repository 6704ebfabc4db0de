"""Where picks lie in their tomogram, and the mistake that a strange place tells."""

import numpy as np
import pytest

from tomo_particles.core import extent
from tomo_particles.core.extent import extent_line, extent_warning
from tomo_particles.core.picks import Picks

SIZE, RATE = (960, 928, 300), 10.0
WHOLE = np.random.default_rng(0).uniform(0, 1, (200, 3)) * SIZE - 0.5
CENTRE = np.array(SIZE) / 2


def picks(positions) -> Picks:
    return Picks("TS_1", positions, RATE)


def test_the_line_gives_number_and_box_in_voxels_and_angstrom_beside_the_tomogram():
    line = extent_line(picks([[1.5, 2, 3], [40, 20.25, 30]]), SIZE)
    assert line == (
        "TS_1: 2 picks in x 1.5 to 40.0, y 2.0 to 20.2, z 3.0 to 30.0 voxels of 10 Å (x 15 to 400, y 20 to 202, "
        "z 30 to 300 Å); tomogram 960 x 928 x 300 voxels (9600 x 9280 x 3000 Å)"
    )
    assert extent_line(picks([[1, 2, 3]])).endswith("size of the tomogram not known")
    assert extent_line(picks(np.zeros((0, 3)))) == "TS_1: no picks"


@pytest.mark.parametrize(("positions", "said"), [
    (WHOLE, ""),
    (WHOLE[:1], ""),
    (WHOLE[:2], ""),
    (WHOLE[(WHOLE < [480, 464, 150]).all(axis=1)], ""),  # one corner of eight: a picker may have seen no more
    (WHOLE / RATE, "as if divided by 10 (10 Å/voxel)"),
    (WHOLE[:1] / RATE, "as if divided by 10 (10 Å/voxel)"),
    (WHOLE / 7.2, "as if divided by 7.2 (10 / 1.389 Å)"),
    ((WHOLE - CENTRE) / 7.2 + CENTRE, "as if divided by 7.2 from the centre"),
    (np.clip(WHOLE, 0, None) / SIZE, "as if they were fractions of its size"),
    (np.clip(WHOLE, 0, None) * RATE, "lie outside the tomogram, as if multiplied by 10"),
    (WHOLE + 2000, "lie outside the tomogram; check"),
    (WHOLE / 4, "all lie in the first 25 x 25 x 25 % of the edges of the tomogram; check"),
    (WHOLE[:19] / 4, ""),  # few
    (WHOLE / 1.389 / 1.5, ""),
    ((WHOLE - CENTRE) / 4 + CENTRE, "all lie in the middle 25 x 25 x 25 % of the edges of the tomogram; check"),
    (WHOLE * [1, 1, 0] + [0, 0, 7], "all have z = 7; check"),
    (WHOLE - CENTRE, "lie outside the tomogram, as if counted from the centre; check"),
    (WHOLE + CENTRE, "lie outside the tomogram, as if counted from the corner, and read from the centre; check"),
    (WHOLE[:, ::-1], "lie outside the tomogram, as if with the axes in the order z, y, x; check"),
    (WHOLE / 50 + 200, "fill only 2 x 2 x 2 % of the edges of the tomogram; check"),
])  # fmt: skip
def test_a_wrong_unit_is_named_by_its_factor(positions, said):
    warning = extent_warning(picks(positions), SIZE, [None, 1.389])
    assert said in warning and bool(warning) == bool(said)


def test_hundreds_of_tomograms_of_one_voxel_size_are_compared_once(monkeypatch):
    compared, same = [], extent.same_sampling_rate
    monkeypatch.setattr(extent, "same_sampling_rate", lambda a, b: compared.append((a, b)) or same(a, b))
    picks = Picks("TS_01", np.random.default_rng(1).uniform(0, 25, (50, 3)), 8.0)
    said = extent_warning(picks, (100, 100, 100), [8.0, 2.0, *[8.0, 8.0 + 1e-6] * 500])
    assert "(8 / 2 Å)" in said
    assert len(compared) < 100


def test_without_a_size_nothing_is_suspicious():
    assert extent_warning(picks(WHOLE / RATE), None) == "" == extent_warning(picks(np.zeros((0, 3))), SIZE)
