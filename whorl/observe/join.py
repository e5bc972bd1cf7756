"""Which truth counts: outcomes and labels come late, twice, out of order and corrected.

The journal keeps all of them; these two functions decide. What became known last counts, and of two that became known at
the same moment the one that arrived last. Unknown stays unknown: what has no outcome is not in the result.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from whorl.errors import BadOutcome
from whorl.records import Label, Outcome


def latest_outcomes(outcomes: Sequence[Outcome]) -> dict[str, Outcome]:
    """Decision id -> the outcome that counts. `outcomes` in order of arrival.

    An outcome that another one supersedes does not count, even if it arrives later or says it became known later.

    >>> def said(id, known, supersedes=None):
    ...     return Outcome(id=id, event_time=0, known_time=known, decision="d", value=id, supersedes=supersedes)
    >>> latest_outcomes([said("corrected", 1, supersedes="first"), said("first", 2)])["d"].value
    'corrected'
    """
    superseded = {(outcome.decision, outcome.supersedes) for outcome in outcomes if outcome.supersedes != outcome.id}
    latest: dict[str, Outcome] = {}
    for outcome in outcomes:
        if (outcome.decision, outcome.id) in superseded:
            continue
        before = latest.get(outcome.decision)
        if before is None or outcome.known_time >= before.known_time:
            latest[outcome.decision] = outcome
    return latest


def fitting(labels: Sequence[Label], check: Callable[[Any], Any]) -> list[Label]:
    """The labels that still fit the task: a class that is not declared any more teaches nothing, and stops nothing.

    Args:
        check: the task's; raises BadOutcome for what does not fit.
    """
    fit = []
    for label in labels:
        with suppress(BadOutcome):
            check(label.value)
            fit.append(label)
    return fit


def latest_truths(labels: Sequence[Label]) -> dict[str, Label]:
    """Example id -> the label that counts. `labels` in order of arrival."""
    latest: dict[str, Label] = {}
    for label in labels:
        before = latest.get(label.example)
        if before is None or label.known_time >= before.known_time:
            latest[label.example] = label
    return latest
