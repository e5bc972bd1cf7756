"""The default: a random audit, what nobody has seen, what there is too little of, and what the model is unsure of."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whorl.errors import DeclarationError
from whorl.label.audit import at_random
from whorl.label.deficit import deficit
from whorl.label.kcenter import kcenter
from whorl.label.margin import margin
from whorl.protocols import Picks, Pool, Strategy


@dataclass(frozen=True)
class Mixed:
    """Split the budget: `audit` at random from everything; of the rest `pool.explore` by `unlike`, `pool.fill` by `lacking`,
    and what is left by `unsure`.

    The audit is drawn first and from the whole pool, so that it stays a fair sample whatever the others would have
    chosen. At least one audit is drawn per turn.
    """

    audit: float = 0.1
    unlike: Strategy = kcenter
    lacking: Strategy = deficit
    unsure: Strategy = margin

    def __post_init__(self) -> None:
        if isinstance(self.audit, bool) or not isinstance(self.audit, int | float) or not 0 < self.audit <= 1:
            raise DeclarationError(
                "strategy.audit",
                found=self.audit,
                needed="a share above 0 and at most 1",
                mend="Without audits nothing that the wheel says of itself is unbiased.",
            )

    def __call__(self, pool: Pool, n: int, rng: np.random.Generator) -> Picks:
        audits = max(1, round(self.audit * n)) if n else 0
        rest = n - audits
        done = at_random(pool, audits, rng)
        done = then(done, self.unlike, pool, round(pool.explore * rest), rng)
        done = then(done, self.lacking, pool, min(round(pool.fill * rest), n - len(done.rows)), rng)
        return then(done, self.unsure, pool, n - len(done.rows), rng)


def then(done: Picks, strategy: Strategy, pool: Pool, n: int, rng: np.random.Generator) -> Picks:
    """`done`, and after it what `strategy` picks among the rest, told that the picks of `done` are as good as known."""
    rest = np.setdiff1d(np.arange(len(pool.ids)), done.rows)
    left = Pool(
        ids=tuple(pool.ids[row] for row in rest),
        vectors=pool.vectors[rest],
        margins=pool.margins[rest],
        weights=pool.weights[rest],
        known=np.vstack([pool.known, pool.vectors[done.rows]]),
        explore=pool.explore,
        fill=pool.fill,
    )
    more = strategy(left, n, rng)
    return Picks(
        np.concatenate([done.rows, rest[more.rows]]),
        np.concatenate([done.probabilities, more.probabilities]),
        done.reasons + more.reasons,
    )
