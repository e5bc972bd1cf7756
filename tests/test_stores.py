"""Journals and blobs keep what they promise, also across processes, kills, full disks and formats."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from whorl.checks import BLOBS_CHECKS, JOURNAL_CHECKS
from whorl.checks.journal import sample
from whorl.errors import BadInput, NotFound, StoreError, Tampered, WrongFormat
from whorl.records import KINDS, Label, Outcome, Promotion
from whorl.stores import FolderBlobs, MemoryBlobs, MemoryJournal, SqliteJournal
from whorl.stores.sqlite import MIGRATIONS, migrate

ROOT = Path(__file__).parents[1]


def name_of(function):
    return function.__name__


def python(script, *arguments):
    """A process of its own that runs `script` in the root of the repository."""
    command = [sys.executable, "-W", "error", "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def outcome(number, **given):
    return sample(Outcome, number, **given)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.sqlite"


@pytest.mark.parametrize("check", JOURNAL_CHECKS, ids=name_of)
@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_journal(store, check, tmp_path):
    made = iter(range(100))
    check(MemoryJournal if store == "memory" else lambda: SqliteJournal(tmp_path / f"{next(made)}.sqlite"))


@pytest.mark.parametrize("check", BLOBS_CHECKS, ids=name_of)
@pytest.mark.parametrize("store", ["memory", "folder"])
def test_blobs(store, check, tmp_path):
    made = iter(range(100))
    check(MemoryBlobs if store == "memory" else lambda: FolderBlobs(tmp_path / str(next(made))))


def test_the_samples_fill_every_field_of_every_kind():
    for kind in KINDS:
        assert sample(kind, 1) != sample(kind, 2)


# --- one journal, several at work


def test_two_journals_on_one_path_see_each_other(path):
    with SqliteJournal(path) as one, SqliteJournal(path) as other:
        assert one.append(outcome(1)) == 1
        assert other.append(outcome(2), outcome(1)) == one.last() == 2
        assert one.read(Outcome) == other.read(Outcome) == [outcome(1), outcome(2)]


def test_changed_tells_what_others_appended(path):
    with SqliteJournal(path) as one, SqliteJournal(path) as other, SqliteJournal(path, read_only=True) as reader:
        one.append(outcome(1))
        assert not one.changed()
        assert [other.changed(), other.changed()] == [reader.changed(), reader.changed()] == [True, False]
        other.append(sample(Promotion, 1))
        assert one.changed()
        assert one.newest(Promotion) == sample(Promotion, 1)
        assert reader.changed()


def test_changed_tells_of_another_process(path):
    script = "import sys; from whorl.stores import *; from whorl.checks.journal import *\n"
    script += "with SqliteJournal(sys.argv[1]) as journal: journal.append(sample(Outcome, 1))"
    with SqliteJournal(path) as journal:
        assert not journal.changed()
        assert finished(python(script, path)) == ""
        assert [journal.changed(), journal.changed()] == [True, False]


APPEND_MANY = """
import sys
from whorl.checks.journal import sample
from whorl.records import Outcome
from whorl.stores import SqliteJournal
with SqliteJournal(sys.argv[1]) as journal:
    for number in range(100):
        # A third is everybody's, the rest one's own, and now and then several at once.
        own = int(sys.argv[2]) * 1000 if number % 3 else 0
        journal.append(*(sample(Outcome, own + 10 * number + one) for one in range(1 + number % 3)))
