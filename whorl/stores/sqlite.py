"""The journal in one SQLite file: any number of processes, no server, and nothing acknowledged is lost by a kill -9.

Not covered: network file systems (WAL needs shared memory), and the last moments before a power failure: the file stays
whole, but appends since the last checkpoint may be gone (synchronous=NORMAL: 7,000 single appends/s, not 270).
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

from whorl.errors import NotFound, StoreError, WrongFormat
from whorl.records import Record
from whorl.stores.rows import records_of, row_of

R = TypeVar("R", bound=Record)
Migration = Callable[[sqlite3.Connection], None]

PATIENCE_SECONDS = 30
"""How long to wait for another writer. One append holds the file for under a millisecond, a thousand records for 10."""

OURS = 0x57484F52
"""`WHOR`, the application id in the header of the file: whether a file is a journal at all."""


def _format_1(db: sqlite3.Connection) -> None:
    db.execute(
        "CREATE TABLE journal (seq INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, id TEXT NOT NULL, "
        "event_time INTEGER NOT NULL, known_time INTEGER NOT NULL, body TEXT NOT NULL, UNIQUE (kind, id))"
    )
    db.execute("CREATE INDEX journal_by_kind ON journal (kind, seq)")
    db.execute(f"PRAGMA application_id = {OURS}")


MIGRATIONS: tuple[Migration, ...] = (_format_1,)
"""What makes format n + 1 out of format n; the format is their number. Once released, one is never changed."""

# Not INSERT OR IGNORE, which would also swallow every other broken constraint.
_INSERT = (
    "INSERT INTO journal (kind, id, event_time, known_time, body) VALUES (?, ?, ?, ?, ?) "
    "ON CONFLICT (kind, id) DO NOTHING"
)
_LAST = "SELECT coalesce(max(seq), 0) FROM journal"
_READ = "SELECT id, event_time, known_time, body FROM journal WHERE kind = ?"

ADVICE = {
    "BUSY": f"Another process has been writing for {PATIENCE_SECONDS} seconds; find it (fuser PATH), then try again.",
    "CANTOPEN": "The folder must exist and be writable, also for reading: readers keep a -shm file beside the journal.",
    "CORRUPT": "The file is damaged: go back to a copy, or save what is left with `sqlite3 PATH .recover`.",
    "FULL": "The disk is full; nothing of this append was written. Make room and append again.",
    "IOERR": "The disk or a limit on file sizes refused; nothing of this append was written. Check both, try again.",
    "NOTADB": "It is not an SQLite file; name another path, or move this file away.",
    "READONLY": "It can only be read here; give this user the right to write to the file and its folder.",
}
"""What to do about each error of SQLite, by the part of its name that counts."""


class SqliteJournal:
    """A journal in one file, made when it is not there. Usable from several threads; each process opens its own.

    Args:
        path: the file; `-wal` and `-shm` files lie beside it while it is open.
        read_only: never write, and refuse to append; the file must exist and have the current format.

    Raises:
        NotFound: `read_only` and there is no such file.
        WrongFormat: written by a newer Whorl, or by an older one and `read_only`.
        StoreError: it is not a journal, or cannot be opened here.

    >>> import tempfile
    >>> from whorl.records import Outcome
    >>> with tempfile.TemporaryDirectory() as folder, SqliteJournal(f"{folder}/journal.sqlite") as journal:
    ...     journal.append(Outcome(id="a", event_time=1, known_time=2, decision="d", value=7))
    ...     journal.append(Outcome(id="a", event_time=1, known_time=2, decision="d", value=7))
    ...     journal.read(Outcome)[0].value
    1
    1
    7
    """

    def __init__(self, path: str | os.PathLike[str], *, read_only: bool = False) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._db: sqlite3.Connection | None = _opened(self.path, read_only)
        self._seen = self._data_version()

    def append(self, *records: Record) -> int:
        """Append all of `records` or, on an error, none, and return when they would survive a kill of this process.

        An id that this kind has already is skipped, also when the rest of the record differs: the first wins, so that
        to send something twice is harmless. To say something else is another record with another id.

        Returns:
            Sequence number of the newest record in the journal, 0 when it is empty.

        Raises:
            BadInput: something among them is not a record of plain values.
            StoreError: they could not be written: disk full, read only, locked for 30 seconds, closed.
        """
        rows = [row_of(record) for record in records]
        if not rows:
            return self.last()
        if self.read_only:
            raise StoreError(f"{self.path} is open for reading only; open it without read_only to append.")
        with self._connection() as db:
            try:
                db.execute("BEGIN IMMEDIATE")
                db.executemany(_INSERT, rows)
                (last,) = db.execute(_LAST).fetchone()
                db.execute("COMMIT")
            except BaseException:
                _roll_back(db)
                raise
        return int(last)

    def read(self, kind: type[R], after: int = 0, until: int | None = None) -> list[R]:
        """The records of one kind with sequence numbers above `after`, up to and including `until`, as they arrived."""
        bound = 2**63 - 1 if until is None else until
        with self._connection() as db:
            query = f"{_READ} AND seq > ? AND seq <= ? ORDER BY seq"
            rows = db.execute(query, (kind.__name__, after, bound)).fetchall()
        return records_of(kind, rows)

    def find(self, kind: type[R], id: str) -> R | None:
        """The record of that kind and id, None where there is none."""
        return self._one(kind, f"{_READ} AND id = ?", kind.__name__, id)

    def newest(self, kind: type[R]) -> R | None:
        """The record of that kind that arrived last, None where there is none."""
        return self._one(kind, f"{_READ} ORDER BY seq DESC LIMIT 1", kind.__name__)

    def last(self) -> int:
        """Sequence number of the newest record, 0 when empty."""
        with self._connection() as db:
            return int(db.execute(_LAST).fetchone()[0])

    def count(self, kind: type[Record]) -> int:
        """How many records of that kind there are."""
        with self._connection() as db:
            return int(db.execute("SELECT count(*) FROM journal WHERE kind = ?", (kind.__name__,)).fetchone()[0])

    def changed(self) -> bool:
        """Whether another connection has appended since this was last asked here, or since opening; microseconds.

        One's own appends do not count. Threads that share a journal share the answer: let one of them ask.
        """
        now = self._data_version()
        before, self._seen = self._seen, now
        return now != before

    def close(self) -> None:
        """Close the file; closing twice is harmless. The last process to close leaves one file, without `-wal`."""
        if self._process != os.getpid():
            return  # for a fork even to close its parent's connection can damage the file
        with self._lock:
            if self._db is not None:
                self._db.close()
            self._db = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _connection(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._db is None:
                raise StoreError(f"{self.path} is closed; open it again with SqliteJournal(path).")
            if self._process != os.getpid():
                raise StoreError(f"{self.path} was opened by process {self._process}; open it again in this one.")
            try:
                yield self._db
            except sqlite3.Error as error:
                raise _store_error(self.path, error) from error

    def _one(self, kind: type[R], query: str, *values: str) -> R | None:
        with self._connection() as db:
            rows = db.execute(query, values).fetchmany(1)
        return records_of(kind, rows)[0] if rows else None

    def _data_version(self) -> int:
        with self._connection() as db:
            return int(db.execute("PRAGMA data_version").fetchone()[0])


def migrate(db: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Bring the open file to the format that `migrations` end in: all in one transaction, or nothing.

    Any number of processes may do this at once: the first migrates, the others wait and find it done.

    Raises:
        WrongFormat: the file is newer than that.
        StoreError: it is SQLite, but not a journal.
    """
    if _format(db, path, len(migrations)) == len(migrations):
        return
    try:
        db.execute("BEGIN IMMEDIATE")
        for change in migrations[_format(db, path, len(migrations)) :]:
            change(db)
        db.execute(f"PRAGMA user_version = {len(migrations)}")
        db.execute("COMMIT")
    except BaseException:
        _roll_back(db)
        raise


