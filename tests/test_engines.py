"""Engines keep what they promise, and the local one leaves the process as it found it."""

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_info

from whorl.checks import ENGINE_CHECKS
from whorl.engines import LocalEngine
from whorl.engines.local import usable_cpus
from whorl.errors import DeclarationError


def threads_of_libraries():
    return [library["num_threads"] for library in threadpool_info()]


@pytest.mark.parametrize("check", ENGINE_CHECKS, ids=lambda check: check.__name__)
def test_local_engine(check):
    check(LocalEngine)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_numeric_libraries_use_one_thread_in_every_worker_and_as_many_as_before_after(workers):
    before = threads_of_libraries()
    inside = LocalEngine(workers).run(lambda _: threads_of_libraries(), range(6))
    assert inside == [[1] * len(before)] * 6
    assert threads_of_libraries() == before


def test_a_run_that_ends_does_not_unleash_one_that_goes_on():
    before = threads_of_libraries()
    first_is_in, second_is_done = threading.Event(), threading.Event()

    def first(_):
        first_is_in.set()
        assert second_is_done.wait(10)
        return threads_of_libraries()

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(LocalEngine(2).run, first, range(2))
        assert first_is_in.wait(10)
        LocalEngine(2).run(abs, range(4))
        second_is_done.set()
        assert running.result() == [[1] * len(before)] * 2
    assert threads_of_libraries() == before


def test_an_engine_inside_an_engine_works():
    before = threads_of_libraries()
    inner = LocalEngine(2)
    assert LocalEngine(2).run(lambda n: sum(inner.run(abs, range(n))), range(5)) == [0, 0, 1, 3, 6]
    assert threads_of_libraries() == before


def test_models_are_the_same_bit_for_bit_for_any_number_of_workers():
    X = np.random.default_rng(3).normal(size=(2000, 20))

    def fit(seed):
        return KMeans(5, n_init=1, random_state=seed).fit(X).cluster_centers_.tobytes()

    assert LocalEngine(1).run(fit, range(4)) == LocalEngine(4).run(fit, range(4))


def test_nothing_runs_on_after_an_error_and_what_had_not_begun_does_not_begin():
    begun, ended = [], []

    def work(number):
        begun.append(number)
        if number == 1:
            raise ZeroDivisionError("as it is")
        time.sleep(0.01)
        ended.append(number)

    with pytest.raises(ZeroDivisionError, match="as it is"):
        LocalEngine(2).run(work, range(100))
    assert sorted([*ended, 1]) == sorted(begun)
    assert len(begun) < 100


def test_pieces_see_the_context_of_the_caller():
    with np.errstate(divide="raise"):
        for workers in (1, 4):
            assert LocalEngine(workers).run(lambda _: np.geterr()["divide"], range(4)) == ["raise"] * 4


def test_workers_are_as_many_as_the_process_may_use():
    assert usable_cpus() == len(os.sched_getaffinity(0))
    meet = threading.Barrier(3)
    LocalEngine(3).run(lambda _: meet.wait(10), range(3))  # three run at once, or the barrier breaks
    assert LocalEngine() == LocalEngine(None)


@pytest.mark.parametrize("workers", [0, -1, 1.5, True, "2"])
def test_a_number_of_workers_that_cannot_work_is_refused(workers):
    with pytest.raises(DeclarationError, match="it must be a whole number, at least 1, or None"):
        LocalEngine(workers)