"""


def finished(process, seconds=30):
    out, errors = process.communicate(timeout=seconds)
    assert process.returncode == 0, errors
    return out


def test_four_processes_append_while_one_reads_and_nothing_is_lost_or_doubled(path):
    writers = [python(APPEND_MANY, path, writer) for writer in range(1, 5)]  # they also make the file, all at once
    parts, mark = [], 0
    with SqliteJournal(path) as reader:
        while any(writer.poll() is None for writer in writers):
            parts += reader.read(Outcome, after=mark, until=(mark := reader.last()))
        for writer in writers:
            finished(writer)
        parts += reader.read(Outcome, after=mark)
        expected = {
            f"Outcome-{(own * 1000 if number % 3 else 0) + 10 * number + one}"
            for own in range(1, 5)
            for number in range(100)
            for one in range(1 + number % 3)
        }
        assert len(parts) == len(expected) == reader.count(Outcome)
        assert {one.id for one in parts} == expected


APPEND_UNTIL_KILLED = """
import sys
from whorl.checks.journal import sample
from whorl.records import Outcome
from whorl.stores import SqliteJournal
journal, first = SqliteJournal(sys.argv[1]), int(sys.argv[2])
for number in range(10**6):
    journal.append(*(sample(Outcome, 0, id=f"{first}-{number}-{one}") for one in range(5)))
    print(f"{first}-{number}", flush=True)
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(path):
    acknowledged, chance, deadline = [], random.Random(8), time.monotonic() + 12
    for number in range(15):
        if time.monotonic() > deadline:
            break
        with python(APPEND_UNTIL_KILLED, path, number) as writer:
            head = writer.stdout.readline()
            assert head, writer.stderr.read()
            time.sleep(chance.random() * 0.03)
            writer.kill()
            tail = writer.stdout.read()
        assert writer.returncode == -signal.SIGKILL
        acknowledged += [line for line in (head + tail).splitlines(keepends=True) if line.endswith("\n")]
        with SqliteJournal(path, read_only=number % 2 == 1) as journal:
            ids = [one.id for one in journal.read(Outcome)]
            batches = {}
            for id in ids:
                batches.setdefault(id.rpartition("-")[0], []).append(id)
            assert len(ids) == len(set(ids)), "something is there twice"
            assert {line.strip() for line in acknowledged} <= set(batches), "something acknowledged is gone"
            assert {len(batch) for batch in batches.values()} == {5}, "an append is there in part"
    assert number >= 4, "too few rounds to say anything"


def test_a_fork_must_open_its_own(path):
    with SqliteJournal(path) as journal:
        journal.append(outcome(1))
        journal._process += 1  # as a forked child would find it; to fork under pytest would warn on Python 3.12
        with pytest.raises(StoreError, match="open it again in this one"):
            journal.read(Outcome)
        journal._process -= 1


# --- the file


def test_what_was_appended_is_there_after_opening_again(path):
    with SqliteJournal(path) as journal:
        journal.append(*(sample(kind, 1) for kind in KINDS))
    assert [file.name for file in path.parent.iterdir()] == [path.name], "only one file is left when all have closed"
    with SqliteJournal(str(path)) as journal:
        assert [journal.newest(kind) for kind in KINDS] == [sample(kind, 1) for kind in KINDS]
        assert journal.append(outcome(2)) == len(KINDS) + 1


def test_a_folder_with_strange_characters_is_fine(tmp_path):
    with SqliteJournal(tmp_path / "a b?mode=ro#%41 ü" / "deep" / "journal.sqlite") as journal:
        assert journal.append(outcome(1)) == 1
    assert (tmp_path / "a b?mode=ro#%41 ü" / "deep" / "journal.sqlite").is_file()


def test_a_read_only_journal_reads_and_refuses_to_append(path):
    with pytest.raises(NotFound, match="There is no journal"):
        SqliteJournal(path, read_only=True)
    assert not path.exists()
    with SqliteJournal(path) as journal:
        journal.append(outcome(1))
    with SqliteJournal(path, read_only=True) as journal:
        assert journal.read(Outcome) == [outcome(1)]
        assert journal.append() == 1
        with pytest.raises(StoreError, match="for reading only"):
            journal.append(outcome(2))


def test_a_closed_journal_says_so(path):
    journal = SqliteJournal(path)
    journal.close()
    for use in (journal.last, journal.changed, lambda: journal.append(outcome(1)), lambda: journal.read(Outcome)):
        with pytest.raises(StoreError, match="is closed; open it again"):
            use()


@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_is_no_journal_is_refused_and_left_alone(path, read_only):
    path.write_bytes(b"name,answer\nacme,7\n" * 100)
    with pytest.raises(StoreError, match="not an SQLite file; name another path"):
        SqliteJournal(path, read_only=read_only)
    assert path.read_bytes() == b"name,answer\nacme,7\n" * 100


@pytest.mark.parametrize("version", [0, 1, 99])
def test_an_sqlite_file_of_somebody_else_is_refused_and_left_alone(path, version):
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE theirs (a)")
        db.execute(f"PRAGMA user_version = {version}")
    before = path.read_bytes()
    with pytest.raises(StoreError, match="but not a journal"):
        SqliteJournal(path)
    assert path.read_bytes() == before


