"""Rows of a file as a wheel takes them: `.csv`, `.jsonl` or `.npz`. A row that does not fit says why; the rest goes on.

`.csv` and `.jsonl` are read as they are needed, however large. `.npz` is loaded as a whole.
"""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from whorl.errors import BadInput, BadOutcome, NotFound
from whorl.flywheel import MAX_TEXT
from whorl.inputs import Number, Table
from whorl.protocols import Inputs, Task
from whorl.records import Json

CUSTOMER = "customer"
"""The column of customers when nobody names another; a file may lack this one."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file: `value` for `decide`, its `truth` (None where there is none), or the `problem` with it."""

    line: int
    """Where it begins, counted from 1; for `.npz` its place in the arrays, counted from 1."""
    read: float
    """Share of the file, in [0, 1], that has been read with it."""
    value: Any = None
    truth: Json = None
    customer: str = ""
    problem: str = ""
    found: Json = None
    """What stands there, for a row with a problem."""


@dataclass(frozen=True, slots=True)
class _Cells:
    """What stands in a row: by column, or why it cannot be told apart into columns."""

    line: int
    read: float
    columns: Mapping[str, Any]
    problem: str = ""
    found: Json = None


def read_rows(path: Path, inputs: Inputs, task: Task, truth: str = "", customer: str = CUSTOMER) -> Iterator[Row]:
    """The rows of `path` in their order, good and bad.

    Args:
        path: `.csv` (separated by comma, semicolon or tab; first line names the columns) for a wheel that takes a `Table`;
            `.jsonl` with the same columns, or for any wheel with `input`; `.npz` with an array `x`, a row for each input.
        truth: name of the column or array of truths, "" for none; an empty cell is a truth that is not known.
        customer: name of the column or array of customers.

    Raises:
        NotFound: there is no such file.
        BadInput: it is no such file, or lacks a column that is needed by every row.
    """
    if path.suffix.lower() not in READERS:
        raise BadInput(f"{path} ends in {path.suffix!r}; rows are read from {', '.join(sorted(READERS))}.")
    if not path.is_file():
        raise NotFound(f"There is no file {path}.")
    needed = [name for name in (truth, customer if customer != CUSTOMER else "") if name]
    for cells in READERS[path.suffix.lower()](path, inputs, needed):
        problem = cells.problem
        try:
            if not problem:
                yield _row(cells, inputs, task, truth, customer)
                continue
        except (BadInput, BadOutcome) as error:
            problem = str(error)
        found = cells.found if cells.found is not None else _plain(cells.columns)
        yield Row(cells.line, cells.read, problem=problem, found=found)


def truth_in(text: str, task: Task) -> Json:
    """`text` as the task wants its truths: as a number where that fits, else as it is.

    >>> from whorl.tasks import Classification
    >>> truth_in("7", Classification(range(10))), truth_in("7", Classification(["7", "8"]))
    (7, '7')

    Raises:
        BadOutcome: it fits neither way.
    """
    first: BadOutcome | None = None
    for made in (int, float, str):
        try:
            return task.check(made(text))
        except BadOutcome as error:
            first = first or error
        except ValueError:
            continue
    assert first is not None  # a text can always be made of a text
    raise first


def _row(cells: _Cells, inputs: Inputs, task: Task, truth: str, customer: str) -> Row:
    value = _value(cells, inputs)
    inputs.pack(value)
    told = cells.columns.get(truth) if truth else None
    if told in ("", None) or (isinstance(told, float) and np.isnan(told)):
        told = None
    else:
        told = truth_in(told, task) if isinstance(told, str) else task.check(told)
    who = cells.columns.get(customer)
    who = "" if who is None else str(who)
    if len(who) > MAX_TEXT:
        raise BadInput(f"The customer has {len(who):,} characters; at most {MAX_TEXT} are taken.")
    if not who.isascii() and who != who.encode("utf-8", "replace").decode("utf-8"):
        raise BadInput(f"The customer is {who!r}; it must be text in UTF-8.")
    return Row(cells.line, cells.read, value, told, who)


def _value(cells: _Cells, inputs: Inputs) -> Any:
    if isinstance(inputs, Table) and not ("input" in cells.columns and "input" not in inputs.columns):
        return {name: cells.columns.get(name) for name in inputs.columns}
    if "input" not in cells.columns:
        raise BadInput(f"The row has no `input`; it has {_list(list(cells.columns))}.")
    return cells.columns["input"]


