"""The form of the deep consensus protocol: every parameter with its help, and which of them each step depends on."""

from __future__ import annotations

from pyworkflow.protocol import params

from ...constants import (
    CHOICE_RULES,
    LARGE_DATA_SET,
    MIN_AGREEMENT,
    MODEL_EXISTING,
    MODEL_NEW,
    NETWORKS,
    RECIPES,
    REPRESENTATIVES,
    TILTS,
)
from ..shared.checked_form import OptionalFloatParam
from ..shared.gpus import define_gpus

NOT_VOTING = "not doVoting"
EXISTING = f"{NOT_VOTING} and modelType == {MODEL_EXISTING}"
TRAINING = f"{NOT_VOTING} and not (modelType == {MODEL_EXISTING} and skipTraining)"
MAY_LOOK_TWICE = f"(doVoting or recipe == {RECIPES.index('consensus')})"
LOOKS_TWICE = f"{MAY_LOOK_TWICE} and secondLook"
JUDGED = f"({NOT_VOTING} or secondLook)"  # not by votes alone

# Parameters that a step's result depends on. They travel as the step's arguments, because Scipion does a step
# again on resuming only if its arguments changed.
PREPROCESS_PARAMS = ("doVoting", "consensusRadius", "representative", "symmetry", "minPickers", "votingAgreement",
                     "boxSizeChoice", "samplingRateChoice", "noiseAmount", "noiseRadius",
                     "noiseStatic", "invertContrast", "randomSeed")
NETWORK_PARAMS = ("modelType", "modelFile", "skipTraining", "batchSize", "network", "folds", "epochs", "validationFraction",
                  "l2", "learningRate", "autoStop", "forceAugmentation", "settingsFile", "recipe",
                  "scoreRawPicks")
LOOK_PARAMS = ("secondLook", "diameter", "firstTilt", "lastTilt", "keepCentres")
OUTPUT_PARAMS = ("threshold", "writeReport")

# name: (lowest, highest, whether lowest itself is allowed); None: no limit.
LIMITS = {
    "votingAgreement": (1, None, True), "batchSize": (1, None, True), "threshold": (0, 1, True),
    "consensusRadius": (0, None, False), "minPickers": (1, None, True), "noiseAmount": (0, None, False),
    "noiseRadius": (0, None, False), "epochs": (1, None, True),
    "folds": (1, None, True), "validationFraction": (0, 0.9, False), "l2": (0, None, True), "learningRate": (0, None, False),
    "randomSeed": (0, None, True), "numberOfThreads": (1, None, True), "binThreads": (1, None, True),
}


EXTRACT_FROM = "Tomograms to extract from"


def define_params(form: params.Form) -> None:
    """Add all parameters to the form, section by section."""
    define_gpus(form, "Train and score the network on GPUs. With many processors the CPU is about as fast for the small network.")
    _define_input(form)
    _define_preprocess(form)
    _define_training(form)
    form.addParallelSection(threads=3, mpi=0, binThreads=4, binThreadsHelp=(
        "*Threads*:\nthreads of each program (noise picking, extraction, training and scoring on the CPU). "
        "Scipion prepares (Scipion threads - 1) tomograms at the same time, each with this many threads. The product should not "
        "exceed the number of processors. In a queue that runs each step as a job, every job asks for this many processors, and "
        "at most (Scipion threads - 1) jobs run at the same time."))


def _define_hint(form: params.Form, name: str) -> None:
    """What stands on a page whose parameters are all Advanced: Scipion shows the page empty."""
    form.addParam(name, params.LabelParam, condition=f"expertLevel == {params.LEVEL_NORMAL}",
                  label="The defaults of this page fit most data; Expert Level Advanced shows them.",
                  help="Expert Level is above the pages: Normal, Advanced.")


