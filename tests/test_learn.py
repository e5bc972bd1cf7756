"""Datasets are named by their content, models are bytes that say nothing but numbers, and one failure hurts nobody else."""

import functools
import io
import json
import os
import subprocess
import sys
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
import skops.io
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from whorl import Classification, LocalEngine, Regression
from whorl.checks.journal import sample
from whorl.errors import PartError, Tampered
from whorl.learn import (
    FOLDS,
    Lessons,
    dataset_record,
    dump,
    environment,
    examples_in,
    fold_of,
    freeze,
    load,
    manifest,
    parameters,
    recipe_hash,
    recipe_of,
    rows_fitted,
    train,
)
from whorl.organize import near_copies
from whorl.records import Label, Turn, digest

ROOT = Path(__file__).parents[1]
TASK = Classification(range(10))


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    with threadpoolctl.threadpool_limits(1):
        yield


def label(example, value, known=0):
    return Label(id=f"{example} {known}", event_time=0, known_time=known, example=example, value=value, annotator="a")


def frozen(X, labelled=None, contents=None):
    """The lessons of a wheel on which all rows of X (or those in `labelled`) are labelled with their row number."""
    contents = contents or [digest(row.tobytes()) for row in X]
    names = [f"e{row}" for row in range(len(X))]
    labels = {f"e{row}": label(f"e{row}", row) for row in (range(len(X)) if labelled is None else labelled)}
    return freeze(labels, {name: row for row, name in enumerate(names)}, names, contents, X, near_copies)


def digits_lessons(n=120):
    X, y = load_digits(return_X_y=True)
    X = X[:n] / 16
    contents = tuple(digest(row.tobytes()) for row in X)
    return Lessons(
        rows=np.arange(n),
        examples=tuple(f"e{row}" for row in range(n)),
        contents=contents,
        truths=tuple(y[:n].tolist()),
        X=X,
        folds=np.array([fold_of(content) for content in contents]),
    )


# --- datasets


@given(st.lists(st.text(), min_size=1, unique=True))
def test_a_fold_follows_from_the_content_alone(families):
    folds = [fold_of(family) for family in families]
    assert folds == [fold_of(family) for family in families]
    assert set(folds) <= set(range(FOLDS))


def test_folds_are_about_equally_large():
    counts = np.bincount([fold_of(digest(str(n))) for n in range(4000)])
    assert len(counts) == FOLDS
    assert abs(counts - 1000).max() < 150


def test_an_example_stays_in_its_fold_when_others_arrive():
    X = np.random.default_rng(0).normal(size=(200, 8))
    before, after = frozen(X[:50]), frozen(X)
    folds = dict(zip(after.examples, after.folds.tolist(), strict=True))
    assert all(folds[example] == fold for example, fold in zip(before.examples, before.folds.tolist(), strict=True))


def test_an_example_stays_in_its_fold_wherever_it_stands():
    X = np.random.default_rng(0).normal(size=(60, 8))
    straight, turned = frozen(X), frozen(X[::-1])
    assert straight.folds.tolist() == turned.folds.tolist()[::-1]


def test_near_copies_share_a_fold():
    X = np.random.default_rng(0).normal(size=(60, 8))
    X = np.vstack([X, X[:20] + 1e-4])
    folds = frozen(X).folds
    assert folds[60:].tolist() == folds[:20].tolist()


def test_of_copies_that_were_labelled_differently_the_latest_label_counts():
    X = np.array([[1.0], [2.0]])
    labels = {"first": label("first", 3, known=5), "copy": label("copy", 4, known=6), "other": label("other", 1)}
    rows = {"first": 0, "copy": 0, "other": 1}
    lessons = freeze(labels, rows, ["first", "other"], ["a", "b"], X, near_copies)
    assert lessons.examples == ("first", "other")
    assert lessons.truths == (4, 1)
    labels["copy"] = label("copy", 4, known=4)
    assert freeze(labels, rows, ["first", "other"], ["a", "b"], X, near_copies).truths == (3, 1)


