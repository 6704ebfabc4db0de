"""The programs on real pickings of a real tomogram; skipped with a reason where the data are not beside the repository."""

import json

import pandas as pd

from xmipp_scripts._consensus_run.config import PipelineConfig
from xmipp_scripts._consensus_run.pipeline import Pipeline


def test_two_real_pickings_agree_as_their_documentation_says(shared_data, tmp_path):
    """731 and 801 picks of apoferritin; 693 agree within 6 voxels, counted pick by pick (data/README.md)."""
    folder = shared_data / "real" / "apoferritin_empiar10491"
    tomogram = next(folder.glob("*.mrc"))
    files = []
    for source in sorted(folder.glob("*_picks_*.csv")):
        files.append(str(tmp_path / source.name))
        picks = pd.read_csv(source).set_axis(["x", "y", "z", "score"], axis=1)
        picks.assign(tomo_id=tomogram.stem).to_csv(files[-1], index=False)
    config = PipelineConfig(
        tomograms=(str(tomogram),), picks=tuple(files), box_size=24, radius=0.25, voting=True, odir=str(tmp_path / "out")
    )
    Pipeline(config, lambda line: None).run()
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert sorted(summary["picks"].values()) == [731, 801]
    assert abs(summary["accepted"] - 693) <= 7
    assert (tmp_path / "out" / "picks.png").stat().st_size > 0
