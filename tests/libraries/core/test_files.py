"""Nothing half-written ever stands under a final name."""

import pytest

from tomo_particles.core.errors import InputError
from tomo_particles.core.files import require_file, written_aside


def test_the_file_appears_when_the_block_ends(tmp_path):
    final = tmp_path / "deep" / "er" / "table.xmd"
    with written_aside(final) as aside:
        aside.write_text("content")
        assert not final.exists() and aside.suffix == ".xmd" and aside.parent == final.parent
    assert final.read_text() == "content" and list(final.parent.iterdir()) == [final]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path):
    final = tmp_path / "table.xmd"
    final.write_text("old")
    with pytest.raises(RuntimeError), written_aside(final) as aside:
        aside.write_text("half")
        raise RuntimeError
    assert final.read_text() == "old" and list(tmp_path.iterdir()) == [final]


def test_a_failure_before_anything_is_written_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), written_aside(tmp_path / "table.xmd"):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def test_a_required_file_exists_and_has_content(tmp_path):
    for path, reason in ((tmp_path / "none", "does not exist"), (tmp_path, "does not exist"), (tmp_path / "empty", "is empty")):
        (tmp_path / "empty").touch()
        with pytest.raises(InputError, match=reason) as caught:
            require_file(path, "--truth")
        assert "--truth" in str(caught.value) and str(path) in str(caught.value)
    (tmp_path / "full").write_text("x")
    assert require_file(str(tmp_path / "full"), "--truth") == tmp_path / "full"
