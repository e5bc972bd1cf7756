"""Every extension point, on one screen. A part is usually a plain function, or a frozen dataclass with `__call__`.

What each kind of part promises beyond its signature stands in `whorl.checks`, as functions that anyone can run on a
part of their own. Shapes: N examples, D input columns, V vector dimensions, K outputs of the task.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from whorl.records import Json, LabelRequest, Record

R = TypeVar("R", bound=Record)
A = TypeVar("A")
B = TypeVar("B")
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Rows = NDArray[np.intp]

Estimator = Any
"""Fits and predicts as scikit-learn's do: `fit`, `predict`; for probabilities `predict_proba` or `decision_function`."""

Recipe = Callable[[int], Estimator]
"""seed -> a fresh, unfitted estimator. What it is (class, parameters) is its identity; the seed is not."""


@dataclass(frozen=True)
class Tensor:
    """One tensor of the Open Inference Protocol: name, datatype (`FP32`, `INT64`, `BYTES` ...), shape of one row."""

    name: str
    datatype: str
    shape: tuple[int, ...] = ()


class Inputs(Protocol):
    """What a wheel takes in: how it is checked, kept and turned into numbers."""

    @property
    def tensors(self) -> tuple[Tensor, ...]: ...
    def pack(self, value: Any) -> bytes: ...  # checked and canonical: equal inputs give equal bytes; raises BadInput
    def unpack(self, payload: bytes) -> Json: ...
    def matrix(self, payloads: Sequence[bytes]) -> Floats: ...  # (N, D), NaN where missing
    def from_tensors(self, parts: dict[str, Any]) -> Any: ...  # one row of each tensor -> a value for `pack`


class Task(Protocol):
    """What an output and a truth are, and what an answer was worth: one utility per example, in [0, 1]."""

    @property
    def tensor(self) -> Tensor: ...  # of an answer
    def check(self, truth: Any) -> Json: ...  # canonical truth; raises BadOutcome
    def targets(self, truths: Sequence[Json]) -> NDArray[Any]: ...  # (N,) what an estimator fits
    def outputs(self, fitted: Estimator, X: Floats) -> Floats: ...  # (N, K)
    def answers(self, outputs: Floats) -> list[Json]: ...  # one per row
    def confidence(self, outputs: Floats) -> Floats: ...  # (N,) in [0, 1], high is sure
    def margin(self, outputs: Floats) -> Floats: ...  # (N,) in [0, 1], low is undecided
    def utility(self, outputs: Floats, truths: Sequence[Json]) -> Floats: ...  # (N,) in [0, 1], high is good
    def groups(self, truths: Sequence[Json]) -> list[str]: ...  # what balanced figures average over


class Embedder(Protocol):
    """Learns from inputs how to place them: fit on (N, D), then (M, D) -> (M, V). Deterministic."""

    def __call__(self, X: Floats) -> Callable[[Floats], Floats]: ...


@dataclass(frozen=True)
class Pool:
    """The unlabelled examples that may be asked about, and what is known around them."""

    ids: tuple[str, ...]
    vectors: Floats  # (N, V)
    margins: Floats  # (N,) of the champion, in [0, 1], low is undecided; NaN without a champion
    weights: Floats  # (N,) above 0: how much more than others the plan wants them
    known: Floats  # (M, V) vectors of what is labelled already
    explore: float  # share of the budget, in [0, 1], that the plan wants spent on what is unlike anything known
    fill: float = 0.0  # share of the budget, in [0, 1], that the plan wants spent on what has the largest weights


@dataclass(frozen=True)
class Picks:
    """Rows of a pool, with the probability with which each was chosen and why."""

    rows: Rows
    probabilities: Floats  # in (0, 1]
    reasons: tuple[str, ...]


Strategy = Callable[[Pool, int, np.random.Generator], Picks]
"""(pool, n, rng) -> at most n distinct rows."""

Annotator = Callable[[Sequence[LabelRequest], Sequence[Json]], Sequence[Json]]
"""(requests, their inputs) -> a truth for each, None where there is no answer (yet)."""


@dataclass(frozen=True)
class Case:
    """Everything that a gate may look at: utilities in [0, 1], paired on the same examples.

    `fresh`: labelled since the champion was trained; the champion had not seen them, the challenger answers out of fold.
    `known`: learned by champion and challenger. `learned`: learned by this recipe when it was last found sound, and again
    now. `taught`, `out_of_fold`: the challenger on its whole training set, as learned and as held out. `recipe_gain`:
    over all turns, each label once, when it was new: utility of the challenger's recipe minus that of the champion's, both
    out of fold. `agreed`: the champion on the labels that came this turn, before learning; `agreed_before`: in recent turns.
    """

    claim: str  # first, refresh or change
    rivals: int  # challengers judged in this turn that claim a change
    fresh: tuple[Floats, Floats]  # champion (F,), challenger (F,)
    known: tuple[Floats, Floats]  # champion (B,), challenger (B,)
    known_groups: tuple[str, ...]  # (B,)
    learned: tuple[Floats, Floats]  # then (S,), now (S,)
    learned_groups: tuple[str, ...]  # (S,)
    taught: Floats  # (N,)
    out_of_fold: Floats  # (N,)
    taught_now: Bools  # (N,) labelled this turn
    recipe_gain: Floats  # (P,) in [-1, 1]
    agreed: Floats  # (L,)
    agreed_before: Floats  # (Q,)


@dataclass(frozen=True)
class Ruling:
    """`promote`, `hold` or `reject`, in a sentence with numbers."""

    decision: str
    sentence: str
    numbers: dict[str, float]
    strength: float = 0.0  # of several to promote in one turn, the strongest serves


Gate = Callable[[Case], Ruling]


class Engine(Protocol):
    """Runs independent work side by side; results come back in the order of the work, whatever finished first."""

    def run(self, function: Callable[[A], B], work: Sequence[A]) -> list[B]: ...


class Journal(Protocol):
    """Records, appended and never changed; any number of processes at once. Sequence numbers only grow."""

    def append(
        self, *records: Record
    ) -> int: ...  # all or nothing; an id that is there already is skipped; -> last sequence
    def read(self, kind: type[R], after: int = 0, until: int | None = None) -> list[R]: ...  # in order of arrival
    def find(self, kind: type[R], id: str) -> R | None: ...
    def newest(self, kind: type[R]) -> R | None: ...  # the last to arrive
    def last(self) -> int: ...  # sequence number of the newest record, 0 when empty
    def count(self, kind: type[Record]) -> int: ...
    def changed(self) -> bool: ...  # cheap; has somebody else appended since this was last asked (or since opening)?
    def close(self) -> None: ...


class Blobs(Protocol):
    """Bytes by their SHA-256. `get` never returns bytes that do not match their name."""

    def put(self, data: bytes) -> str: ...
    def get(self, name: str) -> bytes: ...  # raises NotFound, Tampered
    def __contains__(self, name: object) -> bool: ...
    def names(self) -> Iterable[str]: ...
