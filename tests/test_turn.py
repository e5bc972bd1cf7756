"""A turn: what it does, what it costs when there is nothing to do, and that it can be killed after any write."""

from __future__ import annotations

import os
import shutil
import signal
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from whorl import Classification, Image, Labels, LocalEngine, Wheel, own_data
from whorl.flywheel import Flywheel
from whorl.records import (
    KINDS,
    Dataset,
    Example,
    Label,
    LabelRequest,
    Promotion,
    Report,
    Turn,
    Verdict,
    body,
    derived_id,
)
from whorl.replay import Simulated
from whorl.stores import FolderBlobs, SqliteJournal

IMAGES, DIGITS = load_digits(return_X_y=True)
AT = 1_767_225_600_000_000
DAY = 86_400_000_000

WHEEL = Wheel(
    name="turns",
    task=Classification(range(10)),
    inputs=Image(8, 8, high=16),
    rights=own_data(),
    candidates={
        "logistic": lambda seed: LogisticRegression(C=0.1, max_iter=200, random_state=seed),
        "bayes": lambda seed: GaussianNB(var_smoothing=0.01),
    },
    labels=Labels(per_turn=12),
    engine=LocalEngine(workers=1),
)


class Counter:
    """Ids that come out the same in every run."""

    def __init__(self) -> None:
        self.made = 0

    def __call__(self, at: int) -> str:
        self.made += 1
        return derived_id(at, "test", self.made)


def opened(folder: Path, truths: dict[str, int], per_turn: int = 12, **stores: object) -> Flywheel:
    wheel = replace(WHEEL, labels=Labels(per_turn=per_turn, annotator=Simulated(truths)))
    return Flywheel(wheel, folder, clock=lambda: AT, fresh_id=Counter(), **stores)


def arrive(flywheel: Flywheel, truths: dict[str, int], rows: range) -> list[str]:
    ids = flywheel.observe([IMAGES[row] for row in rows], customers=["acme" if row % 2 else "bolt" for row in rows])
    truths.update({example: int(DIGITS[row]) for example, row in zip(ids, rows, strict=True)})
    return ids


def contents(folder: Path) -> tuple[list[str], dict[str, bytes]]:
    """Every record in order of arrival, and every blob."""
    with SqliteJournal(folder / "journal.db") as journal:
        records = [str((kind.__name__, body(record))) for kind in KINDS for record in journal.read(kind)]
    blobs = FolderBlobs(folder / "blobs")
    return records, {name: blobs.get(name) for name in blobs.names()}


class KilledAfter:
    """A journal or blobs that kill -9 their own process right after a given number of writes."""

    left = 0

    def __init__(self, store: object) -> None:
        self.store = store

    def __getattr__(self, name: str) -> object:
        found = getattr(self.store, name)
        if name not in ("append", "put"):
            return found

        def write(*what: object) -> object:
            done = found(*what)
            KilledAfter.left -= 1
            if KilledAfter.left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return done

        return write

    def __contains__(self, name: object) -> bool:
        return name in self.store  # type: ignore[operator]


def in_a_process_that_dies(folder: Path, truths: dict[str, int], writes: int, at: int) -> bool:
    """Run a turn in a fork that is killed after `writes` writes; whether it was killed (and not done before)."""
    child = os.fork()
    if child == 0:
        try:
            KilledAfter.left = writes
            journal = KilledAfter(SqliteJournal(folder / "journal.db"))
            blobs = KilledAfter(FolderBlobs(folder / "blobs"))
            opened(folder, truths, journal=journal, blobs=blobs).turn(at=at)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize("turns_before", [0, 2], ids=["the first turn", "a later turn"])
def test_a_turn_killed_after_any_write_is_finished_with_identical_records_and_artefacts(tmp_path, turns_before):
    start, truths = tmp_path / "start", {}
    with opened(start, truths) as flywheel:
        ids = arrive(flywheel, truths, range(60))
        for example in ids[:25]:
            flywheel.label(example, truths[example])
        for turn in range(turns_before):
            flywheel.turn(at=AT + turn * DAY)
            arrive(flywheel, truths, range(100 + 40 * turn, 140 + 40 * turn))
    at = AT + 10 * DAY

    shutil.copytree(start, tmp_path / "whole")
    with opened(tmp_path / "whole", truths) as flywheel:
        flywheel.turn(at=at)
    expected = contents(tmp_path / "whole")
    assert any("'closed'" in record for record in expected[0])

    killed = 0
    for writes in range(1, 100):
        folder = tmp_path / f"killed after {writes}"
        shutil.copytree(start, folder)
        if not in_a_process_that_dies(folder, truths, writes, at):
            break
        killed += 1
        with opened(folder, truths) as flywheel:
            if flywheel.status()["interrupted"]:  # not so after the last write, which closes the turn
                flywheel.turn(at=at + DAY)  # the clock has gone on; the turn keeps the time at which it was opened
        assert contents(folder) == expected, f"killed after write {writes}, the turn ended differently"
        shutil.rmtree(folder)
    assert killed >= 10, "a turn writes once a step at least; was it killed at all?"


