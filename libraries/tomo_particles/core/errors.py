"""Exceptions whose message is for the user at the form or the terminal, and how such a message lists names."""

import re
from collections.abc import Callable, Iterable

MOST_CHARACTERS = 4000  # of a message
_LONG_WORD = re.compile(r"\S{400,}")
_PARAMETER = re.compile("\0([a-z0-9_]+)\0")  # no name of a file holds a zero byte


def parameter(name: str) -> str:
    """A parameter within a message, by a neutral name such as `box_size`: `InputError.said` puts the option there."""
    return f"\0{name}\0"


def one_line(text: str) -> str:
    """A message of one line, whatever names and words of files it holds: line breaks as \\n, long words without their middle."""
    text = _LONG_WORD.sub(lambda word: f"{word[0][:150]}...{word[0][-150:]}", text)
    if len(text) > MOST_CHARACTERS:
        text = f"{text[: MOST_CHARACTERS // 2]} ... {text[-MOST_CHARACTERS // 2 :]}"
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


class InputError(ValueError):
    """Wrong input of the user: the message is one line that names the file, the parameter and the remedy.

    text: the message; it names parameters as `parameter(name)`, or as the caller called them.
    remedies: several remedies; a program leaves out those that name a parameter which it does not have.
    `str` of the error gives the neutral names.
    """

    def __init__(self, text: str, *remedies: str) -> None:
        super().__init__(text, *remedies)
        self.text = text
        self.remedies = remedies

    def __str__(self) -> str:
        return self._line(self.remedies, lambda name: None)

    def said(self, option_of: Callable[[str], str | None]) -> str:
        """The message with the options of a program; option_of: that of a parameter, None where there is none."""
        return self._line([way for way in self.remedies if all(map(option_of, _PARAMETER.findall(way)))], option_of)

    def _line(self, remedies: Iterable[str], option_of: Callable[[str], str | None]) -> str:
        line = "; ".join(filter(None, (self.text, ", or ".join(remedies))))
        return one_line(_PARAMETER.sub(lambda found: option_of(found[1]) or found[1].replace("_", " "), line))


NONE_IS_A_NUMBER = "holds no numbers, only NaN, infinite or huge voxels; reconstruct it again"


class GreyValuesError(ValueError):
    """A tomogram whose grey values cannot be computed with: `open_tomogram` says which.

    volume: its grey values as they were opened, where several tomograms may be open; None: those of the last one opened.
    reason: what is wrong with them, and the remedy.
    """

    def __init__(self, volume: object = None, reason: str = NONE_IS_A_NUMBER) -> None:
        super().__init__(reason)
        self.volume = volume


class NoPicksError(InputError):
    """A pick file without any pick: an error for a single file, common if a picker wrote one file per tomogram."""


def listed(names: Iterable[object], most: int = 4, quote: str = "'") -> str:
    """Names for a message: the first of them, and how many more there are."""
    every = [f"{quote}{name}{quote}" for name in names]
    return ", ".join(every[:most]) + (f" and {len(every) - most} more" if len(every) > most else "")
