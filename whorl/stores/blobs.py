"""Bytes by their SHA-256, in a folder or in memory: what was put is never changed, and what is read has its digest."""

from __future__ import annotations

import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from whorl.errors import NotFound, StoreError, Tampered
from whorl.records import digest

LEFTOVER_SECONDS = 86_400
"""Half-written files older than this belong to a process that was killed; nobody writes one blob for a day."""

_NAME = re.compile(r"[0-9a-f]{64}")


class FolderBlobs:
    """Blobs as files `ab/cdef...` in a folder, made when it is not there; any number of threads and processes at once.

    A blob is there whole or not at all: it is written under another name, synced, and renamed. To remove one, delete
    its file. Each put costs one to three syncs of the disk; putting what is there already costs none.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     blobs = FolderBlobs(folder)
    ...     name = blobs.put(b"four")
    ...     name[:8], blobs.get(name), name in blobs
    ('04efaf08', b'four', True)
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._swept = False

    def put(self, data: bytes) -> str:
        """Keep `data` and return its name, 64 hexadecimal digits.

        Raises:
            StoreError: it could not be written (disk full, folder not writable); then nothing is there.
        """
        name = digest(data)
        path = self._path(name)
        try:
            # Same name and same size is taken for the same; another size is damage, which this mends.
            if path.exists() and path.stat().st_size == len(data):
                return name
            if not self._swept:
                self._sweep()
            if not path.parent.exists():
                path.parent.mkdir(parents=True, exist_ok=True)
                _sync(self.folder)
            _write(path, data)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error}. Nothing was kept; make room or make the folder writable, and try "
                "again."
            ) from error
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that name.

        Raises:
            NotFound: there are none, or `name` is not 64 hexadecimal digits.
            Tampered: the file does not hold what its name says.
            StoreError: the file cannot be read.
        """
        if not _is_name(name):
            raise NotFound(f"{name!r} is not the name of a blob; names are 64 hexadecimal digits, as `put` returns.")
        path = self._path(name)
        try:
            data = path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound(f"There is no blob {name} in {self.folder}; it was erased, or belongs elsewhere.") from None
        except OSError as error:
            raise StoreError(f"{path} cannot be read: {error}. Give this user the right to read it.") from error
        if digest(data) != name:
            raise Tampered(
                f"{path} holds {len(data)} bytes with SHA-256 {digest(data)}, which is not its name: it was changed or "
                "damaged. Put a copy in its place, or delete it and put the data again."
            )
        return data

    def __contains__(self, name: object) -> bool:
        return _is_name(name) and self._path(str(name)).is_file()

    def names(self) -> Iterator[str]:
        """The names of all blobs, sorted."""
        for part in sorted(self.folder.glob("[0-9a-f][0-9a-f]")):
            yield from sorted(name for file in part.iterdir() if _is_name(name := part.name + file.name))

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name[2:]

    def _sweep(self) -> None:
        """Remove what killed processes left half-written. Once for each object: it looks through up to 256 folders."""
        self._swept = True
        oldest = time.time() - LEFTOVER_SECONDS
        for leftover in self.folder.glob("??/*.part"):
            with suppress(OSError):  # another process may be sweeping as well
                if leftover.stat().st_mtime < oldest:
                    leftover.unlink()


class MemoryBlobs:
    """Blobs that are gone when the process is.

    >>> blobs = MemoryBlobs()
    >>> fork = blobs.copy()
    >>> fork.get(fork.put(b"four")), list(blobs.names())
    (b'four', [])
    """

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def put(self, data: bytes) -> str:
        """Keep `data` and return its name, 64 hexadecimal digits."""
        name = digest(data)
        self._kept.setdefault(name, bytes(data))
        return name

    def get(self, name: str) -> bytes:
        """The bytes of that name; raises NotFound where there are none."""
        if name not in self._kept:
            raise NotFound(f"There is no blob {name!r} here; names are 64 hexadecimal digits, as `put` returns.")
        return self._kept[name]

    def __contains__(self, name: object) -> bool:
        return name in self._kept

    def names(self) -> Iterator[str]:
        """The names of all blobs, sorted."""
        return iter(sorted(self._kept))

    def copy(self) -> MemoryBlobs:
        """Blobs that begin with all of these and go their own way; the bytes are shared."""
        fork = MemoryBlobs()
        fork._kept = self._kept.copy()
        return fork


def _is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def _write(path: Path, data: bytes) -> None:
    """Write `data` beside `path`, sync it, give it its name, sync the folder."""
    part = path.with_name(f"{secrets.token_hex(8)}.part")
    try:
        # O_EXCL: never somebody else's file. 0o666 less the umask: a server under another user may have to read it.
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
    _sync(path.parent)


def _sync(folder: Path) -> None:
    """Make the names in `folder` survive a power failure, not only what the files hold."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
