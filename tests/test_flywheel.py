"""An opened wheel captures before it answers, forgets nothing, and is shared by as many processes as there are."""

import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

import whorl
from whorl import Category, Classification, Image, Labels, LocalEngine, Number, Table, Wheel, own_data
from whorl.errors import (
    BadInput,
    BadOutcome,
    Busy,
    DeclarationError,
    NotFound,
    NotReady,
    PartError,
    StoreError,
    Tampered,
)
from whorl.flywheel import INLINE, Flywheel, open_wheel
from whorl.records import Decision, Example, Label, LabelRequest, Model, Outcome, Promotion, Turn, Verdict
from whorl.stores import FolderBlobs, MemoryBlobs, MemoryJournal, SqliteJournal

ROOT = Path(__file__).parents[1]
WHEEL = Wheel(
    name="sides",
    task=Classification(["left", "right"]),
    inputs=Table(x=Number(), y=Number(), channel=Category(("web", "app"), required=False)),
    rights=own_data(),
    candidates={"bayes": lambda seed: GaussianNB()},
    labels=Labels(per_turn=4, price=0.5),
    engine=LocalEngine(workers=1),
)


class Clock:
    """A moment passes each time somebody looks."""

    def __init__(self):
        self.now = 1_767_225_600_000_000

    def __call__(self):
        self.now += 1_000_000
        return self.now


@pytest.fixture
def open_it(tmp_path):
    """Opens the wheel, or another, as a process of its own would; closes all in the end."""
    opened, clock = [], Clock()

    def make(wheel=WHEEL, folder=tmp_path / "state", **stores):
        opened.append(Flywheel(wheel, folder, clock=clock, **stores))
        return opened[-1]

    yield make
    for flywheel in opened:
        flywheel.close()


@pytest.fixture
def flywheel(open_it):
    return open_it()


def points(n, seed=0):
    return [{"x": float(x), "y": float(y)} for x, y in np.random.default_rng(seed).normal(size=(n, 2))]


def side(value):
    return "right" if value["x"] > 0 else "left"


def teach(flywheel, n=24, seed=0):
    """Label `n` examples and turn, so that there is a champion."""
    values = points(n, seed)
    for example, value in zip(flywheel.observe(values), values, strict=True):
        flywheel.label(example, side(value))
    return flywheel.turn()


def kept(flywheel):
    """All that is there, to see whether anything was added."""
    kinds = (Example, Decision, Outcome, Label, LabelRequest)
    return [flywheel.journal.count(kind) for kind in kinds], list(flywheel.blobs.names())


# --- deciding


def test_a_decision_is_captured_before_it_is_returned(flywheel, tmp_path):
    teach(flywheel)
    answer = flywheel.decide({"x": 2.0, "y": 0.0}, customer="acme", subject="user-81")
    with SqliteJournal(tmp_path / "state" / "journal.db") as journal:
        decision = journal.find(Decision, answer.id)
        example = journal.find(Example, decision.example)
    assert (decision.output, decision.confidence, decision.model) == (answer.output, answer.confidence, answer.model)
    assert (decision.customer, decision.arm, decision.propensity) == ("acme", "champion", 1.0)
    assert (example.customer, example.subject, example.rights, example.origin) == ("acme", "user-81", "own", "observed")
    assert WHEEL.inputs.unpack(example.payload) == {"x": 2.0, "y": 0.0, "channel": None}


def test_the_champion_answers(flywheel):
    teach(flywheel)
    answers = flywheel.decide_all([{"x": 3.0, "y": 0.0}, {"x": -3.0, "y": 0.0}])
    assert [answer.output for answer in answers] == ["right", "left"]
    assert all(answer.confidence > 0.9 for answer in answers)
    assert {answer.model for answer in answers} == {flywheel.champion().model.version}


def test_what_cannot_be_captured_is_not_answered(flywheel, open_it, tmp_path):
    teach(flywheel)
    with SqliteJournal(tmp_path / "state" / "journal.db", read_only=True) as journal:
        reader = open_it(journal=journal, blobs=flywheel.blobs)
        with pytest.raises(StoreError):
            reader.decide({"x": 1.0, "y": 0.0})


