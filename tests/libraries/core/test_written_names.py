"""Names in figures and in spreadsheets."""

import io

import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import write_csv_table
from tomo_particles.core.names import drawn, from_cell, to_cell

CELLS = ["=1+1", "@sum", "+cmd", "-x", "'=1", "''-x", "\tx", "a", "'a", "-0.5+0.2", "1+3", "-", "", "0.8+nan"]


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_that_would_run_is_held_back_and_read_as_it_was(name):
    cell = to_cell(name)
    assert from_cell(cell) == name
    assert not cell.startswith(("=", "@", "\t", "+c", "-x"))
    assert (cell == name) == (name in ("a", "'a", "-0.5+0.2", "1+3", "", "0.8+nan"))


def test_every_table_holds_them_back(tmp_path):
    write_csv_table(tmp_path / "t.csv", pd.DataFrame({"tomo_id": ["=cmd", "TS"], "x": [-1.5, 2], "pickers": ["1+2", "-0.5+0.2"]}))
    assert (tmp_path / "t.csv").read_text() == "tomo_id,x,pickers\n'=cmd,-1.5,1+2\nTS,2,-0.5+0.2\n"


@pytest.mark.parametrize("name", ["$x_1$", "$", "$\\frac$", "_x", "a$b$c$", "100%"])
def test_a_name_with_dollars_is_drawn_as_it_is(name):
    figure = Figure()
    text = figure.text(0, 0, drawn(name))
    FigureCanvasAgg(figure).draw()
    shown, math = text._preprocess_math(text.get_text())
    assert shown.strip() == name and not math


@pytest.mark.filterwarnings("error")  # matplotlib warns of signs that its font lacks
def test_a_name_with_signs_that_no_font_has_is_drawn():
    figure = Figure()
    figure.suptitle(drawn("a\tb\u202e\u2028c"))
    figure.savefig(io.BytesIO())
    assert figure.get_suptitle() == "a b  c"


def test_a_message_is_one_line_whatever_name_it_holds():
    said = str(InputError(f"--picks: 'a\nb\x1b[31m\u2028' holds {'x' * 50_000_000}"))
    assert len(said) < 1000 and said.isprintable() and "a\\nb\\x1b[31m\\u2028" in said
