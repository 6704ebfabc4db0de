"""What is wrong with the form, before anything is computed: every message names the field and the way out."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable

import numpy as np
from pwem.protocols import EMProtocol
from tomo.objects import SetOfCoordinates3D

from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.errors import InputError, listed
from tomo_particles.learning.tuned_settings import read_settings

from ...constants import LEAST_VOXELS, MODEL_EXISTING, MODEL_SUFFIXES, NETWORKS
from ..shared.form_checks import averaged_box, limit_errors, symmetry_errors
from ..shared.sets import set_errors
from .form import EXTRACT_FROM, LIMITS
from .inputs import InputSets
from .second_look import HALF_BOX, box_notes
from .training import SETTINGS_FILE, settings_file


def validation_errors(protocol: EMProtocol, inputs: InputSets, growing: bool = False) -> list[str]:
    """Errors of the whole form; empty if it can run. growing: whether more tomograms come, so that nothing follows from those of
    now."""
    errors = limit_errors(protocol, LIMITS) + symmetry_errors(protocol) + _model_errors(protocol) + _settings_errors(protocol)
    fields = {"Input coordinates": inputs.pickers, "Positive references": inputs.positive_references,
              "Negative references": inputs.negative_references, "Derived pickers": inputs.derived}
    for field, sets in fields.items():
        may_come = growing and sets is inputs.pickers
        for number, coordinates in enumerate(sets, start=1):
            errors += [f"*{field}*, set {number}: {error}" for error in set_errors(coordinates, may_come)]
        errors += _repeated(field, sets)
    errors += _contradictory(inputs) + _derived_errors(inputs) + _mask_errors(protocol, inputs)
    errors += _agreement_errors(protocol, inputs)
    errors += _tilt_errors(protocol)
    if errors:  # what follows reads the sets
        return errors
    of_now = [] if growing else [*_version_errors(inputs), *_unshared_errors(protocol, inputs)]
    return [*of_now, *_box_errors(protocol, inputs), *_diameter_errors(protocol, inputs), *_fit_errors(protocol, inputs)]


def _repeated(field: str, sets: list[SetOfCoordinates3D]) -> list[str]:
    names = [coordinates.getFileName() for coordinates in sets]
    return [f"*{field}*: set {i + 1} is the same as set {names.index(name) + 1}; a set always agrees with itself; remove it."
            for i, name in enumerate(names) if names.index(name) < i]


def _contradictory(inputs: InputSets) -> list[str]:
    shared = {s.getFileName() for s in inputs.positive_references} & {s.getFileName() for s in inputs.negative_references}
    return ["*Negative references*: a set is also given as *Positive references*; remove it from one of them."] if shared else []


def _derived_errors(inputs: InputSets) -> list[str]:
    others = {s.getFileName() for s in (*inputs.pickers, *inputs.positive_references, *inputs.negative_references)}
    return [f"*Derived pickers*: set {number} is also given elsewhere on the form; it is no witness, remove it there."
            for number, coordinates in enumerate(inputs.derived, start=1) if coordinates.getFileName() in others]


def _mask_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    masks = protocol.regionMasks.get() if protocol.evalParamCondition("regionMasks") else None
    lacking = [] if masks is None else sorted(set(inputs.ts_ids()) - set(masks.getTSIds()))
    return [f"*Masks of regions* has no mask of {listed(lacking)}; make one of each, or leave the masks out."] * bool(lacking)


def _agreement_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    pickers = len({coordinates.getFileName() for coordinates in inputs.pickers})
    scores_only = _scores_only(protocol)
    if pickers < 2:  # Scipion itself says that there is none
        return [] if scores_only or not pickers else [
            f"*Input coordinates*: needs at least two different sets, received {pickers}; add the set of another "
            "picker (with *Model* Existing and *Skip training?* one is enough)."]
    name = "votingAgreement" if protocol.doVoting else "minPickers"
    number = protocol.getAttributeValue(name)
    if number is None or number <= pickers or scores_only or (inputs.positive_references and not protocol.doVoting):
        return []
    return [f"*{protocol.getParam(name).label.get()}* is {number}, but only {pickers} sets are given: no pick can be accepted; "
            f"lower it to {pickers} or fewer."]


def _scores_only(protocol: EMProtocol) -> bool:
    return not protocol.doVoting and protocol.modelType == MODEL_EXISTING and protocol.skipTraining


def _unshared_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    """Sets that have no tomogram in common cannot agree: ids that differ in writing, as a rule."""
    counts = Counter(ts_id for coordinates in inputs.pickers for ts_id in set(coordinates.getTSIds()))
    if max(counts.values(), default=0) > 1 or _scores_only(protocol) or (inputs.positive_references and not protocol.doVoting):
        return []
    sets = "; ".join(f"set {i} has {_ids(coordinates.getTSIds())}" for i, coordinates in enumerate(inputs.pickers, start=1))
    return [f"*Input coordinates*: no tomogram is in two of the sets, so no picks can agree: {sets}. The same tomogram "
            "must have the same tilt-series id: import the coordinates with one set of tomograms."]


def _missing_versions(inputs: InputSets) -> list[str]:
    """Ids of picked tomograms that the set to extract from does not have."""
    return [] if inputs.extract_from is None else sorted(set(inputs.ts_ids()) - set(inputs.extract_from.getTSIds()))


def _version_errors(inputs: InputSets) -> list[str]:
    missing = _missing_versions(inputs)
    if not missing or len(missing) < len(inputs.ts_ids()):
        return []  # a part of them is a warning
    given = _ids(inputs.extract_from.getTSIds())
    return [f"*{EXTRACT_FROM}*: none of them has a tilt-series id of the picks: the set has {given}, the picks have "
            f"{_ids(missing)}; choose a version of the same tomograms."]


def _version_warnings(inputs: InputSets) -> list[str]:
    missing = _missing_versions(inputs)
    return [f"*{EXTRACT_FROM}* do not have {_ids(missing)}: these tomograms are left out, with their picks."] * bool(missing)


def _ids(ts_ids: Iterable[str | None]) -> str:
    return listed(sorted(ts_id for ts_id in ts_ids if ts_id), quote="")


def _box_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    """A box that does not fit in a tomogram: no program takes it, and its unit is mistaken as a rule."""
    rate, box = _common_grid(protocol, inputs)
    sizes = [[n * tomograms.getSamplingRate() for n in size] for tomograms in inputs.image_sets()
             if (size := tomograms.getDim())]  # from the set: no file is opened while the user waits
    smallest = min(sizes, key=min, default=[np.inf])
    if rate * box <= min(smallest):
        return []
    return [f"*Box size*: the common box of {box} voxels of {rate:.4g} Å = {rate * box:.0f} Å does not fit in a tomogram of "
            f"{' x '.join(f'{side:.0f}' for side in smallest)} Å; correct the box size of the sets (it is in voxels), or choose "
            "*Smallest*."]


def _diameter_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    """A particle that does not fit in its box, or whose average does not fit in a tomogram. An empty field is half of the box."""
    if not protocol.evalParamCondition("diameter"):
        return []
    diameter = protocol.diameter.get()
    rate, box = _common_grid(protocol, inputs)
    if diameter is not None and not 0 < diameter <= rate * box:
        return [f"*Diameter (Å)* must be greater than 0 and at most the common box of {box} voxels of {rate:.4g} Å = "
                f"{rate * box:.0f} Å, received {diameter:g}; leave it empty for half of the box."]
    looked = HALF_BOX * rate * box if diameter is None else diameter
    for tomograms in inputs.image_sets():
        own, size = tomograms.getSamplingRate(), tomograms.getDim()  # from the set: no file is opened here
        if size and (edge := averaged_box(looked, own)) > min(size):
            return [f"*Diameter (Å)*: the average of a particle of {looked:g} Å needs a box of {edge} voxels, which does not "
                    f"fit in a tomogram of {' x '.join(map(str, size))} voxels of {own:.4g} Å; lower it."]
        if looked < LEAST_VOXELS * own:
            return [f"*Diameter (Å)*: a particle of {looked:g} Å has less than {LEAST_VOXELS} voxels of {own:.4g} Å; raise it, "
                    "or choose no second look."]
    return []


def _tilt_errors(protocol: EMProtocol) -> list[str]:
    """Tilts that are no rising pair of angles; an empty field is what the tomograms say."""
    if not protocol.evalParamCondition("firstTilt"):
        return []
    given = [value for value in (protocol.firstTilt.get(), protocol.lastTilt.get()) if value is not None]
    if all(-90 <= value <= 90 for value in given) and given == sorted(set(given)):
        return []
    return ["*First tilt (degrees)* and *Last tilt (degrees)* must lie between -90 and 90, the first below the last, received "
            f"{' and '.join(f'{value:g}' for value in given)}; leave them empty to take what the tomograms say."]


def _common_grid(protocol: EMProtocol, inputs: InputSets) -> tuple[float, int]:
    return inputs.common_grid(protocol.samplingRateChoice.get(), protocol.boxSizeChoice.get())


def _fit_errors(protocol: EMProtocol, inputs: InputSets) -> list[str]:
    """A model of other boxes, or a file that is no model."""
    if not protocol.evalParamCondition("modelFile"):
        return []
    from tomo_particles.learning.model_files import read_model_texts

    path = protocol._modelFile()
    try:
        model = json.loads(read_model_texts(path, "*Model file*")[0])
        own_rate, own_box = float(model["sampling_rate"]), int(model["box_size"])
        own_network, own_folds = str(model["architecture"]), int(model["folds"])
    except InputError as error:
        return [str(error)]
    except (ValueError, KeyError, TypeError):
        return [f"*Model file*: '{path}' does not say what it was trained on; train a new model."]
    if not protocol.skipTraining and (own_network, own_folds) != (NETWORKS[protocol.network.get()], protocol.folds.get()):
        return [f"*Model file*: '{path}' has the network {own_network.capitalize()} in {own_folds} folds; to train it further, "
                "choose the same under *Network* and *Networks in the ensemble*, or train a new one."]
    rate, box = _common_grid(protocol, inputs)
    if box == own_box and same_sampling_rate(rate, own_rate):
        return []
    return [f"*Model file*: '{path}' was trained on boxes of {own_box} voxels at {own_rate:.4g} Å/voxel, the inputs have "
            f"{box} at {rate:.4g}; choose another *Box size* or *Sampling rate*, import the coordinates with the box of the "
            "model, or train a new one."]


def _model_errors(protocol: EMProtocol) -> list[str]:
    if not protocol.evalParamCondition("modelFile"):
        return []
    path = protocol._modelFile()
    if not path:
        return ["*Model file* cannot be EMPTY: choose the model of an earlier run, or *Model* New."]
    if not path.lower().endswith(MODEL_SUFFIXES):
        return [f"*Model file* must end in {' or '.join(MODEL_SUFFIXES)}, received {path}."]
    return [] if os.path.isfile(path) else [f"*Model file* does not exist: {path}."]


def _settings_errors(protocol: EMProtocol) -> list[str]:
    """A settings file that cannot be read."""
    try:
        if path := settings_file(protocol):
            read_settings(path, SETTINGS_FILE)
    except InputError as error:
        return [str(error)]
    return []


def validation_warnings(protocol: EMProtocol, inputs: InputSets, growing: bool = False) -> list[str]:
    """What is allowed but probably not meant. growing: as above."""
    warnings = []
    if protocol.evalParamCondition("minPickers") and protocol.minPickers.get() == 1:
        warnings.append("*Pickers that must agree* is 1: every pick of every picker trains the network as a particle.")
    if protocol.evalParamCondition("noiseRadius") and protocol.noiseRadius.get() < 0.5:
        warnings.append("*Noise picking evasion radius* is below 0.5: noise may show parts of particles.")
    if growing or not inputs.pickers or any(set_errors(coordinates) for coordinates in inputs.pickers):
        return warnings  # sets that change, or of which validation says what is wrong
    return warnings + box_notes(protocol, *_common_grid(protocol, inputs)) + _version_warnings(inputs) + _lonely_warnings(inputs)


def _lonely_warnings(inputs: InputSets) -> list[str]:
    """Sets that share no tomogram with any other."""
    ids = [set(coordinates.getTSIds()) for coordinates in inputs.pickers]
    warnings = []
    for number, own in enumerate(ids, start=1):
        others = set().union(*(other for i, other in enumerate(ids, start=1) if i != number))
        if others and not own & others:
            warnings.append(f"*Input coordinates*, set {number} shares no tomogram with the others: it has {_ids(own)}, they "
                            f"have {_ids(others)}. No other picker can agree with it.")
    return warnings