def _opened(path: Path, read_only: bool) -> sqlite3.Connection:
    if read_only and not path.exists():
        raise NotFound(f"There is no journal {path}; open it without read_only to begin one.")
    try:
        if not read_only:
            path.parent.mkdir(parents=True, exist_ok=True)
        # isolation_level=None: no transaction begins behind our back.
        db = sqlite3.connect(
            path.absolute().as_uri() + ("?mode=ro" if read_only else ""),
            uri=True,
            timeout=PATIENCE_SECONDS,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise _store_error(path, error) from error
    except OSError as error:
        raise StoreError(f"There can be no journal {path}: {error}. Name a path in a writable folder.") from error
    try:
        if read_only:
            found = _format(db, path, len(MIGRATIONS))
            if found < len(MIGRATIONS):
                raise WrongFormat(
                    f"{path} has format {found}; this Whorl reads format {len(MIGRATIONS)}. Open it once without "
                    "read_only: that brings it up to date."
                )
        else:
            _format(db, path, len(MIGRATIONS))  # before anything is written: what is not ours stays as it was
            _write_ahead(db, path)
            migrate(db, path)
    except sqlite3.Error as error:
        db.close()
        raise _store_error(path, error) from error
    except BaseException:
        db.close()
        raise
    return db


def _format(db: sqlite3.Connection, path: Path, newest: int) -> int:
    """Format of the file, 0 when it is empty. One statement, so that no other process can migrate in between."""
    ours, found, tables = db.execute(
        "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) "
        "FROM pragma_application_id, pragma_user_version"
    ).fetchone()
    if ours != OURS and (ours or found or tables):
        raise StoreError(f"{path} is an SQLite file, but not a journal; name another path, or move this file away.")
    if found > newest:
        raise WrongFormat(
            f"{path} has format {found}; this Whorl knows formats up to {newest}. Upgrade with `pip install -U whorl`, "
            "or go back to a copy from before the upgrade."
        )
    return int(found)


def _write_ahead(db: sqlite3.Connection, path: Path) -> None:
    """Switch to WAL, where readers and the writer do not wait for each other; the file remembers it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            (mode,) = db.execute("PRAGMA journal_mode = WAL").fetchone()
            break
        except sqlite3.OperationalError as error:
            # The one lock for which SQLite does not wait by itself: two processes that make the file at once meet here.
            if "BUSY" not in error.sqlite_errorname or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
    if mode != "wal":
        raise StoreError(f"{path} cannot have a write-ahead log ({mode}); put it on a local disk, not on a network.")
    db.execute("PRAGMA synchronous = NORMAL")


def _roll_back(db: sqlite3.Connection) -> None:
    if db.in_transaction:  # after some errors SQLite has rolled back already
        with suppress(sqlite3.Error):
            db.execute("ROLLBACK")


def _store_error(path: Path, error: sqlite3.Error) -> StoreError:
    name = getattr(error, "sqlite_errorname", "")
    advice = next((advice for part, advice in ADVICE.items() if name.startswith(f"SQLITE_{part}")), "")
    return StoreError(f"{path}: {error}. {advice.replace('PATH', str(path))}".rstrip())
