"""Every form, wizard and viewer opens in Scipion's real window: the command that makes the pictures of the documents."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = ("Xvfb", "xdotool", "import", "twm", "chromium")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"one of {', '.join(TOOLS)} is not installed"),
]


def test_forms_wizards_and_viewers_open_and_the_pictures_of_the_documents_can_be_made(tmp_path):
    """A window that does not open, is empty, or a report of which the browser complains ends the command with an error."""
    script = REPOSITORY / "docs" / "make_screenshots.py"
    done = subprocess.run([sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=1500, check=False)
    assert done.returncode == 0, done.stderr
    made = {path.name for path in tmp_path.glob("*.png")}
    assert made == {path.name for path in (REPOSITORY / "docs" / "images").glob("*.png")}
