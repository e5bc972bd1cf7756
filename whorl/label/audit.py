"""The uniform draw: the audit stream, the control arm, and the baseline that every strategy must beat."""

from __future__ import annotations

import numpy as np

from whorl.protocols import Picks, Pool


def at_random(pool: Pool, n: int, rng: np.random.Generator) -> Picks:
    """`n` rows, each with the same probability: the only choice that is a fair sample of what arrived."""
    n = min(n, len(pool.ids))
    rows = rng.choice(len(pool.ids), size=n, replace=False).astype(np.intp)
    return Picks(rows, np.full(n, n / max(len(pool.ids), 1)), ("audit",) * n)
