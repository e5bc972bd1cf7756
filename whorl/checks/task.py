"""What every task promises, as functions that anyone can run on a task of their own.

Each takes the task and some truths for it, two different ones at least, and raises AssertionError where a promise is
broken. Where estimators of the task do not predict its targets themselves (but the worth of each action, say), give
`knows` as well: targets -> a fitted estimator that answers row i of X = [[0], [1], ...] as target i has it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from whorl.errors import BadOutcome
from whorl.protocols import Estimator, Floats, Task
from whorl.records import Json, canonical_json

NO_TRUTHS: tuple[Any, ...] = (None, float("nan"), float("inf"), np.float32("nan"), object(), {1}, lambda: 1)
"""Values that are no truth for any task: most say that something is missing or broken."""

RARELY_TRUTHS: tuple[Any, ...] = (
    True, "no such truth \x00", b"7", 10**400, -(10**400), [], {}, [[1]], {"a": 1}, (), 1j,
)  # fmt: skip
"""Values that some task may take for a truth, and all others must refuse as they refuse any."""


class Knowing:
    """A fitted estimator that answers row i with target i."""

    def __init__(self, targets: Any) -> None:
        self.targets, self.classes_ = np.asarray(targets), np.unique(targets)

    def predict(self, X: Floats) -> Any:
        return self.targets[X[:, 0].astype(np.intp)]


class _Broken:
    """A fitted estimator that answers with NaN where another has answers."""

    def __init__(self, whole: Estimator) -> None:
        self.whole, self.classes_ = whole, getattr(whole, "classes_", ())

    def predict(self, X: Floats) -> Floats:
        return np.full(np.shape(self.whole.predict(X)), np.nan)

    def predict_proba(self, X: Floats) -> Floats:
        return np.full((len(X), len(self.classes_)), np.nan)


Knows = Callable[[Any], Estimator]


def check_truths_are_brought_into_one_form(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    for truth in truths:
        once = task.check(truth)
        assert task.check(once) == once, f"check({truth!r}) is {once!r}, and checked again {task.check(once)!r}"
        back = json.loads(canonical_json(once))
        assert task.check(back) == once, f"{once!r} comes back from the journal as {back!r}, which is another truth"
        assert canonical_json(task.check(back)) == canonical_json(once), f"{once!r} has two ways to be written"


def check_what_is_no_truth_is_refused(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    for strange in NO_TRUTHS:
        try:
            found = task.check(strange)
        except BadOutcome:
            continue
        raise AssertionError(f"check({strange!r}) must raise BadOutcome and gave {found!r}")


def check_strange_values_are_refused_as_any(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    for strange in RARELY_TRUTHS:
        try:
            found = task.check(strange)
        except BadOutcome:
            continue
        except Exception as error:
            raise AssertionError(
                f"check({str(strange)[:40]}) must raise BadOutcome, or take it; it raised {type(error).__name__}: {error}"
            ) from error
        assert task.check(found) == found, f"check took {str(strange)[:40]} and does not take what it made of it"


def check_nothing_in_gives_nothing_out(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    outputs = task.outputs(knows(task.targets(_checked(task, truths))), np.zeros((0, 1)))
    assert outputs.ndim == 2, f"outputs must have two dimensions, also for no rows; they have shape {outputs.shape}"
    assert len(outputs) == 0, f"no rows gave {len(outputs)} outputs"
    assert list(task.answers(outputs)) == [], "no outputs gave an answer"
    assert list(task.groups([])) == [], "no truths gave a group"
    assert len(task.targets([])) == 0, "no truths gave a target"
    for name, found in _numbers(task, outputs, []).items():
        assert found.shape == (0,), f"no rows must give {name} of shape (0,); it has {found.shape}"


def check_every_row_has_one_of_each(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    known = _checked(task, truths)
    outputs = _answered(task, knows, known)
    assert outputs.ndim == 2, f"outputs must have shape (N, K); they have {outputs.shape}"
    assert len(outputs) == len(known), f"{len(known)} rows gave {len(outputs)} outputs"
    assert len(task.targets(known)) == len(known), f"{len(known)} truths gave {len(task.targets(known))} targets"
    assert len(task.answers(outputs)) == len(known), f"{len(known)} rows gave {len(task.answers(outputs))} answers"
    assert len(task.groups(known)) == len(known), f"{len(known)} truths gave {len(task.groups(known))} groups"
    for name, found in _numbers(task, outputs, known).items():
        assert found.shape == (len(known),), f"{name} must have shape ({len(known)},); it has {found.shape}"


def check_numbers_lie_between_0_and_1(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    known = _checked(task, truths)
    for answers in _turned(known):
        for name, found in _numbers(task, _answered(task, knows, answers), known).items():
            assert found.dtype == np.float64, f"{name} must be of dtype float64; it is {found.dtype}"
            assert not np.isnan(found).any(), f"{name} holds NaN; what is unknown is 0"
            assert ((found >= 0) & (found <= 1)).all(), (
                f"{name} goes from {found.min():g} to {found.max():g}, not 0 to 1"
            )


def check_the_truth_is_worth_most(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    known = _checked(task, truths)
    worth = np.array([task.utility(_answered(task, knows, [answer] * len(known)), known) for answer in known])
    for truth, column in enumerate(worth.T):
        best = int(column.argmax())
        assert column[best] <= column[truth] + 1e-12, (
            f"where {known[truth]!r} is true, the answer {known[best]!r} is worth {column[best]:g} and the truth itself "
            f"{column[truth]:g}"
        )
    assert worth.min() < worth.max(), f"every answer is worth {worth.max():g}: no model could be told from another"


def check_rows_are_judged_by_themselves(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    known = _checked(task, truths)
    known *= 2  # half of the answers are right, and half are somebody else's
    outputs = _answered(task, knows, known[: len(known) // 2] + known[1 : len(known) // 2 + 1])
    turn = np.arange(len(known))[::-1]
    turned = [known[row] for row in turn]
    for name, found in _numbers(task, outputs, known).items():
        again = _numbers(task, outputs[turn], turned)[name]
        assert np.array_equal(again, found[turn]), f"{name} of a row depends on the rows around it"
    groups = task.groups(known)
    assert task.groups(turned) == [groups[row] for row in turn], "the group of a truth depends on the truths around it"


def check_answers_can_be_truths(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    for answer in task.answers(_answered(task, knows, _checked(task, truths))):
        try:
            assert task.check(answer) == answer, f"the answer {answer!r} is {task.check(answer)!r} as a truth"
        except BadOutcome as error:
            raise AssertionError(f"the task answers {answer!r}, which it refuses as a truth: {error}") from error
        canonical_json(answer)


def check_answers_can_be_kept_and_grouped(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    answers = task.answers(_answered(task, knows, _checked(task, truths)))
    assert json.loads(canonical_json(answers)) == answers, (
        f"{answers[:3]} do not come back from the journal as they were"
    )
    groups = task.groups(answers)  # of examples without a truth, the plan goes by what the champion takes them for
    assert len(groups) == len(answers), f"{len(answers)} answers gave {len(groups)} groups"
    assert all(type(group) is str for group in groups), f"the group of an answer must be text; they are {groups[:3]}"


def check_groups_are_texts(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    for group in task.groups(_checked(task, truths)):
        assert type(group) is str, (
            f"a group must be text, to be shown and counted; {group!r} is a {type(group).__name__}"
        )
        assert group, "a group must have a name; one is an empty text"


def check_answers_that_are_no_numbers_are_refused(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    broken = _Broken(knows(task.targets(_checked(task, truths))))
    try:
        outputs = task.outputs(broken, np.zeros((3, 1)))
    except Exception:
        return
    raise AssertionError(
        f"an estimator that answers with NaN must raise PartError; its outputs are {outputs[0]}, and the answer to that is "
        f"{task.answers(outputs)[0]!r}"
    )


def check_nothing_given_is_changed(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    known = _checked(task, truths)
    before = canonical_json(known)
    outputs = _answered(task, knows, known)
    outputs.flags.writeable = False
    for _ in range(2):
        _numbers(task, outputs, known)
        task.answers(outputs)
        task.groups(known)
    assert canonical_json(known) == before, "the truths were changed"


def check_a_task_says_what_it_is(task: Task, truths: Sequence[Any], knows: Knows = Knowing) -> None:
    assert " at 0x" not in repr(task), f"repr goes into the identity of every recipe; {task!r} is new in every process"
    assert task.tensor.name, "the tensor of an answer needs a name"


def _checked(task: Task, truths: Sequence[Any]) -> list[Json]:
    known = [task.check(truth) for truth in truths]
    assert len({canonical_json(truth) for truth in known}) > 1, "give two different truths at least"
    return known


def _answered(task: Task, knows: Knows, answers: Sequence[Json]) -> Floats:
    """Outputs of an estimator that answers so."""
    rows = np.arange(len(answers), dtype=np.float64)[:, None]
    return task.outputs(knows(task.targets(answers)), rows)


def _turned(known: list[Json]) -> list[list[Json]]:
    return [known[start:] + known[:start] for start in range(min(len(known), 20))]


def _numbers(task: Task, outputs: Floats, truths: Sequence[Json]) -> dict[str, Floats]:
    return {
        "confidence": task.confidence(outputs),
        "margin": task.margin(outputs),
        "utility": task.utility(outputs, truths),
    }


TASK_CHECKS: tuple[Callable[..., None], ...] = (
    check_truths_are_brought_into_one_form,
    check_what_is_no_truth_is_refused,
    check_strange_values_are_refused_as_any,
    check_nothing_in_gives_nothing_out,
    check_every_row_has_one_of_each,
    check_numbers_lie_between_0_and_1,
    check_the_truth_is_worth_most,
    check_rows_are_judged_by_themselves,
    check_answers_can_be_kept_and_grouped,
    check_groups_are_texts,
    check_answers_that_are_no_numbers_are_refused,
    check_nothing_given_is_changed,
    check_a_task_says_what_it_is,
)

PROPOSAL_CHECKS: tuple[Callable[..., None], ...] = (check_answers_can_be_truths,)
"""For tasks whose answers people are shown as proposals, to be approved as labels: not for decisions, say, whose truth is
the reward that came of one action."""
