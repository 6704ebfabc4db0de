"""What all programs share: Xmipp's option parser with one-line errors and true exit codes."""

from __future__ import annotations

import os
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from tomo_particles.core.errors import GreyValuesError, InputError, one_line, parameter
from tomo_particles.core.files import remove_unfinished, written_aside

from . import progress
from .output_folder import OutputFolder, Written, expect
from .parser import Parser

EXIT_INPUT_ERROR = 2
Place = Literal["file", "folder", "base"]  # what an output option names; base: the beginning of the names of several files
_OPTION = re.compile(r"^\s*(?P<optional>\[)?\s*(?P<name>--?[A-Za-z]\w*)")


class Program(Parser):
    """A program whose user errors are one line on stderr and exit code 2, never a traceback or an abort."""

    name = ""
    parameters: Mapping[str, str] = {}  # option of a parameter whose neutral name (of `InputError`) is not the option's
    renamed_options: Mapping[str, str] = {}  # option of before: its name now
    outputs: Mapping[str, Place] = {}  # options that name what the program writes
    written: Written | None = None  # into the folder of the first of the outputs
    goes_on = False  # whether the same command goes on after an interruption
    replacing = ""  # the option by which a user asks to replace what is there, if there is one

    def __init__(self) -> None:
        super().__init__()
        self._required: set[str] = set()
        self._known = {"--help", "-h", "--more", "--xmipp_write_definition", "--xmipp_write_wiki", "--xmipp_write_autocomplete"}
        self._values: dict[str, tuple[int, float]] = {}  # least and most values of an option
        self._may_be_empty: set[str] = set()
        self._choices: dict[str, list[str]] = {}  # values an option may have, where it names them
        self.given: dict[str, list[str]] = {}  # the values of each option of the command line
        self._replaced: list[str] = []  # output files that exist already

    def addParamsLine(self, line: str) -> None:
        """As Xmipp's, and remember the option: its parser aborts the process over a wrong command line."""
        found = _OPTION.match(line)
        if found:
            name, values = found["name"], re.findall(r"<[^>]*>", line.split(" : ")[0])
            self._known.add(name)
            if not found["optional"]:
                self._required.add(name)
            least = sum("=" not in value for value in values)
            if '=""' in line:
                self._may_be_empty.add(name)
            self._values[name] = (least, float("inf") if "<...>" in values else len(values))
        elif line.strip().startswith("where <"):
            self._choices[list(self._values)[-1]] = []
        elif self._choices and (choice := re.match(r"\s+(\w+) : ", line)):
            self._choices[list(self._values)[-1]].append(choice[1])
        super().addParamsLine(line)

    def _check_command_line(self, arguments: list[str]) -> None:
        see = f"see {self.name} --help"
        given: dict[str, list[str]] = {}
        name = ""
        for argument in arguments:
            if not re.match(r"--?[A-Za-z]", argument):
                given.setdefault(name, []).append(argument)
                continue
            name = argument
            if name not in self._known:
                now = self.renamed_options.get(name)
                hint = f"a file of that name is given as ./{name}; " if os.path.exists(name) else ""
                raise InputError(f"option {name} is now called {now}" if now else f"unknown option {name}; {hint}{see}")
            if name in given:
                raise InputError(f"option {name} is given twice; give it once")
            given[name] = []
        if "" in given:
            raise InputError(f"'{given[''][0]}' stands before any option; {see}")
        missing = sorted(self._required - set(given))
        if missing and arguments and not {"--help", "-h", "--more"} & set(given):
            raise InputError(f"option {missing[0]} is required; {see}")
        for name, values in given.items():
            self._check_values(name, values, see)
        self.given = given
        for name in set(self.outputs) & set(given):
            for path in given[name]:
                self._check_output(path, name)

    def _check_output(self, path: str, option: str) -> None:
        """Refuse an output that cannot be written, or that would replace what the program reads."""
        require_place(path, option, self.outputs[option])
        for name in set(self.outputs) & set(self.given) - {option}:
            if os.path.abspath(path) in map(os.path.abspath, self.given[name]):
                raise InputError(f"{option}: '{path}' is also the output of {name}; choose another name for one of them")
        if self.outputs[option] != "file" or not os.path.isfile(path):
            return
        self._replaced += [path] * (self.replacing not in self.given)
        for name, values in self.given.items():
            if name != option and any(os.path.isfile(value) and os.path.samefile(value, path) for value in values):
                raise InputError(f"{option}: '{path}' is also the file of {name}, which would be lost; choose another name")

    def _check_folder(self) -> None:
        """Refuse to replace what others wrote into the output folder."""
        option = next(iter(self.outputs), "")
        if self.written and option in self.given:
            folder = OutputFolder(Path(self.given[option][0]), self.name, self.written, self.given)
            folder.refuse_foreign(option)
            expect(folder)

    def _check_values(self, name: str, values: list[str], see: str) -> None:
        found: tuple[float, float] = self._values.get(name, (0, float("inf")))
        least, most = found
        least = most if 1 < most < float("inf") else least  # two values of three must not be filled up with a default
        if not least <= len(values) <= most:
            expected = f"{least} or more" if most == float("inf") else str(least) if least == most else f"{least} to {most}"
            raise InputError(f"{name}: expected {expected} value{'' if expected == '1' else 's'}, received {len(values)}; {see}")
        if "" in map(str.strip, values) and name not in self._may_be_empty:
            raise InputError(f"{name}: received an empty value; give one, or leave the option out")
        choices = self._choices.get(name, values)
        if wrong := [value for value in values if value not in choices]:
            raise InputError(f"{name}: must be one of {', '.join(choices)}, received '{wrong[0]}'")

    def define(self) -> None:
        """Add what this program has, and what every program has."""
        self.defineParams()
        self.addParamsLine("== What is printed ==")
        self.addParamsLine(
            " [--quiet] : show no progress: no bars on a terminal, and elsewhere no line for each tomogram or epoch. Notes and "
            "results are still printed"
        )

    def defineParams(self) -> None:
        """Add the usage, the options and the examples."""
        raise NotImplementedError

    def readParams(self) -> None:
        """Read the options into the program's configuration."""
        raise NotImplementedError

    def run(self) -> None:
        """Do the work."""
        raise NotImplementedError

    def tryRun(self) -> int:
        """defineParams, read, readParams, run; returns the exit code."""
        try:
            self.define()
            self._check_command_line(sys.argv[1:])
            if self.parse([self.name, *sys.argv[1:]]):
                if self.checkParam("--quiet"):
                    progress.be_quiet()
                self.readParams()
                self._check_folder()
                self.run()
                progress.close()
                print_notes(f"'{path}' was there before and is replaced" for path in self._replaced)
        except InputError as error:
            self._fail(error.said(self.option_of))
            return EXIT_INPUT_ERROR
        except GreyValuesError as error:  # of a copy of a tomogram: nothing says of which
            self._fail(f"a tomogram {error}")
            return EXIT_INPUT_ERROR
        except MemoryError:
            self._fail("the memory of this machine is used up; give fewer or smaller files")
            return EXIT_INPUT_ERROR
        except OSError as error:  # no right to write, disk full, a file where a folder should be
            named = f": '{error.filename}'" if error.filename else ""
            self._fail(f"{error.strerror or error}{named}")
            return EXIT_INPUT_ERROR
        finally:
            progress.close()
        return 0

    def _fail(self, why: str) -> None:
        progress.close()
        print(one_line(f"{self.name}: error: {why}"), file=sys.stderr)

    def option_of(self, parameter: str) -> str | None:
        """The option that sets a parameter: --boxsize for box_size; None if the program has none."""
        same = (option for option in self._values if option.lstrip("-").lower() == parameter.replace("_", ""))
        return self.parameters.get(parameter) or next(same, None)

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
        return self.getListParam(option) if self.checkParam(option) else []


