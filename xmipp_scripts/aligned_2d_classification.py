"""xmipp_aligned_2d_classification: two classes among the images of each direction of view, and the graph of the directions."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from tomo_particles.core.errors import InputError

from ._shared.output_folder import Written
from ._shared.program import Program, require_positive, run, say_result
from ._shared.progress import stage

RECIPES = ("crossfit", "thesis")
WIDEST = 45.0  # degrees
SEED = 1  # of the planes that round the signs; xmipp_graph_max_cut finds those of any other
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
    from tomo_particles import __version__
    from tomo_particles.averaging.search import soft_ball
    from tomo_particles.classification.view_graph import Views, view_graph
    from tomo_particles.core.files import written_aside
    from tomo_particles.geometry.symmetry import symmetry_group

    from ._classification.graph_files import write_graph
    from ._classification.projections import read_projections

    begin, notes = time.perf_counter(), []
    given = read_projections(config.input, with_rate=False)
    particles = given.particles
    if given.left_out:
        notes.append(f"{given.left_out} images are empty or hold values that are no numbers: they are left out")
    ball = soft_ball(particles.edge, particles.edge // 2 - 2, 1.0)
    views = Views(config.step, config.distance, symmetry_group(config.symmetry), config.recipe == "crossfit")
    with stage("splitting", 1, "set"):
        graph = view_graph(particles.images, particles.axes, particles.shifts / particles.rate, ball, views, SEED)
    if graph.cones.distance > config.distance:
        notes.append(
            f"cones of {config.distance:g} degrees hold too few particles: they are {graph.cones.distance:.1f} degrees wide"
        )
    summary = {
        "version": __version__,
        "particles": len(particles),
        "directions": len(graph.found),
        "informativeDirections": graph.informative,
        "dropped": graph.cones.dropped,
        "angularDistance": round(graph.cones.distance, 3),
        "inNoDirection": graph.cones.lost,
        "notes": notes,
        "parameters": asdict(config),
    }
    folder = Path(config.odir)
    for name in FILES:
        (folder / name).unlink(missing_ok=True)  # of an earlier run: it would pass for this one's
    write_graph(folder, graph, given.table["itemId"], particles.rate)
    with written_aside(folder / FILES[-1]) as aside:
        aside.write_text(
            json.dumps(summary | {"seconds": round(time.perf_counter() - begin, 1)}, indent=1) + "\n", encoding="utf-8"
        )
    return summary


class Aligned2DClassification(Program):
    """Command line of `classify`."""

    name = "xmipp_aligned_2d_classification"
    outputs = {"--odir": "folder"}
    written = Written(FILES, ("summary.json", "inNoDirection"))
    parameters = {"input": "-i"}

    def defineParams(self) -> None:
        self.addUsageLine("Split the images of each direction of view into two classes, and compare the directions.")
        self.addUsageLine(
            "Directions cover the hemisphere. The images seen from near a direction, or from its opposite, are laid on one "
            "frame. Their first principal component and a mixture of two normal distributions give each the log odds of one "
            "class. Writes directions.xmd (enabled: 1 where the component is more than white noise; weight: its sign), "
            "means.mrcs, eigenimages.mrcs, graph.npz (L: log odds of each particle in each direction; rho: where it lies along "
            "the component; W: how far two "
            "directions agree, for xmipp_graph_max_cut) and summary.json. Images must be corrected for the CTF before."
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
