"""Records are frozen, have ids that order and repeat as they should, and one way to be written."""

import json
import re
from dataclasses import MISSING, FrozenInstanceError, fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whorl import records
from whorl.checks.journal import sample
from whorl.records import (
    KIND_NAMES,
    KINDS,
    Label,
    Outcome,
    Record,
    Terms,
    body,
    canonical_json,
    derived_id,
    digest,
    from_body,
    new_id,
    own_data,
)

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[78][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")

times = st.integers(-(2**63), 2**63 - 1) | st.integers(0, 5_000)
jsons = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


def each_kind():
    return pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


@each_kind()
def test_a_record_cannot_be_changed(kind):
    with pytest.raises(FrozenInstanceError):
        sample(kind, 1).id = "another"


@each_kind()
def test_a_record_can_be_described_and_made_again(kind):
    record = sample(kind, 1)
    told = json.loads(json.dumps(body(record)))
    assert from_body(kind, told) == record


@each_kind()
def test_a_field_that_is_not_there_gets_its_default_and_a_strange_one_is_left_out(kind):
    needed = {field.name for field in fields(kind) if field.default is MISSING}
    told = {name: value for name, value in body(sample(kind, 1)).items() if name in needed}
    record = from_body(kind, {**told, "from_a_later_version": 1})
    for field in fields(kind):
        if field.default is not MISSING:
            assert getattr(record, field.name) == field.default


@each_kind()
def test_every_kind_and_its_fields_are_explained(kind):
    assert kind.__doc__
    assert not kind.__doc__.startswith(f"{kind.__name__}("), "dataclass wrote the docstring; write one"
    assert {"id", "event_time", "known_time"} <= {field.name for field in fields(kind)}


def test_every_record_is_among_the_kinds():
    made = {item for item in vars(records).values() if isinstance(item, type) and issubclass(item, Record)}
    assert made - {Record} == set(KINDS)
    assert dict(KIND_NAMES) == {kind.__name__: kind for kind in KINDS}


@given(times, times)
def test_new_ids_are_unique_and_ordered_by_time(earlier, later):
    earlier, later = sorted((earlier, later))
    one, other = new_id(earlier), new_id(later)
    assert UUID.fullmatch(one)
    assert one != other
    kept = [min(max(at // 1000, 0), 2**48 - 1) for at in (earlier, later)]  # milliseconds, in 48 bits
    assert [int(id[:13].replace("-", ""), 16) for id in (one, other)] == kept


@given(times, st.lists(st.text() | st.integers(), min_size=1))
def test_derived_ids_follow_from_their_parts(at, parts):
    assert derived_id(at, *parts) == derived_id(at, *parts)
    assert UUID.fullmatch(derived_id(at, *parts))
    assert derived_id(at, *parts) != derived_id(at, *parts, "more")


def test_parts_of_an_id_are_not_run_together():
    assert derived_id(0, "ab", "c") != derived_id(0, "a", "bc")
    assert derived_id(0, 1, 23) != derived_id(0, 12, 3)


@given(jsons)
def test_canonical_json_means_the_same(value):
    assert json.loads(canonical_json(value)) == value


@given(st.dictionaries(st.text(max_size=5), st.integers(), max_size=6))
def test_equal_values_have_equal_text(value):
    assert canonical_json(dict(reversed(list(value.items())))) == canonical_json(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {"a": [float("-inf")]}])
def test_there_is_no_text_for_what_is_no_number(value):
    with pytest.raises(ValueError, match="JSON"):
        canonical_json(value)


@given(jsons, times, times)
def test_what_an_outcome_says_survives(value, event, known):
    record = Outcome(id="a", event_time=event, known_time=known, decision="d", value=value)
    assert from_body(Outcome, json.loads(canonical_json(body(record)))) == record


def test_digests_are_those_of_the_standard():
    assert digest("") == digest(b"") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert digest("grüße") == digest("grüße".encode())


def test_a_correction_is_another_record():
    label = sample(Label, 1)
    assert replace(label, value=5) != label
    assert label == sample(Label, 1)


def test_own_data_grants_what_terms_alone_deny():
    bare = Terms(id="t", event_time=0, known_time=0, name="found")
    assert not bare.may_train
    assert not bare.may_evaluate
    assert own_data().may_train
    assert own_data().may_evaluate
    assert own_data("a").id != own_data("b").id
    assert own_data() == own_data()


def test_numpy_values_are_not_mistaken_for_json():
    with pytest.raises(TypeError):
        canonical_json(np.int64(3))
