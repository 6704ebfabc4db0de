"""The page of a session."""

import re

from tomo_particles.reports.monitor import write_monitor
from tomo_particles.runs.ledger import Entry
from tomo_particles.runs.session import Session, SessionLook

HOSTILE = "<script>alert(1)</script>"


def session_of(n: int) -> Session:
    session = Session()
    names = [f"T{i:04}" for i in range(n)]
    for k, name in enumerate(names):
        picks = {"log": {name: 30}, HOSTILE: {name: 28}}
        session.note(SessionLook((name,), picks, entries={name: Entry(name, 1, agreed=25)}), 10.0 * k)
        live = {one: 20 + i % 7 for i, one in enumerate(names[: k + 1])}
        entries = {name: Entry(name, 1, agreed=25, model=1, published=True, rows=20)}
        session.note(SessionLook((), picks, live, dict.fromkeys(live, 0.8), entries, {1: 5}), 10.0 * k + 4)
    return session


def test_it_says_what_came_what_is_published_and_why_not(tmp_path):
    session = session_of(3)
    entries, states = {"bad": Entry("bad", left_out=f"it holds {HOSTILE}")}, {"the run": "running"}
    verdict, free = "the network separates", 5_000_000_000
    session.note(SessionLook(("bad",), entries=entries, models={1: 5}, states=states, verdict=verdict, free=free), 100)
    page = tmp_path / "monitor.html"
    write_monitor(page, session, {"disk": "only 5.0 GB are free"}, f"Session {HOSTILE}", 2, "the server does not answer")
    text = page.read_text()
    plain = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text))
    for words in ("3 published", "4 tomograms seen", "1 left out", "4 s waiting time (median)", "only 5.0 GB are free", "1 5",
                  "the run running", "2 mails wait for the server: the server does not answer", "left out: it holds",
                  "The newest network: the network separates"):  # fmt: skip
        assert re.search(re.escape(words).replace(r"\ ", r"\s*"), plain), words
    assert HOSTILE not in text and "&lt;script&gt;" in text
    assert "http" not in re.sub(r"http-equiv", "", text) and "src=" not in text  # nothing from outside
    assert not [path for path in tmp_path.iterdir() if path != page]


def test_a_long_session_is_a_small_page_written_soon(tmp_path):
    page = tmp_path / "monitor.html"
    write_monitor(page, session_of(200), {}, "Session")
    assert page.stat().st_size < 1_000_000  # five times as many tomograms: below 5 MB
    assert page.read_text().count("<tr>") == 200 + 1 + 1 + 1 + 1  # rows, one network, and three heads


def test_a_curve_does_not_hide_on_the_edge_of_its_chart(tmp_path):
    page = tmp_path / "monitor.html"
    write_monitor(page, session_of(8), {}, "Session")
    heights = [float(y) for y in re.findall(r"[\d.]+,([\d.]+)", re.search(r'points="([^"]+)"', page.read_text())[1])]
    assert min(heights) == 10.0 and max(heights) < 130.0  # 26 and 20 accepted picks
    assert "highest 26, last 20; the lower edge is 0" in page.read_text()
    session = session_of(3)
    for own in session.tomograms.values():
        own.latency = 0.0
    write_monitor(page, session, {}, "Session")
    assert "highest 0, last 0" in page.read_text()  # of the waiting times


def test_the_state_of_a_tomogram_keeps_its_words_on_a_narrow_screen(tmp_path):
    """A cell that may break anywhere shrinks to one letter a line, unless it has a width of its own."""
    page = tmp_path / "monitor.html"
    write_monitor(page, session_of(2), {}, "Session")
    text = page.read_text()
    assert re.search(r"\.status \{[^}]*min-width: 9em", text)
    assert text.count('<td class="status">published</td>') == 2 and '<th class="text status">state</th>' in text
