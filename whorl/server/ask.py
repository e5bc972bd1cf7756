"""What one request asks of the wheel: the inputs, for whom, and under which id."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from whorl.errors import BadInput
from whorl.records import Json


@dataclass(frozen=True)
class Ask:
    """Inputs that are answered together; `customers` and `subjects` have one entry for each."""

    values: Sequence[Any]
    customers: Sequence[str]
    subjects: Sequence[str]
    id: str | None = None
    """Of the decision, where there is one input only and the caller has an id for it."""


def asked(values: Sequence[Any], parameters: Json) -> Ask:
    """`values` with what the request-level `parameters` say about them; parameters of other names are left alone.

    Raises:
        BadInput: a parameter has the wrong type or number, or speaks of one decision where there are several.

    >>> asked([1, 2], {"customer": "acme"}).customers
    ['acme', 'acme']
    """
    if parameters is None:
        parameters = {}
    if not isinstance(parameters, dict):
        raise BadInput(f"parameters is a {type(parameters).__name__}; it must be an object.")
    id = parameters.get("decision_id")
    if id is not None and (not isinstance(id, str) or not id):
        raise BadInput("parameters.decision_id must be text that is not empty.")
    if id is not None and len(values) != 1:
        raise BadInput(f"parameters.decision_id names one decision, but {len(values)} are asked for.")
    return Ask(
        values,
        _of_each("customer", parameters, len(values)),
        _of_each("subject", parameters, len(values)),
        id,
    )


def _of_each(name: str, parameters: Mapping[str, Json], count: int) -> list[str]:
    one, several = parameters.get(name), parameters.get(f"{name}s")
    if one is not None and several is not None:
        raise BadInput(f"parameters has both {name} and {name}s; give one of them.")
    if several is None:
        several = [one if one is not None else ""] * count
    if not isinstance(several, list) or len(several) != count:
        raise BadInput(f"parameters.{name}s must be a list with one entry for each input, of which there are {count}.")
    if not all(isinstance(entry, str) for entry in several):
        raise BadInput(f"parameters.{name} must be text.")
    return several
