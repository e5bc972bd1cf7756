"""Train every candidate on a frozen dataset: once on all of it, and once without each fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from whorl.errors import PartError
from whorl.learn.dataset import FOLDS, Lessons
from whorl.protocols import Engine, Estimator, Floats, Recipe, Task
from whorl.records import digest


@dataclass(frozen=True)
class Trained:
    """A candidate: fitted on all lessons, its outputs for each lesson as answered without that lesson's fold."""

    recipe: str
    unfitted: Estimator
    fitted: Estimator | None
    out_of_fold: Floats  # (N,) utilities in [0, 1]; empty if it failed
    failure: str = ""
    """Why there is no fitted model: a failing candidate is reported and hurts nobody else."""


def rows_fitted(lessons: Lessons, candidates: int) -> int:
    """Rows that training `candidates` goes through: all of them once, and again without each fold."""
    n, folds = len(lessons.examples), len(set(lessons.folds.tolist()))
    return candidates * n * folds


@dataclass(frozen=True)
class _Job:
    recipe: str
    make: Recipe = field(repr=False)
    fold: int | None = None
    seed: int = 0


def train(candidates: Mapping[str, Recipe], lessons: Lessons, task: Task, engine: Engine, seed: int) -> list[Trained]:
    """One `Trained` for each candidate, in their order; every fit has a seed of its own.

    Seeds differ between folds on purpose: one lucky draw of a random recipe must not speak for all folds, or evidence
    between equal recipes is wrong 5 to 58 % of the time in place of 2 % (LOG.md, 2026-11-21).
    """
    targets = task.targets(lessons.truths)
    folds = [fold for fold in range(FOLDS) if (lessons.folds == fold).any()]
    jobs = [
        _Job(name, make, fold, seed=int(digest(f"{seed} {name} {fold}")[:8], 16) >> 1)
        for name, make in candidates.items()
        for fold in (None, *folds)
    ]

    def work(job: _Job) -> tuple[Estimator | None, Floats, str]:
        learned = np.ones(len(targets), dtype=bool) if job.fold is None else lessons.folds != job.fold
        # What was fitted on all is asked about all: one that cannot answer must fail here, not when it serves.
        asked = np.arange(len(targets)) if job.fold is None else np.flatnonzero(~learned)
        try:
            if len(learned) and not learned.any():
                return None, np.zeros(len(asked)), "every lesson is in one fold"
            fitted = job.make(job.seed).fit(lessons.X[learned], targets[learned])
            utility = task.utility(task.outputs(fitted, lessons.X[asked]), [lessons.truths[row] for row in asked])
            return fitted, utility, ""
        except PartError as error:  # it answers with NaN
            return None, np.full(len(asked), np.nan), str(error)
        except Exception as error:
            return None, np.zeros(len(asked)), f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"

    results = dict(zip(((job.recipe, job.fold) for job in jobs), engine.run(work, jobs), strict=True))
    trained = []
    for name, make in candidates.items():
        fitted, _, failure = results[name, None]
        out_of_fold = np.zeros(len(targets))
        for fold in folds:
            # A fold that cannot be learned without (it holds all of a class, say) earns nothing: it proves nothing.
            _, out_of_fold[lessons.folds == fold], why = results[name, fold]
            if not np.isfinite(results[name, fold][1]).all():
                failure = failure or why or "it answers with NaN"
        if fitted is None or failure:
            trained.append(Trained(name, None, None, np.zeros(0), failure))
            continue
        trained.append(Trained(name, make(seed), fitted, out_of_fold))
    return trained