def _define_input(form: params.Form) -> None:
    form.addSection(label="Input")
    form.addParam("inputSets", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", label="Input coordinates",
                  important=True,
                  help="Two or more sets of coordinates of the same tomograms, one from each picker (or from one picker with "
                       "different settings). They may differ in tomograms, box size and sampling rate. A tomogram is recognised "
                       "by its tilt-series id. The pickers are numbered in the order of this list.")
    form.addParam("positiveReferences", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", allowsNull=True,
                  label="Positive references (optional)",
                  help="Coordinates known to be particles, for example picked by hand. They train the network as "
                       "positives. A merged pick near one of them is positive, even if only one picker found it.")
    form.addParam("negativeReferences", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", allowsNull=True,
                  label="Negative references (optional)",
                  help="Coordinates known NOT to be particles (gold beads, carbon edge, membrane). They train the "
                       "network as negatives, in addition to the noise. A merged pick near one of them is never accepted because "
                       "of its votes.")
    form.addParam("doVoting", params.BooleanParam, default=False, label="Voting only, no network?",
                  help="Yes: a pick is accepted if enough pickers agree. Its score is the fraction of the pickers that found it. "
                       "This takes seconds: a good first step, to see whether the files fit together. If the second look has a "
                       "_Diameter_ (expert level advanced), it scores the picks instead, from votes and averages, in some "
                       "minutes. No: a network learns from the agreement of the pickers and scores every pick.")
    form.addParam("votingAgreement", params.IntParam, default=MIN_AGREEMENT, condition="doVoting",
                  label="Required agreement (pickers)",
                  help="A pick is accepted if at least this many different pickers found it.")
    form.addParam("consensusRadius", params.FloatParam, default=0.35, label="Same-element relative radius",
                  help="Picks nearer than this are the same particle. In fractions of the box size: 0.35 for a box of 1.5 "
                       "particle diameters, 0.25 for one of 2. If it is too large, neighbouring particles are merged. If it is "
                       "too small, one particle remains as several picks. The wizard shows the distances between the input "
                       "picks.")
    form.addParam("boxSizeChoice", params.EnumParam, choices=[rule.capitalize() for rule in CHOICE_RULES],
                  default=CHOICE_RULES.index("biggest"), label="Box size",
                  help="Common box size if the inputs differ: that of the first set, the biggest, the smallest or the mean. "
                       "1.5 to 2 particle diameters are right; the wizard proposes the nearest choice. Boxes are compared in Å, "
                       "and the result is rounded to an even number of voxels.")
    form.addParam("threshold", params.FloatParam, default=0.5, condition=NOT_VOTING, label="Tolerance threshold",
                  help="Picks with at least this score (0 to 1) are accepted (0.5 with voting and a second look). A higher "
                       "threshold gives fewer false picks and more missed particles. All scores are kept in "
                       "consensus/scored.xmd. If you change only this value and continue the run, it takes seconds. Once the "
                       "run has finished, the wizard beside this field shows the expected precision and recall of each "
                       "threshold.")
    form.addParam("modelType", params.EnumParam, choices=["New", "Existing"], default=MODEL_NEW, condition=NOT_VOTING,
                  display=params.EnumParam.DISPLAY_HLIST, expertLevel=params.LEVEL_ADVANCED, label="Model",
                  help="New: train a network on these data. Existing: start from a model of an earlier run.")
    form.addParam("modelFile", params.FileParam, condition=EXISTING, expertLevel=params.LEVEL_ADVANCED,
                  label="Model file",
                  help="A model (.h5 or .keras) that this protocol wrote: consensus/model.h5 in the extra folder of the earlier "
                       "run. It must have been trained at the box size and sampling rate chosen here. Otherwise the form shows "
                       "an error.")
    form.addParam("skipTraining", params.BooleanParam, default=True, condition=EXISTING, expertLevel=params.LEVEL_ADVANCED,
                  label="Skip training?",
                  help="Yes: score with the model as it is. One set of input coordinates is then enough. No: first train the "
                       "model further on these data.")
    form.addParam("recipe", params.EnumParam, choices=[name.capitalize() for name in RECIPES], default=RECIPES.index("consensus"),
                  condition=NOT_VOTING, display=params.EnumParam.DISPLAY_HLIST, expertLevel=params.LEVEL_ADVANCED,
                  label="Recipe of the score",
                  help="_Consensus_: for your own data. The probability that a pick is a particle, from network score, votes and "
                       "picker scores. The network trains on all merged picks, with labels from the agreement of the pickers.\n"
                       "_Paper_: to compare with the published method. The network score alone. The network trains on agreed "
                       "picks against noise. Only these labels and this score are as published. Merging (complete linkage), the "
                       "three folds, the cosine schedule of the learning rate and the class balance are ours, as in _Consensus_.")
    _define_second_look(form)
    form.addParam("extractFrom", params.PointerParam, pointerClass="SetOfTomograms", label=f"{EXTRACT_FROM} (optional)",
                  allowsNull=True, condition=JUDGED, expertLevel=params.LEVEL_ADVANCED,
                  help="Another version of the same tomograms, for example without denoising or with another binning. "
                       "The network, the second look and the pictures use it. The results stay in the tomograms of the "
                       "coordinates. Tomograms are matched by their whole tilt-series id and must show the same volume, "
                       "neither cropped nor padded. Empty: the tomograms of the coordinates. The user guide says "
                       "which version is better.")
    form.addParam("writeReport", params.BooleanParam, default=True, label="Write a report?", expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: consensus/report.html shows the whole run on one page, with figures, tables and parameters. It "
                       "takes some seconds, and a few megabytes of disk.")
    _define_derived_and_masks(form)


