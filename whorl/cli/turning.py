"""`whorl turn`, `run`, `replay` and `rollback`: what changes which model serves."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whorl.cli import screen

if TYPE_CHECKING:
    from rich.text import Text

    from whorl.flywheel import Flywheel
    from whorl.records import Turn


def turn(folder: screen.Folder = screen.HERE, as_json: screen.AsJson = False) -> None:
    """Turn the wheel once, and say what happened."""
    from whorl.flywheel import open_wheel

    with open_wheel(folder) as flywheel:
        started = time.monotonic()
        closed = _turn(flywheel)
        if as_json:
            screen.say_json({"wheel": flywheel.wheel.name, **_as_json(closed)})
            return
        console = screen.out()
        console.print(_title(flywheel, closed, time.monotonic() - started))
        console.print(screen.facts(_account(flywheel, closed)))


def run(
    folder: screen.Folder = screen.HERE,
    every: Annotated[str, typer.Option(help="From one turn to the next: 90s, 15m, 1h, 1d or 1h30m.")] = "1h",
    turns: Annotated[int, typer.Option(min=0, help="Stop after so many turns; 0: never.")] = 0,
) -> None:
    """Turn again and again. A turn that fails is reported, and the next is tried.

    Ctrl-C or SIGTERM finishes the turn that is running; a second one stops at once, and nothing is lost.
    """
    from whorl.cli.service import Stop, repeat, seconds
    from whorl.flywheel import open_wheel

    pause = seconds(every)
    open_wheel(folder).close()  # what cannot work fails now, not every hour
    row = _Rows()

    def once() -> None:
        # Opened for each turn: an edited wheel.py counts from the next turn on.
        with open_wheel(folder) as flywheel:
            row(flywheel, _turn(flywheel))

    with Stop(lambda: screen.say("finishing this turn; once more stops at once, and nothing is lost")) as stop:
        done, failed = repeat(once, pause, turns, stop, screen.complain)
    screen.say(f"stopped after {screen.counted(done, 'turn')}{f', {failed} of them failed' if failed else ''}")
    if turns and failed:
        raise typer.Exit(1)


def replay(
    folder: screen.Folder = screen.HERE,
    data: Annotated[
        Path | None,
        typer.Argument(help="Recorded .csv, .jsonl or .npz; without, what wheel.py records.", show_default=False),
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="How many turns.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the stream, the annotator and the wheel.")] = 0,
    start: Annotated[int, typer.Option(min=0, help="Labels to begin with, drawn at random.")] = 20,
    wrong: Annotated[float, typer.Option(min=0, max=1, help="Share of wrong answers of the annotator.")] = 0.0,
    control: Annotated[bool, typer.Option(help="Compare with labels chosen at random.")] = True,
    report: Annotated[Path | None, typer.Option(help="Write a report there.", show_default=False)] = None,
    truth: Annotated[str, typer.Option(help="Column of the truths.")] = "truth",
    customer: Annotated[str, typer.Option(help="Column of the customers.")] = "customer",
    as_json: screen.AsJson = False,
) -> None:
    """Try the wheel on recorded data, with its labels as the annotator, before paying for any."""
    from dataclasses import asdict

    from whorl.pages import write
    from whorl.replay.compare import compare

    with screen.progress("replay") as reach:
        story = compare(
            folder,
            data,
            turns=turns,
            seed=seed,
            start=start,
            wrong=wrong,
            control=control,
            truth=truth,
            customer=customer,
            say=reach,
        )
    written = write(story, report) if report else None
    if as_json:
        screen.say_json({**asdict(story), "report": str(written) if written else None})
        return
    console = screen.out()
    console.print(story.title, style="bold", markup=False)
    console.print(story.headline, markup=False)
    for note in story.notes:
        console.print(f"  {screen.plain(note)}", style="dim", markup=False)
    if written:
        screen.wrote(written)


def rollback(
    folder: screen.Folder = screen.HERE,
    reason: Annotated[str, typer.Option(help="Why; it is kept with the record.", prompt=False)] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: screen.AsJson = False,
) -> None:
    """Serve the model that served before the champion."""
    from whorl.flywheel import open_wheel

    with open_wheel(folder) as flywheel:
        before = flywheel.champion()
        back = flywheel.predecessor()
        if not yes:
            typer.confirm("", abort=True)
        record = flywheel.roll_back(screen.user(), reason)
