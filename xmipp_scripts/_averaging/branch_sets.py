"""The sets of picks that xmipp_compare_branches_tomo compares: pickers, votes, the consensus, files, and noise as the null."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tomo_particles.averaging.picked_boxes import box_of
from tomo_particles.consensus.merged_picks import NEGATIVE
from tomo_particles.consensus.noise_picks import pick_noise
from tomo_particles.core.coordinates import check_inside
from tomo_particles.core.errors import InputError, listed
from tomo_particles.core.picks import Picks
from tomo_particles.core.seeds import seed_of
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.xmd import read_picks
from tomo_particles.runs.layout import ProgramLayout, ProtocolLayout
from tomo_particles.runs.results import RunResults, read_run

from .branch_config import CONSENSUS, NOISE, OWN, TRUTH, BranchesConfig
from .headers import Header


@dataclass(frozen=True)
class Branch:
    """One set of picks. kind: picker, vote, consensus, picks, truth or noise.  picks: by tomogram, in its voxels."""

    name: str
    kind: str
    picks: dict[str, Picks]

    def __len__(self) -> int:
        return sum(map(len, self.picks.values()))


def read_branches(config: BranchesConfig, headers: dict[str, Header], notes: list[str]) -> list[Branch]:
    """Every set that was given, without the noise. headers: of the tomograms that are used."""
    found = [Branch(name, "picks", _read(path, "--branches", config, headers, notes)) for name, path in config.branches.items()]
    if config.consensus is not None:
        own = _of_consensus(config.consensus, headers, notes)
        if twice := {branch.name for branch in own} & set(config.branches):
            raise InputError(f"--branches: the consensus has a branch '{min(twice)}' too; choose another name")
        found += own
    if config.truth is not None:
        truth = _read(config.truth, "--truth", config, headers, notes)
        if missing := sorted(set(headers) - set(truth)):
            notes.append(f"'{config.truth}' names no particle in {listed(missing)}: every pick there counts as false")
        found.append(Branch(TRUTH, "truth", truth))
    return found


def _read(path: str, option: str, config: BranchesConfig, headers: dict[str, Header], notes: list[str]) -> dict[str, Picks]:
    rates = {tomo_id: rate for tomo_id, (_, rate) in headers.items()}
    sizes = {tomo_id: size for tomo_id, (size, _) in headers.items()}
    rate = config.average.sampling_rate
    found = read_pick_file(path, rates, sampling_rate=rate, option=option, sizes=sizes, notes=notes)
    own = {tomo_id: picks.at_sampling_rate(rates[tomo_id]) for tomo_id, picks in found.items() if len(picks)}
    for tomo_id, picks in own.items():
        check_inside(picks.positions, sizes[tomo_id], f"{option}: '{path}', tomogram '{tomo_id}'", picks.sampling_rate)
    return own


def _of_consensus(folder: str, headers: dict[str, Header], notes: list[str]) -> list[Branch]:
    """Each picker with its own picks, each number of votes, and what the run accepted."""
    run = read_run(folder, option="--consensus")
    names = {tomogram.tomo_id for tomogram in run.tomograms}
    if not names & set(headers):
        raise InputError(f"--consensus: '{folder}' has none of the tomograms given; give the tomograms of that run")
    if beside := names - set(headers):
        notes.append(f"'{folder}' has {len(beside)} more tomograms, the first '{min(beside)}': their picks are left out")
    raw = _raw_picks(run, names & set(headers))
    pickers = [
        Branch(
            f"picker {name}" if name in OWN else name,
            "picker",
            {tomo_id: picks[picks.picker == number] for tomo_id, picks in raw.items()},
        )
        for number, name in enumerate(run.pickers, start=1)
    ]
    right = run.merged.label != NEGATIVE
    votes = [
        Branch(f"votes >= {least}", "vote", _merged(run, right & (run.merged.support >= least), headers))
        for least in range(2, len(run.pickers) + 1)
    ]
    found = [*pickers, *votes, Branch(CONSENSUS, "consensus", _merged(run, run.accepted, headers))]
    at_rate = lambda picks: picks.at_sampling_rate(headers[picks.tomo_id][1])  # noqa: E731
    return [replace(b, picks={tomo_id: at_rate(own) for tomo_id, own in b.picks.items() if len(own)}) for b in found]


def _raw_picks(run: RunResults, names: set[str]) -> dict[str, Picks]:
    protocol = ProtocolLayout(run.folder)
    layout = protocol if protocol.common_grid.is_file() else ProgramLayout(run.folder)
    return {tomo_id: read_picks(layout.picks(tomo_id), "--consensus") for tomo_id in sorted(names)}


def _merged(run: RunResults, rows: np.ndarray, headers: dict[str, Header]) -> dict[str, Picks]:
    found = {}
    for tomo_id in headers:
        own = rows & run.of_tomogram(tomo_id)
        if own.any():
            found[tomo_id] = Picks(tomo_id, run.merged.positions[own], run.sampling_rate)
    return found


def noise_branch(
    branches: list[Branch], count: int, config: BranchesConfig, headers: dict[str, Header], say: Callable[[str], None]
) -> Branch:
    """As many random places, evenly over the tomograms, away from the picks of every branch."""
    diameter, found, asked = config.average.diameter, {}, -(-count // len(headers))
    for tomo_id, (size, rate) in headers.items():
        taken = [branch.picks[tomo_id].positions for branch in branches if tomo_id in branch.picks]
        rng = np.random.default_rng(seed_of(config.average.seed, tomo_id))
        made = pick_noise(
            np.concatenate([np.zeros((0, 3)), *taken]), size, box_of(diameter, rate), diameter / rate, asked, rng=rng, shrink=True
        )
        if made.note:
            say(f"noise in '{tomo_id}': {made.note}")
        if len(made.positions):
            found[tomo_id] = Picks(tomo_id, made.positions, rate)
    return Branch(NOISE, NOISE, found)
