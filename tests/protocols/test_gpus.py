"""GPUs on the form of the deep consensus: what is refused, and that the CPU works where the program refuses a GPU."""

import logging
import warnings
from types import SimpleNamespace

import pytest

from xmipptomo.files import RunFiles

with warnings.catch_warnings():  # of Scipion's own modules
    warnings.simplefilter("ignore")
    from xmipptomo.protocols import XmippProtDeepConsensusPicking3D, XmippProtDeepPick3D
    from xmipptomo.protocols.shared.checked_form import gpu_errors

pytestmark = pytest.mark.filterwarnings("ignore")
LABEL = "*GPU IDs*"
REFUSED = "TensorFlow does not find GPU 0: there is an NVIDIA card; install its CUDA libraries with pip install '.[gpu]'"


def arguments(gpus: str) -> list[str]:
    return ["--mode", "training", "--gpus", gpus]


@pytest.fixture
def protocol(monkeypatch, tmp_path):
    """The protocol; `ran` has the GPUs of each program that it ran, and `refuse` is what the program says of any GPU."""
    protocol = XmippProtDeepConsensusPicking3D()
    files = RunFiles(str(tmp_path))
    files.root.mkdir()
    ran = []

    def run(program, arguments, job, about="", results=()):
        ran.append(arguments[arguments.index("--gpus") + 1])
        if ran[-1] and protocol.refuse:
            raise RuntimeError(protocol.refuse)

    for name, value in {
        "ran": ran,
        "refuse": "",
        "_files": lambda: files,
        "_runProgram": run,
        "getExecutor": lambda: SimpleNamespace(gpuList=[0, 1]),
    }.items():
        monkeypatch.setitem(protocol.__dict__, name, value)
    return protocol


def test_gpus_that_can_be_used_are_used(protocol):
    protocol.gpuStep("")
    protocol._runNetwork(arguments, "training")
    assert protocol.ran == ["0,1", "0,1"]
    assert "CPU" not in "".join(protocol._summary())


def test_gpus_that_the_program_refuses_leave_the_work_to_the_cpu_and_the_summary_says_why(protocol, caplog):
    protocol.refuse = f"{LABEL}: {REFUSED}; or leave out {LABEL} to use the CPU"
    with caplog.at_level(logging.WARNING):
        protocol.gpuStep("")
    assert REFUSED in caplog.text
    protocol._runNetwork(arguments, "training")
    assert protocol.ran == ["0,1", ""]  # it is not tried again
    assert protocol._summary()[-1] == f"*CPU instead of GPU*: {LABEL}: {REFUSED}"


def test_a_gpu_that_became_full_or_is_missing_on_the_machine_of_a_queue_does_not_end_the_run(protocol):
    protocol.gpuStep("")
    protocol.refuse = f"{LABEL}: GPU 0 cannot be used: out of memory"
    protocol._runNetwork(arguments, "training")
    assert protocol.ran == ["0,1", "0,1", ""]
    assert "out of memory" in protocol._summary()[-1]


def test_other_gpus_are_tried_anew(protocol):
    protocol.refuse = f"{LABEL}: no"
    protocol.gpuStep("0")
    protocol.refuse = ""
    protocol.gpuStep("1")
    assert protocol._gpus() == "0,1"


def test_other_failures_end_the_run(protocol):
    protocol.refuse = "too few positives"
    with pytest.raises(RuntimeError, match="too few positives"):
        protocol._runNetwork(arguments, "training")
    assert protocol.ran == ["0,1"]


def test_without_gpu_none_is_tried(protocol):
    protocol.useGpu.set(False)
    protocol._runNetwork(arguments, "training")
    assert protocol.ran == [""]


def test_the_program_names_the_gpus_as_the_form_does(protocol):
    assert protocol._labelsOfOptions()["--gpus"] == LABEL


@pytest.mark.parametrize("text", ["0", "0,1", "0-3", "0 1", "1, 3-4"])
def test_lists_that_scipion_reads_are_accepted(protocol, text):
    protocol.gpuList.set(text)
    assert gpu_errors(protocol) == []
    assert protocol.getGpuList()


@pytest.mark.parametrize("text", ["abc", "-1", "", None, "0;1", "3-0", "0-", "1.5", "0-1-2"])
def test_other_lists_are_refused_by_the_name_of_the_field(protocol, text):
    protocol.gpuList.set(text)
    assert len(errors := gpu_errors(protocol)) == 1
    assert LABEL in errors[0] and "such as 0 or 0,1 or 0-3" in errors[0]
    assert [error for error in protocol.validate() if LABEL in error] == errors
    assert protocol.getGpuList() == []  # where Scipion would end before the run begins, and leave it launched


@pytest.mark.parametrize("use", [True, False])
def test_a_trained_picker_gives_all_gpus_to_one_tomogram_at_a_time(monkeypatch, use):
    protocol, steps = XmippProtDeepPick3D(), []

    def insert(step, *arguments, prerequisites, needsGPU):
        steps.append((step.__name__, prerequisites, needsGPU))
        return len(steps)

    monkeypatch.setitem(protocol.__dict__, "_insertFunctionStep", insert)
    protocol.useGpu.set(use)
    last = protocol._insertPicking(["TS_1", "TS_2"], "", 0)
    if use:
        assert steps == [("gpuStep", [0], True), ("pickStep", [1], True), ("pickStep", [2], True)] and last == [3]
    else:
        assert steps == [("pickStep", [0], False)] * 2 and last == [1, 2]
