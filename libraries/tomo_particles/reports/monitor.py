"""The page of a session: one file, without anything from outside, which replaces itself while the session goes on."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from ..runs.conditions import LEFT_OUT
from ..runs.session import Session, TomogramStory
from .pages import write_html

RELOAD = 30  # seconds after which a browser asks for the page again
WIDTH, HEIGHT, MARGIN = 520, 130, 10  # of a chart, in its own units


@dataclass(frozen=True)
class Chart:
    """A value of each tomogram, in order.

    points: of a line; the lower edge of the chart is 0.  most: the highest value, near the upper edge.  last: the last value.
    """

    title: str
    points: str
    most: str
    last: str


def write_monitor(
    path: str | os.PathLike,
    session: Session,
    held: Mapping[str, str],
    title: str,
    waiting_mails: int = 0,
    mail_trouble: str = "",
) -> None:
    """Write the page of a session. held: the conditions that hold.  waiting_mails: that no server has taken, and why."""
    published = session.published
    latencies = [own.latency for own in published if own.latency is not None]
    charts = [
        _chart("Accepted picks of each tomogram", [float(own.live or 0) for own in published], "{:.0f}"),
        _chart("Waiting time of each tomogram (s)", latencies, "{:.0f}"),
        _chart("Mean score of each tomogram", [own.score for own in published if own.score is not None], "{:.2f}"),
        _chart("Free disk (GB)", [free / 1e9 for _, free in session.disk], "{:.1f}"),
    ]
    write_html(
        path,
        "monitor_template.html",
        title=title,
        reload=RELOAD,
        now=clock(session.looked_at, "%Y-%m-%d %H:%M:%S"),
        session=session,
        held=_lines(held),
        pickers=sorted({picker for own in session.tomograms.values() for picker in own.picks}),
        counts={
            "seen": len(session.tomograms),
            "ready": sum(1 for own in session.tomograms.values() if own.agreed or own.live_at is not None),
            "published": len(published),
            "left_out": sum(1 for own in session.tomograms.values() if own.left_out),
            "picks": sum(own.live or 0 for own in published),
        },
        latency=median(latencies) if latencies else None,
        slowest=max(latencies, default=None),
        charts=[chart for chart in charts if chart],
        rows=[(tomo_id, own, status(own)) for tomo_id, own in reversed(list(session.tomograms.items()))],
        models=[(number, clock(at), n) for number, (at, n) in sorted(session.models.items())],
        clock=clock,
        waiting_mails=waiting_mails,
        mail_trouble=mail_trouble,
    )


def _lines(held: Mapping[str, str]) -> list[str]:
    """The conditions; the tomograms that are left out have their lines in the table."""
    n = sum(key.startswith(LEFT_OUT) for key in held)
    lines = [text for key, text in sorted(held.items()) if not key.startswith(LEFT_OUT)]
    return lines + [f"{n} tomogram{' is' if n == 1 else 's are'} left out: the table below says why"] * bool(n)


def status(own: TomogramStory) -> str:
    """Where a tomogram is, in a word or with the reason why it is nowhere."""
    if own.left_out:
        return f"left out: {own.left_out}"
    if own.live_at is not None:
        return "published"
    return "prepared" if own.agreed else "waits for pickers"


def clock(at: float | None, form: str = "%H:%M:%S") -> str:
    """A time of day, as the reader's clock shows it."""
    return "" if at is None else time.strftime(form, time.localtime(at))


def _chart(title: str, values: Sequence[float], form: str) -> Chart | None:
    if len(values) < 2:
        return None
    most = max(values)
    step = WIDTH / (len(values) - 1)
    heights = [MARGIN + (HEIGHT - MARGIN) * (1 - max(0.0, value) / (most or 1.0)) for value in values]
    points = " ".join(f"{step * i:.1f},{height:.1f}" for i, height in enumerate(heights))
    return Chart(title, points, form.format(most), form.format(values[-1]))
