"""POST /v1/outcomes: what the world answered to decisions, in any order and any number of times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from whorl.errors import BadInput
from whorl.flywheel import Flywheel
from whorl.records import Json
from whorl.server.body import read_json
from whorl.server.each import Item, check_fields, take_each, text, text_or_none
from whorl.server.tensors import shown

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def take(flywheel: Flywheel, limit: int, request: Request) -> Response:
    """Keep one outcome or a list of them."""
    body = await read_json(request, limit)

    def take_one(item: Item) -> str:
        check_fields(item, ("decision", "value"), ("at", "id", "kind", "supersedes"))
        return flywheel.outcome(
            text(item, "decision"),
            item["value"],
            at=moment(item["at"]) if item.get("at") is not None else None,
            id=text_or_none(item, "id"),
            kind=text_or_none(item, "kind") or "truth",
            supersedes=text_or_none(item, "supersedes"),
        )

    return await run_in_threadpool(take_each, body, "outcomes", take_one)


def moment(at: Json) -> int:
    """Microseconds since 1970-01-01 UTC, of just that or of ISO 8601 text with a zone.

    >>> moment("2026-11-21T10:00:00+01:00") == moment("2026-11-21T09:00:00Z") == 1795251600000000
    True
    """
    if type(at) is int:
        return at
    try:
        when = datetime.fromisoformat(at) if isinstance(at, str) else None
    except ValueError:
        when = None
    if when is None:
        raise BadInput(f"at is {shown(at)}; it must be microseconds since 1970 (whole), or ISO 8601 text.")
    if when.tzinfo is None:
        raise BadInput(f"at is {shown(at)}, which is another moment in every zone; end it with Z for UTC, or +01:00.")
    return (when - EPOCH) // timedelta(microseconds=1)
