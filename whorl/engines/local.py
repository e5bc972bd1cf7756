"""Independent work side by side in the threads of this process, with results that do not depend on how many there are.

Covered: NumPy, SciPy, scikit-learn, whatever computes outside Python's lock. Not covered: pure Python, which gains
nothing from threads, and several machines.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from typing import TypeVar

from whorl.errors import DeclarationError

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True)
class LocalEngine:
    """Runs work in threads of this process, `workers` at a time; by default as many as it may use CPUs.

    Meanwhile numeric libraries (BLAS, OpenMP) use one thread for each piece of work: split over two threads, the same
    sum has other last bits. So 1 worker and 16 give the same results, bit for bit, if the function itself is
    deterministic. Libraries are limited that are loaded when `run` begins: import them before, not in the function.

    >>> LocalEngine(workers=2).run(lambda n: n * n, [3, 1, 2])
    [9, 1, 4]
    """

    workers: int | None = None

    def __post_init__(self) -> None:
        if self.workers is not None and (type(self.workers) is not int or self.workers < 1):
            raise DeclarationError("engine.workers", found=self.workers, needed="a whole number, at least 1, or None")

    def run(self, function: Callable[[A], B], work: Sequence[A]) -> list[B]:
        """`function` of each piece of `work`, in the order of `work`, whatever finished first.

        Context variables (such as `numpy.errstate`) are those of the caller; what a piece changes in them stays there.

        Raises:
            What `function` raised, as it is: what has begun is finished, the rest does not begin, and then the error
            of the earliest piece that failed is raised - the same one for any number of workers.
        """
        workers = min(self.workers or usable_cpus(), len(work))
        with _single_threaded() as limit:
            if workers <= 1:
                return [copy_context().run(function, piece) for piece in work]
            with ThreadPoolExecutor(workers, "whorl", initializer=limit) as pool:
                started = [pool.submit(copy_context().run, function, piece) for piece in work]
                try:
                    wait(started, return_when=FIRST_EXCEPTION)
                finally:
                    pool.shutdown(cancel_futures=True)
            # Pieces begin in order, so whatever comes before a failed one has begun and, by now, has finished.
            return [one.result() for one in started]


def usable_cpus() -> int:
    """How many CPUs this process may use, which in a container or under `taskset` is fewer than there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


_lock = threading.Lock()
_undo: list[Callable[[], None]] = []
_running = 0


@contextmanager
def _single_threaded() -> Iterator[Callable[[], object]]:
    """Numeric libraries use one thread meanwhile; what it gives must be called by every other thread that computes.

    OpenMP counts its threads for each of ours: every thread sets that, and this one restores it for itself. BLAS has
    one pool for the process: the last run to end restores that. If every run restored what it had found, one that ends
    in the middle of another would unleash it.
    """
    from threadpoolctl import ThreadpoolController

    global _running
    loaded = ThreadpoolController()  # 0.3 to 3 ms: it looks through all that is loaded
    of_thread, of_process = loaded.select(user_api="openmp"), loaded.select(user_api="blas")
    with of_thread.limit(limits=1):
        with _lock:
            _undo.append(of_process.limit(limits=1).restore_original_limits)
            _running += 1
        try:
            yield lambda: of_thread.limit(limits=1)
        finally:
            with _lock:
                _running -= 1
                while _undo and not _running:
                    _undo.pop()()
