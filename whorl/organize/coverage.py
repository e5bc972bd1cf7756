"""A first coverage map: cells of one size over the vectors, and how surprising it is to land in each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from whorl.protocols import Floats, Rows

CELLS_AT_START = 48
"""Cells that the first examples are cut into. More see finer holes, fewer fill faster."""


def nearest(vectors: Floats, to: Floats) -> Rows:
    """(N,) for each of `vectors` (N, V) the row of the nearest of `to` (M, V), the first of equals.

    >>> nearest(np.array([[0.0], [9.0]]), to=np.array([[1.0], [8.0]]))
    array([0, 1])
    """
    squares = (to**2).sum(axis=1) - 2 * vectors @ to.T
    return np.asarray(squares.argmin(axis=1), dtype=np.intp)


@dataclass(frozen=True)
class CoverageMap:
    """Cells with centres (C, V), all of one radius, in the order in which they were opened; a centre never moves."""

    centres: Floats
    radius: float

    @classmethod
    def over(cls, vectors: Floats, first: int) -> CoverageMap:
        """Open cells along `vectors`, in their order: a vector farther than the radius from all centres opens one.

        The radius is what lets `CELLS_AT_START` cells, chosen farthest first, cover the first `first` vectors (the
        covering radius of greedy k-center: Gonzalez 1985), so it is in the scale of the data and never changes as
        more arrive.
        """
        if not len(vectors):
            return cls(np.zeros((0, vectors.shape[1])), 0.0)
        start = vectors[:first]
        nearest = np.linalg.norm(start - start[0], axis=1)
        for _ in range(min(CELLS_AT_START, len(start)) - 1):
            nearest = np.minimum(nearest, np.linalg.norm(start - start[nearest.argmax()], axis=1))
        radius = float(nearest.max())

        centres = [vectors[0]]
        reach = np.linalg.norm(vectors - vectors[0], axis=1)
        for row in range(1, len(vectors)):
            if reach[row] > radius:
                centres.append(vectors[row])
                reach = np.minimum(reach, np.linalg.norm(vectors - vectors[row], axis=1))
        return cls(np.array(centres), radius)

    def cells(self, vectors: Floats) -> Rows:
        """(N,) number of the nearest cell."""
        if not len(vectors) or not len(self.centres):
            return np.zeros(len(vectors), dtype=np.intp)
        return nearest(vectors, self.centres)

    def bits(self, cells: Rows) -> Floats:
        """(N,) surprise of landing in `cells`, one after the other: -log2 of the probability given those before.

        The probability is Krichevsky and Trofimov's (1981): each of the C cells, and one for "somewhere new", starts
        with half a count. At least 0; the first sight of a cell is worth most, the hundredth hardly anything.

        >>> CoverageMap(np.zeros((2, 1)), 1.0).bits(np.array([0, 0, 1])).round(2)
        array([1.58, 0.74, 2.81])
        """
        counts = np.full(len(self.centres) + 1, 0.5)
        surprise = np.empty(len(cells))
        for row, cell in enumerate(cells):
            surprise[row] = -np.log2(counts[cell] / counts.sum())
            counts[cell] += 1
        return surprise
