"""`whorl ingest`, `score` and `outcome`: files and words in, captured records out. Bad rows are set aside with a reason."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whorl.cli import screen

if TYPE_CHECKING:
    from whorl.files import Row
    from whorl.flywheel import Answer

CHUNK = 1000
"""Rows that are captured in one go: all of them or, if something breaks, none."""

Customer = Annotated[str, typer.Option(help="Column of the customers, if there is one.")]
FIELDS = ("line", "customer", "output", "confidence", "model", "decision")
"""Columns of what `whorl score` writes. An outcome refers to `decision`; `line` says where the input stands."""


def ingest(
    file: Annotated[Path, typer.Argument(help=".csv, .jsonl or .npz of inputs.", show_default=False)],
    wheel: screen.WheelFolder = screen.HERE,
    truth: Annotated[str, typer.Option(help="Column of truths that are known; they become labels.")] = "",
    customer: Customer = "customer",
    as_json: screen.AsJson = False,
) -> None:
    """Hand recorded inputs to the wheel, and their truths if they are known.

    Rows that do not fit go to FILE.rejected.jsonl, with line and reason.
    """
    from whorl.cli.rejected import Rejected
    from whorl.files import read_rows
    from whorl.flywheel import MAX_TEXT, open_wheel

    labels = 0
    with open_wheel(wheel) as flywheel, Rejected(file) as rejected, screen.progress(file.name) as reach:
        for rows in rejected.chunks(
            CHUNK, read_rows(file, flywheel.wheel.inputs, flywheel.wheel.task, truth, customer)
        ):
            reach(file.name, rows[-1].read, f"{rejected.good:,} rows")
            examples = flywheel.observe(
                [row.value for row in rows],
                customers=[row.customer for row in rows],
                source=f"file {file.name}"[:MAX_TEXT],
            )
            for example, row in zip(examples, rows, strict=True):
                if row.truth is not None:
                    flywheel.label(example, row.truth, annotator=f"file {file.name}"[:MAX_TEXT])
                    labels += 1
    if as_json:
        screen.say_json({"kept": rejected.good, "labels": labels, **rejected.as_json()})
        return
    rejected.tell()
    known = f", {screen.counted(labels, 'label')}" if truth else ""
    kept = f"Kept {screen.counted(rejected.good, 'input')}{known}. Next: {screen.command('turn', wheel)}"
    screen.out().print(kept, markup=False, soft_wrap=True)


def score(
    file: Annotated[Path, typer.Argument(metavar="INPUT", help=".csv, .jsonl or .npz of inputs.", show_default=False)],
    output: Annotated[Path, typer.Argument(help=".csv or .jsonl to write.", show_default=False)],
    wheel: screen.WheelFolder = screen.HERE,
    customer: Customer = "customer",
    as_json: screen.AsJson = False,
) -> None:
    """Decide about every row of a file. Each decision is captured, as if it had been asked for on its own.

    Rows that do not fit go to INPUT.rejected.jsonl, with line and reason.
    """
    from whorl.cli.rejected import Rejected
    from whorl.errors import BadInput, NotReady
    from whorl.files import read_rows
    from whorl.flywheel import open_wheel

    if output.suffix.lower() not in (".csv", ".jsonl"):
        raise BadInput(f"{output} ends in {output.suffix!r}; scores are written to .csv or .jsonl.")
    if output.exists() and output.samefile(file):
        raise BadInput(f"{output} is the input itself; name another file.")
    with open_wheel(wheel) as flywheel:
        if flywheel.champion() is None:
            raise NotReady(
                "There is no champion yet, so nothing can be scored. Label some inputs (`whorl label`), or ingest "
                "some with their truths (`whorl ingest FILE --truth NAME`), and turn the wheel."
            )
        with Rejected(file) as rejected, _scores(output) as write, screen.progress(file.name) as reach:
            for rows in rejected.chunks(
                CHUNK, read_rows(file, flywheel.wheel.inputs, flywheel.wheel.task, "", customer)
            ):
                reach(file.name, rows[-1].read, f"{rejected.good:,} rows")
                answers = flywheel.decide_all([row.value for row in rows], customers=[row.customer for row in rows])
                write(rows, answers)
    if as_json:
        screen.say_json({"path": str(output), "scored": rejected.good, **rejected.as_json()})
        return
    rejected.tell()
    screen.out().print(f"Wrote {screen.counted(rejected.good, 'score')} to {output}.", markup=False, soft_wrap=True)


def outcome(
    decision: Annotated[str, typer.Argument(help="Id of the decision.", show_default=False)],
    value: Annotated[str, typer.Argument(help="What turned out to be true.", show_default=False)],
    wheel: screen.WheelFolder = screen.HERE,
    as_json: screen.AsJson = False,
) -> None:
    """Tell what came of a decision. Told again, it is a correction."""
    from whorl.files import truth_in
    from whorl.flywheel import open_wheel
    from whorl.records import Decision

    with open_wheel(wheel) as flywheel:
        known = flywheel.journal.find(Decision, decision)
        made = flywheel.outcome(decision, truth_in(value, flywheel.wheel.task))
        if as_json:
            screen.say_json({"outcome": made, "decision": decision, "decision_known": known is not None})
        elif known is None:
            screen.say(f"no decision {decision} is known yet; the outcome was kept and waits for it", style="yellow")
        else:
            screen.out().print(f"Decided {known.output}, turned out {value}. Captured.", markup=False)


@contextmanager
def _scores(path: Path) -> Iterator[Callable[[Sequence[Row], Sequence[Answer]], None]]:
    """Writes scores to `path`, which is there when all of them are, or stays as it was."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with part.open("w", newline="", encoding="utf-8") as file:
            table = csv.DictWriter(file, FIELDS) if path.suffix.lower() == ".csv" else None
            if table:
                table.writeheader()

            def write(rows: Sequence[Row], answers: Sequence[Answer]) -> None:
                for row, answer in zip(rows, answers, strict=True):
                    values = (row.line, row.customer, answer.output, answer.confidence, answer.model, answer.id)
                    scored = dict(zip(FIELDS, values, strict=True))
                    if table:
                        table.writerow(scored)
                    else:
                        file.write(json.dumps(scored, ensure_ascii=False) + "\n")

            yield write
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
