"""What every strategy promises, as functions that anyone can run on a strategy of their own.

Each takes the strategy and raises AssertionError where a promise is broken.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np

from whorl.protocols import Picks, Pool, Strategy

MOST_UNEVEN = 50.0
"""Chi-square of 1,200 audits in a pool of 12: above it once in a million fair draws, and always when one row is avoided."""


def toy_pool(n: int = 30, known: int = 5, dimensions: int = 3, explore: float = 0.4, fill: float = 0.2) -> Pool:
    """`n` examples around three places, most of them near the first, with margins and weights of all sizes.

    >>> toy_pool(2).ids, toy_pool(2).vectors.shape
    (('example 0', 'example 1'), (2, 3))
    """
    rng = np.random.default_rng(n)
    places = rng.normal(size=(3, dimensions)) * 5
    near = rng.choice(3, size=n, p=[0.8, 0.15, 0.05])
    return Pool(
        ids=tuple(f"example {row}" for row in range(n)),
        vectors=places[near] + rng.normal(size=(n, dimensions)),
        margins=rng.uniform(size=n) ** 2,
        weights=np.exp(rng.normal(size=n)),
        known=places[:1] + rng.normal(size=(known, dimensions)),
        explore=explore,
        fill=fill,
    )


POOLS: dict[str, Pool] = {
    "usual": toy_pool(),
    "one row": toy_pool(1),
    "nothing known": toy_pool(known=0),
    "much known": toy_pool(8, known=2000),
    "no champion": replace(toy_pool(), margins=np.full(30, np.nan)),
    "some margins": replace(toy_pool(), margins=np.where(np.arange(30) % 2, np.nan, 0.5)),
    "all alike": replace(toy_pool(), vectors=np.ones((30, 3)), known=np.ones((5, 3)), margins=np.zeros(30)),
    "all sure": replace(toy_pool(), margins=np.ones(30)),
    "far apart": replace(toy_pool(), vectors=toy_pool().vectors * 1e8, known=toy_pool().known * 1e-8),
    "uneven weights": replace(toy_pool(), weights=10.0 ** np.linspace(-12, 12, 30)),
    "one dimension": toy_pool(dimensions=1),
    "explore nothing": toy_pool(explore=0.0),
    "explore everything": toy_pool(explore=1.0),
    "fill everything": toy_pool(explore=0.0, fill=1.0),
    "nothing wanted": replace(toy_pool(fill=1.0), weights=np.ones(30)),
}
"""Pools on which careless strategies stumble."""


def check_picks_are_distinct_rows_of_the_pool(strategy: Strategy) -> None:
    for name, pool in POOLS.items():
        for n in (1, 2, 7, len(pool.ids), len(pool.ids) + 10):
            rows = np.asarray(_pick(strategy, pool, n).rows).tolist()
            most = min(n, len(pool.ids))
            assert len(rows) <= most, f"{name}: {len(rows)} rows for {n} labels in a pool of {len(pool.ids)}"
            assert all(type(row) is int for row in rows), f"{name}: rows must be whole numbers; they are {rows}"
            assert all(0 <= row < len(pool.ids) for row in rows), f"{name}: rows {rows}, the pool has {len(pool.ids)}"
            assert len(set(rows)) == len(rows), f"{name}: rows were picked twice: {sorted(rows)}"


def check_every_pick_has_a_probability(strategy: Strategy) -> None:
    for name, pool in POOLS.items():
        for n in (1, 7, len(pool.ids)):
            picks = _pick(strategy, pool, n)
            chances = np.asarray(picks.probabilities, dtype=np.float64)
            assert chances.shape == (len(picks.rows),), f"{name}: {len(picks.rows)} rows, {chances.shape} probabilities"
            assert ((chances > 0) & (chances <= 1)).all(), f"{name}: probabilities must be in (0, 1]: {chances}"


def check_every_pick_has_a_reason(strategy: Strategy) -> None:
    for name, pool in POOLS.items():
        picks = _pick(strategy, pool, 7)
        assert len(picks.reasons) == len(picks.rows), f"{name}: {len(picks.rows)} rows, {len(picks.reasons)} reasons"
        for reason in picks.reasons:
            assert isinstance(reason, str), f"{name}: a reason must be text, not {reason!r}"
            assert reason, f"{name}: a pick has no reason"


def check_no_budget_picks_nothing(strategy: Strategy) -> None:
    for name, pool in POOLS.items():
        assert len(_pick(strategy, pool, 0).rows) == 0, f"{name}: something was picked for a budget of 0"


def check_an_empty_pool_gives_nothing(strategy: Strategy) -> None:
    for known in (0, 5):
        for n in (0, 5):
            picks = _pick(strategy, toy_pool(0, known=known), n)
            assert len(picks.rows) == len(picks.probabilities) == len(picks.reasons) == 0, "an empty pool gave a pick"


def check_same_seed_same_picks(strategy: Strategy) -> None:
    for name, pool in POOLS.items():
        one, other = _pick(strategy, pool, 7, seed=3), _pick(strategy, pool, 7, seed=3)
        same = np.array_equal(one.rows, other.rows) and np.array_equal(one.probabilities, other.probabilities)
        assert same, (
            f"{name}: the same rng picked {one.rows} and then {other.rows}; a killed turn could not be finished"
        )
        assert one.reasons == other.reasons, f"{name}: the same rng gave other reasons"


def check_chance_comes_from_the_rng_alone(strategy: Strategy) -> None:
    before = random.getstate(), repr(np.random.get_state(legacy=False))
    for pool in POOLS.values():
        _pick(strategy, pool, 7)
    after = random.getstate(), repr(np.random.get_state(legacy=False))
    assert before == after, "the global random state was used or set; draw from the rng that is given"


def check_the_pool_is_not_changed(strategy: Strategy) -> None:
    for name, pool in POOLS.items():
        copies = {field.name: np.copy(getattr(pool, field.name)) for field in fields(pool)}
        try:
            _pick(strategy, _locked(pool), 7)
        except ValueError as error:
            raise AssertionError(f"{name}: the pool cannot be written to, and: {error}") from error
        for field, before in copies.items():
            found = np.asarray(getattr(pool, field))
            equal = (found == before) | ((found != found) & (before != before))
            assert equal.all(), f"{name}: pool.{field} was changed"


def check_audits_are_a_fair_draw(strategy: Strategy) -> None:
    """Whatever calls itself `audit` judges the traffic, so every row must be as likely, sure or unsure, wanted or not."""
    pool = replace(toy_pool(12), margins=np.linspace(0, 1, 12), weights=10.0 ** np.linspace(-3, 3, 12))
    found: list[int] = []
    for seed in range(1200):
        picks = _pick(strategy, pool, 4, seed)
        audits = [int(row) for row, reason in zip(picks.rows, picks.reasons, strict=True) if reason == "audit"]
        for row in audits:
            chance = float(picks.probabilities[list(picks.rows).index(row)])
            assert abs(chance - len(audits) / 12) < 1e-9, (
                f"{len(audits)} audits of 12 rows have the probability {len(audits) / 12:.3f} each, not {chance:.3f}"
            )
        found += audits
        if len(found) >= 1200:
            break
    counts = np.bincount(found, minlength=12) if found else np.ones(12)
    usual = counts.sum() / 12
    uneven = float(((counts - usual) ** 2 / usual).sum())
    assert uneven < MOST_UNEVEN, (
        f"audits must be as likely for every row; of {len(found)} the rows got {counts.tolist()}"
    )


def _pick(strategy: Strategy, pool: Pool, n: int, seed: int = 0) -> Picks:
    return strategy(pool, n, np.random.default_rng(seed))


def _locked(pool: Pool) -> Pool:
    arrays = {name: getattr(pool, name).copy() for name in ("vectors", "margins", "weights", "known")}
    for array in arrays.values():
        array.flags.writeable = False
    return replace(pool, **arrays)


STRATEGY_CHECKS: tuple[Callable[[Strategy], None], ...] = (
    check_picks_are_distinct_rows_of_the_pool,
    check_every_pick_has_a_probability,
    check_every_pick_has_a_reason,
    check_no_budget_picks_nothing,
    check_an_empty_pool_gives_nothing,
    check_same_seed_same_picks,
    check_chance_comes_from_the_rng_alone,
    check_the_pool_is_not_changed,
    check_audits_are_a_fair_draw,
)
