"""Mutations of small valid files of every format: what the file says, or one line; in 5 s and 1 GB."""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import shutil
import signal
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np

from tests.finished_run import make_protocol_run, make_run
from tomo_particles.consensus.verdict import Separation, Verdict
from tomo_particles.core.errors import InputError
from tomo_particles.core.picks import Picks
from tomo_particles.core.tomograms import open_tomogram, write_volume
from tomo_particles.formats.pick_files import read_pick_file
from tomo_particles.formats.registry import FORMATS, Context, TomogramInfo, write
from tomo_particles.learning.model_files import architecture_of, folds_of, refuse_large_weights
from tomo_particles.pickers.blobs import blob_scores
from tomo_particles.runs.results import read_run

from .trial import Table

RATE, SIZE, AT_ONCE = 7.5, (961, 928, 301), 100
WORDS = (
    b"nan",
    b"-",
    b"",
    b"1e999",
    b"99999999999999999999",
    b"<NA>",
    b"0x10",
    b"1,5",
    b"''",
    b"\xff\xfe",
    b"\0",
    b"#",
    b"[[",
    b"{",
    b'"',
    b"\n",
    b"\r\n",
    b" " * 5000,
    b"9" * 5000,
    b"-1e-320",
    b"data_x",
    b"loop_",
    b"_x",
    b"NaN",
    b"inf",
    b"true",
    b"None",
)
LINE, FAST, PLACES, ALIVE = "refused in one line", "at most 5 s and 1 GB", "no pick at zero or nowhere", "the process lives on"


def trial(cases: int, seed: int, folder: Path) -> Table:
    """Pick files of every format, tomograms, the files of a finished run, and models."""
    table = Table()
    samples = list(_samples(folder / "samples"))
    for name, content, read in samples:  # whatever they import
        (folder / name).write_bytes(content)
        read(folder / name)
    for start in range(0, cases, AT_ONCE):
        jobs = [(start + i, *samples[(start + i) % len(samples)]) for i in range(min(AT_ONCE, cases - start))]
        _in_a_fork(jobs, seed, folder, table)
    return table


