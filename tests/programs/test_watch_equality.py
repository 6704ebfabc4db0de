"""--watch with pickers that really pick: whatever comes late, again or never, the end is the batch run, byte for byte."""

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from watched_stage import Stage, finished, same_as_batch, same_files

from tomo_particles.core.tomograms import write_volume
from tomo_particles.testing.synthetic import particle, simulate_tomogram

RATE, RADIUS, DIAMETER, BOX = 10.0, 5.0, 100.0, 20  # Å/voxel, voxels, Å, voxels
TS_IDS = tuple(f"TS_{number}" for number in range(1, 13))
TRAINING = ("--epochs", 1, "--folds", 2, "--batch", 32)
SILENT = ("nothing",)  # a picker that is looked for until the end
EVERY = 2.0  # seconds from a tomogram to the next


class RealPicks:
    """Twelve tomograms, and what Laplacian, difference of Gaussians and template matching find in them."""

    def __init__(self, folder: Path, done) -> None:
        self.folder = folder
        self.picks: dict[str, dict[str, list[str]]] = {}
        self.headers: dict[str, str] = {}
        rng = np.random.default_rng(7)
        for ts_id in TS_IDS:
            scene = simulate_tomogram((128, 128, 64), {"target": 40, "bead": 3}, rng=rng, radius=RADIUS, sampling_rate=RATE)
            write_volume(self.tomogram(ts_id), scene.volume, RATE)
        write_volume(folder / "template.mrc", particle("target", RADIUS), RATE)
        tomograms = ("--tomograms", *map(self.tomogram, TS_IDS))
        for method in ("log", "dog"):
            blobs = ("--diameter", DIAMETER, "--method", method, "--number", 40)
            done("pick_blobs_tomo", *tomograms, "-o", folder / f"{method}.csv", *blobs)
        matching = ("--templates", folder / "template.mrc", "--angularstep", 45, "--number", 45)
        done("template_matching_tomo", *tomograms, "-o", folder / "templates.csv", *matching)
        for picker in ("log", "dog", "templates"):
            with open(folder / f"{picker}.csv", newline="") as file:
                self.headers[picker], *rows = file.read().splitlines()
            self.picks[picker] = {ts_id: [row for row in rows if row.startswith(f"{ts_id},")] for ts_id in TS_IDS}

    def tomogram(self, ts_id: str) -> Path:
        return self.folder / f"{ts_id}.mrc"


class RealStage(Stage):
    """A session with these pickers, whose files appear one by one."""

    def picks(self, picker: str, tomo_id: str, drop: int = 0) -> None:
        rows = self.scene.picks[picker][tomo_id][drop:]
        (self.folder / picker / f"{tomo_id}.csv").write_text("\n".join([self.scene.headers[picker], *rows]) + "\n")


@pytest.fixture(scope="module")
def real_picks(tmp_path_factory, done) -> RealPicks:
    return RealPicks(tmp_path_factory.mktemp("real picks"), done)


@pytest.fixture
def stage(real_picks, tmp_path, order) -> Iterator[RealStage]:
    made = RealStage(real_picks, tmp_path / "session", BOX, SILENT if order is blind else ())
    yield made
    made.close()


def come(stage: RealStage, events: list[tuple[str, str, int]], odir: str = "live_run") -> str:
    """Let tomograms and picks come, one event after the other, and end the waiting; gives what the run said.

    events: of what ("tomograms", or a picker), which tomogram, and how many picks are missing at first.
    """
    watched = stage.watch(*TRAINING, odir=odir)
    stage.wait_for("options.json", odir=odir)
    for number, (what, ts_id, drop) in enumerate(events):
        if what == "tomograms":
            time.sleep(EVERY)
            stage.tomogram(ts_id)
        else:
            if any(event[:2] == (what, ts_id) for event in events[:number]):  # picked again: a busy machine may lag behind
                stage.wait_for(f"ledger/{ts_id}.json", odir=odir)
            stage.picks(what, ts_id, drop)
    time.sleep(5)  # a file must not change for a while
    (stage.folder / odir / "finish").touch()
    return finished(watched)


def all_of(ts_ids, *pickers: str) -> list[tuple[str, str, int]]:
    """Each tomogram with the picks of these pickers."""
    return [(what, ts_id, 0) for ts_id in ts_ids for what in ("tomograms", *pickers)]


def late_picker() -> list[tuple[str, str, int]]:
    """Template matching comes when the other two are done, from the last tomogram to the first."""
    return all_of(TS_IDS, "log", "dog") + [("templates", ts_id, 0) for ts_id in reversed(TS_IDS)]


def picked_again() -> list[tuple[str, str, int]]:
    """Tomograms in another order; the second one is picked again when six others have been published, two picks more."""
    order = TS_IDS[6:] + TS_IDS[:6]
    events = all_of(order, "templates", "dog", "log")
    first = events.index(("log", order[1], 0))
    events[first] = ("log", order[1], 5)
    return [*events, ("log", order[1], 0)]


def blind() -> list[tuple[str, str, int]]:
    """DoG never sees two tomograms, and a fourth picker never sees any."""
    return [event for event in all_of(TS_IDS, "log", "dog", "templates") if event[:2] not in {("dog", "TS_3"), ("dog", "TS_9")}]


@pytest.mark.slow
@pytest.mark.parametrize("order", [late_picker, picked_again, blind])
def test_networks_of_three_pickers(stage, order):
    """A network is trained at five tomograms and again at ten."""
    said = come(stage, order())
    if order is blind:  # the batch run refuses a picker without picks: a session that finds all there stands for it
        come(stage, [], "batch_run")
        same_files(stage)
        accepted = (stage.folder / "live_run" / "accepted.csv").read_text()
        assert "nothing" not in accepted and "log+dog+templates" in accepted
    else:
        same_as_batch(stage, *TRAINING)
    assert set(stage.published()) == set(TS_IDS), said
    assert "final pass with 12 tomograms" in said and "model 1 is trained" in said
    entries = [json.loads(path.read_text()) for path in (stage.folder / "live_run" / "live" / "ledger").iterdir()]
    revisions = {entry["tomo_id"]: entry["revision"] for entry in entries}
    again = {"TS_8"} if order is picked_again else set()
    assert {ts_id for ts_id, revision in revisions.items() if revision > 1} == again
    assert all(entry["rows"] == stage.published()[entry["tomo_id"]] for entry in entries)
