"""The models of a wheel, loaded: who serves, who served before and watches, and what they say."""

from __future__ import annotations

from functools import cached_property

from whorl import decide, learn
from whorl.protocols import Blobs, Estimator, Floats, Journal
from whorl.records import Model, Promotion, Turn
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

    def outputs(self, model: Model, X: Floats) -> Floats:
        """(N, K) what `model` says of `X`."""
        return self.wheel.task.outputs(self.estimator(model), X)

    @cached_property
    def learned(self) -> frozenset[str]:
        """Example ids that the champion was trained on."""
        return learn.examples_in(self.blobs.get(self.champion.dataset)) if self.champion else frozenset()
