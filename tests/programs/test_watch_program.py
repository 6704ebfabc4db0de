"""xmipp_run_deep_consensus_tomo --watch: tomograms and picks that arrive give, at the end, the files of the batch run."""

import csv
import json
import os
import shutil
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from watched_stage import NAME, Stage, finished, same_as_batch

from tomo_particles.regions.classes import BAD, GOLD
from tomo_particles.regions.mask_files import write_mask
from tomo_particles.regions.region_mask import RegionMask

PICKERS = ("one", "two", "three")
PIPED = {"capture_output": True, "text": True, "check": False}


@pytest.fixture
def stage(scene, tmp_path) -> Iterator[Stage]:
    made = Stage(scene, tmp_path)
    yield made
    made.close()


def test_votes_of_arriving_tomograms_are_those_of_the_batch_run_and_survive_kills(stage):
    options = ("--voting", "--count", 2)
    watched = stage.watch(*options)
    stage.wait_for("options.json")
    stage.tomogram("TS_10")
    for picker in PICKERS:
        stage.picks(picker, "TS_10")
    stage.wait_for("ledger/TS_10.json")
    watched.send_signal(signal.SIGKILL)  # between preparation and publishing, or near it
    watched.communicate()
    stage.picks("one", "TS_1", drop=3)  # before its tomogram
    stage.picks("three", "TS_1")
    watched = stage.watch(*options)
    stage.tomogram("TS_1")
    time.sleep(1.5)
    watched.send_signal(signal.SIGKILL)
    watched.communicate()
    watched = stage.watch(*options)
    stage.picks("one", "TS_1")
    stage.picks("two", "TS_1")
    said = finished(watched)
    assert "published TS_1:" in said and "final pass with 2 tomograms" in said
    same_as_batch(stage, "--voting")
    with open(stage.folder / "live_run" / "accepted.csv", newline="") as file:
        accepted = Counter(row["tomo_id"] for row in csv.DictReader(file))
    assert stage.published() == accepted and set(accepted) == {"TS_1", "TS_10"}
    page, session = stage.page(), json.loads((stage.folder / "live_run" / "live" / "session.json").read_text())
    assert "2 of 2 tomograms" in page and "'finished'" not in page and "finished" in page
    seen = session["tomograms"]["TS_1"]
    counts = {name: len(stage.scene.picks[name]["TS_1"][0]) for name in PICKERS}
    assert seen["live"] == accepted["TS_1"] and seen["picks"] == counts
    final_pass = (stage.folder / "live_run" / "accepted.csv").stat().st_mtime
    assert seen["live_at"] < final_pass < session["looked_at"]  # the waiting time ends before the final pass
    again = finished(stage.watch(*options))
    assert "published" not in again and "final pass" not in again and "merged picks accepted" in again
    answers = "tomo_id,x,y,z,samplingRate,answer,who,when,why,score\nTS_1,20,20,20,10,yes,me,now,,0.5\n"
    (stage.folder / "live_run" / "answers.csv").write_text(answers)
    for more, words in (((), "voting uses no answers; the 1 in"), (("--diameter", 80), "second look: ")):
        other = finished(stage.watch(*options, *more))  # something else is asked: the final pass alone is done again
        assert "published" not in other and "final pass with 2 tomograms" in other and words in other
        assert "final pass" not in finished(stage.watch(*options, *more))


