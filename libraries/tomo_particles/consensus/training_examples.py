"""What the network learns from: subtomograms of XMD files with the labels of a recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..core.errors import InputError, parameter

if TYPE_CHECKING:
    import numpy as np

    from ..learning.examples import Examples

FEWEST_NOISE = 50  # noise picks that are always learned from, where there are so many
KINDS = {"pos": parameter("positives"), "doubt": parameter("doubtful"), "neg": parameter("negatives")}  # as messages call them


def read_examples(inputs: Mapping[str, Sequence[str]], recipe: str, sampling_rate: float | None = None) -> tuple[Examples, int]:
    """The training examples of the XMD files, and how many positives were taken as negatives for their contrast.

    sampling_rate: Å/voxel that the subtomograms must have; None: any.

    Recipe of the paper: positives are 1, negatives 0. Ours: positives and doubtful picks have the label of their agreement,
    and those of a contrast out of all proportion (gold beads, ice) become negatives: several pickers like them, and noise
    does not teach a network what they are. Where false picks are learned from, little noise is enough. If the pickers agree no
    more than by chance, all their picks are 1 and all noise is 0.
    """
    import numpy as np

    from ..formats.xmd import join_tables, positions_of
    from ..learning.examples import Examples
    from .chance_agreement import agreement_informs
    from .labels import NOISE_SHARE, agreement_of
    from .merged_picks import references_of
    from .verdict import FEWEST_UNCONFIRMED

    seen = _Seen(sampling_rate)
    merged, target = _read_boxes(inputs, ("pos", "doubt") if recipe == "consensus" else ("pos",), seen)
    outlying = np.zeros(len(target), dtype=bool)
    most_noise = None
    if recipe == "consensus":
        # With few picks and none agreed the training refuses: the cause is mostly a wrong sampling rate or axis of one picker.
        refused = not (target == 1).any() and len(target) < FEWEST_UNCONFIRMED
        informs = refused or agreement_informs(merged)
        typical = target == 1 if informs else np.ones(len(target), dtype=bool)
        outlying = contrast_outliers_of(merged, typical) & typical
        if not informs:
            target = np.ones(len(target))
        elif "comment" in merged:  # with the pickers of each pick; a reference stays positive
            agreement = agreement_of(merged["comment"], target)
            target = np.where(references_of(merged["comment"]), target, agreement)
        target[outlying] = 0.0
        if (target[~outlying] < 1).any():
            most_noise = max(FEWEST_NOISE, round(NOISE_SHARE * np.isfinite(target).sum()))
    negative = _read_negatives(inputs, most_noise, seen)
    learned = np.concatenate([np.isfinite(target), np.ones(len(negative.get("image", [])), dtype=bool)])
    target = np.concatenate([target, np.zeros(len(learned) - len(target))])[learned]
    columns = join_tables([table for table in (merged, negative) if table])
    images = [image for image, used in zip(columns["image"], learned, strict=True) if used]
    tomo_ids = np.array(columns.get("tiltSeriesId", [""] * len(learned)), dtype=str)[learned]
    positions = positions_of(columns, "the input", KINDS["pos"])[learned]
    return Examples(images, tomo_ids, positions, target, np.ones(len(target))), int(outlying.sum())


@dataclass(frozen=True)
class _Seen:
    """sampling_rate: of all subtomograms, Å/voxel.  files: of the images that were read before; none may come twice."""

    sampling_rate: float | None
    files: dict[str, str] = field(default_factory=dict)


def _read_table_of(path: str, kind: str, seen: _Seen) -> dict[str, list]:
    """The subtomograms of one file."""
    from ..formats.xmd import read_table, require_one_rate

    table = read_table(path, KINDS[kind])
    if "image" not in table:
        raise InputError(f"{KINDS[kind]}: '{path}' has no column image; give the XMD that xmipp_tomo_extract_subtomograms writes")
    require_one_rate(table, path, KINDS[kind], seen.sampling_rate)
    if both := next((image for image in table["image"] if image in seen.files), ""):
        raise InputError(
            f"{KINDS[kind]}: '{path}' holds the subtomogram {both} of '{seen.files[both]}'; a subtomogram is positive or "
            "negative and counts once, give other files"
        )
    seen.files.update(dict.fromkeys(table["image"], path))
    return table


def _read_boxes(inputs: Mapping[str, Sequence[str]], kinds: Sequence[str], seen: _Seen) -> tuple[dict[str, list], np.ndarray]:
    """The joined tables of subtomograms of some kinds, and (n,) 1 for those of positives, else NaN."""
    import numpy as np

    from ..formats.xmd import join_tables

    tables, target = [], []
    for kind in kinds:
        for path in inputs.get(kind, ()):
            tables.append(_read_table_of(path, kind, seen))
            target += [1.0 if kind == "pos" else np.nan] * len(tables[-1]["image"])
    return join_tables(tables) if tables else {}, np.array(target)


def _read_negatives(inputs: Mapping[str, Sequence[str]], most_noise: int | None, seen: _Seen) -> dict[str, list]:
    """The joined negatives: every pick that is known to be wrong (these have pickers), and up to a number of noise picks, sampled
    evenly."""
    import numpy as np

    from ..formats.xmd import join_tables

    tables = [_read_table_of(path, "neg", seen) for path in inputs.get("neg", ())]
    noise = [table for table in tables if "comment" not in table]
    n_noise = sum(len(table["image"]) for table in noise)
    if most_noise is not None and n_noise > most_noise:
        for table in noise:
            n = len(table["image"])
            rows = np.unique(np.linspace(0, n - 1, round(n * most_noise / n_noise)).astype(int))
            table.update({name: [values[row] for row in rows] for name, values in table.items()})
    return join_tables(tables) if tables else {}


def contrast_outliers_of(columns: Mapping[str, list], agreed: np.ndarray) -> np.ndarray:
    """(n,) picks that stand out by contrast, where the extraction measured it; a reference of the user never does."""
    import numpy as np

    from .contrast_outliers import contrast_outliers
    from .merged_picks import references_of

    if not {"min", "max", "tiltSeriesId"} <= set(columns):
        return np.zeros(len(agreed), dtype=bool)
    free = ~references_of(columns.get("comment", ["1"] * len(agreed)))
    return (
        contrast_outliers(
            np.array(columns["tiltSeriesId"], dtype=str), np.array(columns["min"]), np.array(columns["max"]), agreed
        )
        & free
    )
