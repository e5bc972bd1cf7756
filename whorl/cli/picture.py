"""An input as a terminal can show it: an image as blocks, a row as a table, anything else as JSON."""

from __future__ import annotations

import json

import numpy as np
from rich.console import Console
from rich.text import Text

from whorl.cli import screen
from whorl.inputs import Image, Table
from whorl.protocols import Floats, Inputs
from whorl.records import Json

SHADES = " ░▒▓█"
"""From nothing to full; a pixel is two of them wide, which is about square."""


def show(console: Console, value: Json, inputs: Inputs) -> None:
    """Print `value`, no wider than `console`."""
    if isinstance(inputs, Image):
        pixels = np.asarray(value, dtype=np.float64) / inputs.high
        console.print(picture(pixels.mean(axis=2) if pixels.ndim == 3 else pixels, console.width))
    elif isinstance(inputs, Table):
        screen.facts(console, ((name, [_cell(value[name])]) for name in inputs.columns))
    else:
        console.print(screen.plain(json.dumps(value, ensure_ascii=False)), markup=False)


def picture(pixels: Floats, width: int) -> Text:
    """`pixels` (H, W) in [0, 1] as blocks of shade; larger ones are shrunk to `width` signs.

    >>> print(picture(np.array([[0, 0.5], [1, 0.25]]), 80))
        ▒▒
    ██░░
    """
    shrink = max(1, -(-pixels.shape[1] // max(1, width // 2)))
    if shrink > 1:
        height, across = (-(-side // shrink) * shrink for side in pixels.shape)
        padded = np.pad(pixels, ((0, height - pixels.shape[0]), (0, across - pixels.shape[1])), mode="edge")
        pixels = padded.reshape(height // shrink, shrink, across // shrink, shrink).mean(axis=(1, 3))
    shades = np.rint(np.clip(pixels, 0, 1) * (len(SHADES) - 1)).astype(int)
    return Text("\n".join("".join(SHADES[shade] * 2 for shade in row).rstrip() for row in shades.tolist()))


def _cell(cell: Json) -> str:
    if cell is None:
        return "–"
    return f"{cell:,.10g}" if isinstance(cell, float) else str(cell)
