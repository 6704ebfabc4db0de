"""The header of a table of picks: what its labels are called here, and what they may mean where they are called otherwise."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..core.errors import InputError, listed, parameter
from .model import text_of

if TYPE_CHECKING:
    import pandas as pd

REQUIRED = ("tomo_id", "x", "y", "z")
ANGLES = ("rot", "tilt", "psi")
OPTIONAL = ("score", "class", *ANGLES, "group", "samplingRate")
SEPARATORS = (",", "\t", ";")
OUR_RESULTS = {  # columns of our own tables that say how a pick was found, and are no part of it
    *("support", "pickers", "picker_scores", "orientation_disagreement", "network", "picker_score"),
    *("half", "ccc", "shift", "x_picked", "y_picked", "z_picked"),
}
COUNT = "particle"  # the running number of a particle in our own ground truth: nothing is lost without it
# Other names of a score, taken where a table has no column score: crYOLO's, pytom-match-pick's, Xmipp's and what people write.
SCORE_NAMES = ("confidence", "probability", "cc", "ccc", "lcc", "lccmax", "fom")
# Other names of the tomogram, taken where no column is called tomo_id.
TOMOGRAM_NAMES = ("tomoid", "tomo", "tomogram", "tomoname", "tomogramname", "tomogramid", "tsid", "tiltseries", "tiltseriesid")
OF_SUBMISSIONS = ("experiment", "particletype")  # of the CZII challenge; their x, y, z are in Å
# What people add to x, y, z where the numbers are voxels; with any other word, such as nm, they are something else.
VOXEL_WORDS = ("", "px", "pix", "pixel", "pixels", "vox", "voxel", "voxels", "coord", "coords", "coordinate", "pos", "position")
# Columns that may say Å/voxel of the coordinates or of something else: never believed, always said.
RATE_NAMES = ("sampling_rate", "pixel_size", "pixelsize", "voxel_size", "voxelsize", "voxel_spacing", "apix", "angpix")


def header_of(head: bytes) -> set[str]:
    """The labels of a CSV by our names of them, from the beginning of the file."""
    labels = [word.strip().strip('"') for word in first_line(head).split(separator_of(head))]
    return set(our_names(labels).values())


def separator_of(head: bytes) -> str:
    """What separates the columns of a table, from the beginning of the file: the first of SEPARATORS that its header has."""
    header = first_line(head)
    return next((sign for sign in SEPARATORS if sign in header), SEPARATORS[0])


def our_names(labels: Iterable[str]) -> dict[str, str]:
    """By each label of a table our name of it: that which differs in capitals only (X, Tomo_ID), unless two labels do.

    Positions, tomogram and score may have another usual name, if only one column has it.
    """
    ours = {name.lower(): name for name in (*REQUIRED, *OPTIONAL)}
    meant = {label: ours.get(label.strip().lower(), label) for label in labels}
    if not set("xyz") & set(meant.values()):
        meant |= {label: axis for label in meant if (axis := _axis_of(label))}
    if "tomo_id" not in meant.values():
        meant |= {label: "tomo_id" for label in meant if _bare(label) in TOMOGRAM_NAMES}
    if "score" not in meant.values():
        meant |= {label: "score" for label in meant if label.strip().lower() in SCORE_NAMES}
    count = Counter(meant.values())
    return {label: name if count[name] == 1 else label for label, name in meant.items()}


def _bare(label: str) -> str:
    """A label in small letters, without blanks and signs between its words."""
    return re.sub(r"[\W_]+", "", label).lower()


def _axis_of(label: str) -> str:
    """x, y or z where a label says a coordinate in voxels: x_px, X (voxels), coord_x, pos-z; '' for any other."""
    words = re.findall(r"[a-z]+", label.lower())
    axes = [word for word in words if word in ("x", "y", "z")]
    return axes[0] if len(axes) == 1 and all(word in (*axes, *VOXEL_WORDS) for word in words) else ""


def other_names(meant: Mapping[str, str]) -> str:
    """Which columns are read as others, by `our_names`; '' for none but those that differ in capitals."""
    taken = {label: name for label, name in meant.items() if name in (*REQUIRED, "score") and _bare(label) != _bare(name)}
    if not taken:
        return ""
    several = len(taken) > 1
    meanings = ["the score" if name == "score" else name for name in taken.values()]
    return f"column{'s' * several} {', '.join(taken)} {'are' if several else 'is'} read as {', '.join(meanings)}"


def first_line(head: bytes) -> str:
    """The header of a table: its first line that is no comment."""
    lines = (line for line in text_of(head[:65536]).splitlines() if line.strip() and not line.startswith("#"))
    return next(lines, "")


def other_unit(labels: Iterable[str]) -> str:
    """What to do with positions whose labels say Å; '' for other labels."""
    in_angstrom = [label for label in labels if re.fullmatch(r"[xyz](a|å|ang|angs|angst|angstrom|angstroms)", _bare(label))]
    if len(in_angstrom) != 3:
        return ""
    return f"; {', '.join(in_angstrom)} are in Å: call them x, y, z and give {parameter('unit')} angstrom"


def refuse_names(table: pd.DataFrame, path: object, option: str) -> None:
    """Refuse a table of one tomogram if a column that we do not know has several names: they may be names of tomograms."""
    import pandas as pd

    for label in table.columns.drop([*REQUIRED, *OPTIONAL, COUNT], errors="ignore"):
        if _bare(label) in TOMOGRAM_NAMES:
            raise InputError(f"{option}: '{path}' has several columns that may name the tomogram, such as {label}; keep one")
        if _bare(label) in OF_SUBMISSIONS:
            raise InputError(
                f"{option}: '{path}' has the column {label} of a CZII submission, whose positions are in Å, but not all of "
                "its columns: experiment, particle_type, x, y, z; add what is missing, or call it a name of yours"
            )
        names = table[label].dropna().astype(str).unique()
        if len(names) > 1 and not pd.to_numeric(pd.Series(names), errors="coerce").notna().all():
            raise InputError(
                f"{option}: '{path}' has no column tomo_id, and the column {label} holds {len(names)} names ({listed(names)})",
                "call it tomo_id if they are tomograms; else remove it, or call it class if they are kinds of particles",
            )
