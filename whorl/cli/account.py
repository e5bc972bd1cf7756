"""A turn in words and numbers: a title, a fact for each thing that happened, or one row of a running table."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from whorl.cli import screen
from whorl.flywheel import Flywheel
from whorl.protocols import Task
from whorl.records import Json, Model, Turn, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = (("turn", 5), ("when", 12), ("arrived", 9), ("kept", 6), ("asked", 7), ("labels", 8), ("covered", 9))
COLUMNS += (("measured", 10), ("cost", 8))
"""Of the running table, with their widths: 74 in all."""


def when(micros: int) -> str:
    """Microseconds since 1970-01-01 UTC, as a clock on the wall of whoever reads it shows them."""
    return datetime.fromtimestamp(micros / 1e6).astimezone().strftime("%Y-%m-%d %H:%M")


def facts(flywheel: Flywheel, turn: Turn) -> Iterator[tuple[str, Sequence[str | Text]]]:
    """Everything that happened in `turn`, name by name."""
    told, task = turn.account, flywheel.wheel.task
    gone = told["arrived"] - told["kept"]
    arrived = screen.counted(told["arrived"], "input")
    if gone:
        arrived += f", {told['kept']:,} kept ({gone:,} copies or without rights)"
    waiting = [f"{screen.counted(told['waiting'], 'outcome')} wait for their decision"] if told["waiting"] else []
    yield "arrived", [arrived, *waiting]
    yield "asked", [screen.counted(told["asked"], "question")]
    yield "labels", [f"{told['labels']:,} so far; {told['coverage']:.0%} of what arrived lies near one"]
    yield "measured", measured(told, task)
    yield "decided", [_verdict(verdict) for verdict in flywheel.journal.read(Verdict) if verdict.turn == turn.number]
    yield "cost", [screen.costs(told["cost"])]
    yield "next", turn.plan["because"]


def measured(told: Json, task: Task) -> list[str]:
    """How good the champion is for each customer, as far as fair samples tell; worst first."""
    worst_first = sorted(told["measured"].items(), key=lambda item: (item[1][0], item[0]))
    lines = [f"{name or 'everybody'} {screen.worth(mean, task)} of {n:,}" for name, (mean, n) in worst_first]
    if told["balanced"] is not None:
        lines.append(f"all kinds alike {screen.worth(told['balanced'], task)}")
    return [", ".join(lines)] if lines else []


def overall(told: Json) -> float | None:
    """Mean over what was measured of all customers."""
    judged = sum(n for _, n in told["measured"].values())
    return sum(mean * n for mean, n in told["measured"].values()) / judged if judged else None


def head() -> Text:
    """The first line of the running table."""
    return Text("".join(name.rjust(width) for name, width in COLUMNS), style="dim")


def row(turn: Turn, task: Task) -> Text:
    """`turn` as a line of the running table."""
    told = turn.account
    cells = (
        str(turn.number),
        when(turn.event_time)[-11:],
        f"{told['arrived']:,}",
        f"{told['kept']:,}",
        f"{told['asked']:,}",
        f"{told['labels']:,}",
        f"{told['coverage']:.0%}",
        screen.worth(overall(told), task),
        screen.money(round(sum(told["cost"].values()), 2)),
    )
    return Text("".join(cell.rjust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True)))


def _verdict(verdict: Verdict) -> Text:
    decision = "rollback" if verdict.claim == "rollback" else verdict.decision
    return Text.assemble((f"{decision}  ", screen.DECISIONS.get(decision, "")), screen.plain(verdict.sentence))
