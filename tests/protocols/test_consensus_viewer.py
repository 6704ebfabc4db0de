"""What the eyes of the consensus viewer open and say, without a window; the windows are clicked by docs/make_screenshots.py."""

import warnings
from types import SimpleNamespace

import pytest
from finished_run import make_protocol_run

from tomo_particles.runs.results import read_run

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from pyworkflow.object import String

    from xmipptomo.files import RunFiles
    from xmipptomo.viewers import DeepConsensusPicking3DViewer, viewer_coordinates3d
    from xmipptomo.viewers.figure_window import FigureWindow

pytestmark = pytest.mark.filterwarnings("ignore")  # Scipion leaves databases open and uses what Python deprecates


class Viewer(DeepConsensusPicking3DViewer):
    """Of a run in a folder; messages are what they say."""

    def __init__(self, folder, truth=""):
        self.truth, self._folder, self.protocol, self.formWindow = String(truth), folder, None, None

    def _files(self):
        return RunFiles(str(self._folder))

    def getTkRoot(self):
        return None

    def getProject(self):
        return None

    def errorMessage(self, text, title="Error", **_):
        return text

    infoMessage = errorMessage


def press(viewer, name):
    return viewer._getVisualizeDict()[name](name)


def test_the_scores_are_measured_with_a_file_of_known_particles(tmp_path):
    table = read_run(make_protocol_run(tmp_path)).table
    truth = tmp_path / "hand.csv"
    table[["x", "y", "z"]] = table[["x", "y", "z"]].clip(upper=[39, 31, 23])  # inside
    table[table["tomo_id"] == "TS_1"][["tomo_id", "x", "y", "z"]].to_csv(truth, index=False)
    (window,) = press(Viewer(tmp_path, str(truth)), "showCalibration")
    assert isinstance(window, FigureWindow) and "in 1 tomogram:" in window.figure.get_suptitle()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "does not exist"),
        (b"", "is empty"),
        (b"tomo_id,x,y,z\nTS_9,1,2,3\n", "TS_9"),
        (b"\x00\xff\x01", "no CSV"),
        (b"tomo_id,x,y,z\nTS_1,1,two,3\n", "two"),
        (b"tomo_id,x,y,z\nTS_1,100,2,3\n", "TS_1"),
    ],
)
def test_a_wrong_file_is_one_message_that_names_it(tmp_path, content, said):
    make_protocol_run(tmp_path)
    truth = tmp_path / "hand.csv"
    if content is not None:
        truth.write_bytes(content)
    (message,) = press(Viewer(tmp_path, str(truth)), "showCalibration")
    assert message.startswith("*Known particles*: ") and "hand.csv" in message
    assert said in message and "\n" not in message


def test_without_a_file_it_is_asked_for(tmp_path):
    (message,) = press(Viewer(tmp_path), "showCalibration")
    assert "Choose a file" in message


def test_accepted_and_scored_coordinates_each_have_an_eye(tmp_path, monkeypatch):
    shown = []
    opener = lambda **_: SimpleNamespace(visualize=shown.append)  # noqa: E731
    monkeypatch.setattr(viewer_coordinates3d.pw.Config, "getDomain", lambda: SimpleNamespace(findViewers=lambda *_: [opener]))
    sets = {"coordinates": 1, "coordinates_10A": 2, "scoredCoordinates": 3, "scoredCoordinates_10A": 4}
    monkeypatch.setattr(viewer_coordinates3d, "coordinate_sets", lambda _: sets)
    assert press(Viewer(tmp_path), "showOutput") == [] and shown == [1, 2]
    assert press(Viewer(tmp_path), "showScored") == [] and shown[2:] == [3, 4]
    del sets["scoredCoordinates"], sets["scoredCoordinates_10A"]
    (message,) = press(Viewer(tmp_path), "showScored")
    assert "no such coordinates" in message
