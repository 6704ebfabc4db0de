"""An HTML page in the browser of the user, or where it lies, if no browser answers."""

from __future__ import annotations

import subprocess
import webbrowser
from pathlib import Path

from pyworkflow.viewer import ProtocolViewer, View

PATIENCE = 3.0  # seconds in which a browser ends that cannot show anything, and xdg-open where it finds none


def open_page(viewer: ProtocolViewer, path: Path) -> list[View]:
    """Open the page; the message to show if nothing opened."""
    page = path.resolve()
    if _opens(page.as_uri()):
        return []
    return [viewer.infoMessage(f"No browser answers on this machine. Open this file in a browser, here or elsewhere:\n{page}",
                               "No browser")]


def _opens(uri: str) -> bool:
    """Whether a browser took the page. Python's own `open` does not see that a browser ends with an error."""
    try:
        browser = webbrowser.get()
    except webbrowser.Error:
        return False
    if type(browser) is webbrowser.GenericBrowser:  # for a terminal: lynx, w3m
        return False
    if not isinstance(getattr(browser, "name", None), str):
        return browser.open_new_tab(uri)
    asked = subprocess.Popen([browser.name, uri], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True)
    try:
        return asked.wait(timeout=PATIENCE) == 0
    except subprocess.TimeoutExpired:  # it is open
        return True
