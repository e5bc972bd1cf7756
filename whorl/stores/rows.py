"""How a record becomes a row of a journal, and back: what every journal agrees on.

A row is (kind, id, event_time, known_time, text); the text is the canonical JSON of the other fields.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TypeVar

from whorl.errors import BadInput, StoreError
from whorl.records import Record, body, canonical_json, from_body

R = TypeVar("R", bound=Record)
Row = tuple[str, str, int, int, str]

TOGETHER = 500
"""Texts parsed by one call: 2.4 microseconds each where one call each takes 3.9; more of them gain nothing."""


def row_of(record: Record) -> Row:
    """The row of `record`.

    Raises:
        BadInput: it is no record, its id is not a text, a time is not a whole number of 64 bits, or a field holds what
            JSON in UTF-8 cannot say (an object, an array, NaN, half a surrogate pair).

    >>> from whorl.records import Outcome
    >>> row_of(Outcome(id="a", event_time=1, known_time=2, decision="d", value=7))
    ('Outcome', 'a', 1, 2, '{"decision":"d","kind":"truth","supersedes":null,"value":7}')
    """
    if not isinstance(record, Record) or type(record) is Record:
        raise BadInput(f"A {type(record).__name__} cannot be appended; a journal takes records, one argument each.")
    kind, values = type(record).__name__, body(record)
    id, event_time, known_time = values.pop("id"), values.pop("event_time"), values.pop("known_time")
    if type(id) is not str or not id:
        raise BadInput(f"The id of this {kind} is {id!r}; it must be a text that is not empty, such as new_id(at).")
    for name, time in (("event_time", event_time), ("known_time", known_time)):
        if type(time) is not int or not -(2**63) <= time < 2**63:
            raise BadInput(f"{name} of {kind} {id!r} is {time!r}; it must be whole microseconds since 1970 (an int).")
    try:
        text = canonical_json(values)
        text.encode()
        id.encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise BadInput(
            f"{kind} {id!r} cannot be kept: {error}. Its fields must hold plain values: text, whole and finite "
            "numbers, bool, bytes, None, and lists and dicts of those."
        ) from error
    return kind, id, event_time, known_time, text


def records_of(kind: type[R], rows: Sequence[tuple[str, int, int, str]]) -> list[R]:
    """The records of one kind that were written as these rows (without the kind), in the same order.

    Raises:
        StoreError: a text is not what `row_of` writes, or lacks a field that this version of Whorl needs.

    >>> from whorl.records import Outcome
    >>> records_of(Outcome, [("a", 1, 2, '{"decision":"d","value":7}')])[0].value
    7
    """
    found: list[R] = []
    for start in range(0, len(rows), TOGETHER):
        part = rows[start : start + TOGETHER]
        try:
            found += _records_of(kind, part)
        except (TypeError, ValueError, AttributeError, RecursionError) as error:
            if len(rows) > 1:  # again, one by one, so that the message can say which
                found += [records_of(kind, [row])[0] for row in part]
                continue
            raise StoreError(
                f"{kind.__name__} {part[0][0]!r} cannot be read: {error}. It was written by another version of Whorl "
                "or changed by hand; open the journal with that version, or go back to a copy."
            ) from error
    return found


def _records_of(kind: type[R], rows: Sequence[tuple[str, int, int, str]]) -> list[R]:
    bodies = json.loads(f"[{','.join(row[3] for row in rows)}]")
    made = []
    for (id, event_time, known_time, _), values in zip(rows, bodies, strict=True):
        values["id"], values["event_time"], values["known_time"] = id, event_time, known_time
        made.append(from_body(kind, values))
    return made
