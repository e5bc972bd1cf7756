"""How long requests took, counted in this process since it started."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper ends of the buckets, in seconds; a decision takes about 0.001."""


@dataclass
class Histogram:
    """Requests by how long they took. `counts` has one entry for each bound and a last one for all that took longer."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds


class Latencies:
    """A histogram for each handler and a count for each of its statuses. Only the event loop writes: no locks."""

    def __init__(self) -> None:
        self.histograms: dict[str, Histogram] = {}
        self.statuses: Counter[tuple[str, int]] = Counter()

    def add(self, handler: str, status: int, seconds: float) -> None:
        """`status` 0: the caller left before there was an answer."""
        self.histograms.setdefault(handler, Histogram()).add(seconds)
        self.statuses[handler, status] += 1
