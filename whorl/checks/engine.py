"""What every engine promises, as functions that anyone can run on one of their own.

Each takes `make_engine`, which gives an engine with that many workers, and raises AssertionError where a promise is
broken. The work is given as functions of this module, so that an engine may send it to other processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from whorl.protocols import Engine, Floats

MakeEngine = Callable[[int], Engine]

WORKERS = (1, 2, 4)


def check_results_come_in_the_order_of_the_work(make_engine: MakeEngine) -> None:
    for workers in WORKERS:
        found = make_engine(workers).run(_slow_when_small, list(range(8)))
        assert found == [number * number for number in range(8)], f"{workers} workers gave {found}"


def check_no_work_gives_nothing(make_engine: MakeEngine) -> None:
    for workers in WORKERS:
        assert make_engine(workers).run(_slow_when_small, []) == []
        assert make_engine(workers).run(_slow_when_small, (7,)) == [49]


def check_numbers_do_not_depend_on_workers(make_engine: MakeEngine) -> None:
    results = [make_engine(workers).run(_numbers, list(range(4))) for workers in WORKERS]
    for workers, result in zip(WORKERS, results, strict=True):
        same = all(np.array_equal(one, other) for one, other in zip(results[0], result, strict=True))
        assert same, f"{workers} workers gave other numbers than {WORKERS[0]}: limit numeric libraries to one thread"


def check_the_earliest_error_is_raised_as_it_is(make_engine: MakeEngine) -> None:
    for workers in WORKERS:
        raised: Exception | None = None
        try:
            make_engine(workers).run(_fail_from_two, list(range(8)))
        except Exception as error:
            raised = error
        as_it_was = type(raised) is KeyError and raised.args == ("piece 2",)
        assert as_it_was, f"{workers} workers raised {raised!r}, not the error of the earliest piece that failed"


def check_an_engine_works_after_an_error(make_engine: MakeEngine) -> None:
    for workers in WORKERS:
        engine = make_engine(workers)
        for _ in range(2):
            try:
                engine.run(_fail_from_two, list(range(8)))
            except KeyError:
                assert engine.run(_slow_when_small, [1, 2]) == [1, 4]


def _slow_when_small(number: int) -> int:
    time.sleep(0.001 * max(0, 4 - number))  # so that the first to begin are the last to finish
    return number * number


def _fail_from_two(number: int) -> int:
    if number == 2:
        time.sleep(0.003)  # so that later pieces fail earlier
    if number >= 2:
        raise KeyError(f"piece {number}")
    return number


def _numbers(seed: int) -> Floats:
    X = np.random.default_rng(seed).normal(size=(300, 200))
    return np.asarray(np.linalg.eigvalsh(X.T @ X))


ENGINE_CHECKS: tuple[Callable[[MakeEngine], None], ...] = (
    check_results_come_in_the_order_of_the_work,
    check_no_work_gives_nothing,
    check_numbers_do_not_depend_on_workers,
    check_the_earliest_error_is_raised_as_it_is,
    check_an_engine_works_after_an_error,
)
