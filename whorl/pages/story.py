"""What a page tells: plain frozen facts, so that whatever has turns to show can be drawn, a live wheel or a replay.

Every part may be empty; a page then says what to do next instead of drawing an empty chart.
"""

from __future__ import annotations

from dataclasses import dataclass

from whorl.errors import BadInput


@dataclass(frozen=True)
class TurnRow:
    """One turn, in numbers. `labels` counts from the first turn on, all other numbers are of this turn."""

    number: int
    at: int
    """When it ended, microseconds since 1970-01-01 UTC; 0 where that is not known."""
    arrived: int
    kept: int
    asked: int
    labels: int
    coverage: float
    """In [0, 1]."""
    measured: dict[str, tuple[float, int]]
    """Customer -> accuracy or utility as measured, in [0, 1], and the number of examples that judged it."""
    balanced: float | None
    overall: float | None
    decision: str
    """first, promote, hold, reject or rollback."""
    verdict: str
    champion: str
    cost: float


@dataclass(frozen=True)
class Mark:
    """An example on the coverage map, in two dimensions. `cell` below 0: it is in no cell."""

    x: float
    y: float
    group: str
    """Its class, "" where that is not known."""
    labelled: bool
    cell: int


@dataclass(frozen=True)
class FunnelStep:
    """What a stage of the funnel left over, and what that holds and costs."""

    stage: str
    examples: int
    bytes: int
    bits: float
    cost: float
    reason: str


@dataclass(frozen=True)
class Step:
    """A verdict and what followed. `model` and `recipe` are what was judged; at a rollback, what serves again."""

    turn: int
    model: str
    recipe: str
    decision: str
    sentence: str
    by: str


@dataclass(frozen=True)
class Arm:
    """One way of turning the wheel: the wheel itself, or the control that it is compared with."""

    name: str
    rows: tuple[TurnRow, ...] = ()
    steps: tuple[Step, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    """Examples by true class (row) and answer (column), in the order of `classes`."""
    classes: tuple[str, ...] = ()
    funnel: tuple[FunnelStep, ...] = ()
    marks: tuple[Mark, ...] = ()
    holes: tuple[str, ...] = ()
    """A sentence each: a region with traffic and no labels, a class in deficit, a customer served badly."""
    curve: tuple[tuple[int, float], ...] = ()
    """Labels -> balanced utility. A control may go on beyond its rows, until it has reached the wheel."""

    def __post_init__(self) -> None:
        size = len(self.classes)
        if self.confusion and (len(self.confusion) != size or any(len(row) != size for row in self.confusion)):
            shape = f"{len(self.confusion)} rows of {len(self.confusion[0])}"
            raise BadInput(
                f"The confusion of arm {self.name!r} has {shape}; it must be {size} by {size}, as its classes."
            )


@dataclass(frozen=True)
class Story:
    """Everything that a report shows. The first arm is the wheel; the second, where there is one, its control."""

    title: str
    wheel: str
    arms: tuple[Arm, ...]
    headline: str
    notes: tuple[str, ...]
    metric: str
    """accuracy (shown in per cent) or utility (shown as it is)."""
    made: str
    currency: str = "€"
