"""Jobs of a queue: what its answers mean, and what the script of a job does."""

import os
import subprocess

import pytest

from tomo_particles.runs.queued_jobs import APART, GONE, THERE, UNKNOWN, Absence, JobFiles, answer_of, key_of

SLURM = {"SLURM_JOB_ID": "7"}


@pytest.mark.parametrize(
    ("code", "said", "complained", "expected"),
    [
        (0, "     7      main     wrap     root  R       0:00      1 localhost\n", "", THERE),
        (0, "", "", GONE),  # SLURM, of a job that has just ended
        (1, "", "slurm_load_jobs error: Invalid job id specified\n", GONE),  # SLURM, some minutes later
        (1, "", "slurm_load_jobs error: Unable to contact slurm controller (connect failure)\n", UNKNOWN),
        (1, "", "slurm_load_jobs error: Socket timed out on send/recv operation\n", UNKNOWN),
        (127, "", "sh: 1: squeue: not found\n", UNKNOWN),
        (153, "", "qstat: Unknown Job Id 7.head\n", GONE),
        (1, "", "Following jobs do not exist or permissions are not sufficient:\n7\n", GONE),
        (255, "", "Job <7> is not found\n", GONE),
    ],
)
def test_an_empty_answer_is_believed_only_of_a_queue_that_answers(code, said, complained, expected):
    assert answer_of(code, said, complained) == expected


def test_a_queue_that_still_lists_a_job_says_by_a_pattern_that_it_has_ended():
    assert answer_of(0, "job_state = C", "", "job_state = (C|E)") == GONE
    assert answer_of(0, "job_state = R", "", "job_state = (C|E)") == THERE


def test_a_job_is_gone_after_two_good_answers_a_minute_apart():
    absence = Absence()
    answers = [(GONE, 0.0), (UNKNOWN, 70.0), (GONE, 59.0), (THERE, 65.0), (GONE, 70.0), (GONE, 100.0), (GONE, 70.0 + APART)]
    assert [absence.is_gone(answer, now) for answer, now in answers] == [False] * 6 + [True]


def run(sending, **environment) -> int:
    """As a node of the queue runs it."""
    plain = {name: value for name, value in os.environ.items() if name not in SLURM}
    return subprocess.run(["bash", str(sending.script)], env=plain | environment, check=False, cwd="/").returncode


def test_a_job_writes_how_it_ended_and_stops_at_the_first_program_that_fails(tmp_path):
    files = JobFiles(tmp_path / "it's a job.job")
    well = files.new("key", ["echo one > one", "echo two > two"], tmp_path)
    assert well.exit_code is None and well.job_id is None and not well.has_begun
    assert run(well, **SLURM) == 0
    assert (well.exit_code, well.job_id, well.has_begun) == (0, 7, True)
    assert (tmp_path / "two").read_text() == "two\n"
    badly = files.new("key", ["(exit 3)", "touch never"], tmp_path)
    assert run(badly) == 3 and badly.exit_code == 3 and not (tmp_path / "never").exists()


def test_a_job_that_was_sent_twice_works_once_and_one_that_is_requeued_again(tmp_path):
    sending = JobFiles(tmp_path / "a.job").new("key", ["echo line >> lines", "test $(wc -l < lines) = 2"], tmp_path)
    sending.answer.write_text("Submitted batch job 8\n")  # the second one
    assert run(sending, **SLURM) == 1
    assert run(sending, SLURM_JOB_ID="8") == 0 and run(sending) == 0  # neither does anything
    assert (tmp_path / "lines").read_text() == "line\n" and sending.exit_code == 1
    assert sending.job_id == 7  # of the one that works
    assert run(sending, **SLURM) == 0 and sending.exit_code == 0


def test_a_process_that_goes_on_finds_the_job_and_one_that_nobody_wants_does_nothing(tmp_path):
    files = JobFiles(tmp_path / "a.job")
    assert files.sent() is None
    sending = files.new(key_of("a", "b"), ["touch done"], tmp_path)
    assert JobFiles(tmp_path / "a.job").sent() == sending and key_of("a", "b") != key_of("ab")
    files.forget()
    assert files.sent() is None and not sending.folder.exists()
    assert run(sending) != 0 and not (tmp_path / "done").exists()
    (tmp_path / "a.job").write_text("{")
    assert files.sent() is None
