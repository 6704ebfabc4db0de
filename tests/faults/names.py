"""Odd names of tomograms, pickers, classes and output folders: right, or one true line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles.core.picks import NO_SPECIES

from .trial import RUN, Done, Table, forked, make_scene, vote

ODD = (
    "$x_1$", "$", "100%", "%s{}", "#1", "a#b", "a b", "a  b", " a", "a ", "a\tb", "a\nb", "a\rb", "nb\u00a0sp", "it's",
    'say "x"', "both ' \"", "NA", "nan", "None", "null", "-x", "--odir", "=cmd|' /C calc'!A0", "+1", "@sum", "1", "007",
    "1e5", "True", "a,b", "a;b", "_x", "data_x", "loop_", "<b>&", "\u00e9", "e\u0301", "\u202eabc", "\u65e5", "a\\b",
    "x" * 200, "a'b,c", "~", "{tomo}", "*", "[1]", ".hidden", "a.b.c", "\u2028", "\x1b[31m", "\ufeffx", "a|b", "?",
    "`id`", "$(id)",
)  # fmt: skip
ROLES = ("tomogram", "picker", "class", "odir")


def trial(cases: int, seed: int, folder: Path) -> Table:
    """All names in all roles come before any comes again, each time joined by another."""
    table, rng = Table(), np.random.default_rng(seed)
    every = [(role, name) for name in ODD for role in ROLES]
    for case in range(cases):
        role, name = every[case % len(every)]
        if case >= len(every):
            name += str(rng.choice(ODD))
        own = folder / f"case{case}"
        own.mkdir()
        done, right = _run(role, (name if role == "class" else name.replace("/", "_"))[:220], own)
        held = right if not done.code else done.refused
        table.note(f"{role}: right, or one line", held, f"{name!r}: {done.code} {done.errors[-300:]!r}")
        table.note(
            "no raw line break or control character in a message",
            all(c.isprintable() or c == "\n" for c in done.errors + done.said),
            f"{role} {name!r}: {done.errors[-200:]!r}",
        )
        shutil.rmtree(own)
    return table


def _run(role: str, name: str, folder: Path) -> tuple[Done, bool]:
    tomo_id = name if role == "tomogram" else "TS_1"
    tomograms, picks = make_scene(folder, (tomo_id,))
    if role == "picker":
        picks[0] = picks[0].rename(folder / f"{name}.csv")
    if role == "class":
        for path in picks:
            table = pd.read_csv(path, keep_default_na=False, dtype=str)
            table.assign(**{"class": name}).to_csv(path, index=False)
    odir = folder / name if role == "odir" else folder / "out"
    done = forked(RUN, vote(tomograms, picks, odir))
    if done.code:
        return done, False
    accepted = pd.read_csv(odir / "accepted.csv", keep_default_na=False, dtype=str)
    right = len(accepted) > 3
    if role != "odir":
        cells = {"tomogram": accepted["tomo_id"], "class": accepted.get("class"), "picker": accepted["pickers"]}[role]
        if name == NO_SPECIES and role == "class":  # Xmipp's word for none
            return done, cells is None
        if role == "class":
            name = name.lstrip(" ")  # "a, b" is written for a,b
        # a cell that a spreadsheet would run has a ' before it
        right &= cells is not None and all(name in cell.lstrip("'") or name.lstrip("'") in cell for cell in cells[:1])
    again = folder / "again.xmd"  # and both tables of it can be read again
    for table_path in (odir / "accepted.csv", odir / "accepted.xmd"):
        options = ["-i", table_path, "--tomograms", *tomograms, "-o", again, "--overwrite"]
        read = forked("convert_coordinates_tomo", options)
        if read.code:
            return read, False
        right &= f"{len(accepted)} picks -> " in read.said
    return done, right
