"""A file that is read once: what was read stays, until it is forgotten."""

import pandas as pd

from tomo_particles.core import read_once as module
from tomo_particles.core.files import require_file
from tomo_particles.core.read_once import ReadOnce, read_once


def test_what_was_read_stays_until_it_is_forgotten(tmp_path):
    path = read_once(tmp_path / "a.csv")
    path.write_text("a,b\r\n1,é\r\n", encoding="utf-8")
    assert path.head(3) == b"a,b"
    (tmp_path / "a.csv").unlink()  # nothing below opens it
    assert path.read_bytes() == "a,b\r\n1,é\r\n".encode() and path.read_text(encoding="utf-8") == "a,b\n1,é\n"
    with path.open("rb") as file, path.open(encoding="utf-8") as lines:
        assert file.read(1) == b"a" and list(lines) == ["a,b\n", "1,é\n"]
    with path.open("rb") as file:
        assert pd.read_csv(file)["b"].tolist() == ["é"]
    (tmp_path / "a.csv").write_text("new")
    path.forget()
    assert path.read_bytes() == b"new"


def test_a_path_stays_the_same_where_it_is_handed_on(tmp_path):
    (tmp_path / "a").write_text("x")
    path = ReadOnce(tmp_path / "a")
    assert read_once(path) is path and require_file(path, "-i") is path
    assert path == tmp_path / "a" and str(path) == str(tmp_path / "a")


def test_of_a_long_file_only_the_head_is_read_until_all_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "HEAD", 4)
    path = read_once(tmp_path / "a")
    path.write_bytes(b"0123456789")
    assert path.head(3) == b"012" and path.head() == b"0123" and path.read_bytes() == b"0123456789"