BAD_CALLS = {
    "a column of another type": lambda wheel: wheel.decide({"x": "1", "y": 0.0}),
    "no row": lambda wheel: wheel.decide(None),
    "one bad row of two": lambda wheel: wheel.decide_all([{"x": 1.0, "y": 0.0}, {"x": 1.0}]),
    "a customer that is no text": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, customer=7),
    "a customer without end": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, customer="c" * 201),
    "a subject without end": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, subject="s" * 201),
    "an id that is no text": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, id=7),
    "an id without end": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, id="i" * 201),
    "a time that is no number": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, at="yesterday"),
    "a time in seconds": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, at=1.5),
    "a time after all time": lambda wheel: wheel.decide({"x": 1.0, "y": 0.0}, at=2**63),
    "too few customers": lambda wheel: wheel.decide_all(points(2), customers=["acme"]),
    "too many subjects": lambda wheel: wheel.decide_all(points(2), subjects=["a", "b", "c"]),
    "too few ids": lambda wheel: wheel.decide_all(points(2), ids=["a"]),
    "an id twice": lambda wheel: wheel.decide_all(points(2), ids=["a", "a"]),
    "a source without end": lambda wheel: wheel.observe(points(1), source="s" * 201),
    "a bad row to observe": lambda wheel: wheel.observe([{"x": 1.0}]),
}


