"""`whorl label`: answer the wheel's questions here, or take them to a tool of your own and bring the answers back."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whorl.cli import screen

if TYPE_CHECKING:
    from whorl.files import Row
    from whorl.flywheel import Flywheel, Question
    from whorl.protocols import Task
    from whorl.records import Json

LOOK_AHEAD = 10
"""Questions that are fetched at once; few, because others may answer at the same time."""

SHOWN = 20
"""Classes that a prompt lists."""

CHUNK = 1000


def label(
    folder: screen.Folder = screen.HERE,
    export: Annotated[
        Path | None,
        typer.Option(help="Write the open questions there (.jsonl; - is standard output).", show_default=False),
    ] = None,
    answers: Annotated[
        Path | None, typer.Option("--import", help="Take answers from there (.jsonl).", show_default=False)
    ] = None,
    annotator: Annotated[str, typer.Option("--as", help="Who answers.", show_default="you")] = "",
    as_json: screen.AsJson = False,
) -> None:
    """Answer the wheel's open questions.

    Type the answer or its beginning; enter alone approves a proposal.

    For a tool of your own, --export writes a line of JSON for each question;
    fill in its "label", and --import the file.
    """
    from whorl.flywheel import open_wheel

    if export and answers:
        raise typer.BadParameter("--export and --import are for two different moments; name one of them.")
    with open_wheel(folder) as flywheel:
        if export:
            told = _export(flywheel, export)
        elif answers:
            told = _import(flywheel, answers, annotator or screen.user())
        else:
            told = _ask(flywheel, annotator or screen.user())
        told["open"] = flywheel.status()["open_requests"]
    if as_json:
        screen.say_json(told)
    else:
        screen.say(", ".join(f"{count:,} {what}" for what, count in told.items()))


def _ask(flywheel: Flywheel, annotator: str) -> dict[str, int]:
    """Ask what is open, one by one, until nothing is or whoever answers has had enough."""
    from whorl.cli.picture import show

    console = screen.out()
    told = {"labelled": 0, "skipped": 0}
    asked = flywheel.status()["open_requests"]
    for place, question in enumerate(_open(flywheel), start=1):
        console.rule(f"{place} of {asked}", align="left", style="dim")
        show(console, question.input, flywheel.wheel.inputs)
        console.print(f"Asked in turn {question.turn}: {_why(question)}.", style="dim", markup=False)
        began = time.monotonic()
        said, value = _answer(question, flywheel.wheel.task)
        if said == "quit":
            break
        if said == "label":
            flywheel.label(question.example, value, annotator=annotator, seconds=time.monotonic() - began)
        told["labelled" if said == "label" else "skipped"] += 1
    return told


def _open(flywheel: Flywheel) -> Iterator[Question]:
    """What is open, each once, oldest first."""
    seen: set[str] = set()
    while True:
        fresh = [question for question in flywheel.questions(len(seen) + LOOK_AHEAD) if question.id not in seen]
        if not fresh:
            return
        for question in fresh:
            seen.add(question.id)
            yield question


def _why(question: Question) -> str:
    if question.reason == "audit":
        return "an audit, drawn at random; what the champion would say stays hidden"
    return f"{screen.plain(question.reason)}, chosen with probability {question.probability:.2g}"


def _answer(question: Question, task: Task) -> tuple[str, Json]:
    """`label` and a truth, `skip` or `quit`; asks until it understands."""
    from whorl.errors import BadOutcome
    from whorl.files import truth_in

    classes = {str(item): item for item in getattr(task, "classes", ())}
    # A class may be called s or q; then these need a colon.
    keys = {name: key if key not in classes else f":{key}" for name, key in (("skip", "s"), ("quit", "q"))}
    hints = [f"{key} {name}s" for name, key in keys.items()]
    if question.proposal is not None:
        hints.insert(0, f"enter approves {question.proposal}, {question.confidence or 0:.0%} sure")
    named = ", ".join(list(classes)[:SHOWN]) + (" ..." if len(classes) > SHOWN else "")
    console = screen.out()
    while True:
        console.print(f"{named or 'How much'}? ({'; '.join(hints)}) ", markup=False, end="")
        try:
            typed = input().strip()
        except EOFError:
            console.print()
            return "quit", None
        for name, key in keys.items():
            if typed == key:
                return name, None
        if not typed and question.proposal is not None:
            return "label", question.proposal
        likely = [name for name in classes if name.lower().startswith(typed.lower())] if typed else []
        if len(likely) == 1 and typed not in classes:
            typed = likely[0]
        try:
            if typed:
                return "label", truth_in(typed, task)
        except BadOutcome as error:
            console.print(f"Which of {', '.join(likely)}?" if likely else str(error), style="yellow", markup=False)


def _export(flywheel: Flywheel, path: Path) -> dict[str, int]:
    """Write every open question as a line of JSON, with an empty `label` to fill in."""
    from dataclasses import asdict

    questions = flywheel.questions(flywheel.status()["open_requests"])
    lines = "".join(
        json.dumps({**asdict(question), "label": None}, ensure_ascii=False) + "\n" for question in questions
    )
    if str(path) == "-":
        typer.echo(lines, nl=False)
    else:
        path.write_text(lines, "utf-8")
    return {"exported": len(questions)}


def _import(flywheel: Flywheel, path: Path, annotator: str) -> dict[str, int]:
    """Take the labels of a file. The same file again changes nothing."""
    from whorl.cli.rejected import Rejected
    from whorl.errors import NotFound
    from whorl.records import Label, derived_id, digest

    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    name = digest(path.read_bytes())
    before = flywheel.journal.count(Label)
    with Rejected(path, "label") as rejected:
        for rows in rejected.chunks(CHUNK, _labels(flywheel, path)):
            for row in rows:
                flywheel.label(
                    row.value["example"],
                    row.truth,
                    annotator=str(row.value.get("annotator") or annotator),
                    seconds=float(row.value.get("seconds") or 0.0),
                    id=derived_id(0, "label file", name, row.line),
                )
    rejected.tell()
    new = flywheel.journal.count(Label) - before
    return {"labelled": new, "known already": rejected.good - new, "rejected": rejected.bad}


def _labels(flywheel: Flywheel, path: Path) -> Iterator[Row]:
    """The lines of `path` that have a label, good and bad."""
    from whorl.errors import BadOutcome, NotFound
    from whorl.files import Row
    from whorl.records import Example

    for line, text in enumerate(path.read_text("utf-8", errors="replace").splitlines(), start=1):
        try:
            if not text.strip():
                continue
            cells = json.loads(text)
            example, answer = cells["example"], cells["label"]
            if answer is None:
                continue
            if not isinstance(example, str) or flywheel.journal.find(Example, example) is None:
                raise NotFound(f"There is no example {example!r}.")
            yield Row(line, 0.0, cells, flywheel.wheel.task.check(answer))
        except (BadOutcome, NotFound) as error:
            yield Row(line, 0.0, problem=str(error), found=cells)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            problem = f'It must be {{"example": ..., "label": ...}} in one line; {type(error).__name__}: {error}.'
            yield Row(line, 0.0, problem=problem, found=text[:1000])