def test_a_path_where_there_can_be_no_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="writable folder"):
        SqliteJournal(tmp_path / "file" / "journal.sqlite")
    with pytest.raises(StoreError, match="folder must exist and be writable"):
        SqliteJournal(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_refused(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match="writable"):
        SqliteJournal(tmp_path / "journal.sqlite")


def test_an_empty_file_becomes_a_journal(path):
    path.touch()
    with pytest.raises(WrongFormat, match=r"has format 0; .* Open it once without"):
        SqliteJournal(path, read_only=True)
    with SqliteJournal(path) as journal:
        assert journal.append(outcome(1)) == 1
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)


def test_an_older_format_is_migrated_whole_or_not_at_all(path):
    def note(db):
        db.execute("CREATE TABLE notes (seq INTEGER, note TEXT)")
        db.execute("INSERT INTO notes SELECT seq, 'was here' FROM journal")

    def fail(db):
        db.execute("DELETE FROM journal")
        db.execute("NONSENSE")

    with SqliteJournal(path) as journal:
        journal.append(outcome(1), outcome(2))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        with pytest.raises(sqlite3.OperationalError):
            migrate(db, path, (*MIGRATIONS, note, fail))
        assert db.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
        assert db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'notes'").fetchone() == (0,)
        for _ in range(2):
            migrate(db, path, (*MIGRATIONS, note))
        assert db.execute("SELECT * FROM notes").fetchall() == [(1, "was here"), (2, "was here")]
    with pytest.raises(WrongFormat, match=f"format {len(MIGRATIONS) + 1}.*up to {len(MIGRATIONS)}. Upgrade with"):
        SqliteJournal(path)


def test_a_damaged_record_is_named(path):
    with SqliteJournal(path) as journal:
        journal.append(*(outcome(number) for number in range(10)))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for damage in ("no JSON", "{}", '1],"x":[2'):
            db.execute("UPDATE journal SET body = ? WHERE id = 'Outcome-7'", (damage,))
            with (
                SqliteJournal(path) as journal,
                pytest.raises(StoreError, match=r"Outcome 'Outcome-7' cannot be read: .*go back to a copy"),
            ):
                journal.read(Outcome)


def test_a_field_of_another_version_is_passed_over(path):
    with SqliteJournal(path) as journal:
        journal.append(outcome(1))
        with closing(sqlite3.connect(path, isolation_level=None)) as db:
            db.execute("UPDATE journal SET body = json_remove(json_set(body, '$.later', 1), '$.kind')")
        assert journal.read(Outcome) == [replace(outcome(1), kind="truth")]


# --- full disks


def test_a_full_file_takes_nothing_of_an_append_and_stays_readable(path):
    many = [outcome(number, value="x" * 1000) for number in range(1, 500)]
    with SqliteJournal(path) as journal:
        journal.append(outcome(0))
        journal._db.execute("PRAGMA max_page_count = 50")
        with pytest.raises(StoreError, match="disk is full; nothing of this append was written"):
            journal.append(*many)
        assert journal.read(Outcome) == [outcome(0)]
        journal._db.execute("PRAGMA max_page_count = 4294967294")
        journal.append(*many)
        assert journal.count(Outcome) == 500


APPEND_UNTIL_REFUSED = """
import resource, sys
from whorl.checks.journal import sample
from whorl.errors import StoreError
from whorl.records import Outcome
from whorl.stores import SqliteJournal
journal = SqliteJournal(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
for number in range(10**6):
    try:
        journal.append(*(sample(Outcome, 2 * number + one, value="x" * 3000) for one in range(2)))
    except StoreError as error:
        print(2 * number, journal.count(Outcome), len(journal.read(Outcome)), error, sep="|")
        break
"""


def test_a_disk_that_refuses_to_grow_takes_nothing_of_an_append(path):
    appended, counted, read, error = finished(python(APPEND_UNTIL_REFUSED, path)).split("|")
    assert appended == counted == read
    assert "nothing of this append was written" in error
    with SqliteJournal(path) as journal:
        assert [one.id for one in journal.read(Outcome)] == [f"Outcome-{number}" for number in range(int(appended))]
        journal.append(sample(Label, 1))


# --- forks in memory


