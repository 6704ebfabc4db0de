"""Template search in one tomogram: each template over all rotations, on voxels as coarse as possible, then a selection."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..core.grey_values import gaps_note
from ..core.picks import Picks
from ..core.tomograms import Tomogram, tomogram_id
from ..fourier.ctf import CTF
from ..fourier.whitening import whitening_of
from ..geometry.orientations import angles_of, rotation_grid
from .template_kernels import TemplateKernels, TomogramFilter, spherical_mask, usable_resolution
from .template_matching import (
    PreparedTomogram,
    ScoreMap,
    match_template,
    match_template_at,
    prepare,
    seconds_per_rotation,
    without_bad,
    working_bytes,
)
from .template_refinement import COARSER, NOISE_ROTATIONS, TURNS, candidates_of, is_large_enough, match_near
from .template_selection import CANDIDATES, select

if TYPE_CHECKING:
    from scipy.spatial.transform import Rotation

REACH = 2.0  # voxels of the tomogram around a pick in which a template is compared
RANDOM_PLACES = 200
LOOSER = 1.5  # steps of a search that only says where to look, over those that its resolution asks for
WORTH = 0.5  # of the work of the full search: a coarse one that needs more saves nothing
CROWTHER_RANGE = (7.0, 20.0)  # degrees: finer takes hours on a workstation, coarser misses particles that are not nearly round


@dataclass(frozen=True)
class Template:
    """density: (z, y, x), particle bright; rate: Å/voxel; diameter: Å."""

    name: str
    path: Path
    density: np.ndarray
    rate: float
    diameter: float


@dataclass(frozen=True)
class SearchSettings:
    """How to search; lengths in Å, angles in degrees.

    tilts: first and last of the tilt series; None: no missing wedge.  ctf: None for none.
    lowpass: finest resolution to compare, angular_step: of the rotations; None: chosen from the sampling and the templates.
    bright: particles are bright in the tomogram.  whiten: the spectrum of the tomogram is divided out.
    number: the best n picks of each template; threshold: the lowest correlation; with neither, the one that noise would reach.
    select: of `template_selection.select`.
    coarse_first: every rotation is compared only where a coarser search found something; else at every voxel.
    """

    tilts: tuple[float, float] | None = (-60.0, 60.0)
    ctf: CTF | None = None
    lowpass: float | None = None
    angular_step: float | None = None
    bright: bool = False
    whiten: bool = True
    number: int | None = None
    threshold: float | None = None
    select: str = "all"
    coarse_first: bool = False
    threads: int = 1


def search(
    tomogram: Tomogram,
    templates: Sequence[Template],
    settings: SearchSettings,
    mask: np.ndarray | None = None,
    *,
    bad: np.ndarray | None = None,
    keep: Callable[[Template, ScoreMap, Rotation, PreparedTomogram], None] | None = None,
    progress: Callable[[str], None] = lambda line: None,
    expect: Callable[[float], None] = lambda seconds: None,
    done: Callable[[float], None] = lambda share: None,
) -> Picks:
    """The picks of one tomogram. Raises GreyValuesError where no voxel is a number.

    mask: (n,) its value at 0, 1, 2... template voxels from its centre; None: a soft ball of each template's diameter.
    bad: (z, y, x) bool of the tomogram, where nothing may be picked; what is there changes no score beside it.
    keep: receives each template with its scores, its rotations by number, and the prepared tomogram.
    progress: receives a line before and after each template.  expect: receives how long all templates take together, seconds,
    before the first.  done: receives the share of the work that is done, from several threads.
    """
    if bad is not None and bad.all():
        progress(f"{tomogram.path}: 0 picks, every voxel is in a bad region")
        return Picks(tomogram_id(tomogram.path), np.zeros((0, 3)), tomogram.sampling_rate)
    prepared = _prepared(tomogram, templates, settings, bad)
    resolution = prepared.tomogram_filter.resolution
    progress(
        f"{tomogram.path}: at {resolution:.1f} Å on {edges(prepared.shape)} voxels of {np.mean(prepared.voxel):.2f} Å, "
        f"about {(prepared.spectrum.nbytes + working_bytes(prepared, settings.threads)) / 2**20:.0f} MB"
    )
    if prepared.gaps:
        progress(f"{tomogram.path}: {gaps_note(prepared.gaps, tomogram.data.size)}")
    tomo_id = tomogram_id(tomogram.path)
    coarse = None
    if settings.coarse_first and any(is_large_enough(one.diameter, resolution) for one in templates):
        coarse = _prepared(tomogram, templates, settings, bad, prepared.tomogram_filter)
    plans = [_plan(template, mask, prepared, coarse, settings) for template in templates]
    expect(sum(plan.seconds for plan in plans))
    candidates = {}
    turned = _Count(sum(plan.seconds for plan in plans), done)
    for template, plan in zip(templates, plans, strict=True):
        rotations = plan.rotations
        found = _match(settings, tomogram, template, prepared, plan, progress, turned)
        if keep:
            keep(template, found, rotations, prepared)
        candidates[template.name] = _picks(settings, tomogram, tomo_id, template, found, rotations)
    diameters = {template.name: template.diameter for template in templates}
    return select(candidates, diameters, settings.select, settings.number)


class _Count:
    """How much of the work is done, in the seconds that it was thought to take. done: receives the share."""

    def __init__(self, total: float, done: Callable[[float], None]) -> None:
        self._total, self._done, self._before, self._lock = max(total, 1e-9), done, 0.0, threading.Lock()

    @contextmanager
    def of(self, seconds: float, parts: int) -> Iterator[Callable[[int], None]]:
        """Work of so many seconds in equal parts; the parts that are done are counted by several threads."""
        counted = 0

        def add(number: int) -> None:
            nonlocal counted
            with self._lock:
                counted += number
                self._done((self._before + seconds * counted / parts) / self._total)

        yield add
        self._before += seconds
        self._done(min(1.0, self._before / self._total))


@dataclass(frozen=True)
class Identified:
    """Of n places, the name of the template that they are most like, its angles rot, tilt, psi (n, 3) in degrees, and by how many
    deviations it fits better there than at random places; NaN and empty where nothing could be compared."""

    names: np.ndarray
    angles: np.ndarray
    surplus: np.ndarray


def identify(
    tomogram: Tomogram,
    positions: np.ndarray,
    templates: Sequence[Template],
    settings: SearchSettings,
    *,
    seed: int,
    progress: Callable[[str], None] = lambda line: None,
) -> Identified:
    """Which template is at each position (n, 3) x, y, z, voxels of the tomogram, and how it is turned.

    Templates are compared within REACH of the positions alone. A large template fits noise less well than a small one: what
    counts is how far its best correlation lies above those that it has at random places.
    """
    n = len(positions)
    names, angles, surplus = np.full(n, "", dtype=object), np.full((n, 3), np.nan), np.full(n, -np.inf)
    if not n:
        return Identified(names, angles, surplus)
    prepared = _prepared(tomogram, templates, settings, None)
    anywhere = np.random.default_rng(seed).uniform(0, np.array(tomogram.data.shape[::-1]) - 1, size=(RANDOM_PLACES, 3))
    for template in templates:
        step = settings.angular_step or crowther_step(prepared.tomogram_filter.resolution, template.diameter)
        rotations = rotation_grid(step)
        kernels = _kernels(template, None, prepared)
        found = match_template_at(
            prepared, kernels, rotations, np.concatenate([positions, anywhere]), REACH, threads=settings.threads
        )
        noise = found.score[n:][np.isfinite(found.score[n:])]
        if len(noise) < 2 or not noise.std() > 0:
            continue
        own = (found.score[:n] - noise.mean()) / noise.std()
        better = own > surplus
        names[better], surplus[better] = template.name, own[better]
        angles[better] = angles_of(rotations[found.rotation[:n][better]])
        progress(f"  {template.name}: {len(rotations)} rotations at {n} picks, best for {int(better.sum())} so far")
    return Identified(names, angles, np.where(np.isfinite(surplus), surplus, np.nan))


def _prepared(
    tomogram: Tomogram,
    templates: Sequence[Template],
    settings: SearchSettings,
    bad: np.ndarray | None,
    fine: TomogramFilter | None = None,
) -> PreparedTomogram:
    """The tomogram filtered and sampled for these templates. fine: the filter of their search, for one that is coarser."""
    data = tomogram.data if bad is None else without_bad(tomogram.data, bad)
    reach = max(template.diameter for template in templates) / 2
    if fine is not None:
        coarser = replace(fine, resolution=COARSER * fine.resolution)
        return prepare(data, tomogram.sampling_rate, coarser, reach, bright=settings.bright, bad=bad, workers=settings.threads)
    coarsest = max(template.rate for template in templates)
    resolution = usable_resolution(tomogram.sampling_rate, coarsest, settings.lowpass, settings.ctf)
    tomogram_filter = TomogramFilter(resolution, settings.tilts, settings.ctf)
    if settings.whiten:
        whitening = whitening_of(data, tomogram.sampling_rate, settings.tilts, settings.threads)
        tomogram_filter = replace(tomogram_filter, whitening=whitening)
    return prepare(
        data, tomogram.sampling_rate, tomogram_filter, reach, bright=settings.bright, bad=bad, workers=settings.threads
    )


def _kernels(template: Template, mask: np.ndarray | None, prepared: PreparedTomogram) -> TemplateKernels:
    template_mask = _search_mask(template, mask, prepared)
    return TemplateKernels(template.density, template.rate, template_mask, prepared.voxel, prepared.tomogram_filter)


def crowther_step(resolution: float, diameter: float) -> float:
    """Angle (degrees) by which a particle's surface moves one resolution, within CROWTHER_RANGE."""
    return float(np.clip(np.degrees(resolution / diameter), *CROWTHER_RANGE))


