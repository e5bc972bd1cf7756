"""Learn: freeze what is known into a dataset version, and train every candidate on it."""

from whorl.learn.artefact import dump, load
from whorl.learn.dataset import FOLDS, Lessons, dataset_record, examples_in, fold_of, freeze, manifest
from whorl.learn.recipe import environment, parameters, recipe_hash, recipe_of
from whorl.learn.train import Trained, rows_fitted, train

__all__ = [
    "FOLDS",
    "Lessons",
    "Trained",
    "dataset_record",
    "dump",
    "environment",
    "examples_in",
    "fold_of",
    "freeze",
    "load",
    "manifest",
    "parameters",
    "recipe_hash",
    "recipe_of",
    "rows_fitted",
    "train",
]
