"""Rows of a file that do not fit, set aside beside it with their lines and the reasons; the others go on in groups."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Self

from whorl.cli import screen
from whorl.errors import BadInput
from whorl.files import Row
from whorl.records import Json

SHOWN = 3
"""Rejected rows that are told of one by one; all of them are in the file."""


class Rejected:
    """Counts good and bad rows of `file`, and writes the bad ones to `file`.rejected.jsonl, which is not made without any."""

    def __init__(self, file: Path, noun: str = "row") -> None:
        self.noun = noun
        self.source, self.path = file, file.with_name(f"{file.name}.rejected.jsonl")
        self.good = self.bad = 0
        self._first: list[Row] = []
        self._file: IO[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._file:
            self._file.close()

    def chunks(self, most: int, rows: Iterator[Row]) -> Iterator[list[Row]]:
        """The good rows, at most `most` at a time.

        Raises:
            BadInput: there is none.
        """
        chunk: list[Row] = []
        for row in rows:
            if row.problem:
                self._set_aside(row)
                continue
            self.good += 1
            chunk.append(row)
            if len(chunk) == most:
                yield chunk
                chunk = []
        if chunk:
            yield chunk
        if not self.good and self.bad:
            first = self._first[0]
            raise BadInput(
                f"None of the {screen.counted(self.bad, 'row')} of {self.source} fits; why is in {self.path}. "
                f"Line {first.line}: {first.problem}"
            )
        if not self.good:
            raise BadInput(f"{self.source} holds no {self.noun}s.")

    def tell(self) -> None:
        """What was rejected, in a few lines."""
        for row in self._first:
            screen.say(f"line {row.line}: {row.problem}", style="yellow")
        if self.bad:
            rows = screen.counted(self.bad, self.noun)
            screen.say(f"{rows} rejected, with the reasons in {self.path}", style="yellow")

    def as_json(self) -> Json:
        """How many were rejected, and where they are."""
        return {"rejected": self.bad, "rejected_to": str(self.path) if self.bad else None}

    def _set_aside(self, row: Row) -> None:
        if self._file is None:
            self._file = self.path.open("w", encoding="utf-8")
        self._file.write(json.dumps({"line": row.line, "reason": row.problem, "row": row.found}) + "\n")
        self.bad += 1
        if len(self._first) < SHOWN:
            self._first.append(row)
