"""A run in a folder that holds an earlier one: it believes what is still true of it, and nothing else."""

import fcntl
import json
import os
import shutil
import subprocess
import sys

import pytest

from tomo_particles import __version__
from xmipp_scripts._consensus_run.steps import LOCK, Steps

NAME = "run_deep_consensus_tomo"


@pytest.fixture
def arguments(scene, tmp_path):
    def of(*options: object, odir: str = "out") -> list[object]:
        common = ["--boxsize", 12, "--voting", "--noReport", "--odir", tmp_path / odir]
        return [NAME, "--tomograms", *scene.tomograms, *common, *options]

    return of


@pytest.fixture
def vote(done, arguments, tmp_path):
    """Vote with these options into one of two folders; gives its accepted picks and what was printed."""

    def run(*options: object, odir: str = "out") -> tuple[bytes, str]:
        said = done(*arguments(*options, odir=odir))
        return (tmp_path / odir / "accepted.csv").read_bytes(), said

    return run


def test_a_file_that_was_a_reference_is_read_again_as_a_picker(vote, scene, tmp_path):
    one, two, three = scene.csv("one", "two", "three")
    vote("--picks", one, two, "--truth", three)
    again, _ = vote("--picks", one, two, three)
    assert again == vote("--picks", one, two, three, odir="new")[0]
    assert json.loads((tmp_path / "out" / "summary.json").read_text())["picks"]["three"] > 0


def test_files_that_were_one_picker_are_read_again_as_two(vote, scene, tmp_path):
    folder = tmp_path / "both"
    folder.mkdir()
    for name in ("one.csv", "two.csv"):
        shutil.copy(scene.folder / name, folder / name)
    files = sorted(folder.iterdir())
    vote("--picks", folder, *scene.csv("three"))
    again, _ = vote("--picks", *files, *scene.csv("three"))
    assert again == vote("--picks", *files, *scene.csv("three"), odir="new")[0]


def test_a_damaged_record_or_output_means_do_it_again(vote, scene, tmp_path):
    picks = ["--picks", *scene.csv("one", "two")]
    first, _ = vote(*picks)
    for content in (b"", b"\xff", b"[1]", b'{"voting": 3}', b"{" * 100):
        (tmp_path / "out" / "steps.json").write_bytes(content)
        assert vote(*picks)[0] == first
    for path in (tmp_path / "out" / "all" / "TS_1.xmd", tmp_path / "out" / "voted" / "merged.xmd"):
        path.write_text(path.read_text()[:-300])
        assert vote(*picks)[0] == first


def test_a_run_of_another_version_is_done_again_with_a_line(vote, scene, tmp_path):
    picks = ["--picks", *scene.csv("one", "two")]
    first, said = vote(*picks)
    record = tmp_path / "out" / "steps.json"
    steps = json.loads(record.read_text())
    assert "note: version" not in said and steps["version"] == __version__
    record.write_text(json.dumps({**steps, "version": "0.0.1"}))
    again, said = vote(*picks)
    assert again == first and f"note: version 0.0.1 of this program worked in '{tmp_path / 'out'}', this is {__version__}" in said


def test_a_second_copy_in_one_folder_says_so_and_ends(vote, refused, arguments, scene, tmp_path):
    picks = ["--picks", *scene.csv("one", "two")]
    vote(*picks)
    with open(tmp_path / "out" / LOCK, "a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        refused(*arguments(*picks), words=["--odir", "another run"], folder=tmp_path)


def test_a_step_is_no_longer_recorded_while_it_is_done_again(tmp_path):
    made, given = tmp_path / "made", tmp_path / "given"
    given.write_text("one")

    def killed():
        made.write_text("of two")
        raise KeyboardInterrupt

    assert Steps(tmp_path).run("s", 1, [given], [made], lambda: made.write_text("of one"))
    assert not Steps(tmp_path).run("s", 1, [given], [made], killed)
    with pytest.raises(KeyboardInterrupt):
        Steps(tmp_path).run("s", 2, [given], [made], killed)
    assert Steps(tmp_path).run("s", 1, [given], [made], lambda: made.write_text("of one"))
    # the same size and time, other content
    time = os.stat(given).st_mtime_ns
    given.write_text("two")
    os.utime(given, ns=(time, time))
    assert not Steps(tmp_path).is_done("s", 1, [given], [made])


def test_where_tensorflow_cannot_be_loaded_the_results_of_an_earlier_run_stay(vote, scene, tmp_path):
    picks = ["--picks", *scene.csv("one", "two")]
    accepted, _ = vote(*picks)
    broken = tmp_path / "broken" / "tensorflow"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libcudart.so.99 is missing')\n")
    arguments = ["--tomograms", *scene.tomograms, *picks, "--boxsize", 12, "--odir", tmp_path / "out"]
    path = os.pathsep.join([str(broken.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-m", f"xmipp_scripts.{NAME}", *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path})
    assert ended.returncode == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith(f"xmipp_{NAME}: error: TensorFlow cannot be loaded (libcudart.so.99 is missing); install it anew")
    assert (tmp_path / "out" / "accepted.csv").read_bytes() == accepted
