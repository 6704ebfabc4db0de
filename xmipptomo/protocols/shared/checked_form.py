"""What all protocols share: a form that is checked field by field, then as a whole, in the window and again when it runs; one
process for each run; steps that can be read after a kill."""

from __future__ import annotations

import math
import os
import re
from typing import Any

from pyworkflow.exceptions import ValidationException
from pyworkflow.object import Float
from pyworkflow.protocol import Protocol, params

from .one_process import end_older_processes

FIELD_OF_RUN = r"\d+\.[A-Za-z]\w*"
GPU_FIELD = "*GPU IDs*"  # as Scipion's window calls the list of GPUs, whatever label its parameter has


class _Number(Float):
    """A number that may be empty. Words become NaN: Scipion's window would take them for an empty field, without a message.

    A field of another run, as '3.diameter' in a workflow template, is refused: Scipion then makes a pointer of it.
    """

    def getClassName(self) -> str:
        return "Float"  # what a project stores, and finds again

    def _convertValue(self, value: Any) -> float:
        try:
            return float(value)
        except ValueError:
            if re.fullmatch(FIELD_OF_RUN, value):
                raise
            return math.nan


class OptionalFloatParam(params.FloatParam):
    """A field for a number that may be empty."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allowsNull=True, **kwargs)
        self.paramClass = _Number


class CheckedForm:
    """Part of a protocol. `_validate` is asked only where each field by itself is right, so that it can rely on them."""

    def __init__(self, **kwargs: Any) -> None:
        """Keep the label and the comment that a workflow template gives: pyworkflow 3.11.7 forgets them (`Step.__init__`)."""
        super().__init__(**kwargs)
        if kwargs.get("objLabel"):
            self.setObjLabel(kwargs["objLabel"])
        if kwargs.get("objComment"):
            self.setObjComment(kwargs["objComment"])

    def validate(self) -> list[str]:
        """What is wrong with the form."""
        return self._fieldErrors() or super().validate()

    def _fieldErrors(self) -> list[str]:
        fields = [(name, param) for name, param in self.getDefinition().iterParams() if self.evalParamCondition(name)]
        errors = [f"*{field_name(param)}* {wrong}" for name, param in fields if (wrong := _wrong(getattr(self, name), param))]
        return errors + (gpu_errors(self) if self.allowsGpu() else [])

    def getGpuList(self) -> list[int]:
        """None where the text is no list: Scipion reads it before a run begins, and a run that ends there stays _launched_."""
        return [] if self.allowsGpu() and gpu_errors(self) else super().getGpuList()

    def _run(self) -> None:
        """Check the form where nobody pressed _Execute_: a template starts runs whose forms were never open."""
        if errors := self.validate():
            raise ValidationException("; ".join(errors))
        end_older_processes()
        if self._stepsOrNone() is None:
            os.remove(self.getStepsFile())
        super()._run()

    def loadSteps(self) -> list[Any]:
        """No steps where the table of a run cannot be read: it was killed while it wrote it, or writes it now."""
        return self._stepsOrNone() or []

    def _stepsOrNone(self) -> list[Any] | None:
        try:
            return list(super().loadSteps())
        except Exception:  # pyworkflow has no narrower one
            return None


def field_name(param: params.Param) -> str:
    """How messages call a field: its label, without what says that it may be empty."""
    return str(param.label.get()).replace(" (optional)", "").replace(", optional)", ")")


def _wrong(attribute: Any, param: params.Param) -> str:
    """What is wrong with the value of one field; '' if it is right."""
    if isinstance(param, params.MultiPointerParam):
        if param.allowsNull:
            return ""
        if any(pointer.get() is None for pointer in attribute):
            return "has an entry without data; remove it, or wait for its run."
        return "" if len(attribute) else "cannot be EMPTY: choose at least one."
    if isinstance(param, params.PointerParam):
        return "cannot be EMPTY: choose one." if attribute.get() is None and not param.allowsNull else ""
    if isinstance(param, params.IntParam | params.FloatParam):
        value = attribute.get()
        if isinstance(value, float) and not math.isfinite(value):
            return "must be a number, or empty." if isinstance(param, OptionalFloatParam) else "must be a number."
        if value is None and not isinstance(param, OptionalFloatParam):
            return f"must be a {'whole ' * isinstance(param, params.IntParam)}number."
    if isinstance(param, params.EnumParam) and not 0 <= attribute.get() < len(param.choices):
        return f"must be one of {', '.join(map(str, param.choices))}."
    return ""


def gpu_errors(protocol: Protocol) -> list[str]:
    """What is wrong with the list of GPUs. Scipion reads it even where no GPU is used."""
    text = (protocol.gpuList.get() or "").strip()
    ranges = [part.split("-") for part in re.split(r"[,\s]+", text)]
    if all(len(ends) <= 2 and all(end.isdecimal() for end in ends) and int(ends[0]) <= int(ends[-1]) for ends in ranges):
        return []
    return [f"{GPU_FIELD} must be numbers of GPUs, such as 0 or 0,1 or 0-3, received '{text}'."]
