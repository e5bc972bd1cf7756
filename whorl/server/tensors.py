"""Tensors of the Open Inference Protocol: checked against what the wheel declares, turned into inputs, and described."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np

from whorl.errors import BadInput
from whorl.protocols import Inputs, Tensor
from whorl.records import Json

WHOLE = {f"UINT{bits}": (0, 2**bits - 1) for bits in (8, 16, 32, 64)} | {
    f"INT{bits}": (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) for bits in (8, 16, 32, 64)
}
# A little more than the largest FP32, which clients write rounded up to eight digits.
REAL = {"FP16": 65504.0, "BF16": 3.3953e38, "FP32": 3.4028236e38, "FP64": float(np.finfo(np.float64).max)}
RANGES: dict[str, tuple[float, float]] = {**WHOLE, **{name: (-most, most) for name, most in REAL.items()}}
"""Datatype -> smallest and largest number. Numbers may come as any of these where they fit what is declared."""

PLAIN: dict[str, tuple[set[type], str]] = {"BYTES": ({str}, "text"), "BOOL": ({bool}, "true or false")}
NAMES: dict[type, str] = {type(None): "null", bool: "true or false", str: "text", list: "lists", dict: "objects"}


def described(tensors: Sequence[Tensor]) -> list[Json]:
    """As in the metadata of a model; -1 stands for any number of rows."""
    return [{"name": t.name, "datatype": t.datatype, "shape": [-1, *t.shape]} for t in tensors]


def from_request(inputs: Inputs, given: Json) -> list[Any]:
    """The inputs, one for each row, that the `inputs` of an inference request say.

    Raises:
        BadInput: not tensors, other tensors than the declared ones, or wrong in shape, datatype, number or range.
    """
    if not isinstance(given, list) or not given or not all(isinstance(tensor, dict) for tensor in given):
        raise BadInput("inputs must be a list of one tensor or more, each {name, shape, datatype, data}.")
    declared = {tensor.name: tensor for tensor in inputs.tensors}
    columns: dict[str, Sequence[Any]] = {}
    for tensor in given:
        name = tensor.get("name")
        if not isinstance(name, str) or name not in declared:
            raise BadInput(f"inputs names the tensor {shown(name)}; the wheel takes {', '.join(declared)}.")
        if name in columns:
            raise BadInput(f"inputs names the tensor {name!r} twice.")
        columns[name] = _rows(declared[name], tensor)
    return from_columns(inputs, columns)


def from_columns(inputs: Inputs, columns: Mapping[str, Sequence[Any]]) -> list[Any]:
    """The inputs, one for each row, of `columns`: tensor name -> one checked value for each row.

    Raises:
        BadInput: other tensors than the declared ones, or not equally many rows.
    """
    declared = {tensor.name: tensor for tensor in inputs.tensors}
    unknown = [name for name in columns if name not in declared]
    if unknown:
        raise BadInput(f"There is no tensor {shown(unknown[0])}; the wheel takes {', '.join(declared)}.")
    lengths = {len(rows) for rows in columns.values()}
    if len(lengths) != 1:
        raise BadInput(f"All tensors must have equally many rows; these have {sorted(lengths)}.")
    # A tensor of single values may be left out, or hold nulls: whether a row may lack it, the inputs say themselves.
    missing = [name for name, tensor in declared.items() if name not in columns and tensor.shape]
    if missing:
        raise BadInput(f"The tensor {missing[0]!r} is missing.")
    names = list(columns)
    return [inputs.from_tensors(dict(zip(names, row, strict=True))) for row in zip(*columns.values(), strict=True)]


def checked(declared: Tensor, shape: Sequence[int], datatype: str, data: Json) -> Sequence[Any]:
    """One value for each row: of `data`, nested or flat, that has `shape` and fits both `datatype` and `declared`.

    Raises:
        BadInput: it has another shape, or holds values of another type or out of range.
    """
    flat = _flat(declared.name, shape, data)
    _check(declared, datatype, flat)
    if not declared.shape:
        return flat
    if declared.datatype in RANGES:
        return list(np.array(flat, dtype=np.float64).reshape(shape))
    return list(np.array(flat, dtype=object).reshape(shape).tolist())


def shown(value: Json) -> str:
    """`value` as a message may show it: short, and never nested, which could take more stack than there is.

    >>> shown("FP128"), shown([[1]])
    ("'FP128'", 'a list')
    """
    return repr(value)[:80] if isinstance(value, str | int | float) else f"a {type(value).__name__}"


def _rows(declared: Tensor, given: Mapping[str, Json]) -> Sequence[Any]:
    """The rows of one tensor of a request."""
    name, shape, datatype = declared.name, given.get("shape"), given.get("datatype")
    if not isinstance(shape, list) or not all(type(size) is int and 0 < size < 2**31 for size in shape):
        raise BadInput(f"The shape of {name} must be a list of whole numbers above 0.")
    if not shape or not fits(declared, shape[1:]):
        raise BadInput(f"The shape of {name} is {shape[:8]}; it must be {[-1, *declared.shape]}, -1 for any number.")
    if not isinstance(datatype, str) or _family(datatype) != _family(declared.datatype):
        raise BadInput(f"The datatype of {name} is {shown(datatype)}; it must be {declared.datatype}.")
    if "data" not in given:
        raise BadInput(f"{name} has no data. Binary tensors are not taken: send them as JSON (binary_data=False).")
    return checked(declared, shape, datatype, given["data"])


def fits(declared: Tensor, row: Sequence[int]) -> bool:
    """Whether a row of that shape is one of `declared`. Clients that hold tables in columns send (1,) for one value."""
    if not declared.shape:
        return list(row) in ([], [1])
    return len(row) == len(declared.shape) and all(
        want in (-1, got) for want, got in zip(declared.shape, row, strict=True)
    )


def _family(datatype: str) -> str:
    """What may stand for what: any number for any number, otherwise only the same for the same."""
    return "number" if datatype in RANGES else datatype


def _flat(name: str, shape: Sequence[int], data: Json) -> list[Any]:
    """The values of `data` in row-major order."""
    if not isinstance(data, list):
        raise BadInput(f"The data of {name} is a {type(data).__name__}; it must be a list.")
    if not data or type(data[0]) is not list:
        count = 1
        for size in shape:
            count *= size
        if len(data) != count:
            raise BadInput(f"{name} has {len(data):,} values; its shape {list(shape)} needs {count:,}.")
        return data
    level: list[Any] = [data]
    for size in shape:
        if any(type(part) is not list or len(part) != size for part in level):
            raise BadInput(f"The data of {name} is not nested as its shape {list(shape)} says.")
        level = list(chain.from_iterable(level))
    return level


def _check(declared: Tensor, datatype: str, flat: list[Any]) -> None:
    """Types first, all at once: 64 numbers take 1.5 microseconds that way, and 8 one by one."""
    kinds = set(map(type, flat))
    if type(None) in kinds and not declared.shape:
        kinds.discard(type(None))
        flat = [value for value in flat if value is not None]
    takes, name = PLAIN.get(datatype, ({int, float}, "numbers"))
    if kinds - takes:
        found = ", ".join(sorted(NAMES.get(kind, "numbers") for kind in kinds - takes))
        raise BadInput(f"The data of {declared.name} holds {found}; {datatype} takes {name}.")
    if datatype not in RANGES or not flat:
        return
    least, most = min(flat), max(flat)
    for wanted in dict.fromkeys((datatype, declared.datatype)):
        low, high = RANGES[wanted]
        if least < low or most > high:
            worst = least if least < low else most
            raise BadInput(f"The data of {declared.name} holds {shown(worst)}, which does not fit {wanted}.")
        if wanted in WHOLE and float in kinds and not all(map(float.is_integer, map(float, flat))):
            raise BadInput(f"The data of {declared.name} holds fractions, which do not fit {wanted}.")
