"""Our template matching beside pytme's (PyPI) on one tomogram, with the same template, mask and rotations.

pytme is no dependency of ours: give the Python of an environment that has it with --pytme. Neither side filters
here (no wedge, no CTF, no whitening), so that what is compared is the normalised correlation, its peaks, its time and its memory.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

THEIRS = r"""
import json, resource, sys, time
import numpy as np
from tme.analyzer import MaxScoreOverRotations
from tme.matching_data import MatchingData
from tme.matching_exhaustive import match_exhaustive
from tme.matching_scores import MATCHING_EXHAUSTIVE_REGISTER
given = np.load(sys.argv[1])
data = MatchingData(given["target"], given["template"], template_mask=given["mask"], rotations=given["rotations"])
setup, score = MATCHING_EXHAUSTIVE_REGISTER["FLCSphericalMask"]
start = time.perf_counter()
result = match_exhaustive(data, matching_score=score, matching_setup=setup, callback_class=MaxScoreOverRotations,
                          callback_class_args={"score_threshold": -1.0}, job_schedule=(1, int(sys.argv[3])),
                          pad_target_edges=True, interpolation_order=3)
seconds = time.perf_counter() - start
np.save(sys.argv[2], np.asarray(result[0]))
memory = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024
print(json.dumps({"seconds": seconds, "megabytes": memory}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tomogram", type=Path, required=True)
    parser.add_argument("--template", type=Path, required=True)
    parser.add_argument("--pytme", default=sys.executable, help="Python in whose environment pytme is installed")
    parser.add_argument("--truth", type=Path, help="ground_truth.csv of the simulator; its class is the template's name")
    parser.add_argument("--step", type=float, default=45.0, help="degrees")
    parser.add_argument("--lowpass", type=float, default=40.0, help="applied to the tomogram and the template beforehand, Å")
    parser.add_argument("--number", type=int, default=44, help="peaks compared")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(json.dumps(compare(options), indent=1))


def compare(options: argparse.Namespace) -> dict[str, object]:
    from scipy.spatial import cKDTree

    from tomo_particles.core.tomograms import open_tomogram
    from tomo_particles.fourier.filters import filtered, low_pass
    from tomo_particles.geometry.orientations import rotation_grid
    from tomo_particles.pickers.peaks import find_peaks
    from tomo_particles.pickers.template_kernels import TemplateKernels, TomogramFilter, density_diameter, spherical_mask
    from tomo_particles.pickers.template_matching import match_template, prepare

    with open_tomogram(options.tomogram) as tomogram, open_tomogram(options.template) as template:
        volume, rate = np.array(tomogram.data, dtype=np.float32), tomogram.sampling_rate
        density = np.array(template.data, dtype=np.float32)
    diameter = density_diameter(density, rate)
    volume = -filtered(volume - volume.mean(), low_pass(volume.shape, rate, options.lowpass))
    volume /= volume.std()
    density = filtered(density, low_pass(density.shape, rate, options.lowpass))
    grid = rotation_grid(options.step)
    tomogram_filter = TomogramFilter(2.2 * rate)  # keeps the sampling, so that both sides do the same work
    start = time.perf_counter()
    prepared = prepare(volume, rate, tomogram_filter, diameter / 2, bright=True, workers=options.threads)
    mask = spherical_mask(diameter / rate)
    kernels = TemplateKernels(density, rate, mask, prepared.voxel, tomogram_filter)
    ours = match_template(prepared, kernels, grid, threads=options.threads).score
    seconds = time.perf_counter() - start
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    turns = grid.inv().as_matrix()[:, ::-1, ::-1]  # pytme turns the axes, not the template
    theirs, report = run_pytme(options, volume, density, mask, turns)
    scored = np.isfinite(ours)
    theirs = np.where(scored, theirs, -np.inf)
    distance = diameter / 2 / rate
    found = {name: find_peaks(score, distance, number=options.number) for name, score in (("ours", ours), ("pytme", theirs))}
    near = cKDTree(found["pytme"].positions).query(found["ours"].positions)[0] <= 2
    result: dict[str, object] = {
        "rotations": len(grid),
        "voxels": list(volume.shape),
        "correlation of the score maps": corrcoef(ours[scored], theirs[scored]),
        f"of the best {options.number} peaks in common within 2 voxels": float(near.mean()),
        "seconds": {"ours": seconds, "pytme": report["seconds"]},
        "peak MB": {"ours": megabytes, "pytme": report["megabytes"]},
    }
    if options.truth:
        result["F1"] = {name: f1(peaks.positions, options, distance) for name, peaks in found.items()}
    return result


def corrcoef(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a, b)[0, 1])


def f1(positions: np.ndarray, options: argparse.Namespace, radius: float) -> float:
    import pandas as pd

    from tomo_particles.testing.agreement import agreement

    truth = pd.read_csv(options.truth)
    own = truth[(truth["class"] == options.template.stem) & (truth["tomo_id"] == options.tomogram.stem)]
    return agreement(positions, own[["x", "y", "z"]].to_numpy(float), radius).f1


def run_pytme(
    options: argparse.Namespace, volume: np.ndarray, density: np.ndarray, mask: np.ndarray, rotations: np.ndarray
) -> tuple[np.ndarray, dict[str, float]]:
    """Their score map (z, y, x), and what it cost."""
    edge = len(mask)
    template = np.zeros((edge,) * 3, dtype=np.float32)
    source, target = [], []
    for n in density.shape:  # the same box about the centre voxel as our mask
        half = min(edge // 2, n // 2, n - 1 - n // 2)
        source.append(slice(n // 2 - half, n // 2 + half + 1))
        target.append(slice(edge // 2 - half, edge // 2 + half + 1))
    template[tuple(target)] = density[tuple(source)]
    with tempfile.TemporaryDirectory() as folder:
        given, scores = Path(folder, "in.npz"), Path(folder, "scores.npy")
        np.savez(given, target=volume, template=template, mask=mask, rotations=rotations.astype(np.float32))
        run = subprocess.run(
            [options.pytme, "-c", THEIRS, given, scores, str(options.threads)], capture_output=True, text=True, check=False
        )
        if run.returncode:
            raise SystemExit(f"pytme failed: {run.stderr.strip().splitlines()[-1] if run.stderr.strip() else run.returncode}")
        return np.load(scores), json.loads(run.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
