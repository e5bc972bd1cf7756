"""Take in what production left behind since the last turn: examples that may be learned from, and truths that arrived."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from whorl.errors import BadOutcome
from whorl.observe.admission import refusal
from whorl.observe.join import latest_outcomes
from whorl.protocols import Blobs, Journal
from whorl.records import Decision, Example, Fate, Label, Outcome, Terms, Turn, derived_id


@dataclass(frozen=True)
class Arrivals:
    """What a turn looks at. `examples` are all that may be learned from, in order of arrival; `new` came since last turn."""

    examples: tuple[Example, ...]
    new: frozenset[str]
    refused: tuple[Fate, ...]
    truths: tuple[Label, ...]
    """Outcomes that became labels in this turn."""
    waiting: int
    """Outcomes whose decision has not arrived; they are kept and joined when it does."""


def drain(
    journal: Journal, turn: Turn, before: int, terms: Mapping[str, Terms], check: Callable[[Any], Any]
) -> Arrivals:
    """Everything up to the watermark of `turn`; what is newer than sequence number `before` is new.

    Args:
        terms: by name; an example whose rights have no terms is refused.
        check: the task's; an outcome that no longer fits the task is left out.
    """
    everything = journal.read(Example, until=turn.watermark)
    arrived = {example.id for example in journal.read(Example, after=before, until=turn.watermark)}
    admitted, refused = [], []
    for example in everything:
        why = refusal(example, terms, turn.event_time)
        if not why:
            admitted.append(example)
        elif example.id in arrived:
            refused.append(_refused(example, turn, why))
    return Arrivals(
        examples=tuple(admitted),
        new=frozenset(arrived),
        refused=tuple(refused),
        **_outcome_labels(journal, turn, check),
    )


def _outcome_labels(journal: Journal, turn: Turn, check: Callable[[Any], Any]) -> dict[str, Any]:
    decided = {decision.id: decision.example for decision in journal.read(Decision, until=turn.watermark)}
    outcomes = latest_outcomes(journal.read(Outcome, until=turn.watermark))
    labels = []
    for decision, outcome in outcomes.items():
        if decision not in decided:
            continue
        try:
            value = check(outcome.value)
        except BadOutcome:  # captured under an earlier declaration of the task
            continue
        labels.append(
            Label(
                # By outcome, not by turn: the label of an outcome is made once, whichever turn first sees it.
                id=derived_id(outcome.known_time, "outcome", outcome.id),
                event_time=outcome.event_time,
                known_time=outcome.known_time,
                example=decided[decision],
                value=value,
                annotator="production",
                kind="outcome",
            )
        )
    return {"truths": tuple(labels), "waiting": sum(decision not in decided for decision in outcomes)}


def _refused(example: Example, turn: Turn, why: str) -> Fate:
    return Fate(
        id=derived_id(turn.event_time, turn.number, "admission", example.id),
        event_time=turn.event_time,
        known_time=turn.event_time,
        example=example.id,
        turn=turn.number,
        stage="observe",
        kept=False,
        reason=why,
        bytes=len(example.payload or b""),
    )


def payload(example: Example, blobs: Blobs) -> bytes:
    """The packed input of `example`, inline or from its blob."""
    if example.payload is not None:
        return example.payload
    return blobs.get(example.blob or "")
