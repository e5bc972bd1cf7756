"""What there is too little of: examples that the plan wants more than others, even where the model feels sure."""

from __future__ import annotations

import numpy as np

from whorl.label.margin import systematic_sample
from whorl.protocols import Picks, Pool

WANTED = 1.5
"""Weight from which an example is wanted enough to be asked about for that alone."""

SHARPNESS = 2.0
"""Much softer than `margin`'s: a model that has seen three of a rare kind is often surely wrong about the fourth."""


def deficit(pool: Pool, n: int, rng: np.random.Generator) -> Picks:
    """At most `n` rows of weight 1.5 or more, with probability proportional to weight x exp(-2 x margin).

    Fewer than `n` where the plan wants fewer.
    """
    rows = np.flatnonzero(pool.weights >= WANTED)
    sizes = pool.weights[rows] * np.exp(-SHARPNESS * np.nan_to_num(pool.margins[rows], nan=0.0))
    places, probabilities = systematic_sample(sizes, n, rng)
    return Picks(rows[places], probabilities, ("deficit",) * len(places))
