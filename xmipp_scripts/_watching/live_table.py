"""The table of picks that grows: rows are appended, tomogram by tomogram, and never change."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.files import quoting_of, space_for
from tomo_particles.core.names import from_cell, to_cell
from tomo_particles.formats.tables import ANGLES

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("tomo_id", "x", "y", "z", "score", "support", "pickers", "picker_scores", "class", *ANGLES, "group", "model")


def counted(table: pd.DataFrame) -> tuple[int, float]:
    """Number and mean score of picks."""
    return len(table), float(table["score"].mean()) if len(table) else 0.0


class LiveTable:
    """The CSV of the published picks, with one writer."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def rows(self) -> Counter[str]:
        """How many rows each tomogram has. A last line that is cut off is removed first: its writer was killed."""
        if not self.path.exists():
            return Counter()
        content = self.path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole < len(content):
            self._cut(whole)
        lines = csv.reader(io.StringIO(content[:whole].decode("utf-8")))
        next(lines, None)
        return Counter(from_cell(line[0]) for line in lines)

    def scores(self) -> dict[str, tuple[int, float]]:
        """Number and mean score of the picks of each tomogram; of those that have some."""
        import pandas as pd

        if not self.rows():
            return {}
        table = pd.read_csv(self.path, usecols=["tomo_id", "score"], dtype={"tomo_id": str}, keep_default_na=False)
        table["score"] = pd.to_numeric(table["score"], errors="coerce")
        return {from_cell(str(cell)): counted(own) for cell, own in table.groupby("tomo_id")}

    def remove_last(self, tomo_id: str) -> None:
        """Remove the rows of a tomogram that was not written to its end; they are the last ones."""
        lines = self.path.read_bytes().splitlines(keepends=True)
        while len(lines) > 1 and next(csv.reader([lines[-1].decode("utf-8")]))[0] == to_cell(tomo_id):
            lines.pop()
        self._cut(sum(map(len, lines)))

    def append(self, table: pd.DataFrame) -> None:
        """Append rows: all of them reach the disk, or none. Raises InputError where there is no space."""
        new = not self.path.exists() or not self.path.stat().st_size
        self.path.parent.mkdir(parents=True, exist_ok=True)
        shown = table[list(COLUMNS)].map(lambda cell: to_cell(cell) if isinstance(cell, str) else cell)
        text = shown.to_csv(index=False, header=new, float_format="%.6g", quoting=quoting_of(shown) if len(shown) else 0)
        content = text.encode("utf-8")
        with space_for(self.path, len(content)), open(self.path, "ab") as file:
            before = file.tell()
            try:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            except OSError:
                file.truncate(before)
                raise

    def _cut(self, size: int) -> None:
        with open(self.path, "r+b") as file:
            file.truncate(size)
            os.fsync(file.fileno())
