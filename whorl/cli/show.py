"""`whorl status`, `report` and `serve`: what there is to see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whorl.cli import screen

if TYPE_CHECKING:
    from whorl.flywheel import Flywheel


Replayed = Annotated[bool, typer.Option("--replayed", help="The wheel as the last replay left it.")]


def status(folder: screen.Folder = screen.HERE, replayed: Replayed = False, as_json: screen.AsJson = False) -> None:
    """Say where the wheel stands."""
    with _open(folder, replayed) as flywheel:
        if as_json:
            screen.say_json(flywheel.status())
            return
        console = screen.out()
        console.print(f"[bold]{flywheel.wheel.name}[/]  [dim]{screen.plain(flywheel.state)}[/]", soft_wrap=True)
        screen.facts(console, _standing(flywheel))


def report(
    folder: screen.Folder = screen.HERE,
    out: Annotated[Path, typer.Option("--out", "-o", help="Where to write it.")] = Path("report.html"),
    replayed: Replayed = False,
    as_json: screen.AsJson = False,
) -> None:
    """Write everything about the wheel to one page that any browser opens, also without a network."""
    from whorl.pages import write
    from whorl.story import tell

    with _open(folder, replayed) as flywheel:
        written = write(tell(flywheel), out)
    if as_json:
        screen.say_json({"path": str(written.resolve()), "bytes": written.stat().st_size})
    else:
        screen.wrote(written)


def serve(
    folder: screen.Folder = screen.HERE,
    host: Annotated[str, typer.Option(help="Address of this machine to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 8000,
    replayed: Replayed = False,
) -> None:
    """Serve decisions, take outcomes and labels, and show the dashboard, over HTTP."""
    from whorl.server import serve as serve_wheel

    with _open(folder, replayed) as flywheel:
        screen.say(f"{flywheel.wheel.name} at http://{host}:{port}, Ctrl-C to stop")
        with suppress(KeyboardInterrupt):  # it has finished what was in flight by then
            serve_wheel(flywheel, host, port)
        screen.say("stopped")


def _open(folder: Path, replayed: bool) -> Flywheel:
    from whorl.errors import NotFound
    from whorl.flywheel import open_wheel
    from whorl.replay.compare import state_of

    if not replayed:
        return open_wheel(folder)
    state = state_of(folder, "wheel")
    if not state.is_dir():
        raise NotFound(f"No replay of {folder} has left its state behind. Run `whorl replay` first.")
    return open_wheel(folder, state)


def _standing(flywheel: Flywheel) -> Iterator[tuple[str, Sequence[str]]]:
    from whorl.cli import account

    stands = flywheel.status()
    champion, told = stands["champion"], stands["last_turn"]
    serving = "none yet"
    if champion:
        serving = f"{champion['recipe']} {champion['version']}, since turn {champion['since_turn']} by {champion['by']}"
        serving += f", taught by {screen.counted(champion['labels'], 'label')}"
    yield "champion", [serving]
    counts = [screen.counted(count, kind.lower()) for kind, count in stands["counts"].items()]
    yield "records", [", ".join(counts)]
    asking = stands["open_requests"]
    yield "open", [f"{screen.counted(asking, 'question')}: `whorl label`"] if asking else []
    turns = screen.counted(stands["turns"], "turn")
    yield "turned", [f"{turns}; one was interrupted, and the next finishes it" if stands["interrupted"] else turns]
    if told:
        yield "measured", account.measured(told, flywheel.wheel.task)
        yield "decided", told["verdicts"]
    yield "next", stands["plan"]
    yield "ask", [f"{who} about {stage}" for stage, who in stands["owners"].items()]
