"""What every benchmark's result says of itself."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from tomo_particles import __version__
from tomo_particles.core.processor import processor

RESULTS = Path(__file__).parent / "results"


def machine() -> str:
    """Processor with its vector unit and oneDNN, cores and Python, in one line."""
    return f"{processor()}, Python {platform.python_version()}"


def commit() -> str:
    """The commit of the code that ran, with a + where files were changed since."""
    command = ["git", "-C", str(RESULTS.parent), "describe", "--always", "--dirty=+"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # no git, or no repository
        return "unknown"


def finish(name: str, text: str, write: bool) -> None:
    """Print a result; keep it as results/<name>.md."""
    command = "python " + " ".join([f"benchmarks/{Path(sys.argv[0]).name}", *sys.argv[1:]])
    page = f"# {name}\n\n`{command}`, version {__version__}, commit {commit()}; {machine()}.\n\n{text}\n"
    print(page)
    if write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{name}.md").write_text(page, encoding="utf-8")


def as_markdown(table: pd.DataFrame) -> str:
    """The table in Markdown, numbers with three decimals, small ones with three digits."""

    def cell(value: object) -> str:
        if not isinstance(value, float):
            return str(value)
        return "" if np.isnan(value) else f"{value:.3g}" if 0 < abs(value) < 0.01 else f"{value:.3f}"

    lines = [
        list(map(str, table.columns)),
        ["---"] * table.shape[1],
        *([cell(v) for v in row] for row in table.itertuples(index=False)),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
