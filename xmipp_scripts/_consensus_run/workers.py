"""The tomograms of a run prepared by several processes at the same time, on this machine or on others that see the same files."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from tomo_particles import __version__
from tomo_particles.core.errors import InputError, listed, one_line

from .._shared.program import Program, require_positive

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

    from .preparation import Preparation
    from .steps import Steps
    from .tomogram_info import TomogramInfo

WAIT = 60.0  # seconds for a scheduler to answer


@dataclass(frozen=True)
class Pool:
    """executor: of the processes.  threads: that each of the tomograms is prepared with, in order."""

    executor: Executor
    threads: Sequence[int]


@dataclass(frozen=True)
class Workers:
    """number: of processes on this machine, each with all threads; 0: as many as threads, if the memory is large enough.
    scheduler: address of one of Dask, whose workers take their place; or empty."""

    number: int = 0
    scheduler: str = ""

    @contextmanager
    def pool(self, tomograms: int, threads: int) -> Iterator[Pool | None]:
        """The processes for so many tomograms; None where nothing would be gained by them."""
        if self.scheduler:
            with _dask(self.scheduler) as executor:
                yield Pool(executor, [threads] * tomograms)
            return
        from .local_processes import as_many_as_fit, local_processes

        number = min(self.number, tomograms) if self.number else as_many_as_fit(min(threads, tomograms))
        each = [threads] * tomograms if self.number else shared(threads, number, tomograms)
        with local_processes(number) as processes:
            yield Pool(processes, each) if processes else None


HERE = Workers()


def shared(threads: int, processes: int, tomograms: int) -> list[int]:
    """The threads of each tomogram. In the last round some processes may have nothing to do: the others get their threads."""
    last = tomograms % processes
    return [threads // processes] * (tomograms - last) + [threads // max(last, 1)] * last


def define_workers(program: Program) -> None:
    """Add the options to a program."""
    program.addParamsLine("== Several tomograms at the same time ==")
    program.addParamsLine(
        " [--workers <int>] : prepare so many tomograms at the same time, each with --threads threads; default: as many as "
        "--threads, each with one, if the memory is large enough"
    )
    program.addParamsLine(
        " [--scheduler <address>] : prepare tomograms on the workers of this Dask scheduler, such as tcp://node1:8786. They must "
        "see the same files. Workers may come and go; the results are the same bytes"
    )


def read_workers(program: Program) -> Workers:
    """The values of the options."""
    both = [program.checkParam(option) for option in ("--workers", "--scheduler")]
    if all(both):
        raise InputError("--workers: has no meaning with --scheduler, which has workers of its own; leave one of them out")
    if both[0]:
        return Workers(int(require_positive(program.integer("--workers"), "--workers")))
    if not both[1]:
        return Workers()
    if find_spec("distributed") is None:
        remedy = "run pip install 'scipion-em-xmipptomo[cluster]', or leave --scheduler out"
        raise InputError(f"--scheduler: needs Dask, which is not installed; {remedy}")
    return Workers(scheduler=program.getParam("--scheduler"))


def prepare_elsewhere(
    pool: Pool,
    preparation: Preparation,
    tomograms: Sequence[TomogramInfo],
    picks: dict[str, list],
    steps: Steps,
    done: Callable[[str], None],
) -> set[str]:
    """Prepare tomograms by other processes and take what they did into the record; returns the ids of those that are prepared.

    What no process could finish is left to be done here: processes die, and a tomogram that cannot be prepared shall give the
    error that it gives here; after such a one no further tomogram is begun.  done: receives a line for each tomogram.
    """
    from concurrent.futures import BrokenExecutor, as_completed

    here = os.path.abspath(os.curdir)
    futures: dict[Future, str] = {}
    lost: dict[str, BaseException] = {}
    prepared = set()
    for tomogram, threads in zip(tomograms, pool.threads, strict=True):
        tomo_id = tomogram.tomo_id
        own = {kind: [{tomo_id: found[tomo_id]} if tomo_id in found else {} for found in sets] for kind, sets in picks.items()}
        arguments = (__version__, here, preparation.to_send(threads), tomogram, own, steps.of(tomo_id))
        try:
            futures[pool.executor.submit(prepare_one, *arguments)] = tomo_id
        except BrokenExecutor as error:  # a process was killed before it had anything to do
            lost[tomo_id] = error
    for future in as_completed(futures):
        if future.cancelled():
            continue
        failure = future.exception()
        if isinstance(failure, PreparationError):
            for other in futures:  # what is not begun
                other.cancel()
        elif failure:
            lost[futures[future]] = failure
        else:
            own, said = future.result()
            steps.take(own)
            for line in said:
                preparation.progress(line)
            done(f"prepared {futures[future]}")
            prepared.add(futures[future])
    if lost:
        first = next(iter(lost.values()))
        why = "a process was killed" if isinstance(first, BrokenExecutor) else one_line(str(first))
        preparation.progress(f"note: other processes could not prepare {listed(lost)} ({why}): this one does it")
    pool.executor.shutdown()
    return prepared


class PreparationError(Exception):
    """A tomogram could not be prepared. Other errors may hold what cannot be sent, such as the grey values of the tomogram."""


def prepare_one(
    version: str, folder: str, preparation: Preparation, tomogram: TomogramInfo, picks: dict[str, list], done: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """Prepare one tomogram in this process; returns the record of what is done of it, and what there is to say.

    version: of the program that asks.  folder: that its paths are relative to.  done: what is done of it already.
    """
    from .steps import Steps

    if version != __version__:
        raise InputError(f"a worker has version {__version__} of the programs, not {version}")
    os.chdir(folder)
    said: list[str] = []
    steps = Steps(None, done)
    try:
        preparation.saying(said.append).prepare(tomogram, picks, steps)
    except Exception as error:
        raise PreparationError(str(error)) from None
    return {name: own for name, own in steps.of(tomogram.tomo_id).items() if own != done.get(name)}, said


@contextmanager
def _dask(scheduler: str) -> Iterator[Executor]:
    from distributed import Client

    try:
        found = Client(scheduler, timeout=WAIT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler: no scheduler answers at '{scheduler}' ({one_line(str(error))}); start one with dask scheduler"
        ) from error
    with found as client:
        yield client.get_executor(pure=False, retries=1)