@pytest.mark.slow
def test_networks_are_trained_while_tomograms_arrive_and_the_final_pass_is_the_batch_run(stage):
    masks = {tomo_id: f"{tomo_id}_mask.mrc" for tomo_id in ("TS_1", "TS_10")}
    training = ("--epochs", 1, "--folds", 2, "--mask", *masks.values())
    labels = np.zeros((20, 28, 32), dtype=np.uint8)
    labels[:, :14] = GOLD
    write_mask(stage.folder / masks["TS_10"], RegionMask(labels, 20.0, BAD))
    options = (*training, "--count", 2, "--firstTomograms", 2, "--firstAgreed", 10)
    watched = stage.watch(*options)
    stage.tomogram("TS_10")
    for picker in reversed(PICKERS):
        stage.picks(picker, "TS_10")
    stage.wait_for("ledger/TS_10.json")
    assert not (stage.folder / "live_run" / "live" / "picks.csv").exists()  # nothing before the first model
    stage.tomogram("TS_1")
    for picker in PICKERS:
        stage.picks(picker, "TS_1")
    assert "--mask: no mask of 'TS_1'; give one per tomogram" in stage.wait_for("ledger/TS_1.json").read_text()
    write_mask(stage.folder / masks["TS_1"], RegionMask(labels, 20.0, BAD))
    stage.wait_for("models/0001.json")
    watched.send_signal(signal.SIGKILL)  # in the first training
    watched.communicate()
    said = finished(stage.watch(*options))
    assert "model 1 is trained" in said and "published TS_10:" in said and "published TS_1:" in said
    same_as_batch(stage, *training)
    with open(stage.folder / "live_run" / "live" / "picks.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["model"] for row in rows} == {"1"} and all(float(row["score"]) >= 0.5 for row in rows)
    entries = [json.loads(path.read_text()) for path in (stage.folder / "live_run" / "live" / "ledger").iterdir()]
    assert {entry["tomo_id"]: entry["rows"] for entry in entries if entry["rows"]} == dict(stage.published())
    assert all(entry["published"] and entry["revision"] == 1 for entry in entries) and len(entries) == 2


def test_what_cannot_be_used_is_said_and_the_file_finish_ends_all_waiting(stage):
    (stage.folder / "three").rmdir()
    watched = stage.watch("--voting", "--noFinal")
    lines = iter(watched.stdout.readline, "")
    assert next(lines) == "looking for tomograms in 'tomograms' and for picks in 'one', 'two', 'three'\n"
    assert next(lines) == "note: --picks: 'three' does not exist; it is waited for\n"
    (stage.folder / "three").mkdir()
    stage.picks("one", "TS_1")
    text = (stage.folder / "one" / "TS_1.csv").read_text()
    (stage.folder / "three" / "grid5_a.csv").write_text(text.replace("TS_1,", "grid5_a,"))
    positions, scores = stage.scene.picks["two"]["TS_1"]
    (stage.folder / "two" / "TS_1.csv").write_text(stage.scene.text({"TS_1": (positions / 10, scores)}))  # in another unit
    stage.tomogram("TS_1")
    waiting = "waiting for picker 'three' in 1 tomogram (of no tomogram that came: 'grid5_a.csv')\n"
    assert next(line for line in lines if "waiting" in line) == waiting
    whole = bytearray(stage.scene.tomogram("TS_10").read_bytes())
    (stage.folder / "tomograms" / "half.mrc").write_bytes(whole[: len(whole) // 2])
    whole[40:52] = bytes(12)  # the size of the volume in Å
    (stage.folder / "tomograms" / "no_rate.mrc").write_bytes(whole)
    assert "give it in Å/voxel with --tomogramSamplingrate" in next(line for line in lines if "'no_rate'" in line)
    (stage.folder / "live_run" / "finish").touch()
    said = finished(watched)
    assert "agreed, no picks of picker 'three'\n" in said and "by votes, no picks of picker 'three'\n" in said
    assert f"note: tomogram 'half' is left out: it holds {len(whole) // 2} of {len(whole)} bytes\n" in said
    assert "note: files of picker 'three' are not used (of no tomogram that came: 'grid5_a.csv')\n" in said
    page = stage.page()
    assert "left out: " in page and "with --tomogramSamplingrate" in page and "picker 'three'" not in page
    assert "published TS_1:" in said and "done; the accepted picks: live_run/live/picks.csv" in said
    assert not (stage.folder / "live_run" / "finish").exists() and not (stage.folder / "live_run" / "accepted.csv").exists()


def test_a_picker_that_found_nothing_is_waited_for_and_the_final_pass_counts_it_as_one_that_saw_nothing(stage):
    """The batch run refuses it, as a mistake; a session must not fail at its end, after hours."""
    stage.tomogram("TS_1")
    for picker in PICKERS[:2]:
        stage.picks(picker, "TS_1")
    watched = stage.watch("--voting")
    time.sleep(3)
    (stage.folder / "live_run" / "finish").touch()
    said = finished(watched)
    assert "published TS_1:" in said and "note: picker 'three' has no picks\n" in said
    tables = [stage.folder / "live_run" / name for name in ("accepted.csv", "live/picks.csv")]
    for table in tables:
        with open(table, newline="") as file:
            rows = list(csv.DictReader(file))
        assert rows and {(row["pickers"], float(row["score"])) for row in rows} == {("one+two", 0.666667)}


def test_a_suspicious_place_is_noted_once_and_a_broken_reference_is_waited_for(stage):
    (stage.folder / "truth.csv").write_text("tomo_id,x,y,z\nTS_1,20,20,half\n")
    for picker in PICKERS:
        stage.picks(picker, "TS_1")
    positions, scores = stage.scene.picks["two"]["TS_1"]
    (stage.folder / "two" / "TS_1.csv").write_text(stage.scene.text({"TS_1": (positions / 10, scores)}))  # in another unit
    masks = ("TS_1_mask.mrc", "TS_7_mask.mrc")
    for mask in masks:
        write_mask(stage.folder / mask, RegionMask(np.zeros((20, 28, 32), dtype=np.uint8), 20.0, BAD))
    watched = stage.watch("--voting", "--truth", "truth.csv", "--mask", *masks)
    stage.tomogram("TS_1")
    assert "--truth: 'truth.csv', line 2: z is 'half'" in stage.wait_for("ledger/TS_1.json").read_text()
    (stage.folder / "truth.csv").write_text("tomo_id,x,y,z\nTS_1,20,20,20\n")
    stage.wait_for("picks.csv")
    (stage.folder / "live_run" / "finish").touch()
    said = finished(watched)
    assert said.count("note: two/TS_1.csv: warning: TS_1: the picks ") == 1
    assert said.count("note: --truth: 'truth.csv', line 2: z is 'half'") == 1 and "published TS_1:" in said
    assert "final pass with 1 tomograms" in said and "note: --mask: 'TS_7_mask.mrc' is not used: no tomogram came" in said


def test_a_copy_of_a_picker_is_refused_in_the_words_of_the_batch_run(stage):
    for picker in PICKERS:
        stage.picks(picker, "TS_1")
    shutil.copy(stage.folder / "one" / "TS_1.csv", stage.folder / "two" / "TS_1.csv")
    stage.tomogram("TS_1")
    watched = stage.watch("--voting", "--count", 1)
    said, _ = watched.communicate(timeout=60)
    words = "--picks: 'two' and 'one' hold the same picks; a picker counts once, give another picker's file"
    assert watched.returncode == 2 and said.splitlines()[-1].endswith(words)
    assert not (stage.folder / "live_run" / "live" / "picks.csv").exists()
    refused = subprocess.run(stage.command("batch", tomograms=["tomograms/TS_1.mrc"]), cwd=stage.folder, **PIPED)
    assert refused.returncode == 2 and refused.stderr.strip().endswith(words)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--count", 2], ["--count: has no meaning without --watch"]),
        (["--watch", "--count", 0], ["--count: must be positive"]),
        (["--watch", "--settle", -1], ["--settle: must be positive"]),
        (["--watch", "--enough", 1], ["--enough: must be 2 to 3"]),
        (["--watch", "--epochs", 0], ["--epochs: expected 1 or more"]),
        (["--watch", "--voting", "--publishVotes"], ["--publishVotes: has no meaning with --voting"]),
        (["--watch", "--truth", "none.csv"], ["--truth: file 'none.csv' does not exist"]),
        (["--watch", "--lie", "empty.csv"], ["--lie: file 'empty.csv' is empty"]),
        (["--watch", "--skipTraining", "--inputModel", "none.h5"], ["--inputModel: file 'none.h5' does not exist"]),
    ],
)
def test_wrong_options_are_refused_before_anything_arrives(refused, stage, options, words):
    (stage.folder / "empty.csv").touch()
    command = stage.command("out", *options)[3:]
    refused(NAME, *command, words=words, folder=stage.folder / "tomograms", cwd=stage.folder)
    assert not os.path.exists(stage.folder / "out" / "live" / "ledger")


def test_another_run_in_the_folder_and_other_options_are_refused(stage, refused):
    watched = stage.watch("--voting")
    stage.wait_for("options.json")
    command = stage.command("live_run", "--watch", "--voting")[3:]
    refused(NAME, *command, words=["--odir: another run works in"], folder=stage.folder / "tomograms", cwd=stage.folder)
    watched.send_signal(signal.SIGTERM)
    watched.communicate()
    words = ["--odir: 'live_run' was begun with other options (radius); use the same, or another folder"]
    refused(NAME, *command, "--radius", 0.5, words=words, folder=stage.folder / "tomograms", cwd=stage.folder)
