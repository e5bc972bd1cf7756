"""Budgets are kept, probabilities are true, audits are fair, and every question has a reason."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whorl import Classification, Mixed, at_random, deficit, kcenter, margin
from whorl.checks.journal import sample
from whorl.checks.strategy import toy_pool
from whorl.errors import DeclarationError, PartError
from whorl.label import annotate, open_requests, request_labels
from whorl.label.margin import systematic_sample
from whorl.protocols import Picks
from whorl.records import Label, LabelRequest, Turn

DRAWS = 4000
TURN = sample(Turn, 1, number=3, event_time=1_000_000)


def rng(seed=0):
    return np.random.default_rng(seed)


def frequencies(draw, rows, draws=DRAWS):
    """How often each row came, over `draws` draws; a share of 0.5 is off by more than 0.04 once in two million."""
    random, counts = rng(), np.zeros(rows)
    for _ in range(draws):
        counts[draw(random)] += 1
    return counts / draws


# --- drawing with known probabilities


@pytest.mark.parametrize(
    ("sizes", "n"),
    [
        ([1, 2, 3, 4], 2),
        ([1, 1, 1, 1, 1], 3),
        ([100, 1, 1, 1], 2),
        ([100, 50, 1, 1, 1], 3),
        ([5, 4, 3, 2, 1, 0.5], 1),
        ([1e-9, 1, 1, 1], 2),
    ],
)
def test_rows_come_as_often_as_their_probability_says(sizes, n):
    stated = np.full(len(sizes), np.nan)

    def draw(random):
        rows, chances = systematic_sample(np.array(sizes, dtype=float), n, random)
        assert len(rows) == n
        before = stated[rows]
        assert np.array_equal(before[~np.isnan(before)], chances[~np.isnan(before)])
        stated[rows] = chances
        return rows

    found = frequencies(draw, len(sizes))
    stated = np.nan_to_num(stated, nan=0.0)
    assert np.allclose(found, stated, atol=0.04)
    assert stated.sum() == pytest.approx(n, abs=1e-6)


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=40), st.integers(0, 50), st.integers(0, 10**6))
def test_a_sample_has_its_size_and_no_row_twice(sizes, n, seed):
    rows, chances = systematic_sample(np.array(sizes), n, rng(seed))
    assert len(rows) == len(set(rows.tolist())) == min(n, len(sizes))
    assert ((chances > 0) & (chances <= 1)).all()


def test_any_two_rows_may_come_together():
    random = rng()
    pairs = {frozenset(systematic_sample(np.ones(5), 2, random)[0].tolist()) for _ in range(300)}
    assert len(pairs) == 10


def test_what_is_asked_for_in_whole_is_certain():
    rows, chances = systematic_sample(np.array([1.0, 5.0, 1e-30]), 3, rng())
    assert sorted(rows.tolist()) == [0, 1, 2]
    assert chances.tolist() == [1.0, 1.0, 1.0]


# --- strategies


def test_margin_prefers_the_undecided_and_the_wanted():
    pool = replace(toy_pool(3), margins=np.array([0.0, 0.0, 1.0]), weights=np.array([1.0, 2.0, 1.0]))
    found = frequencies(lambda random: margin(pool, 1, random).rows, 3)
    assert found[1] == pytest.approx(2 * found[0], rel=0.15)
    assert found[2] < 0.005


def test_without_a_champion_margin_draws_by_what_the_plan_wants():
    pool = replace(toy_pool(4), margins=np.full(4, np.nan), weights=np.array([1.0, 1.0, 1.0, 3.0]))
    found = frequencies(lambda random: margin(pool, 1, random).rows, 4, draws=2000)
    assert np.allclose(found, [1 / 6, 1 / 6, 1 / 6, 1 / 2], atol=0.06)


def test_deficit_takes_what_is_wanted_even_where_the_model_is_sure():
    pool = replace(toy_pool(4), margins=np.array([0.0, 0.9, 1.0, 0.0]), weights=np.array([1.0, 4.0, 2.0, 1.4]))
    assert sorted(deficit(pool, 4, rng()).rows.tolist()) == [1, 2], "no more than what is wanted"
    found = frequencies(lambda random: deficit(pool, 1, random).rows, 4)
    assert found[1] == pytest.approx(2 * np.exp(0.2) * found[2], rel=0.15)
    assert found[0] == found[3] == 0


def farthest_first(pool, n):
    """Greedy k-center as textbooks have it: all distances, one by one."""
    chosen, known = [], [tuple(row) for row in pool.known]
    while len(chosen) < n:
        left = [row for row in range(len(pool.ids)) if row not in chosen]
        if known:
            best = max(left, key=lambda row: min(np.sum((pool.vectors[row] - k) ** 2) for k in known))
        else:
            best = min(left, key=lambda row: np.sum((pool.vectors[row] - pool.vectors.mean(axis=0)) ** 2))
        chosen.append(best)
        known.append(tuple(pool.vectors[best]))
    return chosen


@given(st.integers(1, 25), st.integers(0, 6), st.integers(1, 30), st.integers(0, 1000))
def test_kcenter_is_the_textbook_method(rows, known, n, seed):
    places = rng(seed).integers(-4, 4, size=(rows + known, 2)).astype(float)  # whole numbers: no rounding, real ties
    pool = replace(toy_pool(rows), vectors=places[:rows], known=places[rows:])
    assert kcenter(pool, n, rng()).rows.tolist() == farthest_first(pool, min(n, rows))


def test_kcenter_finds_the_rare_kind_first():
    crowd = rng().normal(size=(500, 2))
    pool = replace(toy_pool(503), vectors=np.vstack([crowd, [[30, 30], [-30, 30], [30, -30]]]), known=crowd[:20])
    assert set(kcenter(pool, 3, rng()).rows.tolist()) == {500, 501, 502}


def test_audits_are_drawn_uniformly_from_the_whole_pool():
    pool = replace(toy_pool(10), margins=np.linspace(0, 1, 10), weights=10.0 ** np.linspace(-4, 4, 10))

    def audited(random):
        picks = Mixed(audit=0.3)(pool, 7, random)
        return [row for row, reason in zip(picks.rows, picks.reasons, strict=True) if reason == "audit"]

    found = frequencies(audited, 10)
    assert np.allclose(found, 0.2, atol=0.03)


def test_audits_say_their_true_probability():
    picks = Mixed(audit=0.3)(toy_pool(40), 20, rng())
    audits = [chance for chance, reason in zip(picks.probabilities, picks.reasons, strict=True) if reason == "audit"]
    assert audits == [6 / 40] * 6


@pytest.mark.parametrize(
    ("n", "explore", "fill", "expected"),
    [
        (20, 0.5, 0.0, {"audit": 2, "coverage": 9, "margin": 9}),
        (20, 0.0, 0.0, {"audit": 2, "margin": 18}),
        (20, 1.0, 0.0, {"audit": 2, "coverage": 18}),
        (20, 0.5, 0.2, {"audit": 2, "coverage": 9, "deficit": 4, "margin": 5}),
        (20, 1.0, 1.0, {"audit": 2, "coverage": 18}),
        (1, 0.5, 0.5, {"audit": 1}),
        (2, 1.0, 0.0, {"audit": 1, "coverage": 1}),
        (0, 0.5, 0.5, {}),
    ],
)
def test_the_budget_is_split_as_the_plan_says(n, explore, fill, expected):
    pool = replace(toy_pool(40, explore=explore, fill=fill), weights=np.full(40, 2.0))
    assert Counter(Mixed()(pool, n, rng()).reasons) == expected


def test_what_nothing_is_wanted_for_goes_to_the_undecided():
    pool = replace(toy_pool(40, explore=0.0, fill=0.5), weights=np.ones(40))
    assert Counter(Mixed()(pool, 20, rng()).reasons) == {"audit": 2, "margin": 18}


def test_a_pool_smaller_than_the_budget_is_asked_about_in_whole():
    picks = Mixed()(toy_pool(7), 20, rng())
    assert sorted(picks.rows.tolist()) == list(range(7))


def test_no_strategy_is_offered_what_another_took():
    offered = []

    def spy(pool, n, random):
        offered.append((pool.ids, len(pool.known)))
        return at_random(pool, n, random)

    pool = toy_pool(30, known=5, fill=0.0)
    picks = Mixed(audit=0.1, unlike=spy, lacking=at_random, unsure=spy)(pool, 20, rng())
    assert len(set(picks.rows.tolist())) == 20
    assert [len(ids) for ids, _ in offered] == [28, 21]
    assert [known for _, known in offered] == [7, 14], "what was picked counts as known"


@pytest.mark.parametrize("audit", [0, -0.1, 1.01, float("nan"), True, "0.1", None])
def test_a_wheel_without_audits_cannot_be_declared(audit):
    with pytest.raises(DeclarationError, match=r"strategy.audit is .*; it must be a share above 0 and at most 1"):
        Mixed(audit=audit)


# --- requests


def ask(pool=None, strategy=at_random, again=(), budget=5):
    return request_labels(pool or toy_pool(), strategy, again, budget, 0.1, TURN, rng())


def test_requests_say_why_how_likely_and_at_what_price():
    for request in ask(strategy=Mixed()):
        assert request.reason in ("audit", "coverage", "deficit", "margin")
        assert 0 < request.probability <= 1
        assert (request.price, request.turn, request.known_time) == (0.1, 3, 1_000_000)


def test_second_opinions_come_first_and_take_from_the_budget():
    requests = ask(again=["x", "y"], budget=5)
    assert [request.example for request in requests[:2]] == ["x", "y"]
    assert [(request.reason, request.probability) for request in requests[:2]] == [("second opinion", 1.0)] * 2
    assert len(requests) == 5
    assert [request.example for request in ask(again=["x", "y", "z"], budget=2)] == ["x", "y"]


@pytest.mark.parametrize("budget", [0, 1, 40])
def test_no_more_is_asked_than_there_is_budget_and_pool(budget):
    assert len(ask(budget=budget)) == min(budget, 30)


def test_the_same_turn_makes_the_same_requests():
    assert ask(strategy=Mixed()) == ask(strategy=Mixed())


@pytest.mark.parametrize(
    ("picks", "said"),
    [
        (Picks(np.array([1, 1]), np.ones(2), ("a",) * 2), "rows that repeat or lie outside the pool of 30"),
        (Picks(np.array([-1]), np.ones(1), ("a",)), "rows that repeat or lie outside"),
        (Picks(np.array([30]), np.ones(1), ("a",)), "rows that repeat or lie outside"),
        (Picks(np.array([1]), np.zeros(1), ("a",)), "probabilities outside"),
        (Picks(np.array([1]), np.array([1.5]), ("a",)), "probabilities outside"),
        (Picks(np.array([1]), np.array([np.nan]), ("a",)), "probabilities outside"),
        (Picks(np.arange(6), np.ones(6), ("a",) * 6), "6 rows, 6 probabilities and 6 reasons for 5 labels"),
        (Picks(np.array([1]), np.ones(2), ("a",)), "1 rows, 2 probabilities and 1 reasons"),
        (Picks(np.array([1]), np.ones(1), ()), "1 rows, 1 probabilities and 0 reasons"),
    ],
)
def test_a_strategy_that_breaks_its_promise_is_told(picks, said):
    with pytest.raises(PartError, match=said) as told:
        ask(strategy=lambda pool, n, random: picks)
    assert "whorl.checks.STRATEGY_CHECKS" in str(told.value)


# --- which requests are open


def request(id, known=10, example=None):
    return LabelRequest(
        id=id,
        event_time=known,
        known_time=known,
        example=example or f"e{id}",
        reason="a",
        probability=1.0,
        price=0.1,
        turn=1,
    )


def label(example, known, to=None):
    return Label(
        id=f"{example} {known}", event_time=known, known_time=known, example=example, value=1, annotator="a", request=to
    )


def test_a_request_is_open_until_its_example_is_labelled():
    asked = [request("a"), request("b")]
    assert open_requests(asked, []) == tuple(asked)
    assert open_requests(asked, [label("ea", 11)]) == (asked[1],)
    assert open_requests(asked, [label("ea", 10), label("eb", 12)]) == ()


def test_a_label_from_before_does_not_answer_a_second_opinion():
    again = request("second", known=20, example="ea")
    assert open_requests([again], [label("ea", 15)]) == (again,)
    assert open_requests([again], [label("ea", 15), label("ea", 25)]) == ()


def test_a_label_that_names_its_request_answers_it_whatever_the_clock_says():
    asked = request("a", known=20)
    assert open_requests([asked], [label("ea", 15, to="a")]) == ()


# --- annotators that answer at once


def test_answers_become_labels_and_none_is_no_answer():
    asked = [request("a"), request("b"), request("c")]
    labels = annotate(
        asked, [1, 2, 3], lambda requests, inputs: [7, None, np.int64(3)], Classification(range(10)), TURN
    )
    assert [(one.example, one.value, one.request, one.cost) for one in labels] == [
        ("ea", 7, "a", 0.1),
        ("ec", 3, "c", 0.1),
    ]
    assert all(type(one.value) is int for one in labels)


@pytest.mark.parametrize(
    ("answers", "said"),
    [([1], "gave 1 answers to 2 questions"), ([1, 2, 3], "gave 3 answers"), ([1, "x"], "answered eb wrongly")],
)
def test_an_annotator_that_breaks_its_promise_is_told(answers, said):
    with pytest.raises(PartError, match=said):
        annotate([request("a"), request("b")], [0, 0], lambda *_: answers, Classification(range(10)), TURN)