def _define_second_look(form: params.Form) -> None:
    group = form.addGroup("Centres and second look", condition=MAY_LOOK_TWICE, expertLevel=params.LEVEL_ADVANCED,
                          help="The picks are compared with an average of accepted picks, scored again, and centred.")
    group.addParam("secondLook", params.BooleanParam, default=True, condition=MAY_LOOK_TWICE, label="Second look?",
                   expertLevel=params.LEVEL_ADVANCED,
                   help="Yes: the accepted picks are divided into two halves. Of each half those that most pickers found (a "
                        "third, but 40 to 400) are aligned and averaged by themselves. Every pick is compared with the average "
                        "of the half that it is not in. The comparison counts in the score, and the picks move towards the "
                        "centre of the average. If the two averages do not agree, nothing is changed, and the summary says so. "
                        "This needs at least 40 accepted picks in tomograms of one sampling rate.")
    group.addParam("diameter", OptionalFloatParam, condition=LOOKS_TWICE, label="Diameter (Å, optional)",
                   expertLevel=params.LEVEL_ADVANCED, allowsPointers=True,
                   help="Diameter of the particle in Å. Empty: half of the common box, because 1.5 to 2 particle diameters are "
                        "right for the box; with voting: no second look. The summary says which diameter was used. If you change "
                        "it and continue the run, nothing is trained again.")
    ends = (("firstTilt", "First", "smallest", TILTS[0]), ("lastTilt", "Last", "largest", TILTS[1]))
    for name, which, extreme, default in ends:
        group.addParam(name, OptionalFloatParam, condition=LOOKS_TWICE, label=f"{which} tilt (degrees, optional)",
                       expertLevel=params.LEVEL_ADVANCED,
                       help=f"{which} tilt of the tilt series about the y axis of the tomogram, in degrees: the {extreme} angle. "
                            f"Empty: as the tomograms say (their acquisition), or {default:g} if they do not say it.")
    group.addParam("keepCentres", params.BooleanParam, default=False, condition=LOOKS_TWICE, label="Keep the pickers' centres?",
                   expertLevel=params.LEVEL_ADVANCED,
                   help="Yes: the second look changes scores only, and the picks stay at the centres of the pickers. No: they "
                        "move half of the way to the centre of the average. The places as picked are kept in "
                        "consensus/scored_looks.csv.")