def test_labels_of_what_is_not_kept_are_left_out():
    lessons = freeze({"refused": label("refused", 1)}, {}, [], [], np.zeros((0, 2)), near_copies)
    assert lessons.examples == ()
    assert lessons.X.shape == (0, 2)


def test_the_version_of_a_dataset_is_a_function_of_its_content():
    X = np.random.default_rng(0).normal(size=(30, 4))
    one, other = (
        dataset_record(manifest(lessons), 30, sample(Turn, number), {"anything": number})
        for number, lessons in ((1, frozen(X)), (2, frozen(X.copy())))
    )
    assert one.version == other.version == one.blob
    assert one.id != other.id
    fewer = manifest(frozen(X, labelled=range(29)))
    assert digest(fewer) != one.version


def test_a_manifest_says_what_is_in_it():
    lessons = frozen(np.random.default_rng(0).normal(size=(5, 4)), labelled=[1, 3])
    data = manifest(lessons)
    assert examples_in(data) == {"e1", "e3"}
    told = json.loads(data)
    assert told["format"] == 1
    assert told["rows"][0] == ["e1", lessons.contents[0], 1, int(lessons.folds[0])]


# --- recipes


def identity(estimator, inputs="inputs", task="task"):
    return recipe_hash(estimator, inputs, task)


def test_the_seed_and_the_number_of_workers_are_no_part_of_a_recipe():
    assert identity(RandomForestClassifier(10, random_state=1)) == identity(
        RandomForestClassifier(10, random_state=2, n_jobs=3, verbose=1)
    )
    nested = [make_pipeline(StandardScaler(), SVC(random_state=seed)) for seed in (1, 2)]
    assert identity(nested[0]) == identity(nested[1])
    voting = [VotingClassifier([("a", SVC(random_state=seed)), ("b", SVC())]) for seed in (1, 2)]
    assert identity(voting[0]) == identity(voting[1])


@pytest.mark.parametrize(
    "other",
    [
        SVC(C=2),
        SVC(class_weight={1: 2.0}),
        SVC(kernel="linear"),
        LogisticRegression(),
        make_pipeline(SVC()),
        make_pipeline(StandardScaler(), SVC()),
        make_pipeline(StandardScaler(with_std=False), SVC()),
        make_pipeline(FunctionTransformer(np.log1p), SVC()),
        make_pipeline(FunctionTransformer(np.sqrt), SVC()),
    ],
)
def test_any_other_parameter_makes_another_recipe(other):
    assert identity(other) != identity(SVC())


def test_recipes_that_differ_anywhere_differ():
    made = [
        make_pipeline(StandardScaler(), SVC()),
        make_pipeline(StandardScaler(with_std=False), SVC()),
        make_pipeline(FunctionTransformer(np.log1p), SVC()),
        make_pipeline(FunctionTransformer(np.sqrt), SVC()),
        make_pipeline(FunctionTransformer(np.sqrt, kw_args={"a": 1}), SVC()),
        make_pipeline(FunctionTransformer(np.sqrt, kw_args={"a": float("nan")}), SVC()),
    ]
    assert len({identity(one) for one in made}) == len(made)


def test_the_same_estimator_for_another_task_or_other_inputs_is_another_recipe():
    assert len({identity(SVC()), identity(SVC(), inputs="others"), identity(SVC(), task="another")}) == 3


def test_fitting_does_not_change_what_recipe_it_was():
    X, y = load_digits(return_X_y=True)
    fitted = make_pipeline(StandardScaler(), SVC()).fit(X[:50], y[:50])
    assert identity(fitted) == identity(make_pipeline(StandardScaler(), SVC()))
    assert parameters(fitted) == parameters(make_pipeline(StandardScaler(), SVC()))


