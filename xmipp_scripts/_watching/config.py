"""The options of watching."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tomo_particles.core.errors import InputError

from .._consensus_run.config import PipelineConfig
from .._shared.program import Program, require_positive

if TYPE_CHECKING:
    from tomo_particles.runs.watching import Rules

OPTIONS = (
    "--count",
    "--silence",
    "--settle",
    "--enough",
    "--patience",
    "--firstTomograms",
    "--firstAgreed",
    "--publishVotes",
    "--noFinal",
)
FINISH = "finish"  # a file of this name in the output folder ends all waiting
MOST_SECONDS = 5.0  # between two looks


@dataclass(frozen=True)
class WatchConfig:
    """count: number of tomograms that come; None: not known.  silence: minutes without anything new after which nothing more is
    waited for, 0: never.  settle: seconds.  patience: hours.  The rest as in `Rules`."""

    count: int | None = None
    silence: float = 60.0
    settle: float = 30.0
    enough: int | None = None
    patience: float = 2.0
    first_tomograms: int = 5
    first_agreed: int = 200
    publish_votes: bool = False
    final: bool = True

    def __post_init__(self) -> None:
        require_positive(self.settle, "--settle", "seconds")
        for value, option in ((self.count, "--count"), (self.first_tomograms, "--firstTomograms"), (self.enough, "--enough")):
            if value is not None:
                require_positive(value, option)
        for number, option in ((self.silence, "--silence"), (self.patience, "--patience"), (self.first_agreed, "--firstAgreed")):
            if not 0 <= number < float("inf"):
                raise InputError(f"{option}: must be 0 or more, received {number}")

    @property
    def between_looks(self) -> float:
        """Seconds from a look to the next: several within the time in which a file must not change."""
        return min(MOST_SECONDS, self.settle / 3)

    def rules(self, config: PipelineConfig, names: Sequence[str]) -> Rules:
        """The rules of the decisions. Raises InputError for options that do not fit those of the run."""
        from tomo_particles.runs.watching import GIVEN, LEARN, VOTE, Rules

        least = 1 if config.skip_training else 2
        if self.enough is not None and not least <= self.enough <= len(names):
            raise InputError(f"--enough: must be {least} to {len(names)}, the number of pickers, received {self.enough}")
        return Rules(
            tuple(names),
            VOTE if config.voting else GIVEN if config.skip_training else LEARN,
            self.enough,
            3600 * self.patience,
            self.settle,
            first_tomograms=self.first_tomograms,
            first_agreed=self.first_agreed,
            hold=not self.publish_votes,
            final=self.final,
        )


def define_options(program: Program) -> None:
    """Add the options to a program."""
    program.addParamsLine("== While tomograms and picks still arrive ==")
    program.addParamsLine(
        " [--watch] : the tomograms are one folder (or a pattern in quotes) that grows, each picker a folder or a file that "
        "grows. Accepted picks of each tomogram are appended to live/picks.csv in the output folder, once, as soon as a first "
        "network is trained; networks are trained again whenever the tomograms have doubled. live/monitor.html shows how it "
        "goes. At the end the whole run is done "
        f"once more with all tomograms. A file named {FINISH} in the output folder ends all waiting. After an interruption, "
        "start the same command again"
    )
    program.addParamsLine(" [--count <int>] : number of tomograms that will come; default: not known")
    program.addParamsLine(
        " [--silence <minutes=60>] : nothing more is waited for when nothing has come for so long; 0: wait until the end is "
        f"known by --count or by the file {FINISH}"
    )
    program.addParamsLine(" [--settle <seconds=30>] : a file that has not changed for so long is complete")
    program.addParamsLine(
        " [--enough <int>] : if so many pickers have a tomogram, the others are waited for --patience only; default: all pickers"
    )
    program.addParamsLine(" [--patience <hours=2>] : how long the other pickers are waited for with --enough; 0: for ever")
    program.addParamsLine(" [--firstTomograms <int=5>] : number of tomograms of the first training, at least")
    program.addParamsLine(" [--firstAgreed <int=200>] : number of picks on which pickers agree of the first training, at least")
    program.addParamsLine(
        " [--publishVotes] : before the first network, publish by votes; without it nothing is published before"
    )
    program.addParamsLine(" [--noFinal] : do not do the whole run once more at the end")


def read_options(program: Program) -> WatchConfig | None:
    """The values of the options; None without --watch."""
    if not program.checkParam("--watch"):
        if unused := [option for option in OPTIONS if option in program.given]:
            raise InputError(f"{unused[0]}: has no meaning without --watch; leave it out, or add --watch")
        return None
    source = program.getListParam("--tomograms")
    if len(source) != 1 or os.path.isfile(source[0]):
        raise InputError("--tomograms: with --watch give one folder, or a pattern in quotes ('folder/*.mrc')")
    if program.checkParam("--voting") and program.checkParam("--publishVotes"):
        raise InputError("--publishVotes: has no meaning with --voting; leave it out")
    return WatchConfig(
        count=program.integer("--count") if program.checkParam("--count") else None,
        silence=program.number("--silence"),
        settle=program.number("--settle"),
        enough=program.integer("--enough") if program.checkParam("--enough") else None,
        patience=program.number("--patience"),
        first_tomograms=program.integer("--firstTomograms"),
        first_agreed=program.integer("--firstAgreed"),
        publish_votes=program.checkParam("--publishVotes"),
        final=not program.checkParam("--noFinal"),
    )
