"""The plan for the next turn: which holes to fill, and how the label budget is split because of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass, field

import numpy as np

from whorl.protocols import Floats, Rows
from whorl.records import Json

MOST_WANTED = 4.0
"""No group, customer or region is wanted more than four times as much as others: a plan is a guess, not an order."""

FILL = 0.2
"""Share of the budget for classes in deficit, where there are any (LOG.md, 2026-11-21)."""

PRIOR_AUDITS = 10
"""A customer's own audits count against this many of everybody: three mistakes of three are not yet a bad customer."""


@dataclass(frozen=True)
class Plan:
    """How to spend the next label budget, and why. All weights are at least 1; what is not named has 1."""

    explore: float
    """Share of the budget, in [0, 1], for what is unlike anything labelled."""
    fill: float = 0.0
    """Share of the budget, in [0, 1], for what the weights below want."""
    groups: Mapping[str, float] = field(default_factory=dict)
    """Classes in deficit among the labels -> weight of examples that the champion takes for one of them."""
    customers: Mapping[str, float] = field(default_factory=dict)
    cells: Mapping[str, float] = field(default_factory=dict)
    """Cells of the map (as text) with traffic and no label -> weight."""
    again: tuple[str, ...] = ()
    """Examples whose labels surprised and are asked for once more, before anything else."""
    because: tuple[str, ...] = ()
    """Each entry above, in words."""

    def as_json(self) -> Json:
        return {**asdict(self), "again": list(self.again), "because": list(self.because)}

    @classmethod
    def from_json(cls, stored: Json) -> Plan:
        return cls(**{**stored, "again": tuple(stored["again"]), "because": tuple(stored["because"])})


def first_plan() -> Plan:
    """Nothing is known, so half of the budget looks around."""
    return Plan(explore=0.5, because=("nothing is labelled yet: look around",))


def plan_next(
    cells: Rows,
    labelled: Rows,
    label_groups: Sequence[str],
    audits: Mapping[str, tuple[float, int]],
    again: Sequence[str],
) -> Plan:
    """What the next turn should collect.

    Args:
        cells: (N,) cell of each kept example.
        labelled: (L,) rows of those that are labelled; `label_groups` (L,) their groups.
        audits: customer -> mean utility in [0, 1] on audited traffic, and how many audits.
    """
    because = []
    traffic, known = Counter(cells.tolist()), Counter(cells[labelled].tolist())
    holes = {cell: count for cell, count in traffic.items() if not known[cell] and count > 1}
    uncovered = sum(count for cell, count in traffic.items() if not known[cell]) / max(len(cells), 1)
    explore = float(np.clip(0.1 + uncovered, 0.15, 0.5))
    because.append(
        f"{uncovered:.0%} of the traffic lies in cells without a label: {explore:.0%} of the budget looks there"
    )

    counts = Counter(label_groups)
    usual = float(np.median(list(counts.values()))) if counts else 0.0
    groups = {group: float(min(MOST_WANTED, usual / n)) for group, n in sorted(counts.items()) if n < 0.5 * usual}
    because += [
        f"{group} has {counts[group]} labels, usual are {usual:g}: wanted {w:.1f}x" for group, w in groups.items()
    ]

    judged = sum(n for _, n in audits.values())
    overall = sum(mean * n for mean, n in audits.values()) / judged if judged else 0.0
    customers = {}
    for customer, (mean, n) in sorted(audits.items()):
        shrunk = (mean * n + overall * PRIOR_AUDITS) / (n + PRIOR_AUDITS)
        if overall - shrunk > 0.02:
            customers[customer] = float(min(MOST_WANTED, (1 - shrunk) / max(1 - overall, 0.02)))
            because.append(
                f"customer {customer} measures {mean:.0%} on {n} audits, all of them {overall:.0%}: "
                f"wanted {customers[customer]:.1f}x"
            )
    if holes:
        cell, count = max(sorted(holes.items()), key=lambda hole: hole[1])
        regions = "1 region has" if len(holes) == 1 else f"{len(holes)} regions have"
        because.append(f"{regions} traffic and no label (cell {cell} has most, {count} examples): wanted 2x")
    if again:
        because.append(f"{len(again)} labels contradicted the champion: asked for once more")
    if groups:
        because.append(f"{FILL:.0%} of the budget goes to what looks like {', '.join(groups)}")
    return Plan(
        explore=explore,
        fill=FILL if groups else 0.0,
        groups=groups,
        customers=customers,
        cells={str(cell): 2.0 for cell in sorted(holes)},
        again=tuple(again),
        because=tuple(because),
    )


def weigh(plan: Plan, looks: Sequence[AbstractSet[str]], customers: Sequence[str], cells: Rows) -> Floats:
    """(N,) how much more than others each example is wanted.

    Args:
        looks: (N,) the groups that each may be of: what the champion takes it for, and what the nearest labelled one is.
    """
    return np.array(
        [
            max((plan.groups.get(group, 1.0) for group in groups), default=1.0)
            * plan.customers.get(customer, 1.0)
            * plan.cells.get(str(cell), 1.0)
            for groups, customer, cell in zip(looks, customers, cells.tolist(), strict=True)
        ]
    )
