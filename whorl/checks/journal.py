"""What every journal promises, as functions that anyone can run on a journal of their own.

Each takes `make_journal`, which opens a new, empty journal, and raises AssertionError where a promise is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import MISSING, fields, replace
from typing import Any

from whorl.protocols import Journal
from whorl.records import KINDS, Label, Outcome, Record, Turn

MakeJournal = Callable[[], Journal]

STRANGE_TEXTS = (
    "",
    'o\'clock "quoted" `ticked`',
    "'); DROP TABLE journal; --",
    "before\x00after",
    "line\r\nline\u2028line\ttab",
    "grüße 数据 🎡 \U0010ffff e\u0301",
    "\\u0000 \\ %s {} $1 :name ?",
    "x" * 100_000,
)
"""Texts on which careless stores stumble."""

_SAMPLES: dict[str, tuple[Any, ...]] = {
    "str": ("plain", "grüße"),
    "str | None": (None, "named"),
    "int": (0, 2**62),
    "int | None": (None, -5),
    "float": (0.1 + 0.2, -1e300),
    "bool": (False, True),
    "bytes | None": (None, bytes(range(256))),
    "tuple[str, ...]": ((), ("a", "b", "a")),
    "tuple[float, ...]": ((0.5,), (1 / 3, 5e-324, 1.7e308)),
    "Json": ({"b": [1, 2.5, None, True], "a": {"ü": "x"}}, 2**70),
}
"""Two values for each type that a field of a record may have."""


def sample(kind: type[Record], number: int, /, **given: Any) -> Any:
    """A record of that kind with every field filled in from its type; another `number` gives another id and values.

    >>> sample(Label, 1).id, sample(Label, 1, value=3).value
    ('Label-1', 3)
    """
    values: dict[str, Any] = {"id": f"{kind.__name__}-{number}", "event_time": number, "known_time": number + 1}
    for field in fields(kind):
        of_type = _SAMPLES.get(str(field.type))
        assert of_type, f"{kind.__name__}.{field.name} is {field.type}: add two samples of that type to {__name__}."
        values.setdefault(field.name, of_type[number % 2])
    return kind(**values | given)


def check_every_kind_comes_back_equal(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        for kind in KINDS:
            written = [sample(kind, number) for number in range(4)]
            journal.append(*written)
            read = journal.read(kind)
            assert read == written, f"{kind.__name__} came back as {read}, not as {written}"
            for one, other in zip(read, written, strict=True):
                for field in fields(kind):
                    came, went = type(getattr(one, field.name)), type(getattr(other, field.name))
                    assert came is went, f"{kind.__name__}.{field.name} went in as {went} and came back as {came}"


def check_defaults_come_back_equal(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        for kind in KINDS:
            full = sample(kind, 1)
            needed = {field.name: getattr(full, field.name) for field in fields(kind) if field.default is MISSING}
            written = kind(**needed)
            journal.append(written)
            assert journal.find(kind, written.id) == written, f"{kind.__name__} lost the defaults of its fields"


def check_strange_text_survives(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        written = [
            Label(id=f"id {text}", event_time=1, known_time=2, example=text, annotator=text, value={text: [text]})
            for text in STRANGE_TEXTS
        ]
        journal.append(*written)
        assert journal.read(Label) == written, "a strange text did not come back as it was"
        for one in written:
            assert journal.find(Label, one.id) == one, f"a record with the id {one.id[:40]!r} was not found"
        assert journal.find(Label, "id before") is None, "an id was cut at a NUL"


def check_same_id_twice_is_one_record(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        first = sample(Outcome, 1)
        journal.append(first, first)
        last = journal.append(first)
        assert journal.read(Outcome) == [first], "a record that was sent three times is not there once"
        other = replace(first, value="something else")
        assert journal.append(other) == last, "to skip a record moved the sequence number of the newest one"
        assert journal.read(Outcome) == [first], "a record with a known id took the place of the first, or joined it"
        journal.append(sample(Label, 1, id=first.id))
        assert journal.count(Label) == 1, "the same id in another kind is another record, and was skipped"
        fresh = sample(Outcome, 2)
        journal.append(first, fresh)
        assert journal.read(Outcome) == [first, fresh], "a new record beside a known one was lost"


def check_append_is_all_or_nothing(make_journal: MakeJournal) -> None:
    good = sample(Outcome, 1)
    circle: list[Any] = []
    circle.append(circle)
    bad_ones: tuple[Any, ...] = (
        sample(Outcome, 2, value=float("nan")),
        sample(Outcome, 2, value=float("inf")),
        sample(Outcome, 2, value=object()),
        sample(Outcome, 2, value={1, 2}),
        sample(Outcome, 2, value="half a pair \ud800"),
        sample(Outcome, 2, value=circle),
        sample(Outcome, 2, id=""),
        sample(Outcome, 2, id=None),
        sample(Outcome, 2, id="half a pair \udfff"),
        sample(Outcome, 2, event_time=1.5),
        sample(Outcome, 2, known_time=2**63),
        Record(id="bare", event_time=1, known_time=1),
        [good],
        None,
    )
    with closing(make_journal()) as journal:
        for bad in bad_ones:
            try:
                journal.append(good, bad)
            except ValueError:
                pass
            else:
                raise AssertionError(f"a bad record was accepted, or refused without a ValueError: {bad!r}")
            assert journal.count(Outcome) == journal.last() == 0, f"something was kept of an append with {bad!r}"
        journal.append(good)
        assert journal.read(Outcome) == [good], "the journal does not work after it refused records"


def check_records_come_in_order_of_arrival(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        late, early = sample(Outcome, 9), sample(Outcome, 1)
        first = journal.append(late)
        journal.append(sample(Label, 1), sample(Label, 2))
        second = journal.append(early)
        assert journal.read(Outcome) == [late, early], "records must come as they arrived, not by time or id"
        assert journal.read(Outcome, after=first) == [early], "`after` must leave out that sequence number"
        assert journal.read(Outcome, until=first) == [late], "`until` must include that sequence number"
        assert journal.read(Outcome, after=first, until=second) == [early], "`after` and `until` together are wrong"
        assert journal.read(Outcome, after=second) == [], "nothing comes after the newest record"
        assert journal.read(Outcome, until=0) == [], "nothing comes before the first record"


def check_sequence_only_grows(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        assert journal.last() == journal.append() == 0, "the sequence of an empty journal must be 0"
        for number in range(5):
            before = journal.last()
            after = journal.append(sample(Outcome, number), sample(Label, number))
            assert after >= before + 2, f"two records moved the sequence from {before} to {after}"
            assert journal.last() == journal.append() == after, "append must return the newest sequence number"
            assert journal.read(Outcome, after=before, until=after) == [sample(Outcome, number)]


def check_a_watermark_cuts_once(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        parts, mark = [], 0
        for number in range(6):
            journal.append(*(sample(Outcome, 10 * number + one) for one in range(number)))
            parts += journal.read(Outcome, after=mark, until=(mark := journal.last()))
        assert parts == journal.read(Outcome), "reading from mark to mark lost or repeated records"


def check_find_newest_and_count(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        assert journal.find(Turn, "Turn-1") is None is journal.newest(Turn), "an empty journal has no newest record"
        assert journal.count(Turn) == 0, "an empty journal has no records"
        journal.append(*(sample(Turn, number) for number in (3, 1, 2)), sample(Label, 4))
        assert journal.find(Turn, "Turn-1") == sample(Turn, 1)
        assert journal.find(Turn, "Label-4") is None, "a record was found under another kind"
        assert journal.newest(Turn) == sample(Turn, 2), "the newest record is the last to arrive"
        assert (journal.count(Turn), journal.count(Label), journal.count(Outcome)) == (3, 1, 0)


def check_what_is_handed_out_is_ones_own(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        value = {"scores": [1, 2]}
        journal.append(sample(Label, 1, value=value))
        for change in (lambda: value, lambda: journal.read(Label)[0].value, lambda: _found(journal).value):
            change()["scores"].append(3)
            assert _found(journal).value == {"scores": [1, 2]}, "a record in the journal was changed from outside"


def check_threads_append_side_by_side(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal, ThreadPoolExecutor(4) as pool:

        def append(thread: int) -> list[int]:
            return [journal.append(sample(Outcome, 100 * thread + number)) for number in range(25)]

        for sequences in pool.map(append, range(4)):
            assert sequences == sorted(set(sequences)), f"sequence numbers did not grow in a thread: {sequences}"
        ids = [one.id for one in journal.read(Outcome)]
        assert sorted(ids) == sorted(f"Outcome-{100 * thread + n}" for thread in range(4) for n in range(25))


def check_changed_is_false_while_nothing_happens(make_journal: MakeJournal) -> None:
    with closing(make_journal()) as journal:
        assert not journal.changed(), "nothing was appended since opening"
        journal.append(sample(Outcome, 1))
        journal.changed()
        journal.read(Outcome)
        assert not journal.changed(), "nothing was appended since this was last asked"


def check_closing_twice_is_harmless(make_journal: MakeJournal) -> None:
    journal = make_journal()
    journal.append(sample(Outcome, 1))
    journal.close()
    journal.close()


def _found(journal: Journal) -> Label:
    found = journal.find(Label, "Label-1")
    assert found is not None, "a record that was appended is not found"
    return found


JOURNAL_CHECKS: tuple[Callable[[MakeJournal], None], ...] = (
    check_every_kind_comes_back_equal,
    check_defaults_come_back_equal,
    check_strange_text_survives,
    check_same_id_twice_is_one_record,
    check_append_is_all_or_nothing,
    check_records_come_in_order_of_arrival,
    check_sequence_only_grows,
    check_a_watermark_cuts_once,
    check_find_newest_and_count,
    check_what_is_handed_out_is_ones_own,
    check_threads_append_side_by_side,
    check_changed_is_false_while_nothing_happens,
    check_closing_twice_is_harmless,
)
