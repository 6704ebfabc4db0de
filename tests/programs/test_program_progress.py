"""How far a program is: bars on a real terminal, lines elsewhere, neither with --quiet."""

import os
import pty
import re
import subprocess
import sys

import mrcfile
import numpy as np
import pytest

from tomo_particles.core.tomograms import write_volume
from xmipp_scripts._shared import progress
from xmipp_scripts._shared.progress import clock, numbers

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(scope="module")
def tomograms(tmp_path_factory) -> list[str]:
    folder = tmp_path_factory.mktemp("tomograms")
    rng = np.random.default_rng(0)
    paths = [str(folder / f"TS_{number}.mrc") for number in (1, 2, 3)]
    for number, path in enumerate(paths):
        write_volume(path, rng.normal(size=(24, 32, 32)), 10.0)
        if number == 1:  # voxels of it that are no numbers give a note on the way
            with mrcfile.mmap(path, mode="r+") as file:
                file.data[:, :4] = np.nan
    return paths


def picking(tomograms: list[str], output: object, *more: str) -> list[str]:
    words = ["--tomograms", *tomograms, "-o", str(output), "--diameter", "80", "--number", "3", *more]
    return [sys.executable, "-m", "xmipp_scripts.pick_blobs_tomo", *words]


def on_terminal(command: list[str]) -> tuple[int, str]:
    """The exit code of a command on a terminal of its own, and all that it wrote there."""
    here, there = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "30"}
    with subprocess.Popen(command, stdin=there, stdout=there, stderr=there, close_fds=True, env=environment) as process:
        os.close(there)
        written = b""
        while True:
            try:
                part = os.read(here, 4096)
            except OSError:  # the terminal is closed
                break
            if not part:
                break
            written += part
    os.close(here)
    return process.returncode, written.decode()


def shown(text: str) -> list[str]:
    """The lines of a terminal after a text with what rich uses: next line, start of line, line up, rest of line away."""
    lines, row, column = [""], 0, 0
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|\r|\n|[^\x1b\r\n]+", text):
        if part == "\n":
            row += 1
            lines += [""] * (row + 1 - len(lines))
        elif part == "\r":
            column = 0
        elif part.startswith("\x1b"):
            if part.endswith("A"):
                row -= int(part[2:-1] or 1)
            elif part.endswith("K"):
                lines[row] = "" if part[2:-1] == "2" else lines[row][:column]
        else:
            lines[row] = lines[row][:column] + part + lines[row][column + len(part) :]
            column += len(part)
    return [line.rstrip() for line in lines if line.strip()]


def test_a_terminal_shows_a_bar_with_notes_above_and_results_below(tomograms, tmp_path):
    code, text = on_terminal(picking(tomograms, tmp_path / "picks.csv"))
    lines = shown(text)
    assert code == 0, text
    assert "0/3 tomograms" in text and "\x1b[?25h" in text  # the cursor is back
    note, bar, result = lines  # a long line is not broken: the terminal does that
    assert re.match(r"note: '.*TS_2\.mrc': 3072 of 24576 voxels are not numbers", note)
    assert re.fullmatch(r"picking ━+ 3/3 tomograms, 0:00:\d\d", bar)
    assert re.fullmatch(r"9 picks in .*picks\.csv", result)
    assert not re.search(r"TS_\d\.mrc: 3 picks", text)  # the bar stands for them


def test_an_error_on_a_terminal_is_the_last_line_and_the_cursor_is_back(tomograms, tmp_path):
    full = tmp_path / "picks.csv"
    command = picking(tomograms, full, "--mask", str(tmp_path))
    code, text = on_terminal(command)
    assert code == 2 and shown(text)[-1].startswith("xmipp_pick_blobs_tomo: error: --mask")
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h")


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_leaves_notes_and_results(tomograms, tmp_path, terminal):
    command = picking(tomograms, tmp_path / "picks.csv", "--quiet")
    text = on_terminal(command)[1] if terminal else subprocess.run(command, capture_output=True, text=True, check=True).stdout
    lines = text.split("\n")[:-1]
    assert [line.split()[0] for line in lines] == ["note:", "9"] and "\x1b" not in text


def test_elsewhere_a_line_a_tomogram_says_the_share_done(tomograms, tmp_path):
    finished = subprocess.run(picking(tomograms, tmp_path / "picks.csv"), capture_output=True, text=True, check=True)
    lines = [line for line in finished.stdout.splitlines() if not line.startswith("note:")]
    paths = [f"{path}: 3 picks ({number} of 3 tomograms)" for number, path in enumerate(tomograms, start=1)]
    assert lines == [*paths, f"9 picks in {tmp_path / 'picks.csv'}"] and "\x1b" not in finished.stdout


def test_long_work_without_lines_of_its_own_says_how_far_it_is(monkeypatch, capsys):
    """A million boxes were scored in three minutes without a line in the log."""
    monkeypatch.setattr(progress, "LINE_EVERY", 0.0)
    with progress.stage("scoring", 400, "boxes") as at:
        at.share(0.5)
        at.share(0.7599)
        at.share(0.7)  # of a thread that comes late
    with progress.stage("preparing", 2, "tomograms") as at:
        at.within(0.4)
    assert capsys.readouterr().out.splitlines() == ["scoring: 50 %", "scoring: 75 %", "scoring: 75 %", "preparing: 20 %"]
    monkeypatch.setattr(progress, "LINE_EVERY", 3600.0)
    with progress.stage("preparing", 2, "tomograms") as at:
        at.within(0.4)
        at.done("prepared TS_1")
        at.within(0.4)
        at.step("prepared TS_2")
    assert capsys.readouterr().out.splitlines() == ["prepared TS_1 (1 of 2 tomograms)", "prepared TS_2"]


@pytest.mark.parametrize(
    ("done", "total", "seconds", "now", "said"),
    [
        (0, 4, 0, 10, ""),
        (1, 4, 2, 2, ", 30/min, 0:00:06 left"),
        (1, 4, 2, 3, ", 30/min, 0:00:05 left"),  # a second into the next item
        (1, 2, 2, 9, ", 30/min, 0:00:00 left"),
        (3000, 9000, 10, 10, ", 300/s, 0:00:20 left"),
        (0.5, 2, 7200, 7200, ", 0.25/h, 6:00:00 left"),
        (4, 4, 3725, 3725, ", 1:02:05"),
    ],
)
def test_rate_and_time_left(done, total, seconds, now, said):
    assert numbers(done, total, seconds, now) == said


def test_clock():
    assert clock(59.6) == "0:01:00"
