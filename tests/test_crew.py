"""Models of a wheel answer what they can; what one cannot answer stops nobody."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from whorl import Classification
from whorl.crew import answered

TASK = Classification(["left", "right"])


@pytest.fixture
def fitted():
    X = np.random.default_rng(0).normal(size=(30, 2))
    return LogisticRegression().fit(X, X[:, 0] > 0)


@pytest.mark.parametrize("missing", [[], [0], [8], [3, 4], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_rows_that_a_model_cannot_take_are_left_out_and_the_others_answered(fitted, missing):
    X = np.random.default_rng(1).normal(size=(9, 2))
    whole = TASK.outputs(fitted, X)
    X[missing, 1] = np.nan
    rows, outputs = answered(TASK, fitted, X)
    assert rows.tolist() == [row for row in range(9) if row not in missing]
    assert np.allclose(outputs, whole[rows])


def test_of_no_rows_none_are_answered(fitted):
    rows, outputs = answered(TASK, fitted, np.zeros((0, 2)))
    assert rows.tolist() == []
    assert outputs.shape == (0, 2)
