"""`whorl init`: a wheel to begin with, and data to try it on at once."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from whorl.cli import screen

TEMPLATES = Path(__file__).parent.parent / "templates"
"""A folder for each: `wheel.py`, which is copied, and `sample.py`, which makes data for it."""


def init(
    template: Annotated[str, typer.Argument(help="Which one; see --list.", show_default=False)] = "",
    folder: Annotated[Path, typer.Argument(help="Where to write it.", show_default="this folder")] = screen.HERE,
    list_them: Annotated[bool, typer.Option("--list", help="List the templates.")] = False,
) -> None:
    """Write a wheel.py to edit, and sample data to try it on."""
    from importlib import import_module

    from whorl.errors import NotFound, StoreError

    known = sorted(path.parent.name for path in TEMPLATES.glob("*/wheel.py"))
    if list_them or not template:
        screen.facts(screen.out(), ((name, [_about(name)]) for name in known))
        if not list_them:
            screen.out().print("\nChoose one: [bold]whorl init table[/]")
        return
    if template not in known:
        raise NotFound(f"There is no template {template!r}; there are {', '.join(known)}.")
    wheel = folder / "wheel.py"
    if wheel.exists():
        raise StoreError(f"{wheel} exists already, and is not overwritten. Name another folder.")
    folder.mkdir(parents=True, exist_ok=True)
    sample: Path = import_module(f"whorl.templates.{template}.sample").write(folder)
    # The wheel last: where it is, everything is.
    wheel.write_text((TEMPLATES / template / "wheel.py").read_text("utf-8"), "utf-8")

    here, data = shlex.quote(str(folder)), shlex.quote(str(sample))
    ingest = f"whorl ingest {data} --truth truth"
    steps = (
        (f"whorl replay {here} {data}", "what this wheel would make of this data"),
        (ingest if folder == screen.HERE else f"{ingest} --wheel {here}", "hand it to the wheel"),
        (screen.command("turn", folder), "train, prove and promote a first model"),
    )
    console = screen.out()
    console.print(f"Wrote {wheel} (read it: it is short) and {sample}. Next:\n", markup=False, soft_wrap=True)
    for line, why in steps:
        console.print(f"  {line}", style="bold", markup=False, soft_wrap=True)
        console.print(f"      {why}", style="dim", markup=False)


def _about(template: str) -> str:
    """The first sentence of a template, which stands in its first line."""
    return (TEMPLATES / template / "wheel.py").read_text("utf-8").splitlines()[0].strip('" ')
