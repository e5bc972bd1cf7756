"""Requests that wait at the same moment are decided by one call of the model and captured in one commit.

Nobody waits for a timer: while one call runs, requests gather, and the next call takes them all.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Sequence
from contextlib import suppress
from itertools import islice
from queue import Empty, SimpleQueue
from typing import NamedTuple

from whorl.errors import NotReady, StoreError
from whorl.flywheel import Answer, Flywheel
from whorl.server.ask import Ask

MOST = 256
"""Inputs after which a call takes no further request: gains end there, and the first would wait for the last."""

Result = list[Answer] | Exception


class _Request(NamedTuple):
    ask: Ask
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[list[Answer]]


class Together:
    """Decides for all requests of a server, in one thread of its own.

    Not in the event loop: another process may hold the journal for seconds, a new champion takes its time to load, and
    meanwhile health must be told. Not in a pool of threads: they fight for one interpreter and one journal. CPU of a
    request (8 x 8 image, logistic regression, SQLite, everything but the socket) in microseconds, 1 | 32 clients: in the
    loop 710 | 750, in a pool 890 | 1,440, together 830 | 250.
    """

    def __init__(self, flywheel: Flywheel) -> None:
        self._waiting: SimpleQueue[_Request | None] = SimpleQueue()
        threading.Thread(target=_work, args=(flywheel, self._waiting), name="whorl-decide", daemon=True).start()
        weakref.finalize(self, self._waiting.put, None)

    async def decide(self, ask: Ask) -> list[Answer]:
        """As `Flywheel.decide_all`: one model answers all of `ask`, and all of it is captured or none."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Answer]] = loop.create_future()
        self._waiting.put(_Request(ask, loop, future))
        return await future


def _work(flywheel: Flywheel, waiting: SimpleQueue[_Request | None]) -> None:
    """Answer until None comes."""
    request = waiting.get()
    while request is not None:
        batch, request = _gather(request, waiting)
        results = _results(flywheel, [one.ask for one in batch])
        for loop in {one.loop for one in batch}:  # one, unless somebody runs the application in several
            done = [(one.future, result) for one, result in zip(batch, results, strict=True) if one.loop is loop]
            with suppress(RuntimeError):  # the loop was closed: nobody is left to answer
                loop.call_soon_threadsafe(_deliver, done)
        del batch, results, done  # to wait is to hold nothing
        request = request or waiting.get()


def _gather(first: _Request, waiting: SimpleQueue[_Request | None]) -> tuple[list[_Request], _Request | None]:
    """Requests to answer now, in order of arrival, and one that came in between but has to wait for them."""
    batch, inputs, ids = [first], len(first.ask.values), {first.ask.id}
    while inputs < MOST:
        try:
            request = waiting.get_nowait()
        except Empty:
            break
        if request is None:
            waiting.put(None)
            break
        if request.ask.id is not None and request.ask.id in ids:
            return batch, request  # the same decision again must find the first one in the journal
        batch.append(request)
        inputs += len(request.ask.values)
        ids.add(request.ask.id)
    return batch, None


def _results(flywheel: Flywheel, asks: Sequence[Ask]) -> Sequence[Result]:
    """For each of `asks` its answers, or why there are none."""
    try:
        answers = iter(
            flywheel.decide_all(
                [value for ask in asks for value in ask.values],
                customers=[customer for ask in asks for customer in ask.customers],
                subjects=[subject for ask in asks for subject in ask.subjects],
                ids=[ask.id for ask in asks for _ in ask.values],
            )
        )
        return [list(islice(answers, len(ask.values))) for ask in asks]
    except (NotReady, StoreError) as error:  # true for all of them; to ask again would keep the inputs twice
        return [error] * len(asks)
    except Exception as error:
        if len(asks) == 1:
            return [error]
        # One of them cannot be answered, and nothing was captured: each for itself, so that the others do not suffer.
        return [_results(flywheel, [ask])[0] for ask in asks]


def _deliver(results: Sequence[tuple[asyncio.Future[list[Answer]], Result]]) -> None:
    for future, result in results:
        if future.done():  # the caller left
            continue
        if isinstance(result, Exception):
            future.set_exception(result)
        else:
            future.set_result(result)
