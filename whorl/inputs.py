"""What a wheel takes in: images and table rows, checked as they arrive, packed canonically, turned into numbers.

To take in something else, write an object with the same five members (`whorl.protocols.Inputs`) and run
`whorl.checks.INPUTS_CHECKS` on it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from whorl.errors import BadInput, DeclarationError
from whorl.protocols import Floats, Tensor
from whorl.records import Json, canonical_json

MAX_TEXT = 10_000
"""Characters in one category. Longer ones are refused: they are a broken pipeline, not a value."""


@dataclass(frozen=True)
class Image:
    """Grey or colour images of one size, with whole-number pixels from 0 to `high`.

    >>> Image(2, 2, high=16).matrix([Image(2, 2, high=16).pack([[0, 16], [8, 4]])])
    array([[0.  , 1.  , 0.5 , 0.25]])
    """

    height: int
    width: int
    channels: int = 1
    high: int = 255

    def __post_init__(self) -> None:
        for name, most in (("height", 4096), ("width", 4096), ("channels", 16), ("high", 255)):
            found = getattr(self, name)
            if not isinstance(found, int) or isinstance(found, bool) or not 1 <= found <= most:
                raise DeclarationError(f"inputs.{name}", found=found, needed=f"a whole number from 1 to {most}")

    @property
    def shape(self) -> tuple[int, ...]:
        """(height, width), with channels last where there is more than one."""
        return (self.height, self.width) + ((self.channels,) if self.channels > 1 else ())

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return (Tensor("image", "UINT8", self.shape),)

    def pack(self, value: Any) -> bytes:
        """The pixels as bytes, row by row.

        Args:
            value: array-like of `shape`, or flat; whole numbers from 0 to `high` (floats that are whole are fine).

        Raises:
            BadInput: wrong shape, not numbers, missing or out of range.
        """
        try:
            given = np.asarray(value)
            if given.dtype.kind not in "biufO":  # text, dates and complex numbers would be converted without a word
                raise TypeError(f"it holds {given.dtype}")
            pixels = given.astype(np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise BadInput(
                f"An image must be numbers of shape {self.shape}; this cannot be read as such: {error}."
            ) from None
        if pixels.shape != self.shape and pixels.shape != (math.prod(self.shape),):
            raise BadInput(f"This image has shape {pixels.shape}; the wheel takes {self.shape}.")
        if not np.isfinite(pixels).all():
            raise BadInput("This image has missing or infinite pixels; every pixel must be a number.")
        low, high = pixels.min(), pixels.max()
        if low < 0 or high > self.high:
            raise BadInput(f"This image has pixels from {low:g} to {high:g}; the wheel takes 0 to {self.high}.")
        if (pixels != np.rint(pixels)).any():
            raise BadInput(f"This image has fractional pixels; the wheel takes whole numbers from 0 to {self.high}.")
        return pixels.astype(np.uint8).tobytes()

    def unpack(self, payload: bytes) -> Json:
        """The pixels as nested lists of `shape`."""
        return np.frombuffer(payload, dtype=np.uint8).reshape(self.shape).tolist()

    def matrix(self, payloads: Sequence[bytes]) -> Floats:
        """(N, height x width x channels) in [0, 1]."""
        if not payloads:
            return np.zeros((0, math.prod(self.shape)))
        return np.frombuffer(b"".join(payloads), dtype=np.uint8).reshape(len(payloads), -1) / float(self.high)

    def from_tensors(self, parts: dict[str, Any]) -> Any:
        return parts["image"]


@dataclass(frozen=True)
class Number:
    """A column of numbers from `low` to `high`; `required=False` lets it be missing."""

    low: float = -math.inf
    high: float = math.inf
    required: bool = True

    def __post_init__(self) -> None:
        for name in ("low", "high"):
            found = getattr(self, name)
            if isinstance(found, bool) or not isinstance(found, int | float) or math.isnan(found):
                raise DeclarationError(f"inputs.{name}", found=found, needed="a number, or inf")
        if self.low > self.high:
            raise DeclarationError("inputs.high", found=self.high, needed=f"at least inputs.low, which is {self.low:g}")

    @property
    def width(self) -> int:
        return 1

    @property
    def datatype(self) -> str:
        return "FP64"

    def check(self, name: str, value: Any) -> Json:
        if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
            if self.required:
                raise BadInput(f"{name} is missing; it must be a number.")
            return None
        if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
            raise BadInput(f"{name} is {repr(value)[:80]}; it must be a number.")
        try:
            number = float(value)
        except OverflowError:  # a whole number of more than 308 digits
            number = math.inf if value > 0 else -math.inf
        if math.isinf(number) or not self.low <= number <= self.high:
            shown = number if math.isinf(number) else value
            raise BadInput(f"{name} is {shown!r}; it must be finite and lie from {self.low:g} to {self.high:g}.")
        return number + 0.0  # -0.0 and 0.0 are equal, and so must be their bytes

    def numbers(self, values: Sequence[Json]) -> Floats:
        return np.array([[math.nan if value is None else value] for value in values], dtype=np.float64)


@dataclass(frozen=True)
class Category:
    """A column with one of the declared `values` (text); one input column for each."""

    values: tuple[str, ...]
    required: bool = True

    def __post_init__(self) -> None:
        found = self.values if isinstance(self.values, str) else list(self.values)
        if isinstance(found, str) or not all(isinstance(value, str) for value in found):
            raise DeclarationError("inputs.values", found=found, needed="two or more different texts")
        if len(set(found)) < len(found) or len(found) < 2:
            raise DeclarationError(
                "inputs.values", found=found, needed="two or more different texts", mend="Remove repeats."
            )
        object.__setattr__(self, "values", tuple(found))

    @property
    def width(self) -> int:
        return len(self.values)

    @property
    def datatype(self) -> str:
        return "BYTES"

    def check(self, name: str, value: Any) -> Json:
        if value is None and not self.required:
            return None
        if not isinstance(value, str):
            raise BadInput(f"{name} is {value!r}; it must be text, one of {_some(self.values)}.")
        if len(value) > MAX_TEXT:
            raise BadInput(f"{name} has {len(value):,} characters; at most {MAX_TEXT:,} are taken.")
        if value not in self.values:
            raise BadInput(f"{name} is {value[:80]!r}; it must be one of {_some(self.values)}.")
        return value

    def numbers(self, values: Sequence[Json]) -> Floats:
        return np.array([[float(value == known) for known in self.values] for value in values], dtype=np.float64)


class Table:
    """Rows of named columns, each a `Number` or a `Category`.

    >>> table = Table(amount=Number(low=0), channel=Category(("web", "app")))
    >>> table.matrix([table.pack({"amount": 3, "channel": "app"})])
    array([[3., 0., 1.]])
    >>> table.pack({"amount": -1, "channel": "app"})
    Traceback (most recent call last):
    whorl.errors.BadInput: amount is -1; it must be finite and lie from 0 to inf.
    """

    def __init__(self, **columns: Number | Category) -> None:
        if not columns:
            raise DeclarationError("inputs", found="a Table without columns", needed="a Table with one column or more")
        for name, column in columns.items():
            if not isinstance(column, Number | Category):
                raise DeclarationError(f"inputs.{name}", found=column, needed="a Number(...) or a Category(...)")
        self.columns: Mapping[str, Number | Category] = dict(columns)

    def __repr__(self) -> str:
        return f"Table({', '.join(f'{name}={column!r}' for name, column in self.columns.items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and list(self.columns.items()) == list(other.columns.items())

    def __hash__(self) -> int:
        return hash(repr(self))

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return tuple(Tensor(name, column.datatype) for name, column in self.columns.items())

    def pack(self, value: Any) -> bytes:
        """The row as canonical JSON.

        Raises:
            BadInput: not a mapping, unknown or missing columns, wrong type, out of range, not a declared category.
        """
        if not isinstance(value, Mapping):
            raise BadInput(f"A row must map column names to values; this is a {type(value).__name__}.")
        unknown = [str(name)[:80] for name in value if name not in self.columns]
        if unknown:
            raise BadInput(f"Unknown columns {_some(unknown)}; this wheel has {_some(list(self.columns))}.")
        row = {name: column.check(name, value.get(name)) for name, column in self.columns.items()}
        return canonical_json(row).encode()

    def unpack(self, payload: bytes) -> Json:
        return json.loads(payload)

    def matrix(self, payloads: Sequence[bytes]) -> Floats:
        """(N, D): a column for each number (NaN where missing) and one for each category's value."""
        rows = [json.loads(payload) for payload in payloads]
        if not rows:
            return np.zeros((0, sum(column.width for column in self.columns.values())))
        return np.hstack([column.numbers([row.get(name) for row in rows]) for name, column in self.columns.items()])

    def from_tensors(self, parts: dict[str, Any]) -> Any:
        return parts


def _some(names: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (f" and {len(names) - most} more" if len(names) > most else "")
