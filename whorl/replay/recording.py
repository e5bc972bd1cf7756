"""Recorded data: what was asked, by whom, in which order, and what turned out to be true."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whorl.errors import BadInput
from whorl.files import read_rows
from whorl.records import Json, digest
from whorl.wheel import Wheel


@dataclass(frozen=True)
class Recorded:
    """One thing that was asked. `truth` is None where it never became known."""

    value: Any
    truth: Json
    customer: str = ""


@dataclass(frozen=True)
class Recording:
    """What arrives, in its order, and what is sealed: it never arrives, and judges from outside."""

    arriving: tuple[Recorded, ...]
    sealed: tuple[Recorded, ...]


def split(rows: Sequence[Recorded], wheel: Wheel, share: float) -> Recording:
    """Seal about `share` of the rows, by a hash of their content: copies are sealed together."""
    limit = int(share * 2**32)
    sealed = [int(digest(b"seal" + wheel.inputs.pack(row.value))[:8], 16) < limit for row in rows]
    return Recording(
        arriving=tuple(row for row, out in zip(rows, sealed, strict=True) if not out),
        sealed=tuple(row for row, out in zip(rows, sealed, strict=True) if out and row.truth is not None),
    )


def read_recording(
    path: Path, wheel: Wheel, truth: str = "truth", customer: str = "customer", sealed: float = 0.3
) -> Recording:
    """Recorded data from a file, in the order in which it stands there.

    Args:
        path: what `whorl.files.read_rows` reads: `.csv`, `.jsonl` or `.npz`.
        truth: name of the column (array) of truths; an empty cell is a truth that never became known.
        customer: name of the column (array) of customers, if there is one.
        sealed: share in (0, 1) that never arrives and judges.

    Raises:
        NotFound: there is no such file.
        BadInput: a row does not fit; names its line.
    """
    rows = []
    for row in read_rows(path, wheel.inputs, wheel.task, truth, customer):
        if row.problem:
            raise BadInput(f"{path}, line {row.line}: {row.problem} `whorl ingest` takes what fits and lists the rest.")
        rows.append(Recorded(row.value, row.truth, row.customer))
    if not rows:
        raise BadInput(f"{path} holds no rows.")
    return split(rows, wheel, sealed)
