"""Tasks say what an answer was worth: one number in [0, 1] for each example."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingRegressor, GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from whorl import Classification, Regression
from whorl.errors import BadOutcome, DeclarationError, PartError

PETS, AMOUNT = Classification(["cat", "deer", "dog"]), Regression(0, 100, tolerance=10)
probabilities = arrays(float, st.tuples(st.integers(1, 6), st.just(3)), elements=st.floats(0, 1))
amounts = st.lists(st.floats(0, 100), min_size=1, max_size=6)


@pytest.fixture
def lessons():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4))
    return X, X[:, :3].argmax(axis=1), X @ [3.0, 1.0, 0.0, 5.0]


# --- classification


@given(probabilities, st.data())
def test_the_most_probable_class_is_the_answer_and_worth_one_when_true(outputs, data):
    truths = data.draw(st.lists(st.sampled_from(PETS.classes), min_size=len(outputs), max_size=len(outputs)))
    answers = PETS.answers(outputs)
    assert PETS.utility(outputs, truths).tolist() == [float(a == t) for a, t in zip(answers, truths, strict=True)]
    assert PETS.utility(outputs, answers).tolist() == [1.0] * len(outputs)


@given(probabilities)
def test_the_margin_is_what_the_best_class_has_over_the_second(outputs):
    by_size = np.sort(outputs, axis=1)
    assert np.allclose(PETS.margin(outputs), by_size[:, -1] - by_size[:, -2])
    assert np.array_equal(PETS.confidence(outputs), by_size[:, -1])


def test_classes_that_were_never_taught_have_probability_0(lessons):
    X, y, _ = lessons
    fitted = LogisticRegression().fit(X[y != 1], y[y != 1])
    outputs = PETS.outputs(fitted, X)
    assert (outputs[:, 1] == 0).all()
    assert np.allclose(outputs.sum(axis=1), 1)


@pytest.mark.parametrize("classes", [["a", "b"], ["a", "b", "c"]])
def test_scores_become_probabilities_in_the_same_order(lessons, classes):
    X, y, _ = lessons
    y = y % len(classes)
    for fitted in (SVC().fit(X, y), RidgeClassifier().fit(X, y)):
        outputs = Classification(classes).outputs(fitted, X)
        assert np.allclose(outputs.sum(axis=1), 1)
        assert Classification(classes).answers(outputs) == [classes[row] for row in fitted.predict(X)]


def test_an_estimator_that_only_predicts_is_sure():
    class Even:
        def predict(self, X):
            return X[:, 0].astype(int) % 2

    outputs = Classification([10, 20]).outputs(Even(), np.array([[1.0], [2.0], [3.0]]))
    assert outputs.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_an_estimator_that_knows_one_class_only_answers_it(lessons):
    X = lessons[0]
    fitted = DummyClassifier().fit(X, np.full(len(X), 2))
    assert PETS.answers(PETS.outputs(fitted, X[:2])) == ["dog", "dog"]
    assert PETS.margin(PETS.outputs(fitted, X[:2])).tolist() == [1.0, 1.0]


def test_probabilities_that_are_no_numbers_are_not_taken_for_the_first_class():
    class Lost:
        classes_ = (0, 1, 2)

        def predict_proba(self, X):
            return np.array([[0.1, math.nan, 0.9]] * len(X))

    with pytest.raises(PartError, match="Lost answers with probabilities that are no numbers"):
        PETS.outputs(Lost(), np.zeros((2, 1)))


@pytest.mark.parametrize("truth", [True, 1.0, "1", None, math.nan, [1], np.array(1), 3, -1])
def test_what_is_no_class_is_refused(truth):
    with pytest.raises(BadOutcome, match="it must be one of 0, 1, 2"):
        Classification([0, 1, 2]).check(truth)


def test_classes_come_back_as_they_were_declared():
    assert type(Classification([0, 1]).check(np.uint8(1))) is int
    assert type(PETS.check(np.str_("cat"))) is str


def test_a_long_list_of_classes_is_not_all_in_the_message():
    with pytest.raises(BadOutcome) as told:
        Classification(range(1000)).check("x" * 10_000)
    assert len(str(told.value)) < 250


@pytest.mark.parametrize(
    "classes", [[], [1], [1, 1], [1, "1"], [1.0, 2.0], [True, False], [None, 1], [np.int64(1), np.int64(2)]]
)
def test_classes_that_cannot_work_cannot_be_declared(classes):
    with pytest.raises(DeclarationError, match=r"task.classes is .*; it must be two or more different whole numbers"):
        Classification(classes)


# --- regression


@given(amounts, amounts)
def test_worth_falls_in_a_straight_line_with_the_error(values, truths):
    n = min(len(values), len(truths))
    values, truths = np.array(values[:n]), np.array(truths[:n])
    outputs = np.column_stack([values, np.full(n, np.nan)])
    assert np.allclose(AMOUNT.utility(outputs, truths.tolist()), np.maximum(0, 1 - np.abs(values - truths) / 10))


@given(st.floats(0, 100))
def test_every_amount_is_in_the_band_that_its_group_names(truth):
    (group,) = AMOUNT.groups([truth])
    low, high = map(float, group.split(" to "))
    assert low <= truth <= high
    assert high - low == 20


def test_answers_stay_within_what_was_declared(lessons):
    X, _, _ = lessons
    fitted = LinearRegression().fit(X, X[:, 0] * 1e6)
    outputs = AMOUNT.outputs(fitted, X)
    assert outputs[:, 0].min() == 0
    assert outputs[:, 0].max() == 100
    assert np.isnan(outputs[:, 1]).all()
    assert (AMOUNT.confidence(outputs) == 0).all(), "a spread that is unknown is no confidence"


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestRegressor(10, random_state=0),
        make_pipeline(StandardScaler(), RandomForestRegressor(10, random_state=0)),
        BaggingRegressor(n_estimators=10, random_state=0),
        BaggingRegressor(n_estimators=10, max_features=0.5, random_state=0),
    ],
    ids=["forest", "scaled forest", "bagging", "bagging on some columns"],
)
def test_a_forest_is_less_sure_where_its_trees_differ(lessons, estimator):
    X, _, y = lessons
    task = Regression(-50, 50, tolerance=10)
    outputs = task.outputs(estimator.fit(X[:60], y[:60]), X[60:])
    assert (outputs[:, 1] > 0).all()
    assert np.array_equal(
        np.argsort(task.confidence(outputs), kind="stable"), np.argsort(-outputs[:, 1], kind="stable")
    )


def test_boosting_tells_no_spread(lessons):
    X, _, y = lessons
    outputs = Regression(-50, 50, tolerance=10).outputs(GradientBoostingRegressor(n_estimators=5).fit(X, y), X)
    assert np.isnan(outputs[:, 1]).all()


def test_values_that_are_no_numbers_are_refused():
    class Lost:
        def predict(self, X):
            return np.full(len(X), math.nan)

    with pytest.raises(PartError, match="Lost answers with values that are no numbers"):
        AMOUNT.outputs(Lost(), np.zeros((2, 1)))


@pytest.mark.parametrize("truth", [True, "7", None, math.nan, math.inf, -0.1, 100.1, 10**400, [1], 1 + 0j])
def test_what_is_no_such_amount_is_refused(truth):
    with pytest.raises(BadOutcome, match="it must be a number from 0 to 100"):
        AMOUNT.check(truth)


def test_equal_amounts_are_one_truth():
    assert [str(AMOUNT.check(truth)) for truth in (0, -0.0, np.int8(0), np.float32(0))] == ["0.0"] * 4


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"low": math.nan}, "task.low is nan; it must be a finite number"),
        ({"high": math.inf}, "task.high is inf; it must be a finite number"),
        ({"low": "0"}, "task.low is '0'"),
        ({"low": True}, "task.low is True"),
        ({"high": 0}, "task.high is 0; it must be above task.low, which is 0"),
        ({"tolerance": 0}, "task.tolerance is 0; it must be above 0 and at most 100"),
        ({"tolerance": 101}, "task.tolerance is 101; it must be above 0 and at most 100"),
        ({"bands": 0}, "task.bands is 0; it must be a whole number from 1 to 100"),
        ({"bands": 2.5}, "task.bands is 2.5"),
    ],
)
def test_amounts_that_cannot_work_cannot_be_declared(wrong, said):
    with pytest.raises(DeclarationError, match=said):
        Regression(**{"low": 0, "high": 100, "tolerance": 10, **wrong})
