"""What every gate promises, as functions that anyone can run on a gate of their own.

Each takes the gate and raises AssertionError where a promise is broken. A gate may be as strict as it likes: that it
promotes what is good is for its own tests to show.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

import numpy as np

from whorl.protocols import Case, Floats, Gate, Ruling
from whorl.records import canonical_json

DECISIONS = ("promote", "hold", "reject")

LUCKY = 10
"""Of 50 changes that are as good as the champion, a gate may promote at most this many: one in five."""


def toy_case(claim: str = "refresh", new: int = 20, old: int = 100, **given: Any) -> Case:
    """A sound challenger: `old` lessons that both were taught, `new` ones, nothing lost, a little gained.

    >>> toy_case(new=0, old=0).taught
    array([], dtype=float64)
    """
    rng = np.random.default_rng([new, old])
    champion, challenger = _right(rng, new, 0.8), _right(rng, new, 0.85)
    groups = tuple(str(row % 5) for row in range(old))
    case = Case(
        claim=claim,
        rivals=1 if claim == "change" else 0,
        fresh=(champion, challenger),
        known=(np.ones(old), np.ones(old)),
        known_groups=groups,
        learned=(np.ones(old), np.ones(old)),
        learned_groups=groups,
        taught=np.ones(old + new),
        out_of_fold=np.concatenate([_right(rng, old, 0.85), challenger]),
        taught_now=np.arange(old + new) >= old,
        recipe_gain=np.zeros(old + new),
        agreed=champion,
        agreed_before=_right(rng, min(old, 60), 0.8),
    )
    return replace(case, **given)


def _right(rng: np.random.Generator, n: int, share: float) -> Floats:
    return (rng.random(n) < share).astype(np.float64)


def _nothing(claim: str) -> Case:
    """No label at all, old or new: the first thing to stumble over."""
    return toy_case(claim, new=0, old=0)


def _broken(claim: str, new: int = 20, old: int = 100) -> Case:
    """A challenger whose training went wrong: it is wrong about all that it was taught and all that is new."""
    return toy_case(
        claim,
        new,
        old,
        fresh=(np.ones(new), np.zeros(new)),
        known=(np.ones(old), np.zeros(old)),
        learned=(np.ones(old), np.zeros(old)),
        taught=np.zeros(old + new),
        out_of_fold=np.zeros(old + new),
        recipe_gain=np.full(old + new, -1.0),
    )


CASES: dict[str, Case] = {
    "a sound refresh": toy_case(),
    "a change": toy_case("change"),
    "a refresh without anything": _nothing("refresh"),
    "a change without anything": _nothing("change"),
    "a refresh without new labels": toy_case(new=0),
    "a change without new labels": toy_case("change", new=0),
    "a refresh with nothing but new labels": toy_case(old=0),
    "a change with nothing but new labels": toy_case("change", old=0),
    "one new label": toy_case(new=1),
    "one of each": toy_case(new=1, old=1),
    "a broken refresh": _broken("refresh"),
    "a broken change": _broken("change"),
    "a proven change": toy_case("change", recipe_gain=np.ones(120)),
    "many rivals": toy_case("change", rivals=50),
    "utilities in between": toy_case(
        fresh=(np.full(20, 0.31), np.full(20, 0.37)),
        known=(np.full(100, 0.93), np.full(100, 0.929)),
        learned=(np.full(100, 0.93), np.full(100, 0.929)),
    ),
    "thousands of lessons": toy_case(new=500, old=5000),
}
"""Cases on which careless gates stumble."""


def check_the_decision_is_one_of_three_words(gate: Gate) -> None:
    for name, case in CASES.items():
        found = gate(case).decision
        assert found in DECISIONS, f"{name}: the decision is {found!r}; it must be one of {', '.join(DECISIONS)}"


def check_the_sentence_has_a_number(gate: Gate) -> None:
    for name, case in CASES.items():
        if not len(case.taught):
            continue  # without a lesson there is nothing to count
        said = gate(case).sentence
        assert any(sign.isdigit() for sign in said), f"{name}: a verdict needs its numbers; this says only {said!r}"


def check_every_case_has_a_sentence(gate: Gate) -> None:
    for name, case in CASES.items():
        said = gate(case).sentence
        assert isinstance(said, str), f"{name}: the sentence must be text, not {said!r}"
        assert said.strip(), f"{name}: the verdict says nothing"


def check_numbers_can_be_kept(gate: Gate) -> None:
    for name, case in CASES.items():
        ruling = gate(case)
        for key, value in ruling.numbers.items():
            assert isinstance(key, str), f"{name}: {key!r} must be the name of a number"
            assert np.isfinite(value), f"{name}: {key} is {value}, which no journal takes; leave it out"
        canonical_json({key: float(value) for key, value in ruling.numbers.items()})
        assert np.isfinite(ruling.strength), f"{name}: the strength is {ruling.strength}; it must be a finite number"


def check_the_same_case_is_ruled_the_same(gate: Gate) -> None:
    for name, case in CASES.items():
        assert gate(case) == gate(case), f"{name}: asked twice, the gate rules differently"


def check_a_change_needs_evidence(gate: Gate) -> None:
    for case in (_nothing("change"), toy_case("change", recipe_gain=np.zeros(0)), toy_case("change", new=0)):
        ruling = gate(case)
        assert ruling.decision != "promote", f"a change was promoted that won nothing on any label: {ruling.sentence}"


def check_a_change_for_the_worse_is_not_promoted(gate: Gate) -> None:
    for gain in (-1.0, -0.1, 0.0):
        ruling = gate(toy_case("change", recipe_gain=np.full(300, gain)))
        assert ruling.decision != "promote", f"a change that gains {gain:+g} per label was promoted: {ruling.sentence}"


def check_luck_is_not_proof(gate: Gate) -> None:
    rng = np.random.default_rng(5)
    rulings: list[Ruling] = []
    for _ in range(50):
        gain = rng.choice([-1.0, 0.0, 1.0], p=[0.1, 0.8, 0.1], size=200)
        rulings.append(gate(toy_case("change", recipe_gain=gain, fresh=(np.ones(20), np.ones(20)))))
    lucky = sum(ruling.decision == "promote" for ruling in rulings)
    assert lucky <= LUCKY, f"of 50 changes that are as good as the champion {lucky} were promoted, not {LUCKY} at most"


def check_a_broken_challenger_is_not_promoted(gate: Gate) -> None:
    for claim in ("refresh", "change"):
        for new, old in ((20, 100), (0, 100), (5, 20), (20, 0)):
            ruling = gate(_broken(claim, new, old))
            assert ruling.decision != "promote", (
                f"a {claim} that is wrong about all of its {new + old} lessons was promoted: {ruling.sentence}"
            )


def check_the_case_is_not_changed(gate: Gate) -> None:
    for name, case in CASES.items():
        try:
            gate(_locked(case))
        except ValueError as error:
            raise AssertionError(f"{name}: the case cannot be written to, and: {error}") from error


def _locked(case: Case) -> Case:
    def lock(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(lock(item) for item in value)
        if isinstance(value, np.ndarray):
            value = value.copy()
            value.flags.writeable = False
        return value

    return replace(case, **{field.name: lock(getattr(case, field.name)) for field in fields(case)})


GATE_CHECKS: tuple[Callable[[Gate], None], ...] = (
    check_the_decision_is_one_of_three_words,
    check_every_case_has_a_sentence,
    check_the_sentence_has_a_number,
    check_numbers_can_be_kept,
    check_the_same_case_is_ruled_the_same,
    check_a_change_needs_evidence,
    check_a_change_for_the_worse_is_not_promoted,
    check_luck_is_not_proof,
    check_a_broken_challenger_is_not_promoted,
    check_the_case_is_not_changed,
)
