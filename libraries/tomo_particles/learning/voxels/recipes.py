"""The recipes of voxel-wise pickers: which network, target and loss; as published, and as scaled here for two processor cores."""

from __future__ import annotations

from dataclasses import dataclass, replace

TARGETS = ("sphere", "heatmap", "centre", "shape")
LOSSES = ("ce", "dice", "tversky", "bce")
CLUSTERINGS = ("peaks", "components", "meanshift")


@dataclass(frozen=True)
class Recipe:
    """How a network of this recipe sees, learns and picks.

    folded: whether 2x2x2 voxels become 8 channels.  multiple: voxels; edges of what the network sees are multiples of it.
    halo: voxels to each side that its value at a voxel may depend on.  valid: convolutions without padding, so that the network
    gives (edge - 2 halo) voxels.  anywhere: share of the patches at uniform places.  clusterings: ways from map to picks that
    are tried.  majority: whether the class of a pick is that of most voxels, not that of the largest mean.
    denoises: whether the network also learns the noise-free density, which only a simulation knows.
    bytes_per_voxel: of memory in prediction, per voxel of the tomogram, about.
    """

    target: str = "sphere"
    loss: str = "ce"
    folded: bool = True
    multiple: int = 8
    halo: int = 40
    valid: bool = False
    patch: int = 48
    batch: int = 2
    learning_rate: float = 2e-3
    anywhere: float = 0.1
    clusterings: tuple[str, ...] = CLUSTERINGS
    majority: bool = False
    denoises: bool = False
    bytes_per_voxel: int = 100

    @property
    def step(self) -> int:
        """Voxels of the tomogram from one voxel of the map to the next."""
        return 2 if self.folded else 1

    @property
    def offset(self) -> float:
        """Where the first voxel of the map lies in the tomogram, voxels."""
        return (self.step - 1) / 2

    def learns(self, target: str) -> bool:
        """Whether the network can learn a target: one that classifies patches answers for their middle alone."""
        return (target == "centre") == self.valid


def loss_fits(loss: str, target: str) -> bool:
    """Whether a loss and a target belong together: in a heatmap, and there alone, each class is answered for itself."""
    return (loss == "bce") == (target == "heatmap")


# Networks that classify patches, by the class in the middle
_PATCHES = Recipe(target="centre", valid=True, multiple=2, batch=64, anywhere=0.5, bytes_per_voxel=120)
RECIPES = {
    "unet": Recipe(),
    # as published: batch 25, learning rate 1e-4, 6000 steps
    "deepfinder": Recipe(
        folded=False,
        multiple=4,
        halo=36,
        patch=56,
        learning_rate=1e-3,
        clusterings=("meanshift",),
        majority=True,
        bytes_per_voxel=1200,
    ),
    # as published: 64 layers, voxels not folded, batch 125, learning rate 1e-4, 200 epochs
    "msd": Recipe(multiple=2, halo=216, patch=64, clusterings=("meanshift",), majority=True, bytes_per_voxel=120),
    # as published: 32 voxels to a side; here 34, an odd number of folded voxels, so that the middle is a voxel of the map
    "resnet": replace(_PATCHES, halo=16, patch=34, clusterings=("components", "meanshift"), majority=True),
    # as published: slices of voxels that are not folded, dice, learning rates 2.5e-3 and 1e-3, patch 104, batch unsaid. With dice
    # the network called everything background for minutes on a GPU; at 1e-3 it learned no density either
    "dn3dunet": Recipe(learning_rate=3e-4, halo=80, denoises=True, clusterings=("components",), bytes_per_voxel=200),
    # as published: tversky (everything stayed background for minutes on a GPU), batch 24, 25 epochs
    "umc": Recipe(
        folded=False,
        multiple=16,
        halo=144,
        patch=64,
        batch=2,
        learning_rate=1e-3,
        clusterings=("components",),
        denoises=True,
        bytes_per_voxel=1000,
    ),
    # as published: 24 voxels to a side, every voxel; here 26 and every second one
    "yopo": replace(_PATCHES, halo=12, patch=26, clusterings=("peaks",)),
}
