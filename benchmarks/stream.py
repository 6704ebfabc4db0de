"""A session under load: sets that grow, the streaming consensus and its monitor in a real Scipion project.

Three pickers release a tomogram in every interval. Measured: the time from the last picker's commit of a tomogram to the commit
of its live coordinates, the memory, the open files, the processor seconds and the calls to read of the consensus, and whether the
end is that of the batch run. With --network the tomograms show particles, networks are trained meanwhile, and the picks are
compared with the truth as they were published, by the network that scored them, and after the final pass. Ctrl-C ends a session:
what was measured so far is printed.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
from _report import as_markdown, finish
from _session import Watched, make_inputs, quality, rows_of

sys.path.insert(0, str(Path(__file__).parents[1]))  # for the environment that the tests of faults have


def session(folder: Path, options: argparse.Namespace) -> tuple[dict[str, object], Watched, dict[str, pd.DataFrame]]:
    """Run it; the numbers of the page, what was watched, and the quality of the picks."""
    from pyworkflow.config import Config
    from pyworkflow.object import Pointer
    from pyworkflow.project import Project

    from xmipptomo.protocols import (
        XmippProtDeepConsensusPicking3D,
        XmippProtMonitor3D,
        XmippProtRelease3D,
        XmippProtStreamingConsensus3D,
    )

    (folder / "project").mkdir()
    (folder / "data").mkdir()
    project = Project(Config.getDomain(), str(folder / "project"))
    project.create()
    os.chdir(folder / "project")
    given, truth = make_inputs(project, folder / "data", options.tomograms, options.picks, options.network)
    releases = []
    for number, pointer in enumerate(given):
        release = project.newProtocol(XmippProtRelease3D, interval=options.interval, jitter=0.5, seed=number, delay=5)
        release.inputSet.set(pointer.getObjValue())
        release.inputSet.setExtended(pointer.getExtended())
        releases.append(release)
    for release in releases:
        project.launchProtocol(release)
    while not all(release.hasAttribute("released") for release in releases):
        time.sleep(1)
        for release in releases:
            project._updateProtocol(release)

    def consensus(kind: type, **parameters: object):
        form = project.newProtocol(kind, doVoting=not options.network, writeReport=False, binThreads=1, **parameters)
        form.inputSets.set([Pointer(release, extended="released") for release in releases])
        form.numberOfThreads.set(options.threads)
        return form

    live = consensus(XmippProtStreamingConsensus3D, settle=5, finalPass=not options.no_final, firstAgreed=50)
    project.launchProtocol(live)
    monitor = project.newProtocol(XmippProtMonitor3D, every=10)
    monitor.inputRun.set(live)
    project.launchProtocol(monitor)
    watched = Watched([release.released.getFileName() for release in releases], live._getPath("liveCoordinates.sqlite"))
    numbers: dict[str, object] = {"tomograms": options.tomograms, "picks of a picker in each": options.picks}
    numbers |= {"a tomogram in every (s)": options.interval, "Scipion threads": options.threads}
    try:
        while live.isActive():
            watched.look(live.getPid() or 0, monitor.getPid() or 0)
            if options.record and watched.record:
                pd.DataFrame(watched.record).to_csv(options.record, index=False)
                watched.latencies.to_csv(f"{options.record}.latencies", header=False)
            time.sleep(1)
            project._updateProtocol(live)
            project._updateProtocol(monitor)
        numbers |= {"whole session with the final pass (s)": time.monotonic() - watched.begun}
        if not options.no_final:
            batch = consensus(XmippProtDeepConsensusPicking3D)
            project.launchProtocol(batch, wait=True)
            outputs = [[run._getPath(f"{name}.sqlite") for run in (live, batch)] for name in ("coordinates", "coordinatesScored")]
            numbers["end as the batch run"] = all(Path(one).exists() and rows_of(one) == rows_of(other) for one, other in outputs)
    except KeyboardInterrupt:
        numbers["ended by hand after (s)"] = time.monotonic() - watched.begun
        for run in (*releases, live, monitor):
            project.stopProtocol(run)
    project._updateProtocol(live)
    picks = {}
    if hasattr(live, "liveCoordinates"):
        picks["as published"] = quality(live.liveCoordinates, truth, "_model")
    if hasattr(live, "coordinates"):
        picks["final pass"] = quality(live.coordinates, truth)
    logs = [line for path in Path("Runs").glob("*/logs/run.std*") for line in path.read_text(errors="replace").splitlines()]
    numbers["lines about locked databases in the logs"] = sum("locked" in line for line in logs)
    return numbers, watched, picks


def numbers_of(watched: Watched) -> dict[str, object]:
    """Latency and what the consensus takes of the machine."""
    latencies, record = watched.latencies, pd.DataFrame(watched.record)
    following = record[record["published"] < record["published"].max()] if len(record) else record
    most = float(following["MB"].max())
    hundredth = record[record["published"] >= min(100, len(latencies) // 3)]["MB"].head(1) if len(record) else []
    return {
        "published": len(watched.published),
        "latency, median (s)": float(latencies.median()),
        "latency, 95 % (s)": float(np.percentile(latencies, 95)) if len(latencies) else np.nan,
        "latency, most (s)": float(latencies.max()),
        "memory of the consensus, most (MB)": float(record["MB"].max()),
        "of that while it follows (MB)": most,
        "more memory while it follows, after the first 100, or third (MB)": most - float(hundredth.iloc[0]),
        "open files, most": int(record["files"].max()),
        "memory of the monitor, most (MB)": float(record["monitor MB"].max()),
    }


def over_time(watched: Watched, parts: int = 5) -> pd.DataFrame:
    """A row for each part of the published tomograms: does anything grow with what is done?"""
    latencies, record = watched.latencies, pd.DataFrame(watched.record)
    rows = []
    for part in np.array_split(np.arange(len(latencies)), parts):
        if not len(part):
            continue
        own = record[(record["published"] >= part[0]) & (record["published"] <= part[-1] + 1)]
        row: dict[str, object] = {"published": f"{part[0] + 1} to {part[-1] + 1}"}
        row |= {f"latency, {p} % (s)": float(np.percentile(latencies.iloc[part], p)) for p in (50, 95)}
        if len(own) > 1:
            seconds = own["second"].iloc[-1] - own["second"].iloc[0]
            row |= {"memory (MB)": own["MB"].max(), "load": own["load"].mean()}
            for of, name in (("", "consensus"), ("monitor ", "monitor")):
                row[f"{name}: CPU share"] = (own[f"{of}cpu"].iloc[-1] - own[f"{of}cpu"].iloc[0]) / seconds
                row[f"{name}: reads a second"] = (own[f"{of}reads"].iloc[-1] - own[f"{of}reads"].iloc[0]) / seconds
        rows.append(row)
    return pd.DataFrame(rows)


def page(numbers: dict[str, object], watched: Watched, picks: dict[str, pd.DataFrame]) -> str:
    """The text of the result."""
    table = pd.DataFrame([{"what": what, "value": value} for what, value in (numbers | numbers_of(watched)).items()])
    parts = [
        (__doc__ or "").strip(),
        f"Load of the machine at the end: {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores, niceness {os.nice(0)}.",
        as_markdown(table),
        "Over time:",
        as_markdown(over_time(watched)),
    ]
    if picks:
        joined = pd.concat([own.assign(picks=name) for name, own in picks.items()])
        joined = joined.rename(columns={"group": "network (0: votes, or the final one)"})
        parts += ["Accepted picks against the truth:", as_markdown(joined[["picks", *joined.columns[:-1]]])]
    return "\n\n".join(parts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tomograms", type=int, default=30)
    parser.add_argument("--picks", type=int, default=30, help="particles in each tomogram")
    parser.add_argument("--interval", type=float, default=12.0, help="seconds")
    parser.add_argument("--threads", type=int, default=4, help="Scipion threads of the consensus")
    parser.add_argument("--network", action="store_true", help="particles in the tomograms, and networks in place of votes")
    parser.add_argument("--no-final", action="store_true", help="no final pass, and no batch run beside it")
    parser.add_argument("--record", type=Path, help="CSV that is written as the session goes on")
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    options.record = options.record and options.record.absolute()
    from tests.faults.scipion import _set_environment

    here = os.getcwd()
    with tempfile.TemporaryDirectory() as folder:
        _set_environment(Path(folder))
        result = session(Path(folder), options)
        os.chdir(here)
    finish("stream_network" if options.network else "stream", page(*result), options.write)


if __name__ == "__main__":
    main()
