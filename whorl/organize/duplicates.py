"""Copies: exact ones by the hash of their content, near ones by their distance."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from whorl.protocols import Floats, Rows

BLOCK = 2048
"""Rows compared at a time: 2048 x 2048 distances are 32 MB."""


def exact_copies(contents: Sequence[str]) -> Rows:
    """(N,) for each row the first row with the same content: itself, when it is the first.

    >>> exact_copies(["a", "b", "a"])
    array([0, 1, 0])
    """
    first: dict[str, int] = {}
    return np.array([first.setdefault(content, row) for row, content in enumerate(contents)], dtype=np.intp)


def near_copies(X: Floats, closeness: float = 0.1) -> Rows:
    """(N,) for each row the first row of its group; rows nearer than `closeness` times the usual distance are grouped.

    The usual distance is the median, over rows, of the distance to the nearest other row that is not identical. Groups
    are closed: a copy of a copy belongs. Cost: N x N x D multiply-adds in blocks of 2048 rows; below 50,000 rows no
    index is faster.

    >>> near_copies(np.array([[0.0], [1.0], [2.0], [1.01], [3.0]]))
    array([0, 1, 2, 1, 4])
    """
    n = len(X)
    if n < 2:
        return np.arange(n, dtype=np.intp)
    X = np.nan_to_num(np.asarray(X, dtype=np.float64))
    nearest = np.full(n, np.inf)
    for _, block, squares in _blocks(X):
        squares = np.where(squares > 1e-9, squares, np.inf)
        nearest[block] = np.minimum(nearest[block], squares.min(axis=1))
    usual = np.median(nearest[np.isfinite(nearest)]) if np.isfinite(nearest).any() else 0.0
    limit = max(closeness**2 * usual, 1e-9)

    group = np.arange(n, dtype=np.intp)
    for other, block, squares in _blocks(X):
        for row, column in np.argwhere(squares <= limit):
            a, b = _root(group, block.start + row), _root(group, other.start + column)
            group[max(a, b)] = min(a, b)
    return np.array([_root(group, row) for row in range(n)], dtype=np.intp)


def _blocks(X: Floats) -> Iterator[tuple[slice, slice, Floats]]:
    norms = (X**2).sum(axis=1)
    starts = range(0, len(X), BLOCK)
    for a in starts:
        for b in starts:
            rows, columns = slice(a, min(a + BLOCK, len(X))), slice(b, min(b + BLOCK, len(X)))
            yield columns, rows, np.maximum(norms[rows, None] + norms[columns] - 2 * X[rows] @ X[columns].T, 0.0)


def _root(group: Rows, row: int) -> int:
    while group[row] != row:
        group[row] = group[group[row]]
        row = int(group[row])
    return row