@pytest.mark.parametrize("call", BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_input_leaves_nothing(flywheel, call):
    teach(flywheel)
    before = kept(flywheel)
    with pytest.raises(BadInput) as told:
        call(flywheel)
    assert str(told.value)
    assert kept(flywheel) == before


def test_large_bad_input_leaves_no_blob(open_it):
    flywheel = open_it(replace(WHEEL, inputs=Image(80, 80)))
    with pytest.raises(BadInput):
        flywheel.observe([np.zeros((80, 80))], customers=[7])
    with pytest.raises(BadInput):
        flywheel.decide(np.zeros((80, 80)), id=7)
    assert kept(flywheel) == ([0] * 5, [])


def test_without_a_champion_the_example_is_kept_so_that_it_can_be_labelled(flywheel):
    with pytest.raises(NotReady, match="The input was kept"):
        flywheel.decide({"x": 1.0, "y": 0.0}, customer="acme")
    (example,) = flywheel.journal.read(Example)
    assert example.customer == "acme"
    assert flywheel.journal.count(Decision) == 0
    flywheel.label(example.id, "right")


def test_the_same_decision_twice_is_one_decision(flywheel):
    teach(flywheel)
    first = flywheel.decide({"x": 3.0, "y": 0.0}, id="order-7")
    before = kept(flywheel)
    assert flywheel.decide({"x": 3.0, "y": 0.0}, id="order-7") == first
    assert flywheel.decide({"x": -3.0, "y": 0.0}, id="order-7") == first, "the first answer stands"
    assert kept(flywheel) == before


def test_of_several_decisions_only_those_that_are_new_are_captured(flywheel):
    teach(flywheel)
    first = flywheel.decide({"x": 3.0, "y": 0.0}, id="a")
    both = flywheel.decide_all([{"x": 3.0, "y": 0.0}, {"x": -3.0, "y": 0.0}], ids=["a", "b"])
    assert both[0] == first
    assert [answer.output for answer in both] == ["right", "left"]
    assert flywheel.journal.count(Decision) == 2
    assert flywheel.journal.count(Example) == 24 + 2


def test_nothing_to_decide_is_no_error(flywheel):
    teach(flywheel)
    assert flywheel.decide_all([]) == []
    assert flywheel.observe([]) == []


def test_a_decision_may_be_told_later_than_it_was_asked(flywheel):
    teach(flywheel)
    answer = flywheel.decide({"x": 1.0, "y": 0.0}, at=77)
    decision = flywheel.journal.find(Decision, answer.id)
    assert decision.event_time == 77
    assert decision.known_time > 77


def test_an_input_that_the_champion_cannot_take_is_told_and_stops_no_turn(open_it):
    wheel = replace(
        WHEEL,
        inputs=Table(x=Number(), y=Number(required=False)),
        candidates={"logistic": lambda seed: LogisticRegression()},
    )
    flywheel = open_it(wheel)
    teach(flywheel)
    before = kept(flywheel)
    with pytest.raises(PartError, match=r"The champion .* \(logistic\) cannot answer: .*NaN.* Nothing was kept"):
        flywheel.decide({"x": 1.0, "y": None})
    assert kept(flywheel) == before

    (missing,) = flywheel.observe([{"x": 1.0, "y": None}])
    flywheel.observe(points(3, seed=5))
    assert flywheel.turn().account["kept"] == 4
    assert missing in {question.example for question in flywheel.questions()}, "who knows nothing is asked first"
    flywheel.label(missing, "right")
    assert "could not be trained. ValueError: Input X contains NaN." in flywheel.turn().account["verdicts"][0]


# --- large inputs


def test_large_inputs_become_blobs_and_small_ones_do_not(open_it):
    flywheel = open_it(
        replace(WHEEL, inputs=Image(80, 80), candidates={"bayes": lambda seed: GaussianNB(var_smoothing=0.1)})
    )
    rng = np.random.default_rng(0)
    images = [np.clip(rng.integers(0, 100, (80, 80)) + 100 * (n % 2), 0, 255) for n in range(12)]
    ids = flywheel.observe(images)
    examples = flywheel.journal.read(Example)
    assert all(example.payload is None and example.blob == example.content for example in examples)
    assert set(flywheel.blobs.names()) == {example.content for example in examples}
    for n, example in enumerate(ids):
        flywheel.label(example, ["left", "right"][n % 2])
    flywheel.turn()
    assert [answer.output for answer in flywheel.decide_all(images[:2])] == ["left", "right"]
    small = open_it(replace(WHEEL, inputs=Image(64, 64)), folder=flywheel.state / "small")
    small.observe([np.zeros((64, 64))])
    assert len(small.journal.read(Example)[0].payload) == 64 * 64 == INLINE


def test_a_copy_of_a_large_input_is_stored_once(open_it):
    flywheel = open_it(replace(WHEEL, inputs=Image(80, 80)))
    flywheel.observe([np.zeros((80, 80)), np.zeros((80, 80))])
    assert flywheel.journal.count(Example) == 2
    assert len(list(flywheel.blobs.names())) == 1


# --- outcomes


def test_an_outcome_teaches_in_the_next_turn(flywheel):
    teach(flywheel)
    answer = flywheel.decide({"x": 0.5, "y": 0.0})
    flywheel.outcome(answer.id, "right")
    closed = flywheel.turn()
    assert closed.account["labels"] == 25
    example = flywheel.journal.find(Decision, answer.id).example
    assert [(label.value, label.kind) for label in flywheel.journal.read(Label) if label.example == example] == [
        ("right", "outcome")
    ]


def test_the_outcome_of_a_copy_teaches_too(flywheel):
    teach(flywheel)
    first, copy = flywheel.decide_all([{"x": 0.5, "y": 0.0}] * 2)
    flywheel.outcome(copy.id, "right")
    assert flywheel.turn().account["labels"] == 25
    assert taught(flywheel)[flywheel.journal.find(Decision, first.id).example] == "right"


def test_what_nobody_asked_about_is_no_fair_sample_and_an_outcome_is(flywheel):
    teach(flywheel)
    answer = flywheel.decide({"x": 0.5, "y": 0.0}, customer="acme")
    (unasked,) = flywheel.observe([{"x": 1.5, "y": 0.0}], customers=["acme"])
    flywheel.outcome(answer.id, "right")
    flywheel.label(unasked, "right")
    assert flywheel.turn().account["measured"] == {"acme": [1.0, 1]}


def test_labels_that_people_gave_are_paid_for_in_the_next_turn(flywheel):
    flywheel.observe(points(20))
    flywheel.turn()
    for question in flywheel.questions():
        flywheel.label(question.example, side(question.input))
    assert flywheel.turn().account["cost"]["labels"] == 4 * 0.5
    assert flywheel.turn().account["cost"]["labels"] == 0


def test_an_outcome_sent_twice_is_one_outcome(flywheel):
    assert [flywheel.outcome("d", "left", id="o") for _ in range(2)] == ["o", "o"]
    assert flywheel.journal.count(Outcome) == 1


def test_a_corrected_outcome_counts_from_the_next_turn_on(flywheel):
    teach(flywheel)
    answer = flywheel.decide({"x": 0.5, "y": 0.0})
    flywheel.outcome(answer.id, "left")
    flywheel.turn()
    flywheel.outcome(answer.id, "right")
    flywheel.turn()
    example = flywheel.journal.find(Decision, answer.id).example
    values = [label.value for label in flywheel.journal.read(Label) if label.example == example]
    assert values == ["left", "right"]
    assert taught(flywheel)[example] == "right"


def test_a_correction_counts_even_if_its_clock_was_behind(open_it):
    clock = Clock()
    flywheel = open_it()
    flywheel.clock = clock
    teach(flywheel)
    answer = flywheel.decide({"x": 0.5, "y": 0.0})
    clock.now += 3_600_000_000
    flywheel.outcome(answer.id, "left", id="first")
    flywheel.turn()
    clock.now -= 1_800_000_000
    flywheel.outcome(answer.id, "right", supersedes="first")
    flywheel.turn()
    assert taught(flywheel)[flywheel.journal.find(Decision, answer.id).example] == "right"


def test_a_class_that_is_no_longer_declared_stops_no_turn(open_it):
    three = open_it(replace(WHEEL, task=Classification(["left", "right", "centre"])))
    teach(three)
    (example,) = three.observe([{"x": 0.0, "y": 0.0}])
    three.label(example, "centre")
    three.turn()
    two = open_it()
    closed = teach(two, 3, seed=2)
    assert closed.account["labels"] == 24 + 3
    assert example not in taught(two)


def taught(flywheel):
    """Example -> truth in the newest dataset."""
    newest = flywheel.journal.read(Model)[-1].dataset
    return {row[0]: row[2] for row in json.loads(flywheel.blobs.get(newest))["rows"]}


def test_an_outcome_may_come_before_its_decision(flywheel):
    teach(flywheel)
    flywheel.outcome("order-7", "right")
    assert flywheel.turn().account["waiting"] == 1
    flywheel.decide({"x": 0.5, "y": 0.0}, id="order-7")
    closed = flywheel.turn()
    assert (closed.account["waiting"], closed.account["labels"]) == (0, 25)


@pytest.mark.parametrize("value", ["up", None, 1, float("nan"), ["left"]])
def test_an_outcome_that_does_not_fit_leaves_nothing(flywheel, value):
    with pytest.raises(BadOutcome):
        flywheel.outcome("d", value)
    assert flywheel.journal.count(Outcome) == 0


@pytest.mark.parametrize(
    "given", [{"decision": 7}, {"decision": "d" * 201}, {"id": 7}, {"kind": None}, {"supersedes": 7}]
)
def test_an_outcome_about_nothing_leaves_nothing(flywheel, given):
    with pytest.raises(BadInput):
        flywheel.outcome(**{"decision": "d", "value": "left", **given})
    assert flywheel.journal.count(Outcome) == 0


# --- labels


def test_a_label_for_an_unknown_example_is_refused(flywheel):
    with pytest.raises(NotFound, match="There is no example 'nobody'"):
        flywheel.label("nobody", "left")
    assert flywheel.journal.count(Label) == 0


def test_a_label_that_does_not_fit_is_refused(flywheel):
    (example,) = flywheel.observe(points(1))
    with pytest.raises(BadOutcome, match="it must be one of 'left', 'right'"):
        flywheel.label(example, "up")
    assert flywheel.journal.count(Label) == 0


def test_a_label_answers_its_question_and_has_its_price(flywheel):
    teach(flywheel)
    flywheel.observe(points(10, seed=1))
    flywheel.turn()
    questions = flywheel.questions()
    assert len(questions) == 4
    label = flywheel.journal.find(Label, flywheel.label(questions[0].example, "left", annotator="ada", seconds=2.5))
    assert (label.request, label.cost, label.annotator, label.seconds) == (questions[0].id, 0.5, "ada", 2.5)
    assert [question.id for question in flywheel.questions()] == [question.id for question in questions[1:]]


def test_a_label_that_nobody_asked_for_is_taken_and_costs_nothing(flywheel):
    (example,) = flywheel.observe(points(1))
    label = flywheel.journal.find(Label, flywheel.label(example, "left"))
    assert (label.request, label.cost) == (None, 0.0)


def test_questions_show_a_proposal_except_for_audits(flywheel):
    teach(flywheel)
    flywheel.observe(points(10, seed=1))
    flywheel.turn()
    questions = flywheel.questions()
    assert sum(question.reason == "audit" for question in questions) == 1
    for question in questions:
        assert (question.proposal is None) == (question.reason == "audit")
        assert (question.confidence is None) == (question.reason == "audit")
        assert set(question.input) == {"x", "y", "channel"}
    assert len(flywheel.questions(limit=2)) == 2


def test_unanswered_questions_use_up_the_budget(flywheel):
    flywheel.observe(points(20))
    assert flywheel.turn().account["asked"] == 4
    assert flywheel.turn().account["asked"] == 0
    flywheel.label(flywheel.questions()[0].example, "left")
    assert flywheel.turn().account["asked"] == 1


def test_a_corrected_label_counts(flywheel):
    teach(flywheel)
    (example,) = flywheel.observe([{"x": 0.5, "y": 0.5}])
    flywheel.label(example, "left")
    flywheel.label(example, "right")
    flywheel.turn()
    assert taught(flywheel)[example] == "right"


# --- turning, serving, rolling back


def promoted_twice(flywheel):
    """A wheel on which a second model serves; returns the versions of both."""
    teach(flywheel, 24)
    first = flywheel.champion().model.version
    teach(flywheel, 24, seed=1)
    second = flywheel.champion().model.version
    assert first != second
    return first, second


def test_a_turn_with_labels_makes_a_champion_and_says_why(flywheel):
    closed = teach(flywheel)
    assert flywheel.champion().model.version == closed.account["promoted"]
    assert flywheel.journal.read(Verdict)[0].sentence.startswith("bayes: first of all: ")
    assert flywheel.journal.newest(Promotion).reason == "first"


def test_a_turn_with_nothing_to_do_changes_nothing(flywheel):
    closed = flywheel.turn()
    assert (closed.number, closed.phase, closed.account["promoted"]) == (1, "closed", None)
    assert flywheel.champion() is None


def test_a_rollback_serves_the_model_from_before(flywheel):
    first, _ = promoted_twice(flywheel)
    record = flywheel.roll_back(by="ada")
    assert (record.model, record.by, record.reason) == (first, "ada", "rollback")
    assert flywheel.champion().model.version == first
    assert flywheel.decide({"x": 1.0, "y": 0.0}).model == first


def test_nobody_goes_back_to_what_was_rolled_back(flywheel):
    promoted_twice(flywheel)
    flywheel.roll_back(by="ada")
    with pytest.raises(NotFound, match="No earlier champion has served"):
        flywheel.roll_back(by="ada")


def test_without_an_earlier_champion_there_is_no_way_back(flywheel):
    teach(flywheel)
    with pytest.raises(NotFound, match="nothing to roll back to"):
        flywheel.roll_back(by="ada")


def test_a_rollback_before_the_first_champion_is_refused(flywheel):
    with pytest.raises(NotFound):
        flywheel.roll_back(by="ada")


def test_the_wheel_turns_on_after_a_rollback(flywheel):
    promoted_twice(flywheel)
    flywheel.roll_back(by="ada")
    closed = teach(flywheel, 24, seed=2)
    assert closed.phase == "closed"
    assert flywheel.decide({"x": 3.0, "y": 0.0}).output == "right"


def test_two_wheels_on_one_folder_see_each_others_promotions(open_it):
    one, other = open_it(), open_it()
    teach(one)
    assert other.champion().model.version == one.champion().model.version
    teach(other, seed=1)
    assert one.decide({"x": 1.0, "y": 0.0}).model == other.champion().model.version
    record = one.roll_back(by="ada")
    assert other.decide({"x": 1.0, "y": 0.0}).model == record.model


def test_a_wheel_that_is_opened_later_serves_the_same_champion(open_it):
    one = open_it()
    teach(one)
    before = one.decide({"x": 1.0, "y": 0.3})
    one.close()
    again = open_it().decide({"x": 1.0, "y": 0.3})
    assert (again.output, again.confidence, again.model) == (before.output, before.confidence, before.model)


HOLD = """
import sys
from pathlib import Path
from whorl.lock import only_one
with only_one(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def holder(flywheel):
    """A process that holds the lock of the wheel until it is told to end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, flywheel.state / "turn.lock"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_second_turn_while_one_runs_is_told_whose_it_is(flywheel, holder):
    with pytest.raises(Busy, match=rf"process {holder.pid} on .*, since 2.*Wait for it, or end it"):
        flywheel.turn()
    assert flywheel.journal.count(Turn) == 0
    holder.communicate("done")
    assert flywheel.turn().number == 1


def test_a_lock_dies_with_its_holder(flywheel, holder):
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    assert flywheel.turn().number == 1


def test_decisions_go_on_while_a_turn_runs(flywheel):
    teach(flywheel)
    flywheel.observe(points(4, seed=9))
    answers = []
    flywheel.turn(say=lambda stage: answers.append(flywheel.decide({"x": 1.0, "y": 0.0})))
    assert len(answers) >= 4
    assert flywheel.journal.count(Decision) == len(answers)


def test_threads_decide_side_by_side(flywheel):
    teach(flywheel)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda value: flywheel.decide(value), points(60, seed=3)))
    assert len({answer.id for answer in answers}) == 60
    assert {decision.id for decision in flywheel.journal.read(Decision)} == {answer.id for answer in answers}


