"""`whorl label`: answer the wheel's questions here, or take them to a tool of your own and bring the answers back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from whorl.cli import screen

if TYPE_CHECKING:
    from whorl.flywheel import Flywheel, Question
    from whorl.records import Json

SKIP, QUIT = "s", "q"
ALL = 10**9


def label(
    folder: screen.Folder = screen.HERE,
    export: Annotated[
        Path | None, typer.Option(help="Write the open questions there (.jsonl; - is standard output).", show_default=False)
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--import", help="Take answers from there (.jsonl).", show_default=False)
    ] = None,
    annotator: Annotated[str, typer.Option("--as", help="Who answers.", show_default="you")] = "",
    as_json: screen.AsJson = False,
) -> None:
    """Answer the wheel's open questions.

    Type the answer; enter alone approves a proposal, s skips, q quits. For another tool: --export writes a line of JSON for
    each question; fill in its "label" and --import the file.
    """
    from whorl.flywheel import open_wheel

    if export and answers:
        raise typer.BadParameter("--export and --import are for two different moments; name one of them.")
    with open_wheel(folder) as flywheel:
        if export:
            told = {"exported": _export(flywheel, export), "path": str(export)}
        elif answers:
            told = _import(flywheel, answers, annotator or screen.user())
        else:
            told = _ask(flywheel, annotator or screen.user())
        told["open"] = flywheel.status()["open_requests"]
    if as_json and str(export) != "-":
        screen.say_json(told)
        return
    done = ", ".join(f"{count:,} {what}" for what, count in told.items() if isinstance(count, int))
    screen.say(done)


def _ask(flywheel: Flywheel, annotator: str) -> dict[str, Any]:
    """Ask what is open, one by one, until nothing is or whoever answers has had enough."""
    from whorl.cli.picture import show

    console = screen.out()
    told = {"labelled": 0, "skipped": 0}
    left = flywheel.status()["open_requests"]
    for place, question in enumerate(_open(flywheel), start=1):
        console.rule(f"[dim]{place} of {left}[/]", align="left")
        console.print(show(question.input, flywheel.wheel.inputs, console.width))
        console.print(_why(flywheel, question), style="dim", markup=False)
        began = time.monotonic()
        answer = _answer(flywheel, question)
        if answer == QUIT:
            break
        if answer == SKIP:
            told["skipped"] += 1
            continue
        flywheel.label(question.example, answer[0], annotator=annotator, seconds=time.monotonic() - began)
        told["labelled"] += 1
    return told
