"""Who serves, who served before and is still watched, and what each says of new labels before anybody learns from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from whorl.decide.judge import Judgement
from whorl.protocols import Floats, Journal
from whorl.records import LabelRequest, Model, Promotion, Report, Turn, derived_id

CONFIRMED_AFTER = 3
"""Turns for which a predecessor stays in shadow; then the promotion counts as confirmed."""


def champion(journal: Journal, until: int | None = None) -> Model | None:
    """The model of the last promotion (up to sequence number `until`)."""
    promotions = journal.read(Promotion, until=until)
    return _models(journal)[promotions[-1].model] if promotions else None


def predecessors(journal: Journal, turn: Turn) -> list[tuple[Model, Promotion]]:
    """Models that served before the champion, newest first, each with the promotion that ended its service.

    Only of the last turns, each once, and none that was rolled back: that was settled.
    """
    promotions = journal.read(Promotion, until=turn.watermark)
    models = _models(journal)
    settled = {promotions[-1].model} if promotions else set()
    found = []
    for before, ended in reversed(list(pairwise(promotions))):
        if ended.reason == "rollback":
            settled.add(before.model)
        if ended.turn < turn.number - CONFIRMED_AFTER:
            break
        if before.model not in settled:
            settled.add(before.model)
            found.append((models[before.model], ended))
    return found


def promote(judgement: Judgement, turn: Turn) -> Promotion:
    """The record that makes the promoted model the champion."""
    verdict = next(verdict for verdict in judgement.verdicts if verdict.challenger == judgement.promoted)
    return Promotion(
        id=derived_id(turn.event_time, turn.number, "promotion"),
        event_time=turn.event_time,
        known_time=turn.event_time,
        model=verdict.challenger,
        reason=verdict.claim,
        turn=turn.number,
    )


def report(
    model: Model,
    role: str,
    basis: str,
    turn: Turn,
    examples: Sequence[str],
    utilities: Floats,
    groups: Sequence[str],
    customers: Sequence[str] = (),
    reasons: Sequence[str] = (),
) -> Report:
    """The utilities of `model` on `examples`, as a record."""
    return Report(
        id=derived_id(turn.event_time, turn.number, "report", basis, model.version),
        event_time=turn.event_time,
        known_time=turn.event_time,
        model=model.version,
        recipe=model.recipe_hash,
        role=role,
        basis=basis,
        turn=turn.number,
        examples=tuple(examples),
        utilities=tuple(float(value) for value in utilities),
        groups=tuple(groups),
        customers=tuple(customers),
        reasons=tuple(reasons),
    )


def reasons_asked(requests: Sequence[LabelRequest]) -> Mapping[str, str]:
    """Example id -> why it was first asked. An audit that is asked again stays an audit."""
    reasons: dict[str, str] = {}
    for request in requests:
        reasons.setdefault(request.example, request.reason)
    return reasons


def _models(journal: Journal) -> dict[str, Model]:
    return {model.version: model for model in journal.read(Model)}