def test_stores_may_be_elsewhere(open_it, tmp_path):
    flywheel = open_it(folder=tmp_path / "not" / "there", journal=MemoryJournal(), blobs=MemoryBlobs())
    teach(flywheel)
    assert flywheel.decide({"x": 3.0, "y": 0.0}).output == "right"
    assert [path.name for path in (tmp_path / "not" / "there").iterdir()] == ["turn.lock"]


def test_the_status_is_plain_json(flywheel):
    empty = json.loads(json.dumps(flywheel.status()))
    assert (empty["champion"], empty["turns"], empty["last_turn"], empty["interrupted"]) == (None, 0, None, False)
    teach(flywheel)
    status = json.loads(json.dumps(flywheel.status()))
    assert status["wheel"] == "sides"
    assert status["champion"]["recipe"] == "bayes"
    assert (status["champion"]["labels"], status["champion"]["since_turn"], status["champion"]["by"]) == (24, 1, "gate")
    assert (status["turns"], status["counts"]["Example"], status["counts"]["Label"]) == (1, 24, 24)
    assert status["plan"]


# --- what goes wrong


class Faulty(ClassifierMixin, BaseEstimator):
    """Learns, and cannot say what."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        raise RuntimeError("out of order")


class Forgetting(ClassifierMixin, BaseEstimator):
    """Cannot be loaded back."""

    def fit(self, X, y):
        self.classes_, self.first_ = np.unique(y), 0
        return self

    def predict(self, X):
        return np.full(len(X), self.first_)

    def __setstate__(self, state):
        raise RuntimeError("forgotten")


@pytest.mark.parametrize(
    ("recipe", "trusted", "why"),
    [
        (lambda seed: Faulty(), (), "RuntimeError: out of order"),
        (lambda seed: Forgetting(), (), "which Whorl does not load by itself"),
        (lambda seed: Forgetting(), (f"{__name__}.Forgetting",), "forgotten"),
        (lambda seed: 1 / 0, (), "ZeroDivisionError: division by zero"),
    ],
)
def test_a_candidate_that_fails_is_rejected_and_the_other_is_promoted(open_it, recipe, trusted, why):
    candidates = {"faulty": recipe, "bayes": lambda seed: GaussianNB()}
    flywheel = open_it(replace(WHEEL, candidates=candidates, trusted=trusted))
    teach(flywheel)
    assert flywheel.champion().model.recipe == "bayes"
    rejected = [verdict for verdict in flywheel.journal.read(Verdict) if verdict.decision == "reject"]
    assert [verdict.challenger for verdict in rejected] == ["faulty"]
    assert why in rejected[0].sentence


def test_a_changed_model_file_is_never_loaded(open_it):
    flywheel = open_it()
    teach(flywheel)
    name = flywheel.champion().model.artefact
    path = flywheel.state / "blobs" / name[:2] / name[2:]
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(Tampered, match="it was changed or damaged"):
        open_it()


def test_a_model_of_an_unknown_type_is_never_loaded(open_it):
    import skops.io

    flywheel = open_it()
    teach(flywheel)
    artefact = flywheel.blobs.put(skops.io.dumps(Faulty().fit(np.zeros((2, 1)), [0, 1])))
    model = replace(flywheel.champion().model, id="intruder", version="intruder", artefact=artefact)
    promotion = replace(flywheel.journal.newest(Promotion), id="intruder", model="intruder")
    flywheel.journal.append(model, promotion)
    with pytest.raises(Tampered, match=r"holds .*Faulty, which is not a part of any model that Whorl stores"):
        open_it()


def test_a_changed_input_is_never_learned_from(open_it):
    flywheel = open_it(replace(WHEEL, inputs=Image(80, 80)))
    (example,) = flywheel.observe([np.zeros((80, 80))])
    name = flywheel.journal.find(Example, example).blob
    path = flywheel.state / "blobs" / name[:2] / name[2:]
    path.write_bytes(b"\x01" + path.read_bytes()[1:])
    with pytest.raises(Tampered):
        flywheel.turn()


# --- opening a folder


def declared(folder, text):
    folder.mkdir()
    (folder / "wheel.py").write_text(text)
    return folder


def test_the_digits_wheel_opens():
    from whorl.flywheel import declared_in

    wheel = declared_in(ROOT / "examples" / "digits")
    assert wheel.name == "digits"
    assert whorl.open is open_wheel


GOOD = """
from sklearn.naive_bayes import GaussianNB
from whorl import Classification, Number, Table, Wheel, own_data
wheel = Wheel(name="w", task=Classification([0, 1]), inputs=Table(x=Number()), rights=own_data(),
              candidates={"bayes": lambda seed: GaussianNB()})
