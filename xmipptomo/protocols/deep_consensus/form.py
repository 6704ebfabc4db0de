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
)

NOT_VOTING = "not doVoting"
EXISTING = f"{NOT_VOTING} and modelType == {MODEL_EXISTING}"
TRAINING = f"{NOT_VOTING} and not (modelType == {MODEL_EXISTING} and skipTraining)"

# Parameters that a step's result depends on. They travel as the step's arguments, because Scipion does a step
# again on resuming only if its arguments changed.
PREPROCESS_PARAMS = ("doVoting", "consensusRadius", "representative", "symmetry", "minPickers", "votingAgreement",
                     "boxSizeChoice", "samplingRateChoice", "noiseAmount", "noiseRadius",
                     "noiseStatic", "invertContrast", "randomSeed")
NETWORK_PARAMS = ("modelType", "modelFile", "skipTraining", "batchSize", "network", "folds", "epochs", "validationFraction",
                  "l2", "learningRate", "autoStop", "forceAugmentation", "recipe", "scoreRawPicks")
OUTPUT_PARAMS = ("threshold", "writeReport")

# name: (lowest, highest, whether lowest itself is allowed); None: no limit.
LIMITS = {
    "votingAgreement": (1, None, True), "batchSize": (1, None, True), "threshold": (0, 1, True),
    "consensusRadius": (0, None, False), "minPickers": (1, None, True), "noiseAmount": (0, None, False),
    "noiseRadius": (0, None, False), "epochs": (1, None, True),
    "folds": (1, None, True), "validationFraction": (0, 0.9, False), "l2": (0, None, True), "learningRate": (0, None, False),
    "randomSeed": (0, None, True), "numberOfThreads": (1, None, True), "binThreads": (1, None, True),
}


GPU_FIELD = "*GPU IDs*"  # as Scipion's window calls the list of GPUs, whatever label its parameter has


def define_params(form: params.Form) -> None:
    """Add all parameters to the form, section by section."""
    _define_gpu(form)
    _define_input(form)
    _define_preprocess(form)
    _define_training(form)
    form.addParallelSection(threads=3, mpi=1, binThreads=4, binThreadsHelp=(
        "*Threads*:\nthreads of each program (noise picking, extraction, training and scoring on the CPU). "
        "Several tomograms are prepared at the same time: Scipion threads - 1 of them, each with this many threads; together "
        "they should not exceed the processors of the machine. In a queue that runs each step as a job, every job asks for "
        "this many processors, and Scipion threads - 1 is the number of jobs at a time.\n"
        "*MPI*: not used by these programs; leave it at 1."))


def _define_gpu(form: params.Form) -> None:
    form.addHidden(params.USE_GPU, params.BooleanParam, default=True, label="Use GPU for execution",
                   help="Train and score the network on GPUs. With No, or where the GPUs cannot be used, the CPU does it: "
                        "the same result, many times slower. The summary then says why, and what would bring the GPU.")
    form.addHidden(params.GPU_LIST, params.StringParam, default="0", label="Choose GPU IDs",
                   help="GPUs to use, as in nvidia-smi: 0, or 0,1, or 0-3; in a queue only their number counts. Training shares "
                        "each batch among all of them (mirrored strategy), whatever the number of Scipion threads: more than one "
                        "pays off for large boxes and batches only.")


