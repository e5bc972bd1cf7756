"""Spend a turn's label budget: which examples to ask about, why, and with which probability."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from whorl.errors import BadOutcome, PartError
from whorl.protocols import Annotator, Pool, Strategy, Task
from whorl.records import Json, Label, LabelRequest, Turn, derived_id


def open_requests(requests: Sequence[LabelRequest], labels: Sequence[Label]) -> tuple[LabelRequest, ...]:
    """Those that nobody has answered: no label names them, and none of their example became known since."""
    answered: dict[str, int] = {}
    for label in labels:
        answered[label.example] = max(label.known_time, answered.get(label.example, label.known_time))
    # By name as well: the clock of the machine that took the label may be behind the one that asked.
    named = {label.request for label in labels}
    return tuple(
        request
        for request in requests
        if request.id not in named
        and (request.example not in answered or answered[request.example] < request.known_time)
    )


def request_labels(
    pool: Pool,
    strategy: Strategy,
    again: Sequence[str],
    budget: int,
    price: float,
    turn: Turn,
    rng: np.random.Generator,
) -> tuple[LabelRequest, ...]:
    """At most `budget` requests: first the examples to ask `again`, then in the order in which `strategy` picked.

    Raises:
        PartError: the strategy picked rows twice or out of range, or gave probabilities outside (0, 1].
    """
    again = again[:budget]
    budget -= len(again)
    picks = strategy(pool, budget, rng)
    rows, chances = np.asarray(picks.rows), np.asarray(picks.probabilities)
    broken = ""
    if len(rows) > budget or len(rows) != len(chances) or len(rows) != len(picks.reasons):
        broken = f"{len(rows)} rows, {len(chances)} probabilities and {len(picks.reasons)} reasons for {budget} labels"
    elif len(set(rows.tolist())) < len(rows) or (len(rows) and not 0 <= rows.min() <= rows.max() < len(pool.ids)):
        broken = f"rows that repeat or lie outside the pool of {len(pool.ids)}"
    elif not ((chances > 0) & (chances <= 1)).all():
        broken = "probabilities outside (0, 1]"
    if broken:
        raise PartError(f"The strategy {strategy!r} picked {broken}. Run whorl.checks.STRATEGY_CHECKS on it.")
    chosen = [(example, "second opinion", 1.0) for example in again]
    chosen += [(pool.ids[row], why, float(p)) for row, why, p in zip(rows, picks.reasons, chances, strict=True)]
    return tuple(
        LabelRequest(
            id=derived_id(turn.event_time, turn.number, "request", example),
            event_time=turn.event_time,
            known_time=turn.event_time,
            example=example,
            reason=reason,
            probability=probability,
            price=price,
            turn=turn.number,
        )
        for example, reason, probability in chosen
    )


def annotate(
    requests: Sequence[LabelRequest], inputs: Sequence[Json], annotator: Annotator, task: Task, turn: Turn
) -> tuple[Label, ...]:
    """What an annotator that answers at once (a rule, a simulation, another model) says; None is no answer.

    Raises:
        PartError: an answer too few or too many, or one that does not fit the task.
    """
    answers = annotator(requests, inputs)
    if len(answers) != len(requests):
        raise PartError(f"The annotator {annotator!r} gave {len(answers)} answers to {len(requests)} questions.")
    labels = []
    for request, answer in zip(requests, answers, strict=True):
        if answer is None:
            continue
        try:
            value = task.check(answer)
        except BadOutcome as error:
            raise PartError(f"The annotator {annotator!r} answered {request.example} wrongly. {error}") from error
        labels.append(
            Label(
                id=derived_id(turn.event_time, turn.number, "label", request.example),
                event_time=turn.event_time,
                known_time=turn.event_time,
                example=request.example,
                value=value,
                annotator=getattr(annotator, "name", "annotator"),
                kind="rule",
                request=request.id,
                cost=request.price,
            )
        )
    return tuple(labels)
