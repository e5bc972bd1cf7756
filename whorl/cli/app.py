"""The commands in a table, and how every one of them ends: in a result, or in one clean line and a documented code."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from whorl.cli import data, people, screen, show, start, turning
from whorl.errors import Busy, WhorlError

FAILED, BUSY, INTERRUPTED = 1, 3, 130

COMMANDS: dict[str, tuple[Callable[..., None], ...]] = {
    "Begin": (start.init, turning.replay),
    "Data in, decisions out": (data.ingest, data.score, data.outcome, show.serve),
    "Turn the wheel": (turning.turn, people.label, turning.run, turning.rollback),
    "Look": (show.status, show.report),
}
"""Panel of `whorl --help` -> its commands. Each is a function named like its command."""


class Commands(TyperGroup):
    """Ends a command that failed on purpose with one line for people; everything else is a bug and keeps its traceback."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            screen.err().print("whorl: interrupted", style="red")
            raise typer.Exit(INTERRUPTED) from None
        except (WhorlError, OSError) as error:
            if ctx.params.get("debug") or getattr(error, "errno", None) == errno.EPIPE:
                raise
            screen.complain(error)
            raise typer.Exit(BUSY if isinstance(error, Busy) else FAILED) from None


app = typer.Typer(
    name="whorl",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 3 another turn is running, 130 interrupted.",
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"whorl {version('whorl')}")
        raise typer.Exit


@app.callback()
def whorl(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """The data flywheel: capture, select, label, train, prove, promote, repeat."""


for panel, commands in COMMANDS.items():
    for command in commands:
        app.command(rich_help_panel=panel)(command)


def main() -> None:
    """What the command `whorl` runs."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that cannot show a sign gets a question mark, not a traceback.
        getattr(stream, "reconfigure", lambda errors: None)(errors="replace")
    app()