def test_the_recipe_of_a_fitted_estimator_makes_it_anew_with_another_seed():
    X, y = load_digits(return_X_y=True)
    fitted = make_pipeline(StandardScaler(), RandomForestClassifier(3, random_state=1)).fit(X[:50], y[:50])
    made = recipe_of(fitted)(77)
    assert made is not fitted
    assert made[-1].random_state == 77
    assert not hasattr(made[-1], "estimators_")
    assert identity(made) == identity(fitted)
    assert fitted[-1].random_state == 1


def test_the_environment_names_what_a_model_depends_on():
    assert set(environment()) == {"python", "numpy", "scikit-learn", "skops", "whorl"}
    assert environment()["numpy"] == np.__version__


# --- training


class Memory(ClassifierMixin, BaseEstimator):
    """Is right about what it was taught and wrong about everything else."""

    def fit(self, X, y):
        self.classes_ = np.arange(10)
        self.seen_ = {row.tobytes(): int(truth) for row, truth in zip(X, y, strict=True)}
        return self

    def predict(self, X):
        return np.array([self.seen_.get(row.tobytes(), 0) for row in X])


class Broken(ClassifierMixin, BaseEstimator):
    """Fails at the step that it is told to."""

    def __init__(self, at="fit"):
        self.at = at

    def fit(self, X, y):
        if self.at == "fit":
            raise RuntimeError("out of luck")
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        if self.at == "answer":
            raise RuntimeError("no answer")
        return np.full((len(X), len(self.classes_)), np.nan)

    def predict(self, X):
        return np.full(len(X), np.nan)


def fails_to_make(seed):
    raise KeyError("a parameter")


def trained(candidates, lessons=None, task=TASK, workers=1, seed=0):
    made = train(candidates, lessons or digits_lessons(), task, LocalEngine(workers), seed)
    return {one.recipe: one for one in made}


def test_a_challenger_answers_for_each_lesson_without_having_learned_it():
    lessons = digits_lessons()
    made = trained({"memory": lambda seed: Memory()}, lessons)["memory"]
    zeros = np.array(lessons.truths) == 0
    assert made.out_of_fold[~zeros].tolist() == [0.0] * int((~zeros).sum())
    assert TASK.utility(TASK.outputs(made.fitted, lessons.X), lessons.truths).mean() == 1.0


def test_near_copies_cannot_teach_one_another():
    lessons = digits_lessons(60)
    doubled = Lessons(*(np.concatenate([part, part]) if isinstance(part, np.ndarray) else part * 2 for part in (
        lessons.rows, lessons.examples, lessons.contents, lessons.truths, lessons.X, lessons.folds)))  # fmt: skip
    made = trained({"memory": lambda seed: Memory()}, doubled)["memory"]
    assert made.out_of_fold[np.array(doubled.truths) != 0].max() == 0.0


