"""Which address answers what: the table of routes, and the application around it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.routing import Route

from whorl.errors import WhorlError
from whorl.flywheel import Flywheel
from whorl.server import inference, invocations, labels, metrics, outcomes, status
from whorl.server.guard import Guard
from whorl.server.latency import Latencies
from whorl.server.replies import refuse
from whorl.server.together import Together

LIMIT = 16 * 2**20
"""Bytes in a request body. While the largest is read, nothing else is for about half a second, and it takes up to 20 times
its size in memory: Python reads JSON in one piece, in whichever thread."""


def create_app(flywheel: Flywheel, *, limit: int = LIMIT, hosts: Collection[str] = ()) -> Starlette:
    """The ASGI application of an open wheel; whoever opened the wheel closes it.

    Args:
        limit: bytes in a request body; a larger one is refused with 413.
        hosts: names under which it may be asked; empty for any. Without them a web page that points a name of its own
            at this machine could read the answers.
    """
    together, latencies = Together(flywheel), Latencies()
    model = "/v2/models/{name}"
    routes = [
        *_both(f"{model}{{}}/infer", "POST", inference.infer, flywheel, together, limit),
        _route("/v2/health/live", "GET", inference.live),
        _route("/v2/health/ready", "GET", inference.ready, flywheel),
        _route("/v2", "GET", inference.server),
        *_both(f"{model}{{}}", "GET", inference.model, flywheel),
        *_both(f"{model}{{}}/ready", "GET", inference.model_ready, flywheel),
        _route("/invocations", "POST", invocations.invoke, flywheel, together, limit),
        _route("/v1/outcomes", "POST", outcomes.take, flywheel, limit),
        _route("/v1/labels/requests", "GET", labels.requests, flywheel),
        _route("/v1/labels", "POST", labels.take, flywheel, limit),
        _route("/v1/status", "GET", status.status, flywheel),
        _route("/metrics", "GET", metrics.metrics, metrics.Scrape(flywheel, latencies)),
        _route("/", "GET", status.dashboard, flywheel),
    ]
    app = Starlette(
        routes=routes,
        middleware=[Middleware(Guard, latencies=latencies, hosts=frozenset(hosts))],
        exception_handlers={HTTPException: refuse, WhorlError: refuse},
    )
    # An address is right or wrong: a redirect would not be JSON, and would name a host that the caller made up.
    app.router.redirect_slashes = False
    return app


Handler = Callable[..., Awaitable[Response]]


def _route(path: str, method: str, handler: Handler, *parts: object) -> Route:
    return Route(path, partial(handler, *parts), methods=[method])


def _both(path: str, method: str, handler: Handler, *parts: object) -> tuple[Route, Route]:
    """The address of the champion, and the one that names its version."""
    return (
        _route(path.replace("{}", ""), method, handler, *parts),
        _route(path.replace("{}", "/versions/{version}"), method, handler, *parts),
    )
