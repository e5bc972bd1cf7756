"""What every embedder promises, as functions that anyone can run on an embedder of their own.

Each takes the embedder and raises AssertionError where a promise is broken.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from whorl.protocols import Embedder, Floats


def toy_inputs(n: int = 40, columns: int = 12) -> Floats:
    """(n, columns) numbers in which a few directions have most of the variance.

    >>> toy_inputs(3, 2).shape
    (3, 2)
    """
    rng = np.random.default_rng(n * 1000 + columns)
    return np.asarray(rng.normal(size=(n, 4)) @ rng.normal(size=(4, columns)) + 0.1 * rng.normal(size=(n, columns)))


def _with(X: Floats, change: Callable[[Floats], None]) -> Floats:
    changed = X.copy()
    change(changed)
    return changed


def _hide(X: Floats) -> None:
    X[::3, 1] = X[1::4, 0] = X[2, :] = np.nan


def _lose_a_column(X: Floats) -> None:
    X[:, 1] = np.nan


def _hold_still(X: Floats) -> None:
    X[:, ::2] = 7.0


def _scale(X: Floats) -> None:
    X[:, 0] *= 1e9
    X[:, 1] *= 1e-9


INPUTS: dict[str, Floats] = {
    "usual": toy_inputs(),
    "two rows": toy_inputs(2),
    "one row": toy_inputs(1),
    "one column": toy_inputs(40, 1),
    "wide": toy_inputs(5, 200),
    "missing values": _with(toy_inputs(), _hide),
    "a column of missing values": _with(toy_inputs(), _lose_a_column),
    "nothing but missing values": np.full((6, 4), np.nan),
    "constant columns": _with(toy_inputs(), _hold_still),
    "nothing but constants": np.ones((6, 4)),
    "all scales": _with(toy_inputs(), _scale),
    "zeros and ones": (toy_inputs() > 0).astype(np.float64),
}
"""Inputs on which careless embedders stumble."""


def check_every_row_has_a_place(embedder: Embedder) -> None:
    for name, X in INPUTS.items():
        place = embedder(X)
        for new in (X, X[:1], X[::-1]):
            found = place(new)
            assert found.ndim == 2, f"{name}: places must have shape (M, V); they have {found.shape}"
            assert len(found) == len(new), f"{name}: {len(new)} rows gave {len(found)} places"
            assert np.issubdtype(found.dtype, np.floating), f"{name}: places must be floats; they are {found.dtype}"


def check_no_rows_have_as_many_dimensions(embedder: Embedder) -> None:
    for name, X in INPUTS.items():
        place = embedder(X)
        needed, found = (0, place(X).shape[1]), place(X[:0]).shape
        assert found == needed, f"{name}: no rows must have places of shape {needed}; they have {found}"


def check_places_are_finite(embedder: Embedder) -> None:
    for name, X in INPUTS.items():
        place = embedder(X)
        for new in (X, np.nan_to_num(X), np.full((2, X.shape[1]), np.nan), np.zeros((2, X.shape[1])), X + 1000.0):
            assert np.isfinite(place(new)).all(), f"{name}: places hold NaN or infinite values"


def check_fitting_twice_gives_the_same(embedder: Embedder) -> None:
    for name, X in INPUTS.items():
        one, other = embedder(X)(X), embedder(X.copy())(X)
        assert np.array_equal(one, other), f"{name}: fitted twice on the same inputs, it places them differently"


def check_a_row_is_placed_by_itself(embedder: Embedder) -> None:
    for name, X in INPUTS.items():
        place = embedder(X)
        together = place(X)
        for row in (0, len(X) - 1):
            alone = place(X[row : row + 1])[0]
            near = np.allclose(
                alone, together[row], rtol=1e-9, atol=1e-9 * max(1.0, float(np.abs(together).max(initial=0)))
            )
            assert near, f"{name}: row {row} alone has another place than among others"


def check_fitted_once_it_stays(embedder: Embedder) -> None:
    place = embedder(toy_inputs())
    before = place(toy_inputs(3))
    embedder(toy_inputs(20) * 5)
    assert np.array_equal(place(toy_inputs(3)), before), "another fit moved the places of the first"


def check_inputs_are_not_changed(embedder: Embedder) -> None:
    for name, X in INPUTS.items():
        fixed = X.copy()
        fixed.flags.writeable = False
        try:
            embedder(fixed)(fixed)
        except ValueError as error:
            raise AssertionError(f"{name}: the inputs cannot be written to, and: {error}") from error


EMBEDDER_CHECKS: tuple[Callable[[Embedder], None], ...] = (
    check_every_row_has_a_place,
    check_no_rows_have_as_many_dimensions,
    check_places_are_finite,
    check_fitting_twice_gives_the_same,
    check_a_row_is_placed_by_itself,
    check_fitted_once_it_stays,
    check_inputs_are_not_changed,
)
