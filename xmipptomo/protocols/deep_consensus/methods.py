"""What a run did, as a paragraph for a publication: from the files of the run, because the form may have changed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ...constants import RECIPES
from ...files import RunFiles

NETWORK = "3D convolutional network [SanchezGarcia2018, IcetaTena2023]"


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
    return (f"The coordinates of {_count(len(names), 'picker')} in {_count(len(tomograms), 'tomogram')} were brought to "
            f"{content['samplingRate']:.4g} Å/voxel and merged within {parameters['consensusRadius']:g} of the box size "
            f"({content['boxSize']} voxels; representative: {parameters['representative'].lower()}).")


def _by_votes(content: dict[str, Any]) -> list[str]:
    number = _count(content["parameters"]["votingAgreement"], "picker")
    return [f"The {_accepted(content)} positions that at least {number} saw were kept."]


def _by_look(content: dict[str, Any]) -> list[str]:
    """Votes with a second look; where that changed nothing, the votes alone."""
    if not (content.get("secondLook") or {}).get("used"):
        return _by_votes(content)
    return [f"{_compared(content)} The comparison was joined to the votes and the picker scores, each calibrated against the "
            f"other; no network was used. The {_accepted(content)} positions with a probability of at least "
            f"{content['threshold']:g} were kept.{_moved(content)}"]


def _voted(content: dict[str, Any]) -> bool:
    return bool(content["parameters"].get("doVoting"))


def _by_network(content: dict[str, Any]) -> list[str]:
    consensus = content["parameters"]["recipe"] == RECIPES[0]
    learning = _of_agreement if consensus else _of_agreed_and_noise
    return [*_training(content, learning(content)), (_joined if consensus else _alone)(content)]


def _training(content: dict[str, Any], learned: list[str]) -> list[str]:
    """What which network was trained on, or that it was not."""
    parameters = content["parameters"]
    if _was_given(content):
        return [f"The subtomograms of all merged positions were scored with a {NETWORK} of an earlier run, as it was."]
    existing = parameters["modelType"] == "Existing"
    network = f"A {NETWORK} of an earlier run was trained further" if existing else f"A {NETWORK} was trained"
    folds = parameters["folds"]
    unseen = (f"This was done {folds} times, each time without one part of the data, and every merged position was scored by "
              "networks that had not learned from it." if folds > 1 else "It then scored every merged position.")
    return [f"{network} {learned[0]}", *learned[1:], unseen]


def _of_agreement(content: dict[str, Any]) -> list[str]:
    """Recipe consensus; see labels.agreement_labels and the program's training examples."""
    number = max(2, content["parameters"]["minPickers"])
    return ["on the subtomograms of all merged positions, each labelled by how many pickers agreed on it: with the square of the "
            "agreement, from 0 (one picker) to 1 (the most pickers that agreed on a tenth of the positions or more, at least "
            f"{number}); and, with label 0, on noise picked from the same tomograms away from all positions.",
            "Agreed positions of outlying contrast were given label 0, too."]


def _of_agreed_and_noise(content: dict[str, Any]) -> list[str]:
    """Recipe of the paper."""
    return [f"on the subtomograms of the positions on which at least {_count(content['parameters']['minPickers'], 'picker')} "
            "agreed, against noise picked from the same tomograms away from all positions."]


def _joined(content: dict[str, Any]) -> str:
    """Recipe consensus; see final_score.final_probability."""
    return ("The log-odds of being a particle are the sum of two terms. One is that of the network score, calibrated "
            "against the agreement of the pickers. The other is that of votes and picker scores, calibrated against the "
            "network score. Positions whose contrast lay far outside that of the agreed ones of their "
            f"tomogram (gold beads, ice) got probability 0. The {_accepted(content)} positions with a probability of at least "
            f"{content['threshold']:g} were kept.{_second_look(content)}")


def _second_look(content: dict[str, Any]) -> str:
    """See looks.joined_scores and looks.moved_midway; empty where it changed nothing."""
    if not (content.get("secondLook") or {}).get("used"):
        return ""
    return (f" {_compared(content)} The comparison was joined to the network score by logistic regression against the agreement "
            f"of the pickers before the final score was computed.{_moved(content)}")


def _compared(content: dict[str, Any]) -> str:
    look = content["secondLook"]
    which = "Positions that enough pickers saw" if _voted(content) else "Accepted positions"
    return (f"{which} were divided into two halves, and each half was aligned and averaged by itself (diameter "
            f"{look['diameter']:.4g} Å, to {look['lowpass']:.4g} Å). Every position was compared with the average of the half "
            "that it was not in.")


def _moved(content: dict[str, Any]) -> str:
    moved = " Positions were moved half of the way to the centre of the average, weighted by the agreement of the two averages."
    return "" if content["secondLook"]["keptCentres"] else moved


def _alone(content: dict[str, Any]) -> str:
    return f"The {_accepted(content)} positions to which the network gave a score of at least {content['threshold']:g} were kept."


def _references(content: dict[str, Any]) -> list[str]:
    """What was done with what the user knew; runs of earlier versions did not write it."""
    trained = content["threshold"] is not None and not _was_given(content) and not _voted(content)
    rules = {"positive": ("particles", "learned with label 1 and ", "always"),
             "negative": ("something else", "learned with label 0 and ", "never")}
    return [f"Positions known to be {what} were {learned * trained}{when} kept."
            for kind, (what, learned, when) in rules.items() if content.get("references", {}).get(kind)]


def _was_given(content: dict[str, Any]) -> bool:
    """Whether the network is an earlier run's, as it was."""
    return content["parameters"]["modelType"] == "Existing" and content["parameters"]["skipTraining"]


def _accepted(content: dict[str, Any]) -> int:
    return sum(tomogram["accepted"] for tomogram in content["tomograms"].values())


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' * (number != 1)}"
