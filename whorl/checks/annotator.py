"""What every annotator that answers at once promises, as functions that anyone can run on one of their own.

Each takes the annotator, requests with their inputs (three or more), and the task, and raises AssertionError where a
promise is broken. An annotator that asks people who answer later is no part of a turn: they use `Flywheel.label`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from whorl.errors import BadOutcome
from whorl.protocols import Annotator, Task
from whorl.records import Json, LabelRequest, canonical_json

Requests = Sequence[LabelRequest]


def check_every_question_has_one_answer(
    annotator: Annotator, requests: Requests, inputs: Sequence[Json], task: Task
) -> None:
    for n in range(len(requests) + 1):
        answers = annotator(requests[:n], inputs[:n])
        assert len(answers) == n, f"{n} questions got {len(answers)} answers; where there is none, say None"


def check_answers_fit_the_task(annotator: Annotator, requests: Requests, inputs: Sequence[Json], task: Task) -> None:
    for request, answer in zip(requests, annotator(requests, inputs), strict=True):
        if answer is None:
            continue
        try:
            canonical_json(task.check(answer))
        except BadOutcome as error:
            raise AssertionError(f"the answer to {request.example} does not fit the task: {error}") from error


def check_some_question_is_answered(
    annotator: Annotator, requests: Requests, inputs: Sequence[Json], task: Task
) -> None:
    assert any(answer is not None for answer in annotator(requests, inputs)), (
        "it answers none of the questions; give some that it can answer"
    )


def check_asked_again_it_says_the_same(
    annotator: Annotator, requests: Requests, inputs: Sequence[Json], task: Task
) -> None:
    one, other = annotator(requests, inputs), annotator(requests, inputs)
    assert canonical_json(list(one)) == canonical_json(list(other)), (
        "asked again it says something else, so a turn that was killed cannot be finished as it began"
    )


def check_questions_are_answered_one_by_one(
    annotator: Annotator, requests: Requests, inputs: Sequence[Json], task: Task
) -> None:
    together = list(annotator(requests, inputs))
    turned = list(annotator(requests[::-1], inputs[::-1]))
    assert turned[::-1] == together, "its answers depend on the order of the questions, or came in another order"
    alone = [annotator([request], [value])[0] for request, value in zip(requests, inputs, strict=True)]
    assert alone == together, "its answer to a question depends on what else is asked"


def check_what_it_does_not_know_is_no_error(
    annotator: Annotator, requests: Requests, inputs: Sequence[Json], task: Task
) -> None:
    stranger = replace(requests[0], id="a request that it never saw", example="an example that it never saw")
    answers = annotator([stranger], inputs[:1])
    assert len(answers) == 1, f"one question got {len(answers)} answers"
    if answers[0] is not None:
        task.check(answers[0])


def check_questions_are_not_changed(
    annotator: Annotator, requests: Requests, inputs: Sequence[Json], task: Task
) -> None:
    before = canonical_json(list(inputs))
    annotator(requests, inputs)
    assert canonical_json(list(inputs)) == before, "it changed the inputs that it was shown"


ANNOTATOR_CHECKS: tuple[Callable[[Annotator, Requests, Sequence[Json], Task], None], ...] = (
    check_every_question_has_one_answer,
    check_answers_fit_the_task,
    check_some_question_is_answered,
    check_asked_again_it_says_the_same,
    check_questions_are_answered_one_by_one,
    check_what_it_does_not_know_is_no_error,
    check_questions_are_not_changed,
)
