"""Wheel: the whole flywheel, declared in one place. A wrong declaration fails here, and says how to mend it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from whorl.decide import ProofOrNoHarm
from whorl.engines import LocalEngine
from whorl.errors import DeclarationError
from whorl.label import Mixed
from whorl.organize import StandardPca
from whorl.protocols import Annotator, Embedder, Engine, Gate, Inputs, Recipe, Strategy, Task
from whorl.records import Terms, canonical_json, digest

STAGES = ("observe", "organize", "label", "learn", "decide", "reinforce")


def _has(field: str, found: object, members: tuple[str, ...], example: str) -> None:
    missing = [name for name in members if not hasattr(found, name)]
    if missing or isinstance(found, str | type):
        raise DeclarationError(field, found=found, needed=f"an object with {', '.join(members)}", mend=f"{example}.")


def _members(kind: type) -> tuple[str, ...]:
    """What a protocol asks for, from the protocol itself."""
    return tuple(name for name in vars(kind) if not name.startswith("_"))


def _at_least_zero(field: str, found: object) -> None:
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float("inf"):
        raise DeclarationError(field, found=found, needed="a finite number, at least 0")


@dataclass(frozen=True)
class Labels:
    """What may be spent on labels, and who gives them.

    `annotator` answers at once, within the turn (a rule, a model, a simulation). Without one, requests wait for people and
    a turn works with what has arrived.
    """

    per_turn: int = 20
    price: float = 0.10
    annotator: Annotator | None = None

    def __post_init__(self) -> None:
        if isinstance(self.per_turn, bool) or not isinstance(self.per_turn, int) or self.per_turn < 0:
            raise DeclarationError(
                "labels.per_turn",
                found=self.per_turn,
                needed="a whole number, at least 0",
                mend="0 buys no labels: the wheel then learns from outcomes alone.",
            )
        _at_least_zero("labels.price", self.price)
        if self.annotator is not None and not callable(self.annotator):
            raise DeclarationError(
                "labels.annotator", found=self.annotator, needed="a function (requests, inputs) -> truths, or None"
            )


@dataclass(frozen=True)
class Prices:
    """What the rest costs, in the same currency as a label."""

    training_row: float = 0.00001
    """Per row that a candidate is trained on, folds included."""
    stored_megabyte: float = 0.00002

    def __post_init__(self) -> None:
        for name in ("training_row", "stored_megabyte"):
            _at_least_zero(f"prices.{name}", getattr(self, name))


@dataclass(frozen=True, kw_only=True)
class Wheel:
    """What the wheel is about, and a choice for each of its parts. Every choice is an object or a callable."""

    name: str
    task: Task
    inputs: Inputs
    rights: Terms
    """Under which terms production data comes in; `own_data()` when it is yours to train on."""
    candidates: Mapping[str, Recipe]
    """name -> function of a seed that makes an unfitted estimator. The first one wins ties."""
    labels: Labels = Labels()
    embedder: Embedder = StandardPca()
    strategy: Strategy = Mixed()
    gate: Gate = ProofOrNoHarm()
    engine: Engine = LocalEngine()
    prices: Prices = Prices()
    owners: Mapping[str, str] = field(default_factory=dict)
    """stage -> who to ask when it is stuck."""
    trusted: tuple[str, ...] = ()
    """Types of your own (`module.Class`) that a stored model may hold."""
    seed: int = 0

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", self.name):
            raise DeclarationError(
                "name",
                found=self.name,
                needed="1 to 64 letters, digits, '.', '_' or '-', starting with a letter or digit",
            )
        _has("task", self.task, _members(Task), "Classification(range(10)), say")
        _has("inputs", self.inputs, _members(Inputs), "Image(28, 28) or Table(age=Number()), say")
        if not isinstance(self.rights, Terms):
            raise DeclarationError(
                "rights", found=self.rights, needed="Terms", mend="Write own_data() if the data is yours to train on."
            )
        if not isinstance(self.candidates, Mapping) or not self.candidates:
            raise DeclarationError(
                "candidates",
                found=self.candidates,
                needed="a mapping from names to functions of a seed",
                mend="For example {'logistic': lambda seed: LogisticRegression()}.",
            )
        for name, recipe in self.candidates.items():
            _check_recipe(name, recipe)
        for name, kind in (("labels", Labels), ("prices", Prices)):
            if not isinstance(getattr(self, name), kind):
                raise DeclarationError(name, found=getattr(self, name), needed=f"{kind.__name__}(...)")
        for name in ("embedder", "strategy", "gate"):
            if not callable(getattr(self, name)) or isinstance(getattr(self, name), str | type):
                raise DeclarationError(
                    name,
                    found=getattr(self, name),
                    needed="an object or function that can be called",
                    mend="Pass the thing itself, not its name or its class.",
                )
        _has("engine", self.engine, ("run",), "LocalEngine()")
        if not isinstance(self.owners, Mapping) or not set(self.owners) <= set(STAGES):
            raise DeclarationError(
                "owners", found=self.owners, needed=f"a mapping whose keys are among {', '.join(STAGES)}"
            )
        if not isinstance(self.trusted, tuple) or not all(isinstance(name, str) for name in self.trusted):
            raise DeclarationError(
                "trusted", found=self.trusted, needed="a tuple of texts such as ('wheel.MyEncoder',)"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, int) or self.seed < 0:
            raise DeclarationError("seed", found=self.seed, needed="a whole number, at least 0")

    def hash(self) -> str:
        """Identity of the declaration, as far as it can be written down: it goes into every turn's record."""
        return digest(
            canonical_json([self.name, repr(self.task), repr(self.inputs), sorted(self.candidates), self.seed])
        )


def _check_recipe(name: object, recipe: Recipe) -> None:
    field = f"candidates[{name!r}]"
    if not isinstance(name, str) or not name:
        raise DeclarationError(field, found=name, needed="named by a text")
    if not callable(recipe) or hasattr(recipe, "fit"):
        raise DeclarationError(
            field,
            found=recipe,
            needed="a function of a seed that makes an estimator",
            mend="Put `lambda seed:` before it.",
        )
