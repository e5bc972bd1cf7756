"""Recorded data: what was asked, by whom, in which order, and what turned out to be true."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from whorl.errors import BadInput, BadOutcome, NotFound, WhorlError
from whorl.inputs import Number, Table
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
        path: `.csv` or `.jsonl` with a column for each input column, for a wheel that takes a `Table`; or `.npz` with
            arrays of the names below and `x` (N, ...), for any other.
        truth: name of the column (array) of truths; an empty cell is a truth that never became known.
        customer: name of the column (array) of customers, if there is one.
        sealed: share in (0, 1) that never arrives and judges.

    Raises:
        BadInput, BadOutcome: a row does not fit; names its line.
    """
    readers = {".csv": _csv, ".jsonl": _jsonl, ".npz": _npz}
    if path.suffix not in readers:
        raise WhorlError(f"{path} ends in {path.suffix!r}; recorded data is read from {', '.join(sorted(readers))}.")
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    rows = []
    for line, (value, told, who) in enumerate(readers[path.suffix](path, wheel, truth, customer), start=1):
        try:
            wheel.inputs.pack(value)
            rows.append(Recorded(value, None if told in ("", None) else wheel.task.check(told), who))
        except (BadInput, BadOutcome) as error:
            raise type(error)(f"{path}, row {line}: {error}") from error
    if not rows:
        raise BadInput(f"{path} holds no rows.")
    return split(rows, wheel, sealed)


Row = tuple[Any, Any, str]


def _csv(path: Path, wheel: Wheel, truth: str, customer: str) -> Iterator[Row]:
    table = _table(wheel, path)
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        _needs(path, list(reader.fieldnames or ()), [*table.columns, truth])
        for cells in reader:
            value: dict[str, Any] = {}
            for name, column in table.columns.items():
                cell = cells[name]
                value[name] = None if cell in ("", None) else _number(cell) if isinstance(column, Number) else cell
            yield value, _like_truth(wheel, cells[truth]), cells.get(customer) or ""


def _jsonl(path: Path, wheel: Wheel, truth: str, customer: str) -> Iterator[Row]:
    table = _table(wheel, path)
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                cells = json.loads(line)
            except ValueError as error:
                raise BadInput(f"{path}, line {number} is not JSON: {error}.") from None
            _needs(f"{path}, line {number}", list(cells), [*table.columns, truth])
            yield {name: cells[name] for name in table.columns}, cells[truth], str(cells.get(customer) or "")


def _npz(path: Path, wheel: Wheel, truth: str, customer: str) -> Iterator[Row]:
    with np.load(path, allow_pickle=False) as arrays:
        _needs(path, arrays.files, ["x", truth])
        x, truths = arrays["x"], arrays[truth].tolist()
        customers = arrays[customer].tolist() if customer in arrays.files else [""] * len(x)
    yield from zip(x, truths, map(str, customers), strict=True)


def _table(wheel: Wheel, path: Path) -> Table:
    if not isinstance(wheel.inputs, Table):
        raise WhorlError(f"{path} holds rows, and this wheel takes {wheel.inputs!r}; give a .npz with an array x.")
    return wheel.inputs


def _needs(where: object, found: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in found]
    if missing:
        raise BadInput(f"{where} lacks {', '.join(missing)}; it has {', '.join(map(str, found)) or 'nothing'}.")


def _number(cell: str) -> float | str:
    try:
        return float(cell)
    except ValueError:
        return cell  # the column says what is wrong with it


def _like_truth(wheel: Wheel, cell: str) -> Any:
    """A cell of text as the task wants its truths: a number where text does not fit."""
    if cell == "":
        return None
    for made in (str, int, float):
        try:
            return wheel.task.check(made(cell))
        except (ValueError, WhorlError):
            continue
    return cell
