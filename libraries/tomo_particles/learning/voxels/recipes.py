"""The recipes of voxel-wise pickers: which network, target and loss; as published, and as scaled here for two processor cores."""

from __future__ import annotations

from dataclasses import dataclass

TARGETS = ("sphere", "heatmap", "centre")
LOSSES = ("ce", "dice", "tversky", "bce")
CLUSTERINGS = ("peaks", "components", "meanshift")


@dataclass(frozen=True)
class Recipe:
    """How a network of this recipe sees, learns and picks.

    folded: whether 2x2x2 voxels become 8 channels.  multiple: voxels; edges of what the network sees are multiples of it.
    halo: voxels to each side that its value at a voxel may depend on.  valid: convolutions without padding, so that the network
    gives (edge - 2 halo) voxels.  clusterings: ways from map to picks that are tried.  anywhere: share of the patches at uniform places.  majority: whether the class of a pick is
    that of most voxels, not that of the largest mean.  denoises: whether it also learns the noise-free density.
    """

    target: str = "sphere"
    loss: str = "ce"
    folded: bool = True
    multiple: int = 8
    halo: int = 40
    valid: bool = False
    patch: int = 48
    batch: int = 4
    learning_rate: float = 2e-3
    anywhere: float = 0.1
    clusterings: tuple[str, ...] = CLUSTERINGS
    majority: bool = False
    denoises: bool = False
    bytes_per_voxel: int = 100  # of memory in prediction, per voxel of the tomogram

    @property
    def step(self) -> int:
        """Voxels of the tomogram from one voxel of the map to the next."""
        return 2 if self.folded else 1

    @property
    def offset(self) -> float:
        """Where the first voxel of the map lies in the tomogram, voxels."""
        return (self.step - 1) / 2


RECIPES = {
    "unet": Recipe(),
}
