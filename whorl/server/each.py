"""One item or many in one request: good ones are taken, bad ones are reported with their place and the reason."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from starlette.responses import Response

from whorl.errors import BadInput, BadOutcome, NotFound
from whorl.records import Json
from whorl.server.replies import reply
from whorl.server.tensors import shown

Item = Mapping[str, Json]


def take_each(body: Json, noun: str, take: Callable[[Item], str]) -> Response:
    """Call `take` with each item of `body`, an object or a list of them; it returns the id of what it took.

    All or nothing is not wanted: who sends a thousand outcomes and one that is wrong should not have to find it first.
    """
    if not isinstance(body, dict | list):
        raise BadInput(f"The body is {shown(body)}; it must be an object or a list of objects.")
    accepted, refused = [], []
    items = body if isinstance(body, list) else [body]
    for index, item in enumerate(items):
        try:
            if not isinstance(item, dict):
                raise BadInput(f"This is {shown(item)}; it must be an object.")
            accepted.append(take(item))
        except (BadInput, BadOutcome, NotFound) as error:
            refused.append({"index": index, "error": str(error)})
        except RecursionError:  # what could just be read may be too deep for whoever shows it
            refused.append({"index": index, "error": "This is nested too deeply."})
    if not refused:
        return reply({"accepted": accepted})
    summary = f"{len(refused)} of {len(items)} {noun} were refused; `refused` says which and why."
    return reply({"error": summary, "accepted": accepted, "refused": refused}, 422)


def check_fields(item: Item, needed: Collection[str], optional: Collection[str]) -> None:
    """Raises BadInput where `item` lacks a field, or has one that nobody knows: a misspelt field would be lost."""
    missing = [name for name in needed if name not in item]
    if missing:
        raise BadInput(f"{missing[0]} is missing.")
    unknown = [name for name in item if name not in needed and name not in optional]
    if unknown:
        raise BadInput(f"There is no field {shown(unknown[0])}; there are {', '.join([*needed, *optional])}.")


def text(item: Item, name: str) -> str:
    """A field that must be there, and be text that is not empty."""
    value = item[name]
    if not isinstance(value, str) or not value:
        raise BadInput(f"{name} is {shown(value)}; it must be text that is not empty.")
    return value


def text_or_none(item: Item, name: str) -> str | None:
    """A field that may be missing or null."""
    return None if item.get(name) is None else text(item, name)
