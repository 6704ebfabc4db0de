"""The names of the files of a run on disk: users have old runs, so they never change."""

from pathlib import Path

import pytest

from tomo_particles.core.files import file_stem
from tomo_particles.runs.layout import ProgramLayout, ProtocolLayout

PER_RUN = ("model", "training_log", "scored", "reliability", "verdict", "scored_raw", "summary", "report")
PER_TOMOGRAM = ("picks", "positive_references", "negative_references", "every_pick", "consensus", "noise_note")
NAMES = {
    ProgramLayout: [
        "network/model.h5", "network/training_log.csv", "scored/merged.xmd", "scored/merged_reliability.csv",
        "scored/merged_verdict.json", "scored/raw.xmd", "summary.json", "report.html",
        "picks/TS.1.xmd", "truth/TS.1.xmd", "lie/TS.1.xmd", "avoid/TS.1.xmd", "all/TS.1.xmd", "noise/TS.1.txt",
        "pos/TS.1.xmd", "boxes/pos/TS.1.xmd",
    ],
    ProtocolLayout: [
        "model.h5", "training_log.csv", "scored.xmd", "scored_reliability.csv", "scored_verdict.json", "scored_raw.xmd",
        "summary.json", "report.html",
        "labelled/TS.1_raw.xmd", "picks/TS.1_truth.xmd", "picks/TS.1_lie.xmd", "picks/TS.1_every.xmd", "labelled/TS.1_all.xmd",
        "labelled/TS.1_noise.txt", "labelled/TS.1_pos.xmd", "subtomograms/TS.1/TS.1_pos.xmd",
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", NAMES)
def test_files_keep_their_names(kind):
    layout = kind("run")
    paths = [getattr(layout, name) for name in PER_RUN] + [getattr(layout, name)("TS.1") for name in PER_TOMOGRAM]
    paths += [layout.labelled("TS.1", "pos"), layout.subtomograms("TS.1", "pos")]
    assert [path.relative_to("run").as_posix() for path in paths] == NAMES[kind]


def test_what_only_one_of_them_has():
    program = ProgramLayout("run")
    assert (program.voted, program.picture) == (Path("run/voted/merged.xmd"), Path("run/picks.png"))
    assert program.output("accepted", ".csv") == Path("run/accepted.csv")
    assert ProtocolLayout("run").common_grid == Path("run/frame.json")


def test_the_label_raw_of_the_protocol_is_the_pickers_own_picks():
    layout = ProtocolLayout("run")
    assert layout.labelled("TS_1", "raw") == layout.picks("TS_1")


@pytest.mark.parametrize("tomo_id", ["a b", "{label}", "a/b"])
def test_odd_ids_become_plain_names_in_the_protocol(tomo_id):
    assert ProtocolLayout("run").picks(tomo_id).name == f"{file_stem(tomo_id)}_raw.xmd"


def test_braces_in_an_id_stay_as_they_are():
    assert ProgramLayout("run").picks("{label}").name == "{label}.xmd"
