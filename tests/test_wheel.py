"""A wrong declaration fails where it stands: the error names the field, what it is, and what it must be."""

from dataclasses import FrozenInstanceError

import pytest
from sklearn.linear_model import LogisticRegression

from whorl import (
    Classification,
    Image,
    Labels,
    LocalEngine,
    Mixed,
    Number,
    Prices,
    ProofOrNoHarm,
    Regression,
    StandardPca,
    Table,
    Terms,
    Wheel,
    own_data,
)
from whorl.errors import DeclarationError, WhorlError
from whorl.wheel import STAGES


def logistic(seed):
    return LogisticRegression(random_state=seed)


RIGHT = {
    "name": "digits",
    "task": Classification(range(10)),
    "inputs": Image(8, 8),
    "rights": own_data(),
    "candidates": {"logistic": logistic},
}


def test_few_choices_make_a_wheel():
    wheel = Wheel(**RIGHT)
    assert (wheel.labels, wheel.prices, wheel.seed) == (Labels(), Prices(), 0)
    assert (wheel.strategy, wheel.gate, wheel.embedder) == (Mixed(), ProofOrNoHarm(), StandardPca())
    assert wheel.engine == LocalEngine()


@pytest.mark.parametrize(
    ("field", "wrong", "told"),
    [
        ("name", "", "name is ''; it must be 1 to 64 letters"),
        ("name", "two words", "name is two words; it must be"),
        ("name", "a/b", "name is 'a/b'; it must be"),
        ("name", "..", "name is '..'; it must be"),
        ("name", "x" * 65, "1 to 64 letters"),
        ("name", "digits\n", "name is"),
        ("name", 7, "name is 7; it must be"),
        ("name", None, "name is None"),
        (
            "task",
            "classification",
            "task is 'classification'; it must be an object with tensor, check, targets, outputs",
        ),
        ("task", Classification, "task is <class .*>; it must be an object with"),
        ("task", None, "task is None; .* Classification\\(range\\(10\\)\\), say."),
        ("inputs", "image", "inputs is 'image'; it must be an object with tensors, pack, unpack, matrix, from_tensors"),
        (
            "inputs",
            Number(),
            "inputs is Number.*; it must be .* Image\\(28, 28\\) or Table\\(age=Number\\(\\)\\), say.",
        ),
        ("inputs", Image, "inputs is <class"),
        ("rights", "own", "rights is 'own'; it must be Terms. Write own_data\\(\\) if the data is yours to train on."),
        ("rights", None, "rights is None"),
        ("candidates", {}, "candidates is {}; it must be a mapping from names to functions of a seed"),
        ("candidates", [logistic], "candidates is \\[.*\\]; it must be a mapping"),
        ("candidates", logistic, "candidates is <function"),
        ("candidates", {"a": LogisticRegression()}, "candidates\\['a'\\] is .*; .* Put `lambda seed:` before it."),
        ("candidates", {"a": LogisticRegression}, "candidates\\['a'\\] is <class .* must be a function of a seed"),
        ("candidates", {"a": "logistic"}, "candidates\\['a'\\] is 'logistic'; it must be a function of a seed"),
        ("candidates", {"": logistic}, "candidates\\[''\\] is ''; it must be named by a text"),
        ("candidates", {7: logistic}, "candidates\\[7\\] is 7; it must be named by a text"),
        ("labels", 20, "labels is 20; it must be Labels\\(...\\)"),
        ("labels", None, "labels is None"),
        ("prices", 0.1, "prices is 0.1; it must be Prices\\(...\\)"),
        (
            "embedder",
            "pca",
            "embedder is 'pca'; it must be an object or function that can be called. Pass the thing itself",
        ),
        ("embedder", StandardPca, "embedder is <class .* not its name or its class."),
        ("strategy", "margin", "strategy is 'margin'; it must be an object or function that can be called"),
        ("strategy", Mixed, "strategy is <class"),
        ("strategy", None, "strategy is None"),
        ("gate", "strict", "gate is 'strict'"),
        ("gate", 0.05, "gate is 0.05"),
        ("engine", "local", "engine is 'local'; it must be an object with run. LocalEngine\\(\\)."),
        ("engine", LocalEngine, "engine is <class"),
        (
            "owners",
            {"watch": "me"},
            "owners is {'watch': 'me'}; it must be a mapping whose keys are among observe, org",
        ),
        ("owners", ["observe"], "owners is \\['observe'\\]; it must be a mapping"),
        ("owners", None, "owners is None"),
        ("trusted", "wheel.Mine", "trusted is 'wheel.Mine'; it must be a tuple of texts"),
        (
            "trusted",
            (LogisticRegression,),
            "trusted is .*; it must be a tuple of texts such as \\('wheel.MyEncoder',\\)",
        ),
        ("trusted", None, "trusted is None"),
        ("seed", -1, "seed is -1; it must be a whole number, at least 0"),
        ("seed", 1.0, "seed is 1.0"),
        ("seed", True, "seed is True"),
        ("seed", None, "seed is None"),
    ],
)
def test_a_wrong_choice_is_told_what_it_is_and_what_it_must_be(field, wrong, told):
    with pytest.raises(DeclarationError, match=told) as error:
        Wheel(**{**RIGHT, field: wrong})
    assert error.value.field.startswith(field)
    assert error.value.needed
    assert isinstance(error.value, WhorlError)
    assert isinstance(error.value, ValueError)


