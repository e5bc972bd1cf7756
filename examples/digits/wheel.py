"""Whorl's demo: handwritten digits from three customers, two of the ten digits rare. `whorl replay examples/digits`."""

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from whorl import Classification, Image, Labels, Wheel, own_data
from whorl.replay import Recorded, Recording

wheel = Wheel(
    name="digits",
    task=Classification(range(10)),
    inputs=Image(8, 8, high=16),
    rights=own_data(),
    candidates={
        "logistic": lambda seed: make_pipeline(
            StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500)
        ),
        "svm": lambda seed: make_pipeline(StandardScaler(with_std=False), SVC(C=10)),
    },
    labels=Labels(per_turn=20, price=0.10),
    owners={"observe": "the scanning team", "learn": "you"},
)


def recorded(seed: int = 0, sealed: int = 500, rarity: int = 30, repeats: float = 0.03) -> Recording:
    """The 1,797 digits as a production stream: customers with different mixes, rare digits, now and then a repeat."""
    rng = np.random.default_rng(seed)
    images, digits = load_digits(return_X_y=True)
    rare = rng.choice(10, size=2, replace=False)
    order = rng.permutation(len(digits))
    judging, streaming = order[:sealed], order[sealed:]
    kept = {digit: np.flatnonzero(digits[streaming] == digit) for digit in rare}
    drop = np.concatenate([rows[max(3, len(rows) // rarity) :] for rows in kept.values()])
    streaming = np.delete(streaming, drop)
    streaming = np.concatenate([streaming, rng.choice(streaming, size=int(repeats * len(streaming)))])
    # Acme sends everything; Bolt mostly small digits; Cargo mostly large ones.
    customers, likes = ("acme", "bolt", "cargo"), {"acme": lambda d: 1.0, "bolt": lambda d: 3.0 - 2.5 * (d > 4)}
    likes["cargo"] = lambda d: 0.5 + 2.5 * (d > 4)

    def row(place: int, customer: str) -> Recorded:
        return Recorded(images[place].reshape(8, 8), int(digits[place]), customer)

    arriving = []
    for place in rng.permutation(streaming):
        chances = np.array([likes[customer](digits[place]) for customer in customers])
        arriving.append(row(place, str(rng.choice(customers, p=chances / chances.sum()))))
    return Recording(tuple(arriving), tuple(row(place, "") for place in judging))