def _search_mask(template: Template, profile: np.ndarray | None, prepared: PreparedTomogram) -> np.ndarray:
    rate = float(np.mean(prepared.voxel))
    if profile is None:
        return spherical_mask(template.diameter / rate)
    reach = int(np.ceil(np.flatnonzero(profile > 1e-3)[-1] * template.rate / rate))
    z, y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1, -reach : reach + 1]
    radius = np.sqrt(z**2 + y**2 + x**2) * (rate / template.rate)
    return np.interp(radius, np.arange(len(profile)), profile, right=0).astype(np.float32)


@dataclass(frozen=True)
class _Plan:
    """How a template is searched: kernels, rotations with their step in degrees, and how long it takes, about.

    prepared: what is searched everywhere.  coarse: the plan of a coarser search before, if there is one.
    """

    prepared: PreparedTomogram
    kernels: TemplateKernels
    rotations: Rotation
    step: float
    seconds: float
    coarse: _Plan | None = None

    @property
    def work(self) -> float:
        """Comparisons: unlike seconds the same on every machine."""
        return float(np.prod(self.prepared.padded)) * len(self.rotations)


def _plan(
    template: Template,
    mask: np.ndarray | None,
    prepared: PreparedTomogram,
    coarse: PreparedTomogram | None,
    settings: SearchSettings,
) -> _Plan:
    resolution = prepared.tomogram_filter.resolution
    step = settings.angular_step or crowther_step(resolution, template.diameter)
    fine = _everywhere(template, mask, prepared, step, settings)
    if coarse is None or not is_large_enough(template.diameter, resolution):
        return fine
    coarse_step = max(step, LOOSER * crowther_step(COARSER * resolution, template.diameter))
    first = _everywhere(template, mask, coarse, coarse_step, settings)
    share = NOISE_ROTATIONS / len(fine.rotations)
    if first.work + share * fine.work > WORTH * fine.work:
        return fine
    return replace(fine, seconds=2 * first.seconds + share * fine.seconds, coarse=first)


