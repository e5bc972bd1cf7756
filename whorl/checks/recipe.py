"""What every recipe promises, as functions that anyone can run on a recipe of their own.

Each takes the recipe, inputs X (N, D) and targets y (N,) that it can learn, 30 rows or more, and `keep`, which stores a
fitted estimator and loads it back: `lambda fitted: whorl.learn.load(whorl.learn.dump(fitted))`. It raises AssertionError
where a promise is broken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whorl.protocols import Estimator, Floats, Recipe

Targets = NDArray[Any]
Keep = Callable[[Estimator], Estimator]

CHANCE = ("random_state", "n_jobs", "verbose")
"""Parameters that may differ from seed to seed: they do not make another recipe."""


def check_it_makes_an_estimator(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    for seed in (0, 1, 2**31 - 1):
        made = recipe(seed)
        for name in ("fit", "predict", "get_params"):
            found = getattr(made, name, None)
            assert callable(found), f"recipe({seed}) is {made!r}, which has no {name}(); it must make an estimator"
        assert not isinstance(made, type), f"recipe({seed}) is the class {made.__name__}; it must make an object of it"


def check_every_call_makes_a_fresh_one(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    made = [recipe(seed) for seed in (0, 0, 1)]
    assert len({id(one) for one in made}) == 3, "the recipe gives the same object again; it must make a new one"
    for one in made:
        try:
            one.predict(X[:1])
        except Exception:
            continue
        raise AssertionError(
            f"recipe(seed) answers before it was fitted; it must give an unfitted estimator, not {one!r}"
        )


def check_nothing_is_shared(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    one = recipe(0).fit(X, y)
    before = _says(one, X)
    recipe(0).fit(X[::-1] * 3.0 + 1.0, y[::-1])
    assert np.array_equal(_says(one, X), before), (
        "fitting a second estimator of the recipe changed the first: they share a part; make every part in the recipe"
    )


def check_it_learns_and_answers(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    fitted = recipe(0).fit(X, y)
    answers = np.asarray(fitted.predict(X))
    assert answers.shape == (len(X),), f"{len(X)} rows must give answers of shape ({len(X)},), not {answers.shape}"
    if answers.dtype.kind == "f":
        assert np.isfinite(answers).all(), "it answers with NaN or infinite values"
    else:
        assert set(answers.tolist()) <= set(y.tolist()), "it answers with classes that it was never taught"
    assert _says(fitted, X[:1]).shape[0] == 1, "one row must give one answer"
    if hasattr(fitted, "predict_proba"):
        chances = fitted.predict_proba(X)
        assert chances.shape == (len(X), len(fitted.classes_)), f"predict_proba has shape {chances.shape}, not (N, K)"
        assert ((chances >= 0) & (chances <= 1)).all(), "predict_proba holds what is no probability"


def check_same_seed_same_answers(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    one, other = recipe(7).fit(X, y), recipe(7).fit(X, y)
    assert np.array_equal(_says(one, X), _says(other, X)), (
        "fitted twice with the same seed it answers differently; hand the seed to every random_state in it"
    )


def check_the_seed_is_not_its_identity(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    one, other = _parameters(recipe(0)), _parameters(recipe(1))
    differ = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    assert not differ, (
        f"{', '.join(differ)} depend on the seed, so every turn would see another recipe; use it for random_state alone"
    )


def check_kept_and_loaded_it_answers_the_same(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    fitted = recipe(0).fit(X, y)
    loaded = keep(fitted)
    assert loaded is not fitted, "keep must store and load, not hand through"
    assert np.array_equal(_says(loaded, X), _says(fitted, X)), "stored and loaded back, it answers differently"
    assert _parameters(loaded) == _parameters(fitted), "stored and loaded back, it has other parameters"


def check_lessons_are_not_changed(recipe: Recipe, X: Floats, y: Targets, keep: Keep) -> None:
    lessons, truths = X.copy(), y.copy()
    fitted = recipe(0).fit(lessons, truths)
    _says(fitted, lessons)
    assert np.array_equal(lessons, X, equal_nan=True), "it changes the inputs that it learns from or is asked about"
    assert np.array_equal(truths, y), "it changes the truths that it learns from"


def _says(fitted: Estimator, X: Floats) -> NDArray[Any]:
    """All that is used of an estimator: probabilities, scores or answers."""
    for name in ("predict_proba", "decision_function", "predict"):
        if hasattr(fitted, name):
            return np.asarray(getattr(fitted, name)(X))
    raise AssertionError(f"{fitted!r} has no predict")


def _parameters(estimator: Estimator) -> dict[str, str]:
    """Name -> value as text, of all parameters but those of chance; of a part that has parameters itself, its class."""
    found = {"class": type(estimator).__qualname__}
    for name, value in estimator.get_params(deep=True).items():
        if name.split("__")[-1] not in CHANCE:
            found[name] = type(value).__qualname__ if _has_parts(value) else repr(value)
    return found


def _has_parts(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_has_parts(item) for item in value)
    return hasattr(value, "get_params")


RECIPE_CHECKS: tuple[Callable[[Recipe, Floats, Targets, Keep], None], ...] = (
    check_it_makes_an_estimator,
    check_every_call_makes_a_fresh_one,
    check_nothing_is_shared,
    check_it_learns_and_answers,
    check_same_seed_same_answers,
    check_the_seed_is_not_its_identity,
    check_kept_and_loaded_it_answers_the_same,
    check_lessons_are_not_changed,
)
