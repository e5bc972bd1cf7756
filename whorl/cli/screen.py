"""What commands write: results to standard output, progress and complaints to standard error, JSON where it is asked for."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Protocol

import typer

from whorl.errors import WhorlError

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from whorl.records import Json

Folder = Annotated[Path, typer.Argument(help="Folder with wheel.py.", show_default="this one")]
WheelFolder = Annotated[Path, typer.Option("--wheel", "-w", help="Folder with wheel.py.", show_default="this one")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
HERE = Path()

DECISIONS = {"promote": "green", "hold": "yellow", "reject": "red", "rollback": "magenta"}
"""Decision of a verdict -> its colour."""


class Reach(Protocol):
    """Moves the progress bar `name` to a share in [0, 1], with a remark."""

    def __call__(self, name: str, share: float, remark: str = "") -> None: ...


def out() -> Console:
    """Where results go."""
    from rich.console import Console

    return Console(highlight=False)


def err() -> Console:
    """Where progress and complaints go."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def complain(error: Exception) -> None:
    """One red line, and the notes that were added to the error on its way."""
    said = " ".join(str(error).split())
    expected = isinstance(error, WhorlError | OSError) and said
    say(said if expected else f"{type(error).__name__}: {said}", style="red")
    for note in getattr(error, "__notes__", ()):
        err().print(f"  {plain(note)}", style="dim", markup=False, soft_wrap=True)


def say(remark: str, style: str = "") -> None:
    """A remark for whoever watches, on standard error, so that results stay clean."""
    err().print(f"whorl: {plain(remark)}", style=style, markup=False, soft_wrap=True)


def command(name: str, folder: Path) -> str:
    """What to type for `name` on the wheel in `folder`.

    >>> command("turn", Path()), command("label", Path("my shop"))
    ('whorl turn', "whorl label 'my shop'")
    """
    return f"whorl {name}" if folder == HERE else f"whorl {name} {shlex.quote(str(folder))}"


def say_json(value: Json) -> None:
    """`value` on standard output, whatever its width."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


def plain(text: object) -> str:
    """`text` without what could steer a terminal: names come from whoever calls the wheel.

    >>> plain("acme\\x1b[2J")
    'acme�[2J'
    """
    return "".join(sign if sign.isprintable() else "�" for sign in str(text))


def facts(console: Console, rows: Iterable[tuple[str, Sequence[str | Text]]]) -> None:
    """Print names and the lines that are to be said of each, aligned and wrapped; a fact without lines is left out."""
    from rich.text import Text

    told = [(name, lines) for name, lines in rows if lines]
    indent = max((len(name) for name, _ in told), default=0) + 4
    for name, lines in told:
        margin = Text(f"  {plain(name)}", style="dim")
        for line in lines:
            text = line if isinstance(line, Text) else Text(plain(line))
            for part in text.wrap(console, max(20, console.width - indent)):
                part.rstrip()
                margin.pad_right(indent - len(margin))
                console.print(Text.assemble(margin, part), soft_wrap=True)
                margin = Text()


@contextmanager
def progress(*names: str) -> Iterator[Reach]:
    """A bar for each of `names` on standard error while something takes its time; none where that is not a terminal."""
    console = err()
    if not console.is_terminal:
        yield lambda name, share, remark="": None
        return
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remark]}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks = {name: bars.add_task(plain(name), total=1.0, remark="") for name in names}
        yield lambda name, share, remark="": bars.update(tasks[name], completed=share, remark=plain(remark))


def counted(number: int, noun: str, many: str = "") -> str:
    """
    >>> counted(1, "question"), counted(1200, "question"), counted(2, "copy", "copies")
    ('1 question', '1,200 questions', '2 copies')
    """
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def worth(value: float | None, task: object) -> str:
    """A mean utility: of a classification it is an accuracy. "–" for what is not known."""
    if value is None:
        return "–"
    return f"{value:.1%}" if hasattr(task, "classes") else f"{value:.3f}"


def costs(cost: Mapping[str, float]) -> str:
    """
    >>> costs({"labels": 2.0, "training": 0.048, "storage": 0.0})
    '2.05 (labels 2.00, training 0.048)'
    """
    parts = ", ".join(f"{name} {money(value)}" for name, value in cost.items() if value)
    return f"{money(sum(cost.values()))}{f' ({parts})' if parts else ''}"


def money(value: float) -> str:
    """Two decimals, or a third where it takes one to see something.

    >>> money(0), money(1234.5), money(0.1), money(0.048), money(0.0000012)
    ('0.00', '1,234.50', '0.10', '0.048', '<0.001')
    """
    if abs(value) >= 1 or not value:
        return f"{value:,.2f}"
    return f"{value:.3f}".removesuffix("0") if abs(value) >= 0.0005 else "<0.001"


def size(count: float) -> str:
    """
    >>> size(999), size(38_400), size(3_200_000)
    ('999 B', '38 kB', '3.2 MB')
    """
    for unit, each in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= each:
            return f"{count / each:.1f} {unit}" if count < 10 * each else f"{count / each:.0f} {unit}"
    return f"{count:.0f} B"


def user() -> str:
    """Who types, as the operating system knows them."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container without a user database
        return "somebody"


def wrote(path: Path) -> None:
    """Where a page is, how large, and how to see it."""
    console = out()
    console.print(f"Wrote {plain(path)} ({size(path.stat().st_size)}). Open it in a browser:", markup=False)
    console.print(f"  {path.resolve().as_uri()}", markup=False, soft_wrap=True)
