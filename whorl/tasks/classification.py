"""One of several classes: the utility of an answer is 1 when it is right and 0 when it is not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whorl.errors import BadOutcome, DeclarationError, PartError
from whorl.protocols import Estimator, Floats, Tensor
from whorl.records import Json


class Classification:
    """Which of `classes` (whole numbers or texts, all of one type) is it?

    Outputs are probabilities, shape (N, K), in the order of `classes`.

    >>> task = Classification(["cat", "deer"])
    >>> outputs = np.array([[0.9, 0.1], [0.4, 0.6]])
    >>> task.answers(outputs), task.margin(outputs), task.utility(outputs, ["cat", "cat"])
    (['cat', 'deer'], array([0.8, 0.2]), array([1., 0.]))
    """

    def __init__(self, classes: Iterable[int | str]) -> None:
        found = list(classes)
        kinds = {type(item) for item in found}
        if len(found) < 2 or len(set(found)) < len(found) or kinds not in ({int}, {str}):
            raise DeclarationError(
                "task.classes", found=found, needed="two or more different whole numbers, or as many different texts"
            )
        self.classes: tuple[int | str, ...] = tuple(found)
        self._row = {item: row for row, item in enumerate(self.classes)}

    def __repr__(self) -> str:
        return f"Classification({list(self.classes)!r})"

    @property
    def tensor(self) -> Tensor:
        return Tensor("output", "INT64" if isinstance(self.classes[0], int) else "BYTES")

    def check(self, truth: Any) -> Json:
        """The class as declared. Raises BadOutcome for anything that is not one of them; True is not 1 here."""
        if isinstance(truth, np.generic):
            truth = truth.item()
        if isinstance(truth, bool) or not isinstance(truth, int | str) or truth not in self._row:
            shown = ", ".join(repr(item) for item in self.classes[:12]) + (" ..." if len(self.classes) > 12 else "")
            raise BadOutcome(f"The truth is {str(truth)[:80]!r}; it must be one of {shown}.")
        return truth

    def targets(self, truths: Sequence[Json]) -> NDArray[Any]:
        """(N,) row numbers into `classes`."""
        return np.array([self._row[truth] for truth in truths], dtype=np.intp)

    def outputs(self, fitted: Estimator, X: Floats) -> Floats:
        """(N, K) probabilities; 0 for classes that the estimator never saw.

        From `predict_proba`; else a softmax of `decision_function`; else all on what `predict` says.

        Raises:
            PartError: they are not numbers; the largest of such would be the first class.
        """
        full = np.zeros((len(X), len(self.classes)))
        if not len(X):
            return full
        seen = np.asarray(getattr(fitted, "classes_", range(len(self.classes))), dtype=np.intp)
        if hasattr(fitted, "predict_proba"):
            full[:, seen] = fitted.predict_proba(X)
        elif hasattr(fitted, "decision_function"):
            scores = np.asarray(fitted.decision_function(X), dtype=np.float64)
            if scores.ndim == 1:  # two classes: the sign of one score decides
                scores = np.column_stack([-scores, scores])
            scores = np.exp(scores - scores.max(axis=1, keepdims=True))
            full[:, seen] = scores / scores.sum(axis=1, keepdims=True)
        else:
            full[np.arange(len(X)), np.asarray(fitted.predict(X), dtype=np.intp)] = 1.0
        if not np.isfinite(full).all():
            raise PartError(
                f"{type(fitted).__name__} answers with probabilities that are no numbers (NaN or infinite)."
            )
        return full

    def answers(self, outputs: Floats) -> list[Json]:
        return [self.classes[row] for row in outputs.argmax(axis=1)]

    def confidence(self, outputs: Floats) -> Floats:
        return np.asarray(outputs.max(axis=1, initial=0.0), dtype=np.float64)

    def margin(self, outputs: Floats) -> Floats:
        """Probability of the best class minus that of the second best."""
        best_two = np.partition(outputs, -2, axis=1)[:, -2:]
        return np.asarray(best_two[:, 1] - best_two[:, 0])

    def utility(self, outputs: Floats, truths: Sequence[Json]) -> Floats:
        """(N,): 1.0 where the most probable class is the truth."""
        return np.asarray(outputs.argmax(axis=1) == self.targets(truths), dtype=np.float64)

    def groups(self, truths: Sequence[Json]) -> list[str]:
        """The class, as text."""
        return [str(truth) for truth in truths]
