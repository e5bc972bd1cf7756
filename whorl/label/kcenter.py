"""Unlike anything known first: greedy k-center (farthest-first), which finds rare kinds and holes soonest."""

from __future__ import annotations

import numpy as np

from whorl.protocols import Picks, Pool


def kcenter(pool: Pool, n: int, rng: np.random.Generator) -> Picks:
    """`n` rows, each the farthest from all that is labelled or already picked; ties go to the first row.

    No chance is involved, so each has probability 1: they teach, and never judge the traffic. With nothing labelled the
    first pick is nearest to the mean. Cost: (M + n) x N x V multiply-adds, memory N.

    Ref: Gonzalez (1985); Sener and Savarese (2018), arXiv 1708.00489.
    """
    n = min(n, len(pool.ids))
    rows: list[int] = []
    reach = np.full(len(pool.ids), np.inf)
    for start in range(0, len(pool.known), 1024):
        block = pool.known[start : start + 1024]
        squares = (pool.vectors**2).sum(1)[:, None] - 2 * pool.vectors @ block.T + (block**2).sum(1)
        reach = np.minimum(reach, np.maximum(squares, 0.0).min(axis=1))
    for _ in range(n):
        if np.isinf(reach).all():
            row = int(((pool.vectors - pool.vectors.mean(axis=0)) ** 2).sum(axis=1).argmin())
        else:
            row = int(reach.argmax())
        rows.append(row)
        reach = np.minimum(reach, ((pool.vectors - pool.vectors[row]) ** 2).sum(axis=1))
        reach[rows] = -1.0
    return Picks(np.array(rows, dtype=np.intp), np.ones(n), ("coverage",) * n)
