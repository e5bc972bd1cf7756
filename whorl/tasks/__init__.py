"""What an output, a truth and a utility are: one file for each kind of task."""

from whorl.tasks.classification import Classification
from whorl.tasks.regression import Regression

__all__ = ["Classification", "Regression"]
