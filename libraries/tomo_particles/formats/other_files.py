"""Files that lie beside picks and are taken for them: what each is, and which file to give instead."""

from __future__ import annotations

import re

from .model import text_of

# What is in it, what it is, what to give instead. The first that fits counts.
TEXTS = (
    ("_rlnTomoParticlesFile", "RELION's optimisation set", "give the particle file that it names"),
    ("_rlnTomoImportParticleFile", "a list of star files of coordinates", "give the files that it names"),
    ("_rlnMicrographCoordinates", "a list of star files of coordinates", "give the files that it names"),
    ("_rlnTomoTiltSeriesStarFile", "RELION's list of tomograms", "give a file of particles"),
    ("_rlnTomoReconstructedTomogram", "RELION's list of tomograms", "give a file of particles"),
    ("_rlnMicrographMovieName", "a tilt series", "give a file of particles"),
    ("_rlnTomoNominalStageTiltAngle", "a tilt series", "give a file of particles"),
    ("_wrpMovieName", "a tilt series of Warp (.tomostar)", "give a file of particles"),
    ("data_stopgap_wedgelist", "STOPGAP's list of wedges", "give its motive list"),
    ("_rlnReferenceImage", "a model of RELION", "give its file of particles (_data.star)"),
    ("_rlnExperimentalDataStarFile", "an optimiser of RELION", "give its file of particles (_data.star)"),
    ('"annotation_object"', "what the CryoET Data Portal says of an annotation", "give the .ndjson file beside it"),
    ("[ZValue", "a file of SerialEM about images (.mdoc)", "give a file of picks"),
)  # fmt: skip
MILOPYP = "image_name\tx_coord"
MILOPYP_IS = (
    "is a list of coordinates of MiLoPYP (cet_pick), which are not read: nothing in it says whether z counts the slices of the "
    "tomogram or of one that was compressed by 2; write tomo_id,x,y,z in voxels of the tomogram as CSV"
)
IMAGES = (
    (b"MAP ", 208, "an MRC volume"),
    (b"\x89HDF", 0, "an HDF5 file"),
    (b"II*\0", 0, "a TIFF image"),
    (b"PK\3\4", 0, "a zip archive"),
    (b"\x1f\x8b", 0, "a compressed file (gzip)"),
    (b"%PDF", 0, "a PDF"),
)
_PARTICLES = re.compile(r"^_rlnTomoParticlesFile[ \t]+([^#\s]\S*)", re.M)


def what_it_is(head: bytes) -> str:
    """What a file without picks is and what to give instead, as the end of a sentence; empty if nobody knows."""
    for magic, place, name in IMAGES:
        if head[place : place + len(magic)] == magic:
            return f"is {name}, not a file of picks; give what the picker wrote"
    text = text_of(head)
    if text.startswith(MILOPYP):
        return MILOPYP_IS
    for mark, name, remedy in TEXTS:
        if mark in text:
            named = _PARTICLES.search(text) if mark == TEXTS[0][0] else None
            return f"is {name}, not a file of picks; {remedy}" + (f": '{named[1]}'" if named else "")
    return ""
