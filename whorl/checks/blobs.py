"""What every store of blobs promises, as functions that anyone can run on one of their own.

Each takes `make_blobs`, which gives a new, empty store, and raises AssertionError where a promise is broken.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from whorl.errors import NotFound
from whorl.protocols import Blobs

MakeBlobs = Callable[[], Blobs]

CONTENTS = (b"", b"four", b"\x00" * 10, bytes(range(256)) * 4096)

NO_NAMES = ("", "..", "../../etc/passwd", "ab/cd", "A" * 64, "0" * 63, "0" * 65, "0" * 64 + "\n", "\x00" * 64, "٣" * 64)
"""Texts that are not the name of any blob, some of them ways out of a folder."""


def check_what_was_put_comes_back(make_blobs: MakeBlobs) -> None:
    blobs = make_blobs()
    for data in CONTENTS:
        name = blobs.put(data)
        assert name == hashlib.sha256(data).hexdigest(), f"the name of a blob must be its SHA-256, not {name}"
        assert blobs.get(name) == data, f"{len(data)} bytes did not come back as they were"
        assert name in blobs, "a blob that was put is not in the store"


def check_equal_bytes_are_one_blob(make_blobs: MakeBlobs) -> None:
    blobs = make_blobs()
    names = {blobs.put(b"four"), blobs.put(b"four"), blobs.put(bytes(bytearray(b"four")))}
    assert len(names) == len(list(blobs.names())) == 1, "equal bytes were kept more than once"


def check_names_are_all_and_sorted(make_blobs: MakeBlobs) -> None:
    blobs = make_blobs()
    assert list(blobs.names()) == [], "an empty store has no names"
    names = sorted({blobs.put(b"%d" % number) for number in range(30)})
    assert list(blobs.names()) == names, "names must be those of all blobs, sorted"


def check_what_is_not_there_is_not_found(make_blobs: MakeBlobs) -> None:
    blobs = make_blobs()
    for stored in (False, True):
        for name in ("0" * 64, *NO_NAMES):
            assert name not in blobs, f"{name!r} is said to be in the store"
            try:
                blobs.get(name)
            except NotFound:
                continue
            raise AssertionError(f"{name!r} must raise NotFound")
        assert None not in blobs, "None is said to be in the store"
        if not stored:
            blobs.put(b"four")


def check_threads_put_side_by_side(make_blobs: MakeBlobs) -> None:
    blobs = make_blobs()
    with ThreadPoolExecutor(4) as pool:
        names = list(pool.map(blobs.put, [b"%d" % (number % 5) for number in range(20)]))
    assert sorted(set(names)) == list(blobs.names()), "threads that put the same bytes at once lost some"
    assert all(blobs.get(name) for name in names), "threads that put the same bytes at once spoilt some"


BLOBS_CHECKS: tuple[Callable[[MakeBlobs], None], ...] = (
    check_what_was_put_comes_back,
    check_equal_bytes_are_one_blob,
    check_names_are_all_and_sorted,
    check_what_is_not_there_is_not_found,
    check_threads_put_side_by_side,
)
