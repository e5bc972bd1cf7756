"""Decisions, ranked lists and generators turn on the same `turn.py`: each is a task of a few lines, written here."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, Ridge

from whorl import Classification, Image, Labels, LocalEngine, Number, Table, Wheel, own_data
from whorl.errors import BadOutcome
from whorl.flywheel import Flywheel
from whorl.protocols import Tensor
from whorl.records import Report, Verdict
from whorl.replay import Simulated

FLOOR = 0.1
"""Every action of the logging policy has at least this probability."""


@dataclass(frozen=True)
class Act:
    """Block or pass: logged action, its propensity, and the reward in [0, 1] that came of it."""

    actions: int = 2
    tensor = Tensor("output", "INT64")

    def check(self, truth: Any) -> Any:
        if not isinstance(truth, dict) or set(truth) != {"action", "propensity", "reward"}:
            raise BadOutcome(f"The truth is {truth!r}; it must map action, propensity and reward.")
        if truth["propensity"] < FLOOR or not 0 <= truth["reward"] <= 1:
            raise BadOutcome(f"The truth is {truth!r}; propensity from {FLOOR}, reward from 0 to 1.")
        return truth

    def targets(self, truths):
        return np.array([json.dumps(truth) for truth in truths])

    def outputs(self, fitted, X):
        return np.asarray(fitted.predict(X)).reshape(len(X), self.actions)

    def answers(self, outputs):
        return [int(action) for action in outputs.argmax(axis=1)]

    def confidence(self, outputs):
        return np.clip(outputs.max(axis=1, initial=0.0), 0, 1)

    def margin(self, outputs):
        return np.clip(np.abs(outputs[:, 0] - outputs[:, 1]), 0, 1)

    def utility(self, outputs, truths):
        agree = outputs.argmax(axis=1) == np.array([truth["action"] for truth in truths], dtype=int)
        return agree * np.array([truth["reward"] * FLOOR / truth["propensity"] for truth in truths])

    def groups(self, truths):
        return [str(truth["action"] if isinstance(truth, dict) else truth) for truth in truths]


class RewardOf(BaseEstimator):
    """Expected reward of each action, by ridge regression weighted with the inverse propensities."""

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = alpha

    def fit(self, X, y):
        told = [json.loads(truth) for truth in y]
        self.models_ = []
        for action in (0, 1):
            mine = [row for row, truth in enumerate(told) if truth["action"] == action]
            weights = [1 / told[row]["propensity"] for row in mine]
            self.models_.append(Ridge(self.alpha).fit(X[mine], [told[row]["reward"] for row in mine], weights))
        return self

    def predict(self, X):
        return np.column_stack([model.predict(X) for model in self.models_])


@dataclass(frozen=True)
class Rank:
    """Order a list of `items`; the truth is the gain of each, the utility is NDCG."""

    items: int = 4
    tensor = Tensor("output", "INT64", (4,))

    def check(self, truth: Any) -> Any:
        if not isinstance(truth, list) or len(truth) != self.items or not sum(truth) > 0:
            raise BadOutcome(f"The truth is {truth!r}; it must be {self.items} gains, not all 0.")
        return [float(gain) for gain in truth]

    def targets(self, truths):
        return np.array(truths)

    def outputs(self, fitted, X):
        return np.asarray(fitted.predict(X)).reshape(len(X), self.items)

    def answers(self, outputs):
        return [np.argsort(-row).tolist() for row in outputs]

    def confidence(self, outputs):
        return self.margin(outputs)

    def margin(self, outputs):
        best = np.sort(outputs, axis=1)
        return np.clip(best[:, -1] - best[:, -2], 0, 1)

    def utility(self, outputs, truths):
        discount = 1 / np.log2(np.arange(self.items) + 2)
        gains = np.array(truths).reshape(-1, self.items)
        reached = (np.take_along_axis(gains, np.argsort(-outputs, axis=1), axis=1) * discount).sum(axis=1)
        return np.clip(reached / (np.sort(gains, axis=1)[:, ::-1] * discount).sum(axis=1), 0, 1)

    def groups(self, truths):
        return [str(int(np.argmax(truth))) for truth in truths]


class Generator(BaseEstimator):
    """A class-wise Gaussian that makes images, and the classifier that has seen nothing but these images."""

    def __init__(self, images: int = 30, random_state: int = 0) -> None:
        self.images, self.random_state = images, random_state

    def fit(self, X, y):
        rng = np.random.default_rng(self.random_state)
        made, classes = [], []
        for label in np.unique(y):
            mine = X[y == label]
            made.append(rng.normal(mine.mean(0), mine.std(0) + 0.05, size=(self.images, X.shape[1])))
            classes += [label] * self.images
        self.judge_ = LogisticRegression(max_iter=200).fit(np.vstack(made), classes)
        self.classes_ = self.judge_.classes_
        return self

    def predict_proba(self, X):
        return self.judge_.predict_proba(X)


def turned(wheel: Wheel, folder, values, truths, turns: int = 3) -> Flywheel:
    """Three turns of `wheel` over `values`, with a simulated annotator."""
    known: dict[str, Any] = {}
    wheel = replace(wheel, labels=Labels(per_turn=25, annotator=Simulated(known)), engine=LocalEngine(workers=1))
    flywheel = Flywheel(wheel, folder)
    for part in np.array_split(np.arange(len(values)), turns):
        ids = flywheel.observe([values[row] for row in part])
        known.update(zip(ids, (truths[row] for row in part), strict=True))
        flywheel.turn()
    return flywheel


def decisions():
    rng = np.random.default_rng(0)
    values = [{"amount": float(a), "night": float(n)} for a, n in rng.random((240, 2))]
    truths = []
    for value in values:
        propensity = 0.8
        action = int(rng.random() < propensity)
        fraud = value["amount"] > 0.6
        truths.append(
            {"action": action, "propensity": propensity if action else 1 - propensity, "reward": float(fraud != action)}
        )
    recipes = {"ridge": lambda seed: RewardOf(), "stiff": lambda seed: RewardOf(100.0)}
    inputs = Table(amount=Number(), night=Number())
    trusted = (f"{__name__}.RewardOf",)
    return (
        Wheel(name="act", task=Act(), inputs=inputs, rights=own_data(), candidates=recipes, trusted=trusted),
        values,
        truths,
    )


def lists():
    rng = np.random.default_rng(1)
    features, taste = rng.random((240, 4, 2)), np.array([1.0, -0.5])
    values = [{f"{item}{k}": float(row[item, k]) for item in range(4) for k in range(2)} for row in features]
    truths = [(row @ taste + 1).round(3).tolist() for row in features]
    inputs = Table(**{f"{item}{k}": Number() for item in range(4) for k in range(2)})
    recipes = {"ridge": lambda seed: Ridge(), "stiff": lambda seed: Ridge(alpha=1e4)}
    return Wheel(name="rank", task=Rank(), inputs=inputs, rights=own_data(), candidates=recipes), values, truths


def generators():
    images, digits = load_digits(return_X_y=True)
    recipes = {
        "gaussian": lambda seed: Generator(random_state=seed),
        "few": lambda seed: Generator(images=2, random_state=seed),
    }
    wheel = Wheel(
        name="generate",
        task=Classification(range(10)),
        inputs=Image(8, 8, high=16),
        rights=own_data(),
        candidates=recipes,
        trusted=(f"{__name__}.Generator",),
    )
    return wheel, list(images[:300]), digits[:300].tolist()


@pytest.mark.parametrize("world", [decisions, lists, generators], ids=lambda world: world.__name__)
def test_any_task_turns_from_first_label_to_promotion(tmp_path, world):
    with turned(*[world()[0], tmp_path, *world()[1:]]) as flywheel:
        claims = [(verdict.claim, verdict.decision) for verdict in flywheel.journal.read(Verdict)]
        assert ("first", "promote") in claims, claims
        assert ("refresh", "promote") in claims, claims
        assert all(0 <= utility <= 1 for report in flywheel.journal.read(Report) for utility in report.utilities)
        answer = flywheel.decide(world()[1][0])
        assert json.dumps(answer.output)


def test_decisions_learn_what_pays(tmp_path):
    wheel, values, truths = decisions()
    with turned(wheel, tmp_path, values, truths) as flywheel:
        right = [flywheel.decide(value).output == int(value["amount"] < 0.6) for value in values[:60]]
        # Rewarded is action 1 on the honest and action 0 on frauds.
        assert np.mean(right) > 0.8
