"""README and docs: what they link to is there."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PAGES = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]
LINK = re.compile(r"!?\[[^\]]*\]\((?!https?://|#)([^)#]+)(?:#([^)]+))?\)")


def headings(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        path = page.parent / target
        assert path.exists(), f"{page.name} links to {target}"
        if anchor:
            assert anchor in headings(path), f"{target} has no heading #{anchor}"


def test_every_picture_is_shown_somewhere_or_made_by_the_script():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    script = (REPOSITORY / "docs" / "make_screenshots.py").read_text(encoding="utf-8")
    for picture in (REPOSITORY / "docs" / "images").glob("*.png"):
        assert picture.stem in text + script or picture.stem.startswith("form_"), picture.name


@pytest.mark.parametrize("section", ["## From the terminal", "### A first project from the environment of the demo"])
def test_the_readme_says_where_the_programs_are_before_it_calls_one(section):
    """They are in .venv/bin, which no terminal knows by itself."""
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8").partition(f"{section}\n")[2]
    block = re.search(r"```bash\n(.*?)```", text, re.DOTALL)[1]
    assert "PATH=$PWD/.venv/bin:$PATH" in block.splitlines()[0]
    assert "every new terminal" in text.partition("\n#")[0]
