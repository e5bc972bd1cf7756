"""Every part that Whorl ships keeps what its kind promises; a part that does not is found out."""

import runpy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import threadpoolctl
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    ExtraTreesClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from whorl import (
    Category,
    Classification,
    Image,
    Mixed,
    Number,
    ProofOrNoHarm,
    Regression,
    StandardPca,
    Table,
    at_random,
    deficit,
    kcenter,
    learn,
    margin,
)
from whorl.checks import (
    ANNOTATOR_CHECKS,
    EMBEDDER_CHECKS,
    GATE_CHECKS,
    INPUTS_CHECKS,
    PROPOSAL_CHECKS,
    RECIPE_CHECKS,
    STRATEGY_CHECKS,
    TASK_CHECKS,
)
from whorl.errors import BadInput
from whorl.protocols import Picks, Ruling
from whorl.records import LabelRequest, canonical_json
from whorl.replay import Simulated

DIGITS = runpy.run_path(str(Path(__file__).parents[1] / "examples" / "digits" / "wheel.py"))["wheel"]


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Threads of boosting that wait for one another on a busy machine take a hundred times as long as one."""
    with threadpoolctl.threadpool_limits(1):
        yield


def name_of(thing):
    return thing.__name__ if hasattr(thing, "__name__") else None


def promises(checks):
    return pytest.mark.parametrize("check", checks, ids=name_of)


def parts(**named):
    return pytest.mark.parametrize("part", named.values(), ids=named)


@promises((*TASK_CHECKS, *PROPOSAL_CHECKS))
@parts(
    digits=(DIGITS.task, range(10)),
    whole_numbers=(Classification([7, -3, 0, 10**12]), [7, 0, -3, np.int64(7)]),
    texts=(Classification(["cat", "deer", "grüße 🎡", "1"]), ["deer", "1", np.str_("cat")]),
    two_classes=(Classification(["no", "yes"]), ["yes", "no"]),
    number=(Regression(-10, 90, tolerance=20), [-10, 0, -0.0, 0.1 + 0.2, 90, np.float32(5), np.int8(5)]),
    number_in_one_band=(Regression(0, 1, tolerance=1, bands=1), [0, 0.5, 1]),
)
def test_task(part, check):
    check(*part)


ROWS = (
    {"amount": 3, "age": 41, "channel": "app", "colour": "red"},
    {"amount": 0.1 + 0.2, "age": None, "channel": "web", "colour": None},
    {"amount": 0, "age": 1e-300, "channel": "web"},
    {"amount": np.float32(7.5), "age": np.int8(5), "channel": "app", "colour": "grüße 🎡"},
)
TABLE = Table(
    amount=Number(low=0),
    age=Number(required=False),
    channel=Category(("web", "app")),
    colour=Category(("red", "grüße 🎡"), required=False),
)


@promises(INPUTS_CHECKS)
@parts(
    digits=(DIGITS.inputs, [np.arange(64).reshape(8, 8) % 17, np.zeros(64), (np.ones((8, 8)) * 16).tolist()]),
    grey=(Image(2, 3), [[[0, 255, 7], [1, 2, 3]], [9, 8, 7, 6, 5, 4], np.zeros((2, 3), dtype=np.uint8)]),
    colour=(Image(2, 2, channels=3), [np.arange(12).reshape(2, 2, 3), np.full(12, 255), np.zeros((2, 2, 3))]),
    one_pixel=(Image(1, 1, high=1), [[[0]], [1]]),
    table=(TABLE, ROWS),
    one_column=(Table(amount=Number()), [{"amount": 1}, {"amount": -0.0}, {"amount": 1e308}]),
)
def test_inputs(part, check):
    check(*part)


@promises(STRATEGY_CHECKS)
@parts(
    at_random=at_random,
    margin=margin,
    kcenter=kcenter,
    deficit=deficit,
    mixed=Mixed(),
    audits_only=Mixed(audit=1.0),
    mixed_otherwise=Mixed(audit=0.5, unlike=margin, unsure=kcenter),
)
def test_strategy(part, check):
    check(part)


@promises(EMBEDDER_CHECKS)
@parts(standard_pca=StandardPca(), one_dimension=StandardPca(1), more_than_there_are=StandardPca(500))
def test_embedder(part, check):
    check(part)


@promises(GATE_CHECKS)
@parts(proof_or_no_harm=ProofOrNoHarm(), strict=ProofOrNoHarm(0.001, 0.05, 0.2, 0.01))
def test_gate(part, check):
    check(part)


def keep(fitted):
    return learn.load(learn.dump(fitted))


def digits_to_learn():
    X, y = load_digits(return_X_y=True)
    return X[:150] / 16, y[:150]


def amounts_to_learn():
    rng = np.random.default_rng(4)
    X = rng.normal(size=(150, 5))
    return X, X @ np.arange(5.0) + rng.normal(size=150)


CLASSIFIERS = {
    **{f"digits {name}": recipe for name, recipe in DIGITS.candidates.items()},
    "logistic": lambda seed: LogisticRegression(max_iter=500),
    "scaled svm": lambda seed: make_pipeline(StandardScaler(), SVC(random_state=seed)),
    "linear svm": lambda seed: LinearSVC(random_state=seed),
    "tree": lambda seed: DecisionTreeClassifier(random_state=seed),
    "forest": lambda seed: RandomForestClassifier(20, random_state=seed),
    "extra trees": lambda seed: ExtraTreesClassifier(20, random_state=seed, n_jobs=1),
    "boosting": lambda seed: HistGradientBoostingClassifier(max_iter=5, random_state=seed),
    "neighbours": lambda seed: KNeighborsClassifier(3),
    "naive Bayes": lambda seed: GaussianNB(),
    "gradient descent": lambda seed: SGDClassifier(random_state=seed),
    "network": lambda seed: MLPClassifier((16,), tol=0.1, random_state=seed),
}
REGRESSORS = {
    "ridge": lambda seed: Ridge(random_state=seed),
    "scaled ridge": lambda seed: make_pipeline(StandardScaler(), Ridge()),
    "forest": lambda seed: RandomForestRegressor(20, random_state=seed),
    "boosting": lambda seed: HistGradientBoostingRegressor(max_iter=5, random_state=seed),
}


@promises(RECIPE_CHECKS)
@pytest.mark.parametrize("recipe", CLASSIFIERS.values(), ids=CLASSIFIERS)
def test_recipe_of_a_classifier(recipe, check):
    check(recipe, *digits_to_learn(), keep)


@promises(RECIPE_CHECKS)
@pytest.mark.parametrize("recipe", REGRESSORS.values(), ids=REGRESSORS)
def test_recipe_of_a_regressor(recipe, check):
    check(recipe, *amounts_to_learn(), keep)


def questions(n):
    return [
        LabelRequest(
            id=f"r{row}",
            event_time=0,
            known_time=0,
            example=f"e{row}",
            reason="audit",
            probability=1.0,
            price=0.1,
            turn=1,
        )
        for row in range(n)
    ]


TRUTHS = {f"e{row}": row % 3 for row in range(5)}


@promises(ANNOTATOR_CHECKS)
@parts(
    right=Simulated(TRUTHS),
    often_wrong=Simulated(TRUTHS, wrong=0.5, seed=3),
    always_wrong=Simulated({**TRUTHS, "e7": None}, wrong=1.0),
)
def test_annotator(part, check):
    check(part, questions(7), [{"row": row} for row in range(7)], Classification(range(3)))


# --- a part that breaks a promise is found out


class SwappedTask(Classification):
    """Says the other class."""

    def answers(self, outputs):
        return super().answers(outputs)[::-1]

    def utility(self, outputs, truths):
        return 1.0 - super().utility(outputs, truths)


class TaskWithoutLimits(Classification):
    """Takes any truth as it comes."""

    def check(self, truth):
        return truth


class MeanUtility(Classification):
    """Judges rows by their neighbours."""

    def utility(self, outputs, truths):
        found = super().utility(outputs, truths)
        return found * np.linspace(0.5, 1.0, len(found))


class LastMargin(Classification):
    """Of the wrong shape where there is no row."""

    def margin(self, outputs):
        return np.zeros(len(outputs) or 1)


class RoundedImage(Image):
    """Takes what does not fit."""

    def pack(self, value):
        return np.clip(np.nan_to_num(np.asarray(value, dtype=float)), 0, 255).astype(np.uint8).tobytes()


class ForgetfulTable(Table):
    """Loses the sign of what it packs."""

    def unpack(self, payload):
        return {
            name: abs(value) if isinstance(value, float) else value for name, value in super().unpack(payload).items()
        }


class UnsortedTable(Table):
    """Writes rows in the order in which their columns came."""

    def pack(self, value):
        super().pack(value)
        return repr(dict(value)).encode()


def twice(pool, n, rng):
    picks = at_random(pool, n, rng)
    return Picks(np.repeat(picks.rows, 2)[:n], picks.probabilities, picks.reasons)


def unseeded(pool, n, rng):
    return at_random(pool, n, np.random.default_rng())


def global_chance(pool, n, rng):
    np.random.random()
    return at_random(pool, n, rng)


def false_audit(pool, n, rng):
    picks = margin(pool, n, rng)
    n = len(picks.rows)
    return Picks(picks.rows, np.full(n, n / max(len(pool.ids), 1)), ("audit",) * n)


def spoiler(pool, n, rng):
    pool.weights[:] = 1.0
    return at_random(pool, n, rng)


def certain_but_says_nothing(pool, n, rng):
    picks = at_random(pool, n, rng)
    return replace(picks, probabilities=np.zeros(len(picks.rows)))


def sorter_of_margins(pool, n, rng):
    rows = np.argsort(pool.margins)[:n]
    return Picks(rows, 1.0 - pool.margins[rows], ("margin",) * len(rows))


def random_directions(X):
    directions = np.random.default_rng().normal(size=(X.shape[1], 2))
    return lambda new: np.nan_to_num(new) @ directions


def keeps_missing(X):
    return lambda new: new


def ranks(X):
    return lambda new: np.nan_to_num(new).argsort(axis=0).astype(float)


def always(decision):
    return lambda case: Ruling(decision, f"{len(case.taught)} lessons, as always", {})


def raw_gain(case):
    mean = case.recipe_gain.mean() if len(case.recipe_gain) else 0.0
    return Ruling("promote" if mean >= 0 else "hold", f"{mean:+.3f}", {"mean": mean})


def speechless(case):
    return Ruling("hold", "I would rather not", {"odds": float("inf")})


SHARED = StandardScaler()


@dataclass
class Forgetful:
    """An annotator that leaves out what it does not know."""

    truths: dict

    def __call__(self, requests, inputs):
        return [self.truths[request.example] for request in requests if request.example in self.truths]


class Moody:
    def __init__(self):
        self.asked = 0

    def __call__(self, requests: Sequence[LabelRequest], inputs):
        self.asked += 1
        return [self.asked % 3 for _ in requests]


TASK_CASE, IMAGE_CASE = ([0, 1, 2],), ([[[0, 1], [2, 3]], [[4, 5], [6, 7]]],)
DIGITS_CASE = (*digits_to_learn(), keep)
ANSWER_CASE = (questions(7), [{"row": row} for row in range(7)], Classification(range(3)))


@pytest.mark.parametrize(
    ("part", "given", "checks", "promise"),
    [
        (SwappedTask(range(3)), TASK_CASE, TASK_CHECKS, "check_the_truth_is_worth_most"),
        (TaskWithoutLimits(range(3)), TASK_CASE, TASK_CHECKS, "check_what_is_no_truth_is_refused"),
        (MeanUtility(range(3)), TASK_CASE, TASK_CHECKS, "check_rows_are_judged_by_themselves"),
        (LastMargin(range(3)), TASK_CASE, TASK_CHECKS, "check_nothing_in_gives_nothing_out"),
        (RoundedImage(2, 2), IMAGE_CASE, INPUTS_CHECKS, "check_what_is_no_input_is_refused"),
        (ForgetfulTable(a=Number()), ([{"a": -1}, {"a": 2}],), INPUTS_CHECKS, "check_packing_loses_nothing"),
        (
            UnsortedTable(a=Number(), b=Number()),
            ([{"a": 1, "b": 2}, {"a": 2, "b": 1}],),
            INPUTS_CHECKS,
            "check_equal_values_have_equal_bytes",
        ),
        (twice, (), STRATEGY_CHECKS, "check_picks_are_distinct_rows_of_the_pool"),
        (unseeded, (), STRATEGY_CHECKS, "check_same_seed_same_picks"),
        (global_chance, (), STRATEGY_CHECKS, "check_chance_comes_from_the_rng_alone"),
        (false_audit, (), STRATEGY_CHECKS, "check_audits_are_a_fair_draw"),
        (spoiler, (), STRATEGY_CHECKS, "check_the_pool_is_not_changed"),
        (certain_but_says_nothing, (), STRATEGY_CHECKS, "check_every_pick_has_a_probability"),
        (sorter_of_margins, (), STRATEGY_CHECKS, "check_every_pick_has_a_probability"),
        (random_directions, (), EMBEDDER_CHECKS, "check_fitting_twice_gives_the_same"),
        (keeps_missing, (), EMBEDDER_CHECKS, "check_places_are_finite"),
        (ranks, (), EMBEDDER_CHECKS, "check_a_row_is_placed_by_itself"),
        (always("promote"), (), GATE_CHECKS, "check_a_change_needs_evidence"),
        (always("promote"), (), GATE_CHECKS, "check_a_broken_challenger_is_not_promoted"),
        (always("perhaps"), (), GATE_CHECKS, "check_the_decision_is_one_of_three_words"),
        (raw_gain, (), GATE_CHECKS, "check_luck_is_not_proof"),
        (speechless, (), GATE_CHECKS, "check_the_sentence_has_a_number"),
        (speechless, (), GATE_CHECKS, "check_numbers_can_be_kept"),
        (lambda seed: SHARED, DIGITS_CASE, RECIPE_CHECKS, "check_it_makes_an_estimator"),
        (
            lambda seed: make_pipeline(SHARED, LogisticRegression(max_iter=500)),
            DIGITS_CASE,
            RECIPE_CHECKS,
            "check_nothing_is_shared",
        ),
        (
            lambda seed: KNeighborsClassifier(1 + seed % 2),
            DIGITS_CASE,
            RECIPE_CHECKS,
            "check_the_seed_is_not_its_identity",
        ),
        (lambda seed: RandomForestClassifier(5), DIGITS_CASE, RECIPE_CHECKS, "check_same_seed_same_answers"),
        (
            lambda seed: make_pipeline(StandardScaler(copy=False), GaussianNB()),
            DIGITS_CASE,
            RECIPE_CHECKS,
            "check_lessons_are_not_changed",
        ),
        (Forgetful(TRUTHS), ANSWER_CASE, ANNOTATOR_CHECKS, "check_every_question_has_one_answer"),
        (Forgetful({}), ANSWER_CASE, ANNOTATOR_CHECKS, "check_every_question_has_one_answer"),
        (Moody(), ANSWER_CASE, ANNOTATOR_CHECKS, "check_asked_again_it_says_the_same"),
        (
            lambda requests, inputs: ["seven"] * len(requests),
            ANSWER_CASE,
            ANNOTATOR_CHECKS,
            "check_answers_fit_the_task",
        ),
        (
            lambda requests, inputs: [None] * len(requests),
            ANSWER_CASE,
            ANNOTATOR_CHECKS,
            "check_some_question_is_answered",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_part_that_breaks_a_promise_is_told_which(part, given, checks, promise):
    check = next(check for check in checks if check.__name__ == promise)
    with pytest.raises(AssertionError) as told:
        check(part, *given)
    assert len(str(told.value)) > 20, "the message must say what is and what is needed"


def test_an_estimator_that_is_no_predictor_is_no_recipe():
    check = next(check for check in RECIPE_CHECKS if check.__name__ == "check_it_makes_an_estimator")
    with pytest.raises(AssertionError, match="has no predict"):
        check(lambda seed: StandardScaler(), *DIGITS_CASE)
    check(lambda seed: KMeans(2, random_state=seed), *DIGITS_CASE)


def test_strange_values_do_not_get_past_a_table_by_another_error():
    for strange in (10**400, {"a": []}, {"a": 10**400}, {"a": {}}, {1: 2}):
        with pytest.raises(BadInput):
            Table(a=Number()).pack(strange)


def test_simulated_annotators_are_wrong_as_often_as_they_are_told_to():
    truths = {f"e{row}": row % 4 for row in range(2000)}
    asked = questions(2000)
    for wrong in (0.0, 0.1, 0.5):
        answers = Simulated(truths, wrong=wrong)(asked, [None] * 2000)
        share = np.mean([answer != truths[request.example] for request, answer in zip(asked, answers, strict=True)])
        assert abs(share - wrong) < 4 * np.sqrt(wrong * (1 - wrong) / 2000) + 1e-12
    assert canonical_json(answers)
