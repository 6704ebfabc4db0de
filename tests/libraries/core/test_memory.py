"""How much memory is free, and what is said of work that needs more."""

import pytest

from tomo_particles.core import memory


def system(root, files):
    """A folder with the files of a system, by their paths."""
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return str(root)


MACHINE = {"proc/meminfo": "MemTotal:  32000000 kB\nMemAvailable:   16000000 kB\n"}


def test_the_free_memory_is_what_the_system_says_or_unknown(tmp_path):
    assert memory.free_memory(system(tmp_path / "a", MACHINE)) == 16000000 * 1024
    other = system(tmp_path / "other", {"proc/meminfo": "MemTotal: 1\n"})
    assert memory.free_memory(other) == memory.free_memory(str(tmp_path / "no")) == float("inf")
    assert memory.free_memory() > 1e8  # of this machine


@pytest.mark.parametrize(
    ("groups", "files", "free"),
    [
        # a job of SLURM: the step has no limit, the job has one, and a part of what it uses are pages of files
        (
            "0::/slurm/job_7/step_0\n",
            {
                "slurm/job_7/step_0/memory.max": "max\n",
                "slurm/job_7/step_0/memory.current": "700",
                "slurm/job_7/memory.max": "8000\n",
                "slurm/job_7/memory.current": "5000\n",
                "slurm/job_7/memory.stat": "anon 4000\nactive_file 300\ninactive_file 500\n",
                "slurm/memory.max": "90000",
                "slurm/memory.current": "9000",
            },
            3800,
        ),
        # a container: the path is that of the host, the files lie at the top; version 1 beside other controllers
        (
            "5:cpu:/docker/0af\n4:memory:/docker/0af\n0::/docker/0af\n",
            {
                "memory/memory.limit_in_bytes": "9000",
                "memory/memory.usage_in_bytes": "8000",
                "memory/memory.stat": "inactive_file 1\ntotal_inactive_file 250\ntotal_active_file 50\n",
            },
            1300,
        ),
        ("0::/\n", {"memory.max": "5000", "memory.current": "6000"}, 0),
        ("0::/\n", {}, 16000000 * 1024),
        ("no such line\n", {}, 16000000 * 1024),
    ],
)
def test_the_limit_of_a_job_or_a_container_counts(tmp_path, groups, files, free):
    inside = {f"sys/fs/cgroup/{path}": text for path, text in files.items()}
    root = system(tmp_path, {**MACHINE, "proc/self/cgroup": groups, **inside})
    assert memory.free_memory(root) == free


@pytest.mark.parametrize(("needed", "said"), [(1e9, ""), (7.9e9, ""), (12e9, "needs about 12 GB of memory, and 10 GB are free")])
def test_work_that_needs_more_is_said(monkeypatch, needed, said):
    monkeypatch.setattr(memory, "free_memory", lambda: 10e9)
    assert memory.lacking(needed) == said
