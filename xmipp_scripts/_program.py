"""What the five programs share: Xmipp's option parser with one-line errors and true exit codes."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable

from xmipp_script import XmippScript

from deep_consensus_tomo.errors import InputError

EXIT_INPUT_ERROR = 2
_OPTION = re.compile(r"^\s*(?P<optional>\[)?\s*(?P<name>--?[A-Za-z]\w*)")


class Program(XmippScript):
    """An XmippScript whose user errors are one line on stderr and exit code 2, never a traceback or an abort."""

    name = ""

    def __init__(self) -> None:
        super().__init__()
        self._required: set[str] = set()
        self._known = {"--help", "-h", "--more", "--xmipp_write_definition", "--xmipp_write_wiki", "--xmipp_write_autocomplete"}

    def addParamsLine(self, line: str) -> None:  # noqa: N802  the name is Xmipp's
        """As Xmipp's, and remember the option: its parser aborts the process over a wrong command line."""
        found = _OPTION.match(line)
        if found:
            self._known.add(found["name"])
            if not found["optional"]:
                self._required.add(found["name"])
        super().addParamsLine(line)

    def _check_command_line(self, arguments: list[str]) -> None:
        given = [a for a in arguments if re.match(r"--?[A-Za-z]", a)]
        unknown = [a for a in given if a not in self._known]
        if unknown:
            raise InputError(f"unknown option {unknown[0]}; see {self.name} --help")
        repeated = [a for a in given if given.count(a) > 1]
        if repeated:
            raise InputError(f"option {repeated[0]} is given twice; give it once")
        missing = sorted(self._required - set(given))
        if missing and arguments and not {"--help", "-h", "--more"} & set(given):
            raise InputError(f"option {missing[0]} is required; see {self.name} --help")

    def tryRun(self) -> int:  # noqa: N802
        """defineParams, read, readParams, run; returns the exit code."""
        try:
            self.defineParams()
            self._check_command_line(sys.argv[1:])
            if self._prog.read([self.name, *sys.argv[1:]]):
                self.readParams()
                self.run()
        except InputError as error:
            print(f"{self.name}: error: {error}", file=sys.stderr)
            return EXIT_INPUT_ERROR
        return 0

    # Reading values: a wrong one is refused by its option's name.
    def number(self, option: str, kind: Callable[[str], float] = float, index: int = 0) -> float:
        """The value of a numeric option. Raises InputError naming the option."""
        text = self.getParam(option, index)
        try:
            return kind(text)
        except ValueError as error:
            word = "a whole number" if kind is int else "a number"
            raise InputError(f"{option}: expected {word}, received '{text}'") from error

    def integer(self, option: str, index: int = 0) -> int:
        """The value of a whole-number option."""
        return int(self.number(option, int, index))

    def optional_path(self, option: str) -> str | None:
        """The path after an option, or None where it was not given."""
        return self.getParam(option) if self.checkParam(option) else None

    def optional_list(self, option: str) -> list[str]:
        """The values after an option, empty where it was not given."""
        return list(self.getListParam(option)) if self.checkParam(option) else []


def require_positive(value: float, option: str, unit: str = "") -> float:
    """The value if it is positive and finite, else InputError naming the option."""
    if not (value > 0 and value < float("inf")):
        raise InputError(f"{option}: must be positive{' (' + unit + ')' if unit else ''}, received {value}")
    return value


def require_box_size(box_size: int, option: str = "--boxsize") -> int:
    """The box size if it is even and at least 8 voxels, else InputError naming the option."""
    if box_size < 8 or box_size % 2:
        way_out = f"try {box_size + 1}" if box_size > 8 else "a box holds the particle and some surroundings"
        raise InputError(f"{option}: box size must be an even number of voxels, 8 or more, received {box_size}; {way_out}")
    return box_size


def run(program: type[Program]) -> int:
    """Entry point of a console script: the exit code of the program."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # keep TensorFlow's start-up notes out of the user's log
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  a log must show progress as it happens
    return program().tryRun()
