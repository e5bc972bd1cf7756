"""What everything that a wheel takes in promises, as functions that anyone can run on inputs of their own.

Each takes the inputs and some values for them, two at least and all different, and raises AssertionError where a promise
is broken.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from whorl.errors import BadInput
from whorl.protocols import Inputs
from whorl.records import canonical_json

NO_INPUTS: tuple[Any, ...] = (None, object(), {1}, lambda: 1)
"""Values that no wheel can take in."""

RARELY_INPUTS: tuple[Any, ...] = (
    True, 0, -1.5, float("nan"), 10**400, 1j, "text", "", b"bytes", [], {}, (), [[]], [None], ["1"], [[1], [1, 2]],
    [10**400], {"no such": 1}, {1: 2}, {None: None}, np.zeros(0), np.array("text"), np.zeros((2, 2), dtype="M8[s]"),
)  # fmt: skip
"""Values that some inputs may take, and all others must refuse as they refuse any."""

DATATYPES = frozenset(
    {"BOOL", "BYTES", "FP16", "FP32", "FP64", *(f"{sign}INT{bits}" for sign in ("", "U") for bits in (8, 16, 32, 64))}
)
"""Of the Open Inference Protocol."""


def check_packing_loses_nothing(inputs: Inputs, values: Sequence[Any]) -> None:
    for value in values:
        packed = inputs.pack(value)
        assert type(packed) is bytes, f"pack must give bytes; it gave a {type(packed).__name__}"
        again = inputs.pack(inputs.unpack(packed))
        assert again == packed, f"unpacked and packed again, {packed[:40]!r} is {again[:40]!r}"
        shown = json.loads(canonical_json(inputs.unpack(packed)))
        assert inputs.pack(shown) == packed, f"what people are shown of {packed[:40]!r} is not what was packed"


def check_equal_values_have_equal_bytes(inputs: Inputs, values: Sequence[Any]) -> None:
    for value in values:
        packed = inputs.pack(value)
        twins = [value, copy.deepcopy(value)]
        if isinstance(value, Mapping):
            twins.append(dict(reversed(list(value.items()))))
        for twin in twins:
            assert inputs.pack(twin) == packed, f"one value has two packings, so its copies are not found: {value!r}"


def check_different_values_have_different_bytes(inputs: Inputs, values: Sequence[Any]) -> None:
    names = {inputs.pack(value): place for place, value in enumerate(values)}
    assert len(names) == len(values), f"{len(values)} different values have only {len(names)} different packings"


def check_rows_become_numbers_one_by_one(inputs: Inputs, values: Sequence[Any]) -> None:
    payloads = [inputs.pack(value) for value in values]
    X = inputs.matrix(payloads)
    assert X.ndim == 2, f"matrix must have shape (N, D); it has {X.shape}"
    assert len(X) == len(values), f"{len(values)} payloads gave {len(X)} rows"
    assert np.issubdtype(X.dtype, np.floating), f"matrix must hold floats; it holds {X.dtype}"
    assert not np.isinf(X).any(), "matrix holds infinite values; what is missing is NaN"
    for row, payload in enumerate(payloads):
        alone = inputs.matrix([payload])
        assert np.array_equal(alone, X[row : row + 1], equal_nan=True), f"row {row} depends on the rows around it"


def check_no_rows_have_as_many_columns(inputs: Inputs, values: Sequence[Any]) -> None:
    columns = inputs.matrix([inputs.pack(value) for value in values]).shape[1]
    found = inputs.matrix([]).shape
    assert found == (0, columns), f"no payloads must give shape (0, {columns}); they give {found}"


def check_values_come_back_from_tensors(inputs: Inputs, values: Sequence[Any]) -> None:
    declared = inputs.tensors
    assert len({tensor.name for tensor in declared}) == len(declared) > 0, (
        "there must be tensors, each with its own name"
    )
    for tensor in declared:
        assert tensor.datatype in DATATYPES, (
            f"{tensor.name} has the datatype {tensor.datatype!r}, unknown to the protocol"
        )
    for value in values:
        packed = inputs.pack(value)
        shown = inputs.unpack(packed)
        parts = dict(shown) if isinstance(shown, dict) else {declared[0].name: shown}
        assert set(parts) == {tensor.name for tensor in declared}, (
            f"tensors are {declared}, a value has {sorted(parts)}"
        )
        for tensor in declared:
            found = np.shape(parts[tensor.name])
            assert found == tensor.shape, f"{tensor.name} has the shape {found}; its tensor says {tensor.shape}"
        assert inputs.pack(inputs.from_tensors(parts)) == packed, f"as tensors, {value!r} is another value"


def check_what_is_no_input_is_refused(inputs: Inputs, values: Sequence[Any]) -> None:
    for strange in NO_INPUTS:
        try:
            found = inputs.pack(strange)
        except BadInput:
            continue
        raise AssertionError(f"pack({strange!r}) must raise BadInput and gave {found[:40]!r}")


def check_strange_values_are_refused_as_any(inputs: Inputs, values: Sequence[Any]) -> None:
    inside = [{name: strange} for name in _names(inputs, values) for strange in (*NO_INPUTS, *RARELY_INPUTS)]
    whole = [{**values[0], **change} for change in inside]
    for strange in (*RARELY_INPUTS, *whole):
        try:
            packed = inputs.pack(strange)
        except BadInput:
            continue
        except Exception as error:
            raise AssertionError(
                f"pack({repr(strange)[:80]}) must raise BadInput, or take it; it raised {type(error).__name__}: {error}"
            ) from error
        again = inputs.pack(inputs.unpack(packed))
        assert again == packed, f"pack took {repr(strange)[:80]} and does not take what it made of it"
        X = inputs.matrix([packed])
        assert not np.isinf(X).any(), f"pack took {repr(strange)[:80]}, which is infinite as a number"


def check_values_are_not_changed(inputs: Inputs, values: Sequence[Any]) -> None:
    for value in values:
        before = repr(value)
        inputs.matrix([inputs.pack(value)])
        assert repr(value) == before, f"a value was changed from {before} to {value!r}"


def check_inputs_say_what_they_are(inputs: Inputs, values: Sequence[Any]) -> None:
    assert " at 0x" not in repr(inputs), f"repr goes into the identity of recipes; {inputs!r} is new in every process"


def _names(inputs: Inputs, values: Sequence[Any]) -> list[str]:
    return [tensor.name for tensor in inputs.tensors] if isinstance(values[0], Mapping) else []


INPUTS_CHECKS: tuple[Callable[[Inputs, Sequence[Any]], None], ...] = (
    check_packing_loses_nothing,
    check_equal_values_have_equal_bytes,
    check_different_values_have_different_bytes,
    check_rows_become_numbers_one_by_one,
    check_no_rows_have_as_many_columns,
    check_values_come_back_from_tensors,
    check_what_is_no_input_is_refused,
    check_strange_values_are_refused_as_any,
    check_values_are_not_changed,
    check_inputs_say_what_they_are,
)
