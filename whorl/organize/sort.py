"""Where on the map does each example lie, how much news is it, and which are copies?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from whorl.organize.coverage import CoverageMap
from whorl.organize.duplicates import exact_copies
from whorl.protocols import Embedder, Floats, Rows
from whorl.records import Example, Fate, Turn, derived_id


@dataclass(frozen=True)
class Sorted:
    """All kept examples in order of arrival, one row each, and the fate of each that arrived in this turn."""

    rows: dict[str, int]
    """Example id -> row. A copy has the row of what it copies."""
    kept: tuple[str, ...]
    X: Floats  # (N, D)
    vectors: Floats  # (N, V)
    cells: Rows  # (N,)
    contents: tuple[str, ...]
    customers: tuple[str, ...]
    map: CoverageMap
    fates: tuple[Fate, ...]


def sort(
    examples: Sequence[Example],
    X: Floats,
    sizes: Sequence[int],
    new: frozenset[str],
    embedder: Embedder,
    turn: Turn,
    price_per_byte: float,
) -> Sorted:
    """Place `examples` (in order of arrival; X has a row and `sizes` the bytes of each), and account for those in `new`.

    The embedder is fitted on the first 2^k kept examples, k as large as possible: refitted each time the data doubles,
    and for the rest of the time the same, whoever computes it.
    """
    first = exact_copies([example.content for example in examples])
    keep = np.flatnonzero(first == np.arange(len(examples)))
    originals = [examples[row] for row in keep.tolist()]
    row_of = np.zeros(len(examples), dtype=np.intp)
    row_of[keep] = np.arange(len(keep))
    X = X[keep]
    fit = 2 ** int(np.log2(len(keep))) if len(keep) else 0
    vectors = embedder(X[:fit])(X) if fit >= 2 else np.zeros((len(keep), 1))
    coverage = CoverageMap.over(vectors, first=fit)
    cells = coverage.cells(vectors)
    bits = coverage.bits(cells)
    fates = []
    for place, example in enumerate(examples):
        if example.id not in new:
            continue
        copy_of = examples[int(first[place])] if first[place] != place else None
        size = sizes[place]
        fates.append(
            Fate(
                id=derived_id(turn.event_time, turn.number, "organize", example.id),
                event_time=turn.event_time,
                known_time=turn.event_time,
                example=example.id,
                turn=turn.number,
                stage="organize",
                kept=copy_of is None,
                reason="first of its kind here" if copy_of is None else f"an exact copy of {copy_of.id}",
                bits=float(bits[row_of[place]]) if copy_of is None else 0.0,
                bytes=size,
                cost=size * price_per_byte if copy_of is None else 0.0,
            )
        )
    return Sorted(
        rows={example.id: int(row_of[first[place]]) for place, example in enumerate(examples)},
        kept=tuple(example.id for example in originals),
        X=X,
        vectors=vectors,
        cells=cells,
        contents=tuple(example.content for example in originals),
        customers=tuple(example.customer for example in originals),
        map=coverage,
        fates=tuple(fates),
    )
