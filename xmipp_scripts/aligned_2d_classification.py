"""xmipp_aligned_2d_classification: two classes among the images of each direction of view, and the graph of the directions."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError

from ._shared.output_folder import Written
from ._shared.program import Program, require_positive, run, say_result
from ._shared.progress import stage

if TYPE_CHECKING:
    import numpy as np

    from tomo_particles.formats.xmd import Columns

RECIPES = ("crossfit", "thesis")
WIDEST = 45.0  # degrees
MOST_LOST = 0.05  # of the particles that no cone holds
WIDER = 2**0.5
ALIKE = 1.0  # degrees: views that differ less are all the same
FILES = ("directions.xmd", "means.mrcs", "eigenimages.mrcs", "graph.npz", "summary.json")
FINEST, COARSEST = 2.0, 45.0  # degrees of the angular sampling


@dataclass(frozen=True)
class ViewsConfig:
    """Angles in degrees."""

    input: str
    odir: str
    step: float = 7.5
    distance: float = 7.5
    symmetry: str = "c1"
    recipe: str = "crossfit"

    def __post_init__(self) -> None:
        from tomo_particles.geometry.symmetry import symmetry_group

        symmetry_group(self.symmetry)
        require_positive(self.distance, "--angularDistance", "degrees")
        if not FINEST <= self.step <= COARSEST:
            raise InputError(f"--angularSampling: must lie between {FINEST:g} and {COARSEST:g} degrees, received {self.step:g}")
        if self.distance > WIDEST:
            raise InputError(f"--angularDistance: must be at most {WIDEST:g} degrees, received {self.distance:g}")
        if (Path(self.odir) / FILES[0]).resolve() == Path(self.input).resolve():
            raise InputError(f"-i: '{self.input}' would be replaced by the result; give another folder with --odir")


def classify(config: ViewsConfig) -> dict:
    """From files to files; returns what summary.json says. Each image is read once."""
    import numpy as np

    from tomo_particles import __version__
    from tomo_particles.classification.directions import axes_of, cone_of, view_directions
    from tomo_particles.classification.in_plane import aligned_images
    from tomo_particles.classification.view_classes import LEAST_IN_CONE, evidence, graph_of, view_classes
    from tomo_particles.formats.xmd import read_table
    from tomo_particles.geometry.orientations import rotation_of
    from tomo_particles.geometry.symmetry import symmetry_group

    begin, notes = time.perf_counter(), []
    table = _ordered(read_table(config.input, "-i"), config.input)
    axes = axes_of(rotation_of(_angles(table, config.input)))
    images = _images(table["image"])
    shifts = np.array([table.get(name, [0.0] * len(images)) for name in ("shiftX", "shiftY")], dtype=float).T
    n, edge = len(images), images.shape[1]
    directions, symmetry, distance = view_directions(config.step), symmetry_group(config.symmetry), config.distance
    while True:
        cones = [cone_of(direction, axes, distance, symmetry) for direction in directions]
        kept = [number for number, cone in enumerate(cones) if len(cone.rows) >= LEAST_IN_CONE]
        held = np.unique(np.concatenate([cones[number].rows for number in kept])) if kept else np.zeros(0)
        if len(held) >= (1 - MOST_LOST) * n:
            break
        if distance >= WIDEST:
            raise InputError(
                f"-i: even cones of {WIDEST:g} degrees with {LEAST_IN_CONE} particles hold only {len(held)} of the {n} "
                f"particles of '{config.input}'; give more"
            )
        distance = min(WIDEST, distance * WIDER)
    if distance > config.distance:
        notes.append(f"cones of {config.distance:g} degrees hold too few particles: they are {distance:.1f} degrees wide")
    y, x = np.ogrid[:edge, :edge]
    mask = (x - edge // 2) ** 2 + (y - edge // 2) ** 2 <= (edge // 2 - 1) ** 2
    with stage("splitting", len(kept), "directions") as at:
        found = [
            view_classes(
                aligned_images(images, cones[number], directions[number], shifts), mask, cross_fit=config.recipe == "crossfit"
            )
            for number in at.each(kept)
        ]
    odds = evidence([cones[number].rows for number in kept], found, n, every=config.recipe == "thesis")
    informative = sum(one.informative for one in found)
    summary = {
        "version": __version__,
        "particles": n,
        "directions": len(kept),
        "informativeDirections": informative,
        "dropped": len(directions) - len(kept),
        "angularDistance": round(distance, 3),
        "inNoDirection": n - len(held),
        "notes": notes,
        "parameters": asdict(config),
    }
    views = directions[kept]
    columns = {
        "angleRot": np.degrees(np.arctan2(views[:, 1], views[:, 0])).tolist(),
        "angleTilt": np.degrees(np.arccos(np.clip(views[:, 2], -1, 1))).tolist(),
        "anglePsi": [0.0] * len(kept),
        "classCount": [len(cones[number].rows) for number in kept],
        "enabled": [1 if one.informative else -1 for one in found],
    }
    stacks = {FILES[1]: [one.mean for one in found], FILES[2]: [one.eigenimage for one in found]}
    arrays = {"W": graph_of(odds), "L": odds.toarray().astype(np.float32), "itemId": np.array(table["itemId"])}
    _write(Path(config.odir), columns, stacks, arrays, summary | {"seconds": round(time.perf_counter() - begin, 1)})
    return summary


def _write(folder: Path, columns: Columns, stacks: dict[str, list], arrays: dict[str, np.ndarray], summary: dict) -> None:
    import mrcfile
    import numpy as np

    from tomo_particles.core.files import written_aside
    from tomo_particles.core.tomograms import image_name, without_date
    from tomo_particles.formats.xmd import write_table

    for name in FILES:
        (folder / name).unlink(missing_ok=True)  # of an earlier run: it would pass for this one's
    for name, images in stacks.items():
        data = np.array(images, dtype=np.float32)
        with written_aside(folder / name, data.nbytes) as aside, mrcfile.new(aside, data, overwrite=True) as file:
            file.set_image_stack()
            without_date(file)
    with written_aside(folder / FILES[3]) as aside, open(aside, "wb") as stream:
        np.savez(stream, **arrays)
    write_table(folder / FILES[0], columns | {"image": [image_name(i, folder / FILES[1]) for i in range(1, len(images) + 1)]})
    with written_aside(folder / FILES[4]) as aside:
        aside.write_text(json.dumps(summary, indent=1) + "\n", encoding="utf-8")


def _ordered(table: Columns, path: str) -> Columns:
    """The table in the order of its ids. Raises InputError for what is no table of aligned particles."""
    for name in ("image", "angleRot", "angleTilt", "anglePsi"):
        if name not in table:
            raise InputError(f"-i: '{path}' has no column {name}; give aligned particles")
    ids = table.get("itemId", list(range(1, len(table["image"]) + 1)))
    if len(set(ids)) < len(ids):
        raise InputError(f"-i: '{path}' has an itemId more than once; give every particle its own")
    order = sorted(range(len(ids)), key=lambda row: ids[row])
    return {name: [values[row] for row in order] for name, values in {**table, "itemId": ids}.items()}


def _angles(table: Columns, path: str) -> np.ndarray:
    import numpy as np

    from tomo_particles.formats.xmd import with_nan

    angles = np.array([with_nan(table[name]) for name in ("angleRot", "angleTilt", "anglePsi")]).T.reshape(-1, 3)
    if not np.isfinite(angles).all():
        missing = int((~np.isfinite(angles).all(axis=1)).sum())
        raise InputError(f"-i: {missing} of {len(angles)} particles of '{path}' have no angles; give aligned particles")
    if any(table.get("flip", [])):
        raise InputError(f"-i: '{path}' has mirrored particles (flip); write them mirrored, with flip 0")
    spread = np.abs(np.exp(1j * np.radians(angles)) - np.exp(1j * np.radians(angles[:1])))
    if len(angles) and spread.max() < np.radians(ALIKE):
        raise InputError(f"-i: all particles of '{path}' have the same orientation; give aligned particles")
    return angles


def _images(names: list[str]) -> np.ndarray:
    """(n, edge, edge) float32; every file is opened once."""
    import numpy as np

    from tomo_particles.core.density_files import open_density

    rows: dict[str, list[tuple[int, int]]] = {}
    for row, name in enumerate(names):
        number, _, file = name.rpartition("@")
        rows.setdefault(file, []).append((row, int(number) if number.isdecimal() else 1))
    images: list[np.ndarray] = [np.zeros(0)] * len(names)
    for file, own in rows.items():
        with open_density(file, "-i") as density:
            data = density.data if density.data.ndim == 3 else density.data.reshape(-1, *density.data.shape[-2:])
            for row, index in own:
                if not 0 < index <= len(data):
                    raise InputError(f"-i: '{names[row]}' is none of the {len(data)} images of its stack; check the table")
                images[row] = np.array(data[index - 1], dtype=np.float32)
    shapes = {one.shape for one in images}
    if len(shapes) != 1 or len(set(next(iter(shapes)))) != 1:
        raise InputError("-i: the images must be squares of one size; scale them alike")
    found = np.stack(images)
    bad = ~np.isfinite(found).all(axis=(1, 2)) | (np.ptp(found, axis=(1, 2)) == 0)
    if bad.any():
        raise InputError(f"-i: {int(bad.sum())} images are empty or hold values that are no numbers; leave them out")
    return found


class Aligned2DClassification(Program):
    """Command line of `classify`."""

    name = "xmipp_aligned_2d_classification"
    outputs = {"--odir": "folder"}
    written = Written(FILES, ("summary.json", "informativeDirections"))
    parameters = {"input": "-i"}

    def defineParams(self) -> None:
        self.addUsageLine("Split the images of each direction of view into two classes, and compare the directions.")
        self.addUsageLine(
            "Directions cover the hemisphere. The images seen from near a direction, or from its opposite, are laid on one "
            "frame. Their first principal component and a mixture of two normal distributions give each the log odds of one "
            "class. Writes directions.xmd (enabled: 1 where the component is more than white noise), means.mrcs, "
            "eigenimages.mrcs, graph.npz (L: log odds of each particle in each direction; W: how far two directions agree, for "
            "xmipp_graph_max_cut) and summary.json. Images must be corrected for the CTF before."
        )
        self.addParamsLine("  -i <file> : XMD of aligned particles: itemId, image, angleRot, angleTilt, anglePsi, shiftX, shiftY")
        self.addParamsLine("  --odir <folder> : output folder; an earlier result in it is replaced")
        self.addParamsLine(" [--angularSampling <degrees=7.5>] : between two directions")
        self.addParamsLine(
            " [--angularDistance <degrees=7.5>] : of a particle's view from its direction, at most; wider where too few are held"
        )
        self.addParamsLine(" [--symmetry <name=c1>] : symmetry of the particle: c1, c2, ..., d2, ..., t, o, i1, i2")
        self.addParamsLine(" [--recipe <recipe=crossfit>] : which images judge")
        self.addParamsLine("      where <recipe>")
        self.addParamsLine("        crossfit : each fifth is judged by the other four; only directions that are more than noise")
        self.addParamsLine("        thesis : all images and all directions together, as published")
        self.addExampleLine(
            "xmipp_aligned_2d_classification --odir views -i particles.xmd --angularSampling 15 --angularDistance 15"
        )

    def readParams(self) -> None:
        self.config = ViewsConfig(
            self.getParam("-i"),
            self.getParam("--odir"),
            self.number("--angularSampling"),
            self.number("--angularDistance"),
            self.getParam("--symmetry"),
            self.getParam("--recipe"),
        )

    def run(self) -> None:
        found = classify(self.config)
        say_result(
            f"{found['informativeDirections']} of {found['directions']} directions are more than noise; "
            f"{found['particles']} particles, {found['inNoDirection']} in no direction",
            *(f"note: {note}" for note in found["notes"]),
        )


def main() -> int:
    """Console script."""
    return run(Aligned2DClassification)


if __name__ == "__main__":
    sys.exit(main())
