"""JSON answers; an error is always {"error": "..."}, with the status that its kind has."""

from __future__ import annotations

import json
import logging

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from whorl.errors import BadInput, BadOutcome, NotFound, NotReady
from whorl.records import Json

log = logging.getLogger("whorl.server")

STATUS: dict[type[Exception], int] = {BadInput: 400, BadOutcome: 400, NotFound: 404, NotReady: 503}
"""Errors that are the caller's, or pass by themselves. All others are ours: 500, and the log says what it was."""


def reply(content: Json, status: int = 200) -> Response:
    """`content` as JSON, in ASCII: what cannot be said in UTF-8 (half a surrogate pair) cannot break an answer."""
    return Response(_ENCODER.encode(content).encode("ascii"), status, media_type="application/json")


# Kept: `json.dumps` with an argument makes an encoder for each call.
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def internal_error() -> Response:
    """What callers are told about an error of ours: nothing that they could use against us."""
    return reply({"error": "internal error; see the log"}, 500)


async def refuse(request: Request, error: Exception) -> Response:
    """The answer to an error that was raised on purpose."""
    if isinstance(error, HTTPException):
        response = reply({"error": error.detail}, error.status_code)
        response.headers.update(error.headers or {})
        return response
    for kind, status in STATUS.items():
        if isinstance(error, kind):
            return reply({"error": str(error)}, status)
    log.error("%s %r failed", request.method, request.url.path, exc_info=error)
    return internal_error()