def test_a_copy_of_a_memory_journal_goes_its_own_way():
    journal = MemoryJournal()
    journal.append(outcome(1), sample(Label, 1, value=[1]))
    fork = journal.copy()
    assert not fork.changed()
    assert journal.append(outcome(2)) == fork.append(outcome(3)) == 3
    assert fork.changed()
    assert [journal.read(Outcome), fork.read(Outcome)] == [[outcome(1), outcome(2)], [outcome(1), outcome(3)]]
    assert fork.read(Label) == journal.read(Label) == [sample(Label, 1, value=[1])]


def test_a_memory_journal_gives_back_what_a_file_would(path):
    odd = (outcome(1, value=(1, 2)), outcome(2, value={1: True}), outcome(3, kind=b"ab"), outcome(4, supersedes=7))
    journal = MemoryJournal()
    journal.append(*odd)
    with SqliteJournal(path) as file:
        file.append(*odd)
        assert journal.read(Outcome) == file.read(Outcome)


def test_a_memory_journal_works_in_a_with_block():
    with MemoryJournal() as journal:
        journal.append(outcome(1))
    with pytest.raises(BadInput, match="takes records"):
        journal.append([outcome(2)])


# --- blobs in a folder


def test_a_tampered_blob_is_refused_until_it_is_mended(tmp_path):
    blobs = FolderBlobs(tmp_path)
    name = blobs.put(b"four")
    file = tmp_path / name[:2] / name[2:]
    for wrong in (b"five", b"fou", b""):
        file.write_bytes(wrong)
        with pytest.raises(Tampered, match=f"{name[2:]} holds {len(wrong)} bytes .* delete it and put the data again"):
            blobs.get(name)
    assert blobs.put(b"four") == name  # its size was wrong, so it is written again
    assert blobs.get(name) == b"four"


def test_putting_what_is_there_writes_nothing(tmp_path):
    name = FolderBlobs(tmp_path).put(b"four")
    file = tmp_path / name[:2] / name[2:]
    before = file.stat()
    FolderBlobs(tmp_path).put(b"four")
    assert file.stat().st_ino == before.st_ino
    assert file.stat().st_mtime_ns == before.st_mtime_ns


def test_what_a_killed_process_left_is_harmless_and_goes_after_a_day(tmp_path):
    name = FolderBlobs(tmp_path).put(b"four")
    old, young = (tmp_path / name[:2] / f"{age}.part" for age in ("old", "young"))
    for leftover, age in ((old, 90_000), (young, 80_000)):
        leftover.write_bytes(b"fo")
        os.utime(leftover, (time.time() - age, time.time() - age))
    blobs = FolderBlobs(tmp_path)
    assert list(blobs.names()) == [name]
    blobs.put(b"five")
    assert [old.exists(), young.exists()] == [False, True]
    assert blobs.get(name) == b"four"


PUT_UNTIL_KILLED = """
import sys
from whorl.stores import FolderBlobs
blobs = FolderBlobs(sys.argv[1])
for number in range(10**6):
    print(blobs.put(b"%d" % number * 20_000), flush=True)
"""


def test_a_killed_put_leaves_whole_blobs_only(tmp_path):
    with python(PUT_UNTIL_KILLED, tmp_path) as writer:
        head = writer.stdout.readline()
        assert head, writer.stderr.read()
        time.sleep(0.05)
        writer.kill()
        lines = [head, *writer.stdout]
    blobs = FolderBlobs(tmp_path)
    assert {line.strip() for line in lines if line.endswith("\n")} <= set(blobs.names())
    assert all(blobs.get(name) for name in blobs.names())


PUT_WHERE_THERE_IS_NO_ROOM = """
import resource, sys
from whorl.stores import FolderBlobs
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
try:
    FolderBlobs(sys.argv[1]).put(bytes(100_000))
except OSError as error:
    print(type(error).__name__)
"""


def test_a_blob_that_cannot_be_written_is_not_there(tmp_path):
    (tmp_path / "file").write_text("")
    blobs = FolderBlobs(tmp_path / "file" / "blobs")
    with pytest.raises(StoreError, match="Nothing was kept; make room"):
        blobs.put(b"four")
    assert finished(python(PUT_WHERE_THERE_IS_NO_ROOM, tmp_path)) == "StoreError\n"
    assert list(FolderBlobs(tmp_path).names()) == []
    assert list(tmp_path.rglob("*.part")) == []
