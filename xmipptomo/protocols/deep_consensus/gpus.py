"""Part of the deep consensus protocol: the network on the GPUs of the form, or on the CPU where they cannot be used."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pyworkflow.utils import cleanPath

from ...constants import NETWORK_PROGRAM
from ..shared.checked_form import GPU_FIELD
from . import commands

logger = logging.getLogger(__name__)


class NetworkOnGpus:
    """Runs the network's program. The protocol is a ProgramSteps, and defines `_files`."""

    def gpuStep(self, _: str):
        """Try the GPUs of the form before anything is computed, so that the user knows early if the CPU will be used instead."""
        cleanPath(self._files().without_gpu)  # another choice of GPUs
        if gpus := self._gpus():
            with self._cpuInstead():
                self._runProgram(NETWORK_PROGRAM, commands.devices_arguments(gpus), job="gpus")

    def _labelsOfOptions(self) -> dict[str, str]:
        return {**super()._labelsOfOptions(), "--gpus": GPU_FIELD}  # its parameter is hidden: Scipion gives it no label

    def _gpus(self) -> str:
        """Every GPU of the form, '0,1'; '' for the CPU, also where the GPUs of the form could not be used, and for voting.

        Training runs alone, so it takes all of them; %(GPU)s would give it the share of one Scipion thread only.
        """
        if not self.useGpu or self.doVoting or os.path.exists(self._files().without_gpu):
            return ""
        return ",".join(str(gpu) for gpu in self.getExecutor().gpuList or [])

    def _runNetwork(self, arguments: Callable[[str], commands.Arguments], job: str) -> None:
        """Run the network's program with `arguments(gpus)`: on the GPUs of the form, or on the CPU where they cannot be used.

        They may have become full since gpuStep, or a queue may have put this job on another machine.
        """
        if gpus := self._gpus():
            with self._cpuInstead():
                self._runProgram(NETWORK_PROGRAM, arguments(gpus), job=job)
                return
        self._runProgram(NETWORK_PROGRAM, arguments(""), job=job)

    @contextmanager
    def _cpuInstead(self) -> Iterator[None]:
        """Go on where the program refuses the GPUs, and keep why: 0 is the form's default, and nobody may have asked for it."""
        try:
            yield
        except RuntimeError as error:
            if not str(error).startswith(GPU_FIELD):
                raise
            why = str(error).partition("; or leave out")[0]  # the rest is for the terminal
            Path(self._files().without_gpu).write_text(why, encoding="utf-8")
            logger.warning("The CPU works instead of the GPU: %s", why)
