"""Freeze what is known into a dataset whose version is the hash of its content.

Whether an example is held out from a fold depends on a hash of its content, near-copies together, never on its position:
an example that moved from held-out to learned would be judged on what it had taught.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from whorl.protocols import Floats
from whorl.records import Dataset, Json, Label, Turn, canonical_json, derived_id, digest

FOLDS = 4
"""A challenger answers for each example as trained on the three quarters that its family is not in."""


@dataclass(frozen=True)
class Lessons:
    """The rows of a dataset, ready to train on: parallel, one per labelled example, in order of arrival."""

    rows: NDArray[np.intp]  # (N,) of what was kept
    examples: tuple[str, ...]
    contents: tuple[str, ...]
    truths: tuple[Json, ...]
    X: Floats  # (N, D)
    folds: NDArray[np.intp]  # (N,)


def fold_of(family: str, folds: int = FOLDS) -> int:
    """The fold in which the examples of `family` (the content hash of the first of its near-copies) are held out.

    >>> fold_of("a" * 64) == fold_of("a" * 64)
    True
    """
    return int(digest(f"fold {family}")[:8], 16) % folds


def freeze(
    labels: Mapping[str, Label],
    rows: Mapping[str, int],
    kept: Sequence[str],
    contents: Sequence[str],
    X: Floats,
    near_copies: Callable[[Floats], NDArray[np.intp]],
) -> Lessons:
    """The labelled examples, one row for each content. Where copies were labelled differently, the latest label counts.

    Args:
        labels: example id -> the label that counts.
        rows: example id -> row of `kept`, `contents` and `X`; a copy has the row of what it copies.
        near_copies: (N, D) -> (N,) for each row the first row of its family.
    """
    counted: dict[int, Label] = {}
    for example, label in labels.items():
        row = rows.get(example)
        if row is None:  # refused, or newer than the watermark
            continue
        before = counted.get(row)
        if before is None or label.known_time >= before.known_time:
            counted[row] = label
    order = sorted(counted)
    families = [contents[order[first]] for first in near_copies(X[order])]
    return Lessons(
        rows=np.array(order, dtype=np.intp),
        examples=tuple(kept[row] for row in order),
        contents=tuple(contents[row] for row in order),
        truths=tuple(counted[row].value for row in order),
        X=X[order],
        folds=np.array([fold_of(family) for family in families], dtype=np.intp),
    )


def manifest(lessons: Lessons) -> bytes:
    """What the dataset holds, as canonical JSON: example id, content hash, truth and fold of each row."""
    rows = zip(lessons.examples, lessons.contents, lessons.truths, lessons.folds.tolist(), strict=True)
    return canonical_json({"format": 1, "rows": [list(row) for row in rows]}).encode()


def examples_in(data: bytes) -> frozenset[str]:
    """The example ids of a manifest."""
    return frozenset(row[0] for row in json.loads(data)["rows"])


def dataset_record(data: bytes, size: int, turn: Turn, built: Json) -> Dataset:
    """The record of a dataset whose manifest is `data`. The version is its digest."""
    version = digest(data)
    return Dataset(
        id=derived_id(turn.event_time, turn.number, "dataset"),
        event_time=turn.event_time,
        known_time=turn.event_time,
        version=version,
        blob=version,
        size=size,
        turn=turn.number,
        built=built,
    )
