"""Turning again and again: how long between turns, how to stop, and going on after a turn that failed."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable
from types import FrameType
from typing import Self

import typer

UNITS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
NAP_SECONDS = 0.2
"""How long a request to stop may go unnoticed between turns."""


def seconds(text: str) -> int:
    """
    >>> seconds("90s"), seconds("1h30m")
    (90, 5400)
    """
    if not re.fullmatch(r"(\d{1,6}[dhms])+", text):
        raise typer.BadParameter(f"{text!r} is not a time. Write 90s, 15m, 1h, 1d or 1h30m.")
    return sum(int(count) * UNITS[unit] for count, unit in re.findall(r"(\d+)([dhms])", text))


class Stop:
    """Hears SIGINT and SIGTERM: the first asks to stop after the turn that is running, the second stops at once."""

    def __init__(self, heard: Callable[[], None]) -> None:
        self.wanted = self.turning = False
        self._heard = heard

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.wanted:
            raise KeyboardInterrupt
        self.wanted = True
        if self.turning:
            self._heard()


def repeat(
    turn: Callable[[], None], pause: int, most: int, stop: Stop, complain: Callable[[Exception], None]
) -> tuple[int, int]:
    """Call `turn` every `pause` seconds, from start to start, until `stop` is wanted or it was called `most` times.

    Returns:
        How often it was called, and how often it failed; 0 for `most` is no limit.
    """
    done = failed = 0
    while not stop.wanted:
        due = time.monotonic() + pause
        stop.turning = True
        try:
            turn()
        except Exception as error:  # whatever it was: the next turn may work, and nothing of this one is lost
            failed += 1
            complain(error)
        stop.turning = False
        done += 1
        if done == most:
            break
        while not stop.wanted and time.monotonic() < due:
            time.sleep(min(NAP_SECONDS, max(0.0, due - time.monotonic())))
    return done, failed
