"""The account of a turn: what arrived, what was kept, asked and learned, what it cost, and how good the champion is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from whorl.protocols import Rows
from whorl.records import Fate, Json, Report


def account(
    fates: Sequence[Fate],
    cells: Rows,
    arrived: Rows,
    labelled: Rows,
    asked: int,
    labels: int,
    cost: Mapping[str, float],
    reports: Sequence[Report],
    waiting: int,
) -> Json:
    """Everything that `whorl status` and the report show of a turn, as plain JSON.

    Args:
        cells: (N,) cell of each kept example; `arrived` and `labelled` are rows of it.
        labels: labelled examples so far.
        cost: by what it was spent on.
        reports: all so far; measured figures come from audits and outcomes that were predicted before learning.
    """
    seen = set(cells[labelled].tolist())
    covered = [cell in seen for cell in cells[arrived].tolist()]
    measured = measure(reports)
    return {
        "arrived": len({fate.example for fate in fates}),
        "kept": len(arrived),
        "asked": asked,
        "labels": labels,
        "coverage": float(np.mean(covered)) if covered else 1.0,
        "measured": {customer: list(value) for customer, value in measured.items()},
        "balanced": balanced(reports),
        "bits": float(sum(fate.bits for fate in fates)),
        "bytes": int(sum(fate.bytes for fate in fates if fate.kept)),
        "cost": {name: round(float(value), 6) for name, value in cost.items()},
        "waiting": waiting,
    }


UNBIASED = frozenset({"audit", "outcome"})
"""Reasons whose labels are a fair sample of the traffic (outcomes: where every decision gets one)."""

RECENT = 4
"""Turns over which measured figures reach back: a few audits each, of champions that differ little."""


def measure(reports: Sequence[Report]) -> dict[str, tuple[float, int]]:
    """customer -> (mean utility of the champion on audited traffic of the last turns, number of audits).

    Each example was predicted by the champion of its time before it was learned from.
    """
    rows: dict[str, list[float]] = {}
    for report in _recent(reports):
        for utility, customer, reason in zip(report.utilities, report.customers, report.reasons, strict=True):
            if reason in UNBIASED:
                rows.setdefault(customer, []).append(utility)
    return {customer: (float(np.mean(values)), len(values)) for customer, values in sorted(rows.items())}


def balanced(reports: Sequence[Report]) -> float | None:
    """Mean over groups of the champion's mean utility, on every label of the last turns; None without any.

    Within a group the labels are still chosen, mostly for being hard, so this is on the low side of the truth.
    """
    rows: dict[str, list[float]] = {}
    for report in _recent(reports):
        for utility, group in zip(report.utilities, report.groups, strict=True):
            rows.setdefault(group, []).append(utility)
    return float(np.mean([np.mean(values) for values in rows.values()])) if rows else None


def _recent(reports: Sequence[Report]) -> list[Report]:
    mine = [report for report in reports if report.basis == "prequential" and report.role == "champion"]
    newest = max((report.turn for report in mine), default=0)
    return [report for report in mine if report.turn > newest - RECENT]
