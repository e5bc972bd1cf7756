"""What a wheel's records tell, as the plain facts that pages and tables show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from whorl import observe, organize
from whorl.crew import answered
from whorl.flywheel import Flywheel
from whorl.pages import Arm, FunnelStep, Mark, Step, Story, TurnRow
from whorl.records import Decision, Example, Fate, Json, Label, LabelRequest, Model, Promotion, Turn, Verdict
from whorl.replay.run import Replayed

MOST_MARKS = 1500
"""Examples on the map of a report: more make the file large and the picture no clearer."""


def tell(flywheel: Flywheel) -> Story:
    """The story of a live wheel: measured on audits and outcomes, since nothing else is known."""
    arm = _arm(flywheel, "wheel")
    last = arm.rows[-1] if arm.rows else None
    headline = "The wheel has not turned yet."
    if last:
        headline = f"{len(arm.rows)} turns, {last.labels} labels; {last.champion or 'nobody'} serves."
    notes = (
        "Measured figures come from audits (drawn at random) and outcomes of the last four turns, each predicted before "
        "it was learned from. Balanced figures come from all labels, most of them chosen for being hard: they err low.",
    )
    return Story(
        title=f"{flywheel.wheel.name}: the wheel",
        wheel=flywheel.wheel.name,
        arms=(arm,),
        headline=headline,
        notes=notes,
        metric=_metric(flywheel),
        made=datetime.fromtimestamp(flywheel.clock() / 1e6, UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def tell_arm(replayed: Replayed, name: str) -> Arm:
    """An arm of a replay: what the wheel recorded, judged by the truth that it did not know."""
    flywheel = replayed.flywheel
    arm = _arm(flywheel, name)
    judged = {each.turn: each for each in (*replayed.judged, *replayed.beyond)}
    rows = []
    for row in arm.rows[: len(replayed.judged)]:
        truth = judged[row.number]
        # The start is turn 1 of the journal and turn 0 of the replay.
        number = row.number - 1
        rows.append(replace(row, number=number, measured=truth.served, balanced=truth.balanced, overall=truth.overall))
    return replace(
        arm,
        rows=tuple(rows),
        steps=tuple(replace(step, turn=step.turn - 1) for step in arm.steps if step.turn <= len(rows)),
        confusion=replayed.confusion,
        curve=tuple((each.labels, each.balanced) for each in judged.values()),
    )


def _arm(flywheel: Flywheel, name: str) -> Arm:
    journal = flywheel.journal
    turns = [turn for turn in journal.read(Turn) if turn.phase == "closed"]
    verdicts, promotions = journal.read(Verdict), journal.read(Promotion)
    recipes = {model.version: model.recipe for model in journal.read(Model)}
    rows = tuple(_row(turn, verdicts, promotions, recipes) for turn in turns)
    marks, confusion, classes = _map_and_confusion(flywheel)
    return Arm(
        name=name,
        rows=rows,
        steps=_steps(verdicts, promotions, recipes),
        confusion=confusion,
        classes=classes,
        funnel=_funnel(flywheel, turns),
        marks=marks,
        holes=tuple(turns[-1].plan["because"]) if turns else (),
        curve=tuple((row.labels, row.balanced) for row in rows if row.balanced is not None),
    )


def _row(turn: Turn, verdicts: Sequence[Verdict], promotions: Sequence[Promotion], recipes: dict[str, str]) -> TurnRow:
    told: Json = turn.account
    mine = [verdict for verdict in verdicts if verdict.turn == turn.number]
    promoted = [verdict for verdict in mine if verdict.challenger == told["promoted"]]
    decision = "hold"
    if promoted:
        decision = {"first": "first", "rollback": "rollback"}.get(promoted[0].claim, "promote")
    elif mine and all(verdict.decision == "reject" for verdict in mine):
        decision = "reject"
    served = [promotion for promotion in promotions if promotion.turn <= turn.number]
    return TurnRow(
        number=turn.number,
        at=turn.event_time,
        arrived=told["arrived"],
        kept=told["kept"],
        asked=told["asked"],
        labels=told["labels"],
        coverage=told["coverage"],
        measured={customer: (value[0], value[1]) for customer, value in told["measured"].items()},
        balanced=told["balanced"],
        overall=_mean(told["measured"]),
        decision=decision,
        verdict=(promoted or mine)[0].sentence if mine else "nothing new to learn from",
        champion=recipes.get(served[-1].model, "") if served else "",
        cost=sum(told["cost"].values()),
    )


def _steps(verdicts: Sequence[Verdict], promotions: Sequence[Promotion], recipes: dict[str, str]) -> tuple[Step, ...]:
    steps = [
        Step(
            each.turn,
            each.challenger,
            recipes.get(each.challenger, each.challenger),
            each.decision,
            each.sentence,
            "gate",
        )
        for each in verdicts
    ]
    steps += [
        Step(each.turn, each.model, recipes.get(each.model, ""), "rollback", f"{each.reason} by hand", each.by)
        for each in promotions
        if each.by != "gate"
    ]
    return tuple(sorted(steps, key=lambda step: step.turn))


def _funnel(flywheel: Flywheel, turns: Sequence[Turn]) -> tuple[FunnelStep, ...]:
    if not turns:
        return ()
    journal = flywheel.journal
    fates = {fate.example: fate for fate in journal.read(Fate)}
    arrived = list(fates.values())
    kept = [fate for fate in arrived if fate.kept]
    asked = {request.example for request in journal.read(LabelRequest)}
    labelled = {label.example for label in journal.read(Label)}
    spent = {
        name: sum(turn.account["cost"].get(name, 0.0) for turn in turns) for name in ("storage", "labels", "training")
    }

    def step(stage: str, some: Sequence[Fate], cost: float, reason: str) -> FunnelStep:
        return FunnelStep(stage, len(some), sum(f.bytes for f in some), sum(f.bits for f in some), cost, reason)

    return (
        step("arrived", arrived, 0.0, "everything that was asked or sent"),
        step("kept", kept, spent["storage"], "admitted, and no exact copy of what is there"),
        step("asked", [f for f in kept if f.example in asked], 0.0, "an audit, unlike anything known, or undecided"),
        step("labelled", [f for f in kept if f.example in labelled], spent["labels"], "somebody or something answered"),
        step("learned", [f for f in kept if f.example in labelled], spent["training"], "in the newest dataset"),
    )


def _map_and_confusion(
    flywheel: Flywheel,
) -> tuple[tuple[Mark, ...], tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """The coverage map as it is now, and what was decided against what turned out to be true."""
    wheel, journal = flywheel.wheel, flywheel.journal
    examples = journal.read(Example)
    if not examples:
        return (), (), ()
    payloads = [observe.payload(example, flywheel.blobs) for example in examples]
    X = wheel.inputs.matrix(payloads)
    now = Turn(id="", event_time=0, known_time=0, number=0, phase="", watermark=0, seed=0, wheel="")
    known = organize.sort(examples, X, [len(each) for each in payloads], frozenset(), wheel.embedder, now, 0.0)
    labels = observe.fitting(journal.read(Label), wheel.task.check)
    truths = {example: label.value for example, label in observe.latest_truths(labels).items()}
    labelled = {known.rows[example]: truth for example, truth in truths.items() if example in known.rows}
    serving = flywheel.champion()
    groups = [""] * len(known.kept)
    if serving:
        able, outputs = answered(wheel.task, serving.fitted, known.X)
        for row, group in zip(able.tolist(), wheel.task.groups(wheel.task.answers(outputs)), strict=True):
            groups[row] = group
    for row, truth in labelled.items():
        groups[row] = wheel.task.groups([truth])[0]
    rows = np.arange(len(known.kept))
    if len(rows) > MOST_MARKS:
        rows = np.unique(
            np.concatenate([np.array(sorted(labelled), dtype=np.intp)[:MOST_MARKS], rows[:: len(rows) // MOST_MARKS]])
        )
    flat = known.vectors if known.vectors.shape[1] > 1 else np.hstack([known.vectors, np.zeros_like(known.vectors)])
    marks = tuple(
        Mark(float(flat[row, 0]), float(flat[row, 1]), groups[row], row in labelled, int(known.cells[row]))
        for row in rows.tolist()
    )
    classes = tuple(str(name) for name in getattr(wheel.task, "classes", ()))
    if not classes:
        return marks, (), ()
    place = {name: number for number, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    for decision in journal.read(Decision):
        truth, answer = str(truths.get(decision.example)), str(decision.output)
        if truth in place and answer in place:
            counts[place[truth], place[answer]] += 1
    return marks, tuple(tuple(row) for row in counts.tolist()), classes


def _mean(measured: dict[str, list[float]]) -> float | None:
    judged = sum(n for _, n in measured.values())
    return sum(mean * n for mean, n in measured.values()) / judged if judged else None


def _metric(flywheel: Flywheel) -> str:
    return "accuracy" if hasattr(flywheel.wheel.task, "classes") else "utility"