@pytest.mark.parametrize("missing", RIGHT)
def test_what_only_the_user_can_know_must_be_given(missing):
    with pytest.raises(TypeError, match=missing):
        Wheel(**{name: value for name, value in RIGHT.items() if name != missing})


@pytest.mark.parametrize(
    ("declare", "told"),
    [
        (lambda: Labels(per_turn=-3), "labels.per_turn is -3; it must be a whole number, at least 0. 0 buys no labels"),
        (lambda: Labels(per_turn=2.5), "labels.per_turn is 2.5"),
        (lambda: Labels(per_turn=True), "labels.per_turn is True"),
        (lambda: Labels(per_turn="20"), "labels.per_turn is '20'"),
        (lambda: Labels(price=-0.1), "labels.price is -0.1; it must be a finite number, at least 0"),
        (lambda: Labels(price=float("inf")), "labels.price is inf"),
        (lambda: Labels(price=float("nan")), "labels.price is nan"),
        (lambda: Labels(price="free"), "labels.price is 'free'"),
        (
            lambda: Labels(annotator="people"),
            "labels.annotator is 'people'; it must be a function \\(requests, inputs\\)",
        ),
        (lambda: Prices(training_row=-1), "prices.training_row is -1; it must be a finite number, at least 0"),
        (lambda: Prices(stored_megabyte=None), "prices.stored_megabyte is None"),
    ],
)
def test_wrong_labels_and_prices_are_told_too(declare, told):
    with pytest.raises(DeclarationError, match=told):
        declare()


def test_a_wheel_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Wheel(**RIGHT).seed = 1


def test_every_stage_may_have_an_owner():
    assert Wheel(**RIGHT, owners=dict.fromkeys(STAGES, "me")).owners["learn"] == "me"


def test_parts_of_ones_own_need_no_base_class():
    class Task:
        tensor = check = targets = outputs = answers = confidence = margin = utility = groups = None

    wheel = Wheel(**{**RIGHT, "task": Task()}, strategy=lambda pool, n, rng: None, gate=lambda case: None)
    assert callable(wheel.strategy)


def test_wheels_are_told_apart_by_what_can_be_written_down():
    same = [Wheel(**RIGHT).hash(), Wheel(**RIGHT).hash()]
    others = [
        Wheel(**{**RIGHT, **change}).hash()
        for change in (
            {"name": "other"},
            {"task": Regression(0, 1, tolerance=0.1)},
            {"inputs": Table(age=Number())},
            {"candidates": {"other": logistic}},
            {"seed": 1},
        )
    ]
    assert same[0] == same[1]
    assert len({same[0], *others}) == 6


def test_terms_that_deny_are_terms():
    assert Wheel(**{**RIGHT, "rights": Terms(id="t", event_time=0, known_time=0, name="t")}).rights.name == "t"
