"""The settings that the HTML pages show: as options, with their values."""

from dataclasses import fields

import pytest

from xmipp_scripts._averaging import branch_config, options, resolution, resolution_page
from xmipp_scripts._averaging.config import AverageConfig
from xmipp_scripts._consensus_run.config import PipelineConfig
from xmipp_scripts._consensus_run.settings import NEGATED, NOT_WITH_VOTES, OPTIONS, settings_of
from xmipp_scripts._shared.as_options import as_options, given_options
from xmipp_scripts._shared.training_options import TrainingSettings


def config_of(tmp_path, **values) -> PipelineConfig:
    picks = []
    for number in (1, 2):
        picks.append(tmp_path / f"picker {number}.csv")
        picks[-1].write_text(f"tomo_id,x,y,z\nTS_1,{number},2,3\n")
    return PipelineConfig(tomograms=("TS_1.mrc",), picks=tuple(map(str, picks)), box_size=24, odir="out", **values)


def test_every_setting_has_its_option_and_the_program_has_it(defined):
    known = {field.name for kind in (PipelineConfig, TrainingSettings) for field in fields(kind)} - {"odir", "training"}
    known -= {"silent"}  # what a session found out, not what a user sets
    assert set(OPTIONS) == known and known >= NEGATED | NOT_WITH_VOTES
    assert set(OPTIONS.values()) <= defined("run_deep_consensus_tomo")._known


def test_values_are_those_that_the_options_have(tmp_path):
    shown = settings_of(config_of(tmp_path, move=False, truth=None, training=TrainingSettings(augment=False)))
    assert shown["--keepCentres"] == "yes" and shown["--noReport"] == "no" and shown["--noAugment"] == "yes"
    assert (shown["--boxsize"], shown["--truth"], shown["--tilts"], shown["--recipe"]) == ("24", "-", "-60, 60", "consensus")
    voted = settings_of(config_of(tmp_path, voting=True))
    assert voted["--voting"] == "yes" and not {"--threshold", "--epochs", "--tilts"} & set(voted)


@pytest.mark.parametrize(
    ("program", "kinds", "known", "elsewhere"),
    [
        ("map_resolution_tomo", (resolution.ResolutionConfig,), resolution_page.OPTIONS, {"odir"}),
        (
            "compare_branches_tomo",
            (branch_config.BranchesConfig, AverageConfig),
            {**branch_config.OPTIONS, **options.OPTIONS},
            {"odir", "average", "picks", "start", "halves", "weigh_by_score"},
        ),
    ],
)
def test_pages_of_maps_show_every_setting_as_its_option(defined, program, kinds, known, elsewhere):
    assert set(known) == {field.name for kind in kinds for field in fields(kind)} - elsewhere
    assert set(known.values()) <= defined(program)._known


def test_settings_are_written_in_words():
    values = {"a": {"hand": "hand.csv", "blobs": "b.csv"}, "b": None, "c": 0.143, "d": False, "e": (-60.0, 60.0)}
    shown = as_options(values, {name: f"--{name}" for name in values})
    assert list(shown.values()) == ["hand=hand.csv, blobs=b.csv", "-", "0.143", "no", "-60, 60"]
    assert list(given_options(values, {name: f"--{name}" for name in values})) == ["--a", "--c", "--d", "--e"]
