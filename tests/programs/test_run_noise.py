"""How much noise a run picks in a tomogram."""

import numpy as np
import pytest

from tomo_particles.consensus import verdict
from tomo_particles.core.picks import Picks
from tomo_particles.formats.xmd import read_table, write_picks
from tomo_particles.runs.layout import ProgramLayout
from xmipp_scripts._consensus_run.config import PipelineConfig
from xmipp_scripts._consensus_run.preparation import Preparation
from xmipp_scripts._consensus_run.steps import Steps
from xmipp_scripts._consensus_run.tomograms import TomogramInfo
from xmipp_scripts._shared.training_options import TrainingSettings


@pytest.mark.parametrize(("recipe", "expected"), [("consensus", 10), ("paper", 40)])
def test_our_recipe_has_a_highest_number_for_a_tomogram_and_that_of_the_paper_has_none(tmp_path, monkeypatch, recipe, expected):
    monkeypatch.setattr(verdict, "MOST_NOISE", 10)
    tomogram = TomogramInfo("T", "T.mrc", 10.0, (120, 120, 60))
    config = PipelineConfig(
        tomograms=("T.mrc",), picks=("a.csv", "b.csv"), box_size=12, odir=str(tmp_path), training=TrainingSettings(recipe=recipe)
    )
    layout = ProgramLayout(tmp_path)
    for path in (layout.every_pick("T"), layout.labelled("T", "noise"), layout.noise_note("T")):
        path.parent.mkdir(parents=True, exist_ok=True)
    positions = np.random.default_rng(1).random((40, 3)) * (119, 119, 59)
    write_picks(layout.every_pick("T"), Picks("T", positions, 10.0), 12, "T.mrc")
    said = []
    preparation = Preparation(config, layout, 10.0, "small", {}, said.append)
    preparation._pick_noise(tomogram, layout.every_pick("T"), Steps(tmp_path))
    assert len(read_table(layout.labelled("T", "noise"))["x"]) == expected
    assert said == [f"noise T: {expected}"]
