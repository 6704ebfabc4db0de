"""The page of a session in a real browser: names that are code do nothing, nothing is asked of others, and it opens soon."""

import shutil
import subprocess
import time
from pathlib import Path

import pytest
from test_monitor_page import session_of

from tomo_particles.reports.monitor import write_monitor

OUTSIDE = "outside.example"
HOSTILE = f"<img src='http://{OUTSIDE}/a.png'><script>console.error('it ran')</script>"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not shutil.which("chromium"), reason="chromium is not installed")]


def opened(page: Path, folder: Path) -> tuple[str, str, float]:
    """What chromium says of a page, what it asked of the network, and the seconds that it took."""
    network = folder / f"{page.stem}.json"
    command = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--dump-dom"]
    command += ["--enable-logging=stderr", f"--log-net-log={network}", f"--user-data-dir={folder / 'profile'}"]
    command += ["--host-resolver-rules=MAP * ~NOTFOUND", page.as_uri()]
    begun = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    return done.stderr, network.read_text(), time.monotonic() - begun


def test_a_thousand_tomograms_with_hostile_names(tmp_path):
    session = session_of(1000)
    session.tomograms[HOSTILE] = session.tomograms.pop("T0999")
    page, empty, control = (tmp_path / f"{name}.html" for name in ("monitor", "empty", "control"))
    write_monitor(page, session, {"run": f"run '{HOSTILE}' failed"}, f"Session {HOSTILE}", 1, HOSTILE)
    assert page.stat().st_size < 5_000_000 and page.read_text().count("<tr>") > 1000
    empty.write_text("<!doctype html><title>empty</title>")
    control.write_text(f"<!doctype html><title>control</title>{HOSTILE}")
    opened(empty, tmp_path)  # makes the profile
    _, _, without = opened(empty, tmp_path)
    said, asked, seconds = opened(page, tmp_path)
    assert "CONSOLE" not in said and OUTSIDE not in asked
    assert seconds - without < 2
    said, asked, _ = opened(control, tmp_path)
    assert "it ran" in said and OUTSIDE in asked  # the two would be seen
