"""What a request says: its JSON body, read within a limit, and refused with a reason when it is not plain JSON."""

from __future__ import annotations

import json
from typing import NoReturn

from starlette.exceptions import HTTPException
from starlette.requests import Request

from whorl.errors import BadInput
from whorl.records import Json


async def read_json(request: Request, limit: int) -> Json:
    """The body, parsed. Refuses more than `limit` bytes with 413, as soon as that is known.

    Raises:
        BadInput: it is not JSON in UTF-8, or holds what JSON cannot: NaN, infinities, halves of surrogate pairs.
    """
    length = request.headers.get("content-length", "0")
    size, parts = 0, []
    if length.isdigit() and len(length) < 20 and int(length) <= limit:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                break
            parts.append(part)
        else:
            return parsed(b"".join(parts))
    raise HTTPException(413, f"The body is too large; at most {limit:,} bytes are taken. Send it in several requests.")


def parsed(body: bytes) -> Json:
    """The value that `body` says.

    >>> parsed(b'{"instances": [1, NaN]}')
    Traceback (most recent call last):
    whorl.errors.BadInput: The body holds NaN, which is not JSON; leave out what is missing.
    """
    try:
        text = body.decode()
        value = _DECODER.decode(text)
        if "\\u" in text:  # the only way to write half a surrogate pair, which no journal could keep
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        raise BadInput(f"The body is not UTF-8: {error.reason} at byte {error.start}.") from None
    except UnicodeEncodeError:
        raise BadInput("The body holds half a surrogate pair (\\ud800 to \\udfff), which is not text.") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"The body is not JSON: {error}.") from None
    except RecursionError:
        raise BadInput("The body is nested too deeply.") from None
    except BadInput:
        raise
    except ValueError:  # Python reads no numbers longer than that
        raise BadInput("The body holds a number of more than 4,300 digits.") from None
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise BadInput(f"The body holds {name}, which is not JSON; leave out what is missing.")


# Kept: `json.loads` with an argument builds a decoder for each call, which takes longer than reading a small body.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
