"""An annotator who knows the recorded truth, and is wrong as often as people are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from whorl.records import Json, LabelRequest, digest


@dataclass(frozen=True)
class Simulated:
    """Answers with the recorded truth; with probability `wrong` with the truth of another example instead.

    Whether and how it errs follows from `seed` and the request alone: asked the same again it says the same, asked in a
    new request it makes up its mind anew.
    """

    truths: Mapping[str, Json] = field(repr=False)
    """Example id -> truth. An example that is not in it gets no answer."""
    wrong: float = 0.0
    seed: int = 0
    name: str = "simulated"

    def __call__(self, requests: Sequence[LabelRequest], inputs: Sequence[Json]) -> list[Json]:
        return [self.answer(request.example, request.id) for request in requests]

    def answer(self, example: str, question: str) -> Json:
        """What it says of `example` when asked `question`."""
        truth = self.truths.get(example)
        rng = np.random.default_rng(int(digest(f"{self.seed} {question}")[:16], 16))
        if truth is None or rng.random() >= self.wrong:
            return truth
        others = sorted({str(other): other for other in self.truths.values() if other not in (None, truth)}.items())
        return others[rng.integers(len(others))][1] if others else truth
