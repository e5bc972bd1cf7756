"""A turn in words and numbers: a fact for each thing that happened, or one row of a running table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from rich.text import Text

from whorl.cli import screen
from whorl.flywheel import Flywheel
from whorl.protocols import Task
from whorl.records import Json, Turn, Verdict

COLUMNS = (
    ("turn", 5),
    ("when", 13),
    ("arrived", 9),
    ("kept", 7),
    ("asked", 7),
    ("labels", 8),
    ("covered", 9),
    ("measured", 10),
    ("cost", 9),
)
"""Of the running table, with their widths: 77 in all, to fit a narrow terminal."""


def when(micros: int) -> str:
    """Microseconds since 1970-01-01 UTC, as the clock of whoever reads it shows them."""
    return datetime.fromtimestamp(micros / 1e6).astimezone().strftime("%Y-%m-%d %H:%M")


def facts(flywheel: Flywheel, turn: Turn, still_open: int) -> Iterator[tuple[str, Sequence[str | Text]]]:
    """Everything that happened in `turn`, name by name; `still_open` questions have no answer."""
    told, task = turn.account, flywheel.wheel.task
    kept, gone = told["kept"], told["arrived"] - told["kept"]
    arrived = screen.counted(told["arrived"], "input") + (f", {kept:,} kept, {gone:,} not" if gone else "")
    waiting = f"{screen.counted(told['waiting'], 'outcome')} without a decision so far"
    verdicts = [verdict for verdict in flywheel.journal.read(Verdict) if verdict.turn == turn.number]
    yield "arrived", [arrived, waiting] if told["waiting"] else [arrived]
    yield "asked", [f"{screen.counted(told['asked'], 'question')}; {still_open:,} open"]
    yield "labels", [f"{told['labels']:,} so far"]
    yield "covered", [f"{told['coverage']:.0%} of what was kept lies near a label"] if kept else []
    yield "measured", measured(told, task)
    yield "decided", [_verdict(verdict) for verdict in sorted(verdicts, key=_loudest)] or ["nothing new to learn from"]
    yield "cost", [screen.costs(told["cost"])]
    yield "next", turn.plan["because"]


def measured(told: Json, task: Task) -> list[str]:
    """How good the champion is, as far as fair samples tell: for each customer, the worst first, and over all groups."""
    worst_first = sorted(told["measured"].items(), key=lambda item: (item[1][0], item[0]))
    parts = [f"{name or 'everybody'} {screen.worth(mean, task)} of {n:,}" for name, (mean, n) in worst_first]
    if told["balanced"] is not None:
        parts.append(f"balanced {screen.worth(told['balanced'], task)}")
    return [", ".join(parts)] if parts else []


def overall(told: Json) -> float | None:
    """Mean over what was measured of all customers; None where nothing was."""
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
        f"{told['coverage']:.0%}" if told["kept"] else "–",
        screen.worth(overall(told), task),
        f"{sum(told['cost'].values()):,.2f}",
    )
    return Text("".join(cell.rjust(width) for cell, (_, width) in zip(cells, COLUMNS, strict=True)))


def promoted(flywheel: Flywheel, turn: Turn) -> str:
    """Which model `turn` promoted and why; "" if none."""
    of_this = (verdict for verdict in flywheel.journal.read(Verdict) if verdict.turn == turn.number)
    return next((verdict.sentence for verdict in of_this if verdict.challenger == turn.account["promoted"]), "")


def _loudest(verdict: Verdict) -> int:
    return ("promote", "reject", "hold").index(verdict.decision)


def _verdict(verdict: Verdict) -> Text:
    decision = "rollback" if verdict.claim == "rollback" else verdict.decision
    return Text.assemble((f"{decision:<9}", screen.DECISIONS.get(decision, "")), screen.plain(verdict.sentence))