def _define_input(form: params.Form) -> None:
    form.addSection(label="Input")
    form.addParam("inputSets", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", label="Input coordinates",
                  important=True,
                  help="Two or more sets of coordinates of the same tomograms, one from each picker (or from one picker with "
                       "different settings). They may differ in tomograms, box size and sampling rate; a tomogram is recognised "
                       "by its tilt-series id. The numbers of the pickers in the results follow the order of this list.")
    form.addParam("positiveReferences", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", label="Positive references",
                  allowsNull=True,
                  help="Optional: coordinates known to be particles, for example picked by hand. They train the network as "
                       "positives, and a merged pick near one of them is a positive however few pickers saw it.")
    form.addParam("negativeReferences", params.MultiPointerParam, pointerClass="SetOfCoordinates3D", label="Negative references",
                  allowsNull=True,
                  help="Optional: coordinates known NOT to be particles (gold beads, carbon edge, membrane). They train the "
                       "network as negatives besides the noise, and a merged pick near one of them is never accepted on votes.")
    form.addParam("doVoting", params.BooleanParam, default=False, label="Voting instead of DNN?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: no network; a pick is accepted when enough pickers agree. Fast, good for a first look. Its score "
                       "is the fraction of the pickers that saw it.")
    form.addParam("votingAgreement", params.IntParam, default=MIN_AGREEMENT, condition="doVoting",
                  label="Required agreement (pickers)", expertLevel=params.LEVEL_ADVANCED,
                  help="Number of different pickers that must have picked a particle for it to be accepted.")
    form.addParam("modelType", params.EnumParam, choices=["New", "Existing"], default=MODEL_NEW, condition=NOT_VOTING,
                  display=params.EnumParam.DISPLAY_HLIST, label="Model",
                  help="New: train a network on this very data. Existing: start from a model of an earlier run.")
    form.addParam("modelFile", params.FileParam, condition=EXISTING, label="Model file",
                  help="A model (.h5 or .keras) that this protocol wrote: consensus/model.h5 in the extra folder of the earlier "
                       "run. It must have been trained at the box size and sampling rate chosen here; the program says so if "
                       "not.")
    form.addParam("skipTraining", params.BooleanParam, default=True, condition=EXISTING, label="Skip training?",
                  help="Yes: score with the model as it is; one set of input coordinates is then enough. No: train it further "
                       "on this data first.")
    form.addParam("recipe", params.EnumParam, choices=[name.capitalize() for name in RECIPES], default=RECIPES.index("consensus"),
                  condition=NOT_VOTING, display=params.EnumParam.DISPLAY_HLIST, label="Score",
                  help="_Consensus_: the probability that a pick is a particle, from the network's opinion of its look, from who "
                       "saw it and from the scores they gave, which are worth what the network makes of such picks.\n"
                       "_Paper_: the network's opinion alone, as in the original work.")
    form.addParam("threshold", params.FloatParam, default=0.5, condition=NOT_VOTING, label="Tolerance threshold",
                  help="Picks with a score of at least this, from 0 to 1, are accepted. Higher: fewer false picks, more "
                       "missed particles. Every score stays in consensus/scored.xmd: changing only this value and resuming "
                       "takes seconds. The wizard beside this field shows what each threshold promises, once the run has "
                       "finished.")
    form.addParam("batchSize", params.IntParam, default=32, condition=NOT_VOTING, label="Training batch size",
                  help="Subtomograms that the network sees at once. Lower it if the GPU runs out of memory.")
    form.addParam("writeReport", params.BooleanParam, default=True, label="Write a report?", expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: consensus/report.html tells the whole run on one page, with its figures, tables and parameters. It "
                       "takes some seconds, and a few megabytes of disk.")


def _define_preprocess(form: params.Form) -> None:
    form.addSection(label="Preprocess")
    form.addParam("consensusRadius", params.FloatParam, default=0.35, label="Same-element relative radius",
                  help="Picks nearer than this are the same particle, in fractions of the box size: 0.35 for a box of 1.5 "
                       "particle diameters, 0.25 for one of 2. Larger, near neighbours are merged; smaller, one particle stays "
                       "several. The wizard shows how far the picks of the inputs lie apart.")
    form.addParam("representative", params.EnumParam, choices=[name.capitalize() for name in REPRESENTATIVES],
                  default=REPRESENTATIVES.index("robust"), label="Representative",
                  help="Position of a merged pick.\n_First_: that of the pick which came first in the order of the "
                       "inputs.\n_Centroid_: the mean of all its picks.\n_Robust_: the geometric median of one pick a picker, "
                       "which one far-off picker does not drag along and which does not depend on the order.")
    form.addParam("symmetry", params.StringParam, default="c1", label="Symmetry", expertLevel=params.LEVEL_ADVANCED,
                  help="Symmetry of the particle: c1 for none, c2, c3..., d2, d3..., t, o, i1 or i2, with the axes of Xmipp and "
                       "RELION. Where pickers give orientations, a merged pick gets the mean of theirs without those that stand "
                       "apart; under a symmetry orientations that look the same are the same. Positions do not depend on it.")
    form.addParam("minPickers", params.IntParam, default=MIN_AGREEMENT, condition=NOT_VOTING, label="Pickers that must agree",
                  help="A merged pick that at least this many different pickers saw is positive, all others are doubtful. With "
                       "the score _Consensus_ the network learns from every merged pick by its agreement, and this is the least "
                       "agreement that counts fully; with _Paper_ it learns positives against noise.")
    form.addParam("boxSizeChoice", params.EnumParam, choices=[rule.capitalize() for rule in CHOICE_RULES],
                  default=CHOICE_RULES.index("biggest"), label="Box size",
                  help="Common box size where the inputs differ: that of the first set, the biggest, the smallest or the mean. "
                       "1.5 to 2 particle diameters are right, and the wizard proposes which comes nearest. Boxes are compared "
                       "in Å, and the result is rounded to an even number of voxels.")
    form.addParam("samplingRateChoice", params.EnumParam, choices=[rule.capitalize() for rule in CHOICE_RULES],
                  default=CHOICE_RULES.index("biggest"), label="Sampling rate",
                  help="Common sampling rate where the inputs differ: that of the first set, the biggest (coarsest, in Å/voxel: "
                       "fastest), the smallest (finest) or the mean. Subtomograms come from the tomograms nearest to it.")
    form.addParam("noiseAmount", params.FloatParam, default=1.0, condition=NOT_VOTING,
                  label="Amount of noise picked for negative input",
                  help="Noise picks, in fractions of the number of all picks of each tomogram. They are negatives for the "
                       "training. The picks are also compared with them: the verdict of the run says whether the network "
                       "tells the two apart. A crowded tomogram yields what fits; the summary says how many.")
    form.addParam("noiseRadius", params.FloatParam, default=0.7, condition=NOT_VOTING, label="Noise picking evasion radius",
                  help="Noise keeps this far away from every pick of every picker and from the references, in fractions of the "
                       "box size. In a crowded tomogram the radius is lowered by steps, to half at the least, and the summary "
                       "says so. Below 0.5 of the box a noise box may show a particle.")
    form.addParam("noiseStatic", params.BooleanParam, default=False, condition=NOT_VOTING, label="Never lower this radius?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: a crowded tomogram gives fewer noise picks, or none, but no noise nearer to a pick than the radius.")
    form.addParam("invertContrast", params.BooleanParam, default=False, condition=NOT_VOTING, label="Invert contrast?",
                  help="Proteins are usually dark in tomograms. Yes shows them bright to the network. It learns either just as "
                       "well, so this matters only for an existing model: give the same answer as the run that trained it.")
    form.addParam("scoreRawPicks", params.BooleanParam, default=True, condition=NOT_VOTING, label="Score each picker's picks?",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="Yes: the network scores every pick of every picker too, into consensus/scored_raw.xmd. No saves about "
                       "half of the disk space and of the scoring time.")