BROKEN = {
    "cannot be made": (fails_to_make, "KeyError: 'a parameter'"),
    "is no estimator": (lambda seed: "logistic", "AttributeError"),
    "cannot learn": (lambda seed: Broken("fit"), "RuntimeError: out of luck"),
    "cannot answer": (lambda seed: Broken("answer"), "RuntimeError: no answer"),
    "answers with NaN": (lambda seed: Broken("nan"), "Broken answers with probabilities that are no numbers"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_candidate_that_fails_is_reported_and_the_others_still_train(name):
    recipe, why = BROKEN[name]
    made = trained(
        {"good": lambda seed: DecisionTreeClassifier(random_state=seed), name: recipe, "last": lambda s: SVC()}
    )
    assert list(made) == ["good", name, "last"]
    assert why in made[name].failure
    assert made[name].fitted is None
    for good in ("good", "last"):
        assert made[good].failure == ""
        assert made[good].out_of_fold.mean() > 0.3


def test_amounts_that_are_no_numbers_are_a_failure_too():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    lessons = Lessons(
        np.arange(40), ("e",) * 40, ("c",) * 40, tuple(np.abs(X[:, 0]).tolist()), X, np.arange(40) % FOLDS
    )
    made = trained({"nan": lambda seed: Broken("nan")}, lessons, Regression(0, 10, tolerance=1))["nan"]
    assert "Broken answers with values that are no numbers" in made.failure


def test_a_fold_that_cannot_be_learned_without_earns_nothing_and_stops_nothing():
    X = np.random.default_rng(0).normal(size=(40, 3))
    folds = np.arange(40) % FOLDS
    truths = tuple(int(fold == 2) for fold in folds)  # without fold 2 there is one class only
    lessons = Lessons(np.arange(40), ("e",) * 40, ("c",) * 40, truths, X, folds)
    made = trained({"logistic": lambda seed: LogisticRegression()}, lessons)["logistic"]
    assert made.fitted is not None
    assert made.out_of_fold[folds == 2].tolist() == [0.0] * 10


@pytest.mark.parametrize("n", [1, 2, 3])
def test_very_few_lessons_are_no_error(n):
    made = trained({"constant": lambda seed: DummyClassifier(), "svm": lambda seed: SVC()}, digits_lessons(n))
    assert made["constant"].out_of_fold.shape == (n,)
    assert made["svm"].fitted is not None or made["svm"].failure


def test_every_fit_has_a_seed_of_its_own_that_is_the_same_again():
    def seeds_of(seed, name="candidate"):
        found = []

        def recipe(given):
            found.append(given)
            return DummyClassifier()

        trained({name: recipe}, seed=seed)
        return found[: FOLDS + 1]

    assert len(set(seeds_of(1))) == FOLDS + 1
    assert seeds_of(1) == seeds_of(1)
    assert set(seeds_of(1)).isdisjoint(seeds_of(2))
    assert set(seeds_of(1)).isdisjoint(seeds_of(1, "another name"))
    assert all(0 <= seed < 2**31 for seed in seeds_of(1))


def test_results_are_the_same_with_one_worker_and_with_four():
    candidates = {
        "forest": lambda seed: RandomForestClassifier(10, random_state=seed),
        "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)),
    }
    one, four = trained(candidates, workers=1), trained(candidates, workers=4)
    for name in candidates:
        assert np.array_equal(one[name].out_of_fold, four[name].out_of_fold)
        assert dump(one[name].fitted) == dump(four[name].fitted)


def test_rows_are_counted_as_often_as_they_are_learned():
    lessons = digits_lessons(40)
    assert rows_fitted(lessons, candidates=2) == 2 * (40 + 40 * (FOLDS - 1))


# --- models at rest


TRAIN_ALL = """
import hashlib, json, sys, warnings
import numpy as np
from sklearn.datasets import load_digits
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from whorl import Classification, LocalEngine
from whorl.learn import Lessons, dump, fold_of, train
from whorl.records import digest

X, y = load_digits(return_X_y=True)
X, y = X[:100] / 16, y[:100]
contents = tuple(digest(row.tobytes()) for row in X)
lessons = Lessons(
    np.arange(100), contents, contents, tuple(y.tolist()), X, np.array([fold_of(one) for one in contents])
)
candidates = {
    "logistic": lambda seed: make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced")),
    "svm": lambda seed: SVC(C=10, random_state=seed),
    "forest": lambda seed: RandomForestClassifier(10, random_state=seed),
    "boosting": lambda seed: HistGradientBoostingClassifier(max_iter=3, random_state=seed),
    "neighbours": lambda seed: KNeighborsClassifier(3),
    "network": lambda seed: MLPClassifier((8,), tol=0.5, random_state=seed),
}
made = train(candidates, lessons, Classification(range(10)), LocalEngine(int(sys.argv[1])), seed=5)
assert not [one.failure for one in made if one.failure], made
print(json.dumps({one.recipe: hashlib.sha256(dump(one.fitted)).hexdigest() for one in made}))
"""


def test_the_same_training_gives_the_same_bytes_in_any_process():
    running = [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN_ALL, workers],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for workers, seed in (("1", "1"), ("2", "2"))
    ]
    told = [process.communicate(timeout=200) for process in running]
    assert [process.returncode for process in running] == [0, 0], told
    one, other = (json.loads(out) for out, _ in told)
    assert one == other
    assert len(one) == 6


def a_model(n=100):
    X, y = load_digits(return_X_y=True)
    return DecisionTreeClassifier(max_depth=4, random_state=0).fit(X[:n], y[:n])


def test_dumping_twice_gives_the_same_bytes():
    model = a_model()
    assert dump(model) == dump(model)


def test_another_model_has_other_bytes():
    assert dump(a_model(100)) != dump(a_model(101))


def test_an_archive_says_nothing_of_when_and_where_it_was_made():
    with zipfile.ZipFile(io.BytesIO(dump(a_model()))) as archive:
        assert archive.namelist() == sorted(archive.namelist())
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("data", [b"", b"no archive", dump(a_model())[:-50], dump(a_model())[50:]])
def test_what_is_no_whole_archive_is_refused(data):
    with pytest.raises(Tampered, match="Roll back or train again"):
        load(data)


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_changed_byte_is_refused_or_changes_no_answer(place, change):
    model, X = a_model(), load_digits().data[:50]
    data = bytearray(dump(model))
    data[place % len(data)] ^= change
    try:
        loaded = load(bytes(data))
    except Tampered:
        return
    assert np.array_equal(loaded.predict_proba(X), model.predict_proba(X))


EXECUTED = []


class Evil(BaseEstimator):
    def __new__(cls, *args):
        EXECUTED.append("made")
        return super().__new__(cls)

    def __setstate__(self, state):
        EXECUTED.append("set")

    def fit(self, X, y):
        return self


def test_an_unknown_type_is_refused_and_nothing_of_it_runs():
    data = skops.io.dumps(make_pipeline(StandardScaler(), Evil()))
    EXECUTED.clear()
    with pytest.raises(Tampered, match=rf"holds {__name__}.Evil, .* It was not loaded"):
        load(data)
    assert EXECUTED == []


def test_a_function_that_could_do_harm_is_refused():
    for function in (os.system, functools.partial(os.system, "true")):
        data = skops.io.dumps(FunctionTransformer(function))
        with pytest.raises(Tampered, match="was not loaded"):
            load(data)


def test_a_type_of_ones_own_must_be_declared():
    with pytest.raises(
        PartError, match=rf"Evil holds {__name__}.Evil.*declare Wheel\(trusted=\('{__name__}.Evil',\)\)"
    ):
        dump(Evil())
    assert isinstance(load(dump(Evil(), [f"{__name__}.Evil"]), [f"{__name__}.Evil"]), Evil)


def test_a_function_without_a_name_is_told_to_get_one():
    with pytest.raises(PartError, match=r"holds .*<lambda>.*Define it at the top of a module"):
        dump(FunctionTransformer(lambda X: X))


def test_what_cannot_be_stored_without_pickle_is_told():
    model = Memory().fit(np.zeros((1, 2)), [1])
    model.lock = threading.Lock()
    with pytest.raises(PartError, match=r"Memory cannot be stored safely: .*Use a recipe without it"):
        dump(model)


def test_a_model_that_was_kept_answers_the_same():
    X, y = load_digits(return_X_y=True)
    for model in (KNeighborsClassifier(3), SVC(), RandomForestClassifier(5, random_state=0)):
        fitted = model.fit(X[:100], y[:100])
        assert np.array_equal(load(dump(fitted)).predict(X), fitted.predict(X))


class Plain:
    """A parameter without a repr of its own."""


def test_a_recipe_does_not_change_with_the_address_of_what_it_holds():
    from sklearn.preprocessing import FunctionTransformer

    def recipe():
        return FunctionTransformer(kw_args={"what": Plain(), "names": {"b", "a"}})

    assert recipe_hash(recipe(), 1, 2) == recipe_hash(recipe(), 1, 2)
