"""What a run did, as a paragraph for a publication: from the files of the run, because the form may have changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ...constants import RECIPES
from ...files import RunFiles

NETWORK = "3D convolutional neural network [SanchezGarcia2018, IcetaTena2023]"
REPRESENTATIVES = {"first": "the first of them", "centroid": "their centroid", "robust": "their geometric median"}


def methods_text(files: RunFiles) -> list[str]:
    """A paragraph for a publication; empty before the run has finished."""
    if not os.path.exists(files.summary):
        return []
    content = json.loads(Path(files.summary).read_text(encoding="utf-8"))
    if "minPickers" not in content.get("parameters", {}):  # of a version that did not write what it did
        return []
    judged = _by_votes if content["threshold"] is None else _by_look if _voted(content) else _by_network
    parts = [_merging(content), *judged(content)]
    return [" ".join([*parts, *_references(content)])]


def _merging(content: dict[str, Any]) -> str:
    names, tomograms, parameters = content["pickers"], content["tomograms"], content["parameters"]
    radius = parameters["consensusRadius"] * content["boxSize"] * content["samplingRate"]
    representative = REPRESENTATIVES[parameters["representative"].lower()]
    pickers = "one picker" if len(names) == 1 else f"{len(names)} pickers"
    return (f"Particle coordinates from {pickers} ({', '.join(names)}) in {_count(len(tomograms), 'tomogram')} were combined. "
            f"Coordinates within {radius:.3g} Å of each other were taken as the same particle and replaced by {representative}.")


def _by_votes(content: dict[str, Any]) -> list[str]:
    number = _count(content["parameters"]["votingAgreement"], "picker")
    return [f"The {_accepted(content)} positions found by at least {number} were kept."]


def _by_look(content: dict[str, Any]) -> list[str]:
    """Votes with a second look; where that changed nothing, the votes alone."""
    if not (content.get("secondLook") or {}).get("used"):
        return _by_votes(content)
    compared = _compared(content)
    return [f"{compared[0].upper()}{compared[1:]} The correlation was combined with the votes and the picker scores, each "
            "calibrated against the other; no network was used. "
            f"The {_accepted(content)} positions with a probability of at least {content['threshold']:g} were kept."
            f"{_moved(content)}"]


def _voted(content: dict[str, Any]) -> bool:
    return bool(content["parameters"].get("doVoting"))


def _by_network(content: dict[str, Any]) -> list[str]:
    consensus = content["parameters"]["recipe"] == RECIPES[0]
    learning = _of_agreement if consensus else _of_agreed_and_noise
    return [_boxes(content), *_training(content, learning(content)), (_joined if consensus else _alone)(content)]


def _boxes(content: dict[str, Any]) -> str:
    rate, box = content["samplingRate"], content["boxSize"]
    source = f" from {content['extractedFrom']}" if content.get("extractedFrom") else ""
    return (f"Subtomograms of {box} voxels at {rate:.4g} Å/voxel ({rate * box:.0f} Å) were extracted{source} around these "
            "positions.")


def _training(content: dict[str, Any], learned: list[str]) -> list[str]:
    """What which network was trained on, or that it was not."""
    parameters = content["parameters"]
    if _was_given(content):
        return [f"They were scored with a previously trained {NETWORK}."]
    existing = parameters["modelType"] == "Existing"
    network = f"A previously trained {NETWORK} was trained further" if existing else f"A {NETWORK} was trained"
    folds = parameters["folds"]
    unseen = (f"The data were divided into {folds} parts for cross-validation, so that each position was scored by a network "
              "that had not been trained on it." if folds > 1 else "The same network scored all positions.")
    return [f"{network} {learned[0]}", *learned[1:], unseen]


def _of_agreement(content: dict[str, Any]) -> list[str]:
    """Recipe consensus; see labels.agreement_labels and the program's training examples."""
    number = max(2, content["parameters"]["minPickers"])
    return ["on all of them. The target value of a position increased with the square of the agreement between the pickers, from "
            f"0 (found by one picker) to 1 (found by as many pickers as a tenth of the positions or more, at least {number}).",
            "Positions without any picked particle in the same tomograms, and positions of outlying contrast such as gold "
            "fiducials, were used as negative examples."]


def _of_agreed_and_noise(content: dict[str, Any]) -> list[str]:
    """Recipe of the paper."""
    return [f"to distinguish the positions found by at least {_count(content['parameters']['minPickers'], 'picker')} from "
            "positions without any picked particle in the same tomograms."]


def _joined(content: dict[str, Any]) -> str:
    """Recipe consensus; see final_score.final_probability."""
    return ("The score of the network, the agreement between the pickers and the scores of the pickers were combined into the "
            "probability that a position is a particle. Positions of outlying contrast were rejected. The "
            f"{_accepted(content)} positions with a probability of at least {content['threshold']:g} were kept."
            f"{_second_look(content)}")


def _second_look(content: dict[str, Any]) -> str:
    """See looks.joined_scores and looks.moved_midway; empty where it changed nothing."""
    if not (content.get("secondLook") or {}).get("used"):
        return ""
    return (f" For this probability, {_compared(content)} The correlation was combined with the score of the network by logistic "
            f"regression.{_moved(content)}")


def _compared(content: dict[str, Any]) -> str:
    look = content["secondLook"]
    which = "the positions that enough pickers found" if _voted(content) else "the accepted positions"
    return (f"{which} were divided into two halves. Of each half, the subtomograms that most pickers found were aligned and "
            f"averaged independently (particle diameter {look['diameter']:.4g} Å, resolution {look['lowpass']:.4g} Å). Each "
            "subtomogram was correlated with the average of the half that does not contain it.")


def _moved(content: dict[str, Any]) -> str:
    moved = (" The positions were shifted by half of their distance to the centre of the average, weighted by the agreement of "
             "the two averages.")
    return "" if content["secondLook"]["keptCentres"] else moved


def _alone(content: dict[str, Any]) -> str:
    return f"The {_accepted(content)} positions with a network score of at least {content['threshold']:g} were kept."


def _references(content: dict[str, Any]) -> list[str]:
    """What was done with what the user knew; runs of earlier versions did not write it."""
    trained = content["threshold"] is not None and not _was_given(content) and not _voted(content)
    rules = {"positive": ("Known particles", "positive", "always kept"),
             "negative": ("Positions known not to be particles", "negative", "always rejected")}
    return [f"{what} were {f'used as {kind} examples and ' * trained}{end}."
            for name, (what, kind, end) in rules.items() if content.get("references", {}).get(name)]


def _was_given(content: dict[str, Any]) -> bool:
    """Whether the network is an earlier run's, as it was."""
    return content["parameters"]["modelType"] == "Existing" and content["parameters"]["skipTraining"]


def _accepted(content: dict[str, Any]) -> int:
    return sum(tomogram["accepted"] for tomogram in content["tomograms"].values())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
