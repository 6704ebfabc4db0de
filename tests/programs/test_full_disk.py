"""Disks that are full at some point: one line names file and space, nothing is half-written, and the run goes on later."""

import re
import resource
import subprocess
import sys

import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import written_aside
from tomo_particles.formats.xmd import read_table

SPACE = re.compile(r"'(?P<path>[^']+)' cannot be written: files may not be that large here; it needs about [\d.]+ MB; free")


@pytest.fixture
def limited():
    """Run a program that may write files of so many bytes only: as a full disk, the writing fails in the middle of a file."""

    def run(limit: int, name: str, *arguments: object) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", f"xmipp_scripts.{name}", *map(str, arguments)]
        bound = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))  # noqa: E731
        return subprocess.run(command, capture_output=True, text=True, check=False, preexec_fn=bound)

    return run


@pytest.mark.parametrize("target", ["picks.xmd", "picks.csv", "relion5.star", "dynamo.tbl", "{tomo}.json", "{tomo}.mod"])
def test_a_conversion_writes_all_or_nothing(limited, scene, tmp_path, target):
    to = ["--to", target.partition(".")[0]] if target.endswith(".star") else []
    arguments = ["convert_coordinates_tomo", "-i", *scene.csv("one"), "--tomograms", *scene.tomograms, *to]
    for limit in (0, 700):
        done = limited(limit, *arguments, "-o", tmp_path / target)
        assert done.returncode == 2, done.stdout
        assert len(done.stderr.splitlines()) == 1 and SPACE.search(done.stderr), done.stderr
        assert not list(tmp_path.iterdir())


def test_a_run_goes_on_where_the_disk_was_full(limited, done, scene, tmp_path):
    def arguments(odir: str) -> list[object]:
        inputs = ["--tomograms", *scene.tomograms, "--picks", *scene.csv("one", "two", "three"), "--boxsize", 12]
        return ["run_deep_consensus_tomo", *inputs, "--voting", "--noReport", "--odir", tmp_path / odir]

    done(*arguments("undisturbed"))
    whole = tmp_path / "undisturbed"
    for limit in (500, 2000, 5000, 9000, 20_000):
        stopped = limited(limit, *arguments("out"))
        assert stopped.returncode == 2
        assert len(stopped.stderr.splitlines()) == 1 and SPACE.search(stopped.stderr), stopped.stderr
        for path in (tmp_path / "out").rglob("*.xmd"):
            assert read_table(path) == read_table(whole / path.relative_to(tmp_path / "out"))
    done(*arguments("out"))
    for name in ("accepted.csv", "scored.csv", "accepted.xmd"):
        assert (tmp_path / "out" / name).read_bytes() == (whole / name).read_bytes()


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (OSError, "[Errno 28] Can't write data (file write failed: errno = 28, error message = 'No space left on device')"),
        (RuntimeError, "Can't decrement id ref count (unable to extend file properly, errno = 28, error message = 'No space')"),
    ],
)
def test_what_hdf5_says_of_a_full_disk_is_one_line_too(tmp_path, kind, said):
    with pytest.raises(InputError, match=r"the disk is full; it needs about 2.0 MB"), written_aside(tmp_path / "m.h5", 2_000_000):
        raise kind(said)
