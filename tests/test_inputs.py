"""Inputs are checked at the door: what fits is packed one way, what does not is refused with a reason."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whorl import Category, Image, Number, Table
from whorl.errors import BadInput, DeclarationError

GREY, COLOUR = Image(3, 2), Image(2, 2, channels=3, high=9)
TABLE = Table(amount=Number(low=0, high=1000), age=Number(required=False), channel=Category(("web", "app")))
finite = st.floats(allow_nan=False, allow_infinity=False)
rows = st.fixed_dictionaries(
    {"amount": st.floats(0, 1000) | st.integers(0, 1000), "channel": st.sampled_from(("web", "app"))},
    optional={"age": st.none() | finite | st.integers(-(10**30), 10**30)},
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.complex_numbers(),
    lambda inner: st.lists(inner, max_size=7) | st.dictionaries(st.text(max_size=7) | st.integers(), inner, max_size=4),
    max_leaves=12,
)


# --- images


@given(arrays(np.uint8, (3, 2)))
def test_an_image_comes_back_as_it_was(pixels):
    assert GREY.unpack(GREY.pack(pixels)) == pixels.tolist()
    assert np.array_equal(GREY.matrix([GREY.pack(pixels)])[0], pixels.ravel() / 255)


@given(arrays(np.uint8, (3, 2)))
def test_one_image_is_packed_one_way_however_it_is_held(pixels):
    packed = GREY.pack(pixels)
    for same in (
        pixels.tolist(),
        pixels.ravel(),
        pixels.astype(float),
        pixels.astype(np.int64),
        np.asfortranarray(pixels),
    ):
        assert GREY.pack(same) == packed


def test_channels_come_last():
    image = np.arange(12).reshape(2, 2, 3) % 10
    assert COLOUR.shape == (2, 2, 3)
    assert COLOUR.matrix([COLOUR.pack(image)]).shape == (1, 12)
    assert COLOUR.unpack(COLOUR.pack(image)) == image.tolist()


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ([[1, 2], [3, 4]], r"has shape \(2, 2\); the wheel takes \(3, 2\)"),
        (np.zeros((3, 2, 1)), r"has shape \(3, 2, 1\)"),
        (7, r"has shape \(\)"),
        ([[1, 2], [3, 4], [5, 256]], "pixels from 1 to 256; the wheel takes 0 to 255"),
        ([[1, 2], [3, 4], [5, -1]], "pixels from -1 to 5"),
        ([[1, 2], [3, 4], [5, 0.5]], "fractional pixels"),
        ([[1, 2], [3, 4], [5, math.nan]], "missing or infinite pixels"),
        ([[1, 2], [3, 4], [5, None]], "missing or infinite pixels"),
        ([[1, 2], [3, 4], [5, math.inf]], "missing or infinite pixels"),
        ([[1, 2], [3, 4], [5, "6"]], "must be numbers"),
        ([["1", "2"], ["3", "4"], ["5", "6"]], "must be numbers"),
        ([[1, 2], [3, 4], [5, 1j]], "must be numbers"),
        ([[1, 2], [3, 4], [5]], "must be numbers"),
        ([[1, 2], [3, 4], [5, 10**400]], "must be numbers"),
        (np.zeros((3, 2), dtype="M8[s]"), "must be numbers"),
        ("an image", "must be numbers"),
        (None, r"has shape \(\)"),
        ({}, "must be numbers"),
    ],
)
def test_what_is_no_such_image_is_refused(value, said):
    with pytest.raises(BadInput, match=said):
        GREY.pack(value)


@given(anything)
def test_whatever_comes_an_image_refuses_it_or_keeps_it(value):
    try:
        packed = GREY.pack(value)
    except BadInput:
        return
    assert GREY.pack(GREY.unpack(packed)) == packed


@pytest.mark.parametrize("wrong", [0, -1, 4097, 2.0, True, "8", None])
def test_an_image_of_impossible_size_cannot_be_declared(wrong):
    with pytest.raises(DeclarationError, match=r"inputs.height is .*; it must be a whole number from 1 to 4096"):
        Image(wrong, 8)


# --- rows


@given(rows)
def test_a_row_comes_back_as_it_was(row):
    found = TABLE.unpack(TABLE.pack(row))
    assert found == {"age": None, **row}
    assert TABLE.pack(found) == TABLE.pack(row)


@given(st.lists(rows, max_size=5))
def test_every_row_has_as_many_numbers(several):
    X = TABLE.matrix([TABLE.pack(row) for row in several])
    assert X.shape == (len(several), 4)
    assert np.isnan(X[:, 1]).tolist() == [row.get("age") is None for row in several]


@given(rows)
def test_the_order_of_the_columns_does_not_matter(row):
    assert TABLE.pack(dict(reversed(list(row.items())))) == TABLE.pack(row)


def test_equal_numbers_have_equal_bytes():
    table = Table(a=Number())
    for one, other in (
        (0.0, -0.0),
        (0, -0.0),
        (1, 1.0),
        (np.int8(3), 3),
        (np.float64(0.1), 0.1),
        (2**53, float(2**53)),
    ):
        assert one == other
        assert table.pack({"a": one}) == table.pack({"a": other})


@pytest.mark.parametrize("missing", [None, math.nan, np.float32("nan"), np.float64("nan")])
def test_what_is_missing_is_missing_however_it_is_said(missing):
    assert TABLE.unpack(TABLE.pack({"amount": 1, "age": missing, "channel": "web"}))["age"] is None
    with pytest.raises(BadInput, match="amount is missing"):
        TABLE.pack({"amount": missing, "channel": "web"})


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": -0.001}, "amount is -0.001; it must be finite and lie from 0 to 1000"),
        ({"amount": 1001}, "amount is 1001; it must"),
        ({"amount": "3"}, "amount is '3'; it must be a number"),
        ({"amount": True}, "amount is True; it must be a number"),
        ({"amount": [3]}, "it must be a number"),
        ({"amount": 3 + 0j}, "it must be a number"),
        ({"age": math.inf}, "age is inf; it must be finite"),
        ({"age": -(10**400)}, "age is -inf; it must be finite"),
        ({"age": np.float32("inf")}, "it must be finite"),
        ({"channel": None}, "channel is None; it must be text, one of 'web', 'app'"),
        ({"channel": "fax"}, "channel is 'fax'; it must be one of 'web', 'app'"),
        ({"channel": "w" * 10_001}, "channel has 10,001 characters"),
        ({"channel": 1}, "channel is 1; it must be text"),
        ({"colour": "red"}, "Unknown columns 'colour'; this wheel has 'amount', 'age', 'channel'"),
        ({7: 1, "colour": "red"}, "Unknown columns '7', 'colour'"),
    ],
)
def test_a_row_that_does_not_fit_is_refused(change, said):
    with pytest.raises(BadInput, match=said):
        TABLE.pack({"amount": 3, "channel": "web", **change})


@given(anything, anything)
def test_whatever_comes_a_table_refuses_it_or_keeps_it(value, inside):
    for row in (value, {"amount": inside, "channel": "web"}, {"amount": 1, "age": inside, "channel": "app"}):
        try:
            packed = TABLE.pack(row)
        except BadInput:
            continue
        assert TABLE.pack(TABLE.unpack(packed)) == packed
        assert not np.isinf(TABLE.matrix([packed])).any()


def test_tables_are_equal_when_their_columns_are_in_order():
    assert Table(a=Number(), b=Number()) == Table(a=Number(), b=Number())
    assert hash(Table(a=Number())) == hash(Table(a=Number()))
    assert Table(a=Number(), b=Number()) != Table(b=Number(), a=Number())
    assert Table(a=Number()) != Table(a=Number(low=0))


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: Table(), "inputs is a Table without columns; it must be a Table with one column or more"),
        (lambda: Table(a=float), "inputs.a is .*; it must be a Number"),
        (lambda: Number(low=2, high=1), "inputs.high is 1; it must be at least inputs.low, which is 2"),
        (lambda: Number(low=math.nan), "inputs.low is nan; it must be a number"),
        (lambda: Number(high="10"), "inputs.high is '10'; it must be a number"),
        (lambda: Category(("a",)), "inputs.values is .*; it must be two or more different texts"),
        (lambda: Category(("a", "a")), "two or more different texts. Remove repeats."),
        (lambda: Category((1, 2)), "two or more different texts"),
        (lambda: Category("web"), "inputs.values is 'web'; it must be two or more different texts"),
    ],
)
def test_columns_that_cannot_work_cannot_be_declared(declare, said):
    with pytest.raises(DeclarationError, match=said):
        declare()
