"""Embedders: learn from inputs how to place them, so that near means alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from whorl.protocols import Estimator, Floats


@dataclass(frozen=True)
class StandardPca:
    """Standardize the columns, then keep the `dimensions` directions with most variance (principal components).

    Missing values count as the column's mean. Constant columns are dropped. With fewer rows or columns than `dimensions`
    there are fewer. Deterministic: each direction points to where its largest weight is positive.

    >>> place = StandardPca(1)(np.array([[0.0, 5.0], [2.0, 5.0]]))
    >>> place(np.array([[1.0, 5.0], [4.0, 7.0]])).round(6) + 0.0
    array([[0.],
           [3.]])
    """

    dimensions: int = 16

    def __call__(self, X: Floats) -> Callable[[Floats], Floats]:
        X = np.asarray(X, dtype=np.float64)
        known = ~np.isnan(X)
        counts = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, X, 0.0).sum(axis=0) / counts
        centred = np.where(known, X - mean, 0.0)
        scale = np.sqrt((centred**2).sum(axis=0) / counts)
        moving = scale > 1e-12
        scale = np.where(moving, scale, 1.0)
        standard = (centred / scale)[:, moving]
        directions = _principal(standard, self.dimensions)
        largest = np.abs(directions).argmax(axis=1) if directions.size else np.zeros(0, dtype=np.intp)
        directions = directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]

        def place(new: Floats) -> Floats:
            new = np.asarray(new, dtype=np.float64)
            shifted = np.where(np.isnan(new), 0.0, (new - mean) / scale)
            return np.asarray(shifted[:, moving] @ directions.T)

        return place


ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "identity": lambda z: z,
    "logistic": lambda z: 0.5 + 0.5 * np.tanh(0.5 * z),  # the same, and it does not overflow
    "relu": lambda z: np.maximum(z, 0.0),
    "tanh": np.tanh,
}
"""Those that scikit-learn's networks know."""


def _principal(standard: Floats, most: int) -> Floats:
    """(at most `most`, D) the directions with most variance, most first, by the smaller of X'X and XX'.

    Twenty times faster than the singular value decomposition of 1,000 x 64, and as good for a map.
    """
    n, d = standard.shape
    small = standard.T @ standard if d <= n else standard @ standard.T
    variances, vectors = np.linalg.eigh(small)
    some = np.argsort(variances)[::-1][:most]
    some = some[variances[some] > 1e-9 * max(float(variances.max(initial=0.0)), 1e-300)]
    if d <= n:
        return np.asarray(vectors[:, some].T)
    return np.asarray((vectors[:, some].T @ standard) / np.sqrt(variances[some])[:, None])


def last_layer(fitted: Estimator) -> Callable[[Floats], Floats]:
    """Where a trained model itself places inputs: what its last step sees, or its own last hidden layer.

    A pipeline: the output of all steps before the last, and then the last step's own layer if it has one. A neural
    network of scikit-learn: the activations of its last hidden layer. A linear model: its scores. Anything else: its
    probabilities or predictions.
    """

    def place(X: Floats) -> Floats:
        steps = getattr(fitted, "steps", None)
        model, seen = (steps[-1][1], fitted[:-1].transform(X) if len(steps) > 1 else X) if steps else (fitted, X)
        if hasattr(model, "coefs_") and hasattr(model, "intercepts_"):
            for weights, bias in zip(model.coefs_[:-1], model.intercepts_[:-1], strict=True):
                seen = ACTIVATIONS[model.activation](seen @ weights + bias)
            return np.asarray(seen, dtype=np.float64)
        for name in ("decision_function", "predict_proba", "predict"):
            if hasattr(model, name):
                scores = np.asarray(getattr(model, name)(seen), dtype=np.float64)
                return scores if scores.ndim == 2 else scores[:, None]
        raise TypeError(f"{type(model).__name__} has no layer, scores or predictions to place inputs with.")

    return place
