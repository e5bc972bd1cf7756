"""One turn at a time for each wheel: a lock that dies with its holder, and says who holds it."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from whorl.errors import Busy


@contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock file `path`. The operating system releases it when the holder ends, however it ends.

    Raises:
        Busy: somebody else holds it; says which process, on which machine, since when.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy(f"A turn of this wheel is running already: {_holder(path)}. Wait for it, or end it.") from None
        holder = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "since": datetime.now(UTC).isoformat(" ", "seconds"),
        }
        os.ftruncate(handle, 0)
        os.write(handle, json.dumps(holder).encode())
        yield
    finally:
        os.close(handle)


def _holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
        return f"process {holder['pid']} on {holder['host']}, since {holder['since']}"
    except (OSError, ValueError, KeyError):  # it has just been taken and not been signed yet
        return "another process"
