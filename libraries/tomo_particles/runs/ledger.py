"""The ledger of a run that follows its inputs: one file per tomogram, each written whole. After any interruption the run goes on
from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from ..core.files import file_stem, written_aside

VOTES = 0  # in place of the number of a model: the votes alone gave the scores


@dataclass(frozen=True)
class Entry:
    """What was done with one tomogram.

    revision: how often it was prepared; 0: not yet.  tomogram: the digest of its file then.  digests: those of the picks that it
    was prepared from, by the number of the picker.  agreed: number of picks on which enough pickers agree.  left_out: why it
    could not be prepared, or empty.  rows, model: how many picks are published, and by which model (VOTES: by none); None until
    they are about to be written.  published: whether they are all written.
    """

    tomo_id: str
    revision: int = 0
    tomogram: str = ""
    digests: Mapping[int, str] = field(default_factory=dict)
    agreed: int = 0
    left_out: str = ""
    rows: int | None = None
    model: int | None = None
    published: bool = False

    def to_json(self) -> str:
        """Text that `from_json` reads."""
        return json.dumps({**asdict(self), "digests": {str(picker): digest for picker, digest in self.digests.items()}}, indent=1)

    @staticmethod
    def from_json(text: str) -> Entry:
        """Raises ValueError for a text that is no entry."""
        values = json.loads(text)
        names = {one.name for one in fields(Entry)}
        if not isinstance(values, dict) or set(values) != names or not isinstance(values["digests"], dict):
            raise ValueError(f"no entry of a ledger: expected the keys {', '.join(sorted(names))}")
        return Entry(**{**values, "digests": {int(picker): str(digest) for picker, digest in values["digests"].items()}})


@dataclass(frozen=True)
class Milestone:
    """A training: the number of its model, from 1, and the tomograms that it learned from.  failed: why there is no model."""

    number: int
    tomo_ids: tuple[str, ...]
    failed: str = ""


@dataclass(frozen=True)
class Ledger:
    """entries: by id of the tomogram.  milestones: in order.  finished: the revisions that the final pass saw; None before it."""

    entries: Mapping[str, Entry] = field(default_factory=dict)
    milestones: tuple[Milestone, ...] = ()
    finished: Mapping[str, int] | None = None

    def entry(self, tomo_id: str) -> Entry:
        """The entry of a tomogram; an empty one for a new tomogram."""
        return self.entries.get(tomo_id, Entry(tomo_id))

    def having(self, entry: Entry) -> Ledger:
        """With a new entry in place of an older one."""
        return replace(self, entries={**self.entries, entry.tomo_id: entry})

    def trying_again(self) -> Ledger:
        """For a process that begins: those that were left out stay so until their files, even the same ones, are tried again."""
        again = {own.tomo_id: replace(own, tomogram="", digests={}) for own in self.entries.values() if own.left_out}
        return replace(self, entries={**self.entries, **again})

    @property
    def prepared(self) -> list[str]:
        """The tomograms that can be learned from and scored, sorted."""
        return sorted(own.tomo_id for own in self.entries.values() if own.revision and not own.left_out)

    @property
    def revisions(self) -> dict[str, int]:
        """The revision of each prepared tomogram."""
        return {tomo_id: self.entries[tomo_id].revision for tomo_id in self.prepared}

    @property
    def is_finished(self) -> bool:
        """Whether the final pass is done, and nothing has changed since."""
        return self.finished is not None and dict(self.finished) == self.revisions

    @property
    def model(self) -> int | None:
        """The number of the newest model; None if there is none."""
        return max((own.number for own in self.milestones if not own.failed), default=None)


class LedgerFiles:
    """The entries of a ledger in a folder."""

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._known: dict[Path, tuple[tuple[int, int], Entry | None]] = {}  # state of each file, and its entry

    def read(self) -> dict[str, Entry]:
        """All entries. Files that have not changed since they were read are not read again.

        A file that cannot be read is passed over: its tomogram is prepared again, and what is published of it is counted before
        anything is written.
        """
        self._known = {path: self._read(path) for path in sorted(self.folder.glob("[!.]*.json"))}
        return {entry.tomo_id: entry for _, entry in self._known.values() if entry}

    def _read(self, path: Path) -> tuple[tuple[int, int], Entry | None]:
        info = path.stat()
        state = info.st_ino, info.st_mtime_ns  # a file is never written in place
        if path in self._known and self._known[path][0] == state:
            return self._known[path]
        try:
            entry = Entry.from_json(path.read_text(encoding="utf-8"))
        except (ValueError, TypeError, RecursionError):
            return state, None
        return state, entry if path == self._path(entry.tomo_id) else None

    def write(self, entry: Entry) -> None:
        """Write one entry; after this it lasts."""
        with written_aside(self._path(entry.tomo_id)) as aside:
            aside.write_text(entry.to_json() + "\n", encoding="utf-8")

    def _path(self, tomo_id: str) -> Path:
        return self.folder / f"{file_stem(tomo_id)}.json"