def test_an_empty_turn_costs_less_than_a_fifth_of_a_second(tmp_path):
    truths = {}
    with opened(tmp_path, truths) as flywheel:
        ids = arrive(flywheel, truths, range(200))
        for example in ids[:30]:
            flywheel.label(example, truths[example])
        flywheel.turn()
        flywheel.wheel = replace(flywheel.wheel, labels=Labels(per_turn=0))
        flywheel.turn()
        spent = []
        for _ in range(5):
            began = time.process_time()
            closed = flywheel.turn()
            spent.append(time.process_time() - began)
        assert closed.account["arrived"] == closed.account["asked"] == 0
        assert min(spent) < 0.2, f"an empty turn took {min(spent):.2f} CPU seconds"
        assert flywheel.journal.count(Dataset) == 1, "nothing new was known, so nothing should have been learned"


def test_a_turn_without_anything_says_so_and_does_not_fail(tmp_path):
    with opened(tmp_path, {}) as flywheel:
        closed = flywheel.turn()
        assert closed.account["arrived"] == closed.account["labels"] == 0
        assert flywheel.champion() is None


def test_a_turn_never_waits_for_people_and_never_asks_twice_what_is_open(tmp_path):
    with Flywheel(WHEEL, tmp_path, clock=lambda: AT, fresh_id=Counter()) as flywheel:
        arrive(flywheel, {}, range(60))
        flywheel.turn()
        asked = flywheel.journal.read(LabelRequest)
        assert len(asked) == 12
        flywheel.turn()
        assert flywheel.journal.read(LabelRequest) == asked, "12 are open and the budget is 12: nothing more to ask"
        for request in asked[:5]:
            flywheel.label(request.example, 3, at=AT + 1)
        flywheel.clock = lambda: AT + DAY
        for request in asked[5:7]:
            flywheel.label(request.example, 4)
        flywheel.turn()
        assert 0 < len(flywheel.journal.read(LabelRequest)) - 12 <= 7


def test_examples_with_unknown_rights_are_never_learned_from(tmp_path):
    truths = {}
    with opened(tmp_path, truths) as flywheel:
        ids = arrive(flywheel, truths, range(60))
        known = flywheel.journal.read(Example)
        stranger = replace(known[0], id=derived_id(AT, "stranger"), content="f" * 64, rights="found somewhere")
        flywheel.journal.append(stranger)
        flywheel.label(stranger.id, 3)
        for example in ids[:30]:
            flywheel.label(example, truths[example])
        closed = flywheel.turn()
        assert closed.account["labels"] == 30 + 12
        learned = flywheel.blobs.get(flywheel.journal.read(Dataset)[-1].blob).decode()
        assert stranger.id not in learned


def test_every_model_predicts_a_new_label_before_it_is_learned_from(tmp_path):
    truths = {}
    with opened(tmp_path, truths) as flywheel:
        ids = arrive(flywheel, truths, range(80))
        for example in ids[:20]:
            flywheel.label(example, truths[example])
        flywheel.turn(at=AT)
        learned = set(flywheel.journal.read(Report)[-1].examples)
        flywheel.turn(at=AT + DAY)
        before = [report for report in flywheel.journal.read(Report) if report.basis == "prequential"]
        assert [report.role for report in before] == ["champion"]
        assert not learned & set(before[0].examples), "the champion was judged on what it had learned"
        assert len(before[0].examples) == 12


def test_a_recipe_that_left_the_declaration_stays_what_changes_are_judged_against(tmp_path):
    truths = {}
    with opened(tmp_path, truths) as flywheel:
        ids = arrive(flywheel, truths, range(80))
        for example in ids[:30]:
            flywheel.label(example, truths[example])
        flywheel.turn(at=AT)
        champion = flywheel.champion().model.recipe
        others = {name: make for name, make in WHEEL.candidates.items() if name != champion}
        flywheel.wheel = replace(flywheel.wheel, candidates=others)
        flywheel.turn(at=AT + DAY)
        claims = {verdict.claim for verdict in flywheel.journal.read(Verdict) if verdict.turn == 2}
        assert claims == {"refresh", "change"}


