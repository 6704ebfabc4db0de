"""Every path of a run that splits subtomograms."""

from __future__ import annotations

from ...files import ProtocolFiles


class SplitFiles(ProtocolFiles):
    """Files of a split of subtomograms; the program names what is in `output`."""

    folder = "split"

    @property
    def table(self) -> str:
        """XMD: the subtomograms with their poses and tilts."""
        return self._at("subtomograms.xmd")

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
