"""Turn a wheel over recorded data, as if it arrived now; what the wheel cannot know judges it from outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from whorl.flywheel import Flywheel
from whorl.protocols import Blobs, Floats, Journal, Strategy
from whorl.records import Example, Json, Turn, derived_id
from whorl.replay.annotator import Simulated
from whorl.replay.recording import Recorded, Recording
from whorl.wheel import Wheel

DAY = 86_400_000_000
"""Microseconds. Replayed turns are a day apart."""

START = 1_767_225_600_000_000
"""2026-01-01, when every replay begins: nothing of it depends on the day on which it is run."""


@dataclass(frozen=True)
class Judged:
    """What the recorded truth says of the champion after a turn."""

    turn: int
    labels: int
    served: dict[str, tuple[float, int]]
    """Customer -> (mean utility of the decisions of this turn, how many): what each customer saw on its own mix."""
    overall: float
    """Mean utility on the sealed rows, weighted to the mix of what arrived."""
    balanced: float
    """Mean over groups of the mean utility on the sealed rows."""


@dataclass(frozen=True)
class Replayed:
    """An arm of a replay: the wheel that turned, and what the truth says of it. Turn 0 is the start."""

    flywheel: Flywheel
    judged: tuple[Judged, ...]
    beyond: tuple[Judged, ...]
    """Turns after the last, without arrivals, until `until` was reached or nothing was left to ask."""
    confusion: tuple[tuple[int, ...], ...]
    """Sealed rows by class (row) and answer (column) after the last turn; empty if the task has no classes."""


def replay(
    wheel: Wheel,
    recording: Recording,
    state: Path,
    *,
    turns: int = 12,
    start: int = 20,
    wrong: float = 0.0,
    seed: int = 0,
    strategy: Strategy | None = None,
    until: Callable[[], float] | None = None,
    most_beyond: int = 40,
    journal: Journal | None = None,
    blobs: Blobs | None = None,
    say: Callable[[int, str], None] = lambda turn, stage: None,
    before_turn: Callable[[Flywheel], None] = lambda flywheel: None,
) -> Replayed:
    """Start from `start` labels drawn at random, then `turns` turns with the wheel's own budget.

    Args:
        wrong: share of the simulated annotator's answers that are wrong.
        seed: of the stream, the annotator and the wheel.
        strategy: another one than the wheel's, for a control arm.
        until: asked once after the last turn; then go on asking for labels, without new arrivals, until the balanced utility
            is at least what it said, for `most_beyond` turns at most.
        say: called with turn and stage as each begins.
        before_turn: called when all of a turn has arrived; may look, and fork what is in memory.
    """
    truths: dict[str, Json] = {}
    annotator = Simulated(truths, wrong, seed)  # learns the ids as they arrive
    wheel = replace(
        wheel,
        seed=seed,
        labels=replace(wheel.labels, annotator=annotator),
        strategy=wheel.strategy if strategy is None else strategy,
    )
    today, made = START, 0

    def fresh_id(at: int) -> str:
        nonlocal made
        made += 1
        return derived_id(at, "replay", seed, made)

    flywheel = Flywheel(wheel, state, clock=lambda: today, fresh_id=fresh_id, journal=journal, blobs=blobs)
    judge = _Judge(flywheel, recording)
    judged: list[Judged] = []
    beyond: list[Judged] = []
    arriving = list(recording.arriving)
    sizes = np.full(turns + 1, len(arriving) // (turns + 1))
    sizes[: len(arriving) % (turns + 1)] += 1
    chunks = np.split(np.arange(len(arriving)), np.cumsum(sizes)[:-1])
    for number, chunk in enumerate(chunks):
        today = START + number * DAY
        rows = [arriving[place] for place in chunk]
        serves = number > 0 and flywheel.champion() is not None
        served = judge.served(rows) if serves else {}
        before = flywheel.journal.last()
        arrive = flywheel.decide_all if serves else flywheel.observe
        arrive([row.value for row in rows], customers=[row.customer for row in rows])
        ids = [example.id for example in flywheel.journal.read(Example, after=before)]
        truths.update(zip(ids, (row.truth for row in rows), strict=True))
        today += DAY // 2
        if number == 0:
            known = [example for example in ids if truths[example] is not None]
            for example in np.random.default_rng([seed, 1]).permutation(known)[:start].tolist():
                flywheel.label(example, annotator.answer(example, "start " + example), annotator=annotator.name)
            flywheel.wheel = replace(wheel, labels=replace(wheel.labels, per_turn=0))
        before_turn(flywheel)
        closed = flywheel.turn(at=today, say=partial(say, number))
        flywheel.wheel = wheel
        judged.append(judge.now(closed, served))
    number, confusion = turns, judge.confusion()
    enough = until() if until else 0.0
    while until and len(beyond) < most_beyond and (*judged, *beyond)[-1].balanced < enough:
        number, today = number + 1, today + DAY
        closed = flywheel.turn(at=today, say=partial(say, number))
        if not closed.account["asked"]:
            break
        beyond.append(judge.now(closed, {}))
    return Replayed(flywheel, tuple(judged), tuple(beyond), confusion)


class _Judge:
    """Knows the recorded truth, which the wheel does not."""

    def __init__(self, flywheel: Flywheel, recording: Recording) -> None:
        self.flywheel, self.task = flywheel, flywheel.wheel.task
        self.X = self._matrix(recording.sealed)
        self.truths = [row.truth for row in recording.sealed]
        self.groups = np.array(self.task.groups(self.truths))
        arriving = Counter(self.task.groups([row.truth for row in recording.arriving if row.truth is not None]))
        sealed = Counter(self.groups.tolist())
        # The sealed rows may have another mix than what arrives; weighted, they say what the traffic sees.
        self.weights = np.array([arriving[group] / sealed[group] for group in self.groups.tolist()])

    def served(self, rows: Sequence[Recorded]) -> dict[str, tuple[float, int]]:
        """What the champion, as it serves now, is worth to each customer on `rows`."""
        known = [row for row in rows if row.truth is not None]
        utility = self._utility(self._matrix(known), [row.truth for row in known])
        customers = np.array([row.customer for row in known])
        return {
            name: (float(utility[customers == name].mean()), int((customers == name).sum()))
            for name in sorted(set(customers.tolist()))
        }

    def now(self, closed: Turn, served: dict[str, tuple[float, int]]) -> Judged:
        """What the champion is worth on the sealed rows."""
        utility = self._utility(self.X, self.truths)
        return Judged(
            turn=closed.number,
            labels=closed.account["labels"],
            served=served,
            overall=float(np.average(utility, weights=self.weights)),
            balanced=float(np.mean([utility[self.groups == group].mean() for group in np.unique(self.groups)])),
        )

    def confusion(self) -> tuple[tuple[int, ...], ...]:
        """Sealed rows by class and answer, in the order in which the task declares its classes."""
        classes = [str(name) for name in getattr(self.task, "classes", ())]
        serving = self.flywheel.champion()
        if not classes or serving is None:
            return ()
        answers = self.task.answers(self.task.outputs(serving.fitted, self.X))
        counts = Counter(zip(map(str, self.truths), map(str, answers), strict=True))
        return tuple(tuple(counts[truth, answer] for answer in classes) for truth in classes)

    def _matrix(self, rows: Sequence[Recorded]) -> Floats:
        inputs = self.flywheel.wheel.inputs
        return inputs.matrix([inputs.pack(row.value) for row in rows])

    def _utility(self, X: Floats, truths: Sequence[Json]) -> Floats:
        serving = self.flywheel.champion()
        if serving is None or not len(X):
            return np.zeros(len(X))
        return self.task.utility(self.task.outputs(serving.fitted, X), truths)
