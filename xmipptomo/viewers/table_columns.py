"""Which columns Scipion's own table shows of a set of coordinates: those that this plugin adds, beside the usual ones."""

from __future__ import annotations

import tomo.objects
import tomo.viewers  # before ours: it registers the columns that are extended here
from pwem.viewers import ORDER, VISIBLE
from pwem.viewers.viewers_data import RegistryViewerConfig

from ..constants import (
    ANSWER_ATTRIBUTE,
    CCC_ATTRIBUTE,
    DISAGREEMENT_ATTRIBUTE,
    HALF_ATTRIBUTE,
    LABEL_ATTRIBUTE,
    NETWORK_SCORE_ATTRIBUTE,
    PICKER_SCORE_ATTRIBUTE,
    PICKER_SCORES_ATTRIBUTE,
    PICKERS_ATTRIBUTE,
    SHIFT_ATTRIBUTE,
    SPECIES_ATTRIBUTE,
    SUPPORT_ATTRIBUTE,
    WHEN_ATTRIBUTE,
    WHO_ATTRIBUTE,
    WHY_ATTRIBUTE,
)

COLUMNS = (SUPPORT_ATTRIBUTE, PICKERS_ATTRIBUTE, NETWORK_SCORE_ATTRIBUTE, LABEL_ATTRIBUTE, PICKER_SCORES_ATTRIBUTE,
           PICKER_SCORE_ATTRIBUTE, SPECIES_ATTRIBUTE, DISAGREEMENT_ATTRIBUTE, HALF_ATTRIBUTE, SHIFT_ATTRIBUTE, CCC_ATTRIBUTE,
           ANSWER_ATTRIBUTE, WHO_ATTRIBUTE, WHEN_ATTRIBUTE, WHY_ATTRIBUTE)
FIRST = ("id", "_tomoId", "_x", "_y", "_z", "_score")  # then ours; then the rest, such as matrices, which are wide


def show_columns() -> None:
    """Add our columns to those that the table shows; sets of other protocols do not have them, and stay as they are."""
    config = RegistryViewerConfig.getConfig(tomo.objects.SetOfCoordinates3D) or {}
    shown = config.get(VISIBLE, "").split()
    config[VISIBLE] = " ".join([*shown, *(name for name in COLUMNS if name not in shown)])
    config[ORDER] = " ".join((*FIRST, *COLUMNS))
    RegistryViewerConfig.registerConfig(tomo.objects.SetOfCoordinates3D, config)