def test_fresh_labels_roll_back_a_champion_that_does_harm(tmp_path):
    """A champion that turns bad in service: fresh labels bring its predecessor back."""
    truths = {}
    with opened(tmp_path, truths, per_turn=30) as flywheel:
        ids = arrive(flywheel, truths, range(300))
        for example in ids[:60]:
            flywheel.label(example, truths[example])
        flywheel.turn(at=AT)
        good = flywheel.champion().model.version
        # Somebody promotes, by hand, a model that was trained on shuffled labels.
        shuffled = np.random.default_rng(0).permutation([truths[example] for example in ids[:60]])
        with opened(tmp_path / "elsewhere", truths, per_turn=30) as other:
            twins = arrive(other, {}, range(300))
            for example, wrong in zip(twins[:60], shuffled.tolist(), strict=True):
                other.label(example, wrong)
            other.turn(at=AT + 1)
            bad = other.champion().model
            flywheel.blobs.put(other.blobs.get(bad.artefact))
        dataset = flywheel.journal.read(Dataset)[-1]
        bad = replace(bad, id=derived_id(AT, "bad"), dataset=dataset.blob)
        by_hand = Promotion(
            id=derived_id(AT, "by hand"), event_time=AT, known_time=AT, model=bad.version, by="eve", turn=1
        )
        flywheel.journal.append(bad, by_hand)
        for turn in range(1, 4):
            flywheel.turn(at=AT + turn * DAY)
            if flywheel.champion().model.version != bad.version:
                break
        rollbacks = [v for v in flywheel.journal.read(Verdict) if v.claim == "rollback"]
        assert [v.challenger for v in rollbacks] == [good]
        assert "odds" in rollbacks[0].sentence
        assert turn <= 3


def test_labels_that_contradict_the_champion_hold_learning_once_and_are_asked_again(tmp_path):
    truths = {}
    with opened(tmp_path, truths, per_turn=30) as flywheel:
        ids = arrive(flywheel, truths, range(800))
        for example in ids[:150]:
            flywheel.label(example, truths[example])
        for turn in range(3):
            flywheel.turn(at=AT + turn * DAY)
        champion = flywheel.champion().model.version
        honest = flywheel.wheel

        def liar(requests, inputs):
            return [(truths[request.example] + 5) % 10 for request in requests]

        flywheel.wheel = replace(honest, labels=Labels(per_turn=30, annotator=liar))
        closed = flywheel.turn(at=AT + 3 * DAY)
        assert closed.account["surprised"]
        assert flywheel.champion().model.version == champion
        flywheel.wheel = honest
        flywheel.turn(at=AT + 4 * DAY)
        again = [request for request in flywheel.journal.read(LabelRequest) if request.reason == "second opinion"]
        assert len(again) == 30
        latest = {label.example: label.value for label in flywheel.journal.read(Label)}
        assert all(latest[request.example] == truths[request.example] for request in again)


def test_two_turns_at_once_leave_one_account_each_and_the_clock_never_goes_back(tmp_path):
    truths = {}
    with opened(tmp_path, truths) as flywheel:
        arrive(flywheel, truths, range(40))
        first = flywheel.turn(at=AT)
        second = flywheel.turn(at=AT - DAY)
        assert second.event_time > first.event_time
        assert [turn.number for turn in flywheel.journal.read(Turn)] == [1, 1, 2, 2]


def test_labels_of_a_class_that_is_not_declared_any_more_teach_nothing_and_stop_nothing(tmp_path):
    truths = {}
    with opened(tmp_path, truths) as flywheel:
        ids = arrive(flywheel, truths, range(80))
        for example in ids[:40]:
            flywheel.label(example, truths[example])
        flywheel.turn()
        nine = replace(flywheel.wheel, task=Classification(range(9)), labels=Labels(per_turn=0))
        flywheel.wheel = nine
        for example in ids[40:45]:
            if truths[example] != 9:
                flywheel.label(example, truths[example])
        closed = flywheel.turn()
        learned = flywheel.blobs.get(flywheel.journal.read(Dataset)[-1].blob).decode()
        assert closed.account["labels"] > 30
        assert not any(example in learned for example, truth in truths.items() if truth == 9)


def test_mended_candidates_are_tried_without_waiting_for_another_label(tmp_path):
    truths = {}
    with opened(tmp_path, truths) as flywheel:
        ids = arrive(flywheel, truths, range(60))
        for example in ids[:40]:
            flywheel.label(example, truths[example])
        mended = replace(flywheel.wheel, labels=Labels(per_turn=0))
        flywheel.wheel = replace(mended, candidates={"broken": lambda seed: LogisticRegression(C=-1.0)})
        flywheel.turn()
        assert flywheel.champion() is None
        assert "could not be trained" in flywheel.journal.read(Verdict)[-1].sentence
        flywheel.wheel = mended
        flywheel.turn()
        assert flywheel.champion() is not None
