"""What `whorl init images` gives to try the wheel on: the digits of scikit-learn, as three customers send them."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits


def write(folder: Path) -> Path:
    """sample.npz: x (1797, 8, 8), truth (1797,), customer (1797,)."""
    images, digits = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    # Acme sends everything, Bolt mostly small digits, Cargo mostly large ones.
    likes = np.column_stack([np.full(len(digits), 2.0), 5.0 - digits.clip(0, 4), digits.clip(4, 9) - 3.0])
    draws = rng.random(len(digits))[:, None] > (likes / likes.sum(axis=1, keepdims=True)).cumsum(axis=1)
    path = folder / "sample.npz"
    np.savez_compressed(
        path,
        x=images.reshape(-1, 8, 8).astype(np.uint8),
        truth=digits,
        customer=np.array(["acme", "bolt", "cargo"])[draws.sum(axis=1)],
    )
    return path
