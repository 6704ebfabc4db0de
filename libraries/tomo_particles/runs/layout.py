"""The files of the folder of a deep consensus run: of the run program, and of the Scipion protocol.

Both keep the same tables under different names. The names do not change: users have old runs.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import ClassVar

from ..core.files import file_stem

SUMMARY, COMMON_GRID, REPORT, ANSWERS = "summary.json", "frame.json", "report.html", "answers.csv"


class RunLayout:
    """Paths below the folder of a run, named as the two classes below say.

    In a name, {tomogram} is the id of a tomogram, and {label} says which of its picks a file holds: those of a label after the
    consensus, noise, or (raw) the pickers' own. Each class calls the labels as it likes, but "noise" and "raw" are the same.
    """

    MODEL: ClassVar[str]
    TRAINING_LOG: ClassVar[str]
    SCORED: ClassVar[str]
    SCORED_RAW: ClassVar[str]
    PICKS: ClassVar[str]
    DERIVED_PICKS: ClassVar[str]
    POSITIVE_REFERENCES: ClassVar[str]
    NEGATIVE_REFERENCES: ClassVar[str]
    EVERY_PICK: ClassVar[str]
    LABELLED: ClassVar[str]
    SUBTOMOGRAMS: ClassVar[str]

    def __init__(self, root: str | os.PathLike) -> None:
        self.root = Path(root)

    # ---- one per run
    @property
    def summary(self) -> Path:
        """JSON: the numbers of the run; it exists when the run has finished."""
        return self.root / SUMMARY

    @property
    def report(self) -> Path:
        """HTML: the whole run on one page."""
        return self.root / REPORT

    @property
    def model(self) -> Path:
        """The network that the run trained."""
        return self.root / self.MODEL

    @property
    def training_log(self) -> Path:
        """CSV: one row per epoch of each network."""
        return self.root / self.TRAINING_LOG

    @property
    def training_note(self) -> Path:
        """Text: what was unusual about the examples of the training; empty otherwise."""
        return self.training_log.with_suffix(".txt")

    @property
    def scored(self) -> Path:
        """XMD: every merged pick of every tomogram with its scores."""
        return self.root / self.SCORED

    @property
    def answers(self) -> Path:
        """CSV: what persons said of the picks. No run removes it."""
        return self.root / ANSWERS

    @property
    def answered(self) -> Path:
        """XMD: the merged picks with the scores that follow from the answers; missing where nobody answered."""
        return self.scored.with_name(f"{self.scored.stem}_answered.xmd")

    @property
    def learned(self) -> Path:
        """JSON: what came of the answers; the program names it after the answered XMD."""
        return self.answered.with_name(f"{self.answered.stem}_learned.json")

    @property
    def of_answers(self) -> tuple[Path, ...]:
        """Every file that only a run with answers has, but the answers themselves."""
        beside = (self.answered.with_name(f"{self.answered.stem}_{kind}") for kind in ("reliability.csv", "verdict.json"))
        return (self.answered, *beside, self.learned)

    @property
    def final(self) -> Path:
        """XMD: the merged picks with the scores that the user gets."""
        return self.answered if self.answered.is_file() else self.scored

    @property
    def reliability(self) -> Path:
        """CSV: estimated recall and precision of each picker; the program names it after the final XMD."""
        return self.final.with_name(f"{self.final.stem}_reliability.csv")

    @property
    def verdict(self) -> Path:
        """JSON: the verdict on the scores; the program names it after the final XMD."""
        return self.final.with_name(f"{self.final.stem}_verdict.json")

    @property
    def scored_first(self) -> Path:
        """XMD: merged picks scored without the second look, which writes `scored`; missing if there was none."""
        return self.scored.with_name(f"{self.scored.stem}_first.xmd")

    @property
    def scored_noise(self) -> Path:
        """XMD: noise picks with network scores, for the second look; missing if there was none."""
        return self.scored.with_name(f"{self.scored.stem}_noise.xmd")

    @property
    def look(self) -> Path:
        """JSON: what came of the second look; the program names it after the scored XMD."""
        return self.scored.with_name(f"{self.scored.stem}_look.json")

    @property
    def looks(self) -> Path:
        """CSV: each merged pick as the second look saw it, with its place as picked; missing if there was none."""
        return self.scored.with_name(f"{self.scored.stem}_looks.csv")

    @property
    def averages(self) -> tuple[Path, Path]:
        """MRC: the averages of both halves of the second look; missing if there was none."""
        first, second = (self.scored.with_name(f"{self.scored.stem}_half{number}.mrc") for number in (1, 2))
        return first, second

    @property
    def of_second_look(self) -> tuple[Path, ...]:
        """Every file that only a run with a second look has."""
        first = self.scored_first
        beside = (first.with_name(f"{first.stem}_{kind}") for kind in ("reliability.csv", "verdict.json"))
        return (first, *beside, self.scored_noise, self.look, self.looks, *self.averages)

    @property
    def scored_raw(self) -> Path:
        """XMD: every pick of every picker with its score."""
        return self.root / self.SCORED_RAW

    @property
    def scored_derived(self) -> Path:
        """XMD: what derived pickers alone found, with its scores; missing where there are none, or no network."""
        return self.scored.with_name(f"{self.scored.stem}_derived.xmd")

    # ---- one per tomogram
    def picks(self, tomo_id: str) -> Path:
        """XMD: the picks of all pickers, at the common sampling rate."""
        return self._of_tomogram(self.PICKS, tomo_id)

    def derived_picks(self, tomo_id: str) -> Path:
        """XMD: the picks of all derived pickers, at the common sampling rate."""
        return self._of_tomogram(self.DERIVED_PICKS, tomo_id)

    def positive_references(self, tomo_id: str) -> Path:
        """XMD: positive references."""
        return self._of_tomogram(self.POSITIVE_REFERENCES, tomo_id)

    def negative_references(self, tomo_id: str) -> Path:
        """XMD: negative references."""
        return self._of_tomogram(self.NEGATIVE_REFERENCES, tomo_id)

    def every_pick(self, tomo_id: str) -> Path:
        """XMD: picks and references, from which noise must keep away."""
        return self._of_tomogram(self.EVERY_PICK, tomo_id)

    def labelled(self, tomo_id: str, label: str) -> Path:
        """XMD: the picks of one label."""
        return self._of_tomogram(self.LABELLED, tomo_id, label)

    def consensus(self, tomo_id: str) -> Path:
        """XMD: every merged pick, whatever its label."""
        return self.labelled(tomo_id, "all")

    def noise_note(self, tomo_id: str) -> Path:
        """Text: why there are fewer noise picks than asked, or nearer ones; empty otherwise."""
        return self.labelled(tomo_id, "noise").with_suffix(".txt")

    def subtomograms(self, tomo_id: str, label: str) -> Path:
        """XMD: the extracted picks of one label, beside their boxes; the program names it after the coordinate file."""
        return self._of_tomogram(self.SUBTOMOGRAMS, tomo_id, label)

    def boxes_note(self, tomo_id: str, label: str) -> Path:
        """Text: what is unusual about the boxes of one label; empty otherwise."""
        return self.subtomograms(tomo_id, label).with_suffix(".txt")

    def _of_tomogram(self, name: str, tomo_id: str, label: str = "") -> Path:
        return self.root / name.format(tomogram=tomo_id, label=label)


class ProgramLayout(RunLayout):
    """The output folder of xmipp_run_deep_consensus_tomo: one folder per kind of file, then one file per tomogram."""

    MODEL = "network/model.h5"
    TRAINING_LOG = "network/training_log.csv"
    SCORED = "scored/merged.xmd"
    SCORED_RAW = "scored/raw.xmd"
    PICKS = "picks/{tomogram}.xmd"
    DERIVED_PICKS = "derived_picks/{tomogram}.xmd"
    POSITIVE_REFERENCES = "truth/{tomogram}.xmd"
    NEGATIVE_REFERENCES = "lie/{tomogram}.xmd"
    EVERY_PICK = "avoid/{tomogram}.xmd"
    LABELLED = "{label}/{tomogram}.xmd"
    SUBTOMOGRAMS = "boxes/{label}/{tomogram}.xmd"

    @property
    def voted(self) -> Path:
        """XMD: every merged pick with its share of the votes, in place of `scored`."""
        return self.root / "voted" / "merged.xmd"

    @property
    def picture(self) -> Path:
        """PNG: the picks of one tomogram."""
        return self.root / "picks.png"

    def output(self, name: str, ending: str) -> Path:
        """What the user gets of the accepted, scored or scored_raw picks; ending: .csv or .xmd."""
        return self.root / f"{name}{ending}"


class ProtocolLayout(RunLayout):
    """The folder extra/consensus of the Scipion protocol, in which ids of tomograms may be odd."""

    MODEL = "model.h5"
    TRAINING_LOG = "training_log.csv"
    SCORED = "scored.xmd"
    SCORED_RAW = "scored_raw.xmd"
    PICKS = "labelled/{tomogram}_raw.xmd"
    DERIVED_PICKS = "picks/{tomogram}_derived.xmd"
    POSITIVE_REFERENCES = "picks/{tomogram}_truth.xmd"
    NEGATIVE_REFERENCES = "picks/{tomogram}_lie.xmd"
    EVERY_PICK = "picks/{tomogram}_every.xmd"
    LABELLED = "labelled/{tomogram}_{label}.xmd"
    SUBTOMOGRAMS = "subtomograms/{tomogram}/{tomogram}_{label}.xmd"

    @property
    def answers(self) -> Path:
        """CSV: what persons said of the picks; beside the folder, which is made anew if the inputs change."""
        return self.root.parent / ANSWERS

    @property
    def common_grid(self) -> Path:
        """JSON: the common sampling rate and box size, and the values of each tomogram."""
        return self.root / COMMON_GRID

    def _of_tomogram(self, name: str, tomo_id: str, label: str = "") -> Path:
        return super()._of_tomogram(name, file_stem(tomo_id), label)