def _define_training(form: params.Form) -> None:
    form.addSection(label="Training")
    form.addParam("network", params.EnumParam, choices=[name.capitalize() for name in NETWORKS], default=NETWORKS.index("small"),
                  condition=TRAINING, label="Network",
                  help="_Small_: the default, fast, good for the few hundred positives that a project usually has.\n"
                       "_Reference_: the network of the original work (1.3 million parameters), for many thousands of positives "
                       "and a GPU.\nAn existing model that is trained further keeps its own: choose the same here.")
    form.addParam("epochs", params.IntParam, default=12, condition=TRAINING, label="Cycles (epochs)",
                  help="Rounds of training, at the most if it stops on convergence. A round shows 2400 to 4000 subtomograms: "
                       "few are seen several times, of many a part.")
    form.addParam("validationFraction", params.FloatParam, default=0.15, condition=TRAINING, label="Validation fraction",
                  help="Fraction of the positives and negatives kept out of training to judge the network after each epoch; by "
                       "tomogram where there are several.")
    form.addParam("learningRate", params.FloatParam, default=0.001, condition=TRAINING, label="Learning rate",
                  help="Step of the weights at the start. Larger trains faster but may miss the minimum, smaller is slow.")
    form.addParam("l2", params.FloatParam, default=0.0001, condition=TRAINING, label="L2 regularisation strength",
                  help="Penalty on large weights: a higher value keeps the model simpler, against overfitting; 0 turns it off.")
    form.addParam("autoStop", params.BooleanParam, default=True, condition=TRAINING, label="Stop on convergence?",
                  help="End the training when the validation loss no longer falls. The best weights are kept in any case.")
    form.addParam("forceAugmentation", params.BooleanParam, default=True, condition=TRAINING, label="Force data augmentation?",
                  help="Yes: the network sees each subtomogram varied, however many there are: mirrored and turned by 180 "
                       "degrees, which leaves the missing wedge where it is; with the small network turned by up to 30 degrees "
                       "about the tilt axis, too, with which the wedge turns; shifted by up to a voxel of what the network sees; "
                       f"and with some more or less contrast. No: only where there are fewer than {LARGE_DATA_SET} positives.")
    form.addParam("folds", params.IntParam, default=3, condition=TRAINING, label="Networks in the ensemble",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="So many networks are trained, each without one part of the data, and each training pick is scored by "
                       "the networks that did not see it. 1 is fastest, but scores the training picks with the network that "
                       "learnt them.")
    form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                  help="The same seed on the same data gives the same noise picks, the same split and the same initial weights.")
