"""Whorl: the open-source data flywheel for machine learning."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # for people and type checkers; the rest of this file does the same, when a name is first used
    from whorl.decide import ProofOrNoHarm
    from whorl.engines import LocalEngine
    from whorl.errors import WhorlError
    from whorl.flywheel import Flywheel
    from whorl.flywheel import open_wheel as open
    from whorl.inputs import Category, Image, Number, Table
    from whorl.label import Mixed, at_random, deficit, kcenter, margin
    from whorl.organize import StandardPca, last_layer
    from whorl.records import Terms, own_data
    from whorl.tasks import Classification, Regression
    from whorl.wheel import Labels, Prices, Wheel

__all__ = [
    "Category",
    "Classification",
    "Flywheel",
    "Image",
    "Labels",
    "LocalEngine",
    "Mixed",
    "Number",
    "Prices",
    "ProofOrNoHarm",
    "Regression",
    "StandardPca",
    "Table",
    "Terms",
    "Wheel",
    "WhorlError",
    "at_random",
    "deficit",
    "kcenter",
    "last_layer",
    "margin",
    "open",
    "own_data",
]

_HOMES = {
    "decide": ("ProofOrNoHarm",),
    "engines": ("LocalEngine",),
    "errors": ("WhorlError",),
    "flywheel": ("Flywheel", "open"),
    "inputs": ("Category", "Image", "Number", "Table"),
    "label": ("Mixed", "at_random", "deficit", "kcenter", "margin"),
    "organize": ("StandardPca", "last_layer"),
    "records": ("Terms", "own_data"),
    "tasks": ("Classification", "Regression"),
    "wheel": ("Labels", "Prices", "Wheel"),
}


def __getattr__(name: str) -> Any:
    # `whorl --help` imports this file too, and must not wait for numpy: 0.2 s in place of 0.5.
    for home, names in _HOMES.items():
        if name in names:
            found = getattr(import_module(f"whorl.{home}"), {"open": "open_wheel"}.get(name, name))
            globals()[name] = found
            return found
    raise AttributeError(f"module 'whorl' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
