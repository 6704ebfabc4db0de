"""Seeds of parts of a run, derived from the run's seed and a name: the order of the parts does not matter."""

from __future__ import annotations

import hashlib


def seed_of(seed: int, ts_id: str) -> int:
    """The seed of one tomogram. It does not depend on the other tomograms of the run."""
    return int.from_bytes(hashlib.sha256(f"{seed} {ts_id}".encode()).digest()[:4], "big") % 2**31
