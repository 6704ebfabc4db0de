"""Xmipp's parser of command lines, which writes --help too.

With the names of `XmippScript` of pyxmipp3, which is not used: it imports distutils, and by that setuptools, which took half of
the time that --help needs.
"""

from __future__ import annotations

import xmippLib


class Parser:
    """The options of a program: defined, then read from a command line."""

    def __init__(self) -> None:
        self._prog = xmippLib.Program(False)  # False: without arguments it writes the help and does not run

    def addUsageLine(self, line: str, verbatim: bool = False) -> None:
        """A paragraph of the help."""
        self._prog.addUsageLine(line, verbatim)

    def addParamsLine(self, line: str) -> None:
        """An option with its values and its explanation, in Xmipp's notation."""
        self._prog.addParamsLine(line)

    def addExampleLine(self, line: str, verbatim: bool = True) -> None:
        """A command line that users can copy."""
        self._prog.addExampleLine(line, verbatim)

    def parse(self, arguments: list[str]) -> bool:
        """Read the name of a program and its arguments; False if only help was asked for, which is then written."""
        return bool(self._prog.read(arguments))

    def checkParam(self, option: str) -> bool:
        """Whether an option is on the command line."""
        return bool(self._prog.checkParam(option))

    def getParam(self, option: str, index: int = 0) -> str:
        """A value of an option, or its default."""
        return str(self._prog.getParam(option, index))

    def getListParam(self, option: str) -> list[str]:
        """All values of an option."""
        return list(self._prog.getListParam(option))
