"""What a turn brought is accounted for, and what was learned steers the next collection."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whorl.checks.journal import sample
from whorl.records import Fate, Report
from whorl.reinforce import Plan, account, first_plan, measure, plan_next, weigh
from whorl.reinforce.account import RECENT, balanced
from whorl.reinforce.plan import FILL, MOST_WANTED


def predicted(turn, *rows, role="champion", basis="prequential"):
    """A report of rows (utility, customer, reason, group)."""
    utilities, customers, reasons, groups = zip(*rows, strict=True) if rows else ((), (), (), ())
    return sample(
        Report,
        1,
        id=f"{turn} {role} {basis}",
        turn=turn,
        role=role,
        basis=basis,
        examples=tuple(f"e{turn}-{row}" for row in range(len(rows))),
        utilities=utilities,
        customers=customers,
        reasons=reasons,
        groups=groups,
    )


def rows(*numbers):
    return np.array(numbers, dtype=np.intp)


# --- measured figures


def test_customers_are_measured_on_audits_and_outcomes_alone():
    report = predicted(
        1,
        (1.0, "acme", "audit", "a"),
        (0.0, "acme", "outcome", "a"),
        (0.0, "acme", "margin", "a"),
        (0.0, "acme", "coverage", "a"),
        (0.0, "acme", "second opinion", "a"),
        (0.5, "bolt", "audit", "a"),
    )
    assert measure([report]) == {"acme": (0.5, 2), "bolt": (0.5, 1)}


def test_only_what_the_champion_predicted_before_learning_is_measured():
    reports = [
        predicted(3, (1.0, "acme", "audit", "a")),
        predicted(3, (0.0, "acme", "audit", "a"), role="shadow"),
        predicted(3, (0.0, "acme", "audit", "a"), role="challenger", basis="out_of_fold"),
        predicted(3, (0.0, "acme", "audit", "a"), basis="learned"),
    ]
    assert measure(reports) == {"acme": (1.0, 1)}


def test_figures_reach_back_a_few_turns():
    reports = [predicted(turn, (float(turn == 1), "acme", "audit", "a")) for turn in range(1, RECENT + 2)]
    assert measure(reports[:RECENT]) == {"acme": (1 / RECENT, RECENT)}
    assert measure(reports) == {"acme": (0.0, RECENT)}


def test_nothing_measured_is_not_a_zero():
    assert measure([]) == {}
    assert balanced([]) is None


def test_groups_count_equally_however_large():
    report = predicted(1, *[(1.0, "", "margin", "common")] * 99, (0.0, "", "margin", "rare"))
    assert balanced([report]) == 0.5


# --- the account


def fate(example, kept=True, bits=1.0, size=10, stage="organize"):
    return sample(Fate, 1, id=f"{stage} {example}", example=example, kept=kept, bits=bits, bytes=size, stage=stage)


def told(**given):
    facts = {
        "fates": [fate("a"), fate("b", kept=False, bits=0.0)],
        "cells": rows(0, 1, 1),
        "arrived": rows(0, 2),
        "labelled": rows(0),
        "asked": 3,
        "labels": 1,
        "cost": {"labels": 0.30000000004},
        "reports": [],
        "waiting": 2,
    }
    return account(**facts | given)


def test_an_account_counts_what_arrived_what_was_kept_and_what_it_cost():
    found = told()
    assert (found["arrived"], found["kept"], found["asked"], found["labels"], found["waiting"]) == (2, 2, 3, 1, 2)
    assert (found["bits"], found["bytes"]) == (1.0, 10)
    assert found["cost"] == {"labels": 0.3}


def test_an_example_that_was_refused_and_accounted_for_arrived_once():
    assert told(fates=[fate("a", stage="observe"), fate("a")])["arrived"] == 1


def test_coverage_is_the_share_of_arrivals_in_cells_with_a_label():
    assert told()["coverage"] == 0.5
    assert told(labelled=rows(0, 1))["coverage"] == 1.0
    assert told(labelled=rows())["coverage"] == 0.0
    assert told(arrived=rows())["coverage"] == 1.0


def test_an_account_is_plain_json():
    found = told(reports=[predicted(1, (0.5, "acme", "audit", "a"))])
    assert json.loads(json.dumps(found)) == found
    assert found["measured"] == {"acme": [0.5, 1]}
    assert found["balanced"] == 0.5


# --- the plan


def planned(cells=(0, 0, 1, 1), labelled=(0, 2), groups=("a", "b"), audits=None, again=()):
    return plan_next(rows(*cells), rows(*labelled), list(groups), audits or {}, list(again))


def test_the_first_plan_looks_around():
    assert first_plan().explore == 0.5
    assert first_plan().because


def test_the_more_traffic_lies_where_nothing_is_labelled_the_more_is_explored():
    shares = [planned(cells=[0] * (100 - n) + [1] * n, labelled=[0], groups=["a"]).explore for n in (0, 10, 25, 80)]
    assert shares == [0.15, 0.2, 0.35, 0.5]


def test_regions_with_traffic_and_no_label_are_wanted():
    plan = planned(cells=[0, 1, 1, 2, 2, 2, 3], labelled=[0], groups=["a"])
    assert plan.cells == {"1": 2.0, "2": 2.0}, "a single example is no traffic"
    assert any(said.startswith("2 regions") and "cell 2" in said and "2x" in said for said in plan.because)


def test_groups_in_deficit_are_wanted_up_to_a_limit():
    plan = planned(cells=[0] * 58, labelled=range(58), groups=["a"] * 20 + ["b"] * 20 + ["c"] * 5 + ["d"] + ["e"] * 12)
    assert plan.groups == {"c": 2.4, "d": MOST_WANTED}
    assert "c has 5 labels, usual are 12: wanted 2.4x" in plan.because


def test_a_share_of_the_budget_fills_what_is_in_deficit():
    lacking = planned(cells=[0] * 21, labelled=range(21), groups=["a"] * 10 + ["b"] * 10 + ["c"])
    assert lacking.fill == FILL
    assert "20% of the budget goes to what looks like c" in lacking.because
    assert planned().fill == first_plan().fill == 0.0


def test_a_customer_that_is_served_worse_is_wanted_when_it_is_no_accident():
    plan = planned(audits={"acme": (0.95, 200), "bolt": (0.7, 100), "cargo": (0.0, 1)})
    assert list(plan.customers) == ["bolt", "cargo"]
    assert 1.5 < plan.customers["bolt"] <= MOST_WANTED
    assert plan.customers["cargo"] < plan.customers["bolt"], "one mistake is not yet a bad customer"


@given(
    st.dictionaries(st.sampled_from("abc"), st.tuples(st.floats(0, 1), st.integers(1, 1000))),
    st.lists(st.integers(0, 5), min_size=1, max_size=40),
    st.data(),
)
def test_a_plan_is_in_its_limits_and_survives_the_journal(audits, cells, data):
    labelled = data.draw(st.lists(st.integers(0, len(cells) - 1), unique=True))
    groups = data.draw(st.lists(st.sampled_from("xyz"), min_size=len(labelled), max_size=len(labelled)))
    plan = planned(cells, labelled, groups, audits, again=["e1"])
    assert 0.15 <= plan.explore <= 0.5
    for weights in (plan.groups, plan.customers, plan.cells):
        assert all(1.0 <= weight <= MOST_WANTED for weight in weights.values())
    assert Plan.from_json(json.loads(json.dumps(plan.as_json()))) == plan


def test_every_entry_of_a_plan_is_said_in_words():
    plan = planned(again=["e1", "e2"])
    assert "2 labels contradicted the champion: asked for once more" in plan.because
    assert plan.again == ("e1", "e2")


def test_a_plan_without_any_traffic_is_no_error():
    plan = plan_next(rows(), rows(), [], {}, [])
    assert plan.explore == 0.15
    assert (dict(plan.groups), dict(plan.cells)) == ({}, {})


def test_what_is_wanted_for_several_reasons_is_wanted_more():
    plan = Plan(explore=0.2, groups={"rare": 3.0}, customers={"bolt": 2.0}, cells={"7": 2.0})
    weights = weigh(
        plan, [{"rare"}, {"usual", "rare"}, {"usual"}, set()], ["bolt", "acme", "acme", "acme"], rows(7, 0, 7, 0)
    )
    assert weights.tolist() == [12.0, 3.0, 2.0, 1.0]
    assert weigh(plan, [], [], rows()).shape == (0,)


@pytest.mark.parametrize("groups", [["a"], ["a", "a"], ["a", "b"]])
def test_few_labels_are_no_deficit(groups):
    assert planned(cells=[0] * 4, labelled=range(len(groups)), groups=groups).groups == {}
