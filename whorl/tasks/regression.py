"""A number: the utility of an answer falls in a straight line from 1 (exact) to 0 (off by `tolerance` or more)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whorl.errors import BadOutcome, DeclarationError, PartError
from whorl.protocols import Estimator, Floats, Tensor
from whorl.records import Json


@dataclass(frozen=True)
class Regression:
    """How much is it, from `low` to `high`? An answer that is off by `tolerance` is worth nothing.

    Outputs have shape (N, 2): the value, and its spread in the same unit (NaN where the estimator tells none).

    >>> task = Regression(0, 100, tolerance=10)
    >>> task.utility(np.array([[50.0, 2.0], [50.0, 2.0]]), [52.5, 80.0])
    array([0.75, 0.  ])
    """

    low: float
    high: float
    tolerance: float
    bands: int = 5
    """Balanced figures average over this many equal bands of [low, high]."""

    def __post_init__(self) -> None:
        for name in ("low", "high", "tolerance"):
            found = getattr(self, name)
            if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
                raise DeclarationError(f"task.{name}", found=found, needed="a finite number")
        if self.low >= self.high:
            raise DeclarationError("task.high", found=self.high, needed=f"above task.low, which is {self.low:g}")
        if not 0 < self.tolerance <= self.high - self.low:
            raise DeclarationError(
                "task.tolerance",
                found=self.tolerance,
                needed=f"above 0 and at most {self.high - self.low:g}",
                mend="It is the error, in the unit of the outcome, at which an answer is worth nothing.",
            )
        if not isinstance(self.bands, int) or isinstance(self.bands, bool) or not 1 <= self.bands <= 100:
            raise DeclarationError("task.bands", found=self.bands, needed="a whole number from 1 to 100")

    @property
    def tensor(self) -> Tensor:
        return Tensor("output", "FP64")

    def check(self, truth: Any) -> Json:
        if isinstance(truth, np.generic):
            truth = truth.item()
        if isinstance(truth, bool) or not isinstance(truth, int | float) or not self.low <= truth <= self.high:
            raise BadOutcome(
                f"The truth is {str(truth)[:80]!r}; it must be a number from {self.low:g} to {self.high:g}."
            )
        return float(truth) + 0.0  # -0.0 and 0.0 are one truth

    def targets(self, truths: Sequence[Json]) -> NDArray[Any]:
        return np.array(truths, dtype=np.float64)

    def outputs(self, fitted: Estimator, X: Floats) -> Floats:
        """(N, 2) value, clipped to [low, high], and spread.

        The spread is the standard deviation over the trees of a forest, else NaN.

        Raises:
            PartError: the value is not a number.
        """
        if not len(X):
            return np.zeros((0, 2))
        value = np.clip(np.asarray(fitted.predict(X), dtype=np.float64), self.low, self.high)
        if np.isnan(value).any():
            raise PartError(f"{type(fitted).__name__} answers with values that are no numbers (NaN).")
        spread = np.full(len(X), np.nan)
        last = fitted[-1] if hasattr(fitted, "steps") else fitted
        if hasattr(last, "estimators_") and hasattr(last, "n_estimators") and np.ndim(last.estimators_) == 1:
            before = fitted[:-1].transform(X) if hasattr(fitted, "steps") and len(fitted.steps) > 1 else X
            columns = getattr(last, "estimators_features_", None) or [slice(None)] * len(last.estimators_)
            each = zip(last.estimators_, columns, strict=True)
            spread = np.std([tree.predict(before[:, seen]) for tree, seen in each], axis=0)
        return np.column_stack([value, spread])

    def answers(self, outputs: Floats) -> list[Json]:
        return [float(value) for value in outputs[:, 0]]

    def confidence(self, outputs: Floats) -> Floats:
        """1 minus the spread in units of `tolerance`, at least 0; 0 where the spread is unknown."""
        return np.nan_to_num(np.clip(1.0 - outputs[:, 1] / self.tolerance, 0.0, 1.0), nan=0.0)

    def margin(self, outputs: Floats) -> Floats:
        return self.confidence(outputs)

    def utility(self, outputs: Floats, truths: Sequence[Json]) -> Floats:
        worth = 1.0 - np.abs(outputs[:, 0] - self.targets(truths)) / self.tolerance
        return np.asarray(np.clip(worth, 0.0, 1.0), dtype=np.float64)

    def groups(self, truths: Sequence[Json]) -> list[str]:
        """The band of [low, high], as text such as `20 to 40`."""
        step = (self.high - self.low) / self.bands
        bands = np.clip((self.targets(truths) - self.low) // step, 0, self.bands - 1)
        return [f"{self.low + band * step:g} to {self.low + (band + 1) * step:g}" for band in bands]
