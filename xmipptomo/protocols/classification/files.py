"""Every path of a run that splits, simulates or evaluates classes of particles."""

from __future__ import annotations

from ...files import ProtocolFiles


class SplitFiles(ProtocolFiles):
    """Files of a split of subtomograms or projections; the program names what is in `output`."""

    folder = "split"

    @property
    def table(self) -> str:
        """XMD: the particles with their poses."""
        return self._at("particles.xmd")

    @property
    def mask(self) -> str:
        """MRC: where structures are compared."""
        return self._at("mask.mrc")

    @property
    def output(self) -> str:
        """Folder that the program fills."""
        return self._at("output")

    @property
    def summary(self) -> str:
        """JSON: what the program says of its result."""
        return self._at("output", "summary.json")

    @property
    def classes(self) -> str:
        """XMD: class and scores of each subtomogram."""
        return self._at("output", "classes.xmd")

    @property
    def fsc(self) -> str:
        """CSV: correlations by shell."""
        return self._at("output", "fsc.csv")

    @property
    def report(self) -> str:
        """HTML: everything in one page."""
        return self._at("output", "report.html")

    def map(self, name: str) -> str:
        """MRC: class_1, class_2, their half maps, difference, mask."""
        return self._at("output", f"{name}.mrc")

    @property
    def directions(self) -> str:
        """XMD: directions of view, of projections."""
        return self._at("output", "directions.xmd")

    @property
    def graph(self) -> str:
        """npz: log odds of each particle in each direction, and weights between directions."""
        return self._at("output", "graph.npz")

    @property
    def means(self) -> str:
        """Stack: the mean image of each direction."""
        return self._at("output", "means.mrcs")

    @property
    def eigenimages(self) -> str:
        """Stack: the eigenimage of each direction."""
        return self._at("output", "eigenimages.mrcs")


class SimulatedFiles(ProtocolFiles):
    """Files of simulated particles; the program names what is in `output`."""

    folder = "particles"

    @property
    def maps(self) -> str:
        """Folder of the maps of the form."""
        return self._at("maps")

    @property
    def output(self) -> str:
        """Folder that the program fills."""
        return self._at("output")

    def named(self, name: str) -> str:
        """A file of the program."""
        return self._at("output", name)


class EvaluationOfClassesFiles(ProtocolFiles):
    """Files of an evaluation of classes."""

    folder = "evaluation"

    @property
    def classes(self) -> str:
        """XMD: the class of each particle."""
        return self._at("classes.xmd")

    @property
    def truth(self) -> str:
        """XMD: the true class of each particle."""
        return self._at("truth.xmd")

    @property
    def result(self) -> str:
        """JSON: the numbers."""
        return self._at("result.json")
