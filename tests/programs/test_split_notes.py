"""Notes of the programs that split: a graph in pieces, and a movement that has no two ends."""

import json

import numpy as np
import pytest

from tomo_particles.core.tomograms import write_volume
from tomo_particles.formats.xmd import read_table, write_table

SIMULATE = "simulate_particles_tomo"
BOX, RATE = 16, 25.0
SMALL = ("--boxsize", BOX, "--samplingrate", RATE, "--maxResolution", 100)
PARTICLE = ("--diameter", 300, "--maxResolution", 100)


def blob(x, y, z, width):
    grid = np.indices((BOX,) * 3) - BOX // 2
    return np.exp(-((grid[2] - x) ** 2 + (grid[1] - y) ** 2 + (grid[0] - z) ** 2) / (2 * width**2)).astype(np.float32)


def test_pieces_of_the_graph_that_share_no_particle_are_said(done, tmp_path):
    done(SIMULATE, "--odir", tmp_path / "two", "--projections", *SMALL, "--separation", 14, "--count", 600)
    table = read_table(tmp_path / "two" / "particles.xmd")
    rot, tilt = (np.radians(table[name]) for name in ("angleRot", "angleTilt"))
    views = np.abs([np.sin(tilt) * np.cos(rot), np.cos(tilt)])  # along x and along z
    seen = np.flatnonzero(views.max(axis=0) > np.cos(np.radians(25)))
    write_table(tmp_path / "given.xmd", {name: [values[row] for row in seen] for name, values in table.items()})
    cones = ("--angularDistance", 14, "--angularSampling", 14)
    printed = done("run_split_volume", "-i", tmp_path / "given.xmd", "--odir", tmp_path / "out", *PARTICLE, *cones)
    assert "note: the graph of directions is in 2 pieces: their signs were compared by their differences alone" in printed
    assert "is in 2 pieces" in (tmp_path / "out" / "report.html").read_text()
    thesis = ("--recipe", "thesis", "--diameter", 300)
    printed = done("run_split_volume", "-i", tmp_path / "given.xmd", "--odir", tmp_path / "thesis", *thesis, *cones)
    assert "note: the graph of directions is in 2 pieces: nothing tells which of their classes belong together" in printed


@pytest.mark.parametrize(
    ("split", "options"),
    [
        ("run_split_volume", ("--projections", "--separation", 5, "--count", 300)),
        ("split_subtomograms_tomo", ("--step", 6, "--separation", 5, "--count", 160)),
    ],
)
def test_a_movement_without_two_ends_is_a_continuum(split, options, done, tmp_path):
    body, part = blob(-2, 0, 0, 2.2) + blob(2, 2, 0, 1.8) + blob(0.5, -2.5, 1.5, 1.6), blob(1, 1.5, -3.5, 1.2)
    for number, amount in enumerate((0, 4, 1, 2, 3)):  # the first two are `--separation` apart
        write_volume(tmp_path / f"place_{number}.mrc", body + amount * part / 4, RATE)
    places = ("--maps", *(tmp_path / f"place_{number}.mrc" for number in range(5)), "--shares", 1, 1, 4, 6, 4)
    done(SIMULATE, "--odir", tmp_path / "movement", *SMALL, *options, *places)
    table = tmp_path / "movement" / ("particles.xmd" if "--projections" in options else "subtomograms.xmd")
    cones = ("--angularDistance", 40, "--angularSampling", 30) if "--projections" in options else ()
    printed = done(split, "-i", table, "--odir", tmp_path / "out", *PARTICLE, *cones)
    assert "note: continuum: the particles form no two groups" in printed
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["continuum"]
