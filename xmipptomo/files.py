"""Every path of a run of the protocol: the steps share nothing but these files, so that a run can be resumed."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

POSITIVE, DOUBTFUL, NEGATIVE, NOISE, RAW = "positive", "doubtful", "negative", "noise", "raw"
MERGED = (POSITIVE, DOUBTFUL, NEGATIVE)
LABELS = (POSITIVE, DOUBTFUL, NEGATIVE, NOISE)


def file_stem(ts_id: str) -> str:
    """A file name for a tilt-series id: unchanged if it is plain, else made plain and unique by a digest of the id."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", ts_id)
    return plain if plain == ts_id else f"{plain}_{hashlib.sha1(ts_id.encode()).hexdigest()[:8]}"


class RunFiles:
    """Paths below the extra folder of a run; strings, because command lines and Scipion's sets hold strings."""

    def __init__(self, extra_folder: str) -> None:
        self.root = Path(extra_folder) / "consensus"

    def _at(self, *parts: str) -> str:
        return str(self.root.joinpath(*parts))

    # ---- one a run
    @property
    def frame(self) -> str:
        """JSON: the common sampling rate and box size, and the tomogram of each tsId."""
        return self._at("frame.json")

    @property
    def model(self) -> str:
        """The trained network."""
        return self._at("model.h5")

    @property
    def training_log(self) -> str:
        """CSV: a line an epoch."""
        return self._at("training_log.csv")

    @property
    def scored(self) -> str:
        """XMD: every scored pick of every tomogram."""
        return self._at("scored.xmd")

    @property
    def reliability(self) -> str:
        """CSV: estimated recall and precision of each picker; the program names it after the scored XMD."""
        return self._at("scored_reliability.csv")

    @property
    def scored_raw(self) -> str:
        """XMD: every pick of every picker with its score."""
        return self._at("scored_raw.xmd")

    @property
    def summary(self) -> str:
        """JSON: the numbers that the summary shows."""
        return self._at("summary.json")

    def messages(self, job: str) -> str:
        """What a program wrote to its standard error; `job` is unique in the run."""
        return self._at("messages", f"{file_stem(job)}.txt")

    # ---- one a tomogram
    def picks(self, ts_id: str) -> str:
        """XMD: the picks of all pickers, at the common sampling rate."""
        return self.labelled(ts_id, RAW)

    def truth(self, ts_id: str) -> str:
        """XMD: the positive references."""
        return self._at("picks", f"{file_stem(ts_id)}_truth.xmd")

    def lie(self, ts_id: str) -> str:
        """XMD: the negative references."""
        return self._at("picks", f"{file_stem(ts_id)}_lie.xmd")

    def every_pick(self, ts_id: str) -> str:
        """XMD: all the above, what noise must keep away from."""
        return self._at("picks", f"{file_stem(ts_id)}_every.xmd")

    def labelled(self, ts_id: str, label: str) -> str:
        """XMD: the picks of one of LABELS after the consensus; RAW, the pickers' own before it."""
        return self._at("labelled", f"{file_stem(ts_id)}_{label}.xmd")

    def consensus(self, ts_id: str) -> str:
        """XMD: every pick after the consensus, whatever its label."""
        return self._at("labelled", f"{file_stem(ts_id)}_all.xmd")

    def subtomograms_folder(self, ts_id: str) -> str:
        """Folder of the subtomogram stacks of one tomogram."""
        return self._at("subtomograms", file_stem(ts_id))

    def subtomograms(self, ts_id: str, label: str) -> str:
        """XMD: the extracted picks of one label; the program names it after the coordinate file."""
        return self._at("subtomograms", file_stem(ts_id), Path(self.labelled(ts_id, label)).name)

    def failure(self, ts_id: str) -> str:
        """Text: why a tomogram was left out. It exists only then."""
        return self._at("failed", f"{file_stem(ts_id)}.txt")
