"""The journal in memory: for simulations, which fork it, and for tests. It keeps every promise but outliving us."""

from __future__ import annotations

import threading
from bisect import bisect_right
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self, TypeVar, cast

from whorl.records import Record, body
from whorl.stores.rows import Row, records_of, row_of

R = TypeVar("R", bound=Record)


@dataclass(slots=True)
class _Shelf:
    """All that came of one kind, in order of arrival; the lists are parallel."""

    sequences: list[int] = field(default_factory=list)
    kept: list[Record | Row] = field(default_factory=list)
    """A row until it is first read; then the record itself, unless it holds something that its reader could change."""
    places: dict[str, int] = field(default_factory=dict)

    def copy(self) -> _Shelf:
        return _Shelf(self.sequences.copy(), self.kept.copy(), self.places.copy())


class MemoryJournal:
    """A journal that is gone when the process is. Usable from several threads.

    What is read is what a file would have given back: lists inside a record come back as lists, tuples as tuples, and
    to change them changes nothing here. As nobody else can append, `changed` also speaks of one's own appends. To
    close it does nothing: there is nothing to hand back.

    >>> from whorl.records import Outcome
    >>> journal = MemoryJournal()
    >>> journal.append(Outcome(id="a", event_time=1, known_time=2, decision="d", value=7))
    1
    >>> fork = journal.copy()
    >>> fork.append(Outcome(id="b", event_time=3, known_time=4, decision="d", value=8))
    2
    >>> journal.count(Outcome), fork.newest(Outcome).value
    (1, 8)
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shelves: dict[str, _Shelf] = {}
        self._last = self._seen = 0

    def append(self, *records: Record) -> int:
        """Append all of `records` or, on an error, none; an id that this kind has already is skipped: the first wins.

        Returns:
            Sequence number of the newest record in the journal, 0 when it is empty.

        Raises:
            BadInput: something among them is not a record of plain values.
        """
        rows = [row_of(record) for record in records]
        with self._lock:
            for row in rows:
                shelf = self._shelves.setdefault(row[0], _Shelf())
                if row[1] in shelf.places:
                    continue
                self._last += 1
                shelf.places[row[1]] = len(shelf.kept)
                shelf.sequences.append(self._last)
                shelf.kept.append(row)
            return self._last

    def read(self, kind: type[R], after: int = 0, until: int | None = None) -> list[R]:
        """The records of one kind with sequence numbers above `after`, up to and including `until`, as they arrived."""
        with self._lock:
            shelf = self._shelves.get(kind.__name__, _Shelf())
            start = bisect_right(shelf.sequences, after)
            stop = len(shelf.kept) if until is None else bisect_right(shelf.sequences, until)
            return _handed_out(kind, shelf, range(start, stop))

    def find(self, kind: type[R], id: str) -> R | None:
        """The record of that kind and id, None where there is none."""
        with self._lock:
            shelf = self._shelves.get(kind.__name__, _Shelf())
            place = shelf.places.get(id)
            return None if place is None else _handed_out(kind, shelf, range(place, place + 1))[0]

    def newest(self, kind: type[R]) -> R | None:
        """The record of that kind that arrived last, None where there is none."""
        with self._lock:
            shelf = self._shelves.get(kind.__name__, _Shelf())
            return _handed_out(kind, shelf, range(len(shelf.kept))[-1:])[0] if shelf.kept else None

    def last(self) -> int:
        """Sequence number of the newest record, 0 when empty."""
        return self._last

    def count(self, kind: type[Record]) -> int:
        """How many records of that kind there are."""
        with self._lock:
            return len(self._shelves.get(kind.__name__, _Shelf()).kept)

    def changed(self) -> bool:
        """Whether anything was appended since this was last asked."""
        with self._lock:
            before, self._seen = self._seen, self._last
            return before != self._last

    def copy(self) -> MemoryJournal:
        """A journal that begins with all of this and goes its own way: about 0.1 microseconds for each record."""
        fork = MemoryJournal()
        with self._lock:
            fork._shelves = {kind: shelf.copy() for kind, shelf in self._shelves.items()}
            fork._last = fork._seen = self._last
        return fork

    def close(self) -> None:
        """Nothing happens."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _handed_out(kind: type[R], shelf: _Shelf, places: range) -> list[R]:
    """The records in these places; all readers share those in which nobody can change anything."""
    found = shelf.kept[places.start : places.stop]
    in_rows = [number for number, one in enumerate(found) if isinstance(one, tuple)]
    made = records_of(kind, [cast(Row, found[number])[1:] for number in in_rows])
    for number, record in zip(in_rows, made, strict=True):
        found[number] = record
        if not any(isinstance(value, list | dict) for value in body(record).values()):
            shelf.kept[places.start + number] = record
    return cast(list[R], found)
