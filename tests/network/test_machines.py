"""Several machines train one model: what TF_CONFIG may say, and that two processes make the model of one."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from blob_boxes import BOX, RATE

from tomo_particles.core.errors import InputError
from tomo_particles.formats.xmd import write_table
from tomo_particles.network import load_model, select_devices
from tomo_particles.network.machines import Machine

TWO = ["localhost:23457", "localhost:23458"]


def configuration(index: int, addresses: object = TWO, kind: str = "worker", **cluster: list) -> str:
    return json.dumps({"cluster": {"worker": addresses, **cluster}, "task": {"type": kind, "index": index}})


def test_the_variable_tells_which_machine_this_is(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", configuration(1))
    assert Machine.of_environment() == Machine(1, tuple(TWO))
    monkeypatch.setenv("TF_CONFIG", "")
    assert Machine.of_environment() is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("node1", "expected such as"),
        ("[]", "expected such as"),
        ('{"cluster": {"worker": ["a:1"]}}', "expected such as"),
        (configuration(2), "the index must be 0 to 1"),
        (configuration(-1), "the index must be 0 to 1"),
        (configuration(0, ["node1", "node2:1"]), "host:port"),
        (configuration(0, ["node1:1", "node1:1"]), "an address of its own"),
        (configuration(0, kind="evaluator"), "of type worker"),
        (configuration(0, ps=["node3:1"]), "of type worker"),
    ],
)
def test_a_wrong_variable_is_one_line(text, reason, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(InputError, match=f"TF_CONFIG: .*{reason}") as error:
        select_devices("", several_machines=True)
    assert "\n" not in str(error.value)


def test_one_machine_in_the_list_and_programs_for_one_machine_work_alone(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", configuration(0, ["localhost:23457"]))
    assert select_devices("", several_machines=True).num_replicas_in_sync == 1
    monkeypatch.setenv("TF_CONFIG", configuration(1))
    assert select_devices("").num_replicas_in_sync == 1


@pytest.mark.slow
def test_two_processes_make_the_model_of_one(blobs, tmp_path):
    """Without dropout, whose random numbers depend on how batches are shared: all else is the same to rounding."""
    for name, label in (("pos", 1), ("neg", 0)):
        rows = np.flatnonzero(blobs.labels == label)
        columns = {axis: blobs.positions[rows, k].tolist() for k, axis in enumerate("xyz")}
        images = [blobs.images[row] for row in rows]
        write_table(tmp_path / f"{name}.xmd", {"image": images, "tiltSeriesId": blobs.tomo_ids[rows].tolist(), **columns})
    one = [_started(tmp_path / "one.h5", None)]
    assert [_ended(process)[0] for process in one] == [0]
    leader, other = (_ended(process) for process in [_started(tmp_path / "two.h5", index) for index in range(2)])
    assert (leader[0], other[0]) == (0, 0), leader[1] + other[1]
    assert "network 2/2 epoch  2/2" in leader[1] and "model written" in leader[1]
    assert "epoch" not in other[1] and "the first machine writes" in other[1]
    weights = [
        [w for network in load_model(tmp_path / name).networks for w in network.get_weights()] for name in ("one.h5", "two.h5")
    ]
    for alone, shared in zip(*weights, strict=True):
        # Rounding of two machines' sums, which Adam enlarges: 1.4e-5 was seen
        np.testing.assert_allclose(shared, alone, atol=1e-4)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["neg.xmd", "one.csv", "one.h5", "pos.xmd", "two.csv", "two.h5"]
    alone, shared = (pd.read_csv(tmp_path / name).sort_values(["fold", "epoch"]).iloc[:, :-1] for name in ("one.csv", "two.csv"))
    np.testing.assert_allclose(shared, alone, atol=1e-5)


def _started(model, index: int | None) -> subprocess.Popen:
    """The training program on its own, or as one of two machines."""
    without_dropout = (
        "import sys, keras; keras.layers.Dropout.call = lambda self, inputs, training=False: inputs; "
        "from xmipp_scripts.deep_picking_consensus_tomo import main; sys.exit(main())"
    )
    environment = os.environ | ({} if index is None else {"TF_CONFIG": configuration(index)})
    options = (
        f"--mode training --inputPos pos.xmd --inputNeg neg.xmd --model {model.name} --log {model.stem}.csv "
        f"--boxsize {BOX} --samplingrate {RATE} --epochs 2 --folds 2 --batch 16 --threads 1"
    )
    return subprocess.Popen(
        [sys.executable, "-c", without_dropout, *options.split()],
        cwd=model.parent,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def _ended(process: subprocess.Popen) -> tuple[int, str]:
    """Exit code and output of a process."""
    output = process.communicate(timeout=300)[0]
    return process.returncode, output
