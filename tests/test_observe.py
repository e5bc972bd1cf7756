"""Outcomes come late, twice, corrected and out of order; what may not be learned from stays out."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whorl import Classification, own_data
from whorl.checks.journal import sample
from whorl.errors import NotFound
from whorl.observe import drain, fitting, latest_outcomes, latest_truths, payload
from whorl.observe.admission import refusal
from whorl.records import Decision, Example, Label, Outcome, Terms, Turn
from whorl.stores import MemoryBlobs, MemoryJournal

OWN = {"own": own_data()}
TASK = Classification(range(10))


def example(id, **given):
    values = {"content": f"content of {id}", "payload": b"packed", "rights": "own"}
    return Example(id=id, event_time=0, known_time=0, **values | given)


def decision(id, of):
    return Decision(id=id, event_time=0, known_time=0, example=of, model="m")


def outcome(id, of, value, known=0, **given):
    return Outcome(id=id, event_time=0, known_time=known, decision=of, value=value, **given)


def label(example, value, known=0, **given):
    return Label(
        id=f"{example} {value} {known}",
        event_time=0,
        known_time=known,
        example=example,
        value=value,
        annotator="a",
        **given,
    )


def turn_over(journal, number=1, at=1000):
    return sample(Turn, 1, number=number, event_time=at, watermark=journal.last())


@pytest.fixture
def journal():
    with MemoryJournal() as made:
        yield made


def arrivals(journal, before=0, terms=OWN):
    return drain(journal, turn_over(journal), before, terms, TASK.check)


# --- which outcome counts


def test_the_latest_known_outcome_counts():
    found = latest_outcomes([outcome("b", "d", 8, known=2), outcome("a", "d", 7, known=1)])
    assert found["d"].value == 8


def test_of_two_known_at_the_same_moment_the_one_that_arrived_last_counts():
    assert latest_outcomes([outcome("a", "d", 7), outcome("b", "d", 8)])["d"].value == 8


def test_a_superseded_outcome_does_not_count_even_if_it_arrives_after_its_correction():
    assert (
        latest_outcomes([outcome("b", "d", 8, known=1, supersedes="a"), outcome("a", "d", 7, known=9)])["d"].value == 8
    )


def test_a_correction_of_a_correction_counts():
    said = [
        outcome("a", "d", 1, known=5),
        outcome("b", "d", 2, known=6, supersedes="a"),
        outcome("c", "d", 3, supersedes="b"),
    ]
    assert latest_outcomes(said)["d"].value == 3
    assert latest_outcomes(said[::-1])["d"].value == 3


def test_decisions_do_not_share_outcomes():
    found = latest_outcomes([outcome("a", "d1", 1), outcome("b", "d2", 2)])
    assert {key: one.value for key, one in found.items()} == {"d1": 1, "d2": 2}


@given(st.permutations([outcome(f"o{known}", "d", known, known=known) for known in range(6)]))
def test_the_order_of_arrival_does_not_decide(said):
    assert latest_outcomes(said)["d"].value == 5


@given(st.permutations([label("e", known, known=known) for known in range(6)]))
def test_of_labels_the_latest_known_counts(said):
    assert latest_truths(said)["e"].value == 5


# --- what a turn sees


def test_an_outcome_becomes_a_label_of_the_example_that_was_decided(journal):
    journal.append(example("e"), decision("d", "e"), outcome("o", "d", 7, known=55))
    (truth,) = arrivals(journal).truths
    assert (truth.example, truth.value, truth.kind, truth.known_time) == ("e", 7, "outcome", 55)


def test_an_outcome_before_its_decision_waits_and_joins_later(journal):
    journal.append(outcome("o", "d", 7))
    early = arrivals(journal)
    assert (early.truths, early.waiting) == ((), 1)
    journal.append(example("e"), decision("d", "e"))
    late = arrivals(journal)
    assert [(truth.example, truth.value) for truth in late.truths] == [("e", 7)]
    assert late.waiting == 0


def test_an_outcome_sent_twice_is_one_label(journal):
    journal.append(example("e"), decision("d", "e"), outcome("o", "d", 7))
    journal.append(outcome("o", "d", 7))
    assert len(arrivals(journal).truths) == 1


def test_every_turn_makes_the_same_label_of_the_same_outcome(journal):
    journal.append(example("e"), decision("d", "e"), outcome("o", "d", 7))
    one = drain(journal, turn_over(journal, 1, at=1000), 0, OWN, TASK.check)
    other = drain(journal, turn_over(journal, 2, at=2000), 0, OWN, TASK.check)
    assert one.truths == other.truths


def test_a_corrected_outcome_makes_another_label_that_counts(journal):
    journal.append(example("e"), decision("d", "e"), outcome("first", "d", 7, known=1))
    first = arrivals(journal).truths
    journal.append(outcome("second", "d", 8, known=2, supersedes="first"))
    second = arrivals(journal).truths
    assert first[0].id != second[0].id
    assert latest_truths([*first, *second])["e"].value == 8


def test_what_came_after_the_watermark_is_not_seen(journal):
    journal.append(example("e"), decision("d", "e"))
    this = turn_over(journal)
    journal.append(outcome("o", "d", 7), example("later"))
    found = drain(journal, this, 0, OWN, TASK.check)
    assert [one.id for one in found.examples] == ["e"]
    assert (found.truths, found.waiting) == ((), 0)


def test_new_is_what_came_since_the_last_turn(journal):
    journal.append(example("old"))
    before = journal.last()
    journal.append(example("new"))
    found = arrivals(journal, before)
    assert found.new == {"new"}
    assert [one.id for one in found.examples] == ["old", "new"]


def test_an_outcome_that_no_longer_fits_the_task_is_left_out(journal):
    journal.append(example("e"), decision("d", "e"), outcome("o", "d", "cat"))
    found = arrivals(journal)
    assert (found.truths, found.waiting) == ((), 0)


def test_labels_that_no_longer_fit_the_task_are_left_out():
    assert [one.example for one in fitting([label("a", 7), label("b", "cat"), label("c", 8)], TASK.check)] == ["a", "c"]


def test_nothing_arrived_is_no_error(journal):
    found = arrivals(journal)
    assert (found.examples, found.new, found.refused, found.truths, found.waiting) == ((), frozenset(), (), (), 0)


# --- who may be learned from


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rights": "found on the web"}, "its rights 'found on the web' are unknown"),
        ({"rights": ""}, "its rights '' are unknown"),
        ({"origin": "synthetic"}, "its origin is 'synthetic', not observed"),
        ({"origin": ""}, "its origin is '', not observed"),
        ({"origin": "external"}, "its origin is 'external', not observed"),
    ],
)
def test_unknown_rights_and_origins_are_refused_with_the_reason_kept(journal, change, why):
    journal.append(example("good"), example("bad", **change))
    found = arrivals(journal)
    assert [one.id for one in found.examples] == ["good"]
    assert [(fate.example, fate.kept, fate.reason) for fate in found.refused] == [("bad", False, why)]


def test_a_refusal_is_told_once(journal):
    journal.append(example("bad", rights="unknown"))
    assert len(arrivals(journal).refused) == 1
    assert arrivals(journal, before=journal.last()).refused == ()


@pytest.mark.parametrize(
    ("terms", "at", "why"),
    [
        (Terms(id="t", event_time=0, known_time=0, name="t"), 0, "the terms 't' do not allow training"),
        (
            Terms(id="t", event_time=0, known_time=0, name="t", may_train=True, retain_until=10),
            11,
            "the terms 't' do not allow keeping it any longer",
        ),
        (Terms(id="t", event_time=0, known_time=0, name="t", may_train=True, retain_until=10), 10, ""),
        (Terms(id="t", event_time=0, known_time=0, name="t", may_train=True), 10**18, ""),
    ],
)
def test_terms_deny_what_they_do_not_grant(terms, at, why):
    assert refusal(example("e", rights="t"), {"t": terms}, at) == why


def test_rights_are_asked_again_in_every_turn(journal):
    journal.append(example("e"))
    limited = {"own": replace(own_data(), retain_until=1500)}
    assert len(drain(journal, turn_over(journal, at=1000), 0, limited, TASK.check).examples) == 1
    assert len(drain(journal, turn_over(journal, at=2000), 0, limited, TASK.check).examples) == 0


# --- payloads


def test_a_payload_is_found_inline_or_in_its_blob():
    blobs = MemoryBlobs()
    name = blobs.put(b"large")
    assert payload(example("e"), blobs) == b"packed"
    assert payload(example("e", payload=b""), blobs) == b""
    assert payload(example("e", payload=None, blob=name), blobs) == b"large"
    with pytest.raises(NotFound):
        payload(example("e", payload=None, blob=None), blobs)
