"""The tomograms of a run prepared by several workers of Dask, on this machine or on others that see the same files."""

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
    from distributed import Client

    from .preparation import Preparation
    from .steps import Steps
    from .tomogram_info import TomogramInfo

WAIT = 60.0  # seconds for a scheduler to answer


@dataclass(frozen=True)
class Workers:
    """number: of processes on this machine, or 0.  scheduler: address of one that is there, or empty."""

    number: int = 0
    scheduler: str = ""


def define_workers(program: Program) -> None:
    """Add the options to a program."""
    program.addParamsLine("== More than one machine ==")
    program.addParamsLine(
        " [--workers <int>] : prepare so many tomograms at the same time, each with --threads threads, by processes of Dask on "
        "this machine"
    )
    program.addParamsLine(
        " [--scheduler <address>] : prepare tomograms on the workers of this Dask scheduler, such as tcp://node1:8786. They must "
        "see the same files. Workers may come and go; the results are the same bytes"
    )


def read_workers(program: Program) -> Workers | None:
    """The values of the options; None without them."""
    both = [program.checkParam(option) for option in ("--workers", "--scheduler")]
    if all(both):
        raise InputError("--workers: has no meaning with --scheduler, which has workers of its own; leave one of them out")
    if not any(both):
        return None
    option = "--workers" if both[0] else "--scheduler"
    if find_spec("distributed") is None:
        remedy = f"run pip install 'scipion-em-xmipptomo[cluster]', or leave {option} out"
        raise InputError(f"{option}: needs Dask, which is not installed; {remedy}")
    if both[0]:
        return Workers(int(require_positive(program.integer("--workers"), "--workers")))
    return Workers(scheduler=program.getParam("--scheduler"))


def prepare_elsewhere(
    workers: Workers,
    preparation: Preparation,
    tomograms: Sequence[TomogramInfo],
    picks: dict[str, list],
    steps: Steps,
    done: Callable[[], None],
) -> None:
    """Prepare tomograms by workers and take what they did into the record.

    What no worker could finish is left to be done here: workers die, and a tomogram that cannot be prepared shall give the error
    that it gives without workers.  done: is called for each tomogram.
    """
    from distributed import as_completed

    with _client(workers) as client:
        here, progress = os.path.abspath(os.curdir), preparation.progress
        futures = {}
        for tomogram in tomograms:
            tomo_id = tomogram.tomo_id
            own = {
                kind: [{tomo_id: found[tomo_id]} if tomo_id in found else {} for found in sets] for kind, sets in picks.items()
            }
            arguments = (__version__, here, preparation.without_progress(), tomogram, own, steps.of(tomo_id))
            futures[client.submit(prepare_one, *arguments, pure=False, retries=1)] = tomo_id
        failed = []
        for future in as_completed(futures):
            if future.status != "finished":
                failed.append((futures[future], one_line(str(future.exception()))))
                continue
            own, said = future.result()
            steps.take(own)
            done()
            for line in said:
                progress(line)
        if failed:
            progress(f"note: no worker prepared {listed([tomo_id for tomo_id, _ in failed])} ({failed[0][1]}); it is done here")


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
    preparation.saying(said.append).prepare(tomogram, picks, steps)
    return {name: own for name, own in steps.of(tomogram.tomo_id).items() if own != done.get(name)}, said


@contextmanager
def _client(workers: Workers) -> Iterator[Client]:
    from distributed import Client, LocalCluster

    if workers.number:
        with (
            LocalCluster(n_workers=workers.number, threads_per_worker=1, dashboard_address=None, silence_logs="ERROR") as cluster,
            Client(cluster) as client,
        ):
            yield client
        return
    try:
        found = Client(workers.scheduler, timeout=WAIT)
    except (OSError, ValueError) as error:
        raise InputError(
            f"--scheduler: no scheduler answers at '{workers.scheduler}' ({one_line(str(error))}); start one with dask scheduler"
        ) from error
    with found as client:
        yield client
