"""How much memory is free, and what is said of work that needs more."""

import pytest

from tomo_particles.core import memory


def test_the_free_memory_is_what_the_system_says_or_unknown(tmp_path):
    (tmp_path / "meminfo").write_text("MemTotal:  32000000 kB\nMemAvailable:   16000000 kB\n")
    assert memory.free_memory(str(tmp_path / "meminfo")) == 16000000 * 1024
    (tmp_path / "other").write_text("MemTotal: 1\n")
    assert memory.free_memory(str(tmp_path / "other")) == memory.free_memory(str(tmp_path / "no")) == float("inf")
    assert memory.free_memory() > 1e8  # of this machine


@pytest.mark.parametrize(("needed", "said"), [(1e9, ""), (7.9e9, ""), (12e9, "needs about 12 GB of memory, and 10 GB are free")])
def test_work_that_needs_more_is_said(monkeypatch, needed, said):
    monkeypatch.setattr(memory, "free_memory", lambda: 10e9)
    assert memory.lacking(needed) == said
