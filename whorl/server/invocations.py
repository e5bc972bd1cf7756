"""POST /invocations, for clients of MLflow: rows or columns in, predictions and the ids of their decisions out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from whorl.errors import BadInput
from whorl.flywheel import Flywheel
from whorl.protocols import Inputs, Tensor
from whorl.records import Json
from whorl.server.ask import asked
from whorl.server.body import read_json
from whorl.server.replies import reply
from whorl.server.tensors import checked, fits, from_columns, shown
from whorl.server.together import Together

FORMS = ("instances", "inputs", "dataframe_split", "dataframe_records")


async def invoke(flywheel: Flywheel, together: Together, limit: int, request: Request) -> Response:
    """Decide for all rows. `params` may say for whom, as the parameters of an inference request do."""
    body = await read_json(request, limit)
    forms = [form for form in FORMS if form in body] if isinstance(body, dict) else []
    if len(forms) != 1:
        raise BadInput(f"The body must be an object with one of {', '.join(FORMS)}.")
    values = _values(flywheel.wheel.inputs, forms[0], body[forms[0]])
    answers = await together.decide(asked(values, body.get("params")))
    return reply(
        {
            "predictions": [answer.output for answer in answers],
            "decision_ids": [answer.id for answer in answers],
        }
    )


def _values(inputs: Inputs, form: str, given: Json) -> list[Any]:
    """The inputs that a body says in one of the `FORMS`."""
    if form == "dataframe_split":
        columns = _split(given)
    elif form == "inputs" and isinstance(given, dict):
        columns = given
    else:
        columns = _turned(inputs, form, given)
    declared = {tensor.name: tensor for tensor in inputs.tensors}
    return from_columns(
        inputs,
        {name: _column(declared[name], rows) if name in declared else () for name, rows in columns.items()},
    )


def _column(declared: Tensor, rows: Json) -> Sequence[Any]:
    if not isinstance(rows, list) or not rows:
        raise BadInput(f"{declared.name} must be a list with one entry for each row, and one row at least.")
    shape = _shape(rows)
    flat = bool(declared.shape) and shape[1:] == [math.prod(declared.shape)]
    if not flat and not fits(declared, shape[1:]):
        raise BadInput(f"A row of {declared.name} has shape {shape[1:9]}; it must have {list(declared.shape)}.")
    return checked(declared, shape, declared.datatype, rows)


def _shape(data: Json) -> list[int]:
    """As the first of its lists say; whether the others agree is checked where they are read."""
    sizes = []
    while isinstance(data, list):
        sizes.append(len(data))
        data = data[0] if data else None
    return sizes


def _turned(inputs: Inputs, form: str, rows: Json) -> Mapping[str, Json]:
    """Columns of rows: objects, or the values themselves where the wheel takes one tensor."""
    if not isinstance(rows, list) or not rows:
        raise BadInput(f"{form} is {shown(rows)}; it must be a list of one row or more.")
    if not isinstance(rows[0], dict):
        if len(inputs.tensors) != 1:
            raise BadInput(f"A row of {form} is {shown(rows[0])}; it must be an object with a value for each column.")
        return {inputs.tensors[0].name: rows}
    if not all(isinstance(row, dict) for row in rows):
        raise BadInput(f"All rows of {form} must be objects, as the first is.")
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def _split(given: Json) -> Mapping[str, Json]:
    columns, rows = (given.get("columns"), given.get("data")) if isinstance(given, dict) else (None, None)
    if (
        not isinstance(columns, list)
        or not all(isinstance(name, str) for name in columns)
        or not isinstance(rows, list)
    ):
        raise BadInput("dataframe_split must be an object with columns, a list of names, and data, a list of rows.")
    if len(set(columns)) < len(columns):
        raise BadInput("dataframe_split names a column twice.")
    if not all(isinstance(row, list) and len(row) == len(columns) for row in rows):
        raise BadInput(f"All rows of dataframe_split must be lists with {len(columns)} values, one for each column.")
    return {name: [row[place] for row in rows] for place, name in enumerate(columns)}
