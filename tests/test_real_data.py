"""Other wheels than the demo's, on other real data: a regression on a table, and photographs with a long tail."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from whorl import Classification, Image, Labels, LocalEngine, Number, Regression, Table, Wheel, at_random, own_data
from whorl.records import Label, Verdict
from whorl.replay import Recorded, Recording, replay
from whorl.stores import MemoryBlobs, MemoryJournal
from whorl.story import tell_arm

DATA = Path(os.environ.get("WHORL_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
"""Real data sets, which are not part of the repository; WHORL_DATA says where they are."""

CLOTHING = DATA / "clothing" / "clothing_32.npz"


def turned(wheel, recording, folder, **choices):
    wheel = replace(wheel, engine=LocalEngine(workers=1))
    stores = {"journal": MemoryJournal(), "blobs": MemoryBlobs()}
    return replay(wheel, recording, folder, seed=2, **stores, **choices)


def test_a_regression_wheel_turns_from_first_label_to_a_better_model(tmp_path):
    data = load_diabetes(scaled=False)
    wheel = Wheel(
        name="diabetes",
        task=Regression(0, 400, tolerance=150),
        inputs=Table(**{name: Number() for name in data.feature_names}),
        rights=own_data(),
        candidates={
            "ridge": lambda seed: make_pipeline(StandardScaler(), Ridge(10.0)),
            "forest": lambda seed: RandomForestRegressor(30, min_samples_leaf=3, random_state=seed),
        },
        labels=Labels(per_turn=15),
    )
    order = np.random.default_rng(0).permutation(len(data.data))
    rows = [
        Recorded(dict(zip(data.feature_names, data.data[row].tolist(), strict=True)), float(data.target[row]))
        for row in order
    ]
    replayed = turned(wheel, Recording(tuple(rows[:300]), tuple(rows[300:])), tmp_path, turns=5, start=10)
    assert replayed.judged[-1].overall > replayed.judged[0].overall + 0.02
    verdicts = replayed.flywheel.journal.read(Verdict)
    assert {"first", "refresh", "change"} == {verdict.claim for verdict in verdicts}
    assert any(verdict.claim == "refresh" and verdict.decision == "promote" for verdict in verdicts)
    arm = tell_arm(replayed, "wheel")
    assert arm.confusion == ()
    assert len(arm.rows) == 6
    answer = replayed.flywheel.decide(rows[0].value)
    assert 0 <= answer.output <= 400


@pytest.mark.skipif(not CLOTHING.exists(), reason=f"needs the clothing photographs in {CLOTHING.parent.name}")
def test_a_wheel_on_photographs_with_a_long_tail_finds_more_of_the_tail_than_chance(tmp_path):
    with np.load(CLOTHING) as arrays:
        images, names, senders = arrays["X"], arrays["label"], arrays["sender_id"]
    rows = np.random.default_rng(0).permutation(np.flatnonzero(~np.isin(names, ["Not sure", "Skip", "Other"])))
    classes = sorted(set(names[rows].tolist()))
    assert len(classes) == 17

    def row(place):
        return Recorded(images[place], str(names[place]), f"sender {senders[place] % 5}")

    wheel = Wheel(
        name="clothing",
        task=Classification(classes),
        inputs=Image(32, 32, channels=3),
        rights=own_data(),
        candidates={
            "logistic": lambda seed: make_pipeline(
                PCA(20, random_state=seed), StandardScaler(), LogisticRegression(C=0.1, max_iter=300)
            )
        },
        labels=Labels(per_turn=30),
    )
    recording = Recording(tuple(map(row, rows[:900])), tuple(map(row, rows[900:1500])))
    arms = {
        name: turned(wheel, recording, tmp_path / name, turns=4, start=30, strategy=strategy)
        for name, strategy in (("wheel", None), ("random", at_random))
    }
    ours, theirs = (
        Counter(label.value for label in arms[name].flywheel.journal.read(Label)) for name in ("wheel", "random")
    )
    usual = Counter(names[rows[:900]].tolist())
    tail = [name for name in classes if usual[name] < 25]
    assert sum(ours[name] for name in tail) > sum(theirs[name] for name in tail)
    assert len(ours) >= len(theirs)
    print(*[v.sentence for v in arms["wheel"].flywheel.journal.read(Verdict)], sep="\n")
    assert arms["wheel"].judged[-1].overall > arms["wheel"].judged[0].overall
