"""Where records and bytes are kept: journals (a file, or memory) and blobs (a folder, or memory)."""

from whorl.stores.blobs import FolderBlobs, MemoryBlobs
from whorl.stores.memory import MemoryJournal
from whorl.stores.sqlite import SqliteJournal

__all__ = ["FolderBlobs", "MemoryBlobs", "MemoryJournal", "SqliteJournal"]
