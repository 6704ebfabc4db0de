"""The form of a network and its training: every parameter with its help, and what cannot be."""

from __future__ import annotations

from pwem.protocols import EMProtocol
from pyworkflow.protocol import params

from tomo_particles.core.errors import InputError
from tomo_particles.learning.voxels.description import read_voxel_model
from tomo_particles.learning.voxels.recipes import LOSSES, RECIPES, TARGETS, Recipe, loss_fits

FROM_SIMULATIONS = tuple(name for name, how in RECIPES.items() if how.denoises)
# A form keeps the place of its network here: new ones come last
NETWORKS = (*(name for name in RECIPES if name not in FROM_SIMULATIONS), *FROM_SIMULATIONS)
OF_NETWORK = "That of the network"
NETWORK_PARAMS = ("recipe", "target", "loss", "minutes", "folds", "width", "patch", "batch", "learningRate", "steps", "beta",
                  "mirror", "startModel", "randomSeed")


def define_network(form: params.Form) -> None:
    """Add the section of the training."""
    form.addSection(label="Training")
    form.addParam("recipe", params.EnumParam, choices=list(NETWORKS), default=0, label="Network",
                  help="_unet_: a small U-Net, minutes on two processors.\n_deepfinder_: the U-Net of DeepFinder; without a "
                       "GPU give it a width of 0.25.\n_msd_: mixed-scale dense network.\n_resnet_, _yopo_: classify patches "
                       "by what is in their middle.\n_dn3dunet_, _umc_: also learn the density without noise, so that they need "
                       "the particles of a simulation that kept it.\nA minute of training on a GPU gave good picks with all but "
                       "the last two, which took four.")
    form.addParam("target", params.EnumParam, choices=[OF_NETWORK, *TARGETS], default=0, label="Target",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="What a network answers for each voxel. _sphere_: a ball at each particle. _heatmap_: a peak at each "
                       "particle, each class alone; with the loss _bce_. _centre_: what is in the middle of a patch, for "
                       "_resnet_ and _yopo_ alone. _shape_: the densest part of each particle's map, turned "
                       "as it is; for all particles of a simulation.")
    form.addParam("loss", params.EnumParam, choices=[OF_NETWORK, *LOSSES], default=0, label="Loss",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="How wrong answers count. _ce_: cross-entropy, balanced between the classes. _dice_, _tversky_: the "
                       "overlap with the target; they need long trainings. _bce_: with the target _heatmap_.")
    form.addParam("minutes", params.FloatParam, default=10.0, label="Minutes for each network",
                  help="Training time of each network, without the picking afterwards. The whole takes about this times the "
                       "number of networks.")
    form.addParam("folds", params.IntParam, default=3, label="Networks (folds)", expertLevel=params.LEVEL_ADVANCED,
                  help="Number of networks. Each is trained without one part of the tomograms. With fewer tomograms than "
                       "networks, each tomogram is cut into slabs.")
    form.addParam("steps", params.IntParam, default=0, label="Steps of each network", expertLevel=params.LEVEL_ADVANCED,
                  help="In place of the minutes: the same seed then gives the same model. 0: minutes count.")
    form.addParam("width", params.FloatParam, default=1.0, label="Width of the layers", expertLevel=params.LEVEL_ADVANCED,
                  help="Relative to the layers of the recipe.")
    form.addParam("patch", params.IntParam, default=0, label="Patch (voxels)", expertLevel=params.LEVEL_ADVANCED,
                  help="Edge of the patches that are learned from. 0: that of the recipe (unet: 48). Lower it for few or "
                       "thin tomograms.")
    form.addParam("batch", params.IntParam, default=0, label="Patches per step", expertLevel=params.LEVEL_ADVANCED,
                  help="Over all GPUs. 0: that of the recipe (unet: 2).")
    form.addParam("learningRate", params.FloatParam, default=0.0, label="Learning rate", expertLevel=params.LEVEL_ADVANCED,
                  help="At the start; it decays to zero. 0: that of the recipe (unet: 0.002). Lower it if the training "
                       "diverges.")
    form.addParam("beta", params.FloatParam, default=1.0, label="Weight of recall", expertLevel=params.LEVEL_ADVANCED,
                  help="Weight of recall against precision in the F score that chooses the thresholds. 2: rather more picks.")
    form.addParam("mirror", params.BooleanParam, default=False, label="Learn mirror images too?",
                  expertLevel=params.LEVEL_ADVANCED, help="More variety, but the hand of the particles is not learned.")
    form.addParam("startModel", params.FileParam, label="Model to begin with (optional)", expertLevel=params.LEVEL_ADVANCED,
                  help="File of a model of the same network and number of classes, such as one that learned from a "
                       "simulation. Empty: the networks begin at random.")
    form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                  help="Seed of every random choice; recorded in the model.")


def chosen(protocol: EMProtocol, name: str) -> str:
    """The chosen `target` or `loss`; '' for that of the network."""
    place = getattr(protocol, name).get()
    return {"target": TARGETS, "loss": LOSSES}[name][place - 1] if place else ""


def recipe_of(protocol: EMProtocol) -> Recipe:
    """The recipe of the chosen network."""
    return RECIPES[NETWORKS[protocol.recipe.get()]]


def reads_simulation(protocol: EMProtocol) -> bool:
    """Whether the network learns from the folder of a simulation: from densities without noise, or from maps and angles."""
    return recipe_of(protocol).denoises or chosen(protocol, "target") == "shape"


def network_errors(protocol: EMProtocol, start_model: str) -> list[str]:
    """What cannot be. start_model: its path, '' for none."""
    how, patch, errors = recipe_of(protocol), protocol.patch.get(), []
    target, loss = chosen(protocol, "target") or how.target, chosen(protocol, "loss") or how.loss
    if not how.learns(target):
        errors.append(f"*Target*: the network {NETWORKS[protocol.recipe.get()]} cannot learn '{target}'; choose {OF_NETWORK}.")
    elif not loss_fits(loss, target):
        errors.append("*Loss*: bce is the loss of the target heatmap, and of no other target; choose both or none.")
    if patch and (patch % how.multiple or (how.valid and patch != how.patch)):
        wanted = f"{how.patch}, or 0" if how.valid else f"a multiple of {how.multiple}, or 0"
        errors.append(f"*Patch (voxels)* must be {wanted} for this network, received {patch}.")
    if start_model:
        try:
            read_voxel_model(start_model, "*Model to begin with*")
        except InputError as error:
            errors.append(str(error))
    return errors
