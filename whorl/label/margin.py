"""Undecided first: examples whose two best answers are close, drawn so that each has a known probability."""

from __future__ import annotations

import numpy as np

from whorl.protocols import Floats, Picks, Pool

SHARPNESS = 8.0
"""A margin of 0 is e^8 = 3,000 times as likely as a margin of 1, and twice as likely as one of 0.09."""


def margin(pool: Pool, n: int, rng: np.random.Generator) -> Picks:
    """`n` rows, with probability proportional to weight x exp(-8 x margin).

    Drawing in place of taking the closest keeps the batch diverse at no cost (Kirsch et al., 2021, arXiv 2106.12059) and
    gives every example a known probability above 0. Rows without a margin count as undecided.
    """
    sizes = pool.weights * np.exp(-SHARPNESS * np.nan_to_num(pool.margins, nan=0.0))
    rows, probabilities = systematic_sample(sizes, n, rng)
    return Picks(rows, probabilities, ("margin",) * len(rows))


def systematic_sample(sizes: Floats, n: int, rng: np.random.Generator) -> tuple[np.ndarray, Floats]:
    """`min(n, N)` distinct rows, each with probability proportional to its size (those that would pass 1 are certain).

    Madow's (1949) systematic sampling in random order: the sample size is fixed and the probabilities are exact.

    Returns:
        rows (n,) and their probabilities (n,), in (0, 1].

    >>> rows, chance = systematic_sample(np.array([9.0, 1.0, 1.0]), 2, np.random.default_rng(0))
    >>> sorted(zip(rows.tolist(), chance.tolist()))[0]
    (0, 1.0)
    """
    n = min(n, len(sizes))
    if n == 0:
        return np.zeros(0, dtype=np.intp), np.zeros(0)
    sizes = np.maximum(sizes, 1e-12 * max(float(sizes.max()), 1e-300))
    chance = np.zeros(len(sizes))
    certain = np.zeros(len(sizes), dtype=bool)
    while True:
        left = n - int(certain.sum())
        chance[~certain] = left * sizes[~certain] / max(float(sizes[~certain].sum()), 1e-300)
        over = ~certain & (chance >= 1.0)
        chance[over] = 1.0
        if not over.any():
            break
        certain |= over
    order = rng.permutation(len(sizes))
    ends = np.cumsum(chance[order])
    ends *= n / ends[-1]  # rounding must not lose the last pick
    places = np.searchsorted(ends, rng.random() + np.arange(n), side="right")
    rows = order[np.minimum(places, len(sizes) - 1)].astype(np.intp)
    return rows, chance[rows]
