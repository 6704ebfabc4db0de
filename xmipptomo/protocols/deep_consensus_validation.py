"""What is wrong with the form, before anything is computed: every message names the field and the way out."""

from __future__ import annotations

import os
import re

from pwem.protocols import EMProtocol
from tomo.objects import SetOfCoordinates3D, SetOfTomograms

from deep_consensus_tomo.picks import same_sampling_rate

from ..constants import MODEL_EXISTING, MODEL_SUFFIXES, SYMMETRY_NAMES
from .deep_consensus_form import LIMITS
from .deep_consensus_inputs import InputSets
from .form_checks import limit_errors


def validation_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    """Errors of the whole form; empty if it can run."""
    errors = limit_errors(protocol, LIMITS) + _symmetry_errors(protocol) + _model_errors(protocol)
    fields = {"Input coordinates": inputs.pickers, "Positive references": inputs.truth, "Negative references": inputs.lies}
    for field, sets in fields.items():
        for number, coordinates in enumerate(sets, start=1):
            errors += [f"*{field}*, set {number}: {error}" for error in set_errors(coordinates)]
        errors += _repeated(field, sets)
    errors += _contradictory(inputs)
    return errors + _agreement_errors(protocol, inputs)


def set_errors(coordinates: SetOfCoordinates3D) -> list[str]:
    """What makes one set unusable."""
    if not coordinates.getSize():
        return ["it is empty; remove it from the list."]
    tomograms = coordinates.getPrecedents()
    if not isinstance(tomograms, SetOfTomograms):
        return ["its tomograms cannot be found; choose coordinates that were picked in tomograms."]
    errors = []
    rate, box_size = coordinates.getSamplingRate(), coordinates.getBoxSize()
    if not rate or rate <= 0:
        errors.append("it has no sampling rate; import it again with one.")
    elif not same_sampling_rate(rate, tomograms.getSamplingRate()):
        errors.append(f"it says {rate:g} Å/voxel but its tomograms {tomograms.getSamplingRate():g} Å/voxel; bring it to its "
                      "tomograms with 'extract 3D coordinates'.")
    if not box_size or box_size <= 0:
        errors.append("it has no box size; set one when importing or picking.")
    return errors


def _repeated(field: str, sets: list[SetOfCoordinates3D]) -> list[str]:
    names = [coordinates.getFileName() for coordinates in sets]
    return [f"*{field}*: set {i + 1} is the same as set {names.index(name) + 1}; a set agrees with itself everywhere: remove it."
            for i, name in enumerate(names) if names.index(name) < i]


def _contradictory(inputs: InputSets) -> list[str]:
    shared = {s.getFileName() for s in inputs.truth} & {s.getFileName() for s in inputs.lies}
    return ["*Negative references*: a set is also given as *Positive references*; remove it from one of them."] if shared else []


def _agreement_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    pickers = len({coordinates.getFileName() for coordinates in inputs.pickers})
    scores_only = not protocol.doVoting and protocol.modelType == MODEL_EXISTING and protocol.skipTraining
    if pickers < 2:
        return [] if scores_only and pickers else [
            f"*Input coordinates*: a consensus takes at least two different sets, received {pickers}; add the set of another "
            "picker (with *Model* Existing and *Skip training?* one is enough)."]
    name = "votingAgreement" if protocol.doVoting else "minPickers"
    number = protocol.getAttributeValue(name)
    if number is None or number <= pickers or scores_only or (inputs.truth and not protocol.doVoting):
        return []
    return [f"*{protocol.getParam(name).label.get()}* is {number}, but only {pickers} sets are given: nothing could be accepted; "
            f"lower it to {pickers} or fewer."]


def _symmetry_errors(protocol: EMProtocol) -> list[str]:
    name = protocol.symmetry.get() or ""
    if re.fullmatch(SYMMETRY_NAMES, name, re.IGNORECASE):
        return []
    return [f"*Symmetry* must be c1, c2, c3..., d2, d3..., t, o, i1 or i2, received '{name}'."]


def _model_errors(protocol: EMProtocol) -> list[str]:
    if not protocol.evalParamCondition("modelFile"):
        return []
    path = (protocol.modelFile.get() or "").strip()
    if not path:
        return ["*Model file* cannot be EMPTY: choose the model of an earlier run, or *Model* New."]
    if not path.lower().endswith(MODEL_SUFFIXES):
        return [f"*Model file* must end in {' or '.join(MODEL_SUFFIXES)}, received {path}."]
    return [] if os.path.isfile(path) else [f"*Model file* does not exist: {path}."]


def validation_warnings(protocol: EMProtocol) -> list[str]:
    """What is allowed but probably not meant."""
    warnings = []
    if protocol.numberOfMpi.get() > 1:
        warnings.append("*MPI* is not used: tomograms are shared among Scipion threads.")
    if protocol.evalParamCondition("minPickers") and protocol.minPickers.get() == 1:
        warnings.append("*Pickers that must agree* is 1: every pick of every picker trains the network as a particle.")
    if protocol.evalParamCondition("noiseRadius") and protocol.noiseRadius.get() < 0.5:
        warnings.append("*Noise picking evasion radius* is below 0.5: noise may show parts of particles.")
    return warnings
