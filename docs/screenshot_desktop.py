"""A virtual screen with Scipion's windows, and what a person does at it: see make_screenshots.py."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

DISPLAY = next(f":{n}" for n in range(97, 1000) if not Path(f"/tmp/.X{n}-lock").exists())
MAX_BYTES = 200_000
FEWEST_COLOURS = 16  # of a window that shows anything
CLOSE_BUTTON = (294, 22)  # of a form, from its lower right corner
EYE_X, FIRST_EYE_Y, EYE_STEP = 562, 115, 30  # the eyes in the form of a viewer, from top to bottom


def environment(home: Path) -> dict[str, str]:
    """Scipion's environment for a home folder of its own."""
    inherited = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # windows are wanted here
    return {
        **inherited,
        "SCIPION_HOME": str(home),
        "SCIPION_USER_DATA": str(home / "data"),
        "SCIPION_NOTIFY": "False",
        "SCIPION_DOMAIN": "pwem",
        "DISPLAY": DISPLAY,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


class Desktop:
    """A virtual screen with a window manager, and what a person does at it."""

    def __init__(self, env: dict[str, str], size: str = "1700x1250") -> None:
        self.env = env
        self.processes: list[subprocess.Popen] = []
        self.start(["Xvfb", DISPLAY, "-screen", "0", f"{size}x24"])
        time.sleep(2)
        settings = Path(env["SCIPION_HOME"]) / "twmrc"
        settings.write_text("RandomPlacement\nNoTitle\nBorderWidth 0\n")
        self.start(["twm", "-f", str(settings)])

    def start(self, command: list[str]) -> None:
        """Start a program in a process group of its own: scipion starts others, which must end with it."""
        self.processes.append(
            subprocess.Popen(command, env=self.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        )

    def do(self, *arguments: str, wait: float = 1.0) -> str:
        """An xdotool command."""
        done = subprocess.run(["xdotool", *arguments], env=self.env, capture_output=True, text=True, check=False)
        time.sleep(wait)
        return done.stdout.strip()

    def window(self, title: str, timeout: float = 60) -> str:
        """The id of the window whose title contains `title`, once it is there."""
        end = time.time() + timeout
        while time.time() < end:
            found = self.do("search", "--onlyvisible", "--name", title).splitlines()
            if found:
                return found[-1]
        raise TimeoutError(f"no window '{title}'")

    def click(self, window: str, x: int, y: int, times: int = 1) -> None:
        """Click in window coordinates."""
        self.do("mousemove", "--window", window, str(x), str(y), "click", "--repeat", str(times), "--delay", "120", "1")

    def drag(self, window: str, start: tuple[int, int], end: tuple[int, int]) -> None:
        """Press, move in two steps (Tk takes one for a click) and release, in window coordinates."""
        middle = tuple((a + b) // 2 for a, b in zip(start, end, strict=True))
        for (x, y), action in ((start, ["mousedown", "1"]), (middle, []), (end, ["mouseup", "1"])):
            self.do("mousemove", "--window", window, str(x), str(y), *action, wait=0.3)

    def size(self, window: str) -> tuple[int, int]:
        """Width and height of a window."""
        width, height = re.search(r"Geometry: (\d+)x(\d+)", self.do("getwindowgeometry", window, wait=0.1)).groups()
        return int(width), int(height)

    def close_form(self, window: str, button: tuple[int, int] = CLOSE_BUTTON) -> None:
        """Press the button Close of a form, or of the form of a viewer."""
        width, height = self.size(window)
        self.click(window, width - button[0], height - button[1])

    def open_eye(self, viewer: str, eye: int, title: str, x: int = EYE_X) -> str:
        """Press one of the eyes in the form of a viewer; the window that it opens."""
        self.do("windowraise", viewer)
        self.click(viewer, x, FIRST_EYE_Y + eye * EYE_STEP)
        window = self.window(title)
        time.sleep(2)
        self.do("windowraise", window)
        return window

    def photograph(self, window: str, path: Path) -> None:
        """PNG of a window, in few colours so that it stays small."""
        command = ["import", "-window", window, "+dither", "-colors", "128", "-strip", f"PNG8:{path}"]
        subprocess.run(command, env=self.env, check=True)
        colours = subprocess.run(["identify", "-format", "%k", path], capture_output=True, text=True, check=True).stdout
        assert int(colours) >= FEWEST_COLOURS, f"{path} is empty: {colours} colours"
        assert path.stat().st_size <= MAX_BYTES, f"{path} is larger than {MAX_BYTES} bytes"
        print(path)

    def close(self) -> None:
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
