"""The turns of a replay as a table, a row each, that fits the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from whorl.cli import screen

if TYPE_CHECKING:
    from rich.table import Table

    from whorl.pages import Arm, TurnRow

MOST_CUSTOMERS = 4
"""Columns of customers; with more of them, one column shows the worst served."""


def turn_table(arm: Arm) -> Table:
    """What each turn took in, asked, cost and decided, and how good the champion was for whom."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=0)
    customers = sorted({name for row in arm.rows for name in row.measured})
    several = len(customers) > MOST_CUSTOMERS
    names = ["turn", "new", "kept", "ask", "labels", "cover"]
    names += ["worst"] if several else [screen.plain(name)[:5] or "all" for name in customers]
    for name in (*names, "balanced"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("cost", justify="right", no_wrap=True)
    for row in arm.rows:
        served = [row.measured.get(name) for name in customers]
        measured = [_share(value[0] if value else None) for value in served]
        if several:
            measured = [_share(min((value[0] for value in served if value), default=None))]
        table.add_row(
            str(row.number),
            f"{row.arrived:,}",
            f"{row.kept:,}",
            f"{row.asked:,}",
            f"{row.labels:,}",
            _share(row.coverage),
            *measured,
            _share(row.balanced, 1),
            Text(_verdict(row), style=screen.DECISIONS.get(row.decision, "")),
            f"{row.cost:,.2f}",
        )
    return table


def _share(value: float | None, digits: int = 0) -> str:
    return "–" if value is None else f"{100 * value:.{digits}f}"


def _verdict(row: TurnRow) -> str:
    """`promote logistic`: what was decided about which recipe; the whole sentence stands in the report."""
    return f"{row.decision} {screen.plain(row.verdict.split(':')[0])}"[:19]
