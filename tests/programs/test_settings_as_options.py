"""The settings that the report of a run shows: as options, with their values."""

from dataclasses import fields

from xmipp_scripts._consensus_run.as_options import NEGATED, NOT_WITH_VOTES, OPTIONS, as_options
from xmipp_scripts._consensus_run.config import PipelineConfig
from xmipp_scripts._shared.training_options import TrainingSettings


def config_of(tmp_path, **values) -> PipelineConfig:
    picks = []
    for number in (1, 2):
        picks.append(tmp_path / f"picker {number}.csv")
        picks[-1].write_text(f"tomo_id,x,y,z\nTS_1,{number},2,3\n")
    return PipelineConfig(tomograms=("TS_1.mrc",), picks=tuple(map(str, picks)), box_size=24, odir="out", **values)


def test_every_setting_has_its_option_and_the_program_has_it(defined):
    known = {field.name for kind in (PipelineConfig, TrainingSettings) for field in fields(kind)} - {"odir", "training"}
    assert set(OPTIONS) == known and known >= NEGATED | NOT_WITH_VOTES
    assert set(OPTIONS.values()) <= defined("run_deep_consensus_tomo")._known


def test_values_are_those_that_the_options_have(tmp_path):
    shown = as_options(config_of(tmp_path, move=False, truth=None, training=TrainingSettings(augment=False)))
    assert shown["--keepCentres"] == "yes" and shown["--noReport"] == "no" and shown["--noAugment"] == "yes"
    assert (shown["--boxsize"], shown["--truth"], shown["--tilts"], shown["--recipe"]) == ("24", "-", "-60, 60", "consensus")
    voted = as_options(config_of(tmp_path, voting=True))
    assert voted["--voting"] == "yes" and not {"--threshold", "--epochs", "--tilts"} & set(voted)
