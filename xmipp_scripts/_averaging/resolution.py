"""xmipp_map_resolution_tomo from files to files: two half maps read and checked, their resolution written."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import permutations
from pathlib import Path

import numpy as np

from tomo_particles import __version__
from tomo_particles.core.coordinates import same_sampling_rate
from tomo_particles.core.errors import InputError, parameter
from tomo_particles.core.files import write_csv_table, written_aside
from tomo_particles.core.tomograms import open_tomogram, write_volume
from tomo_particles.fourier.half_maps import emptied_from, holds_other
from tomo_particles.fourier.local_resolution import INSIDE
from tomo_particles.fourier.map_resolution import MapResolution, angstrom, resolution_of
from tomo_particles.fourier.shell_correlation import fsc_table, resolution_text

from .._shared.output_folder import claimed
from .._shared.program import print_notes, require_positive
from .resolution_page import write_resolution_page

# Of a mask: a step this big from voxel to voxel correlates by itself. A cosine over two voxels, the edge of the masks of
# xmipp_average_subtomograms, has steps up to 0.71.
HARD_EDGE = 0.75
CONES = (10.0, 45.0)  # degrees: narrower ones hold no frequency of a small box, wider ones are no direction


@dataclass(frozen=True)
class ResolutionConfig:
    """Two half maps; sampling rate in Å/voxel (None: that of their headers). threshold: of the FSC.  cone: degrees.

    coverage: how often each frequency was seen, as xmipp_average_subtomograms writes it.
    """

    half1: str
    half2: str
    odir: str
    mask: str | None = None
    coverage: str | None = None
    cone: float = 17.0
    threshold: float = 0.143
    sampling_rate: float | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"--threshold: must lie between 0 and 1, received {self.threshold:g}")
        if not CONES[0] <= self.cone <= CONES[1]:
            raise InputError(f"--cone: must lie between {CONES[0]:g} and {CONES[1]:g} degrees, received {self.cone:g}")
        if self.sampling_rate is not None:
            require_positive(self.sampling_rate, "--samplingrate", "Å/voxel")
        if self.seed < 0:
            raise InputError(f"--seed: must be 0 or more, received {self.seed}")


def write_resolution(config: ResolutionConfig) -> dict:
    """Compare two half maps; writes tables, the local resolution and a report, and returns what summary.json says."""
    (one, rate), (other, other_rate) = (
        _read(path, option, config) for path, option in ((config.half1, "--half1"), (config.half2, "--half2"))
    )
    if one.shape != other.shape:
        raise InputError(
            f"--half2: '{config.half2}' has {_edges(other)} voxels, '{config.half1}' {_edges(one)}; give two halves of one map"
        )
    if not same_sampling_rate(rate, other_rate):
        raise InputError(
            f"--half2: '{config.half2}' has voxels of {other_rate:g} Å, '{config.half1}' of {rate:g} Å",
            f"if both headers mean the same, give it with {parameter('sampling_rate')}",
        )
    if np.array_equal(one, other):
        raise InputError(f"--half2: '{config.half2}' holds the same map as '{config.half1}'; give the other half")
    _refuse_no_halves(config, one, other, rate)
    mask, notes = _mask(config, one)
    coverage = _coverage(config, one)
    made = resolution_of(
        one, other, mask, one.shape[0] * rate, coverage, cone=config.cone, threshold=config.threshold, seed=config.seed
    )
    summary = _summary(config, made, rate, notes)
    _write(config, made, (one + other) / 2, rate, summary)
    return summary


def _refuse_no_halves(config: ResolutionConfig, one: np.ndarray, other: np.ndarray, rate: float) -> None:
    """Raise InputError where a map is the whole or filtered: its correlation with a half says nothing of the resolution."""
    if holds_other(one, other) or holds_other(other, one):
        raise InputError(
            f"--half2: one of '{config.half1}' and '{config.half2}' holds the other: it is the average of both halves; give the "
            "other half"
        )
    for (first, volume), (second, filtered) in permutations([("--half1", one), ("--half2", other)]):
        if (shell := emptied_from(volume, filtered)) is not None:
            path = config.half1 if second == "--half1" else config.half2
            raise InputError(
                f"{second}: '{path}' holds nothing finer than {volume.shape[0] * rate / shell:.1f} A, the map of {first} does: "
                "it is filtered, as an average is, and no half; give the half map as it was made"
            )


def _summary(config: ResolutionConfig, made: MapResolution, rate: float, notes: list[str]) -> dict:
    found = {
        name: {
            "resolution": angstrom(getattr(made.fsc, name), config.threshold, made.extent),
            "text": resolution_text(getattr(made.fsc, name), config.threshold, made.extent),
        }
        for name in (("unmasked", "corrected") if config.mask else ("unmasked",))
    }
    if (shell := made.uneven_from) is not None:
        notes.append(f"from {made.extent / shell:.0f} A on the directions in which the halves agree are not spread evenly")
    return {
        "version": __version__,
        "threshold": config.threshold,
        "samplingRate": rate,
        "fsc": found,
        "fso": {"0.5": made.occupied, "band": made.band, "unevenFromShell": made.uneven_from},
        "local": dict(zip(("10%", "median", "90%"), made.local_spread, strict=True)),
        "notes": notes,
        "parameters": asdict(config),
    }


def _write(config: ResolutionConfig, made: MapResolution, average: np.ndarray, rate: float, summary: dict) -> None:
    folder = Path(config.odir)
    print_notes(claimed(folder))
    table = fsc_table(made.fsc, made.extent)
    if config.mask is None:
        table = table.drop(columns=["masked", "randomised", "corrected"])
    write_csv_table(folder / "fsc.csv", table)
    write_csv_table(folder / "fso.csv", made.occupancy_table())
    write_csv_table(folder / "directions.csv", made.direction_table())
    write_volume(folder / "local_resolution.mrc", made.local, rate)
    write_resolution_page(folder / "report.html", made, table, average, summary)
    with written_aside(folder / "summary.json") as aside:
        aside.write_text(json.dumps(summary, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _read(path: str, option: str, config: ResolutionConfig) -> tuple[np.ndarray, float]:
    with open_tomogram(path, config.sampling_rate, option, "--samplingrate") as opened:
        volume, rate = np.array(opened.data, dtype=np.float32), opened.sampling_rate
    if len(set(volume.shape)) > 1 or volume.shape[0] < 8:
        raise InputError(f"{option}: '{path}' has {_edges(volume)} voxels; give a cube of 8 or more")
    if not np.isfinite(volume).all():
        raise InputError(f"{option}: '{path}' has voxels that are not numbers; repair the file")
    if volume.max() <= volume.min():
        raise InputError(f"{option}: '{path}' holds one grey value only; give a half map")
    return volume, rate


def _mask(config: ResolutionConfig, volume: np.ndarray) -> tuple[np.ndarray, list[str]]:
    if config.mask is None:
        return np.ones_like(volume), ["no mask: the noise around the particle lowers the correlation"]
    mask, _ = _read(config.mask, "--mask", config)
    if mask.shape != volume.shape:
        raise InputError(
            f"--mask: '{config.mask}' has {_edges(mask)} voxels, the halves {_edges(volume)}; give a mask in their box"
        )
    if mask.min() < 0 or mask.max() > 1 + 1e-3:
        raise InputError(f"--mask: '{config.mask}' has values from {mask.min():g} to {mask.max():g}; give a mask from 0 to 1")
    if mask.max() <= INSIDE:
        raise InputError(f"--mask: '{config.mask}' has no voxel above {INSIDE:g}; give a mask that holds the particle")
    steps = max(float(np.abs(np.diff(mask, axis=axis)).max()) for axis in range(3))
    return mask, ["the mask has a hard edge, which correlates by itself: give a soft one"] if steps > HARD_EDGE else []


def _coverage(config: ResolutionConfig, volume: np.ndarray) -> np.ndarray | None:
    if config.coverage is None:
        return None
    coverage, _ = _read(config.coverage, "--coverage", config)
    if coverage.shape != volume.shape:
        raise InputError(
            f"--coverage: '{config.coverage}' has {_edges(coverage)} voxels, the halves {_edges(volume)}; give coverage.mrc of "
            "the same average"
        )
    if coverage.min() < 0:
        raise InputError(f"--coverage: '{config.coverage}' has values below 0; give coverage.mrc of xmipp_average_subtomograms")
    return coverage


def _edges(volume: np.ndarray) -> str:
    return " x ".join(map(str, volume.shape[::-1]))