def _samples(folder: Path) -> Iterable[tuple[str, bytes, Callable[[Path], object]]]:
    """Names and contents of valid files, and what reads each."""
    folder.mkdir()
    path = Path(__file__).parents[1] / "libraries" / "formats" / "format_samples.py"
    spec = importlib.util.spec_from_file_location("format_samples", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found = {name: text.encode() for name, text in module.KNOWN.items()}
    rng = np.random.default_rng(0)
    picks = Picks(
        "TS_1",
        rng.random((12, 3)) * 200 + 20,
        RATE,
        score=rng.random(12),
        angles=rng.random((12, 3)) * 90,
        group=np.arange(12),
        species=["ribosome"] * 12,
    )
    context = Context({"TS_1": TomogramInfo("TS_1", RATE, SIZE)})
    for one in FORMATS:
        if one.write:
            for part in write(folder / f"TS_1_{one.name}{one.extensions[0]}", {"TS_1": picks}, context, one):
                if part.suffix != ".doc":
                    found[part.name] = part.read_bytes()
    for name, content in found.items():
        yield name, content, _read_picks
    write_volume(folder / "tomogram.mrc", rng.normal(size=(4, 5, 6)).astype(np.float32), RATE)
    yield "tomogram.mrc", (folder / "tomogram.mrc").read_bytes(), _read_tomogram
    for make, names in (
        (make_run, ("summary.json", "scored/merged.xmd", "scored/merged_reliability.csv")),
        (make_protocol_run, ("frame.json", "training_log.csv")),
    ):
        run = make(folder)
        if make is make_run:
            verdict = Verdict("weak", "few", 0.2, Separation(0.8, 0.1, 20, 20), Separation(0.7, 0.1, 20, 20), 0.4)
            (run / "scored" / "merged_verdict.json").write_text(verdict.to_json())
            names += ("scored/merged_verdict.json",)
        for name in names:
            yield name.replace("/", "_"), (run / name).read_bytes(), partial(_read_run, run, name)
    for suffix in (".h5", ".keras"):
        yield f"model{suffix}", _model(folder / f"model{suffix}"), _read_model


def _model(path: Path) -> bytes:
    import h5py

    from tomo_particles.learning.model_files import ATTRIBUTE, MEMBER

    about = json.dumps({"architecture": "small", "folds": 2})
    inner = path.with_name("inner.h5")
    with h5py.File(inner, "w") as file:
        file.create_dataset("weights", data=np.ones((40, 40), "f4"))
        file.attrs[ATTRIBUTE], file.attrs["model_config"] = about, json.dumps({"class_name": "Functional", "config": {}})
    if path.suffix == ".keras":
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr(MEMBER, about)
            archive.writestr("config.json", "{}")
            archive.write(inner, "model.weights.h5")
        return path.read_bytes()
    return inner.read_bytes()


def _read_picks(path: Path) -> object:
    return read_pick_file(path, {"TS_1": RATE}, sampling_rate=RATE, sizes={"TS_1": SIZE}, notes=[])


def _read_tomogram(path: Path) -> object:
    with open_tomogram(path) as tomogram:
        blob_scores(tomogram.data, 2.0)
    return {}


def _read_run(whole: Path, name: str, path: Path) -> object:
    """A finished run with one of its files in another state."""
    run = path.with_suffix(".run")
    shutil.copytree(whole, run)
    shutil.copy(path, run / name)
    read_run(run)
    return {}


def _read_model(path: Path) -> object:
    architecture_of(path)
    folds_of(path)
    refuse_large_weights(path, 10_000_000, "--model")
    return {}


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """One to three changes: bytes, digits, words, lines, ends."""
    for _ in range(int(rng.choice((1, 1, 1, 2, 3)))):
        at = int(rng.integers(0, len(content) + 1))
        end = min(len(content), at + int(rng.integers(1, 12)))
        kind = int(rng.integers(8))
        if kind == 0:
            content = content[:at] + bytes([int(rng.integers(256))]) + content[at + 1 :]
        elif kind == 1:
            content = content[:at] + content[end:]
        elif kind == 2:
            content = content[:at] + content[at:end] * int(rng.integers(2, 50)) + content[end:]
        elif kind == 3:
            content = content[:at]
        elif kind == 4:
            content = content[:at] + WORDS[int(rng.integers(len(WORDS)))] + content[at:]
        elif kind == 5:
            words = content.split(b" ")
            words[int(rng.integers(len(words)))] = WORDS[int(rng.integers(len(WORDS)))]
            content = b" ".join(words)
        elif kind == 6:
            digits = [place for place, byte in enumerate(content) if 48 <= byte < 58] or [at]
            place = int(rng.choice(digits))
            content = content[:place] + bytes([int(rng.integers(48, 58))]) + content[place + 1 :]
        else:
            lines = content.split(b"\n")
            lines.insert(int(rng.integers(len(lines))), lines[int(rng.integers(len(lines)))])
            content = b"\n".join(lines)
    return content


def _in_a_fork(jobs: list, seed: int, folder: Path, table: Table) -> None:
    """Read mutations in a child; it writes what it saw, a line each, so that its death shows which it was."""
    if not jobs:
        return
    report = folder / "report.jsonl"
    report.unlink(missing_ok=True)
    child = os.fork()
    if not child:
        with open(report, "a", encoding="utf-8") as lines:
            try:
                _become(jobs, seed, folder, lines)
            finally:
                os._exit(0)
    size, since = -1, time.monotonic()
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if (now := report.stat().st_size if report.exists() else 0) != size:
            size, since = now, time.monotonic()
        if time.monotonic() - since > 40:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.05)
    seen = [json.loads(line) for line in report.read_text(encoding="utf-8").splitlines()]
    for promise, held, case in (entry for entries in seen for entry in entries):
        table.note(promise, held, case)
    table.note(ALIVE, len(seen) == len(jobs), f"seed {seed}, case {jobs[min(len(seen), len(jobs) - 1)][:2]}")
    if len(seen) < len(jobs):
        _in_a_fork(jobs[len(seen) + 1 :], seed, folder, table)


def _become(jobs: list, seed: int, folder: Path, lines) -> None:
    signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(TimeoutError()))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # the notes of Xmipp
    for number, name, content, read in jobs:
        own = folder / "mutated"
        own.mkdir(exist_ok=True)
        path = own / name
        path.write_bytes(mutated(content, np.random.default_rng([seed, number])))
        case, entries, started = f"seed {seed}, case {number}, {name}", [], time.monotonic()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        signal.alarm(20)
        try:
            picks = read(path)
            entries.append(
                (
                    PLACES,
                    all(np.isfinite(p.positions).all() and not (p.positions == 0).all(axis=1).any() for p in picks.values()),
                    case,
                )
            )
        except InputError as error:
            entries.append((LINE, str(error).isprintable() and len(str(error)) < 5000, case))
        except BaseException as error:
            entries.append((LINE, False, f"{case}: {type(error).__name__}: {str(error)[:200]}"))
        signal.alarm(0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e6
        took = time.monotonic() - started
        entries.append((FAST, took <= 5 and grown <= 1, f"{case}: {took:.1f} s, {grown:.1f} GB"))
        lines.write(json.dumps(entries) + "\n")
        lines.flush()
        shutil.rmtree(own)