def say(*lines: str) -> None:
    """Print lines, whatever names are in them."""
    progress.write("\n".join(map(one_line, lines)))


def say_result(*lines: str) -> None:
    """Print what the work gave, below the bars."""
    progress.close()
    say(*lines)


def print_notes(notes: Iterable[str]) -> None:
    """Tell the user what was met on the way, a line each."""
    for note in map(one_line, notes):
        say(f"note: {note}")
        for kept in _kept:
            kept.append(note)


_kept: list[list[str]] = []


@contextmanager
def notes_in_file(path: str | None) -> Iterator[None]:
    """Write the notes that are printed in the block to a text file, a line each; to none if there is no path."""
    notes: list[str] = []
    _kept.append(notes)
    try:
        yield
    finally:
        _kept.pop()
    if path:
        with written_aside(path) as aside:
            aside.write_text("".join(f"{note}\n" for note in notes), encoding="utf-8")


def require_place(path: str, option: str, place: Place) -> None:
    """Raise InputError where a file, a folder, or files whose names begin with the path, cannot be written."""
    if place == "file" and os.path.isdir(path):
        raise InputError(f"{option}: '{path}' is a folder; give the name of a file")
    folder = Path(path) if place == "folder" else Path(path).parent
    there = next(one for one in (folder, *folder.parents) if os.path.lexists(one))
    if not there.is_dir():
        raise InputError(f"{option}: '{there}' is no folder; choose another place")
    try:  # the rights alone do not say it: a disk may be read-only, full, or refuse root
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        reason = f"nothing can be written in the folder '{there}' ({error.strerror})"
        raise InputError(f"{option}: {reason}; choose another place") from error


def require_positive(value: float, option: str, unit: str = "") -> float:
    """The value if it is positive and finite, else InputError naming the option."""
    if not (value > 0 and value < float("inf")):
        raise InputError(f"{option}: must be positive{' (' + unit + ')' if unit else ''}, received {value}")
    return value


def require_box_size(box_size: int) -> int:
    """The box size if it is even and at least 8 voxels, else InputError."""
    if box_size < 8 or box_size % 2:
        way_out = f"try {box_size + 1}" if box_size > 8 else "a box holds the particle and some surroundings"
        raise InputError(
            f"{parameter('box_size')}: box size must be an even number of voxels, 8 or more, received {box_size}; {way_out}"
        )
    return box_size


def _stop_in_one_line(program: Program) -> None:
    """Let Ctrl-C and SIGTERM end the process at once, with one line: threads at work would otherwise be waited for.

    Nothing half-written stays; the exit code is 128 + the number of the signal, as shells have it.
    """

    def stop(number: int, _: object) -> None:
        remove_unfinished()
        progress.abandon()
        said = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        kept = "what is finished is kept, start the same command again"
        told = kept if program.goes_on else "nothing half-written stays; the same command begins anew"
        os.write(2, f"{program.name}: stopped by {said}; {told}\n".encode())
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)


def run(program: type[Program]) -> int:
    """Entry point of a console script: the exit code of the program."""
    command = program()
    _stop_in_one_line(command)
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # `network.start_up` keeps back what ignores this
    if not sys.stdout.isatty():
        os.environ.setdefault("XMIPP_COLOR_OFF", "1")  # Xmipp's parser writes --help: no colour codes into files and pipes
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr] # a log must show progress as it happens
    return command.tryRun()
