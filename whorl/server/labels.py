"""Labels over HTTP: what is asked, and the answers."""

from __future__ import annotations

import math
from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from whorl.errors import BadInput
from whorl.flywheel import Flywheel
from whorl.records import Json
from whorl.server.body import read_json
from whorl.server.each import Item, check_fields, take_each, text, text_or_none
from whorl.server.replies import reply
from whorl.server.tensors import shown

MOST = 1000
"""Requests in one answer; each comes with its input."""


async def requests(flywheel: Flywheel, request: Request) -> Response:
    """The oldest open label requests, with their inputs. No proposal for an audit: it would bias the answer."""
    limit = request.query_params.get("limit", "100")
    if not limit.isascii() or not limit.isdigit() or len(limit) > 4 or not 1 <= int(limit) <= MOST:
        raise BadInput(f"The limit is {shown(limit)}; it must be a whole number from 1 to {MOST:,}.")
    questions = await run_in_threadpool(flywheel.questions, int(limit))
    return reply({"requests": [asdict(question) for question in questions]})


async def take(flywheel: Flywheel, limit: int, request: Request) -> Response:
    """Keep one label or a list of them."""
    body = await read_json(request, limit)

    def take_one(item: Item) -> str:
        check_fields(item, ("example", "value"), ("annotator", "seconds", "id"))
        return flywheel.label(
            text(item, "example"),
            item["value"],
            annotator=text_or_none(item, "annotator") or "person",
            seconds=_seconds(item.get("seconds")),
            id=text_or_none(item, "id"),
        )

    return await run_in_threadpool(take_each, body, "labels", take_one)


def _seconds(spent: Json) -> float:
    if spent is None:
        return 0.0
    if isinstance(spent, bool) or not isinstance(spent, int | float) or not 0 <= spent <= 1e9 or math.isnan(spent):
        raise BadInput(f"seconds is {shown(spent)}; it must be the time spent on this label, 0 or more.")
    return float(spent)
