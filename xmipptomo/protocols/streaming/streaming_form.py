"""The page of the form that says how long is waited for what."""

from __future__ import annotations

from pyworkflow.protocol import params

from ..deep_consensus.form import EXISTING, TRAINING

LIMITS = {"enough": (0, None, True), "patience": (0, None, True), "settle": (0, None, False), "grace": (0, None, True),
          "firstTomograms": (1, None, True), "firstAgreed": (0, None, True),
          "numberOfThreads": (3, None, True)}  # one looks, one trains, one prepares


def define_waiting(form: params.Form) -> None:
    """Add the parameters of all protocols that follow pickers."""
    form.addParam("enough", params.IntParam, default=0, label="Pickers that are enough",
                  help="If so many pickers have a tomogram, the others are waited for only for some hours (next field). "
                       "0: all pickers.")
    form.addParam("patience", params.FloatParam, default=2, label="Wait for the other pickers (hours)", condition="enough",
                  help="How long the other pickers are waited for. 0: for ever.")
    form.addParam("settle", params.FloatParam, default=30, label="Unchanged for (s)", expertLevel=params.LEVEL_ADVANCED,
                  help="Coordinates of a tomogram that have not changed for so many seconds are complete.")
    form.addParam("grace", params.FloatParam, default=2, label="Wait for a failed run (hours)",
                  expertLevel=params.LEVEL_ADVANCED,
                  help="How long a run that failed or was stopped is waited for. After that, its set counts as complete.")


def define_streaming(form: params.Form) -> None:
    """Add the page of the streaming deep consensus."""
    form.addSection(label="Streaming")
    define_waiting(form)
    form.addParam("modelRun", params.PointerParam, pointerClass="XmippProtDeepConsensusPicking3D", allowsNull=True,
                  label="Run that trained the model (optional)", condition=EXISTING, expertLevel=params.LEVEL_ADVANCED,
                  help="In place of _Model file_: the model of this run, which may still be at work. This run begins when the "
                       "model is there.")
    form.addParam("firstTomograms", params.IntParam, default=5, label="Tomograms of the first training, at least",
                  condition=TRAINING,
                  help="Together with the next number. The networks are trained again whenever the tomograms have doubled.")
    form.addParam("firstAgreed", params.IntParam, default=200, label="Agreed picks of the first training, at least",
                  condition=TRAINING, help="Picks on which enough pickers agree.")
    form.addParam("publishVotes", params.BooleanParam, default=False, label="Publish by votes before the training?",
                  condition=TRAINING,
                  help="Yes: before the first network, coordinates on which enough pickers agree are added to liveCoordinates. "
                       "No: tomograms wait for the first network.")
    form.addParam("finalPass", params.BooleanParam, default=True, label="Do all once more at the end?",
                  help="Yes: when all inputs are complete, the whole deep consensus is done with all tomograms, into coordinates "
                       "and scoredCoordinates.")
