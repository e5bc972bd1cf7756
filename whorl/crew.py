"""The models of a wheel, loaded: who serves, who served before and watches, and what they say."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from whorl import decide, learn
from whorl.protocols import Blobs, Estimator, Floats, Journal, Rows, Task
from whorl.records import Json, Model, Promotion, Turn
from whorl.wheel import Wheel


class Crew:
    """The champion at the time a turn was opened, and its predecessors in shadow. Each is loaded when it is first asked."""

    def __init__(self, wheel: Wheel, journal: Journal, blobs: Blobs, turn: Turn) -> None:
        self.wheel, self.blobs = wheel, blobs
        self.champion: Model | None = decide.champion(journal, until=turn.watermark)
        self.shadows: list[tuple[Model, Promotion]] = decide.predecessors(journal, turn) if self.champion else []
        self._loaded: dict[str, Estimator] = {}

    def estimator(self, model: Model) -> Estimator:
        """The fitted estimator of `model`, from its verified artefact."""
        if model.version not in self._loaded:
            self._loaded[model.version] = learn.load(self.blobs.get(model.artefact), self.wheel.trusted)
        return self._loaded[model.version]

    def answered(self, model: Model, X: Floats) -> tuple[Rows, Floats]:
        """Rows of `X` that `model` can answer, and its outputs for them."""
        return answered(self.wheel.task, self.estimator(model), X)

    def utility(self, model: Model, X: Floats, truths: Sequence[Json]) -> Floats:
        """(N,) what the answers of `model` to `X` are worth: nothing where it cannot answer."""
        worth = np.zeros(len(X))
        rows, outputs = self.answered(model, X)
        worth[rows] = self.wheel.task.utility(outputs, [truths[row] for row in rows.tolist()])
        return worth

    @cached_property
    def learned(self) -> frozenset[str]:
        """Example ids that the champion was trained on."""
        return learn.examples_in(self.blobs.get(self.champion.dataset)) if self.champion else frozenset()


def answered(task: Task, fitted: Estimator, X: Floats) -> tuple[Rows, Floats]:
    """Rows (M,) of `X` that `fitted` can answer, and its outputs (M, K) for them.

    An input that fits the wheel may still be more than a model can take: a missing value, where none was missing when it
    learned. One such row must not stop the turn, or it would stop every turn. Cost: two calls for each halving down to
    each row that fails.
    """
    try:
        return np.arange(len(X), dtype=np.intp), task.outputs(fitted, X)
    except Exception:
        if len(X) < 2:
            return np.zeros(0, dtype=np.intp), task.outputs(fitted, X[:0])
    half = len(X) // 2
    (first, one), (second, other) = answered(task, fitted, X[:half]), answered(task, fitted, X[half:])
    return np.concatenate([first, second + half]), np.vstack([one, other])
