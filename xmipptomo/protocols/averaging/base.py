"""What the protocols share that average coordinates: the particle on the form, the tilts of the tomograms, what cannot work."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pwem.protocols import EMProtocol
from pyworkflow import BETA
from pyworkflow.protocol import params
from tomo.objects import SetOfCoordinates3D, Tomogram
from tomo.protocols import ProtTomoBase

from tomo_particles.core.errors import listed
from tomo_particles.core.files import written_aside

from ...constants import AVERAGED_BOX, LEAST_DETAILS, LEAST_FOR_HALVES, LEAST_PICKS, TILTS
from ...convert import tilts_of, tomogram_of
from ...files import AveragingFiles
from ..shared.checked_form import OptionalFloatParam
from ..shared.form_checks import averaged_box, limit_errors, symmetry_errors
from ..shared.program_steps import ProgramSteps
from ..shared.sets import link_tomogram, set_errors
from .commands import AveragingOptions

LIMITS = {"diameter": (0, None, False), "lowPass": (0, None, False), "randomSeed": (0, None, True),
          "numberOfThreads": (1, None, True)}
PARAMS = ("diameter", "symmetry", "lowPass", "bright", "randomSeed")


class AveragingProtocol(ProgramSteps, EMProtocol, ProtTomoBase):
    """A protocol whose program averages; the class defines its inputs, its outputs and which program it runs."""

    _devStatus = BETA
    _optionFields = {"--diameter": "diameter", "--tilts": "firstTilt", "--symmetry": "symmetry", "--lowpass": "lowPass",
                     "--seed": "randomSeed"}

    # ---- what each of them defines
    def _inputSets(self) -> Sequence[SetOfCoordinates3D]:
        """What is averaged; the tomograms are those of the first set."""
        raise NotImplementedError

    # ---- form
    def _defineParticle(self, form: params.Form) -> None:
        form.addParam("diameter", params.FloatParam, default=250.0, label="Particle diameter (Å)", important=True,
                      allowsPointers=True,  # to that of a consensus, in the templates
                      help=f"Largest extent of the particle. The box of the average has {AVERAGED_BOX:g} diameters. In a "
                           "template the value is that of another run, such as _deep consensus.diameter_: change it there, or "
                           "type a number here.")
        ends = (("firstTilt", "First", "smallest", TILTS[0]), ("lastTilt", "Last", "largest", TILTS[1]))
        for name, which, extreme, usual in ends:
            form.addParam(name, OptionalFloatParam, label=f"{which} tilt (degrees, optional)",
                          help=f"{which} tilt of the tilt series about the y axis of the tomogram, in degrees: the {extreme} "
                               "angle. Both define the missing wedge. Empty: as each tomogram says (its acquisition), or "
                               f"{usual:g} if it does not say it; the summary then says so.")
        form.addParam("symmetry", params.StringParam, default="c1", label="Symmetry",
                      help="Symmetry of the particle: c1 for none, c2, c3..., d2, d3..., t, o, i1 or i2, with the axes of Xmipp "
                           "and RELION. A wrong symmetry is not detected: average with c1 as well, and compare.")
        form.addParam("lowPass", params.FloatParam, default=60.0, label="First low-pass filter (Å)",
                      help="Resolution of the first rounds. Later rounds are as fine as the halves agree. If a small particle "
                           "becomes a ball, lower it to about a quarter of the diameter.")
        form.addParam("bright", params.BooleanParam, default=False, label="Are particles bright?",
                      help="Proteins are usually dark in tomograms. Choose Yes if the contrast of the tomograms is inverted.")
        form.addParam("randomSeed", params.IntParam, default=1, label="Random seed", expertLevel=params.LEVEL_ADVANCED,
                      help="Seed of the random start. The same seed gives the same average.")

    # ---- steps
    def _files(self) -> AveragingFiles:
        return AveragingFiles(self._getExtraPath())

    def _values(self, names: Sequence[str]) -> dict[str, Any]:
        """Parameters that the result depends on, with the tilts that the tomograms have."""
        tilts = {ts_id: self._tiltsOf(tomogram) for ts_id, tomogram in self._tomograms().items()}
        return {"tilts": tilts, **{name: self.getAttributeValue(name) for name in (*PARAMS, *names)}}

    def _tomograms(self) -> dict[str, Tomogram]:
        """The tomograms of the first set that have any picks, by tilt-series id."""
        tomograms = self._inputSets()[0].getPrecedents()
        picked = {ts_id for coordinates in self._inputSets() for ts_id in coordinates.getTSIds()}
        return {ts_id: tomogram_of(tomograms, ts_id) for ts_id in sorted(tomograms.getTSIds()) if ts_id in picked}

    def _tiltsOf(self, tomogram: Tomogram) -> tuple[float, float]:
        """First and last tilt of a tomogram: of the form, else its own, else those of most tilt series."""
        form, own = (self.firstTilt.get(), self.lastTilt.get()), tilts_of(tomogram) or TILTS
        return own[0] if form[0] is None else form[0], own[1] if form[1] is None else form[1]

    def _options(self) -> AveragingOptions:
        """Link the tomograms, and say how to average."""
        tomograms = self._tomograms()
        return AveragingOptions(
            tomograms=[link_tomogram(tomogram, self._files().tomogram(ts_id)) for ts_id, tomogram in tomograms.items()],
            rate=self._inputSets()[0].getSamplingRate(),
            tilts=[self._tiltsOf(tomogram) for tomogram in tomograms.values()],
            diameter=self.diameter.get(), symmetry=self.symmetry.get(), lowpass=self.lowPass.get(), bright=self.bright.get(),
            threads=self.numberOfThreads.get(), seed=self.randomSeed.get())

    def _writeNotes(self, lines: Sequence[str]) -> None:
        """Keep for the summary what the program does not know."""
        with written_aside(self._files().notes) as aside:
            Path(aside).write_text("\n".join([*self._assumed(), *lines]), encoding="utf-8")

    def _assumed(self) -> list[str]:
        """A line for the tomograms of which nothing says a tilt."""
        ends = [usual for usual, given in zip(TILTS, (self.firstTilt.get(), self.lastTilt.get()), strict=True) if given is None]
        unknown = [ts_id for ts_id, tomogram in self._tomograms().items() if tilts_of(tomogram) is None]
        if not (ends and unknown):
            return []
        assumed = " to ".join(f"{end:g}" for end in ends)
        return [f"No tilt range is known of {listed(unknown, quote='')}: {assumed} degrees assumed."]

    # ---- information
    def _summaryContent(self) -> dict | None:
        """What the program says of its result; None before it has finished."""
        path = Path(self._files().summary)
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None

    def _notes(self, content: Mapping[str, Any]) -> list[str]:
        path = Path(self._files().notes)
        return [*(path.read_text(encoding="utf-8").splitlines() if path.exists() else []), *content["notes"]]

    def _validate(self):
        errors = limit_errors(self, LIMITS) + symmetry_errors(self)
        errors += self._setErrors()
        return errors or ([*self._particleErrors(), *self._tiltErrors()] if self._inputSets() else [])

    def _setErrors(self) -> list[str]:
        """What is wrong with the sets themselves."""
        raise NotImplementedError

    def _particleErrors(self) -> list[str]:
        diameter, lowpass = self.diameter.get(), self.lowPass.get()
        first = self._inputSets()[0]
        rate, size = first.getSamplingRate(), first.getPrecedents().getDim()  # from the set: no file is opened here
        errors = []
        if lowpass < 3 * rate:
            errors.append(f"*First low-pass filter (Å)* is {lowpass:g}, but the tomograms have voxels of {rate:g} Å; a search "
                          f"needs {3 * rate:g} Å or more.")
        if diameter < LEAST_DETAILS * lowpass:
            errors.append(f"*First low-pass filter (Å)*: at {lowpass:g} Å a particle of {diameter:g} Å is a ball without a "
                          f"direction; lower it to {diameter / 2:.0f} or less, or correct the diameter.")
        box = averaged_box(diameter, rate)
        if size and box > min(size):
            errors.append(f"*Particle diameter (Å)*: a box for {diameter:g} Å has {box} voxels and does not fit in a tomogram of "
                          f"{' x '.join(map(str, size))} voxels of {rate:g} Å; lower it.")
        return errors

    def _tiltErrors(self) -> list[str]:
        for ts_id, tomogram in self._tomograms().items():
            first, last = self._tiltsOf(tomogram)
            if not -90 <= first < last <= 90:
                return ["*Last tilt (degrees)* must lie between -90 and 90, as *First tilt (degrees)*, and above it; tomogram "
                        f"'{ts_id}' would get {first:g} to {last:g}."]
        return []

    def _warnings(self):
        return self._assumed() if self._inputSets() and not self._validate() else []


def few_errors(coordinates: SetOfCoordinates3D) -> list[str]:
    """What makes a set unusable for an average."""
    errors = set_errors(coordinates)
    if not errors and coordinates.getSize() < LEAST_PICKS:
        return [f"it has {coordinates.getSize()} coordinates, and an average needs {LEAST_PICKS} or more."]
    return errors


def few_warnings(coordinates: SetOfCoordinates3D) -> list[str]:
    """What a set is too small for."""
    if coordinates.getSize() >= LEAST_FOR_HALVES:
        return []
    return [f"it has {coordinates.getSize()} coordinates, fewer than {LEAST_FOR_HALVES}: there are no halves, and nothing says "
            "whether the average is right."]
