"""What the network learns from: subtomograms of XMD files with the labels of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from deep_consensus_tomo.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from deep_consensus_tomo.training_set import Examples

INPUT_OPTIONS = {"pos": "--inputPos", "doubt": "--inputDoubt", "neg": "--inputNeg"}


def read_examples(inputs: Mapping[str, Sequence[str]], recipe: str) -> tuple[Examples, int]:
    """The training examples of the XMD files, and how many positives were taken as negatives for their contrast.

    Recipe of the paper: positives are 1, negatives 0. Ours: positives and doubtful picks have the label of their agreement,
    and those of a contrast out of all proportion (gold beads, ice) become negatives: several pickers like them, and noise
    does not teach a network what they are.
    """
    import numpy as np

    from deep_consensus_tomo.metadata_io import join_tables, positions_of
    from deep_consensus_tomo.training_set import Examples

    merged, target = _read_boxes(inputs, ("pos", "doubt") if recipe == "consensus" else ("pos",))
    negative, _ = _read_boxes(inputs, ("neg",))
    outlying = np.zeros(len(target), dtype=bool)
    if recipe == "consensus":
        outlying = contrast_outliers_of(merged, target == 1) & (target == 1)
        target = np.where(outlying, 0.0, _agreement(merged, target))
    learned = np.concatenate([np.isfinite(target), np.ones(len(negative.get("image", [])), dtype=bool)])
    target = np.concatenate([target, np.zeros(len(learned) - len(target))])[learned]
    columns = join_tables([table for table in (merged, negative) if table])
    images = [image for image, used in zip(columns["image"], learned, strict=True) if used]
    tomo_ids = np.array(columns.get("tiltSeriesId", [""] * len(learned)), dtype=str)[learned]
    positions = positions_of(columns, "the input", "--inputPos")[learned]
    return Examples(images, tomo_ids, positions, target, np.ones(len(target))), int(outlying.sum())


def _read_boxes(inputs: Mapping[str, Sequence[str]], kinds: Sequence[str]) -> tuple[dict[str, list], np.ndarray]:
    """The joined tables of subtomograms of some kinds, and (n,) 1 for those of positives, else NaN."""
    import numpy as np

    from deep_consensus_tomo.metadata_io import join_tables, read_table

    tables, target = [], []
    for kind in kinds:
        for path in inputs.get(kind, ()):
            tables.append(read_table(path, INPUT_OPTIONS[kind]))
            if "image" not in tables[-1]:
                raise InputError(
                    f"{INPUT_OPTIONS[kind]}: '{path}' has no column image; "
                    "give the XMD that xmipp_tomo_extract_subtomograms writes"
                )
            target += [1.0 if kind == "pos" else np.nan] * len(tables[-1]["image"])
    return join_tables(tables) if tables else {}, np.array(target)


def _agreement(columns: Mapping[str, list], target: np.ndarray) -> np.ndarray:
    """(n,) the labels of merged picks by their agreement, where the table tells it; a reference stays positive."""

    from deep_consensus_tomo.labels import agreement_labels
    from deep_consensus_tomo.reliability import votes_of

    voted = [i for i, comment in enumerate(columns.get("comment", [])) if comment.split("+")[0] != "0"]
    target = target.copy()
    if voted:
        seen, pickers = votes_of([columns["comment"][i] for i in voted])
        support = seen.sum(axis=1)
        number = int(support[target[voted] == 1].min(initial=len(pickers)))
        target[voted] = agreement_labels(support, len(pickers), number)
    return target


def contrast_outliers_of(columns: Mapping[str, list], agreed: np.ndarray) -> np.ndarray:
    """(n,) picks that stand out by contrast, where the extraction measured it; a reference of the user never does."""
    import numpy as np

    from deep_consensus_tomo.contrast import contrast_outliers

    if not {"min", "max", "tiltSeriesId"} <= set(columns):
        return np.zeros(len(agreed), dtype=bool)
    comments = columns.get("comment", ["1"] * len(agreed))
    free = np.array([comment.split("+")[0] != "0" for comment in comments], dtype=bool)
    return (
        contrast_outliers(
            np.array(columns["tiltSeriesId"], dtype=str), np.array(columns["min"]), np.array(columns["max"]), agreed
        )
        & free
    )
