"""`whorl turn`, `run`, `replay` and `rollback`: what changes, or would change, which model serves."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whorl.cli import screen

if TYPE_CHECKING:
    from whorl.flywheel import Flywheel
    from whorl.records import Turn


def turn(folder: screen.Folder = screen.HERE, as_json: screen.AsJson = False) -> None:
    """Turn the wheel once, and say what happened."""
    from whorl.flywheel import open_wheel

    started = time.monotonic()
    with open_wheel(folder) as flywheel:
        closed = _turn(flywheel)
        status = flywheel.status()
        if as_json:
            told = {"wheel": flywheel.wheel.name, "turn": closed.number, "at": closed.event_time}
            screen.say_json({**told, **closed.account, "champion": status["champion"], "plan": closed.plan})
            return
        from whorl.cli import account

        console = screen.out()
        took = f"{account.when(closed.event_time)}, {time.monotonic() - started:.1f} s"
        console.print(f"[bold]{flywheel.wheel.name}, turn {closed.number}[/]  [dim]{took}[/]")
        screen.facts(console, account.facts(flywheel, closed, status["open_requests"]))
        for hint in _hints(folder, status):
            console.print(hint, markup=False, soft_wrap=True)


def run(
    folder: screen.Folder = screen.HERE,
    every: Annotated[str, typer.Option(help="From one turn to the next: 90s, 15m, 1h, 1d or 1h30m.")] = "1h",
    turns: Annotated[int, typer.Option(min=0, help="Stop after so many turns; 0 is never.")] = 0,
) -> None:
    """Turn again and again. A turn that fails is reported, and the next is tried.

    Ctrl-C or SIGTERM stops after the turn that is running. Once more stops at
    once, and the next turn finishes it.
    """
    from whorl.cli import account
    from whorl.cli.service import Stop, repeat, seconds
    from whorl.flywheel import open_wheel

    pause, console = seconds(every), screen.out()

    def once() -> None:
        # Opened for each turn: an edited wheel.py counts from the next turn on.
        with open_wheel(folder) as flywheel:
            closed = _turn(flywheel)
            console.print(account.row(closed, flywheel.wheel.task))
            why = account.promoted(flywheel, closed)
            if why:
                screen.facts(console, [("   promoted", [why])])

    with Stop(lambda: screen.say("stopping after this turn; once more stops at once")) as stop:
        open_wheel(folder).close()  # what cannot work at all fails now, not every hour
        console.print(account.head())
        done, failed = repeat(once, pause, turns, stop, screen.complain)
    screen.say(f"stopped after {screen.counted(done, 'turn')}{f', of which {failed:,} failed' if failed else ''}")
    if turns and failed:
        raise typer.Exit(1)


def replay(
    folder: screen.Folder = screen.HERE,
    data: Annotated[
        Path | None,
        typer.Argument(help="Recorded .csv, .jsonl or .npz.", show_default="what wheel.py has recorded"),
    ] = None,
    turns: Annotated[int, typer.Option(min=1, help="How many turns.")] = 12,
    seed: Annotated[int, typer.Option(min=0, help="Of the stream, the annotator and the wheel.")] = 0,
    start: Annotated[int, typer.Option(min=0, help="Labels to begin with, drawn at random.")] = 20,
    wrong: Annotated[float, typer.Option(min=0, max=1, help="Share of the annotator's answers that are wrong.")] = 0.0,
    control: Annotated[bool, typer.Option(help="Compare with labels chosen at random.")] = True,
    report: Annotated[Path | None, typer.Option(help="Write a report there (.html).", show_default=False)] = None,
    truth: Annotated[str, typer.Option(help="Column of the truths.")] = "truth",
    customer: Annotated[str, typer.Option(help="Column of the customers.")] = "customer",
    as_json: screen.AsJson = False,
) -> None:
    """Try the wheel on recorded data, whose labels answer its questions, before paying for any."""
    from dataclasses import asdict

    from whorl.pages import write
    from whorl.replay.compare import Job, compare
    from whorl.wheel import STAGES

    job = Job(folder, data, truth, customer, turns=turns, start=start, wrong=wrong, seed=seed)
    with screen.progress("wheel", *(["control"] if control else [])) as reach:

        def say(arm: str, number: int, stage: str) -> None:
            share = (number + STAGES.index(stage) / len(STAGES)) / (turns + 1)
            reach(arm, min(share, 1.0), f"turn {number}, {stage}")

        story = compare(job, control, say)
    written = write(story, report) if report else None
    if as_json:
        screen.say_json({**asdict(story), "report": str(written) if written else None})
        return
    console = screen.out()
    from whorl.cli.turns import turn_table

    console.print(screen.plain(story.title), style="bold", markup=False)
    console.print(turn_table(story.arms[0]))
    console.print(screen.plain(story.headline), style="bold", markup=False)
    for note in story.notes:
        console.print(f"  {screen.plain(note)}", style="dim", markup=False)
    if written:
        screen.wrote(written)
    console.print(f"See the wheel as it is now: whorl serve {screen.plain(folder)} --replayed", markup=False)


def rollback(
    folder: screen.Folder = screen.HERE,
    reason: Annotated[str, typer.Option(help="Why; for those who read the record later.", show_default=False)] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask first.")] = False,
    as_json: screen.AsJson = False,
) -> None:
    """Serve the model that served before the champion."""
    from whorl.flywheel import open_wheel
    from whorl.records import Promotion

    with open_wheel(folder) as flywheel:
        before = flywheel.status()["champion"]
        several = len({promotion.model for promotion in flywheel.journal.read(Promotion)}) > 1
        if before and several and not yes:
            question = f"Stop serving {before['recipe']} {before['version']} (since turn {before['since_turn']})?"
            typer.confirm(question, abort=True, err=True)
        record = flywheel.roll_back(screen.user(), reason)
        now = flywheel.status()["champion"]
        if as_json:
            screen.say_json({"from": before, "to": now, "by": record.by, "reason": reason})
            return
        screen.out().print(
            f"{now['recipe']} {now['version']} serves again, in place of {before['recipe']} {before['version']}.",
            markup=False,
            soft_wrap=True,
        )


def _turn(flywheel: Flywheel) -> Turn:
    """One turn, with a bar that moves from stage to stage."""
    from whorl.wheel import STAGES

    name = flywheel.wheel.name
    with screen.progress(name) as reach:
        return flywheel.turn(say=lambda stage: reach(name, STAGES.index(stage) / len(STAGES), stage))


def _hints(folder: Path, status: dict[str, Any]) -> list[str]:
    """What people can do now."""
    hints = []
    if status["open_requests"]:
        asking = screen.counted(status["open_requests"], "question")
        hints.append(f"{asking} wait for an answer: {screen.command('label', folder)}")
    if not status["champion"]:
        hints.append("Nothing serves yet. Label some inputs, or ingest some with --truth, and turn again.")
    return hints
