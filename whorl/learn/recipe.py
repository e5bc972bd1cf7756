"""What a recipe is: two that train the same way on the same inputs have the same hash, whatever they are called."""

from __future__ import annotations

import platform
import re
from importlib.metadata import version
from typing import Any

from whorl.protocols import Estimator, Recipe
from whorl.records import Json, canonical_json, digest

CHANCE = ("random_state", "n_jobs", "verbose")
"""Parameters that do not make another recipe: the seed, and how the work is done."""


def parameters(estimator: Estimator) -> Json:
    """Class and parameters of `estimator` and of every estimator in it, as plain JSON, without seeds.

    >>> from sklearn.linear_model import Ridge
    >>> parameters(Ridge(alpha=2.0, random_state=7))["alpha"]
    2.0
    """
    return _plain(estimator)


def recipe_hash(estimator: Estimator, inputs: object, task: object) -> str:
    """Identity of the recipe that made the unfitted `estimator`, for these inputs and this task, with this library.

    A challenger with the champion's hash claims a refresh; any other claims a change. The version of scikit-learn counts
    as part of the recipe: its upgrade is a change and has to bring proof.
    """
    known = [parameters(estimator), repr(inputs), repr(task), environment()["scikit-learn"]]
    return digest(canonical_json(known))


def recipe_of(fitted: Estimator) -> Recipe:
    """The recipe that a fitted estimator was made by: an unfitted clone, with the seed that is asked for."""
    from sklearn.base import clone

    def make(seed: int) -> Estimator:
        estimator = clone(fitted)
        chances = [name for name in estimator.get_params() if name.split("__")[-1] == "random_state"]
        return estimator.set_params(**dict.fromkeys(chances, seed))

    return make


def environment() -> dict[str, str]:
    """Versions that a trained model depends on."""
    names = ("numpy", "scikit-learn", "skops", "whorl")
    return {"python": platform.python_version(), **{name: _version(name) for name in names}}


def _version(name: str) -> str:
    try:
        return version(name)
    except ModuleNotFoundError:  # run from a checkout that is not installed
        return "unknown"


def _plain(value: Any) -> Json:
    if hasattr(value, "get_params"):
        inner = {name: _plain(item) for name, item in value.get_params(deep=False).items() if name not in CHANCE}
        return {"class": f"{type(value).__module__}.{type(value).__qualname__}", **inner}
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if value == value and abs(value) != float("inf") else repr(value)
    if callable(value):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', type(value).__name__)}"
    if isinstance(value, set | frozenset):
        return sorted(canonical_json(_plain(item)) for item in value)
    # Without a repr of its own an object shows its address, which is another one in every process.
    return f"{type(value).__qualname__} {digest(re.sub(' at 0x[0-9a-fA-F]+', '', repr(value)))}"
