"""GET /metrics: what happened, in the text format of Prometheus. Counters come from the journal and survive a restart.

Ref: https://prometheus.io/docs/instrumenting/exposition_formats/
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import accumulate

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from whorl import label
from whorl.flywheel import Flywheel
from whorl.records import Decision, Example, Label, LabelRequest, Outcome, Turn
from whorl.server.latency import BOUNDS, Latencies

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
COUNTED = {"examples": Example, "decisions": Decision, "outcomes": Outcome, "labels": Label}


class Scrape:
    """What one scrape says. Open requests are counted again only when a request or a label has come."""

    def __init__(self, flywheel: Flywheel, latencies: Latencies) -> None:
        self._flywheel, self._latencies = flywheel, latencies
        self._open: tuple[tuple[int, int], int] = ((0, 0), 0)

    def of_wheel(self) -> str:
        """Counts and gauges of the wheel: the same whichever process is asked."""
        journal = self._flywheel.journal
        lines: list[str] = []
        for plural, kind in COUNTED.items():
            lines += family(f"whorl_{plural}_total", "counter", f"Records of kind {kind.__name__} in the journal.")
            lines.append(sample(f"whorl_{plural}_total", {}, journal.count(kind)))
        lines += family("whorl_open_label_requests", "gauge", "Label requests that nobody has answered.")
        lines.append(sample("whorl_open_label_requests", {}, self._open_requests()))
        lines += family("whorl_last_turn", "gauge", "Number of the last turn that was closed, 0 before the first.")
        lines.append(sample("whorl_last_turn", {}, self._last_turn()))
        lines += family("whorl_champion_info", "gauge", "Always 1; the labels say which model serves.")
        champion = self._flywheel.champion()
        if champion is not None:
            labels = {"wheel": self._flywheel.wheel.name, "version": champion.model.version}
            lines.append(sample("whorl_champion_info", {**labels, "recipe": champion.model.recipe}, 1))
        return "".join(f"{line}\n" for line in lines)

    def of_process(self) -> str:
        """How requests to this process went."""
        lines = [*family("whorl_http_requests_total", "counter", "Requests by handler and status.")]
        for (handler, status), count in sorted(self._latencies.statuses.items()):
            lines.append(sample("whorl_http_requests_total", {"handler": handler, "status": str(status)}, count))
        lines += family("whorl_http_request_seconds", "histogram", "From the first byte to the end of the answer.")
        for handler, histogram in sorted(self._latencies.histograms.items()):
            bounds = [*(f"{bound:g}" for bound in BOUNDS), "+Inf"]
            for bound, count in zip(bounds, accumulate(histogram.counts), strict=True):
                lines.append(sample("whorl_http_request_seconds_bucket", {"handler": handler, "le": bound}, count))
            lines.append(sample("whorl_http_request_seconds_sum", {"handler": handler}, histogram.seconds))
            lines.append(sample("whorl_http_request_seconds_count", {"handler": handler}, sum(histogram.counts)))
        return "".join(f"{line}\n" for line in lines)

    def _open_requests(self) -> int:
        journal = self._flywheel.journal
        counts = (journal.count(LabelRequest), journal.count(Label))
        if counts != self._open[0]:
            self._open = (counts, len(label.open_requests(journal.read(LabelRequest), journal.read(Label))))
        return self._open[1]

    def _last_turn(self) -> int:
        newest = self._flywheel.journal.newest(Turn)
        if newest is None:
            return 0
        return newest.number if newest.phase == "closed" else newest.number - 1


async def metrics(scrape: Scrape, request: Request) -> Response:
    """One scrape."""
    of_wheel = await run_in_threadpool(scrape.of_wheel)
    # In the event loop, which alone writes these.
    return Response(of_wheel + scrape.of_process(), headers={"content-type": CONTENT_TYPE})


def family(name: str, kind: str, help: str) -> Iterator[str]:
    """The two lines above the samples of a metric."""
    yield f"# HELP {name} {_escaped(help)}"
    yield f"# TYPE {name} {kind}"


def sample(name: str, labels: Mapping[str, str], value: float) -> str:
    r"""One line.

    >>> print(sample("wheels", {"name": 'a "b"\n\\'}, 1.5))
    wheels{name="a \"b\"\n\\"} 1.5
    """
    quoted = ",".join(f'{key}="{_escaped(text).replace(chr(34), chr(92) + chr(34))}"' for key, text in labels.items())
    return f"{name}{{{quoted}}} {value!r}" if quoted else f"{name} {value!r}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")