def _define_derived_and_masks(form: params.Form) -> None:
    form.addParam("derivedSets", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", allowsNull=True,
                  condition=NOT_VOTING, label="Derived pickers (optional)", expertLevel=params.LEVEL_ADVANCED,
                  help="Coordinates of pickers that learned from a consensus (_pick with a trained picker 3D_). What they found "
                       "and no other picker did is scored by the network and may be accepted, but it is no vote: a pupil does "
                       "not confirm its teacher. Labels, scores and reliability of the others stay as they are without it.")
    form.addParam("regionMasks", params.PointerParam, pointerClass="SetOfTomoMasks", allowsNull=True, condition=JUDGED,
                  label="Masks of regions (optional)", expertLevel=params.LEVEL_ADVANCED,
                  help="Masks of _mask tomograms 3D_. Noise is picked in good regions, and a fifth of it on gold, membranes, "
                       "carbon, ice and dirt. The picks stay as they are: give the masks to the pickers.")


def _define_preprocess(form: params.Form) -> None:
    form.addSection(label="Preprocess")
    _define_hint(form, "preprocessHint")
    form.addParam("representative", params.EnumParam, choices=[name.capitalize() for name in REPRESENTATIVES],
                  default=REPRESENTATIVES.index("robust"), label="Representative",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Position of a merged pick.\n_First_: the position of its first pick, in the order of the "
                       "inputs.\n_Centroid_: the mean of all its picks.\n_Robust_: the geometric median of one pick per picker. "
                       "One picker that is far off changes it little, and it does not depend on the order of the inputs.")
    form.addParam("symmetry", params.StringParam, default="c1", label="Symmetry", expertLevel=params.LEVEL_ADVANCED,
                  help="Symmetry of the particle: c1 for none, c2, c3..., d2, d3..., t, o, i1 or i2, with the axes of Xmipp and "
                       "RELION. If pickers give orientations, a merged pick gets their mean; outliers are left out. Orientations "
                       "that are equivalent under the symmetry count as the same. Positions do not depend on the symmetry.")
    form.addParam("minPickers", params.IntParam, default=MIN_AGREEMENT, condition=NOT_VOTING, label="Pickers that must agree",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="A merged pick is positive if at least this many different pickers found it; all others are doubtful. "
                       "With the score _Consensus_ the network trains on all merged picks, with labels that grow with the number "
                       "of pickers. This number is then the lowest agreement that can count as full agreement. With _Paper_ the "
                       "network trains on positives against noise.")
    form.addParam("samplingRateChoice", params.EnumParam, choices=[rule.capitalize() for rule in CHOICE_RULES],
                  default=CHOICE_RULES.index("biggest"), label="Sampling rate",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Common sampling rate if the inputs differ: that of the first set, the biggest in Å/voxel (coarsest and "
                       "fastest), the smallest (finest) or the mean. Subtomograms are cut from the tomograms whose sampling rate "
                       "is nearest to it.")
    form.addParam("noiseAmount", params.FloatParam, default=1.0, condition=JUDGED,
                  label="Amount of noise picked for negative input", expertLevel=params.LEVEL_ADVANCED,
                  help="Number of noise picks, in fractions of the number of all picks of each tomogram. They are negatives for "
                       "the training. The picks are also compared with them: the verdict of the run says whether the network "
                       "separates picks from noise. The recipe Consensus takes at most 1000 in a tomogram, because "
                       "more did not help. In a crowded tomogram fewer may fit; the summary says how many.")
    form.addParam("noiseRadius", params.FloatParam, default=0.7, condition=JUDGED, label="Noise picking evasion radius",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Minimum distance of noise from every pick and from the references, in fractions of the box size. In a "
                       "crowded tomogram this radius is lowered by steps, down to half of it, and the summary says so. Below "
                       "0.5 of the box size a noise box may show a particle.")
    form.addParam("noiseStatic", params.BooleanParam, default=False, condition=JUDGED, label="Never lower this radius?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: a crowded tomogram gives fewer noise picks, or none, but none of them is nearer to a pick than the "
                       "radius.")
    form.addParam("invertContrast", params.BooleanParam, default=False, condition=NOT_VOTING, label="Invert contrast?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Proteins are usually dark in tomograms. Yes: the network gets them bright. A new network learns equally "
                       "well from both. With an existing model choose the same as in the run that trained it.")
    form.addParam("scoreRawPicks", params.BooleanParam, default=True, condition=NOT_VOTING, label="Score each picker's picks?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: the network also scores every single pick of every picker, into consensus/scored_raw.xmd. No: this "
                       "saves about half of the disk space and of the scoring time.")


def _define_training(form: params.Form) -> None:
    form.addSection(label="Training")
    _define_hint(form, "trainingHint")
    form.addParam("network", params.EnumParam, choices=[name.capitalize() for name in NETWORKS], default=NETWORKS.index("small"),
                  condition=TRAINING, label="Network",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="_Small_: the default, fast, good for the few hundred positives that a project usually has.\n"
                       "_Reference_: the network of the original work (1.3 million parameters), for many thousands of positives "
                       "and a GPU.\nAn existing model that is trained further keeps its network: choose the same one here.")
    form.addParam("epochs", params.IntParam, default=12, condition=TRAINING, label="Cycles (epochs)",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Number of training epochs; with _Stop on convergence_ the maximum number. An epoch shows 2400 to 4000 "
                       "subtomograms: small sets are repeated, large sets are sampled.")
    form.addParam("batchSize", params.IntParam, default=32, condition=NOT_VOTING, expertLevel=params.LEVEL_ADVANCED,
                  label="Training batch size",
                  help="Number of subtomograms in one training step. Lower it if the GPU runs out of memory.")
    form.addParam("validationFraction", params.FloatParam, default=0.15, condition=TRAINING, label="Validation fraction",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Fraction of the positives and negatives that is not used for training but to evaluate the network after "
                       "each epoch. If there are several tomograms, whole tomograms are held back.")
    form.addParam("learningRate", params.FloatParam, default=0.001, condition=TRAINING, label="Learning rate",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Learning rate at the start; it decays towards zero. A larger one trains faster but may miss the "
                       "minimum; a smaller one is slow.")
    form.addParam("l2", params.FloatParam, default=0.0001, condition=TRAINING, label="L2 regularisation strength",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Penalty on large weights. A higher value keeps the model simpler and reduces overfitting. 0 turns it "
                       "off.")
    form.addParam("autoStop", params.BooleanParam, default=True, condition=TRAINING, label="Stop on convergence?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: end the training when the validation loss no longer falls. The best weights are kept in any case.")
    form.addParam("forceAugmentation", params.BooleanParam, default=True, condition=TRAINING, label="Force data augmentation?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: every subtomogram is varied at random in training, whatever their number. It is mirrored and "
                       "rotated by 180 degrees, which keeps the missing wedge in place. It is shifted by up to one voxel of the "
                       "network input, and its contrast is changed. For the small network it is also rotated by up to 30 degrees "
                       "about the tilt axis; the wedge rotates with it. "
                       f"No: this is done only if there are fewer than {LARGE_DATA_SET} positives.")
    form.addParam("settingsFile", params.FileParam, allowsNull=True, condition=TRAINING, label="Settings file (optional)",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="A JSON file that _xmipp_deep_picking_consensus_tomo --mode tuning_ wrote: learning rate, L2 "
                       "regularisation, epochs and augmentation, tuned on your own data. A field of this form that differs from "
                       "its default counts, not the file. The summary says what was used. The user guide says when tuning helps.")
    form.addParam("folds", params.IntParam, default=3, condition=TRAINING, label="Networks in the ensemble",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Number of networks (folds). Each network is trained without one part of the data. Each training pick is "
                       "scored by a network that was not trained on it. 1 is fastest, but then the training picks are scored by "
                       "the network that was trained on them.")
    form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                  help="The same seed on the same data gives the same noise picks, the same split and the same start weights.")
