"""Networks on the GPUs of the form, or on the CPU where they cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pyworkflow.protocol import params
from pyworkflow.utils import cleanPath

from ...constants import NETWORK_PROGRAM
from .checked_form import GPU_FIELD
from .program_steps import Arguments

logger = logging.getLogger(__name__)


def define_gpus(form: params.Form, what: str) -> None:
    """The fields of the GPUs. what: sentences on what runs there."""
    form.addHidden(params.USE_GPU, params.BooleanParam, default=True, label="Use GPU for execution",
                   help=f"{what} With No, or if the GPUs cannot be used, the CPU does the work. The summary then says why the "
                        "GPUs were not used and how to get them.")
    form.addHidden(params.GPU_LIST, params.StringParam, default="0", label="Choose GPU IDs",
                   help="Numbers of the GPUs to use, as in nvidia-smi: 0, or 0,1, or 0-3. In a queue only the number of GPUs "
                        "counts. Training shares each batch among all these GPUs (mirrored strategy). The number of Scipion "
                        "threads does not matter here. More than one GPU helps only with large boxes and batches.")


def devices_arguments(gpus: str) -> Arguments:
    """Find out whether GPUs can be used."""
    return ["--mode", "devices", "--gpus", gpus]


class NetworkOnGpus:
    """Runs programs with networks. The protocol is a ProgramSteps; its `_files` has the path `without_gpu`."""

    _networkProgram = NETWORK_PROGRAM

    def gpuStep(self, _: str):
        """Try the GPUs of the form before anything is computed, so that the user knows early if the CPU will be used instead."""
        cleanPath(self._files().without_gpu)  # another choice of GPUs
        if gpus := self._gpus():
            with self._cpuInstead():
                self._runProgram(NETWORK_PROGRAM, devices_arguments(gpus), job="gpus")

    def _labelsOfOptions(self) -> dict[str, str]:
        return {**super()._labelsOfOptions(), "--gpus": GPU_FIELD}  # its parameter is hidden: Scipion gives it no label

    def _usesGpus(self) -> bool:
        """Whether the form asks for GPUs."""
        return bool(self.useGpu)

    def _gpus(self) -> str:
        """Every GPU of the form, '0,1'; '' for the CPU, also where the GPUs of the form could not be used.

        A step with a network runs alone, so it takes all of them; %(GPU)s would give it the share of one Scipion thread only.
        """
        if not self._usesGpus() or os.path.exists(self._files().without_gpu):
            return ""
        return ",".join(str(gpu) for gpu in self.getExecutor().gpuList or [])

    def _runNetwork(self, arguments: Callable[[str], Arguments], job: str, about: str = "", results: Sequence[str] = ()) -> None:
        """Run the network's program with `arguments(gpus)`: on the GPUs of the form, or on the CPU where they cannot be used.

        They may have become full since gpuStep, or a queue may have put this job on another machine.
        """
        if gpus := self._gpus():
            with self._cpuInstead():
                self._runProgram(self._networkProgram, arguments(gpus), job, about, results)
                return
        self._runProgram(self._networkProgram, arguments(""), job, about, results)

    def _gpuLines(self) -> list[str]:
        """What the summary says where the CPU worked instead."""
        without = Path(self._files().without_gpu)
        return [f"*CPU instead of GPU*: {without.read_text(encoding='utf-8')}"] if without.exists() else []

    @contextmanager
    def _cpuInstead(self) -> Iterator[None]:
        """Go on where the program refuses the GPUs, and keep why: 0 is the form's default, and nobody may have asked for it."""
        try:
            yield
        except RuntimeError as error:
            if not str(error).startswith(GPU_FIELD):
                raise
            why = str(error).partition("; or leave out")[0]  # the rest is for the terminal
            path = Path(self._files().without_gpu)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(why, encoding="utf-8")
            logger.warning("The CPU works instead of the GPU: %s", why)
