"""The report of a finished run: self-contained, whole, escaped; another threshold changes no file of the run."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from finished_run import ACCEPTED, PICKS, make_protocol_run, make_run

from tomo_particles.consensus.verdict import Verdict
from tomo_particles.core.errors import InputError
from tomo_particles.core.tomograms import write_volume
from tomo_particles.reports import html_report
from tomo_particles.reports.html_report import write_report
from tomo_particles.runs.doubts import doubts
from tomo_particles.runs.layout import ProgramLayout, ProtocolLayout
from tomo_particles.runs.measured import measure
from tomo_particles.runs.results import read_run


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, path):
        super().__init__()
        self.tags, self.links, self.images, self.texts, self.open = [], [], [], [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(values["href"])
        if tag == "img":
            self.images.append(values)

    def handle_data(self, data):
        self.texts.append(data.strip())


@pytest.fixture(scope="module")
def page(done, tmp_path_factory):
    """What the program writes at another threshold than the run's, whole: drawing takes seconds, so it is done once."""
    folder = make_run(tmp_path_factory.mktemp("run"))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    said = done("consensus_report_tomo", "--run", folder, "--threshold", 0.9)
    assert f"{folder}/report_threshold_0.9.html" in said
    assert {path: path.read_bytes() for path in before} == before
    return Page(folder / "report_threshold_0.9.html")


def test_another_threshold_accepts_others_and_says_how_to_get_their_files(page):
    assert "12" in page.texts and any("nothing is trained again" in text for text in page.texts)


def test_the_page_needs_nothing_but_itself(page):
    assert len(page.images) == 6 + 2 * 3
    assert all(image["src"].startswith("data:image/") and image["alt"] for image in page.images)
    assert not {"script", "link", "iframe", "object"} & set(page.tags)
    assert not any(re.match(r"[a-z]+:|/", link) for link in page.links)  # only places in the page and relative files


def test_the_page_tells_numbers_parameters_and_names_as_they_are(page):
    for text in (
        "crYOLO & co",
        "<template>",
        "--noiseRadius",
        "random seed",
        "7",
        "12 s",
        "accepted.csv",
        "tomogram 'TS_3' has no picks & is left out",
    ):
        assert text in page.texts, text


@pytest.fixture
def quick(monkeypatch):
    """Pages without pictures of tomograms but one, and with empty pictures: drawing them is tried elsewhere."""
    monkeypatch.setattr(html_report, "MAX_TOMOGRAMS", 1)
    monkeypatch.setattr(html_report, "_as_url", lambda figure, kind, mime, **options: f"data:{mime};base64,")


def test_the_links_lead_to_files(tmp_path, quick):
    folder = make_run(tmp_path)
    for path in (folder / "report.html", tmp_path / "elsewhere" / "page.html"):
        page = Page(write_report(folder, path=path))
        assert str(2 * ACCEPTED) in page.texts
        files = [link for link in page.links if not link.startswith("#")]
        assert len(files) == 3 and all((path.parent / link).is_file() for link in files)


def test_voting_and_the_protocol_have_reports_too(tmp_path, quick):
    voting = Page(write_report(make_run(tmp_path, voting=True)))
    assert len(voting.images) == 2 + 3 and any("Pictures of the 1 tomograms" in text for text in voting.texts)
    protocol = Page(write_report(make_protocol_run(tmp_path)))
    assert len(protocol.images) == 6 + 3 and "TS_9: lost" in protocol.texts
    assert "Deep consensus picking: my <first> run" in protocol.texts


REASONS = {
    True: "the averages of two halves (25 and 24 accepted picks) agree with a correlation of 0.93",
    False: "none, because a half has 19 accepted picks",
}


@pytest.mark.parametrize("used", [True, False])
@pytest.mark.parametrize("make", [make_run, make_protocol_run])
def test_the_second_look_has_a_section_with_its_averages(tmp_path, quick, make, used):
    folder = make(tmp_path)
    layout = (ProtocolLayout if make is make_protocol_run else ProgramLayout)(folder)
    for path in layout.averages:  # also where they are of an earlier look
        write_volume(path, np.random.default_rng(1).normal(size=(12, 12, 12)), 20.0)
    without = write_report(folder).read_text()
    assert "second-look" not in without and "Averages of" not in without and not read_run(folder).averages
    summary = json.loads(layout.summary.read_text())
    layout.summary.write_text(json.dumps(summary | {"secondLook": {"used": used, "reason": REASONS[used]}}))
    page = Page(write_report(folder))
    assert [image["alt"] for image in page.images].count("Averages of the second look") == 1
    sentence = f"{REASONS[used][0].upper()}{REASONS[used][1:]}."
    assert sentence in page.texts and REASONS[used] in page.texts  # the section, and the table of the run
    assert "#second-look" in page.links


def test_a_run_that_contradicts_its_pickers_says_so(tmp_path, quick):
    folder = make_run(tmp_path)
    (of_old_version,) = doubts(read_run(folder))
    assert "did not ask whether there is anything to see" in of_old_version
    (folder / "scored" / "merged_verdict.json").write_text(Verdict("supported", "", 1.0, confirmed=1.0).to_json())
    assert not doubts(read_run(folder)) and not doubts(read_run(make_run(tmp_path / "votes", voting=True)))
    page = Page(write_report(folder, 0.99))
    assert any("10 of the 10 picks that every picker saw were rejected" in text for text in page.texts)
    few = read_run(folder)
    assert "too few" in doubts(replace(few, merged=few.merged[:9], seen=few.seen[:9]))[0]


def test_a_truth_measures_what_the_scores_promise(tmp_path, quick):
    folder = make_run(tmp_path)
    run = read_run(folder)
    first = run.table[run.of_tomogram("TS_1")]
    rows = first[first["support"] == 3]  # the five that all pickers saw are true, and one particle that none saw
    truth = tmp_path / "by hand.csv"
    lines = [f"TS_1,{x},{y},{z}" for x, y, z in [*rows[["x", "y", "z"]].to_numpy(), (39.0, 31.0, 23.0)]]
    truth.write_text("\n".join(["tomo_id,x,y,z", *lines]) + "\n")
    found = measure(run, truth, 0.05)
    assert (found.particles, found.tomograms, len(found.true), found.true.sum()) == (6, 1, len(PICKS) - 1, 5)
    assert found.precision == pytest.approx(5 / ACCEPTED) and found.recall == pytest.approx(5 / 6)
    page = Page(write_report(folder, truth=truth, hit_radius=0.05))
    assert any("56% are particles" in text and "83% of the particles" in text for text in page.texts)
    truth.write_text("tomo_id,x,y,z\nTS_8,1,2,3\n")
    with pytest.raises(InputError, match=r"^truth: .* names the tomograms 'TS_8'"):
        write_report(folder, truth=truth)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--threshold", "2"], "--threshold: must lie between 0 and 1, received 2"),
        (["-o", "page.txt"], "-o: the name of a report must end in .html"),
        ([], "--run: 'nowhere' is no folder"),
    ],
)
def test_one_line_for_what_cannot_be_reported(refused, tmp_path, options, said):
    refused("consensus_report_tomo", "--run", "nowhere", *options, words=[said], folder=tmp_path, cwd=tmp_path)
