"""What `whorl init table` gives to try the wheel on: 1,500 made-up card payments at three banks, 1 in 11 a fraud."""

import csv
from pathlib import Path

import numpy as np

COLUMNS = ("amount", "hour", "tries", "account_days", "distance_km", "channel", "truth", "customer")


def write(folder: Path) -> Path:
    """sample.csv: the columns of the wheel, `truth` and `customer`."""
    rng = np.random.default_rng(0)
    path = folder / "sample.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        rows.writerows(_payment(rng) for _ in range(1500))
    return path


def _payment(rng: np.random.Generator) -> dict[str, object]:
    bank = str(rng.choice(["north", "south", "west"], p=[0.5, 0.3, 0.2]))
    fraud = rng.random() < {"north": 0.06, "south": 0.08, "west": 0.14}[bank]
    row: dict[str, object] = {
        "amount": rng.lognormal(3.3, 1.0),
        "hour": rng.normal(14, 4) % 24,
        "tries": 1 + rng.poisson(0.3),
        "account_days": rng.gamma(1.5, 500),
        "distance_km": rng.exponential(8),
        "channel": str(rng.choice(["shop", "online", "cash"], p=[0.55, 0.3, 0.15])),
    }
    # Three ways to steal: large and online at night, a stolen card far away, many tries from a fresh account.
    way = rng.choice(3, p=[0.5, 0.3, 0.2])
    if fraud and way == 0:
        row |= {"amount": rng.lognormal(5.6, 0.6), "hour": rng.normal(2, 1.5) % 24, "channel": "online"}
    elif fraud and way == 1:
        row |= {"amount": rng.lognormal(5.0, 0.5), "distance_km": rng.gamma(4, 60), "channel": "cash"}
    elif fraud:
        row |= {"tries": 4 + rng.poisson(3), "account_days": rng.exponential(20)}
    cells: dict[str, object] = {
        name: round(value, 2) if isinstance(value, float) else value for name, value in row.items()
    }
    if row["channel"] == "online":
        cells["distance_km"] = ""
    return {**cells, "truth": "fraud" if fraud else "fine", "customer": bank}
