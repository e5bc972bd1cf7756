"""Replay: the same seed gives the same story, the control arm is the same but for its labels, bad recordings are named."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from whorl import LocalEngine, Number, Regression, Table, at_random
from whorl.errors import BadInput, DeclarationError, NotFound
from whorl.flywheel import declared_in, module_of
from whorl.records import Example, Fate, Label, LabelRequest, derived_id
from whorl.replay import Recorded, Recording, Simulated, read_recording, replay
from whorl.replay.compare import Job, compare, recording_of
from whorl.replay.recording import split
from whorl.stores import MemoryBlobs, MemoryJournal
from whorl.story import tell, tell_arm

DIGITS = Path(__file__).resolve().parent.parent / "examples" / "digits"


@pytest.fixture(scope="module")
def wheel():
    return replace(declared_in(DIGITS), engine=LocalEngine(workers=1))


@pytest.fixture(scope="module")
def recording():
    return module_of(DIGITS).recorded(seed=5)


def arm(wheel, recording, folder, **choices):
    stores = {"journal": MemoryJournal(), "blobs": MemoryBlobs()}
    return replay(wheel, recording, folder, turns=3, wrong=0.01, seed=5, **stores, **choices)


def request(example: str, question: str) -> LabelRequest:
    return LabelRequest(
        id=question, event_time=0, known_time=0, example=example, reason="audit", probability=1.0, price=0.1, turn=1
    )


def test_the_digits_stream_is_what_the_demo_says_it_is(recording):
    digits = Counter(row.truth for row in recording.arriving)
    rare = sorted(digits.values())[:2]
    usual = np.median(list(digits.values()))
    assert usual / 45 < np.mean(rare) < usual / 20, digits
    mixes = {
        name: [row.truth for row in recording.arriving if row.customer == name] for name in ("acme", "bolt", "cargo")
    }
    assert np.mean(mixes["bolt"]) + 1 < np.mean(mixes["acme"]) < np.mean(mixes["cargo"]) - 1
    sealed = {row.value.tobytes() for row in recording.sealed}
    assert not sealed & {row.value.tobytes() for row in recording.arriving}, "what judges must never arrive"
    assert len(recording.sealed) == 500


def test_two_replays_with_one_seed_tell_the_same_story_and_another_seed_another(wheel, recording, tmp_path):
    first = tell_arm(arm(wheel, recording, tmp_path / "a"), "wheel")
    again = tell_arm(arm(wheel, recording, tmp_path / "b"), "wheel")
    other = tell_arm(arm(wheel, module_of(DIGITS).recorded(seed=6), tmp_path / "c"), "wheel")
    assert first == again
    assert first.curve != other.curve


def test_the_control_sees_the_same_stream_and_start_and_asks_at_random(wheel, recording, tmp_path):
    ours = arm(wheel, recording, tmp_path / "a").flywheel.journal
    control = arm(wheel, recording, tmp_path / "b", strategy=at_random).flywheel.journal
    assert [e.content for e in ours.read(Example)] == [e.content for e in control.read(Example)]
    start = [[(label.example, label.value) for label in journal.read(Label)[:20]] for journal in (ours, control)]
    assert start[0] == start[1]
    assert {each.reason for each in control.read(LabelRequest)} == {"audit"}
    assert {each.reason for each in ours.read(LabelRequest)} >= {"audit", "coverage", "margin"}
    assert len(ours.read(LabelRequest)) == len(control.read(LabelRequest)) == 60


def test_repeats_are_dropped_with_the_reason_kept(wheel, recording, tmp_path):
    journal = arm(wheel, recording, tmp_path).flywheel.journal
    contents = {example.id: example.content for example in journal.read(Example)}
    copies = [fate for fate in journal.read(Fate) if not fate.kept]
    assert copies
    for fate in copies:
        assert contents[fate.example] == contents[fate.reason.removeprefix("an exact copy of ")]


def test_the_control_goes_on_until_it_has_reached_what_it_was_asked_for(wheel, recording, tmp_path):
    replayed = arm(wheel, recording, tmp_path, until=lambda: 0.80, most_beyond=15)
    curve = [each.balanced for each in (*replayed.judged, *replayed.beyond)]
    assert replayed.beyond
    assert all(value < 0.80 for value in curve[3:-1])
    assert curve[-1] >= 0.80 or len(replayed.beyond) == 15


def test_a_live_wheel_and_an_empty_one_have_a_story_too(wheel, recording, tmp_path):
    story = tell(arm(wheel, recording, tmp_path / "a").flywheel)
    assert len(story.arms[0].rows) == 4
    from whorl.flywheel import Flywheel

    with Flywheel(wheel, tmp_path / "empty") as empty:
        assert tell(empty).arms[0].rows == ()


def test_the_simulated_annotator_errs_as_often_as_it_says_and_not_twice_alike():
    truths = {derived_id(0, n): n % 10 for n in range(4000)}
    annotator = Simulated(truths, wrong=0.1, seed=1)
    answers = annotator([request(example, f"first {example}") for example in truths], [None] * len(truths))
    again = annotator([request(example, f"again {example}") for example in truths], [None] * len(truths))
    wrong = [example for example, answer in zip(truths, answers, strict=True) if answer != truths[example]]
    wrong_again = [example for example, answer in zip(truths, again, strict=True) if answer != truths[example]]
    assert 0.08 < len(wrong) / len(truths) < 0.12
    assert len(set(wrong) & set(wrong_again)) < len(wrong) / 3
    assert annotator([request("unknown", "?")], [None]) == [None]


def test_copies_are_sealed_together(wheel):
    rows = [Recorded(np.full((8, 8), n % 9), n % 10) for n in range(90)]
    halves = split(rows, wheel, 0.5)
    sealed, arriving = ({row.value.tobytes() for row in part} for part in (halves.sealed, halves.arriving))
    assert sealed
    assert arriving
    assert not sealed & arriving


def table_wheel(wheel):
    return replace(wheel, inputs=Table(x=Number(low=0)), task=Regression(0, 10, tolerance=2))


def test_recordings_are_read_from_csv_and_jsonl_alike(wheel, tmp_path):
    numbers = table_wheel(wheel)
    rows = [{"x": float(n), "truth": n % 10, "customer": "a" if n % 2 else "b"} for n in range(50)]
    (tmp_path / "d.csv").write_text(
        "x,truth,customer\n" + "".join(f"{r['x']},{r['truth']},{r['customer']}\n" for r in rows)
    )
    (tmp_path / "d.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    from_csv, from_jsonl = (read_recording(tmp_path / name, numbers) for name in ("d.csv", "d.jsonl"))
    assert from_csv == from_jsonl
    assert len(from_csv.arriving) + len(from_csv.sealed) == 50


@pytest.mark.parametrize(
    ("name", "text", "error", "says"),
    [
        ("d.csv", "x,other\n1,2\n", BadInput, "truth"),
        ("d.csv", "x,truth\n1,2\n-3,2\n", BadInput, "line 3"),
        ("d.csv", "x,truth\n1,200\n", BadInput, "line 2"),
        ("d.csv", "x,truth\n", BadInput, "no rows"),
        ("d.jsonl", "{oops\n", BadInput, "line 1"),
        ("d.jsonl", "5\n", BadInput, "line 1"),
        ("d.xml", "<x/>", BadInput, "xml"),
    ],
)
def test_a_bad_recording_is_refused_with_the_place_and_the_reason(wheel, tmp_path, name, text, error, says):
    (tmp_path / name).write_text(text)
    with pytest.raises(error, match=says):
        read_recording(tmp_path / name, table_wheel(wheel))


def test_a_missing_recording_is_named(wheel, tmp_path):
    with pytest.raises(NotFound, match=r"nowhere\.csv"):
        read_recording(tmp_path / "nowhere.csv", table_wheel(wheel))


def test_a_wheel_without_recorded_data_says_what_to_do(tmp_path):
    source = (DIGITS / "wheel.py").read_text().replace("def recorded", "def something_else")
    (tmp_path / "wheel.py").write_text(source)
    with pytest.raises(DeclarationError, match="follow"):
        recording_of(Job(tmp_path))


def test_both_arms_run_in_processes_of_their_own_and_are_compared(tmp_path):
    (tmp_path / "wheel.py").write_text((DIGITS / "wheel.py").read_text())
    heard = []
    story = compare(Job(tmp_path, turns=2, wrong=0.01, seed=3), say=lambda *what: heard.append(what))
    assert [each.name for each in story.arms] == ["wheel", "control"]
    assert {name for name, _, _ in heard} == {"wheel", "control"}
    assert len(story.arms[0].rows) == 3
    assert story.arms[1].curve[-1][0] >= 60
    assert "balanced accuracy" in story.headline
    assert (tmp_path / ".whorl" / "replay" / "wheel" / "journal.db").exists()


def test_a_replay_that_cannot_work_says_why_and_leaves_no_process(tmp_path):
    broken = (DIGITS / "wheel.py").read_text().replace("per_turn=20", "per_turn=-20")
    (tmp_path / "wheel.py").write_text(broken)
    with pytest.raises(DeclarationError, match=r"labels\.per_turn is -20"):
        compare(Job(tmp_path))


def test_a_recording_may_hold_what_never_became_known(wheel, recording, tmp_path):
    rows = [replace(row, truth=None) if place % 3 else row for place, row in enumerate(recording.arriving)]
    replayed = arm(wheel, Recording(tuple(rows), recording.sealed), tmp_path)
    assert replayed.judged[-1].labels < 80, "there is no answer to most questions"
    assert replayed.judged[-1].balanced > 0.3
