"""What the outputs of a run are made from: values and the layout of its folder, no steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tomo_particles.runs.layout import ProgramLayout

from .config import PipelineConfig
from .tomograms import TomogramInfo


@dataclass(frozen=True)
class FinishedRun:
    """A run whose picks are scored.

    names: of the pickers.  tomograms: those with picks.  sampling_rate: common, Å/voxel.  model: file of the network that
    scored; it is missing where none could be trained.
    """

    config: PipelineConfig
    layout: ProgramLayout
    names: Sequence[str]
    tomograms: Sequence[TomogramInfo]
    sampling_rate: float
    model: str