"""


def test_state_lives_beside_the_declaration(tmp_path):
    folder = declared(tmp_path / "w", GOOD)
    with open_wheel(folder) as flywheel:
        assert flywheel.state == folder / ".whorl"
        assert isinstance(flywheel.blobs, FolderBlobs)
    assert (folder / ".whorl" / "journal.db").is_file()
    with whorl.open(str(folder)) as again:
        assert again.wheel.name == "w"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "wheel is None; it must be a Wheel. End the file with `wheel = Wheel"),
        ("wheel = 7", "wheel is 7; it must be a Wheel"),
        ("wheel = (", "failing with SyntaxError"),
        ("import no_such_package", "failing with ModuleNotFoundError: No module named 'no_such_package'"),
        ("1 / 0", "failing with ZeroDivisionError: division by zero; it must be plain Python that runs"),
        (GOOD.replace("lambda seed: ", ""), "candidates\\['bayes'\\] is GaussianNB\\(\\)"),
    ],
)
def test_a_declaration_that_does_not_work_is_told_with_its_place(tmp_path, text, told):
    folder = declared(tmp_path / "w", text)
    with pytest.raises(DeclarationError, match=told) as error:
        open_wheel(folder)
    assert str(folder) in str(error.value) + "".join(getattr(error.value, "__notes__", []))


def test_a_folder_without_a_declaration_is_told_how_to_get_one(tmp_path):
    with pytest.raises(NotFound, match=r"There is no wheel.py in .*Write one with `whorl init`"):
        open_wheel(tmp_path)
    with pytest.raises(NotFound):
        open_wheel(tmp_path / "nowhere")
