"""Whorl: the open-source data flywheel for machine learning."""

from whorl.decide import ProofOrNoHarm
from whorl.engines import LocalEngine
from whorl.errors import WhorlError
from whorl.flywheel import Flywheel
from whorl.flywheel import open_wheel as open
from whorl.inputs import Category, Image, Number, Table
from whorl.label import Mixed, at_random, kcenter, margin
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
    "kcenter",
    "last_layer",
    "margin",
    "open",
    "own_data",
]