def _everywhere(
    template: Template, mask: np.ndarray | None, prepared: PreparedTomogram, step: float, settings: SearchSettings
) -> _Plan:
    """Every rotation at every voxel."""
    kernels = _kernels(template, mask, prepared)
    rotations = rotation_grid(step)
    count = len(rotations)
    seconds = seconds_per_rotation(prepared, kernels) * count / min(settings.threads, count)
    return _Plan(prepared, kernels, rotations, step, seconds)


def _match(
    settings: SearchSettings,
    tomogram: Tomogram,
    template: Template,
    prepared: PreparedTomogram,
    plan: _Plan,
    progress: Callable[[str], None],
    count: _Count,
) -> ScoreMap:
    progress(
        f"  {template.name}: {template.diameter:.0f} Å, {len(plan.rotations)} rotations of {plan.step:.1f} degrees, "
        f"about {plan.seconds:.0f} s"
    )
    start = time.perf_counter()
    if plan.coarse is None:
        with count.of(plan.seconds, len(plan.rotations)) as add:
            found = match_template(prepared, plan.kernels, plan.rotations, threads=settings.threads, progress=add)
    else:
        found = _coarse_to_fine(settings, tomogram, template, prepared, plan, plan.coarse, count)
    progress(
        f"  {template.name}: {time.perf_counter() - start:.0f} s, best score {found.score.max():.3f}, "
        f"noise threshold {found.automatic_threshold:.3f}"
    )
    return found


def _coarse_to_fine(
    settings: SearchSettings,
    tomogram: Tomogram,
    template: Template,
    prepared: PreparedTomogram,
    plan: _Plan,
    coarse: _Plan,
    count: _Count,
) -> ScoreMap:
    threads = settings.threads
    with count.of(coarse.seconds, len(coarse.rotations)) as add:
        first = match_template(coarse.prepared, coarse.kernels, coarse.rotations, threads=threads, progress=add)
    step = max(plan.step, crowther_step(coarse.prepared.tomogram_filter.resolution, template.diameter))
    with count.of(plan.seconds - coarse.seconds, 2) as add:
        diameter = template.diameter / tomogram.sampling_rate
        candidates = candidates_of(first, diameter, prepared, plan.kernels, rotation_grid(step), threads)
        add(1)
        return match_near(prepared, plan.kernels, plan.rotations, candidates, TURNS * step, threads=threads)


def _picks(
    settings: SearchSettings, tomogram: Tomogram, tomo_id: str, template: Template, found: ScoreMap, rotations: Rotation
) -> Picks:
    number = settings.number * CANDIDATES if settings.number and settings.select == "filtered" else settings.number
    peaks = found.peaks(template.diameter / 2 / tomogram.sampling_rate, threshold=settings.threshold, number=number)
    best = found.rotation[tuple(peaks.voxels.T)]
    angles = angles_of(rotations[best]) if len(best) else np.zeros((0, 3))
    species = np.full(len(peaks), template.name, dtype=object)
    return Picks(tomo_id, peaks.positions, tomogram.sampling_rate, score=peaks.scores, angles=angles, species=species)


def edges(shape: tuple[int, ...]) -> str:
    """The size of a (z, y, x) volume for messages, x first: '20 x 30 x 40'."""
    return " x ".join(map(str, shape[::-1]))
