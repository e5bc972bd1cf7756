"""Where the wheel stands: as JSON for programs, as a page for people."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from whorl.flywheel import Flywheel
from whorl.server.replies import reply


async def status(flywheel: Flywheel, request: Request) -> Response:
    """`Flywheel.status`."""
    return reply(await run_in_threadpool(flywheel.status))


async def dashboard(flywheel: Flywheel, request: Request) -> Response:
    """The report of the wheel as it stands now."""

    def page() -> str:
        # Here, not above: a server that nobody looks at needs no templates.
        from whorl.pages.report import render
        from whorl.story import tell

        return render(tell(flywheel))

    return HTMLResponse(await run_in_threadpool(page))