def _csv(path: Path, inputs: Inputs, needed: Sequence[str]) -> Iterator[_Cells]:
    if not isinstance(inputs, Table):
        raise BadInput(
            f"{path} holds rows of cells, and this wheel takes {inputs!r}. Give a .npz with an array x, "
            "or a .jsonl with `input` in each line."
        )
    # Broken bytes survive as surrogates until the cell that holds them is refused; they do not end the file.
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        done = _share(file, path)
        head = file.readline()
        file.seek(0)
        reader = csv.reader(file, delimiter=max(",;\t", key=head.count))
        try:
            names = next(reader, [])
        except csv.Error as error:
            raise BadInput(f"The first line of {path} does not name columns: {error}.") from None
        _need(path, names, [*inputs.columns, *needed])
        line = reader.line_num + 1
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield _Cells(line, done(), {}, f"This cannot be read as cells: {error}.", "")
                line = reader.line_num + 1
                continue
            if len(row) == len(names):
                cells = dict(zip(names, row, strict=True))
                yield _Cells(line, done(), {**cells, **_numbers(cells, inputs)}, found=cells)
            elif row:
                yield _Cells(line, done(), {}, f"{len(row)} cells; the first line names {len(names)} columns.", row)
            line = reader.line_num + 1


def _numbers(cells: Mapping[str, str], table: Table) -> dict[str, Any]:
    """The cells of the table's columns; text becomes a number where one is declared and it is one."""
    made: dict[str, Any] = {}
    for name, column in table.columns.items():
        cell = cells[name].strip()
        made[name] = cell or None
        if cell and isinstance(column, Number):
            try:
                made[name] = float(cell)
            except ValueError:
                continue  # the column says what is wrong with it
    return made


def _jsonl(path: Path, inputs: Inputs, needed: Sequence[str]) -> Iterator[_Cells]:
    with path.open(encoding="utf-8-sig", errors="surrogateescape") as file:
        done = _share(file, path)
        for line, text in enumerate(file, start=1):
            if not text.strip():
                continue
            try:
                cells = json.loads(text)
            except (ValueError, RecursionError) as error:
                yield _Cells(line, done(), {}, f"This is not JSON: {error}.", text.rstrip("\n")[:1000])
                continue
            if not isinstance(cells, dict):
                yield _Cells(line, done(), {}, f"This is a {type(cells).__name__}; it must be an object.", cells)
                continue
            missing = [name for name in needed if name not in cells]
            yield _Cells(line, done(), cells, f"It lacks {_list(missing)}." if missing else "")


def _npz(path: Path, inputs: Inputs, needed: Sequence[str]) -> Iterator[_Cells]:
    if not zipfile.is_zipfile(path):
        raise BadInput(f"{path} is not what numpy.savez writes.")
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
    except (ValueError, EOFError, zipfile.BadZipFile) as error:  # ValueError: objects, which only pickle could load
        raise BadInput(f"{path} cannot be read as arrays of numbers or texts: {error}") from None
    _need(path, list(arrays), ["x", *needed])
    sizes = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    if len({sizes[name] for name in ("x", *needed, CUSTOMER) if name in sizes}) > 1:
        raise BadInput(f"The arrays of {path} must have a row for each input; they have {sizes}.")
    columns = {name: array.tolist() for name, array in arrays.items() if name != "x" and sizes[name] == sizes["x"]}
    for place, value in enumerate(arrays["x"]):
        cells = {name: column[place] for name, column in columns.items()}
        yield _Cells(place + 1, (place + 1) / sizes["x"], {**cells, "input": value}, found=cells)


READERS: dict[str, Callable[[Path, Inputs, Sequence[str]], Iterator[_Cells]]] = {
    ".csv": _csv,
    ".jsonl": _jsonl,
    ".npz": _npz,
}


def _share(file: TextIO, path: Path) -> Callable[[], float]:
    size = max(path.stat().st_size, 1)
    return lambda: min(1.0, file.buffer.tell() / size)


def _need(path: Path, found: Sequence[str], needed: Sequence[str]) -> None:
    missing = [name for name in needed if name not in found]
    twice = sorted({name for name in found if found.count(name) > 1})
    if missing:
        raise BadInput(f"{path} lacks {_list(missing)}; it has {_list(found) or 'nothing'}.")
    if twice:
        raise BadInput(f"{path} names {_list(twice)} twice; every column needs a name of its own.")


def _plain(columns: Mapping[str, Any]) -> Json:
    return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in columns.items()}


def _list(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(str(name)[:80] for name in names[:most]) + (
        f" and {len(names) - most} more" if names[most:] else ""
    )
